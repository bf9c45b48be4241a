//! The org holds the values of each record unchanged, or the record is rejected with a reason and changes nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use salesforce_sim::{Field, Object, Settings};
use serde_json::{Value, json};

use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, state, stream};

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

/// What records of the org have in these fields, but for the key, before they are written.
const BEFORE: [&str; 7] = ["before", "1.50", "true", "2000-01-01", "2000-01-01T00:00:00.000Z", "B", "before"];

/// The values of a record as JSON texts, so that no reader changes their digits. A field may be missing.
type Record = BTreeMap<&'static str, String>;

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

fn any_record() -> impl Strategy<Value = Record> {
    let json = |value: Value| value.to_string();
    let text = prop_oneof![
        20 => "[ -~]{0,20}".prop_map(Value::from),
        20 => any::<String>().prop_map(Value::from),
        10 => "[\"',;\n\r\t#é東😀]{1,12}".prop_map(Value::from),
        1 => Just(json!("#N/A")),
    ];
    let number = prop_oneof![
        20 => "-?(0|[1-9][0-9]{0,13})",
        20 => "-?(0|[1-9][0-9]{0,13})\\.[0-9]{1,25}",
        10 => "-?[1-9](\\.[0-9]{1,9})?[eE][+-]?[0-9]",
        10 => "\"-?(0|[1-9][0-9]{0,13})\\.[0-9]{0,9}0\"",
        2 => prop::sample::select(vec!["-0", "0.0", "99999999999999.9999", "\"+7\"", "\".5\""]).prop_map(str::to_owned),
        1 => Just("\"many\"".to_owned()),
        1 => Just("true".to_owned()),
    ];
    let flag = prop_oneof![
        20 => any::<bool>().prop_map(Value::from),
        10 => prop::sample::select(vec![json!(1), json!(0), json!("TRUE"), json!("0"), json!("False")]),
        1 => Just(json!("perhaps")),
    ];
    let date = prop_oneof![
        40 => (1970..2100_i32, 1..=12_u8, 1..=28_u8).prop_map(|(y, m, d)| json!(format!("{y}-{m:02}-{d:02}"))),
        10 => Just(json!("2026-01-31T00:00:00Z")),
        1 => Just(json!("2026-01-31T10:00:00Z")),
        1 => Just(json!("2026-01-31 or so")),
        1 => Just(json!("31.01.2026")),
    ];
    let moment = prop_oneof![
        40 => (
            1970..2100_i32,
            1..=28_u8,
            0..24_u8,
            0..60_u8,
            "(:0[0-9](\\.[0-9]{1,9})?)?",
            prop::sample::select(vec!["T", " ", "t"]),
            prop::sample::select(vec!["", "Z", "z", " UTC", "+02:00", "-0530", "+00"])
        )
            .prop_map(|(y, d, h, m, rest, between, offset)| {
                json!(format!("{y}-06-{d:02}{between}{h:02}:{m:02}{rest}{offset}"))
            }),
        10 => Just(json!("2026-01-31 09:30:00.123456+00")),
        10 => Just(json!("2026-01-31")),
        1 => Just(json!("now")),
    ];
    let many = prop_oneof![
        40 => prop::sample::subsequence(vec!["A", "B", "C, D"], 0..=3).prop_map(Value::from),
        10 => Just(json!("A;B")),
        1 => Just(json!(["A;B"])),
        1 => Just(json!(["A", null])),
    ];
    let any = prop_oneof![
        Just("{\"a\":  [1.10, \"two\\n\", null],\t\"b\": {\"c\": \"d\\\"e\"}}".to_owned()),
        Just("[1, 2]".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?",
        any::<bool>().prop_map(|value| value.to_string()),
    ];
    let fields = (
        maybe(text.prop_map(json)),
        maybe(number),
        maybe(flag.prop_map(json)),
        maybe(date.prop_map(json)),
        maybe(moment.prop_map(json)),
        maybe(many.prop_map(json)),
        maybe(any),
    );
    fields.prop_map(|(text, number, flag, date, moment, many, any)| {
        let values = [text, number, flag, date, moment, many, any];
        let named = FIELDS[1..].iter().map(|(name, _)| *name).zip(values);
        named.filter_map(|(name, value)| Some((name, value?))).collect()
    })
}

/// Missing, null, an empty text, or the value.
fn maybe(value: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some("null".to_owned())),
        1 => Just(Some("\"\"".to_owned())),
        9 => value.prop_map(Some),
    ]
}

fn line(record: &Record) -> String {
    let members: Vec<String> = record.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
    let data = members.join(",");
    format!(r#"{{"type":"RECORD","record":{{"stream":"typed","data":{{{data}}},"emitted_at":1790000000000}}}}"#)
}

/// What a field holds after a value that was written over `before`, to the last digit.
fn expected(field: &str, json: Option<&String>, before: Option<&str>, clears: bool) -> Option<String> {
    let kept = || before.map(str::to_owned);
    let Some(json) = json else { return kept() };
    let text = serde_json::from_str::<String>(json).unwrap_or_else(|_| json.clone());
    if json == "null" || text.is_empty() || (json == "[]" && field == "Many__c") {
        // A checkbox is never null.
        return if clears && field != "Flag__c" { None } else { kept() };
    }
    Some(match field {
        "Flag__c" => (text.eq_ignore_ascii_case("true") || text == "1").to_string(),
        "Date__c" => text[..10].to_owned(),
        "Moment__c" => moment(&text),
        "Many__c" if json.starts_with('[') => serde_json::from_str::<Vec<String>>(json).unwrap().join(";"),
        _ => text.replace("\r\n", "\n").replace('\r', "\n"),
    })
}

/// A date and time in the form of Salesforce.
fn moment(text: &str) -> String {
    if text.len() == 10 {
        return format!("{text}T00:00:00Z");
    }
    let (date, clock) = (&text[..10], &text[11..]);
    let end = clock.find(['Z', 'z', ' ', '+', '-']).unwrap_or(clock.len());
    let (clock, offset) = clock.split_at(end);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let seconds = if clock.len() == 5 { ":00" } else { "" };
    let fraction =
        if fraction.is_empty() { String::new() } else { format!(".{:0<3}", &fraction[..fraction.len().min(3)]) };
    let offset = match offset {
        "" | "Z" | "z" | " UTC" => "Z",
        "+00" => "+00:00",
        "-0530" => "-05:30",
        other => other,
    };
    format!("{date}T{clock}{seconds}{fraction}{offset}")
}

/// Writes random records by an operation, and looks at each field of each record.
async fn records_arrive_unchanged(operation: &str, nulls: &str) {
    let world = World::with(Settings { objects: vec![object()], ..Settings::default() }).await;
    let is_there = |number: usize| match operation {
        "insert" => false,
        "upsert" => number.is_multiple_of(2),
        _ => true,
    };
    let mut ids = BTreeMap::new();
    for number in (0..RECORDS).filter(|number| is_there(*number)) {
        let key = format!("K-{number}");
        let values = FIELDS[1..].iter().map(|(name, _)| *name).zip(BEFORE);
        let values: Vec<(&str, &str)> = [("Key__c", &*key)].into_iter().chain(values).collect();
        ids.insert(number, world.org.insert("Typed__c", &values).unwrap());
    }
    let mut runner = TestRunner::deterministic();
    let records: Vec<Record> = (0..RECORDS)
        .map(|number| {
            let mut record = any_record().new_tree(&mut runner).unwrap().current();
            record.insert("Key__c", format!("\"K-{number}\""));
            if operation == "update" {
                record.insert("Id", json!(ids[&number]).to_string());
            }
            record
        })
        .collect();
    let lines = records.iter().map(line).chain([state("typed", 1), complete("typed")]).collect();
    let mut fields = FIELDS.to_vec();
    let typed = match operation {
        "insert" => stream("typed", "Typed__c", &fields),
        "upsert" => keyed(stream("typed", "Typed__c", &fields), "append_dedup", "Key__c"),
        _ => {
            fields.push(("Id", "string"));
            keyed(stream("typed", "Typed__c", &fields), "update", "Id")
        }
    };
    let run = world.write(json!({"null_handling": nulls}), catalog(&[typed]), lines).await;
    run.assert_success();

    let (stored, rejected) = (world.org.records("Typed__c"), world.rejected());
    let written = RECORDS - rejected.len();
    assert!(written > RECORDS / 2 && rejected.len() > RECORDS / 20, "{written} {}", rejected.len());
    assert_eq!(run.states()[0].counts(), Counts { written: written as u64, rejected: rejected.len() as u64 });
    for (number, record) in records.iter().enumerate() {
        let key = format!("K-{number}");
        let stored: Vec<_> = stored.iter().filter(|row| row["Key__c"].as_deref() == Some(&*key)).collect();
        let rejected: Vec<_> = rejected.iter().filter(|row| row["_airbyte_data"]["Key__c"] == key).collect();
        let is_rejected = !rejected.is_empty();
        assert_eq!(stored.len(), usize::from(is_there(number) || !is_rejected), "{key}");
        if let Some(rejected) = rejected.first() {
            assert_ne!(rejected["_airbyte_data"]["rejected_reason"], "", "{key}");
        }
        let Some(stored) = stored.first() else { continue };
        for ((name, _), before) in FIELDS[1..].iter().zip(BEFORE) {
            // A new checkbox is not checked.
            let new = (*name == "Flag__c").then_some("false");
            let before = if is_there(number) { Some(before) } else { new };
            let sent = record.get(name).filter(|_| !is_rejected);
            let expected = expected(name, sent, before, nulls == "clear");
            let is_unset_flag = *name == "Flag__c" && !is_there(number) && stored[*name].is_none();
            let found = if is_unset_flag { new } else { stored[*name].as_deref() };
            assert_eq!(found, expected.as_deref(), "{key} {name}: {sent:?} by {operation}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_inserted_record_arrives_unchanged_or_is_rejected_with_a_reason() {
    records_arrive_unchanged("insert", "ignore").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_upserted_record_arrives_unchanged_or_is_rejected_and_changes_nothing() {
    records_arrive_unchanged("upsert", "clear").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_updated_record_arrives_unchanged_or_is_rejected_and_changes_nothing() {
    records_arrive_unchanged("update", "ignore").await;
}
