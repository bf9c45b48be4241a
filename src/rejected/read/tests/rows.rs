//! What a row says, and where the reading ends.

use super::super::row::StoredRow;
use super::super::{csv, jsonl};
use super::*;

/// The rows of an object, at most so many.
fn read_rows(key: &str, bytes: &[u8], most: usize) -> (Vec<StoredRow>, Result<bool, ReadError>) {
    let mut rows = Vec::new();
    let outcome = read(key, bytes, &mut |row| {
        rows.push(row);
        Ok(rows.len() < most)
    });
    (rows, outcome)
}

#[test]
fn nothing_is_read_behind_the_last_row_that_is_wanted() {
    for form in forms() {
        let mut bytes = object(form, 3);
        for most in 1..=3 {
            let (rows, outcome) = read_rows("a", &bytes, most);
            assert!(matches!(outcome, Ok(true)) && rows.len() == most, "{form:?} {most}: {outcome:?}");
        }
        if form.2 == Compression::None {
            bytes.extend_from_slice(b"damaged\xff\n");
            let (rows, outcome) = read_rows("a", &bytes, 3);
            assert!(matches!(outcome, Ok(true)) && rows.len() == 3, "{form:?}: {outcome:?}");
        }
    }
}

/// The last bytes of gzip prove that all others are there.
#[test]
fn compressed_rows_without_their_proof_are_an_error_whatever_their_name() {
    for format in [Format::Csv, Format::Jsonl] {
        let whole = object((format, Flattening::None, Compression::Gzip), 2);
        for key in ["a", "a.txt", "a.csv.gz"] {
            for missing in 1..=8 {
                let (_, outcome) = read_rows(key, &whole[..whole.len() - missing], usize::MAX);
                assert!(matches!(outcome, Err(ReadError::Defect(_))), "{key} {missing}: {outcome:?}");
            }
        }
    }
}

const ID: &str = "0198f0a2-0000-7000-8000-000000000001";

#[test]
fn each_part_of_a_row_is_read_from_its_own_column() {
    let columns = "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id,Name,sf__Id,sf__Error,\
         rejected_reason,rejected_field,rejected_message";
    let cells = format!("{ID},2026-03-04T05:06:07.089Z,\"{{\"\"sync_id\"\":7}}\",3,Acme,001,E:m:F --,R,F,M");
    let flat_csv = format!("{columns}\r\n{cells}\r\n");
    let of_record = r#""Name":"Acme","sf__Id":"001","sf__Error":"E:m:F --","rejected_reason":"R","rejected_field":"F","rejected_message":"M""#;
    let of_airbyte = format!(
        r#""_airbyte_raw_id":"{ID}","_airbyte_extracted_at":1772600767089,"_airbyte_meta":{{"changes":[],"sync_id":7}}"#
    );
    let flat_jsonl = format!("{{{of_airbyte},{of_record}}}\n");
    let jsonl = format!("{{{of_airbyte},\"_airbyte_data\":{{{of_record}}}}}\n");
    for text in [flat_csv, flat_jsonl, jsonl] {
        let (rows, outcome) = read_rows("a", text.as_bytes(), usize::MAX);
        let ([row], Ok(true)) = (&rows[..], &outcome) else { panic!("{text}: {outcome:?}") };
        let rejection = RejectionDetails {
            salesforce_id: "001".to_owned(),
            error: "E:m:F --".to_owned(),
            reason: "R".to_owned(),
            field: "F".to_owned(),
            message: "M".to_owned(),
        };
        assert_eq!(row.rejection, rejection, "{text}");
        assert_eq!((row.id.as_str(), row.extracted_at_ms, row.sync_id), (ID, 1_772_600_767_089, Some(7)), "{text}");
        assert_eq!(row.data.get(), r#"{"Name":"Acme"}"#, "{text}");
    }
}

#[test]
fn a_row_that_lacks_a_part_is_read_as_far_as_it_says_something() {
    let row = |of_airbyte: &str, of_record: &str| {
        let text = format!(
            "{{\"_airbyte_raw_id\":\"{ID}\",\"_airbyte_extracted_at\":1{of_airbyte},\"_airbyte_data\":{{{of_record}}}}}\n"
        );
        let (mut rows, outcome) = read_rows("a", text.as_bytes(), usize::MAX);
        assert!(matches!(outcome, Ok(true)) && rows.len() == 1, "{text}: {outcome:?}");
        rows.remove(0)
    };
    for (meta, sync_id) in [
        ("", None),
        (r#","_airbyte_meta":{}"#, None),
        (r#","_airbyte_meta":null"#, None),
        (r#","_airbyte_meta":{"sync_id":null}"#, None),
        (r#","_airbyte_meta":{"sync_id":0}"#, Some(0)),
        (r#","_airbyte_meta":{"id":4,"sync_id":5}"#, Some(5)),
    ] {
        assert_eq!(row(meta, r#""rejected_reason":"R""#).sync_id, sync_id, "{meta}");
    }
    for (of_record, reason, error) in [
        (r#""rejected_reason":"R""#, "R", ""),
        (r#""sf__Error":"E_2:m:--""#, "E_2", "E_2:m:--"),
        (r#""sf__Error":"E_2:m:--","rejected_reason":null"#, "E_2", "E_2:m:--"),
        (r#""sf__Error":"E_2:m:--","rejected_reason":"R""#, "R", "E_2:m:--"),
        (r#""sf__Error":"it went wrong: badly""#, "", "it went wrong: badly"),
    ] {
        let row = row("", of_record);
        assert_eq!((row.rejection.reason.as_str(), row.rejection.error.as_str()), (reason, error), "{of_record}");
        assert_eq!(row.data.get(), "{}", "{of_record}");
    }
}

/// Its beginning may be that of another name.
#[test]
fn a_name_that_is_not_unicode_is_that_of_a_column_of_the_record() {
    let data = r#"{"rejected_reason":"R","rejected_reason\ud800":"x","_airbyte_data\ud800":1}"#;
    for text in [
        format!("{{\"_airbyte_raw_id\":\"1\",\"_airbyte_extracted_at\":1,\"_airbyte_data\":{data}}}\n"),
        format!("{{\"_airbyte_raw_id\":\"1\",\"_airbyte_extracted_at\":1,{}\n", &data[1..]),
    ] {
        let (rows, outcome) = read_rows("a", text.as_bytes(), usize::MAX);
        assert!(matches!(outcome, Ok(true)), "{text}: {outcome:?}");
        assert_eq!(rows[0].data.get(), r#"{"rejected_reason\ud800":"x","_airbyte_data\ud800":1}"#, "{text}");
        assert_eq!(rows[0].rejection.reason, "R", "{text}");
    }
}

/// A record is printed in one line.
#[test]
fn the_line_breaks_of_json_become_spaces() {
    let header = "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id,_airbyte_data\r\n";
    let data = "{\n  \"a\": [1,\r\n2],\n \"rejected_reason\": \"R\"\n}";
    let text = format!("{header}1,1,,0,\"{}\"\r\n", data.replace('"', "\"\""));
    let (rows, _) = read_rows("a", text.as_bytes(), usize::MAX);
    assert_eq!(rows[0].data.get(), "{\"a\":[1,  2]}");
}

#[test]
fn the_time_of_a_rejection_is_in_an_id_of_version_7_alone() {
    for (id, expected) in [
        (ID, Some("2025-08-28T12:23:25.44Z")),
        ("0198f0a2-0000-1000-8000-000000000001", None),
        ("1eef0a2a-0000-6000-8000-000000000001", None),
        ("0198f0a2-0000-4000-8000-000000000001", None),
        ("1", None),
        ("", None),
    ] {
        let text = format!(
            "{{\"_airbyte_raw_id\":\"{id}\",\"_airbyte_extracted_at\":1,\"_airbyte_data\":{{\"rejected_reason\":\"R\"}}}}\n"
        );
        let (rows, _) = read_rows("a", text.as_bytes(), usize::MAX);
        assert_eq!(rows[0].rejected_at().map(|time| time.to_string()).as_deref(), expected, "{id}");
    }
}

/// A line or a row may be as long as a record and the reason of its rejection, and no longer.
#[test]
fn a_row_as_long_as_any_can_be_is_read_and_a_longer_one_is_an_error() {
    let line = format!(
        "{{\"_airbyte_raw_id\":\"{ID}\",\"_airbyte_extracted_at\":1,\"_airbyte_data\":{{\"rejected_reason\":\"R\"}}}}"
    );
    let short = line.replace(ID, "1");
    for (longest, is_read) in [(line.len() + 1, true), (line.len(), true), (line.len() - 1, false)] {
        for text in [format!("{short}\n{line}\n"), format!("{short}\n{line}")] {
            let mut rows = 0;
            let outcome = jsonl::read(text.as_bytes(), longest, &mut |_| {
                rows += 1;
                Ok(true)
            });
            assert_eq!((rows, outcome.is_ok()), if is_read { (2, true) } else { (1, false) }, "{longest} {outcome:?}");
        }
    }
    let header = "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id,_airbyte_data\r\n";
    let long =
        format!("{header}1,1,,0,\"{{\"\"a\"\":\"\"{}\"\",\"\"rejected_reason\"\":\"\"R\"\"}}\"\r\n", "x".repeat(5_000));
    for (longest, is_read) in [(6_000, true), (4_000, false)] {
        let mut rows = 0;
        let outcome = csv::read(long.as_bytes(), longest, &mut |_| {
            rows += 1;
            Ok(true)
        });
        assert_eq!((rows, outcome.is_ok()), if is_read { (1, true) } else { (0, false) }, "{longest} {outcome:?}");
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
        (format!("{header}1,1,,0,{quoted}\r\n1,1,,0,{quoted},x\r\n"), "row 2 cannot be read: it has not as many cells"),
        (format!("{header}1,1,,0,{quoted},\r\n"), "row 1 cannot be read: it has not as many cells"),
        (format!("{header}1,1,,0,{quoted}\r\n1,1,,0,secret\r\n"), "row 2 cannot be read: its `_airbyte_data`"),
        (format!("{header}1,1,,0,{quoted}\r\n1,1,,0,{{}}\r\n"), "row 2 cannot be read: it does not say why"),
        (format!("{header}1,1,,0,{quoted}\r\n1,soon,,0,{quoted}\r\n"), "row 2 cannot be read: its `_airbyte_extr"),
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
