//! A batch: the rows of one upload as compressed CSV, and what must be known of each row after the upload.

mod chunked_vec;
mod compressed_csv;
mod kept_keys;
mod merging;
mod open;
mod origin;
mod reserve;
mod row_index;
mod row_keys;
mod types_of_rows;
mod unsent;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::budget::Lease;
use crate::convert::{Columns, RowKind, RowTypes, row_length};
use salesforce::CsvBody;

pub use compressed_csv::{CompressedCsv, PIECE_SIZE};
pub(crate) use kept_keys::KeptKeys;
pub(crate) use open::{LocalRejection, OpenBatch};
pub(crate) use origin::{MergedRecords, Origin, RowOrigins, SegmentId, part_of, whole_of};
pub(crate) use reserve::Reserve;
pub(crate) use row_index::{RowFate, RowIndex, RowOutcomes};

use compressed_csv::TakenPieces;
use row_index::HeldRecords;
use types_of_rows::TypesOfRows;
use unsent::Unsent;
pub(crate) use unsent::columns_of as unsent_columns;

/// A batch that takes no more rows.
#[derive(Debug)]
pub(crate) struct Batch {
    /// What its rows do.
    pub(crate) kind: RowKind,
    /// What its rows have besides their upload.
    unsent: Option<Unsent>,
    pub(crate) columns: Arc<Columns>,
    csv: Arc<CompressedCsv>,
    pub(crate) origins: RowOrigins,
    types: TypesOfRows,
    /// Records of earlier jobs that are settled together with the rows of this batch.
    held: HeldRecords,
    pub(crate) local_rejections: Vec<LocalRejection>,
    /// How many of the last ones come after the rows of their keys.
    late_rejections: usize,
    /// The keys of the rows, if the rows have ids instead.
    pub(crate) keys: Option<Arc<KeptKeys>>,
    local_rejections_size: usize,
    /// The bytes leased for what becomes of its rows.
    reserved: usize,
    lease: Lease,
}

/// How many records of a segment are settled: written to Salesforce, or kept as rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SettledSegment {
    pub(crate) segment: SegmentId,
    pub(crate) written: u64,
    pub(crate) rejected: u64,
}

impl Batch {
    /// How many rows the upload has.
    pub(crate) fn rows(&self) -> u64 {
        self.origins.len() as u64
    }

    /// The JSON types of the values of a row that was sent.
    pub(crate) fn types_of(&self, csv: &[u8]) -> Option<&Arc<RowTypes>> {
        self.types.of(csv)
    }

    /// What a row has besides its upload, as a JSON object on one line.
    pub(crate) fn unsent(&self, row: usize) -> Option<String> {
        self.unsent.as_ref().map(|unsent| unsent.json(row))
    }

    /// What each row has besides its upload, in their order. Nothing, if no row has anything.
    pub(crate) fn unsent_rows(&self) -> impl Iterator<Item = String> {
        self.unsent.iter().flat_map(Unsent::rows)
    }

    /// The same as source columns with their values.
    pub(crate) fn unsent_columns(&self, row: usize) -> Vec<(String, Box<RawValue>)> {
        self.unsent(row).map(unsent::columns_of).unwrap_or_default()
    }

    /// The rows in their order.
    pub(crate) fn csv_rows(&self) -> impl Iterator<Item = Bytes> + Send + use<> {
        CsvRows::of(Arc::clone(&self.csv).pieces())
    }

    /// Takes the rows out of the batch, in their order. What is read of them is freed, and so is what is reserved for
    /// them, because they are something else by then.
    pub(crate) fn take_rows(&mut self) -> TakenRows {
        let csv = std::mem::take(&mut self.csv);
        let mut lease = self.lease.another();
        let (size, reserved) = (csv.size().max(1), self.reserved);
        lease.set(csv.size() + reserved);
        self.drop_csv();
        CsvRows::of(LeasedPieces { pieces: Arc::unwrap_or_clone(csv).into_pieces(), size, reserved, lease })
    }

    /// Another lease from the budget of the batch.
    pub(crate) fn another_lease(&self) -> Lease {
        self.lease.another()
    }

    /// The CSV with its header.
    pub(crate) fn csv(&self) -> Arc<dyn CsvBody> {
        Arc::<CompressedCsv>::clone(&self.csv)
    }

    /// Frees the CSV, once it is uploaded.
    pub(crate) fn drop_csv(&mut self) {
        self.csv = Arc::default();
        self.reserved = 0;
        let unsent = self.unsent.as_ref().map_or(0, Unsent::size);
        self.lease.set(self.origins.size() + self.types.size() + unsent + self.local_rejections_size);
    }

    /// The records that are not uploaded: those that are stored before rejected rows, and those that are stored after
    /// them. Among the rejected records of one key the last one is stored last.
    pub(crate) fn divided_rejections(&self) -> (&[LocalRejection], &[LocalRejection]) {
        self.local_rejections.split_at(self.local_rejections.len() - self.late_rejections)
    }

    /// Takes over the records that are stored after the rows of `judged`, because some of these rows are sent again with
    /// this batch.
    pub(crate) fn take_late_rejections(&mut self, judged: &mut Self) {
        let early = judged.local_rejections.len() - std::mem::take(&mut judged.late_rejections);
        let late = judged.local_rejections.split_off(early);
        let size: usize = late.iter().map(LocalRejection::size).sum();
        // A key that was given back is longer than it was when the record was counted.
        judged.local_rejections_size = judged.local_rejections_size.saturating_sub(size);
        judged.lease.set(judged.lease.bytes().saturating_sub(size));
        self.late_rejections += late.len();
        self.local_rejections.extend(late);
        self.local_rejections_size += size;
        self.lease.set(self.lease.bytes() + size);
    }

    /// What is settled once every row of the batch is judged: all rows but those of `retry` and those held for them.
    /// Held records depend on the rows of `retry`. They move into it, and are settled with the last retry.
    pub(crate) fn settle(&mut self, outcomes: RowOutcomes, retry: Option<&mut Batch>) -> Vec<SettledSegment> {
        let RowOutcomes { mut rejected, held } = outcomes;
        let mut settled = self.origins.records_by_segment();
        for record in &self.local_rejections {
            *settled.entry(record.origin.segment).or_default() += 1;
            *rejected.entry(record.origin.segment).or_default() += 1;
        }
        for (segment, counts) in held.iter() {
            *settled.entry(segment).or_default() -= counts.records;
        }
        self.held.append(held);
        match retry {
            Some(retry) => {
                for (segment, records) in retry.origins.records_by_segment() {
                    *settled.entry(segment).or_default() -= records;
                }
                retry.held = std::mem::take(&mut self.held);
            }
            None => {
                for (segment, counts) in std::mem::take(&mut self.held).iter() {
                    *settled.entry(segment).or_default() += counts.records;
                    *rejected.entry(segment).or_default() += counts.rejected;
                }
            }
        }
        settled.retain(|_, records| *records > 0);
        let segments = settled.into_iter().map(|(segment, records)| {
            let rejected = rejected.get(&segment).copied().unwrap_or_default();
            SettledSegment { segment, written: records - rejected, rejected }
        });
        segments.collect()
    }
}

/// The rows of CSV without its header. No row and no header spans two pieces.
pub(crate) struct CsvRows<P> {
    pieces: P,
    piece: Bytes,
    is_header: bool,
}

/// The rows that were taken out of a batch.
pub(crate) type TakenRows = CsvRows<LeasedPieces>;

/// The pieces of such rows that are not read yet.
pub(crate) struct LeasedPieces {
    pieces: TakenPieces,
    /// The bytes of all pieces, and those that are reserved for them.
    size: usize,
    reserved: usize,
    lease: Lease,
}

impl<P: Iterator<Item = Bytes>> CsvRows<P> {
    fn of(pieces: P) -> Self {
        Self { pieces, piece: Bytes::new(), is_header: true }
    }
}

impl TakenRows {
    /// Takes the memory of the last piece that was read, if nobody has taken it.
    pub(crate) fn take_memory(&mut self) -> Option<Vec<u8>> {
        self.pieces.pieces.take_spare()
    }
}

impl<P: Iterator<Item = Bytes>> Iterator for CsvRows<P> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            while self.piece.is_empty() {
                self.piece = self.pieces.next()?;
            }
            let row = self.piece.split_to(row_length(&self.piece));
            if !std::mem::take(&mut self.is_header) {
                return Some(row);
            }
        }
    }
}

impl Iterator for LeasedPieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let piece = self.pieces.next();
        let left = self.pieces.size();
        // At most what was reserved.
        let reserved = (self.reserved as u128 * left as u128 / self.size as u128) as usize;
        self.lease.set(left + reserved);
        piece
    }
}

#[cfg(test)]
mod budget_tests;
#[cfg(test)]
mod tests;
