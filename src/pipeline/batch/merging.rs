//! Merges the rows of a complete batch that have the same key, and divides them into jobs.
//!
//! A group is the rows whose keys may be the same. Those of them that follow one another and certainly mean the same
//! record become one row, at the place of the last one. Where two rows of a group cannot be merged, nobody knows
//! whether they mean the same record, and Salesforce processes the rows of a job in any order. So the later one goes to
//! the next job of the batch, which takes effect after the first. A row for which there would be too many jobs is
//! rejected.
//!
//! A job either writes or deletes. So where a batch has deletes, its jobs delete and write in turn: a record is deleted
//! before later rows write it again. What was written before the delete needs no job.

mod group;

use std::sync::Arc;

use bytes::Bytes;

use super::chunked_vec::ChunkedVec;
use super::compressed_csv::CompressedCsv;
use super::open::{LocalRejection, OpenBatch};
use super::origin::{MergedRecords, RowOrigins};
use super::reserve::Reserve;
use super::row_keys::KeyGroups;
use super::types_of_rows::TypesOfRows;
use crate::budget::Lease;
use crate::convert::{Columns, RowKind, RowTypes};
use group::{Group, JobKinds, Sent, WaitingGroups};
use salesforce::CsvBody;

/// The bytes of rows that wait for the last row of their group. If they are not enough, the batch is read again for
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
    /// The rows that delete.
    pub(super) deletes: ChunkedVec<u32>,
    pub(super) local_rejections: Vec<LocalRejection>,
    /// How many of the last ones come after the rows of their keys.
    pub(super) late_rejections: usize,
    pub(super) reserve: Reserve,
    pub(super) lease: Lease,
}

impl RowsToMerge {
    /// The batches to load one after the other, at least one. Nearly always it is one.
    pub(super) fn merge(mut self) -> Vec<OpenBatch> {
        self.merge_within(MAX_WAITING)
    }

    fn merge_within(&mut self, max_waiting: usize) -> Vec<OpenBatch> {
        let kinds = if self.deletes.len() == 0 { JobKinds::Writes } else { JobKinds::Alternating };
        let mut jobs = JobBatches {
            kinds,
            batches: Vec::new(),
            columns: [Arc::clone(&self.columns), Arc::default()],
            reserve: self.reserve,
            late: Vec::new(),
            late_size: 0,
            late_lease: self.lease.another(),
        };
        if kinds == JobKinds::Alternating {
            jobs.columns[1] = Arc::new(self.columns.key_alone());
        }
        let late = self.local_rejections.split_off(self.local_rejections.len() - self.late_rejections);
        jobs.hold_late(late.iter().map(LocalRejection::size).sum());
        std::mem::take(&mut self.local_rejections).into_iter().for_each(|it| jobs.batch(0, &self.lease).reject(it));
        self.lease
            .set(self.csv.size() + self.origins.size() + self.types.size() + self.groups.size() + self.deletes.size());
        let mut from = Some(0);
        while let Some(first) = from {
            from = self.merge_from(first, max_waiting, &mut jobs);
        }
        // The rows of their keys that are rejected here came before them.
        jobs.late.extend(late);
        jobs.into_batches(&self.lease)
    }

    /// Adds to `jobs` the rows without a group and the groups that end, from row `from` on. Returns the row to go on
    /// from when the memory for waiting rows did not suffice.
    fn merge_from(&self, from: usize, max_waiting: usize, jobs: &mut JobBatches) -> Option<usize> {
        let mut waiting = WaitingGroups::new(max_waiting, jobs.kinds, self.lease.another());
        for (row, kind, csv) in self.rows() {
            let sent = |types| Sent { csv: &csv, kind, types, origin: self.origins.origin(row) };
            let Some(last) = self.groups.last_row(row) else {
                if row >= from {
                    jobs.add(jobs.kinds.next_job(None, kind), &sent(self.types_of(&csv)), &[], &self.lease);
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
            waiting.add(last, &sent(self.types_of(&csv)), &self.columns);
            if row == last {
                let Group { rows, rejections, .. } = waiting.remove(last);
                rejections.into_iter().for_each(|it| jobs.reject_late(it));
                for merged in rows {
                    jobs.add(merged.job, &merged.as_sent(), &merged.records, &self.lease);
                }
            }
        }
        None
    }

    fn types_of(&self, csv: &[u8]) -> Arc<RowTypes> {
        self.types.of(csv).cloned().unwrap_or_default()
    }

    /// The rows with their numbers and kinds. No row and no header spans two pieces.
    fn rows(&self) -> impl Iterator<Item = (usize, RowKind, Bytes)> {
        let mut pieces = Arc::clone(&self.csv).pieces();
        let mut piece = Bytes::new();
        let mut header_length = self.header_length;
        let mut deletes = self.deletes.iter().peekable();
        (0..self.groups.rows()).map_while(move |row| {
            while piece.is_empty() {
                piece = pieces.next()?;
                drop(piece.split_to(std::mem::take(&mut header_length)));
            }
            let is_delete = deletes.next_if(|delete| *delete as usize == row).is_some();
            let kind = if is_delete { RowKind::Delete } else { RowKind::Write };
            Some((row, kind, piece.split_to(self.groups.length(row).min(piece.len()))))
        })
    }
}

/// The batches of the jobs, in their order. Some may be empty.
struct JobBatches {
    kinds: JobKinds,
    batches: Vec<OpenBatch>,
    /// The columns of rows that write, and of those that delete.
    columns: [Arc<Columns>; 2],
    reserve: Reserve,
    /// Records that are not uploaded, and that come after rows of their keys.
    late: Vec<LocalRejection>,
    late_size: usize,
    late_lease: Lease,
}

impl JobBatches {
    /// Adds a record that is not uploaded, and that comes after rows of its key.
    fn reject_late(&mut self, record: LocalRejection) {
        self.hold_late(record.size());
        self.late.push(record);
    }

    /// Leases the bytes of such records.
    fn hold_late(&mut self, size: usize) {
        self.late_size += size;
        self.late_lease.set(self.late_size);
    }

    /// The batches that are not empty. What comes after rows is in the last one.
    fn into_batches(mut self, lease: &Lease) -> Vec<OpenBatch> {
        let late = std::mem::take(&mut self.late);
        self.batches.retain(|batch| !batch.is_empty());
        if !late.is_empty() {
            let last = self.batches.len().saturating_sub(1);
            let batch = self.batch(last, lease);
            late.into_iter().for_each(|it| batch.reject_late(it));
        }
        self.batches
    }

    fn batch(&mut self, job: usize, lease: &Lease) -> &mut OpenBatch {
        while self.batches.len() <= job {
            let kind = self.kinds.of_job(self.batches.len());
            let columns = &self.columns[usize::from(kind == RowKind::Delete)];
            let batch = OpenBatch::of_kind(kind, Arc::clone(columns), lease.another());
            self.batches.push(batch.reserving(self.reserve));
        }
        &mut self.batches[job]
    }

    /// Adds a row that stands for the record of `sent` and for those that were merged into it.
    fn add(&mut self, job: usize, sent: &Sent<'_>, merged: &[MergedRecords], lease: &Lease) {
        match sent.kind {
            RowKind::Write => {
                let batch = self.batch(job, lease);
                batch.add_types(sent.csv, &sent.types);
                batch.push_again(sent.csv, sent.origin, merged);
            }
            RowKind::Delete => {
                let types = sent.types.of_key(&self.columns[0]);
                self.batch(job, lease).push_delete(sent.csv, &types, sent.origin, merged);
            }
        }
    }
}

#[cfg(test)]
mod tests;
