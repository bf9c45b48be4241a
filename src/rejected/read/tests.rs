//! Objects of every form are read back, and one that is not whole is never taken for a shorter one.

use std::io::Write;

use flate2::write::GzEncoder;
use serde_json::value::RawValue;

use super::object::{ReadError, read};
use super::owner::{Owner, Owners};
use crate::rejected::format::RowEncoder;
use crate::rejected::row::RowLayout;
use crate::rejected::settings::{
    BucketName, Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, FileNameFormat, Flattening, Format,
    S3Settings,
};
use crate::rejected::{RejectedRecord, RejectionDetails, StreamIdentity, SyncIdentity, stream_header};
use airbyte::StreamName;

const COLUMNS: [(&str, &str); 9] = [
    ("Name", r#""Acme, \"Inc\"\r\nsecond line é 😀""#),
    ("Revenue", "12345678901234567890.10"),
    ("Active", "true"),
    ("Nothing", "null"),
    ("Tags", r#"["a","b"]"#),
    ("Account", r#"{"External_Id__c":"A-1"}"#),
    ("Half", r#""lone \ud800""#),
    ("a \"b\" c", r#""1""#),
    ("_airbyte_x", "1"),
];

/// What comes back of `COLUMNS`, in the order of the flattening: numbers and booleans of CSV as texts.
const AS_STORED: &str = concat!(
    r#"{"Name":"Acme, \"Inc\"\r\nsecond line é 😀","Revenue":12345678901234567890.10,"Active":true,"Nothing":null,"#,
    r#""Tags":["a","b"],"Account":{"External_Id__c":"A-1"},"Half":"lone \ud800","a \"b\" c":"1","_airbyte_x":1}"#
);
const AS_TEXTS: &str = concat!(
    r#"{"Name":"Acme, \"Inc\"\r\nsecond line é 😀","Revenue":"12345678901234567890.10","Active":"true","Nothing":null,"#,
    r#""Tags":["a","b"],"Account":{"External_Id__c":"A-1"},"Half":"lone \ud800","a \"b\" c":"1","_airbyte_x":"1"}"#
);

fn record() -> RejectedRecord {
    let data = COLUMNS.map(|(name, json)| (name.to_owned(), RawValue::from_string(json.to_owned()).unwrap()));
    RejectedRecord::new(
        1_772_600_767_089,
        data.into(),
        RejectionDetails::local("CODE", "a \"message\",\nin two lines", "F"),
    )
}

/// An object with this many rows, as the connector writes it.
fn object(form: (Format, Flattening, Compression), rows: usize) -> Vec<u8> {
    let (format, flattening, compression) = form;
    let stream = StreamIdentity {
        namespace: None,
        name: "s".to_owned(),
        generation_id: Some(7),
        source_columns: COLUMNS.map(|(name, _)| name.to_owned()).into(),
    };
    let sync = SyncIdentity { sync_id: Some(42), started: jiff::Timestamp::UNIX_EPOCH };
    let encoder = RowEncoder::new(format, RowLayout::new(flattening, sync, &stream));
    let mut text = Vec::new();
    encoder.header(&mut text);
    (0..rows).for_each(|_| encoder.row(&record(), &mut text));
    if compression == Compression::None { text } else { gzip(&text) }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// The data of the rows, and whether the object is one of rejected records.
fn rows(key: &str, bytes: &[u8]) -> (Vec<String>, Result<bool, ReadError>) {
    let mut rows = Vec::new();
    let outcome = read(key, bytes, &mut |row| {
        assert_eq!(row.extracted_at_ms, 1_772_600_767_089);
        assert_eq!(row.sync_id, Some(42));
        assert!(row.rejected_at().is_some(), "{}", row.id);
        assert_eq!(row.rejection, RejectionDetails::local("CODE", "a \"message\",\nin two lines", "F"));
        rows.push(row.data.get().to_owned());
        Ok(true)
    });
    (rows, outcome)
}

fn forms() -> impl Iterator<Item = (Format, Flattening, Compression)> {
    let flattenings = [Flattening::None, Flattening::RootLevel];
    let of = move |format, flattening| [Compression::None, Compression::Gzip].map(|it| (format, flattening, it));
    [Format::Csv, Format::Jsonl]
        .into_iter()
        .flat_map(move |format| flattenings.into_iter().flat_map(move |flattening| of(format, flattening)))
}

#[test]
fn each_form_comes_back_by_its_content_whatever_its_name() {
    for form in forms() {
        let is_text = (form.0, form.1) == (Format::Csv, Flattening::RootLevel);
        let expected = if is_text { AS_TEXTS } else { AS_STORED };
        for key in ["a.csv", "a.jsonl.gz", "a"] {
            let (rows, outcome) = rows(key, &object(form, 3));
            assert!(matches!(outcome, Ok(true)), "{form:?} {key}: {outcome:?}");
            assert_eq!(rows, [expected; 3], "{form:?} {key}");
        }
    }
}

/// Editors put a byte order mark before text, and concatenated gzip files are one gzip file.
#[test]
fn what_other_programs_do_to_an_object_is_no_obstacle() {
    for format in [Format::Csv, Format::Jsonl] {
        let text = object((format, Flattening::None, Compression::None), 2);
        let marked = [b"\xef\xbb\xbf".as_slice(), &text].concat();
        let (start, end) = text.split_at(text.len() / 2);
        for bytes in [marked.clone(), gzip(&marked), [gzip(start), gzip(end)].concat()] {
            let (rows, outcome) = rows("a", &bytes);
            assert!(matches!(outcome, Ok(true)), "{format:?}: {outcome:?}");
            assert_eq!(rows, [AS_STORED; 2], "{format:?}");
        }
    }
    // The last line of JSON proves by itself that it is whole.
    let text = object((Format::Jsonl, Flattening::None, Compression::None), 2);
    let (rows, outcome) = rows("a.jsonl", text.strip_suffix(b"\n").unwrap());
    assert!(matches!(outcome, Ok(true)) && rows.len() == 2, "{outcome:?}");
}

/// An upload to the bucket is whole or not there, so a cut at the end of a row needs no proof. Any other does.
#[test]
fn an_object_that_is_cut_anywhere_is_an_error() {
    for form in forms() {
        let whole = object(form, 2);
        let key = "a.csv.gz";
        for cut in 0..whole.len() {
            let (rows, outcome) = rows(key, &whole[..cut]);
            let is_line_end = form.2 == Compression::None && whole[..cut].ends_with(b"\n")
                || form.0 == Format::Jsonl && form.2 == Compression::None && whole.get(cut) == Some(&b'\n');
            // A line end inside of quotes is none.
            let is_whole_row = is_line_end && rows.len() == if cut == whole.len() - 1 { 2 } else { 1 };
            match outcome {
                Ok(true) => assert!(is_whole_row, "{form:?} at {cut}: {} rows", rows.len()),
                Ok(false) => panic!("{form:?} at {cut} is skipped"),
                Err(ReadError::Defect(why)) => assert!(!why.contains("Acme"), "{why}"),
                Err(other) => panic!("{form:?} at {cut}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_damaged_byte_of_a_compressed_object_is_an_error() {
    for format in [Format::Csv, Format::Jsonl] {
        let whole = object((format, Flattening::None, Compression::Gzip), 2);
        // The ten bytes of the header hold a time and the like, which nothing depends on.
        for place in 10..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x55;
            let (_, outcome) = rows("a.csv.gz", &damaged);
            assert!(matches!(outcome, Err(ReadError::Defect(_))), "{format:?} at {place}: {outcome:?}");
        }
    }
}

#[test]
fn what_is_no_object_of_rejected_records_is_skipped() {
    let raw_table = "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_data\r\n1,2,\"{\"\"a\"\":1}\"\r\n";
    let cases: &[(&str, &[u8])] = &[
        ("a.csv", b"Id,Name\r\n1,Acme\r\n"),
        ("a.csv", raw_table.as_bytes()),
        ("a.jsonl", b"{\"Id\":1}\n"),
        ("a.jsonl", b"{\"_airbyte_raw_id\":\"1\",\"_airbyte_data\":{\"a\":1},\"_airbyte_extracted_at\":1}\n"),
        ("a.jsonl", b"{\"_airbyte_raw_id\":\"1\",\"Name\":1}\n"),
        ("_check_test_1", b"{\"data\":1}"),
        ("report.html", b"<!doctype html><p>_airbyte_raw_id</p>"),
        ("readme.txt", b"_airbyte_meta and so on"),
        ("catalog.json", b"{\n  \"columns\": [\"_airbyte_raw_id\"]\n}"),
        ("picture.png", b"\x89PNG\r\n\x1a\n"),
        ("empty", b""),
        ("some.tar.gz", b"\x1f\x8b\x08\x00 no gzip"),
        ("a.txt.gz", &gzip(b"something else")),
        ("a.csv.gz", &gzip(b"Id,Name\n1,Acme\n")),
    ];
    for (key, bytes) in cases {
        let (rows, outcome) = rows(key, bytes);
        assert!(matches!(outcome, Ok(false)) && rows.is_empty(), "{key}: {outcome:?}");
    }
}

#[test]
fn a_row_that_cannot_be_read_is_named_by_its_place_and_never_quoted() {
    let header = "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id,_airbyte_data\r\n";
    let line =
        |data: &str| format!("{{\"_airbyte_raw_id\":\"1\",\"_airbyte_extracted_at\":1,\"_airbyte_data\":{data}}}\n");
    let good = r#"{"a":1,"rejected_reason":"X"}"#;
    let quoted = "\"{\"\"rejected_reason\"\":\"\"X\"\"}\"";
    let cases: &[(String, &str)] = &[
        (line(good) + "not JSON\n", "line 2 cannot be read: it is not a JSON object"),
        (line(good) + &line("[]"), "line 2 cannot be read: its `_airbyte_data` is not a JSON object"),
        (line(good) + "\n" + &line(r#"{"a":1}"#), "line 3 cannot be read: it does not say why"),
        (line(good).replace("_at\":1", "_at\":\"soon\""), "line 1 cannot be read: its `_airbyte_extracted_at`"),
        (header.to_owned(), "middle of the header, or right after it"),
        (format!("{header}1,1,,0,{quoted}\r\n1,1,,0\r\n"), "row 2 cannot be read: it has not as many cells"),
        (format!("{header}1,1,,0,{quoted}\r\n1,1,,0,secret\r\n"), "row 2 cannot be read: its `_airbyte_data`"),
        (format!("{header}1,1,,0,{quoted}"), "middle of row 1"),
    ];
    for (text, expected) in cases {
        let outcome = read("a.csv", text.as_bytes(), &mut |_| Ok(true));
        let Err(ReadError::Defect(why)) = outcome else { panic!("{text}: {outcome:?}") };
        assert!(why.contains(expected) && !why.contains("secret"), "{text}: {why}");
    }
    let mut not_utf8 = line(good).into_bytes();
    not_utf8.extend_from_slice(b"{\"\xff\":1}\n");
    let csv = [header.as_bytes(), b"1,1,,0,\"{\"\"rejected_reason\"\":\"\"\xff\"\"}\"\r\n"].concat();
    for bytes in [not_utf8, csv] {
        let outcome = read("a.csv", bytes.as_slice(), &mut |_| Ok(true));
        assert!(matches!(&outcome, Err(ReadError::Defect(why)) if why.contains("not UTF-8")), "{outcome:?}");
    }
}

#[test]
fn a_line_without_an_end_does_not_fill_the_memory() {
    let endless = std::io::repeat(b'x');
    let start: &[u8] = b"{\"_airbyte_raw_id\":\"";
    let outcome = read("a.jsonl", std::io::Read::chain(start, endless), &mut |_| Ok(true));
    assert!(matches!(&outcome, Err(ReadError::Defect(why)) if why.contains("longer than any")), "{outcome:?}");
}

fn owner(path_format: &str, key: &str, header: Option<&str>, sync_id: Option<i64>) -> Owner {
    let settings = S3Settings {
        access_key: None,
        role_arn: None,
        bucket: BucketName::parse("rejects").unwrap(),
        region: None,
        endpoint: None,
        bucket_path: Some("/salesforce//rejected/".to_owned()),
        format: Format::Csv,
        flattening: Flattening::None,
        compression: Compression::None,
        path_format: path_format.to_owned(),
        file_name_format: FileNameFormat::parse(DEFAULT_FILE_NAME_FORMAT).unwrap(),
    };
    Owners::new(&settings).of(&format!("salesforce/rejected/{key}"), header, sync_id)
}

#[test]
fn the_stream_is_the_one_of_the_metadata_or_else_of_the_key() {
    let stream = |namespace: &str, name: &str| StreamName {
        namespace: Some(namespace.to_owned()).filter(|text| !text.is_empty()),
        name: name.to_owned(),
    };
    let in_key = |namespace: &str, name: &str| Owner::InKey(stream(namespace, name));
    let header = stream_header::encode(&stream("c/r", "Line Item")).unwrap();
    let table = [
        (
            DEFAULT_PATH_FORMAT,
            "4711/c_r/Line_Item/f.csv",
            Some(&*header),
            Some(4711),
            Owner::Named(stream("c/r", "Line Item")),
        ),
        (DEFAULT_PATH_FORMAT, "4711/crm/contacts/f.csv", None, Some(4711), in_key("crm", "contacts")),
        (DEFAULT_PATH_FORMAT, "4711/contacts/f.csv", None, Some(4711), in_key("", "contacts")),
        (DEFAULT_PATH_FORMAT, "4711/contacts/f.csv", None, Some(0), in_key("4711", "contacts")),
        (DEFAULT_PATH_FORMAT, "4711/contacts/f.csv", None, None, Owner::Unknown),
        (DEFAULT_PATH_FORMAT, "2026/03/f.csv", None, Some(4711), Owner::Unknown),
        (DEFAULT_PATH_FORMAT, "f.csv", None, Some(4711), Owner::Unknown),
        ("{stream_name}/{year}", "contacts/2026/f.csv", None, Some(4711), in_key("", "contacts")),
        ("{stream_name}/{year}", "4711/crm/contacts/f.csv", None, Some(4711), in_key("crm", "contacts")),
        ("{year}", "4711/crm/contacts/f.csv", None, Some(4711), in_key("crm", "contacts")),
        ("{namespace}-{stream_name}", "a-b-c/f.csv", None, Some(0), Owner::Unknown),
        (
            DEFAULT_PATH_FORMAT,
            "4711/crm/contacts/f.csv",
            Some("of another program"),
            Some(4711),
            in_key("crm", "contacts"),
        ),
    ];
    for (path_format, key, header, sync_id, expected) in table {
        assert_eq!(owner(path_format, key, header, sync_id), expected, "{path_format} {key} {sync_id:?}");
    }
}
