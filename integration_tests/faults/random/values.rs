//! The values of a record besides its key, version and sync: one of each type, decided by its key and version.

use salesforce_sim::Field;
use serde_json::{Value, json};

use super::scenario::{Operation, PlannedStream};

/// The fields of both objects that these values go to, in the order of the columns, with their types in the schema of a
/// stream.
pub(super) const FIELDS: [(&str, &str); 13] = [
    ("Description", "string"),
    ("Number__c", "number"),
    ("Count__c", "integer"),
    ("Amount__c", "number"),
    ("Share__c", "number"),
    ("Flag__c", "boolean"),
    ("Date__c", "string"),
    ("Moment__c", "string"),
    ("Clock__c", "string"),
    ("One__c", "string"),
    ("Many__c", "array"),
    ("Mail__c", "string"),
    ("Web__c", "string"),
];

/// The fields that the objects of the org do not have by themselves.
pub(super) fn custom_fields() -> [Field; 12] {
    [
        Field::double("Number__c", 18, 4),
        Field::int("Count__c", 9),
        Field::currency("Amount__c", 18, 2),
        Field::percent("Share__c", 5, 2),
        Field::boolean("Flag__c"),
        Field::date("Date__c"),
        Field::datetime("Moment__c"),
        Field::time("Clock__c"),
        Field::picklist("One__c", &["A", "B"]),
        Field::multipicklist("Many__c", &["A", "B", "C, D"]),
        Field::email("Mail__c"),
        Field::url("Web__c"),
    ]
}

/// A value as the source sends it, and as the org then holds it.
pub(super) struct Sent {
    pub(super) json: Value,
    pub(super) held: String,
}

/// The values of a version of a record, in the order of `FIELDS`.
pub(super) fn of_version(stream: &PlannedStream, version: usize) -> Vec<Sent> {
    let key = &stream.keys[version - 1];
    let seed = key.bytes().fold(version as u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut dice = fastrand::Rng::with_seed(seed);
    let values = FIELDS.iter().map(|(field, _)| {
        let choices = choices(field);
        let (json, held) = &choices[dice.usize(..choices.len())];
        Sent { json: json.clone(), held: (*held).to_owned() }
    });
    let mut values: Vec<Sent> = values.collect();
    if stream.operation == Operation::Insert && key.ends_with('3') {
        // The connector rejects this text itself, because Salesforce reads it as null.
        values[0] = Sent { json: json!("#N/A"), held: "#N/A".to_owned() };
        return values;
    }
    // Few records fill a batch.
    let text = format!("{}{}", "x".repeat(390), values[0].held);
    values[0] = Sent { json: json!(text), held: text };
    values
}

/// Values of a field, and what the org holds after them.
pub(super) fn choices(field: &str) -> Vec<(Value, &'static str)> {
    let as_sent = |values: &[&'static str]| values.iter().map(|value| (json!(value), *value)).collect();
    match field {
        "Description" => as_sent(&["a, \"b\"", "two\nlines", "東京 😀", " spaces ", "#N/A or so", "x"]),
        "Number__c" => vec![
            (json!(12.5), "12.5"),
            (json!(-7), "-7"),
            (json!(0), "0"),
            (json!("12345678901234.1234"), "12345678901234.1234"),
        ],
        "Count__c" => vec![(json!(0), "0"), (json!(123_456_789), "123456789"), (json!(-42), "-42")],
        "Amount__c" => vec![(json!("10.10"), "10.10"), (json!(-0.05), "-0.05"), (json!(1_000_000), "1000000")],
        "Share__c" => vec![(json!(99.75), "99.75"), (json!(0.5), "0.5"), (json!(100), "100")],
        "Flag__c" => {
            vec![(json!(true), "true"), (json!(false), "false"), (json!(1), "true"), (json!("FALSE"), "false")]
        }
        "Date__c" => vec![(json!("2026-02-28"), "2026-02-28"), (json!("2024-02-29T00:00:00Z"), "2024-02-29")],
        "Moment__c" => vec![
            (json!("2026-01-31T09:30:00Z"), "2026-01-31T09:30:00Z"),
            (json!("2026-01-31 23:59:59.999"), "2026-01-31T23:59:59.999Z"),
            (json!("1999-12-31T22:00:00+02:00"), "1999-12-31T22:00:00+02:00"),
        ],
        "Clock__c" => as_sent(&["09:30:00.000Z", "23:59:59.999Z"]),
        "One__c" => as_sent(&["A", "B"]),
        "Many__c" => vec![(json!(["A", "C, D"]), "A;C, D"), (json!(["B"]), "B"), (json!("A;B"), "A;B")],
        "Mail__c" => as_sent(&["ada@example.com", "b.o+x@example.org"]),
        "Web__c" => as_sent(&["https://example.com/a?b=c&d=%20", "http://example.org"]),
        _ => unreachable!("{field} has no values"),
    }
}
