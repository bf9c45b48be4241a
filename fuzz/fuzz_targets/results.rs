//! Reads the CSV of a job's results, as it arrives in pieces.
//!
//! The first byte is the size of a piece. The rows must not depend on it, and must be those that another reader finds.
//! Rows that another writer writes must be read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use salesforce::{FaultKind, ResultRow, RowReader};

type Rows = Vec<Vec<String>>;

/// The mark that may begin a text. A reader knows it only if it is in one piece.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fuzz_target!(|data: &[u8]| {
    let Some((size, csv)) = data.split_first() else { return };
    let (rows, end) = read(csv, csv.len().max(1));
    let size = usize::from(*size).max(if csv.starts_with(BYTE_ORDER_MARK) { 3 } else { 1 });
    let in_pieces = read(csv, size);
    assert_eq!((&rows, end), (&in_pieces.0, in_pieces.1));

    let mut other_rows = rows_of_another_reader(csv);
    if end.is_some() {
        // The other reader takes the part before the cut for a row.
        other_rows.truncate(rows.len());
    }
    assert_eq!(rows, other_rows);
    assert!(end.is_none_or(|kind| kind == FaultKind::Transient));

    let written = written(&rows);
    assert_eq!(read(&written, size), (rows, None));
});

/// The rows of a CSV that arrives in pieces of `size` bytes, and the fault that ends them.
fn read(csv: &[u8], size: usize) -> (Rows, Option<FaultKind>) {
    let (mut reader, mut row, mut rows) = (RowReader::new(), ResultRow::default(), Rows::new());
    let cells = |row: &ResultRow| row.iter().map(str::to_owned).collect::<Vec<_>>();
    for mut piece in csv.chunks(size) {
        loop {
            match reader.read(&mut piece, &mut row) {
                Ok(true) => rows.push(cells(&row)),
                Ok(false) => break,
                Err(fault) => return (rows, Some(fault.kind())),
            }
        }
    }
    match reader.finish(&mut row) {
        Ok(true) => rows.push(cells(&row)),
        Ok(false) => {}
        Err(fault) => return (rows, Some(fault.kind())),
    }
    (rows, None)
}

fn rows_of_another_reader(csv: &[u8]) -> Rows {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv);
    let cells = |row: csv::ByteRecord| row.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
    reader.byte_records().map(|row| cells(row.unwrap())).collect()
}

/// The rows as Salesforce writes them.
fn written(rows: &Rows) -> Vec<u8> {
    let style = csv::QuoteStyle::Always;
    let mut writer = csv::WriterBuilder::new().flexible(true).quote_style(style).from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.into_inner().unwrap()
}
