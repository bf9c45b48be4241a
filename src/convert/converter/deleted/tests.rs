use std::sync::Arc;

use super::*;
use crate::config::NullHandling;
use crate::convert::{Column, Columns, Converted, Key, KeyComparison, Kind, RejectionCode, RowKind, cells, restore};
use airbyte::JsonTypes;

/// A converter with a key `k`, a text `a`, a number `n`, and the marks `gone` and `off`.
fn converter(choice: OnDeleted) -> Converter {
    let column = |name: &str, kind| Column::new(SourceColumn::top(name), name, kind, JsonTypes::default());
    let text = Kind::Text { longest: None };
    let columns = vec![column("a", text), column("k", text), column("n", Kind::Number)];
    let key = Key { field: "k".to_owned(), comparison: KeyComparison::IgnoreCase };
    let columns = Arc::new(Columns::new(columns, Some(key)));
    let mut converter = Converter::new(columns, NullHandling::Clear).on_deleted(choice);
    for mark in ["gone", "off"] {
        converter.mark_deleted(&SourceColumn::top(mark));
    }
    converter
}

/// The cells of the row, or the code of the rejection.
fn outcome(converter: &mut Converter, json: &str) -> (Option<RowKind>, Vec<String>) {
    let mut data = Cursor::new(json);
    match converter.convert(&mut data).unwrap() {
        Converted::Row => {
            assert_eq!(data.text_before(), json, "all of the record is read");
            let row = converter.row();
            assert!(row.key.is_some());
            assert!(row.csv.ends_with(b"\n"), "it is a whole row");
            (Some(row.kind), cells(row.csv))
        }
        Converted::Skipped => (None, vec!["skipped".to_owned()]),
        Converted::Rejected(rejection) => (None, vec![rejection.code.as_str().to_owned()]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_deleted_record_becomes_a_row_of_its_key_and_its_mark() {
    use RowKind::{Delete, Write};
    let mut converter = converter(OnDeleted::Delete);
    for (json, kind, expected) in [
        (r#"{"k":"K","a":"1","gone":null}"#, Some(Write), &["1", "K", ""][..]),
        (r#"{"gone":false,"off":0,"k":"K"}"#, Some(Write), &["", "K", ""]),
        (r#"{"gone":null,"k":"K","a":"1","n":2}"#, Some(Write), &["1", "K", "2"]),
        (r#"{"k":"K","a":null,"n":null,"gone":"2026-01-01"}"#, Some(Delete), &["K", r#"{"gone":"2026-01-01"}"#]),
        (r#"{"gone":"2026-01-01","a":"1","k":"K,\"","n":1}"#, Some(Delete), &["K,\"", r#"{"gone":"2026-01-01"}"#]),
        (r#"{"gone":null,"k":"K","off":true}"#, Some(Delete), &["K", r#"{"off":true}"#]),
        (r#"{"gone":1,"k":"K","off":null}"#, Some(Delete), &["K", r#"{"gone":1}"#]),
        (r#"{"gone":null,"k":"K","gone":1}"#, Some(Delete), &["K", r#"{"gone":1}"#]),
        // Of two marks the first one counts.
        (r#"{"gone":1,"off":true,"k":"K"}"#, Some(Delete), &["K", r#"{"gone":1}"#]),
        (r#"{"off":"2026-01-01","k":"K","gone":1}"#, Some(Delete), &["K", r#"{"off":"2026-01-01"}"#]),
        // A value that cannot be sent does not matter.
        (r##"{"n":"x","a":"#N/A","k":"K","gone":true}"##, Some(Delete), &["K", r#"{"gone":true}"#]),
        (r#"{"gone":true,"n":true,"a":"\ud800","k":"K"}"#, Some(Delete), &["K", r#"{"gone":true}"#]),
        (r#"{"n":true,"k":"K","gone":null}"#, None, &["INVALID_TYPE_ON_FIELD_IN_RECORD"]),
        // The key does.
        (r#"{"a":"1","gone":true}"#, None, &["MISSING_ARGUMENT"]),
        (r#"{"k":null,"gone":true}"#, None, &["MISSING_ARGUMENT"]),
        (r##"{"k":"#N/A","gone":true}"##, None, &["NULL_MARKER_AS_TEXT"]),
        (r#"{"k":"K","gone":"perhaps"}"#, None, &["UNCLEAR_DELETE_MARK"]),
        (r#"{"k":"K","gone":true,"off":2}"#, None, &["UNCLEAR_DELETE_MARK"]),
        (r#"{"k":"K","gone":true,"gone":null}"#, None, &["UNCLEAR_DELETE_MARK"]),
        (r#"{"k":"K","gone":true,"off":true,"gone":null}"#, None, &["UNCLEAR_DELETE_MARK"]),
        (r#"{"k":"K","a":"living again"}"#, Some(Write), &["living again", "K", ""]),
    ] {
        let expected: Vec<String> = expected.iter().map(|cell| (*cell).to_owned()).collect();
        assert_eq!(outcome(&mut converter, json), (kind, expected), "{json}");
    }
    assert_eq!(converter.truncated(), 0);
}

#[test]
fn a_deleted_record_is_skipped_without_a_look_at_its_values() {
    let mut converter = converter(OnDeleted::Skip);
    for json in [
        r#"{"k":"K","gone":true}"#,
        r#"{"gone":true}"#,
        r##"{"k":"#N/A","n":"x","gone":true,"new":1}"##,
        r##"{"gone":true,"k":"#N/A"}"##,
    ] {
        assert_eq!(outcome(&mut converter, json).1, ["skipped"], "{json}");
    }
    assert_eq!(outcome(&mut converter, r#"{"k":"K","gone":"perhaps"}"#).1, ["UNCLEAR_DELETE_MARK"]);
    assert_eq!(outcome(&mut converter, r#"{"k":"K","gone":null}"#).0, Some(RowKind::Write));
}

#[test]
fn a_deleted_record_is_rejected_with_the_reason_of_the_stream() {
    let mut converter = converter(OnDeleted::Reject(Rejection::delete_forbidden("Contact")));
    for json in [r#"{"k":"K","gone":true}"#, r#"{"gone":1,"k":"K"}"#] {
        assert_eq!(outcome(&mut converter, json).1, ["INSUFFICIENT_ACCESS_OR_READONLY"], "{json}");
    }
    assert_eq!(outcome(&mut converter, r#"{"k":"K","gone":null}"#).0, Some(RowKind::Write));
}

#[test]
fn a_mark_that_is_not_known_is_reported_also_behind_a_value_that_cannot_be_sent() {
    let mut converter = converter(OnDeleted::Delete);
    let json = r#"{"n":true,"k":"K","other":1,"_ab_cdc_deleted_at":"2026-01-01"}"#;
    let converted = converter.convert(&mut Cursor::new(json)).unwrap();
    let Converted::NewColumn(mark) = converted else { panic!("{converted:?}") };
    assert!(mark.is_deletion_mark());
    converter.mark_deleted(&mark);
    assert_eq!(outcome(&mut converter, json).0, Some(RowKind::Delete));
}

#[test]
fn the_key_of_a_deleted_record_may_be_a_member_of_an_object() {
    let source = SourceColumn::nested("meta", "id");
    let key = Column::new(source, "Id", Kind::Text { longest: None }, JsonTypes::default());
    let columns = Columns::new(vec![key], Some(Key { field: "Id".to_owned(), comparison: KeyComparison::Id }));
    let mut converter = Converter::new(Arc::new(columns), NullHandling::Clear).on_deleted(OnDeleted::Delete);
    converter.mark_deleted(&SourceColumn::top("gone"));
    for json in [r#"{"gone":true,"meta":{"x":1,"id":"7"}}"#, r#"{"meta":{"id":"7"},"gone":true}"#] {
        converter.ignore(&SourceColumn::nested("meta", "x"));
        assert_eq!(
            outcome(&mut converter, json),
            (Some(RowKind::Delete), vec!["7".to_owned(), r#"{"gone":true}"#.into()])
        );
    }
    assert_eq!(outcome(&mut converter, r#"{"gone":true,"meta":null}"#).1, [RejectionCode::MissingKey.as_str()]);
    // So is that of a rejected one.
    assert_eq!(outcome(&mut converter, r#"{"meta":{"id":"7"},"gone":"perhaps"}"#).1, ["UNCLEAR_DELETE_MARK"]);
    assert_eq!(converter.rejected_key(), Some(KeyComparison::Id.hash_of_alike("7")));
}

#[test]
fn of_an_object_only_the_key_counts_and_nothing_where_the_record_is_skipped() {
    let column =
        |member: &str, kind| Column::new(SourceColumn::nested("meta", member), member, kind, JsonTypes::default());
    let columns = vec![column("id", Kind::Text { longest: None }), column("n", Kind::Number)];
    let key = Key { field: "id".to_owned(), comparison: KeyComparison::IgnoreCase };
    let columns = Arc::new(Columns::new(columns, Some(key)));
    let with = |choice| {
        let mut converter = Converter::new(Arc::clone(&columns), NullHandling::Clear).on_deleted(choice);
        converter.mark_deleted(&SourceColumn::top("gone"));
        converter
    };
    let json = r#"{"gone":true,"meta":{"n":true,"id":"7"}}"#;
    let deleted = (Some(RowKind::Delete), vec!["7".to_owned(), r#"{"gone":true}"#.to_owned()]);
    assert_eq!(outcome(&mut with(OnDeleted::Delete), json), deleted);
    let json = r##"{"gone":true,"meta":{"id":"#N/A"}}"##;
    assert_eq!(outcome(&mut with(OnDeleted::Delete), json).1, ["NULL_MARKER_AS_TEXT"]);
    assert_eq!(outcome(&mut with(OnDeleted::Skip), json).1, ["skipped"]);
}

#[test]
fn no_value_of_a_deleted_record_counts_as_cut() {
    let column =
        |name: &str| Column::new(SourceColumn::top(name), name, Kind::Text { longest: Some(2) }, JsonTypes::default());
    let key = Key { field: "k".to_owned(), comparison: KeyComparison::IgnoreCase };
    let columns = Arc::new(Columns::new(vec![column("a"), column("k")], Some(key)));
    let mut converter = Converter::new(columns, NullHandling::Clear).on_deleted(OnDeleted::Delete);
    converter.mark_deleted(&SourceColumn::top("gone"));
    for (json, kind, truncated) in [
        (r#"{"a":"long","k":"K","gone":null}"#, RowKind::Write, 1),
        (r#"{"a":"long","k":"K","gone":true}"#, RowKind::Delete, 0),
        (r#"{"gone":true,"a":"long","k":"K"}"#, RowKind::Delete, 0),
    ] {
        assert_eq!(outcome(&mut converter, json).0, Some(kind), "{json}");
        assert_eq!(converter.truncated(), truncated, "{json}");
    }
}

/// A deletion that Salesforce rejects comes back as a record.
#[test]
fn the_key_of_a_row_that_deletes_keeps_its_type() {
    let mut converter = converter(OnDeleted::Delete);
    for (json, key) in [
        (r#"{"k":5,"gone":true}"#, "5"),
        (r#"{"k":"5","gone":true}"#, "\"5\""),
        (r#"{"gone":true,"a":"x","k":true}"#, "true"),
        (r#"{"n":"x","gone":true,"k":7}"#, "7"),
    ] {
        assert_eq!(outcome(&mut converter, json).0, Some(RowKind::Delete), "{json}");
        let types = converter.row_types().of_key(converter.columns());
        let cells = cells(converter.row().csv);
        let columns = converter.columns().key_alone();
        let record = restore(&columns, cells.iter().map(String::as_str), Some(&types));
        assert_eq!((record.len(), &*record[0].0, record[0].1.get()), (1, "k", key), "{json}");
    }
}

#[test]
fn rows_of_records_that_are_found_have_no_key_where_none_is_deleted() {
    let column = Column::new(SourceColumn::top("k"), "k", Kind::Text { longest: None }, JsonTypes::default());
    let key = Key { field: "k".to_owned(), comparison: KeyComparison::IgnoreCase };
    let columns = Arc::new(Columns::new(vec![column], None).found_by(vec![key]));
    for (choice, has_key) in
        [(OnDeleted::Delete, true), (OnDeleted::Skip, false), (OnDeleted::Reject(Rejection::delete_refused("")), false)]
    {
        let mut converter = Converter::new(Arc::clone(&columns), NullHandling::Clear).on_deleted(choice);
        converter.mark_deleted(&SourceColumn::top("gone"));
        assert!(matches!(converter.convert(&mut Cursor::new(r#"{"k":"x"}"#)), Ok(Converted::Row)));
        assert_eq!(converter.row().key.is_some(), has_key);
    }
}

#[test]
fn the_mark_is_one_cell_whatever_its_name_is() {
    let mut converter = converter(OnDeleted::Delete);
    converter.mark_deleted(&SourceColumn::top("gone, \"since\""));
    assert_eq!(
        outcome(&mut converter, r#"{"k":"K","gone, \"since\"":"2026-01-01"}"#),
        (Some(RowKind::Delete), vec!["K".to_owned(), r#"{"gone, \"since\"":"2026-01-01"}"#.to_owned()])
    );
}

/// Records that are found by two fields have no key: rows get one once the stream has a mark.
#[test]
fn rows_of_records_that_are_found_have_the_hash_of_all_their_fields() {
    let column =
        |name: &str| Column::new(SourceColumn::top(name), name, Kind::Text { longest: None }, JsonTypes::default());
    let key = |name: &str| Key { field: name.to_owned(), comparison: KeyComparison::IgnoreCase };
    let columns = Columns::new(vec![column("a"), column("k")], None).found_by(vec![key("k"), key("l")]);
    // One of the fields is found in records only.
    let columns = Arc::new(columns.with(column("l")));
    let mut converter = Converter::new(columns, NullHandling::Clear).on_deleted(OnDeleted::Delete);
    let row = |converter: &mut Converter, json: &str| {
        assert!(matches!(converter.convert(&mut Cursor::new(json)), Ok(Converted::Row)), "{json}");
        (converter.row().key, cells(converter.row().csv))
    };
    assert_eq!(row(&mut converter, r#"{"k":"x","l":"y"}"#).0, None);
    converter.mark_deleted(&SourceColumn::top("gone"));
    let (written, _) = row(&mut converter, r#"{"a":"1","k":"x","l":"y"}"#);
    let (deleted, cells) = row(&mut converter, r#"{"gone":1,"l":"Y ","a":"1","k":"X"}"#);
    assert_eq!(cells, ["X", "Y ", r#"{"gone":1}"#]);
    assert!(written.is_some() && written == deleted);
    let keys = [r#"{"k":"y","l":"x"}"#, r#"{"k":"x"}"#, r#"{"k":"x"}"#, r#"{"k":"x","l":" "}"#, r#"{"k":"xy","l":""}"#];
    let mut hashes: Vec<_> = keys.iter().map(|json| row(&mut converter, json).0).chain([written]).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), keys.len() + 1, "who lacks a field is alone");
    for (json, missing) in [(r#"{"k":"x","gone":1}"#, "l"), (r#"{"l":"x","gone":1,"k":" "}"#, "k")] {
        let Ok(Converted::Rejected(rejection)) = converter.convert(&mut Cursor::new(json)) else { panic!("{json}") };
        assert_eq!((rejection.code, rejection.field.as_deref()), (RejectionCode::MissingKey, Some(missing)));
    }
}

/// What is rejected last is stored last among the rejected records of its key, so its key must be known.
#[test]
fn a_rejected_record_has_its_key_wherever_that_stands() {
    let choices = [OnDeleted::Delete, OnDeleted::Skip, OnDeleted::Reject(Rejection::delete_refused(""))];
    for choice in choices {
        let mut converter = converter(choice.clone());
        assert_eq!(outcome(&mut converter, r#"{"k":"key"}"#).0, Some(RowKind::Write));
        let expected = converter.row().key;
        for (json, is_known) in [
            (r#"{"k":"KEY","n":true}"#, true),
            (r#"{"n":true,"k":"KEY"}"#, true),
            (r#"{"n":true,"gone":null,"a":"1","k":"Key"}"#, true),
            (r#"{"gone":"perhaps","k":"KEY"}"#, true),
            (r#"{"gone":"perhaps","off":"perhaps","n":true,"unknown":{"k":1},"k":"KEY"}"#, true),
            (r#"{"gone":true,"off":2,"k":"KEY"}"#, true),
            (r#"{"n":true,"a":"1"}"#, false),
            (r#"{"n":true,"k":null}"#, false),
            (r#"{"n":true,"k":" "}"#, false),
            (r##"{"n":true,"k":"#N/A"}"##, false),
            (r##"{"k":"KEY","k":"#N/A"}"##, false),
            (r#"{"n":true,"k":"other"}"#, false),
        ] {
            let converted = converter.convert_without(&mut Cursor::new(json), |_| true).unwrap();
            assert!(matches!(converted, Converted::Rejected(_)), "{choice:?} {json} {converted:?}");
            assert_eq!(converter.rejected_key() == expected, is_known, "{choice:?} {json}");
        }
        // The next record is not affected.
        assert_eq!(
            outcome(&mut converter, r#"{"k":"K","a":"1"}"#),
            (Some(RowKind::Write), ["1", "K", ""].map(str::to_owned).into())
        );
    }
    let mut converter = converter(OnDeleted::Reject(Rejection::delete_refused("")));
    assert_eq!(outcome(&mut converter, r#"{"k":"key"}"#).0, Some(RowKind::Write));
    let expected = converter.row().key;
    assert_eq!(outcome(&mut converter, r#"{"gone":true,"a":"1","k":"KEY"}"#).0, None);
    assert_eq!(converter.rejected_key(), expected);
}

#[test]
fn a_rejected_record_that_is_found_has_the_hash_of_its_fields() {
    let column = |name: &str, kind| Column::new(SourceColumn::top(name), name, kind, JsonTypes::default());
    let text = Kind::Text { longest: None };
    let key = |name: &str| Key { field: name.to_owned(), comparison: KeyComparison::IgnoreCase };
    let columns = vec![column("n", Kind::Number), column("k", text), column("l", text)];
    let columns = Arc::new(Columns::new(columns, None).found_by(vec![key("k"), key("l")]));
    let mut converter = Converter::new(columns, NullHandling::Clear).on_deleted(OnDeleted::Delete);
    converter.mark_deleted(&SourceColumn::top("gone"));
    assert!(matches!(converter.convert(&mut Cursor::new(r#"{"k":"x","l":"y"}"#)), Ok(Converted::Row)));
    let expected = converter.row().key;
    for (json, has_key, is_same) in [
        (r#"{"n":true,"l":"Y","k":"X"}"#, true, true),
        (r#"{"gone":"perhaps","k":"X","l":"Y"}"#, true, true),
        (r#"{"n":true,"l":"X","k":"Y"}"#, true, false),
        (r#"{"n":true,"k":"X"}"#, false, false),
        (r#"{"l":"Y","n":true}"#, false, false),
        (r#"{"n":true,"k":"X","l":" "}"#, false, false),
        (r#"{"n":true,"k":null,"l":"Y"}"#, false, false),
        (r##"{"n":true,"k":"X","l":"#N/A"}"##, false, false),
        (r#"{"n":true}"#, false, false),
    ] {
        assert!(matches!(converter.convert(&mut Cursor::new(json)), Ok(Converted::Rejected(_))), "{json}");
        let key = converter.rejected_key();
        assert_eq!((key.is_some(), key == expected), (has_key, is_same), "{json}");
    }
}
