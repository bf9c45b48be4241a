mod nested;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::convert::{Column, Key, KeyComparison, Kind, RejectionCode, write_row};
use airbyte::JsonTypes;

const PLAIN: Kind = Kind::Text { longest: None };

fn columns(names: &[&str]) -> Arc<Columns> {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    Arc::new(Columns::new(
        names.iter().map(|name| Column::new(SourceColumn::top(*name), *name, PLAIN, types)).collect(),
        None,
    ))
}

fn convert(converter: &mut Converter, json: &str) -> Result<Converted, NotAnObject> {
    converter.convert(&mut Cursor::new(json))
}

fn csv_of(converter: &mut Converter, json: &str) -> String {
    match convert(converter, json).unwrap() {
        Converted::Row => String::from_utf8(converter.row().csv.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cells_have_the_order_of_the_columns() {
    let mut converter = Converter::new(columns(&["a", "b", "c"]), NullHandling::Ignore);
    for (json, expected) in [
        (r#"{"a":"1","b":"2","c":"3"}"#, "1,2,3\n"),
        (r#"{"c":"3","a":"1","b":"2"}"#, "1,2,3\n"),
        (r#"{"b":"2"}"#, ",2,\n"),
        (r#"{}"#, ",,\n"),
        (r#"{"a":"old","a":"new"}"#, "new,,\n"),
        (r#"{"\u0061":"escaped name"}"#, "escaped name,,\n"),
    ] {
        assert_eq!(csv_of(&mut converter, json), expected, "{json}");
    }
}

#[test]
fn a_record_is_read_the_same_whatever_the_one_before_had_around_its_keys() {
    let blanks = " ".repeat(1_000);
    let forms = [
        r#"{"a":"1","b":"2","c":"3"}"#.to_owned(),
        r#"{"a": "1", "b": "2", "c": "3"}"#.to_owned(),
        "{\n  \"a\" : \"1\",\n  \"b\"\t: \"2\"\r\n,\"c\":\"3\"\n}".to_owned(),
        format!(r#"{{{blanks}"a":"1","b"{blanks}:"2",{blanks}"c":"3"}}"#),
        format!(r#"{{{blanks}"a":"1","b":"2","c":"3"}}"#),
        r#"{"\u0061":"1","b":"2","c":"3"}"#.to_owned(),
        r#"{"a":"1","b":"2","c":null,"c":"3"}"#.to_owned(),
        r#"{"c":"3","b":"2","a":"1"}"#.to_owned(),
        r#"{"b":"2", "a":"1","c":"3"}"#.to_owned(),
    ];
    let wrong = [
        r#"{,"b":"2"}"#,
        r#"{,"a":"1"}"#,
        r#"{"a":"1""b":"2"}"#,
        r#"{"a":"1",,"b":"2"}"#,
        r#"{"a":"1","b":}"#,
        r#"{"a":"1","#,
    ];
    for before in &forms {
        let mut converter = Converter::new(columns(&["a", "b", "c"]), NullHandling::Ignore);
        for form in &forms {
            csv_of(&mut converter, before);
            assert_eq!(csv_of(&mut converter, form), "1,2,3\n", "{form} after {before}");
            for wrong in wrong {
                assert_eq!(convert(&mut converter, wrong).unwrap_err(), NotAnObject, "{wrong} after {form}");
            }
        }
    }
}

#[test]
fn a_single_empty_cell_is_not_a_blank_line() {
    let mut converter = Converter::new(columns(&["a"]), NullHandling::Ignore);
    assert_eq!(csv_of(&mut converter, r#"{"a":null}"#), "\"\"\n");
}

#[test]
fn a_new_source_column_is_reported_once() {
    let mut converter = Converter::new(columns(&["a"]), NullHandling::Ignore);
    let json = r#"{"new":"2","a":"1"}"#;
    assert!(
        matches!(convert(&mut converter, json), Ok(Converted::NewColumn(path)) if path == SourceColumn::top("new"))
    );
    converter.ignore(&SourceColumn::top("new"));
    assert_eq!(csv_of(&mut converter, json), "1\n");
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let more = converter.columns().with(Column::new(SourceColumn::top("new"), "New__c", PLAIN, types));
    converter.set_columns(Arc::new(more));
    assert_eq!(csv_of(&mut converter, json), "1,2\n");
}

#[test]
fn columns_that_are_left_out_are_read_once_and_not_remembered() {
    let mut converter = Converter::new(columns(&["a"]), NullHandling::Ignore);
    converter.nest("Account");
    let members = (0..10_000).map(|number| format!(r#""n{number}":{{"x":[1]}}"#)).collect::<Vec<_>>().join(",");
    let json = format!(r#"{{{members},"Account":{{{members}}},"a":"1"}}"#);
    for _ in 0..2 {
        let mut asked = 0;
        let converted = converter.convert_without(&mut Cursor::new(&json), |_| {
            asked += 1;
            true
        });
        assert!(matches!(converted, Ok(Converted::Row)));
        assert_eq!((asked, converter.row().csv), (20_000, &b"1\n"[..]));
    }
    assert!(matches!(convert(&mut converter, &json), Ok(Converted::NewColumn(_))));
}

#[test]
fn only_the_cut_values_of_the_current_row_are_counted() {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let short = Column::new(SourceColumn::top("a"), "a", Kind::Text { longest: Some(1) }, types);
    let number = Column::new(SourceColumn::top("n"), "n", Kind::Number, types);
    let mut converter = Converter::new(Arc::new(Columns::new(vec![short, number], None)), NullHandling::Ignore);
    assert!(matches!(convert(&mut converter, r#"{"a":"long","n":true}"#), Ok(Converted::Rejected(_))));
    let json = r#"{"a":"long","new":1}"#;
    assert!(matches!(convert(&mut converter, json), Ok(Converted::NewColumn(_))));
    converter.ignore(&SourceColumn::top("new"));
    for _ in 0..2 {
        csv_of(&mut converter, json);
        assert_eq!(converter.truncated(), 1);
    }
}

#[test]
fn a_record_without_its_key_is_rejected() {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let columns = Columns::new(
        vec![Column::new(SourceColumn::top("id"), "Id", PLAIN, types)],
        Some(Key { field: "Id".to_owned(), comparison: KeyComparison::Id }),
    );
    let mut converter = Converter::new(Arc::new(columns), NullHandling::Ignore);
    for json in [r#"{}"#, r#"{"id":null}"#, r#"{"id":""}"#, r#"{"id":"  "}"#] {
        let Ok(Converted::Rejected(rejection)) = convert(&mut converter, json) else { panic!("{json}") };
        assert_eq!((rejection.code, rejection.field.as_deref()), (RejectionCode::MissingKey, Some("Id")));
    }
    let json = r#"{"id":"003000000000001AAA"}"#;
    assert!(matches!(convert(&mut converter, json), Ok(Converted::Row)));
    assert_eq!(converter.row().key, Some(KeyComparison::Id.hash_of_alike("003000000000001")));
}

/// Salesforce would take the marker for a key, and the rows of all keyless records for one record.
#[test]
fn a_null_is_no_key_whatever_null_handling_says_and_whatever_came_before() {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    for nulls in [NullHandling::Ignore, NullHandling::Clear] {
        let columns = ["k", "a"].map(|name| Column::new(SourceColumn::top(name), name, PLAIN, types)).to_vec();
        let key = Key { field: "k".to_owned(), comparison: KeyComparison::Exact };
        let mut converter = Converter::new(Arc::new(Columns::new(columns, Some(key))), nulls);
        for json in [r#"{"k":null,"a":"1"}"#, r#"{"k":"","a":"1"}"#, r#"{"k":"\t","a":"1"}"#, r#"{"a":"1"}"#] {
            assert_eq!(csv_of(&mut converter, r#"{"k":"known","a":"1"}"#), "known,1\n");
            assert!(converter.row().key.is_some());
            let Ok(Converted::Rejected(rejection)) = convert(&mut converter, json) else { panic!("{nulls:?} {json}") };
            assert_eq!(rejection.code, RejectionCode::MissingKey, "{nulls:?} {json}");
            assert_eq!(converter.rejected_key(), None, "{nulls:?} {json}");
        }
    }
}

#[test]
fn a_key_of_any_json_type_is_the_key_of_each_row() {
    let types = JsonTypes::default();
    let columns = ["k", "n"]
        .map(|name| Column::new(SourceColumn::top(name), name, if name == "n" { Kind::Number } else { PLAIN }, types));
    let key = Key { field: "K".to_owned(), comparison: KeyComparison::Exact };
    let mut converter = Converter::new(Arc::new(Columns::new(columns.to_vec(), Some(key))), NullHandling::Ignore);
    for (json, expected) in
        [(r#""a""#, "a"), ("5", "5"), ("true", "true"), (r#""\u0061\"""#, "a\""), ("[1]", "[1]"), (r#""a,b""#, "a,b")]
    {
        for _ in 0..3 {
            csv_of(&mut converter, &format!(r#"{{"k":{json},"n":1}}"#));
            assert_eq!(converter.row().key, Some(KeyComparison::Exact.hash_of_alike(expected)), "{json}");
        }
        let rejected = format!(r#"{{"k":{json},"n":true}}"#);
        assert!(matches!(convert(&mut converter, &rejected), Ok(Converted::Rejected(_))), "{json}");
        assert_eq!(converter.rejected_key(), Some(KeyComparison::Exact.hash_of_alike(expected)), "{json}");
    }
}

#[test]
fn a_record_that_no_column_takes_is_rejected() {
    let mut converter = Converter::new(columns(&[]), NullHandling::Ignore);
    converter.ignore(&SourceColumn::top("a"));
    for json in ["{}", r#"{"a":1}"#] {
        let Ok(Converted::Rejected(rejection)) = convert(&mut converter, json) else { panic!("{json}") };
        assert_eq!((rejection.code, rejection.field), (RejectionCode::NoField, None));
    }
}

#[test]
fn all_cut_values_of_a_row_are_counted() {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let short = |name: &str| Column::new(SourceColumn::top(name), name, Kind::Text { longest: Some(2) }, types);
    let columns = Columns::new(vec![short("a"), short("b"), short("c")], None);
    let mut converter = Converter::new(Arc::new(columns), NullHandling::Ignore);
    for (json, row, truncated) in [
        (r#"{"a":"one","b":"two","c":"3"}"#, "on,tw,3\n", 2),
        (r#"{"a":"one","b":"two","c":"three"}"#, "on,tw,th\n", 3),
        (r#"{"a":"12","b":"3"}"#, "12,3,\n", 0),
    ] {
        assert_eq!(csv_of(&mut converter, json), row);
        assert_eq!(converter.truncated(), truncated, "{json}");
    }
}

#[test]
fn of_several_values_of_a_column_the_last_one_counts() {
    let mut converter = Converter::new(columns(&["a", "b"]), NullHandling::Clear);
    for (json, row) in [
        (r#"{"a":"1","b":"2","a":null}"#, "#N/A,2\n"),
        (r#"{"a":null,"b":"2","a":3}"#, "3,2\n"),
        (r#"{"b":"2","a":"1","b":4}"#, "1,4\n"),
    ] {
        assert_eq!(csv_of(&mut converter, json), row, "{json}");
    }
}

#[test]
fn data_that_are_not_an_object_are_an_error() {
    let mut converter = Converter::new(columns(&["a"]), NullHandling::Ignore);
    for json in ["null", "[]", "\"text\"", "1"] {
        assert_eq!(convert(&mut converter, json).unwrap_err(), NotAnObject, "{json}");
    }
    let half_a_pair = r#"{"\ud800":1}"#;
    assert!(
        matches!(convert(&mut converter, half_a_pair), Ok(Converted::Rejected(r)) if r.code == RejectionCode::NotUnicode)
    );
}

#[test]
fn the_length_of_a_record_is_that_of_its_values() {
    let names: Vec<String> = (0..500).map(|index| format!("f{index}")).collect();
    let mut converter = Converter::new(columns(&names.each_ref_str()), NullHandling::Ignore);
    for character in ["x", "é", ",", "\"", "\n"] {
        let long = character.repeat(100_000);
        for (last, is_too_long) in [(100_000, false), (100_001, true)] {
            let json = json!({"f0": long, "f1": long, "f2": long, "f499": character.repeat(last)}).to_string();
            let converted = convert(&mut converter, &json);
            let rejected = matches!(converted, Ok(Converted::Rejected(rejection)) if rejection.code == RejectionCode::RecordTooLong);
            assert_eq!(rejected, is_too_long, "{character:?} {last}");
        }
    }
}

trait EachRefStr {
    fn each_ref_str(&self) -> Vec<&str>;
}

impl EachRefStr for Vec<String> {
    fn each_ref_str(&self) -> Vec<&str> {
        self.iter().map(String::as_str).collect()
    }
}

fn any_scalar() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[a-z\",\n\r;#é東 ]{0,12}".prop_map(Into::into),
    ]
}

proptest! {
    /// Another reader of CSV finds the values of the record in the row, and the cells are written as the same row
    /// again.
    #[test]
    fn a_row_reads_back_as_the_record(values in prop::collection::vec(any_scalar(), 1..6)) {
        let names: Vec<String> = (0..values.len()).map(|index| format!("f{index}")).collect();
        let record: serde_json::Map<String, serde_json::Value> = names.iter().cloned().zip(values.clone()).collect();
        let mut converter = Converter::new(columns(&names.each_ref_str()), NullHandling::Ignore);
        let json = serde_json::Value::from(record).to_string();
        let row = match convert(&mut converter, &json).unwrap() {
            Converted::Row => converter.row().csv,
            Converted::Rejected(rejection) => {
                prop_assert_eq!(rejection.code, RejectionCode::NullMarker);
                return Ok(());
            }
            other => panic!("{other:?}"),
        };
        // A header stands before the first row, as in a batch. Without it the reader would drop the mark U+FEFF of a text.
        let batch = [names.join(",").as_bytes(), b"\n", row].concat();
        let mut reader = ::csv::Reader::from_reader(&*batch);
        let rows: Vec<::csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(rows.len(), 1);
        let expected: Vec<String> = values
            .iter()
            .map(|value| match value {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.replace("\r\n", "\n").replace('\r', "\n"),
                other => other.to_string(),
            })
            .collect();
        prop_assert_eq!(rows[0].iter().collect::<Vec<_>>(), expected.iter().map(String::as_str).collect::<Vec<_>>());
        let mut rewritten = Vec::new();
        write_row(&mut rewritten, rows[0].iter());
        prop_assert_eq!(rewritten, row);
    }
}
