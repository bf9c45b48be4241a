//! A batch: the CSV of one job, held compressed, and what must be known of its rows afterwards.

pub(super) mod chunked_vec;
pub(super) mod compressed_csv;
pub(super) mod origin;
mod row_keys;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::convert::{Columns, Rejection, Row, row_hash, write_row};
use crate::pipeline::batch::compressed_csv::{CompressedCsv, PIECE_SIZE};
use crate::pipeline::batch::origin::{Origin, RowOrigins, SegmentId};
use crate::pipeline::batch::row_keys::RowKeys;
use crate::pipeline::budget::Lease;
use crate::pipeline::job::event::Settlement;
use crate::pipeline::job::reason::RejectionReasons;
use salesforce::CsvBody;

/// A batch that still takes rows.
#[derive(Debug)]
pub(in crate::pipeline) struct OpenBatch {
    columns: Arc<Columns>,
    opened_at: Instant,
    packed: CompressedCsv,
    /// CSV that has not been compressed yet.
    tail: Vec<u8>,
    length: u64,
    header_length: usize,
    marks: RowOrigins,
    keyed: RowKeys,
    refused: Vec<LocalRejection>,
    refused_size: usize,
    lease: Lease,
}

/// A record that was refused before it was sent.
#[derive(Debug)]
pub(in crate::pipeline) struct LocalRejection {
    pub(in crate::pipeline) record: Origin,
    pub(in crate::pipeline) data: Box<RawValue>,
    pub(in crate::pipeline) refusal: Rejection,
}

impl OpenBatch {
    /// A batch of rows with these columns.
    pub(in crate::pipeline) fn new(columns: Arc<Columns>, lease: Lease) -> Self {
        let mut batch = Self {
            opened_at: Instant::now(),
            packed: CompressedCsv::default(),
            tail: Vec::with_capacity(PIECE_SIZE),
            length: 0,
            header_length: 0,
            marks: RowOrigins::default(),
            keyed: RowKeys::default(),
            refused: Vec::new(),
            refused_size: 0,
            lease,
            columns,
        };
        let mut header = Vec::new();
        write_row(&mut header, batch.columns.iter().map(crate::convert::Column::header));
        batch.append(&header);
        batch.header_length = header.len();
        batch.account();
        batch
    }

    /// Whether a row of `length` bytes can be added without passing `limit`. A row that passes it on its own travels alone.
    pub(in crate::pipeline) fn has_room(&self, length: usize, limit: usize) -> bool {
        self.marks.len() == 0 || self.length + length as u64 <= limit as u64
    }

    /// Adds a row.
    pub(in crate::pipeline) fn push(&mut self, row: Row<'_>, record: Origin) {
        if let Some(key) = row.key {
            self.keyed.push(key, row.csv.len());
        }
        self.append(row.csv);
        self.marks.push(row_hash(row.csv), record);
        self.account();
    }

    /// Adds a record that is not sent. It is kept with the batch, so that it is stored with the rows around it.
    pub(in crate::pipeline) fn refuse(&mut self, record: LocalRejection) {
        self.refused_size += record.data.get().len() + record.refusal.message.len() + size_of::<LocalRejection>();
        self.refused.push(record);
        self.account();
    }

    fn append(&mut self, csv: &[u8]) {
        self.length += csv.len() as u64;
        self.tail.extend_from_slice(csv);
        if self.tail.len() >= PIECE_SIZE {
            self.compress();
        }
    }

    fn compress(&mut self) {
        if !self.tail.is_empty() {
            self.packed.push(&self.tail);
            self.tail.clear();
        }
    }

    fn account(&mut self) {
        let rows = self.marks.size() + self.keyed.size();
        self.lease.set(self.packed.size() + self.tail.capacity() + rows + self.refused_size);
    }

    /// When the first record came.
    pub(in crate::pipeline) fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// The bytes held.
    pub(in crate::pipeline) fn held(&self) -> usize {
        self.lease.bytes()
    }

    /// How many bytes the records would take as CSV, those included that are not sent.
    pub(in crate::pipeline) fn length(&self) -> u64 {
        self.length + self.refused_size as u64
    }

    /// The batch as it is to be sent: of rows that mean one record, the last.
    pub(in crate::pipeline) fn seal(mut self) -> Batch {
        self.compress();
        let superseded = self.drop_superseded();
        self.tail = Vec::new();
        self.account();
        Batch {
            columns: self.columns,
            csv: Arc::new(self.packed),
            marks: self.marks,
            superseded,
            refused: self.refused,
            refused_size: self.refused_size,
            lease: self.lease,
        }
    }

    /// Takes out the rows after which another of the same record came, and counts them by their segments.
    fn drop_superseded(&mut self) -> HashMap<SegmentId, u64> {
        let keyed = std::mem::take(&mut self.keyed);
        let Some(superseded) = keyed.superseded() else { return HashMap::new() };
        let packed = Arc::new(std::mem::take(&mut self.packed));
        self.length = 0;
        let mut rows = keyed.lengths().zip(&superseded);
        let mut header = self.header_length;
        // A row, and the header too, lies in one piece as a whole.
        for piece in packed.pieces() {
            let (begin, mut rest) = piece.split_at(std::mem::take(&mut header));
            self.append(begin);
            while !rest.is_empty()
                && let Some((length, is_superseded)) = rows.next()
            {
                let (csv, after) = rest.split_at(length);
                if !is_superseded {
                    self.append(csv);
                }
                rest = after;
            }
        }
        self.compress();
        self.marks.remove(&superseded)
    }
}

/// A batch that is complete.
#[derive(Debug)]
pub(in crate::pipeline) struct Batch {
    pub(in crate::pipeline) columns: Arc<Columns>,
    csv: Arc<CompressedCsv>,
    pub(in crate::pipeline) marks: RowOrigins,
    /// How many records of each segment are not sent because a later one of the batch means the same record.
    superseded: HashMap<SegmentId, u64>,
    pub(in crate::pipeline) refused: Vec<LocalRejection>,
    refused_size: usize,
    lease: Lease,
}

impl Batch {
    /// How many rows are to be sent.
    pub(in crate::pipeline) fn rows(&self) -> u64 {
        self.marks.len() as u64
    }

    /// The CSV with its header.
    pub(in crate::pipeline) fn csv(&self) -> Arc<dyn CsvBody> {
        Arc::<CompressedCsv>::clone(&self.csv)
    }

    /// Lets go of the CSV once it has been taken.
    pub(in crate::pipeline) fn drop_csv(&mut self) {
        self.csv = Arc::default();
        self.lease.set(self.marks.size() + self.refused_size);
    }

    /// What is settled when every row of the batch is judged: those of `again` are not, and neither are those that
    /// a later row took the place of, before all rows are settled. They are left to `again`.
    pub(in crate::pipeline) fn settlement(
        &mut self,
        mut rejected: HashMap<SegmentId, u64>,
        again: Option<&mut Batch>,
        reasons: RejectionReasons,
    ) -> Settlement {
        let mut settled = self.marks.rows_by_segment();
        for refused in &self.refused {
            *settled.entry(refused.record.segment).or_default() += 1;
            *rejected.entry(refused.record.segment).or_default() += 1;
        }
        match again {
            Some(again) => {
                for (segment, rows) in again.marks.rows_by_segment() {
                    *settled.entry(segment).or_default() -= rows;
                }
                again.superseded = std::mem::take(&mut self.superseded);
            }
            None => {
                for (segment, records) in self.superseded.drain() {
                    *settled.entry(segment).or_default() += records;
                }
            }
        }
        settled.retain(|_, records| *records > 0);
        let segments = settled.into_iter().map(|(segment, records)| {
            let rejected = rejected.get(&segment).copied().unwrap_or_default();
            (segment, records - rejected, rejected)
        });
        Settlement { segments: segments.collect(), reasons }
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod under_pressure;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::convert::{Column, Kind, SourceColumn};
    use crate::pipeline::budget::Budget;
    use airbyte::JsonTypes;

    fn columns() -> Arc<Columns> {
        let kind = Kind::Text { longest: None };
        Arc::new(Columns::new(vec![Column::new(SourceColumn::top("a"), "A__c", kind, JsonTypes::default())], None))
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
            batch.push(Row { csv: row.as_bytes(), key: None }, Origin { segment: 1, extracted_at_ms: number });
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
    fn of_rows_that_mean_one_record_the_last_is_sent() {
        let budget = Budget::new(usize::MAX);
        let mut batch = OpenBatch::new(columns(), budget.lease());
        let mut expected = vec![String::new(); 1_000];
        // Each record is meant by thirty rows, in many pieces and in two segments.
        for number in 0..30_000_u64 {
            let row = format!("row {number} of a batch with keys\n");
            let record = Origin { segment: number / 20_000, extracted_at_ms: 0 };
            batch.push(Row { csv: row.as_bytes(), key: Some(u128::from(number * 7 % 1_000)) }, record);
            expected[(number * 7 % 1_000) as usize] = row;
        }
        let mut batch = batch.seal();
        assert_eq!(batch.rows(), 1_000);
        let mut lines: Vec<String> = text(&batch).split_inclusive('\n').map(str::to_owned).collect();
        assert_eq!(batch.csv().len(), lines.iter().map(|line| line.len() as u64).sum::<u64>());
        assert_eq!(lines.remove(0), "A__c\n");
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected);
        assert_eq!(batch.marks.rows_by_segment(), HashMap::from([(1, 1_000)]));
        let mut settlement = batch.settlement(HashMap::from([(1, 7)]), None, RejectionReasons::default());
        settlement.segments.sort_unstable();
        assert_eq!(settlement.segments, [(0, 20_000, 0), (1, 9_993, 7)]);
    }

    #[test]
    fn rows_whose_place_another_took_are_settled_with_the_last_row() {
        let budget = Budget::new(usize::MAX);
        let rows = |keys: &[(u128, SegmentId)]| {
            let mut batch = OpenBatch::new(columns(), budget.lease());
            for (key, segment) in keys {
                let record = Origin { segment: *segment, extracted_at_ms: 0 };
                batch.push(Row { csv: b"row\n", key: Some(*key) }, record);
            }
            batch.seal()
        };
        let settled = |settlement: Settlement| {
            let mut segments = settlement.segments;
            segments.sort_unstable();
            segments
        };
        // Key 1 comes in segment 0 and again in segment 1; key 2 in segment 1 and 3 in segment 2.
        let mut batch = rows(&[(1, 0), (1, 1), (2, 1), (3, 2)]);
        let mut again = rows(&[(1, 1), (3, 2)]);
        let first = batch.settlement(HashMap::new(), Some(&mut again), RejectionReasons::default());
        assert_eq!(settled(first), [(1, 1, 0)], "neither row of key 1 is settled");
        let last = again.settlement(HashMap::from([(2, 1)]), None, RejectionReasons::default());
        assert_eq!(settled(last), [(0, 1, 0), (1, 1, 0), (2, 0, 1)]);
    }

    #[test]
    fn room_is_measured_before_the_row_that_would_pass_the_limit() {
        let budget = Budget::new(usize::MAX);
        let mut batch = OpenBatch::new(columns(), budget.lease());
        let limit = "A__c\n12345\n12345\n".len();
        assert!(batch.has_room(1_000, limit), "a row over the limit travels alone");
        let record = Origin { segment: 1, extracted_at_ms: 0 };
        batch.push(Row { csv: b"12345\n", key: None }, record);
        assert!(batch.has_room(6, limit));
        assert!(!batch.has_room(7, limit));
        batch.push(Row { csv: b"12345\n", key: None }, record);
        assert_eq!(batch.seal().csv().len(), limit as u64);
    }

    #[test]
    fn refused_records_are_held_until_the_job_has_ended() {
        let budget = Budget::new(usize::MAX);
        let mut batch = OpenBatch::new(columns(), budget.lease());
        let record = Origin { segment: 1, extracted_at_ms: 0 };
        batch.push(Row { csv: b"12345\n", key: None }, record);
        let data = serde_json::value::to_raw_value(&"x".repeat(100_000)).unwrap();
        let refusal = Rejection { code: crate::convert::RejectionCode::NoField, field: None, message: String::new() };
        batch.refuse(LocalRejection { record, data, refusal });
        let mut batch = batch.seal();
        batch.drop_csv();
        assert!(budget.used() > 100_000, "{}", budget.used());
    }
}
