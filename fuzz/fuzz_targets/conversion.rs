//! Converts the data of records into CSV and back.
//!
//! The first byte chooses the handling of nulls, the key and the message around the data, the second the columns. Each
//! line that follows is the data of a record; one converter converts them all. The result must not depend on earlier
//! records and must be that of the model. Another reader of CSV must read the row, and the values must be restored.
#![no_main]

use airbyte::RecordReader;
use destination_salesforce::config::NullHandling;
use destination_salesforce::convert::{Columns, Converter, Key, KeyComparison, restore, write_row};
use destination_salesforce_fuzz::columns::choose;
use destination_salesforce_fuzz::model::{Expected, expect};
use destination_salesforce_fuzz::{Outcome, PlainMessage, convert, convert_any, read_plainly};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let [choices, columns, records @ ..] = data else { return };
    let nulls = if choices & 1 == 0 { NullHandling::Ignore } else { NullHandling::Clear };
    let key = match choices >> 1 & 7 {
        1 => Some(("T__c", KeyComparison::Exact)),
        2 => Some(("T__c", KeyComparison::IgnoreCase)),
        3 => Some(("N__c", KeyComparison::Number { scale: 2 })),
        4 => Some(("T__c", KeyComparison::Id)),
        5 => Some(("T__c", KeyComparison::Text)),
        _ => None,
    };
    let key = key.map(|(field, comparison)| Key { field: field.to_owned(), comparison });
    let mut converter = Converter::new(Arc::new(Columns::new(choose(*columns), key)), nulls);
    let mut record_reader = RecordReader::default();
    for data in records.split(|byte| *byte == b'\n') {
        let Ok(data) = str::from_utf8(data) else { continue };
        let message = match choices >> 4 {
            0 => format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{data}}}}}"#),
            1 => format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{data},"emitted_at":1790000000000}}}}"#),
            2 => format!(r#"{{"record":{{"emitted_at":{},"stream":"s","data":{data}}},"type":"RECORD"}}"#, data.len()),
            _ => format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{data},"namespace":"n"}}}}"#),
        };
        let outcome = convert(&mut record_reader, &mut converter, &message);
        let mut fresh = Converter::new(Arc::clone(converter.columns()), nulls);
        assert_eq!(outcome, convert_any(&mut fresh, &message), "earlier records and the way must not matter");
        if let Outcome::Row { .. } = outcome {
            assert_eq!(converter.truncated(), fresh.truncated());
        }
        match read_plainly(message.as_bytes()) {
            PlainMessage::Record { data, .. } => check(outcome, &expect(data, converter.columns(), nulls), &converter),
            PlainMessage::Invalid => assert_eq!(outcome, Outcome::Invalid),
            _ => assert_eq!(outcome, Outcome::OtherMessage),
        }
    }
});

fn check(outcome: Outcome, expected: &Expected, converter: &Converter) {
    let columns = converter.columns();
    let (csv, key) = match (outcome, expected) {
        (Outcome::Invalid, Expected::NotAnObject) => return,
        (Outcome::Rejected, Expected::Rejected) => return,
        (Outcome::Rejected, Expected::Row(row)) => {
            let lacks_key = columns.key().is_some_and(|key| {
                let column = columns.iter().position(|column| column.is_named(&key.field));
                column.is_none_or(|it| row.cells[it].is_blank())
            });
            assert!(row.may_be_rejected || lacks_key || columns.is_empty(), "rejected: {row:?}");
            return;
        }
        (Outcome::Row { csv, key, .. }, Expected::Row(_)) => (csv, key),
        (outcome, expected) => panic!("{outcome:?} and {expected:?}"),
    };
    let Expected::Row(expected) = expected else { return };

    // A header stands before the first row, as in a batch. Without it the reader would drop the mark U+FEFF of a text.
    let batch = [b"header\n", &*csv].concat();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(&*batch);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!((rows.len(), rows[0].len(), csv.last()), (1, columns.len(), Some(&b'\n')), "{csv:?}");
    assert!(!csv.contains(&b'\r'));
    // A row that Salesforce returns is found by its hash, so its cells must be written as the same row.
    let mut written = Vec::new();
    write_row(&mut written, &rows[0]);
    assert_eq!(csv, written);
    assert_eq!(key.is_some(), columns.key().is_some());

    let restored = restore(columns, &rows[0], None);
    for ((column, cell), expected) in columns.iter().zip(&rows[0]).zip(&expected.cells) {
        expected.check(cell, column, &restored);
    }
}
