//! Merges the rows of a complete batch that have the same key.
//!
//! A group is the rows whose keys may be the same. Those of them that follow one another and certainly mean the same
//! record become one row, at the place of the last one. Where two rows of a group cannot be merged, nobody knows
//! whether they mean the same record, and Salesforce processes the rows of a job in any order. So the later one goes to
//! the next job of the batch, which takes effect after the first. A row for which there would be too many jobs is
//! rejected.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::compressed_csv::CompressedCsv;
use super::open::{LocalRejection, OpenBatch};
use super::origin::{MergedRecords, Origin, RowOrigins};
use super::row_keys::KeyGroups;
use super::types_of_rows::TypesOfRows;
use crate::budget::Lease;
use crate::convert::{Columns, Rejection, RowTypes, TypedRow, cells, restore};
use salesforce::CsvBody;

/// The bytes of rows that wait for the last row of their group. If they do not suffice, the batch is read once more for
/// the groups that are left: memory stays small, and only batches that consist of repeated keys take longer.
const MAX_WAITING: usize = 8 * 1024 * 1024;

/// The most jobs of one batch. They wait for one another, and an org takes 15,000 a day. So rows of keys that are
/// perhaps one, in turn, must not make a job each.
const MAX_JOBS: usize = 100;

/// The rows of a complete batch.
#[derive(Debug)]
pub(super) struct RowsToMerge {
    pub(super) columns: Arc<Columns>,
    pub(super) csv: Arc<CompressedCsv>,
    pub(super) header_length: usize,
    pub(super) origins: RowOrigins,
    pub(super) types: TypesOfRows,
    pub(super) groups: KeyGroups,
    pub(super) local_rejections: Vec<LocalRejection>,
    pub(super) lease: Lease,
}

impl RowsToMerge {
    /// The batches to load one after the other, at least one. Nearly always it is one.
    pub(super) fn merge(mut self) -> Vec<OpenBatch> {
        self.merge_within(MAX_WAITING)
    }

    fn merge_within(&mut self, max_waiting: usize) -> Vec<OpenBatch> {
        let mut first = self.new_batch();
        std::mem::take(&mut self.local_rejections).into_iter().for_each(|it| first.reject(it));
        let mut batches = vec![first];
        self.lease.set(self.csv.size() + self.origins.size() + self.types.size() + self.groups.size());
        let mut from = Some(0);
        while let Some(first) = from {
            from = self.merge_from(first, max_waiting, &mut batches);
        }
        batches
    }

    /// Adds to `batches` the rows without a group and the groups that end, from row `from` on. Returns the row to go on
    /// from when the memory for waiting rows did not suffice.
    fn merge_from(&self, from: usize, max_waiting: usize, batches: &mut Vec<OpenBatch>) -> Option<usize> {
        let mut waiting = WaitingGroups::new(max_waiting, self.lease.another());
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
                let Group { rows, rejections, .. } = waiting.remove(last);
                rejections.into_iter().for_each(|it| batches[0].reject(it));
                for (job, merged) in rows.into_iter().enumerate() {
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

impl Sent<'_> {
    /// The record of a row for which there would be too many jobs.
    fn reject(&self, columns: &Columns) -> LocalRejection {
        let cells = cells(self.csv);
        let record = restore(columns, cells.iter().map(String::as_str), Some(&self.types));
        let name = |name| serde_json::Value::String(name).to_string();
        let fields: Vec<String> = record.into_iter().map(|(it, value)| format!("{}:{value}", name(it))).collect();
        let data =
            RawValue::from_string(format!("{{{}}}", fields.join(","))).unwrap_or_else(|_| RawValue::NULL.to_owned());
        LocalRejection { origin: self.origin, data, rejection: Rejection::too_many_jobs(columns, MAX_JOBS) }
    }
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

    /// The bytes held, besides the value itself.
    fn size(&self) -> usize {
        // Rows often share their types, and then it is less.
        self.row.csv.capacity() + self.row.types.size() + self.records.capacity() * size_of::<MergedRecords>()
    }
}

/// The rows of a group, one for each job.
#[derive(Debug)]
struct Group {
    rows: Vec<MergedRow>,
    /// Records of rows for which there would be too many jobs.
    rejections: Vec<LocalRejection>,
    rejections_size: usize,
}

impl Group {
    fn new() -> Self {
        // Nearly all groups need one job.
        Self { rows: Vec::with_capacity(1), rejections: Vec::new(), rejections_size: 0 }
    }

    fn add(&mut self, sent: &Sent<'_>, columns: &Columns) {
        if self.rows.last_mut().is_some_and(|row| row.add(sent, columns)) {
            return;
        }
        if self.rows.len() < MAX_JOBS {
            return self.rows.push(MergedRow::new(sent));
        }
        let rejection = sent.reject(columns);
        self.rejections_size += rejection.size();
        self.rejections.push(rejection);
    }

    /// The bytes held.
    fn size(&self) -> usize {
        // A node of the map may be half empty.
        let entry = 2 * (size_of::<usize>() + size_of::<Self>());
        let rows = self.rows.capacity() * size_of::<MergedRow>();
        entry + rows + self.rows.iter().map(MergedRow::size).sum::<usize>() + self.rejections_size
    }
}

/// The rows of groups that have not ended yet, by the last row of the group.
#[derive(Debug)]
struct WaitingGroups {
    groups: BTreeMap<usize, Group>,
    size: usize,
    max_size: usize,
    lease: Lease,
    /// Groups that end at this row or later are left for another reading.
    limit: usize,
}

impl WaitingGroups {
    fn new(max_size: usize, lease: Lease) -> Self {
        Self { groups: BTreeMap::new(), size: 0, max_size, lease, limit: usize::MAX }
    }

    fn add(&mut self, last: usize, sent: &Sent<'_>, columns: &Columns) {
        let group = self.groups.entry(last).or_insert_with(|| {
            let group = Group::new();
            self.size += group.size();
            group
        });
        self.size -= group.size();
        group.add(sent, columns);
        self.size += group.size();
        self.shrink();
    }

    /// Gives up the groups that end last. The first one stays, so that every reading ends at least one group.
    fn shrink(&mut self) {
        while self.size > self.max_size
            && self.groups.len() > 1
            && let Some((last, group)) = self.groups.pop_last()
        {
            self.size -= group.size();
            self.limit = last;
        }
        self.lease.set(self.size);
    }

    fn remove(&mut self, last: usize) -> Group {
        let group = self.groups.remove(&last);
        self.size -= group.as_ref().map_or(0, Group::size);
        self.lease.set(self.size);
        group.unwrap_or_else(Group::new)
    }
}

#[cfg(test)]
mod tests;
