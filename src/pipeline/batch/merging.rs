//! Merges the rows of a complete batch that have the same key.
//!
//! A group is the rows whose keys may be the same. Those of them that follow one another and certainly mean the same
//! record become one row, at the place of the last one. Where two rows of a group cannot be merged, nobody knows
//! whether they mean the same record, and Salesforce processes the rows of a job in any order. So the later one goes to
//! the next job of the batch, which takes effect after the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::compressed_csv::CompressedCsv;
use super::open::OpenBatch;
use super::origin::{MergedRecords, Origin, RowOrigins};
use super::row_keys::KeyGroups;
use super::types_of_rows::TypesOfRows;
use crate::budget::Lease;
use crate::convert::{Columns, RowTypes, TypedRow};
use salesforce::CsvBody;

/// The bytes of rows that wait for the last row of their group. If they do not suffice, the batch is read once more for
/// the groups that are left: memory stays small, and only batches that consist of repeated keys take longer.
const MAX_WAITING: usize = 8 * 1024 * 1024;

/// The rows of a complete batch.
#[derive(Debug)]
pub(super) struct RowsToMerge {
    pub(super) columns: Arc<Columns>,
    pub(super) csv: Arc<CompressedCsv>,
    pub(super) header_length: usize,
    pub(super) origins: RowOrigins,
    pub(super) types: TypesOfRows,
    pub(super) groups: KeyGroups,
    pub(super) lease: Lease,
}

impl RowsToMerge {
    /// The batches to load one after the other, at least one. Nearly always it is one.
    pub(super) fn merge(mut self) -> Vec<OpenBatch> {
        self.merge_within(MAX_WAITING)
    }

    fn merge_within(&mut self, max_waiting: usize) -> Vec<OpenBatch> {
        let waiting = max_waiting.min(usize::try_from(self.csv.len()).unwrap_or(usize::MAX));
        self.lease.set(self.csv.size() + self.origins.size() + self.types.size() + self.groups.size() + waiting);
        let mut batches = vec![self.new_batch()];
        let mut from = Some(0);
        while let Some(first) = from {
            from = self.merge_from(first, max_waiting, &mut batches);
        }
        batches
    }

    /// Adds to `batches` the rows without a group and the groups that end, from row `from` on. Returns the row to go on
    /// from when the memory for waiting rows did not suffice.
    fn merge_from(&self, from: usize, max_waiting: usize, batches: &mut Vec<OpenBatch>) -> Option<usize> {
        let mut waiting = WaitingGroups::new(max_waiting);
        for (row, csv) in self.rows() {
            let Some(last) = self.groups.last_row(row) else {
                if row >= from {
                    batches[0].add_types(&csv, &self.types_of(&csv));
                    batches[0].push_again(&csv, self.origins.origin(row), &[]);
                }
                continue;
            };
            if last < from {
                continue;
            }
            if last >= waiting.limit {
                if row == last {
                    return Some(row);
                }
                continue;
            }
            let row_types = self.types_of(&csv);
            waiting.add(last, &Sent { csv: &csv, types: row_types, origin: self.origins.origin(row) }, &self.columns);
            if row == last {
                for (job, merged) in waiting.remove(last).into_iter().enumerate() {
                    if job == batches.len() {
                        batches.push(self.new_batch());
                    }
                    batches[job].add_types(&merged.row.csv, &merged.row.types);
                    batches[job].push_again(&merged.row.csv, merged.origin, &merged.records);
                }
            }
        }
        None
    }

    fn types_of(&self, csv: &[u8]) -> Arc<RowTypes> {
        self.types.of(csv).cloned().unwrap_or_default()
    }

    fn new_batch(&self) -> OpenBatch {
        OpenBatch::new(Arc::clone(&self.columns), self.lease.another())
    }

    /// The rows with their numbers. No row and no header spans two pieces.
    fn rows(&self) -> impl Iterator<Item = (usize, Bytes)> {
        let mut pieces = Arc::clone(&self.csv).pieces();
        let mut piece = Bytes::new();
        let mut header_length = self.header_length;
        (0..self.groups.rows()).map_while(move |row| {
            while piece.is_empty() {
                piece = pieces.next()?;
                drop(piece.split_to(std::mem::take(&mut header_length)));
            }
            Some((row, piece.split_to(self.groups.length(row).min(piece.len()))))
        })
    }
}

/// A row of the batch.
struct Sent<'r> {
    csv: &'r [u8],
    types: Arc<RowTypes>,
    origin: Origin,
}

/// A row that stands for one record, or for several.
#[derive(Debug)]
struct MergedRow {
    row: TypedRow,
    /// That of the last record.
    origin: Origin,
    /// The records before it.
    records: Vec<MergedRecords>,
}

impl MergedRow {
    fn new(sent: &Sent<'_>) -> Self {
        let row = TypedRow { csv: sent.csv.to_vec(), types: Arc::clone(&sent.types) };
        Self { row, origin: sent.origin, records: Vec::new() }
    }

    /// Adds a record, if its row can be merged.
    fn add(&mut self, sent: &Sent<'_>, columns: &Columns) -> bool {
        if !self.row.merge(sent.csv, &sent.types, columns) {
            return false;
        }
        let segment = std::mem::replace(&mut self.origin, sent.origin).segment;
        match self.records.last_mut() {
            Some(last) if last.segment == segment => last.records += 1,
            _ => self.records.push(MergedRecords { segment, records: 1 }),
        }
        true
    }

    fn size(&self) -> usize {
        // Rows often share their types, and then it is less.
        let records = self.records.capacity() * size_of::<MergedRecords>();
        size_of::<Self>() + self.row.csv.capacity() + self.row.types.size() + records
    }
}

/// The rows of groups that have not ended yet, by the last row of the group.
#[derive(Debug)]
struct WaitingGroups {
    groups: BTreeMap<usize, Vec<MergedRow>>,
    size: usize,
    max_size: usize,
    /// Groups that end at this row or later are left for another reading.
    limit: usize,
}

impl WaitingGroups {
    fn new(max_size: usize) -> Self {
        Self { groups: BTreeMap::new(), size: 0, max_size, limit: usize::MAX }
    }

    fn add(&mut self, last: usize, sent: &Sent<'_>, columns: &Columns) {
        let rows = self.groups.entry(last).or_default();
        if let Some(row) = rows.last_mut() {
            self.size -= row.size();
            let is_added = row.add(sent, columns);
            self.size += row.size();
            if is_added {
                return self.shrink();
            }
        }
        let row = MergedRow::new(sent);
        self.size += row.size();
        rows.push(row);
        self.shrink();
    }

    /// Gives up the groups that end last. The first one stays, so that every reading ends at least one group.
    fn shrink(&mut self) {
        while self.size > self.max_size
            && self.groups.len() > 1
            && let Some((last, rows)) = self.groups.pop_last()
        {
            self.size -= rows.iter().map(MergedRow::size).sum::<usize>();
            self.limit = last;
        }
    }

    fn remove(&mut self, last: usize) -> Vec<MergedRow> {
        let rows = self.groups.remove(&last).unwrap_or_default();
        self.size -= rows.iter().map(MergedRow::size).sum::<usize>();
        rows
    }
}

#[cfg(test)]
mod tests;
