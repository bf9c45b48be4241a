//! The rows of a batch that may be of one record, and what becomes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::MAX_JOBS;
use crate::budget::Lease;
use crate::convert::{Columns, Rejection, RowKind, RowTypes, TypedRow, are_of_one_record, cells, json_object, restore};
use crate::pipeline::batch::open::LocalRejection;
use crate::pipeline::batch::origin::{MergedRecords, Origin};
use crate::pipeline::batch::unsent::columns_of;

/// Which of the jobs of a batch take rows of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobKinds {
    /// All of them write.
    Writes,
    /// They delete and write in turn; the first one deletes.
    Alternating,
}

impl JobKinds {
    pub(super) fn of_job(self, job: usize) -> RowKind {
        if self == Self::Alternating && job.is_multiple_of(2) { RowKind::Delete } else { RowKind::Write }
    }

    /// The first job after `earlier` that takes rows of this kind.
    pub(super) fn next_job(self, earlier: Option<usize>, kind: RowKind) -> usize {
        let next = earlier.map_or(0, |earlier| earlier + 1);
        if self.of_job(next) == kind { next } else { next + 1 }
    }
}

/// A row of the batch.
pub(super) struct Sent<'r> {
    pub(super) csv: &'r [u8],
    pub(super) kind: RowKind,
    pub(super) types: Arc<RowTypes>,
    pub(super) origin: Origin,
}

impl Sent<'_> {
    /// The record of a row for which there would be too many jobs. `jobs` take the earlier ones of its group.
    fn reject(&self, columns: &Columns, jobs: usize) -> LocalRejection {
        let mut cells = cells(self.csv);
        let unsent = if self.kind == RowKind::Delete { cells.pop().map(columns_of) } else { None };
        let texts = cells.iter().map(String::as_str);
        let mut record = match &unsent {
            Some(_) => restore(&columns.key_alone(), texts, Some(&self.types.of_key(columns))),
            None => restore(columns, texts, Some(&self.types)),
        };
        record.extend(unsent.into_iter().flatten());
        let rejection = Rejection::too_many_jobs(columns, jobs);
        LocalRejection { origin: self.origin, data: json_object(record), rejection }
    }
}

/// A row that stands for one record, or for several.
#[derive(Debug)]
pub(super) struct MergedRow {
    pub(super) row: TypedRow,
    kind: RowKind,
    /// The job that takes it.
    pub(super) job: usize,
    /// That of the last record.
    pub(super) origin: Origin,
    /// The records before it.
    pub(super) records: Vec<MergedRecords>,
}

impl MergedRow {
    fn new(sent: &Sent<'_>, job: usize) -> Self {
        let row = TypedRow { csv: sent.csv.to_vec(), types: Arc::clone(&sent.types) };
        Self { row, kind: sent.kind, job, origin: sent.origin, records: Vec::new() }
    }

    /// The row as one that is sent.
    pub(super) fn as_sent(&self) -> Sent<'_> {
        Sent { csv: &self.row.csv, kind: self.kind, types: Arc::clone(&self.row.types), origin: self.origin }
    }

    /// Adds a record that writes, if its row can be merged. What writes after a delete has a job of its own.
    fn add(&mut self, sent: &Sent<'_>, columns: &Columns) -> bool {
        if self.kind == RowKind::Delete || !self.row.merge(sent.csv, &sent.types, columns) {
            return false;
        }
        let segment = std::mem::replace(&mut self.origin, sent.origin).segment;
        self.add_records(MergedRecords { segment, records: 1 });
        true
    }

    /// Adds the records of rows that this row makes needless.
    fn add_earlier(&mut self, rows: impl Iterator<Item = Self>) {
        for row in rows {
            row.records.into_iter().for_each(|records| self.add_records(records));
            self.add_records(MergedRecords { segment: row.origin.segment, records: 1 });
        }
    }

    fn add_records(&mut self, added: MergedRecords) {
        match self.records.last_mut() {
            Some(last) if last.segment == added.segment => last.records += added.records,
            _ => self.records.push(added),
        }
    }

    /// The bytes held, besides the value itself.
    fn size(&self) -> usize {
        // Rows often share their types, and then it is less.
        self.row.csv.capacity() + self.row.types.size() + self.records.capacity() * size_of::<MergedRecords>()
    }
}

/// The rows of a group, each for a later job than the one before.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) rows: Vec<MergedRow>,
    /// Records of rows for which there would be too many jobs.
    pub(super) rejections: Vec<LocalRejection>,
    rejections_size: usize,
}

impl Group {
    fn new() -> Self {
        // Nearly all groups need one job.
        Self { rows: Vec::with_capacity(1), rejections: Vec::new(), rejections_size: 0 }
    }

    fn add(&mut self, sent: &Sent<'_>, columns: &Columns, jobs: JobKinds) {
        let mut kept = self.rows.len();
        match sent.kind {
            RowKind::Write if self.rows.last_mut().is_some_and(|row| row.add(sent, columns)) => return,
            RowKind::Write => {}
            // Whatever the last rows of its record do, it is deleted after them.
            RowKind::Delete => {
                let is_of_record =
                    |row: &&MergedRow| are_of_one_record((&row.row.csv, row.kind), (sent.csv, sent.kind), columns);
                kept -= self.rows.iter().rev().take_while(is_of_record).count();
            }
        }
        let before = kept.checked_sub(1).map(|last| self.rows[last].job);
        let job = jobs.next_job(before, sent.kind);
        if job < MAX_JOBS {
            let mut row = MergedRow::new(sent, job);
            row.add_earlier(self.rows.drain(kept..));
            return self.rows.push(row);
        }
        let rejection = sent.reject(columns, self.rows.len());
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
pub(super) struct WaitingGroups {
    groups: BTreeMap<usize, Group>,
    pub(super) size: usize,
    max_size: usize,
    lease: Lease,
    jobs: JobKinds,
    /// Groups that end at this row or later are left for another reading.
    pub(super) limit: usize,
}

impl WaitingGroups {
    pub(super) fn new(max_size: usize, jobs: JobKinds, lease: Lease) -> Self {
        Self { groups: BTreeMap::new(), size: 0, max_size, lease, jobs, limit: usize::MAX }
    }

    pub(super) fn add(&mut self, last: usize, sent: &Sent<'_>, columns: &Columns) {
        let group = self.groups.entry(last).or_insert_with(|| {
            let group = Group::new();
            self.size += group.size();
            group
        });
        self.size -= group.size();
        group.add(sent, columns, self.jobs);
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

    pub(super) fn remove(&mut self, last: usize) -> Group {
        let group = self.groups.remove(&last);
        self.size -= group.as_ref().map_or(0, Group::size);
        self.lease.set(self.size);
        group.unwrap_or_else(Group::new)
    }
}
