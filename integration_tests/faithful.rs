//! The org holds the values of each record unchanged, or the record is rejected with a reason.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use salesforce_sim::{Field, Object, Settings};
use serde_json::{Map, Value, json};

use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, record, state, stream};

const RECORDS: usize = 600;

/// The fields of the object, with their JSON types in the schema of the stream.
const FIELDS: [(&str, &str); 8] = [
    ("Key__c", "string"),
    ("Text__c", "string"),
    ("Number__c", "number"),
    ("Flag__c", "boolean"),
    ("Date__c", "string"),
    ("Moment__c", "string"),
    ("Many__c", "array"),
    ("Any__c", "string"),
];

fn object() -> Object {
    Object::custom("Typed__c")
        .field(Field::text("Key__c", 40).external_id().unique())
        .field(Field::textarea("Text__c", 32_000))
        .field(Field::double("Number__c", 18, 4))
        .field(Field::boolean("Flag__c"))
        .field(Field::date("Date__c"))
        .field(Field::datetime("Moment__c"))
        .field(Field::multipicklist("Many__c", &["A", "B", "C, D"]))
        .field(Field::textarea("Any__c", 32_000))
}

fn any_record() -> impl Strategy<Value = Map<String, Value>> {
    let text = prop_oneof![
        20 => "[ -~]{0,20}".prop_map(Value::from),
        20 => any::<String>().prop_map(Value::from),
        10 => "[\"',;\n\r\t#é東😀]{1,12}".prop_map(Value::from),
        1 => Just(json!("#N/A")),
    ];
    let number = prop_oneof![
        20 => (-1_000_000_000_i64..1_000_000_000).prop_map(Value::from),
        20 => (-99_999_999_i64..99_999_999).prop_map(|it| serde_json::from_str(&format!(
            "{}.{:04}",
            it / 10_000,
            it.abs() % 10_000
        ))
        .unwrap()),
        10 => Just(json!("12.50")),
        1 => Just(json!("many")),
        1 => Just(json!(true)),
    ];
    let flag = prop_oneof![
        20 => any::<bool>().prop_map(Value::from),
        10 => Just(json!(1)),
        10 => Just(json!("TRUE")),
        1 => Just(json!("perhaps")),
    ];
    let date = prop_oneof![
        40 => (1970..2100_i32, 1..=12_u8, 1..=28_u8).prop_map(|(y, m, d)| json!(format!("{y}-{m:02}-{d:02}"))),
        10 => Just(json!("2026-01-31T00:00:00Z")),
        1 => Just(json!("2026-01-31T10:00:00Z")),
        1 => Just(json!("31.01.2026")),
    ];
    let moment = prop_oneof![
        40 => (
            1970..2100_i32,
            1..=28_u8,
            0..24_u8,
            0..60_u8,
            0..1_000_u32,
            prop::sample::select(vec!["", "Z", "+02:00", "-05:30", "+00"])
        )
            .prop_map(|(y, d, h, m, ms, offset)| json!(format!("{y}-06-{d:02}T{h:02}:{m:02}:07.{ms:03}{offset}"))),
        10 => Just(json!("2026-01-31 09:30:00.123456+00")),
        1 => Just(json!("now")),
    ];
    let many = prop_oneof![
        40 => prop::sample::subsequence(vec!["A", "B", "C, D"], 0..=3).prop_map(Value::from),
        10 => Just(json!("A;B")),
        1 => Just(json!(["A;B"])),
    ];
    let any = prop_oneof![
        Just(json!({"a": [1, "two\n", null], "b": {"c": "d\"e"}})),
        Just(json!([1, 2])),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    let fields = (maybe(text), maybe(number), maybe(flag), maybe(date), maybe(moment), maybe(many), maybe(any));
    fields.prop_map(|(text, number, flag, date, moment, many, any)| {
        let values = [text, number, flag, date, moment, many, any];
        let named = FIELDS[1..].iter().map(|(name, _)| (*name).to_owned()).zip(values);
        named.filter_map(|(name, value)| Some((name, value?))).collect()
    })
}

/// Missing, null, an empty text, or the value.
fn maybe(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(Value::Null)),
        1 => Just(Some(json!(""))),
        9 => value.prop_map(Some),
    ]
}

/// Whether the value in the org means the same as the value of the record.
fn is_same(field: &str, sent: Option<&Value>, stored: Option<&str>) -> bool {
    let sent = match sent {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::Array(values)) if values.is_empty() && field == "Many__c" => None,
        sent => sent,
    };
    let (Some(sent), Some(stored)) = (sent, stored) else {
        // A checkbox is never null.
        return sent.is_none() && (stored.is_none() || field == "Flag__c");
    };
    let text = sent.as_str().map_or_else(|| sent.to_string(), str::to_owned);
    match field {
        "Number__c" => text.parse::<f64>().unwrap() == stored.parse::<f64>().unwrap(),
        "Flag__c" => (text.eq_ignore_ascii_case("true") || text == "1") == (stored == "true"),
        "Date__c" => text[..10] == *stored,
        "Moment__c" => moment(&text) == moment(stored),
        "Many__c" => {
            let sent: BTreeSet<String> = match sent {
                Value::Array(values) => values.iter().map(|value| value.as_str().unwrap().to_owned()).collect(),
                _ => text.split(';').map(str::to_owned).collect(),
            };
            sent == stored.split(';').map(str::to_owned).collect()
        }
        "Any__c" => serde_json::from_str::<Value>(stored).unwrap() == *sent,
        _ => text.replace("\r\n", "\n").replace('\r', "\n") == stored,
    }
}

/// A date and time in milliseconds; UTC when it has no offset.
fn moment(text: &str) -> i64 {
    let text = text.replace(' ', "T");
    let text = if text.ends_with("+00") { text.replace("+00", "Z") } else { text };
    let has_offset = text.ends_with('Z') || text[11..].contains(['+', '-']);
    let text = if has_offset { text } else { format!("{text}Z") };
    text.parse::<Timestamp>().unwrap_or_else(|error| panic!("{text}: {error}")).as_millisecond()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_arrives_unchanged_or_is_rejected_with_a_reason() {
    let world = World::with(Settings { objects: vec![object()], ..Settings::default() }).await;
    let mut runner = TestRunner::deterministic();
    let records: Vec<Map<String, Value>> = (0..RECORDS)
        .map(|number| {
            let mut record = any_record().new_tree(&mut runner).unwrap().current();
            record.insert("Key__c".to_owned(), json!(format!("K-{number}")));
            record
        })
        .collect();
    let mut lines: Vec<String> = records.iter().map(|data| record("typed", Value::from(data.clone()))).collect();
    lines.extend([state("typed", 1), complete("typed")]);
    let run = world.write(json!({}), catalog(&[stream("typed", "Typed__c", &FIELDS)]), lines).await;
    run.assert_success();

    let stored = world.org.records("Typed__c");
    let rejected = world.rejected();
    assert!(stored.len() > RECORDS / 2 && rejected.len() > RECORDS / 20, "{} {}", stored.len(), rejected.len());
    assert_eq!(run.states()[0].counts(), Counts { written: stored.len() as u64, rejected: rejected.len() as u64 });
    for record in &records {
        let key = record["Key__c"].as_str().unwrap();
        let stored: Vec<_> = stored.iter().filter(|row| row["Key__c"].as_deref() == Some(key)).collect();
        let rejected: Vec<_> = rejected.iter().filter(|row| row["_airbyte_data"]["Key__c"] == key).collect();
        assert_eq!(stored.len() + rejected.len(), 1, "{key} is in one place");
        for (name, _) in &FIELDS[1..] {
            if let Some(stored) = stored.first() {
                let stored = stored[*name].as_deref();
                assert!(is_same(name, record.get(*name), stored), "{name}: {:?} became {stored:?}", record.get(*name));
            }
        }
        if let Some(rejected) = rejected.first() {
            assert_ne!(rejected["_airbyte_data"]["rejected_reason"], "", "{key}");
        }
    }
}
