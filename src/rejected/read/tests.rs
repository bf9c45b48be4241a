//! Objects of every form are read back, and one that is not whole is never taken for a shorter one.

mod downloads;
mod places;
mod rows;
mod selected;

use std::io::Write;
use std::sync::Arc;

use flate2::write::GzEncoder;
use serde_json::value::RawValue;
use tempfile::TempDir;

use super::object::{ReadError, read};
use super::owner::{Owner, Owners};
use super::{Found, RecordSink, RejectedReader, Selection};
use crate::rejected::format::RowEncoder;
use crate::rejected::record::RecordKind;
use crate::rejected::row::RowLayout;
use crate::rejected::settings::{
    AccessKey, BucketName, BucketSettings, Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, FileNameFormat,
    Flattening, Format, Place, StorageSettings,
};
use crate::rejected::{RejectedRecord, RejectionDetails, StreamIdentity, SyncIdentity, stream_header};
use airbyte::StreamName;
use object_store::ObjectStore;

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
    let encoder = RowEncoder::new(format, RowLayout::new(flattening, sync, &stream, RecordKind::Rejected));
    let mut text = Vec::new();
    encoder.header(&mut text);
    (0..rows).for_each(|_| encoder.row(&record().stored, &mut text));
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

/// A row with its keys in the order of the alphabet, as other programs write it.
fn sorted_row(description: &str) -> String {
    format!(
        "{{\"Description\": \"{description}\", \"_airbyte_extracted_at\": 1, \"_airbyte_generation_id\": 7, \
         \"_airbyte_meta\": {{\"sync_id\": 42}}, \"_airbyte_raw_id\": \"1\", \"rejected_reason\": \"CODE\"}}\n"
    )
}

/// The same as CSV with quotes around every cell.
fn quoted_rows(first_columns: &str) -> String {
    let quoted = |line: &str| line.split(',').map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(",") + "\r\n";
    let header = "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id,Name,rejected_reason";
    let first_cells = first_columns.replace(|character| character != ',', "");
    quoted(&format!("{first_columns}{header}")) + &quoted(&format!("{first_cells}1,1,,7,Acme,CODE"))
}

#[test]
fn a_first_line_of_any_length_and_order_is_looked_at_whole() {
    let (long, many) = ("x".repeat(200_000), (0..20_000).map(|column| format!("f{column},")).collect::<String>());
    let cases = [
        (sorted_row("Acme"), r#"{"Description":"Acme"}"#.to_owned()),
        (format!("\n \n{}", sorted_row("Acme")), r#"{"Description":"Acme"}"#.to_owned()),
        (sorted_row(&long), format!(r#"{{"Description":"{long}"}}"#)),
        (quoted_rows(""), r#"{"Name":"Acme"}"#.to_owned()),
        (quoted_rows("Code,"), r#"{"Code":null,"Name":"Acme"}"#.to_owned()),
        (quoted_rows(&many), String::new()),
        (quoted_rows("").replace('"', ""), r#"{"Name":"Acme"}"#.to_owned()),
    ];
    for (text, expected) in cases {
        for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
            for key in ["a", "a.jsonl", "a.csv.gz"] {
                let mut rows = Vec::new();
                let outcome = read(key, bytes.as_slice(), &mut |row| {
                    rows.push(row.data.get().to_owned());
                    Ok(true)
                });
                assert!(matches!(outcome, Ok(true)), "{key} {:.80}: {outcome:?}", text);
                assert!(rows.len() == 1 && (expected.is_empty() || rows[0] == expected), "{key} {:.80}", text);
            }
        }
    }
}

#[test]
fn a_first_line_that_is_cut_after_a_column_of_airbyte_is_an_error() {
    for text in [sorted_row(&"x".repeat(100_000)), quoted_rows("Code,"), quoted_rows("")] {
        let marks = ["\"_airbyte_extracted_at\":", "\"_airbyte_raw_id\","];
        let mark = marks.iter().find_map(|mark| Some(text.find(mark)? + mark.len())).unwrap();
        let line = text.find('\n').unwrap();
        for key in ["a", "a.csv"] {
            for cut in [mark, mark + 1, line - 1] {
                let outcome = read(key, &text.as_bytes()[..cut], &mut |_| Ok(true));
                assert!(matches!(outcome, Err(ReadError::Defect(_))), "{key} {:.50} {cut}: {outcome:?}", text);
                let mut damaged = text.as_bytes()[..=line].to_vec();
                damaged[cut] = 0xff;
                let outcome = read(key, damaged.as_slice(), &mut |_| Ok(true));
                assert!(matches!(outcome, Err(ReadError::Defect(_))), "{key} {:.50} {cut}: {outcome:?}", text);
            }
        }
    }
}

/// An upload to the bucket is whole or not there, so a cut at the end of a row needs no proof. Any other does.
#[test]
fn an_object_that_is_cut_anywhere_is_an_error() {
    for form in forms() {
        let whole = object(form, 2);
        let key = "a.csv.gz";
        let ends = [1, 2].map(|rows| object(form, rows).len());
        for cut in 0..whole.len() {
            let (rows, outcome) = rows(key, &whole[..cut]);
            let is_line_end = form.2 == Compression::None
                && (ends.contains(&cut) || form.0 == Format::Jsonl && ends.contains(&(cut + 1)));
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
        ("a.csv", b"\r\n\r\n"),
        ("some.tar.gz", b"\x1f\x8b\x08\x00 no gzip"),
        ("a.txt.gz", &gzip(b"something else")),
        ("a.csv.gz", &gzip(b"Id,Name\n1,Acme\n")),
        ("a.csv", b"\"Id\",\"Name\"\r\n\"1\",\"_airbyte_raw_id\"\r\n"),
        ("a.csv", b"Id,\"no end of the quotes\r\n_airbyte,1\r\n"),
        ("a.csv", b"Id;Name\r\n_airbyte_raw_id,_airbyte_data\r\n"),
        ("a.jsonl", b"{\"Name\":\"_airbyte_raw_id\",\"x\":{\"_airbyte_data\":1,\"sf__Error\":\"\"}}\n"),
        ("a.jsonl", b"{\"Name\":\"_airbyte_raw_id\", broken\n{\"_airbyte_raw_id\":1,\"_airbyte_data\":{}}\n"),
        ("a.jsonl", b"{\"Name\":\"\xff\"}\n"),
        ("a.jsonl", b"[{\"_airbyte_raw_id\":\"1\",\"_airbyte_data\":{\"sf__Error\":\"\"}}]\n"),
        ("a.csv", b"\xff\xfeI\x00d\x00,\x00"),
    ];
    for (key, bytes) in cases {
        let (rows, outcome) = rows(key, bytes);
        assert!(matches!(outcome, Ok(false)) && rows.is_empty(), "{key}: {outcome:?}");
    }
}

/// Whatever it is, no more of it is held than of a line that can be one of ours.
#[test]
fn an_endless_object_of_someone_else_is_skipped() {
    let endless = |start: &'static str, byte: u8| std::io::Read::chain(start.as_bytes(), std::io::repeat(byte));
    for (start, bytes) in [("Id,Name", &[b'x', b',', b'"', 0xff][..]), ("\"", b"x\n"), ("", &[b'\n', b' ', 0])] {
        for byte in bytes {
            let outcome = read("a.csv", endless(start, *byte), &mut |_| Ok(true));
            assert!(matches!(outcome, Ok(false)), "{start} {byte}: {outcome:?}");
        }
    }
    for (start, byte) in [("{\"a\":\"", b'x'), ("{\"a\":1}", 0xff), ("{\"a\":[", b'[')] {
        let lines = std::io::BufReader::new(endless(start, byte));
        let outcome = super::jsonl::read(lines, 1 << 20, &mut |_| Ok(true));
        assert!(matches!(outcome, Ok(false)), "{start} {byte}: {outcome:?}");
    }
}

fn settings(path_format: &str) -> StorageSettings {
    StorageSettings {
        place: Place::Folder("/data".into()),
        bucket_path: Some("/salesforce//rejected/".to_owned()),
        format: Format::Csv,
        flattening: Flattening::None,
        compression: Compression::None,
        path_format: path_format.to_owned(),
        file_name_format: FileNameFormat::parse(DEFAULT_FILE_NAME_FORMAT).unwrap(),
    }
}

/// A line of rejected records with this number.
fn line(number: u64) -> String {
    format!(
        "{{\"_airbyte_raw_id\":\"1\",\"_airbyte_extracted_at\":1,\"_airbyte_meta\":{{\"sync_id\":7}},\
         \"_airbyte_data\":{{\"n\":{number},\"rejected_reason\":\"X\"}}}}\n"
    )
}

fn in_folder(folder: &TempDir) -> StorageSettings {
    StorageSettings {
        place: Place::Folder(folder.path().to_owned()),
        bucket_path: None,
        ..settings(DEFAULT_PATH_FORMAT)
    }
}

/// Collects the numbers of records.
struct Numbers(Vec<u64>);

impl RecordSink for Numbers {
    const NEEDS_NAMES: bool = true;

    fn take(&mut self, found: &Found<'_>) -> airbyte::Result<()> {
        let data: serde_json::Value = serde_json::from_str(found.data.get()).unwrap();
        self.0.push(data["n"].as_u64().unwrap());
        Ok(())
    }
}

#[tokio::test]
async fn a_bucket_with_more_objects_than_are_held_at_once_is_read_whole_and_in_order() {
    const OBJECTS: u64 = 60;
    let server = ObjectStore::start(&["rejects"]).await.unwrap();
    let put = |key: &str, text: &str| server.put("rejects", &format!("salesforce/rejected/{key}"), text.as_bytes());
    put("_journal/entry", "1").unwrap();
    for number in 0..OBJECTS {
        put(&format!("7/contacts/f_{number}.jsonl"), &line(number)).unwrap();
    }
    put("7/contacts/readme.txt", "Hello").unwrap();
    put("_salesforce_successes/7/contacts/f_0.jsonl", "{}").unwrap();
    let bucket = BucketSettings {
        access_key: Some(AccessKey { id: server.access_key.clone(), secret: server.secret_key.clone().into() }),
        role_arn: None,
        bucket: BucketName::parse("rejects").unwrap(),
        region: None,
        endpoint: Some(server.endpoint.parse().unwrap()),
    };
    let settings = StorageSettings { place: Place::Bucket(bucket), ..settings(DEFAULT_PATH_FORMAT) };
    for most_waiting_bytes in [usize::MAX, 1_000, 0] {
        let reader = Box::pin(RejectedReader::open(&settings, "_journal")).await.unwrap();
        let reader = reader.with_waiting_bytes(most_waiting_bytes);
        let (selection, progress) = (Selection::default(), Arc::default());
        let (numbers, findings) = Box::pin(reader.read(&selection, Numbers(Vec::new()), &progress)).await.unwrap();
        assert_eq!(numbers.0, (0..OBJECTS).collect::<Vec<u64>>(), "{most_waiting_bytes}");
        assert_eq!((findings.records, findings.objects, findings.others), (OBJECTS, OBJECTS, 3));
        let notes = findings.notes(&selection).concat();
        let others = "1 objects are skipped, because their first lines are not those of rejected records: \
                      salesforce/rejected/7/contacts/readme.txt.";
        assert!(notes.contains(others) && !notes.contains("_journal"), "{notes}");
    }
}

fn owner(path_format: &str, key: &str, header: Option<&str>, sync_id: Option<i64>) -> Owner {
    let settings = settings(path_format);
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
