//! A batch: the CSV of one job, held compressed, and what must be known of its rows afterwards.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::budget::Lease;
use super::mark::{Found, Marks, SegmentId};
use crate::convert::{Columns, Refusal, Row, write_row};
use crate::salesforce::job::CsvBody;

/// How much CSV is compressed at once. It is the window within which LZ4 finds repetitions, and an open batch holds
/// this much uncompressed.
const PIECE: usize = 64 * 1024;

/// A batch that still takes rows.
#[derive(Debug)]
pub(super) struct OpenBatch {
    columns: Arc<Columns>,
    opened_at: Instant,
    pieces: Vec<Box<[u8]>>,
    pieces_size: usize,
    /// CSV that has not been compressed yet.
    tail: Vec<u8>,
    length: u64,
    marks: Marks,
    refused: Vec<RefusedRecord>,
    refused_size: usize,
    lease: Lease,
}

/// A record that was refused before it was sent.
#[derive(Debug)]
pub(super) struct RefusedRecord {
    pub(super) record: Found,
    pub(super) data: Box<RawValue>,
    pub(super) refusal: Refusal,
}

impl OpenBatch {
    /// A batch of rows with these columns.
    pub(super) fn new(columns: Arc<Columns>, lease: Lease) -> Self {
        let mut batch = Self {
            opened_at: Instant::now(),
            pieces: Vec::new(),
            pieces_size: 0,
            tail: Vec::with_capacity(PIECE),
            length: 0,
            marks: Marks::default(),
            refused: Vec::new(),
            refused_size: 0,
            lease,
            columns,
        };
        let mut header = Vec::new();
        write_row(&mut header, batch.columns.iter().map(crate::convert::Column::header));
        batch.append(&header);
        batch.account();
        batch
    }

    /// Whether a row of `length` bytes can be added without passing `limit`. A row that passes it on its own travels alone.
    pub(super) fn has_room(&self, length: usize, limit: usize) -> bool {
        self.marks.len() == 0 || self.length + length as u64 <= limit as u64
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: Row<'_>, record: Found) {
        self.append(row.csv);
        self.marks.push(row.hash, record);
        self.account();
    }

    /// Adds a record that is not sent. It is kept with the batch, so that it is stored with the rows around it.
    pub(super) fn refuse(&mut self, record: RefusedRecord) {
        self.refused_size += record.data.get().len() + record.refusal.message.len() + size_of::<RefusedRecord>();
        self.refused.push(record);
        self.account();
    }

    fn append(&mut self, csv: &[u8]) {
        self.length += csv.len() as u64;
        self.tail.extend_from_slice(csv);
        if self.tail.len() >= PIECE {
            self.compress();
        }
    }

    fn compress(&mut self) {
        let piece = lz4_flex::block::compress_prepend_size(&self.tail).into_boxed_slice();
        self.pieces_size += piece.len();
        self.pieces.push(piece);
        self.tail.clear();
    }

    fn account(&mut self) {
        self.lease.set(self.pieces_size + self.tail.capacity() + self.marks.size() + self.refused_size);
    }

    /// When the first record came.
    pub(super) fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// The bytes held.
    pub(super) fn held(&self) -> usize {
        self.lease.bytes()
    }

    /// How many bytes the records would take as CSV, those included that are not sent.
    pub(super) fn length(&self) -> u64 {
        self.length + self.refused_size as u64
    }

    /// The batch as it is.
    pub(super) fn seal(mut self) -> Batch {
        if !self.tail.is_empty() {
            self.compress();
        }
        self.tail = Vec::new();
        self.account();
        Batch {
            columns: self.columns,
            csv: Arc::new(Csv { pieces: self.pieces, length: self.length }),
            marks: self.marks,
            refused: self.refused,
            lease: self.lease,
        }
    }
}

/// A batch that is complete.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) columns: Arc<Columns>,
    csv: Arc<Csv>,
    pub(super) marks: Marks,
    pub(super) refused: Vec<RefusedRecord>,
    lease: Lease,
}

impl Batch {
    /// How many rows are to be sent.
    pub(super) fn rows(&self) -> u64 {
        self.marks.len() as u64
    }

    /// The CSV with its header.
    pub(super) fn csv(&self) -> Arc<dyn CsvBody> {
        Arc::<Csv>::clone(&self.csv)
    }

    /// Lets go of the CSV once it has been taken.
    pub(super) fn drop_csv(&mut self) {
        self.csv = Arc::default();
        self.lease.set(self.marks.size());
    }

    /// How many records of each segment the batch holds, sent or not.
    pub(super) fn records_by_segment(&self) -> std::collections::HashMap<SegmentId, u64> {
        let mut counts = self.marks.rows_by_segment();
        for refused in &self.refused {
            *counts.entry(refused.record.segment).or_default() += 1;
        }
        counts
    }
}

/// Compressed CSV.
#[derive(Debug, Default)]
struct Csv {
    pieces: Vec<Box<[u8]>>,
    length: u64,
}

impl CsvBody for Csv {
    fn len(&self) -> u64 {
        self.length
    }

    fn pieces(self: Arc<Self>) -> Box<dyn Iterator<Item = Bytes> + Send> {
        let count = self.pieces.len();
        Box::new((0..count).map(move |index| {
            // What was compressed here decompresses; an empty piece would make the upload end short of its length.
            lz4_flex::block::decompress_size_prepended(&self.pieces[index]).map(Bytes::from).unwrap_or_default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::*;
    use crate::convert::{Column, FieldPath, Kind};
    use crate::protocol::catalog::JsonTypes;

    fn columns() -> Arc<Columns> {
        let kind = Kind::Text { longest: None };
        Arc::new(Columns::new(vec![Column::new(FieldPath::top("a"), "A__c", kind, JsonTypes::default())], None))
    }

    fn text(batch: &Batch) -> String {
        let pieces: Vec<Bytes> = batch.csv().pieces().collect();
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[test]
    fn the_csv_comes_back_as_it_was_written_and_as_often_as_asked() {
        let budget = Budget::new(usize::MAX);
        let mut batch = OpenBatch::new(columns(), budget.lease());
        let mut expected = String::from("A__c\n");
        for number in 0..40_000_i64 {
            let row = format!("row {number} of a batch that repeats itself\n");
            batch.push(Row { csv: row.as_bytes(), hash: 0 }, Found { segment: 1, extracted_at_ms: number });
            expected.push_str(&row);
        }
        assert!(batch.held() < expected.len(), "it is held compressed");
        let mut batch = batch.seal();
        assert_eq!(batch.csv().len(), expected.len() as u64);
        assert_eq!(batch.rows(), 40_000);
        assert!(text(&batch) == expected && text(&batch) == expected);
        let before = budget.used();
        batch.drop_csv();
        assert!(budget.used() < before);
        drop(batch);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn room_is_measured_before_the_row_that_would_pass_the_limit() {
        let budget = Budget::new(usize::MAX);
        let mut batch = OpenBatch::new(columns(), budget.lease());
        let limit = "A__c\n12345\n12345\n".len();
        assert!(batch.has_room(1_000, limit), "a row over the limit travels alone");
        let record = Found { segment: 1, extracted_at_ms: 0 };
        batch.push(Row { csv: b"12345\n", hash: 0 }, record);
        assert!(batch.has_room(6, limit));
        assert!(!batch.has_room(7, limit));
        batch.push(Row { csv: b"12345\n", hash: 0 }, record);
        assert_eq!(batch.seal().csv().len(), limit as u64);
    }
}
