//! Tests of the lines of records.

use serde_json::{Value, json};

use super::*;
use crate::columns::Part;

fn field(name: &str, value_type: ValueType) -> Column {
    Column {
        name: name.into(),
        value: ColumnValue::Field { path: name.into(), value_type },
        width: 1,
        is_calculated: false,
    }
}

fn columns() -> Vec<Column> {
    let part = |member: &str, path: &str, value_type| Part { member: member.into(), path: path.into(), value_type };
    let parts = vec![part("city", "City", ValueType::Text), part("latitude", "Latitude", ValueType::Number)];
    vec![
        field("Id", ValueType::Text),
        field("City", ValueType::Text),
        Column { name: "Address".into(), value: ColumnValue::Compound(parts), width: 1, is_calculated: false },
        field("Account.Key__c", ValueType::Text),
    ]
}

fn line(row: &[Option<&str>]) -> Value {
    let writer = RecordWriter::new(&StreamName { namespace: None, name: "Site__c".into() }, &columns());
    let mut lines = Vec::new();
    // The query names the paths sorted.
    let sorted = [row[3], row[1], row[0], row[2]];
    writer.write_with(|place| sorted[place], 5, &mut lines);
    serde_json::from_slice(&lines).unwrap()
}

#[test]
fn a_query_has_each_field_once() {
    assert_eq!(paths(&columns()), ["Account.Key__c", "City", "Id", "Latitude"]);
}

/// Salesforce refuses a query that names a field twice, and it knows fields whatever their case.
#[test]
fn a_query_has_a_field_once_whatever_its_case() {
    let part = Part { member: "city".into(), path: "CITY".into(), value_type: ValueType::Text };
    let compound =
        Column { name: "Address".into(), value: ColumnValue::Compound(vec![part]), width: 1, is_calculated: false };
    let columns = [field("City", ValueType::Text), compound, field("Zip", ValueType::Text)];
    assert_eq!(paths(&columns), ["City", "Zip"]);
    let writer = RecordWriter::new(&StreamName { namespace: None, name: "Site__c".into() }, &columns);
    let mut lines = Vec::new();
    writer.write_with(|place| Some(["Example", "0123"][place]), 5, &mut lines);
    let line: Value = serde_json::from_slice(&lines).unwrap();
    assert_eq!(line["record"]["data"], json!({"City": "Example", "Address": {"city": "Example"}, "Zip": "0123"}));
}

#[test]
fn a_record_has_every_column() {
    let expected = json!({"type": "RECORD", "record": {"stream": "Site__c", "emitted_at": 5, "data": {
        "Id": "a", "City": "Example", "Address": {"city": "Example", "latitude": 1.5}, "Account.Key__c": null,
    }}});
    assert_eq!(line(&[Some("a"), Some("Example"), Some("1.5"), None]), expected);
    assert_eq!(line(&[Some("a"), None, None, Some("K")])["record"]["data"]["Address"], Value::Null);
    for (row, expected) in [
        ([Some("a"), Some("Example"), None, None], json!({"city": "Example", "latitude": null})),
        ([Some("a"), None, Some("1.5"), None], json!({"city": null, "latitude": 1.5})),
    ] {
        assert_eq!(line(&row)["record"]["data"]["Address"], expected, "{row:?}");
    }
}

#[test]
fn a_value_that_cannot_be_read_is_null_and_named() {
    let record = line(&[Some("a"), Some("Example"), Some("north"), None])["record"].clone();
    assert_eq!(record["data"]["Address"], json!({"city": "Example", "latitude": null}));
    let change = json!({"field": "Address", "change": "NULLED", "reason": "SOURCE_SERIALIZATION_ERROR"});
    assert_eq!(record["meta"], json!({"changes": [change]}));
}

#[test]
fn a_part_that_cannot_be_read_is_named_whichever_it_is() {
    let part = |member: &str| Part { member: member.into(), path: member.into(), value_type: ValueType::Number };
    let parts = ["a", "b", "c"].map(part).to_vec();
    let place = Column { name: "Place".into(), value: ColumnValue::Compound(parts), width: 1, is_calculated: false };
    let writer = RecordWriter::new(&StreamName { namespace: None, name: "Site__c".into() }, &[place]);
    for (row, expected, is_named) in [
        (["1", "2", "3"], json!({"a": 1, "b": 2, "c": 3}), false),
        (["x", "2", "3"], json!({"a": null, "b": 2, "c": 3}), true),
        (["1", "x", "3"], json!({"a": 1, "b": null, "c": 3}), true),
        (["1", "2", "x"], json!({"a": 1, "b": 2, "c": null}), true),
    ] {
        let mut lines = Vec::new();
        writer.write_with(|place| Some(row[place]), 5, &mut lines);
        let line: Value = serde_json::from_slice(&lines).unwrap();
        assert_eq!(line["record"]["data"]["Place"], expected, "{row:?}");
        assert_eq!(line["record"]["meta"].is_object(), is_named, "{row:?}");
    }
}

#[test]
fn a_namespace_is_that_of_the_stream() {
    let stream = StreamName { namespace: Some("crm".into()), name: "A".into() };
    let mut lines = Vec::new();
    RecordWriter::new(&stream, &[]).write_with(|_| None, 5, &mut lines);
    let line: Value = serde_json::from_slice(&lines).unwrap();
    assert_eq!(line["record"], json!({"stream": "A", "namespace": "crm", "data": {}, "emitted_at": 5}));
}

#[test]
fn a_column_whose_field_is_gone_is_null_and_named() {
    let stream = StreamName { namespace: None, name: "Site__c".into() };
    for (lost, expected) in [
        ("City", json!({"Id": "a", "City": null, "Address": null, "Account.Key__c": "K"})),
        ("Latitude", json!({"Id": "a", "City": "Example", "Address": null, "Account.Key__c": "K"})),
        (
            "Account.Key__c",
            json!({"Id": "a", "City": "Example", "Address": {"city": "Example", "latitude": 1.5},
            "Account.Key__c": null}),
        ),
    ] {
        let (writer, names) = RecordWriter::without(&stream, &columns(), &[lost.to_owned()]);
        let row: Vec<&str> = [("Account.Key__c", "K"), ("City", "Example"), ("Id", "a"), ("Latitude", "1.5")]
            .into_iter()
            .filter_map(|(path, value)| (path != lost).then_some(value))
            .collect();
        let mut lines = Vec::new();
        writer.write_with(|place| Some(row[place]), 5, &mut lines);
        let record = serde_json::from_slice::<Value>(&lines).unwrap()["record"].clone();
        assert_eq!(record["data"], expected, "{lost}");
        let changes = record["meta"]["changes"].as_array().unwrap();
        let said: Vec<&str> = changes.iter().map(|change| change["field"].as_str().unwrap()).collect();
        assert_eq!(said, names, "{lost}");
        assert!(changes.iter().all(|change| change["reason"] == "SOURCE_RETRIEVAL_ERROR"), "{lost}");
    }
}
