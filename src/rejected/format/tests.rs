use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::rejected::identity::{StreamIdentity, SyncIdentity};
use crate::rejected::record::{REJECTION_COLUMNS, RecordKind, RejectedRecord, RejectionDetails};
use crate::rejected::row::AIRBYTE_COLUMNS;
use crate::rejected::settings::Flattening;

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn record(data: &[(&str, &str)]) -> RejectedRecord {
    let data = data.iter().map(|(name, json)| ((*name).to_owned(), raw(json))).collect();
    let details = RejectionDetails {
        salesforce_id: "001000000000001AAA".to_owned(),
        error: "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --".to_owned(),
        reason: "REQUIRED_FIELD_MISSING".to_owned(),
        field: "Name".to_owned(),
        message: "Required fields are missing: [Name]".to_owned(),
    };
    RejectedRecord::new(1_772_600_767_089, data, details)
}

fn text((format, flattening): (Format, Flattening), columns: &[&str], records: &[RejectedRecord]) -> String {
    let stream = StreamIdentity {
        namespace: None,
        name: "accounts".to_owned(),
        generation_id: Some(7),
        source_columns: columns.iter().map(|name| (*name).to_owned()).collect(),
    };
    let sync = SyncIdentity { sync_id: Some(42), started: jiff::Timestamp::UNIX_EPOCH };
    let encoder = RowEncoder::new(format, RowLayout::new(flattening, sync, &stream, RecordKind::Rejected));
    let mut out = Vec::new();
    encoder.header(&mut out);
    for record in records {
        encoder.row(&record.stored, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The header and the rows, read by the crate `csv`.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

const CSV: (Format, Flattening) = (Format::Csv, Flattening::None);
const FLAT_CSV: (Format, Flattening) = (Format::Csv, Flattening::RootLevel);
const JSONL: (Format, Flattening) = (Format::Jsonl, Flattening::None);
const FLAT_JSONL: (Format, Flattening) = (Format::Jsonl, Flattening::RootLevel);

#[test]
fn csv_keeps_the_record_in_one_column() {
    let record = record(&[("Name", r#""Acme, \"Inc\"""#), ("Revenue", "12345678901234567890.10")]);
    let text = text(CSV, &["Name"], std::slice::from_ref(&record));
    assert!(
        text.starts_with(
            "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id,_airbyte_data\r\n"
        )
    );
    assert!(text.ends_with("\r\n"));
    let rows = read_csv(&text);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1][0], record.raw_id().to_string());
    assert_eq!(rows[1][1..4], ["1772600767089", r#"{"sync_id":42,"changes":[]}"#, "7"]);
    assert_eq!(
        rows[1][4],
        "{\"Name\":\"Acme, \\\"Inc\\\"\",\"Revenue\":12345678901234567890.10,\"sf__Id\":\"001000000000001AAA\",\
         \"sf__Error\":\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\",\
         \"rejected_reason\":\"REQUIRED_FIELD_MISSING\",\"rejected_field\":\"Name\",\
         \"rejected_message\":\"Required fields are missing: [Name]\"}"
    );
}

#[test]
fn a_csv_cell_depends_on_the_json_type() {
    let cases = [
        ("null", "", ""),
        ("true", "true", "true"),
        ("-0.10E+5", "-0.10E+5", "-0.10E+5"),
        (r#""""#, "", ""),
        (r#""plain text""#, "plain text", "plain text"),
        (r#"" spaced ""#, " spaced ", " spaced "),
        (r#""a,b""#, "a,b", "\"a,b\""),
        (r#""say \"hi\"""#, "say \"hi\"", "\"say \"\"hi\"\"\""),
        (r#""two\r\nlines""#, "two\r\nlines", "\"two\r\nlines\""),
        (r#""caf\u00e9 \ud83d\ude00""#, "café 😀", "café 😀"),
        (r#"[1, "a"]"#, r#"[1, "a"]"#, r#""[1, ""a""]""#),
        ("{}", "{}", "{}"),
        (r#""lone \ud800""#, r#""lone \ud800""#, r#""""lone \ud800""""#),
    ];
    for (json, read, written) in cases {
        let text = text(FLAT_CSV, &["F"], &[record(&[("F", json)])]);
        assert_eq!(read_csv(&text)[1][4], read, "{json}");
        assert!(text.contains(&format!(",7,{written},001000000000001AAA,")), "{text}");
    }
}

#[test]
fn flattened_csv_has_the_columns_of_the_schema_and_of_the_rejection() {
    let text = text(FLAT_CSV, &["Name", "Phone", "Name"], &[record(&[("Phone", "1"), ("Unlisted", "2")])]);
    let rows = read_csv(&text);
    assert_eq!(
        rows[0][4..],
        ["Name", "Phone", "sf__Id", "sf__Error", "rejected_reason", "rejected_field", "rejected_message"]
    );
    assert_eq!(rows[1][4..6], ["", "1"]);
    assert_eq!(rows[1][8], "REQUIRED_FIELD_MISSING");
}

#[test]
fn columns_of_airbyte_and_of_the_rejection_replace_source_columns() {
    let hostile =
        [("sf__Error", r#""mine""#), ("rejected_reason", "1"), ("_airbyte_raw_id", r#""theirs""#), ("A", "2")];
    let columns = ["sf__Error", "_airbyte_raw_id", "A", "rejected_reason"];
    let record = record(&hostile);
    let id = record.raw_id().to_string();

    let rows = read_csv(&text(FLAT_CSV, &columns, std::slice::from_ref(&record)));
    let unique: HashSet<&String> = rows[0].iter().collect();
    assert_eq!(unique.len(), rows[0].len(), "{:?}", rows[0]);
    assert_eq!(rows[1][0], id);
    assert_eq!(rows[1][4], "2");
    assert!(rows[1][6].starts_with("REQUIRED_FIELD_MISSING:"));

    let line = text(JSONL, &columns, std::slice::from_ref(&record));
    assert_eq!(line.matches("\"sf__Error\"").count(), 1, "{line}");
    assert_eq!(line.matches("\"rejected_reason\"").count(), 1, "{line}");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["_airbyte_raw_id"], id);
    assert_eq!(line["_airbyte_data"]["_airbyte_raw_id"], "theirs", "the record itself keeps its column");
}

#[test]
fn jsonl_keeps_types_and_every_digit() {
    let line = text(JSONL, &[], &[record(&[("N", "0.1000"), ("B", "false"), ("A", "[1,\r\n2]"), ("Z", "null")])]);
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.ends_with("}\n"));
    assert!(line.contains(r#""_airbyte_data":{"N":0.1000,"B":false,"A":[1,  2],"Z":null,"sf__Id":"#), "{line}");
    let value: Value = serde_json::from_str(&line).unwrap();
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", "_airbyte_data"]
    );
    assert_eq!(value["_airbyte_meta"], json!({"sync_id": 42, "changes": []}));
    assert_eq!(value["_airbyte_extracted_at"], 1_772_600_767_089_i64);
    assert_eq!(value["_airbyte_generation_id"], 7);
}

#[test]
fn flattened_jsonl_has_the_same_keys_on_every_line() {
    let text = text(FLAT_JSONL, &["Name", "Phone"], &[record(&[("Phone", "1")]), record(&[])]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["Phone"], 1);
    assert_eq!(lines[0]["Name"], Value::Null);
    let keys = |line: &Value| line.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&lines[0]), keys(&lines[1]));
    assert_eq!(keys(&lines[0]).len(), AIRBYTE_COLUMNS.len() + 2 + REJECTION_COLUMNS.len());
}

#[test]
fn missing_numbers_of_the_platform_are_zero() {
    let stream =
        StreamIdentity { namespace: None, name: "a".to_owned(), generation_id: None, source_columns: Vec::new() };
    let sync = SyncIdentity { sync_id: None, started: jiff::Timestamp::UNIX_EPOCH };
    let encoder = RowEncoder::new(Format::Jsonl, RowLayout::new(Flattening::None, sync, &stream, RecordKind::Rejected));
    let mut line = Vec::new();
    encoder.row(&record(&[]).stored, &mut line);
    let line: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(line["_airbyte_generation_id"], 0);
    assert_eq!(line["_airbyte_meta"]["sync_id"], 0);
}

proptest! {
    #[test]
    fn every_text_survives_csv_and_jsonl(name in "(?s).{1,20}", value in "(?s).{0,60}") {
        let record = record(&[(&name, &serde_json::to_string(&value).unwrap())]);
        prop_assume!(!REJECTION_COLUMNS.contains(&name.as_str()) && !AIRBYTE_COLUMNS.contains(&name.as_str()));
        let records = [record];

        let rows = read_csv(&text(FLAT_CSV, &[&name], &records));
        prop_assert_eq!(&rows[0][4], &name);
        prop_assert_eq!(&rows[1][4], &value);

        let rows = read_csv(&text(CSV, &[], &records));
        let data: Value = serde_json::from_str(&rows[1][4]).unwrap();
        prop_assert_eq!(data[&name].as_str(), Some(value.as_str()));

        let line = text(JSONL, &[], &records);
        prop_assert_eq!(line.matches('\n').count(), 1);
        let line: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(line["_airbyte_data"][&name].as_str(), Some(value.as_str()));
    }
}
