//! The data of records on their way into CSV and back.
//!
//! The first byte chooses what nulls do, the key and the line around the data, the second the columns; then comes the data of one record a line,
//! all of which one converter takes. What becomes of a record does not depend on those before it, and is what the model
//! says; the row is one of CSV to another reader, and gives the values back.
#![no_main]

use airbyte::RecordReader;
use destination_salesforce::config::NullHandling;
use destination_salesforce::convert::{Columns, Converter, Key, KeyComparison, restore, write_row};
use destination_salesforce_fuzz::columns::chosen;
use destination_salesforce_fuzz::model::{Expected, expected_of};
use destination_salesforce_fuzz::{Outcome, Read, read_plainly, take, take_any};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let [choices, columns, records @ ..] = data else { return };
    let nulls = if choices & 1 == 0 { NullHandling::Ignore } else { NullHandling::Clear };
    let key = match choices >> 1 & 7 {
        1 => Some(("T__c", KeyComparison::Exact)),
        2 => Some(("T__c", KeyComparison::IgnoreCase)),
        3 => Some(("N__c", KeyComparison::Number)),
        4 => Some(("T__c", KeyComparison::Id)),
        _ => None,
    };
    let key = key.map(|(field, comparison)| Key { field: field.to_owned(), comparison });
    let mut converter = Converter::new(Arc::new(Columns::new(chosen(*columns), key)), nulls);
    let mut read = RecordReader::default();
    for data in records.split(|byte| *byte == b'\n') {
        let Ok(data) = str::from_utf8(data) else { continue };
        let message = match choices >> 4 {
            0 => format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{data}}}}}"#),
            1 => format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{data},"emitted_at":1790000000000}}}}"#),
            2 => format!(r#"{{"record":{{"emitted_at":{},"stream":"s","data":{data}}},"type":"RECORD"}}"#, data.len()),
            _ => format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{data},"namespace":"n"}}}}"#),
        };
        let outcome = take(&mut read, &mut converter, &message);
        let mut fresh = Converter::new(Arc::clone(converter.columns()), nulls);
        assert_eq!(outcome, take_any(&mut fresh, &message), "neither the records before matter nor the way");
        if let Outcome::Row { .. } = outcome {
            assert_eq!(converter.truncated(), fresh.truncated());
        }
        match read_plainly(message.as_bytes()) {
            Read::Record { data, .. } => judge(outcome, &expected_of(data, converter.columns(), nulls), &converter),
            Read::Nothing => assert_eq!(outcome, Outcome::NoRecord),
            _ => assert_eq!(outcome, Outcome::NotAsked),
        }
    }
});

fn judge(outcome: Outcome, expected: &Expected, converter: &Converter) {
    let columns = converter.columns();
    let (csv, key) = match (outcome, expected) {
        (Outcome::NoRecord, Expected::NoObject) => return,
        (Outcome::Refused, Expected::Refused) => return,
        (Outcome::Refused, Expected::Row(row)) => {
            let lacks_key = columns.key().is_some_and(|key| {
                let column = columns.iter().position(|column| column.is_named(&key.field));
                column.is_none_or(|it| row.cells[it].is_blank())
            });
            assert!(row.may_be_refused || lacks_key || columns.is_empty(), "refused: {row:?}");
            return;
        }
        (Outcome::Row { csv, key, .. }, Expected::Row(_)) => (csv, key),
        (outcome, expected) => panic!("{outcome:?} and {expected:?}"),
    };
    let Expected::Row(expected) = expected else { return };

    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&*csv);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!((rows.len(), rows[0].len(), csv.last()), (1, columns.len(), Some(&b'\n')), "{csv:?}");
    assert!(!csv.contains(&b'\r'));
    // Rows that come back are found by being written anew.
    let mut written = Vec::new();
    write_row(&mut written, &rows[0]);
    assert_eq!(csv, written);
    assert_eq!(key.is_some(), columns.key().is_some());

    let restored = restore(columns, &rows[0]);
    for ((column, cell), expected) in columns.iter().zip(&rows[0]).zip(&expected.cells) {
        expected.hold_against(cell, column, &restored);
    }
}
