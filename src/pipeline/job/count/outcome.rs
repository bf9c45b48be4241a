//! What the rows of one job would do.

use crate::convert::row_hash;
use crate::pipeline::batch::{Batch, RowFate, RowIndex, RowOutcomes, whole_of};
use crate::pipeline::job::RejectionReasons;
use crate::pipeline::job::count::StreamTally;

/// What a row would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Created,
    Updated,
    Deleted,
    /// Nothing, because its stream asks for no more.
    Skipped,
    /// Its record is not looked up, no document says which one it means, or it depends on what the run writes first.
    Unclear,
    /// It is refused, with this status code.
    Refused(&'static str),
}

/// Counts the rows of a batch.
pub(super) struct RowCount<'b> {
    batch: &'b Batch,
    tally: StreamTally,
    reasons: RejectionReasons,
    /// The refused rows. Most batches have none.
    index: Option<RowIndex<'b>>,
}

impl<'b> RowCount<'b> {
    pub(super) fn of(batch: &'b Batch) -> Self {
        Self { batch, tally: StreamTally::default(), reasons: RejectionReasons::default(), index: None }
    }

    /// Counts all rows, which have one fate.
    pub(super) fn add_all(&mut self, fate: Fate) {
        let rows = self.batch.rows();
        self.tally.merged += self.batch.origins.records_by_segment().values().sum::<u64>().saturating_sub(rows);
        *self.count_of(fate) += rows;
    }

    /// Counts the next row: the one with this number, and its CSV.
    pub(super) fn add(&mut self, row: usize, csv: &[u8], fate: Fate) {
        let records = self.batch.origins.records(row);
        match fate {
            Fate::Refused(code) => {
                self.reasons.add_records(code, "", records, || None);
                let index = self.index.get_or_insert_with(|| RowIndex::new(&self.batch.origins));
                index.find_and_mark(row_hash(csv), RowFate::Rejected);
            }
            Fate::Skipped => self.tally.skipped += records,
            fate => {
                *self.count_of(fate) += 1;
                // A record that updates several is in each of their rows.
                if whole_of(self.batch.origins.origin(row).segment).is_none() {
                    self.tally.merged += records - 1;
                }
            }
        }
    }

    fn count_of(&mut self, fate: Fate) -> &mut u64 {
        match fate {
            Fate::Created => &mut self.tally.created,
            Fate::Updated => &mut self.tally.updated,
            Fate::Deleted => &mut self.tally.deleted,
            Fate::Skipped => &mut self.tally.skipped,
            Fate::Unclear | Fate::Refused(_) => &mut self.tally.unclear,
        }
    }

    /// The same as [`finish`](Self::finish), with a job of all rows.
    pub(super) fn finish_job(self) -> (StreamTally, RowOutcomes) {
        let rows = self.batch.rows();
        let (mut tally, outcomes) = self.finish();
        tally.add_job(rows);
        (tally, outcomes)
    }

    /// The counts, and which records of the batch are rejected.
    pub(super) fn finish(self) -> (StreamTally, RowOutcomes) {
        let outcomes = self.index.map(|index| index.outcomes(0)).unwrap_or_default();
        (StreamTally { reasons: self.reasons, ..self.tally }, outcomes)
    }
}
