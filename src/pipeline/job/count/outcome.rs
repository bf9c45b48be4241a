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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::budget::Budget;
    use crate::convert::{Column, Columns, Kind, SourceColumn};
    use crate::pipeline::batch::{MergedRecords, OpenBatch, Origin};
    use airbyte::JsonTypes;

    /// The second row stands for two records of the first segment and one of the second.
    fn batch() -> Batch {
        let column = Column::new(SourceColumn::top("a"), "A__c", Kind::Text { longest: None }, JsonTypes::default());
        let mut batch = OpenBatch::new(Arc::new(Columns::new(vec![column], None)), Budget::new(usize::MAX).lease());
        let origin = |segment| Origin { segment, extracted_at_ms: 0 };
        batch.push_again(b"1\n", origin(1), &[]);
        batch.push_again(b"2\n", origin(2), &[MergedRecords { segment: 1, records: 2 }]);
        batch.seal()
    }

    #[test]
    fn all_records_of_a_row_have_its_fate() {
        let one = StreamTally::default();
        let reasons = {
            let mut reasons = RejectionReasons::default();
            reasons.add_records("NO_SUCH_ID", "", 3, || None);
            reasons
        };
        for (fate, expected, rejected) in [
            (Fate::Created, StreamTally { created: 2, merged: 2, ..one.clone() }, vec![]),
            (Fate::Updated, StreamTally { created: 1, updated: 1, merged: 2, ..one.clone() }, vec![]),
            (Fate::Deleted, StreamTally { created: 1, deleted: 1, merged: 2, ..one.clone() }, vec![]),
            (Fate::Unclear, StreamTally { created: 1, unclear: 1, merged: 2, ..one.clone() }, vec![]),
            (Fate::Skipped, StreamTally { created: 1, skipped: 3, ..one.clone() }, vec![]),
            (Fate::Refused("NO_SUCH_ID"), StreamTally { created: 1, reasons, ..one.clone() }, vec![(1, 2), (2, 1)]),
        ] {
            let mut batch = batch();
            let mut rows = RowCount::of(&batch);
            rows.add(0, b"1\n", Fate::Created);
            rows.add(1, b"2\n", fate);
            let (tally, outcomes) = rows.finish();
            assert_eq!(tally, expected, "{fate:?}");
            let mut settled: Vec<_> =
                batch.settle(outcomes, None).iter().map(|it| (it.segment, it.rejected)).filter(|it| it.1 > 0).collect();
            settled.sort_unstable();
            assert_eq!(settled, rejected, "{fate:?}");
        }
    }

    #[test]
    fn rows_of_one_fate_count_as_rows_and_their_other_records_as_merged() {
        for (fate, expected) in [
            (Fate::Created, StreamTally { created: 2, ..StreamTally::default() }),
            (Fate::Unclear, StreamTally { unclear: 2, ..StreamTally::default() }),
        ] {
            let batch = batch();
            let mut rows = RowCount::of(&batch);
            rows.add_all(fate);
            let (tally, _) = rows.finish_job();
            assert_eq!(tally, StreamTally { merged: 2, jobs: 1, bulk_batches: 1, ..expected }, "{fate:?}");
        }
    }
}
