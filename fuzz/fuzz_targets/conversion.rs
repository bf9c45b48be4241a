//! The data of records on their way into CSV and back.
//!
//! The first byte chooses what nulls do and the key, the second the columns; then comes the data of one record a line,
//! all of which one converter takes. What becomes of a record does not depend on those before it, and is what the model
//! says; the row is one of CSV to another reader, and gives the values back.
#![no_main]

use destination_salesforce::config::NullHandling;
use destination_salesforce::convert::{Columns, Converter, Key, KeyComparison, cell_hash, restore, row_hash};
use destination_salesforce::protocol::input::{Message, parse};
use destination_salesforce_fuzz::columns::{chosen, decide};
use destination_salesforce_fuzz::model::{Expected, expected_of};
use destination_salesforce_fuzz::{Outcome, Read, convert, read_plainly};
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
    for data in records.split(|byte| *byte == b'\n') {
        let message = [br#"{"type":"RECORD","record":{"stream":"s","data":"#, data, b"}}"].concat();
        let outcome = settled(&mut converter, &message);
        let mut fresh = Converter::new(Arc::clone(converter.columns()), nulls);
        assert_eq!(outcome, settled(&mut fresh, &message), "the records before do not matter");
        match read_plainly(&message) {
            Read::Record { data, .. } => judge(outcome, &expected_of(data, converter.columns(), nulls), &converter),
            Read::Nothing => assert_eq!(outcome, Outcome::NoRecord),
            _ => assert_eq!(outcome, Outcome::NotAsked),
        }
    }
});

/// What becomes of a record when all its fields have been decided about.
fn settled(converter: &mut Converter, message: &[u8]) -> Outcome {
    let record = match parse(message) {
        Ok(Message::Record(record)) => record,
        Ok(_) => return Outcome::NotAsked,
        Err(_) => return Outcome::NoRecord,
    };
    // Each question is about another field, so it cannot be asked more often than there are bytes.
    for _ in 0..=message.len() {
        match convert(converter, &record) {
            Outcome::NewField(path) => decide(converter, path),
            outcome => return outcome,
        }
    }
    panic!("a field is asked about again and again");
}

fn judge(outcome: Outcome, expected: &Expected, converter: &Converter) {
    let columns = converter.columns();
    let (csv, hash, key) = match (outcome, expected) {
        (Outcome::NoRecord, Expected::NoObject) => return,
        (Outcome::Refused, Expected::Refused) => return,
        (Outcome::Refused, Expected::Row(row)) => {
            let lacks_key = columns.key().is_some_and(|key| {
                let column = columns.iter().position(|column| column.is(&key.field));
                column.is_none_or(|it| row.cells[it].is_blank())
            });
            assert!(row.may_be_refused || lacks_key || columns.is_empty(), "refused: {row:?}");
            return;
        }
        (Outcome::Row { csv, hash, key }, Expected::Row(_)) => (csv, hash, key),
        (outcome, expected) => panic!("{outcome:?} and {expected:?}"),
    };
    let Expected::Row(expected) = expected else { return };

    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&*csv);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!((rows.len(), rows[0].len(), csv.last()), (1, columns.len(), Some(&b'\n')), "{csv:?}");
    assert!(!csv.contains(&b'\r'));
    assert_eq!(row_hash(rows[0].iter().map(cell_hash)), hash);
    assert_eq!(key.is_some(), columns.key().is_some());

    let restored = restore(columns, &rows[0]);
    for ((column, cell), expected) in columns.iter().zip(&rows[0]).zip(&expected.cells) {
        expected.hold_against(cell, column, &restored);
    }
}
