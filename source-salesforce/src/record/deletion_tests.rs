//! Tests of the lines of records that are gone for good.

use airbyte::StreamName;
use serde_json::{Value, json};

use super::*;
use crate::columns::DELETED_AT;
use crate::moment::Moment;
use crate::plan::Changes;

fn changes(cursor: &str, has_bin: bool) -> Changes {
    Changes { cursor: cursor.into(), is_replicateable: true, has_bin }
}

fn columns(names: &[&str], changes: &Changes) -> Vec<Column> {
    let column = |name: &&str| match *name {
        DELETED_AT => Column::deleted_at(changes),
        name => Column {
            name: name.into(),
            value: ColumnValue::Field { path: name.into(), value_type: ValueType::Text },
            width: 1,
            is_calculated: false,
        },
    };
    names.iter().map(column).collect()
}

#[test]
fn a_deletion_has_the_id_and_each_time_that_a_destination_looks_at() {
    let at = Moment::parse("2026-01-02T03:04:05Z").unwrap();
    let time = "2026-01-02T03:04:05.000Z";
    for (names, cursor, expected) in [
        (
            &["Id", "IsDeleted", "Name", "SystemModstamp", DELETED_AT][..],
            "SystemModstamp",
            json!({"Id": "001", "IsDeleted": true, "SystemModstamp": time, DELETED_AT: time}),
        ),
        (&["Id", "Name", DELETED_AT], "SystemModstamp", json!({"Id": "001", DELETED_AT: time})),
        (
            &["Id", "CreatedDate", "SystemModstamp", DELETED_AT],
            "CreatedDate",
            json!({"Id": "001", "CreatedDate": time, DELETED_AT: time}),
        ),
    ] {
        let changes = changes(cursor, true);
        let stream = StreamName { namespace: Some("crm".into()), name: "Account".into() };
        let mut lines = Vec::new();
        DeletionWriter::new(&stream, &columns(names, &changes), &changes).write("001", at, 5, &mut lines);
        let line: Value = serde_json::from_slice(&lines).unwrap();
        let record = json!({"stream": "Account", "namespace": "crm", "emitted_at": 5, "data": expected});
        assert_eq!(line, json!({"type": "RECORD", "record": record}), "{names:?}");
    }
}

#[test]
fn a_deletion_is_told_only_with_the_id_and_the_column_for_it() {
    for (names, expected) in [
        (&["Id", DELETED_AT][..], true),
        (&["Id", "IsDeleted", "SystemModstamp", DELETED_AT], true),
        (&["Id", "IsDeleted", "SystemModstamp"], false),
        (&["Name", "IsDeleted", "SystemModstamp", DELETED_AT], false),
    ] {
        let changes = changes("SystemModstamp", true);
        let stream = StreamName { namespace: None, name: "Account".into() };
        let writer = DeletionWriter::new(&stream, &columns(names, &changes), &changes);
        assert_eq!(writer.can_tell(), expected, "{names:?}");
    }
}

#[test]
fn a_column_for_the_time_of_a_deletion_is_null_for_a_record_that_is_there() {
    let stamp = "2026-01-02T03:04:05.000+0000";
    let at = json!("2026-01-02T03:04:05.000Z");
    for (has_bin, flag, expected) in [
        (true, Some("true"), at),
        (true, Some("false"), Value::Null),
        (true, None, Value::Null),
        (false, None, Value::Null),
    ] {
        let columns = columns(&[DELETED_AT], &changes("SystemModstamp", has_bin));
        let expected_paths: &[&str] = if has_bin { &["IsDeleted", "SystemModstamp"] } else { &["Id"] };
        assert_eq!(paths(&columns), expected_paths, "a query has a field at least");
        let stream = StreamName { namespace: None, name: "Account".into() };
        let (writer, lost) = RecordWriter::without(&stream, &columns, &[]);
        assert!(lost.is_empty());
        let mut lines = Vec::new();
        writer.write_with(|place| [flag, Some(stamp)][place], 5, &mut lines);
        let line: Value = serde_json::from_slice(&lines).unwrap();
        assert_eq!(line["record"], json!({"stream": "Account", "data": {DELETED_AT: expected}, "emitted_at": 5}));
    }
}
