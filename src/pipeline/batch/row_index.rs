//! Finds the rows of a batch in the results of its job, which Salesforce returns in any order and without row numbers,
//! and says what is settled.

use std::collections::HashMap;

use super::origin::{MergedRecords, RowOrigins, SegmentId};

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowFate {
    /// Nothing is known of it: the results do not cover every row.
    Unknown,
    /// It is among the successful rows, or not among the failed and unprocessed ones of results that cover every row.
    Written,
    Rejected,
    Retried,
}

impl RowFate {
    fn is_unsettled(self) -> bool {
        matches!(self, Self::Unknown | Self::Retried)
    }
}

/// Finds rows by the hashes of their CSV. Returns each row once.
pub(crate) struct RowIndex<'b> {
    origins: &'b RowOrigins,
    /// Row numbers in the order of their hashes.
    by_hash: Vec<u32>,
    /// For each place in `by_hash`, the next place that is still free.
    next_free: Vec<u32>,
    /// By row number.
    fates: Vec<RowFate>,
    /// For the first place of equal rows, the place of the one that is found next in turn.
    in_turn: HashMap<u32, u32>,
}

/// How many records of each segment are rejected, and which records wait for the retries of the batch.
#[derive(Debug, Default)]
pub(crate) struct RowOutcomes {
    /// Rejected records, without those of `held`.
    pub(super) rejected: HashMap<SegmentId, u64>,
    pub(super) held: HeldRecords,
}

/// Records that are written or rejected, and that are settled together with the retries of their batch: until then it
/// is unknown which segment each of them belongs to.
#[derive(Debug, Default)]
pub(crate) struct HeldRecords(HashMap<SegmentId, RecordCounts>);

/// How many records there are, and how many of them are rejected.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordCounts {
    pub(super) records: u64,
    pub(super) rejected: u64,
}

impl HeldRecords {
    fn add(&mut self, segment: SegmentId, counts: RecordCounts) {
        let sum = self.0.entry(segment).or_default();
        sum.records += counts.records;
        sum.rejected += counts.rejected;
    }

    /// Adds the records of `others`.
    pub(super) fn append(&mut self, others: Self) {
        others.0.into_iter().for_each(|(segment, counts)| self.add(segment, counts));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SegmentId, RecordCounts)> {
        self.0.iter().map(|(segment, counts)| (*segment, *counts))
    }
}

impl<'b> RowIndex<'b> {
    /// For results that cover every row: a row that is not looked up is written.
    pub(crate) fn new(origins: &'b RowOrigins) -> Self {
        Self::with_fate(origins, RowFate::Written)
    }

    /// For results that do not cover every row: nothing is known of a row that is not looked up.
    pub(crate) fn of_incomplete_results(origins: &'b RowOrigins) -> Self {
        Self::with_fate(origins, RowFate::Unknown)
    }

    fn with_fate(origins: &'b RowOrigins, fate: RowFate) -> Self {
        // A batch of 100 MB has at most 50 million rows of two bytes.
        #[expect(clippy::cast_possible_truncation)]
        let count = origins.len() as u32;
        let mut by_hash: Vec<u32> = (0..count).collect();
        by_hash.sort_by_key(|row| origins.hash(*row as usize));
        Self {
            origins,
            by_hash,
            next_free: (0..=count).collect(),
            fates: vec![fate; origins.len()],
            in_turn: HashMap::new(),
        }
    }

    /// The bytes held, with one more for each row while [`outcomes`](Self::outcomes) runs.
    pub(crate) fn size(&self) -> usize {
        let places = (self.by_hash.capacity() + self.next_free.capacity()) * size_of::<u32>();
        places + self.fates.capacity() * 2 + self.in_turn.capacity() * (size_of::<(u32, u32)>() + 1)
    }

    /// A row with this hash that has not been taken yet, and notes what happened to it. `None` if no such row was sent:
    /// Salesforce changed a cell, or returned a row more often than it was sent.
    pub(crate) fn find_and_mark(&mut self, hash: u64, fate: RowFate) -> Option<usize> {
        let start = self.by_hash.partition_point(|row| self.origins.hash(*row as usize) < hash);
        let place = self.free_at_or_after(start);
        let row = *self.by_hash.get(place)? as usize;
        if self.origins.hash(row) != hash {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "as many places as rows")]
        {
            self.next_free[place] = place as u32 + 1;
        }
        self.fates[row] = fate;
        Some(row)
    }

    /// A row with this hash. Equal rows that were written are found in turn; after the last one, the first of all.
    pub(crate) fn find(&mut self, hash: u64) -> Option<usize> {
        let start = self.by_hash.partition_point(|row| self.origins.hash(*row as usize) < hash);
        let at = |place: usize| {
            let row = *self.by_hash.get(place)? as usize;
            (self.origins.hash(row) == hash).then_some(row)
        };
        let first = at(start)?;
        if at(start + 1).is_none() {
            return Some(first);
        }
        #[expect(clippy::cast_possible_truncation, reason = "as many places as rows")]
        let next = self.in_turn.entry(start as u32).or_insert(start as u32);
        let mut place = *next as usize;
        while at(place).is_some_and(|row| self.fates[row] != RowFate::Written) {
            place += 1;
        }
        let row = at(place);
        #[expect(clippy::cast_possible_truncation, reason = "as many places as rows")]
        {
            *next = (place + usize::from(row.is_some())) as u32;
        }
        row.or(Some(first))
    }

    /// What happened to all rows, when `unfound` rejected rows could not be found.
    ///
    /// Only if rows are retried or unknown does it matter which row a result belongs to: they keep their segments from
    /// being settled. Unknown rows are held. Two more things are uncertain, and are held until the retries are decided:
    /// which of several equal rows is retried, and which of the rows that were not found are rejected.
    pub(crate) fn outcomes(&self, unfound: u64) -> RowOutcomes {
        let is_held = self.fates.iter().any(|fate| fate.is_unsettled()).then(|| self.held_rows(unfound > 0));
        let mut outcomes = RowOutcomes::default();
        let mut unfound = self.split_unfound(unfound);
        for (row, segment) in self.origins.segments().enumerate() {
            let is_rejected = match self.fates[row] {
                RowFate::Retried => continue,
                RowFate::Unknown => false,
                RowFate::Rejected => true,
                RowFate::Written => unfound.take(self.origins.records(row) > 1),
            };
            let own = MergedRecords { segment, records: 1 };
            for MergedRecords { segment, records } in std::iter::once(own).chain(self.origins.merged(row)) {
                let records = u64::from(records);
                let rejected = if is_rejected { records } else { 0 };
                if is_held.as_ref().is_some_and(|is_held| is_held[row]) {
                    outcomes.held.add(segment, RecordCounts { records, rejected });
                } else if rejected > 0 {
                    *outcomes.rejected.entry(segment).or_default() += rejected;
                }
            }
        }
        outcomes
    }

    /// Counts a rejected row that was not found as one that stands for several records, as long as there may be one: a
    /// record that counts as rejected is looked for, and one that counts as written is not.
    fn split_unfound(&self, unfound: u64) -> Unfound {
        if unfound == 0 {
            return Unfound::default();
        }
        let is_candidate = |row: &usize| self.fates[*row] == RowFate::Written && self.origins.records(*row) > 1;
        let merged = unfound.min((0..self.fates.len()).filter(is_candidate).count() as u64);
        Unfound { merged, single: unfound - merged }
    }

    /// For each row, whether it is held. Retried rows do not count.
    fn held_rows(&self, some_are_unfound: bool) -> Vec<bool> {
        let mut is_held: Vec<bool> =
            self.fates.iter().map(|fate| some_are_unfound && *fate == RowFate::Written).collect();
        for equal in self.by_hash.chunk_by(|one, other| self.hash_of(*one) == self.hash_of(*other)) {
            if equal.iter().any(|row| self.fates[*row as usize].is_unsettled()) {
                equal.iter().for_each(|row| is_held[*row as usize] = true);
            }
        }
        is_held
    }

    fn hash_of(&self, row: u32) -> u64 {
        self.origins.hash(row as usize)
    }

    fn free_at_or_after(&mut self, place: usize) -> usize {
        let mut free = place;
        while self.next_free[free] as usize != free {
            free = self.next_free[free] as usize;
        }
        // Shorten the path for the next search.
        let mut place = place;
        while place != free {
            #[expect(clippy::cast_possible_truncation, reason = "as many places as rows")]
            let next = std::mem::replace(&mut self.next_free[place], free as u32);
            place = next as usize;
        }
        free
    }
}

/// How many rejected rows that were not found are still to be counted.
#[derive(Debug, Default)]
struct Unfound {
    /// As rows that stand for several records.
    merged: u64,
    /// As rows that stand for one.
    single: u64,
}

impl Unfound {
    /// Whether a row counts as one of them.
    fn take(&mut self, is_merged: bool) -> bool {
        let left = if is_merged { &mut self.merged } else { &mut self.single };
        let takes = *left > 0;
        *left -= u64::from(takes);
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::RowFate::{Rejected, Retried, Written};
    use super::*;
    use crate::pipeline::batch::Origin;

    fn row_origins(rows: impl IntoIterator<Item = (u64, SegmentId)>) -> RowOrigins {
        let mut origins = RowOrigins::default();
        for (hash, segment) in rows {
            origins.push(hash, Origin { segment, extracted_at_ms: 0 }, &[]);
        }
        origins
    }

    type RejectedRows = Vec<(SegmentId, u64)>;
    type HeldRecordCounts = Vec<(SegmentId, u64, u64)>;

    /// The segments of `outcomes`: the rejected rows, and the held rows with the rejected ones among them.
    fn sorted(outcomes: &RowOutcomes) -> (RejectedRows, HeldRecordCounts) {
        let mut rejected: Vec<_> = outcomes.rejected.iter().map(|(segment, rows)| (*segment, *rows)).collect();
        let mut held: Vec<_> = outcomes.held.iter().map(|(segment, it)| (segment, it.records, it.rejected)).collect();
        rejected.sort_unstable();
        held.sort_unstable();
        (rejected, held)
    }

    #[test]
    fn rows_are_found_with_their_segment() {
        let origins = row_origins([(7, 1), (3, 1), (7, 2), (9, 3)]);
        let mut index = RowIndex::new(&origins);
        let mut take = |hash| index.find_and_mark(hash, Rejected).map(|row| origins.origin(row).segment);
        assert_eq!([take(9), take(3), take(7), take(7)], [Some(3), Some(1), Some(1), Some(2)]);
        assert_eq!([take(7), take(8), take(10), take(0)], [None; 4], "each row is returned once");
    }

    #[test]
    fn hashes_that_differ_in_one_bit_are_different() {
        let origins = row_origins((0..64).map(|bit| (1 << bit, bit)));
        let mut index = RowIndex::new(&origins);
        for bit in 0..64 {
            assert_eq!(origins.origin(index.find_and_mark(1 << bit, Rejected).unwrap()).segment, bit);
        }
    }

    #[test]
    fn equal_rows_are_returned_one_by_one() {
        let origins = row_origins((0..50_000).map(|row| (1, row / 10_000)));
        let mut index = RowIndex::new(&origins);
        while index.find_and_mark(1, Rejected).is_some() {}
        assert_eq!(index.outcomes(0).rejected, origins.records_by_segment());
    }

    #[test]
    fn equal_rows_that_were_written_are_found_in_turn() {
        let origins = row_origins([(1, 1), (2, 1), (2, 2), (2, 3), (2, 4), (3, 1)]);
        let mut index = RowIndex::new(&origins);
        assert_eq!(index.find_and_mark(2, Rejected), Some(1));
        let found: Vec<_> = [2, 2, 1, 2, 3, 1].into_iter().map(|hash| index.find(hash)).collect();
        assert_eq!(found, [2, 3, 0, 4, 5, 0].map(Some));
        assert_eq!(index.find(2), Some(1), "more often than it was written");
        assert_eq!(index.find(4), None);
    }

    #[test]
    fn without_retries_nothing_is_held() {
        let origins = row_origins([(1, 1), (2, 2), (2, 3), (4, 4)]);
        let mut index = RowIndex::new(&origins);
        index.find_and_mark(2, Rejected).unwrap();
        assert_eq!(sorted(&index.outcomes(0)), (vec![(2, 1)], vec![]));
        assert_eq!(sorted(&index.outcomes(2)), (vec![(1, 1), (2, 1), (3, 1)], vec![]));
    }

    #[test]
    fn rows_equal_to_a_retried_one_are_held() {
        let origins = row_origins([(1, 1), (2, 2), (1, 3), (1, 4), (5, 5)]);
        let mut index = RowIndex::new(&origins);
        index.find_and_mark(1, Rejected).unwrap();
        index.find_and_mark(1, Retried).unwrap();
        index.find_and_mark(5, Rejected).unwrap();
        assert_eq!(sorted(&index.outcomes(0)), (vec![(5, 1)], vec![(1, 1, 1), (4, 1, 0)]));
    }

    #[test]
    fn held_records_of_one_segment_add_up() {
        let origins = row_origins([(1, 1), (1, 1), (1, 1), (1, 1), (1, 2)]);
        let mut index = RowIndex::new(&origins);
        for fate in [Rejected, Rejected, Retried] {
            index.find_and_mark(1, fate).unwrap();
        }
        assert_eq!(sorted(&index.outcomes(0)), (vec![], vec![(1, 3, 2), (2, 1, 0)]));
        let (mut held, others) = (index.outcomes(0).held, index.outcomes(0).held);
        held.append(others);
        let mut sums: Vec<_> = held.iter().map(|(segment, it)| (segment, it.records, it.rejected)).collect();
        sums.sort_unstable();
        assert_eq!(sums, [(1, 6, 4), (2, 2, 0)]);
    }

    #[test]
    fn rows_that_incomplete_results_lack_are_held_with_the_rows_that_equal_them() {
        let origins = row_origins([(1, 1), (2, 2), (2, 3), (4, 4), (5, 5)]);
        let mut index = RowIndex::of_incomplete_results(&origins);
        assert_eq!(sorted(&index.outcomes(0)).1.len(), 5, "nothing is known yet");
        index.find_and_mark(1, Written).unwrap();
        index.find_and_mark(2, Written).unwrap();
        index.find_and_mark(4, Rejected).unwrap();
        assert_eq!(sorted(&index.outcomes(0)), (vec![(4, 1)], vec![(2, 1, 0), (3, 1, 0), (5, 1, 0)]));
    }

    #[test]
    fn with_retries_and_unfound_rows_all_rows_that_were_not_found_are_held() {
        let origins = row_origins([(1, 1), (2, 2), (3, 3), (4, 4)]);
        let mut index = RowIndex::new(&origins);
        index.find_and_mark(2, Retried).unwrap();
        index.find_and_mark(4, Rejected).unwrap();
        assert_eq!(sorted(&index.outcomes(1)), (vec![(4, 1)], vec![(1, 1, 1), (3, 1, 0)]));
    }

    /// A row: its hash, its segment, and the records that were merged into it.
    type MergedRowOrigin<'r> = (u64, SegmentId, &'r [(SegmentId, u32)]);

    fn merged_origins(rows: &[MergedRowOrigin<'_>]) -> RowOrigins {
        let mut origins = RowOrigins::default();
        for (hash, segment, merged) in rows {
            let merged: Vec<_> = merged
                .iter()
                .map(|(segment, records)| MergedRecords { segment: *segment, records: *records })
                .collect();
            origins.push(*hash, Origin { segment: *segment, extracted_at_ms: 0 }, &merged);
        }
        origins
    }

    #[test]
    fn records_share_the_fate_of_the_row_that_they_are_merged_into() {
        let origins = merged_origins(&[(1, 2, &[(0, 1), (1, 2)]), (2, 2, &[(1, 1)]), (3, 2, &[])]);
        let mut index = RowIndex::new(&origins);
        index.find_and_mark(1, Rejected).unwrap();
        assert_eq!(sorted(&index.outcomes(0)), (vec![(0, 1), (1, 2), (2, 1)], vec![]));
    }

    #[test]
    fn records_of_held_rows_are_held() {
        let origins = merged_origins(&[(1, 2, &[(0, 4)]), (1, 2, &[(1, 2)]), (3, 2, &[])]);
        let mut index = RowIndex::new(&origins);
        index.find_and_mark(1, Retried).unwrap();
        assert_eq!(sorted(&index.outcomes(0)), (vec![], vec![(1, 2, 0), (2, 1, 0)]));
    }

    #[test]
    fn a_rejected_row_that_was_not_found_counts_as_one_with_several_records() {
        let origins = merged_origins(&[(1, 1, &[]), (2, 1, &[(0, 3)]), (3, 1, &[])]);
        let index = RowIndex::new(&origins);
        assert_eq!(sorted(&index.outcomes(1)), (vec![(0, 3), (1, 1)], vec![]));
        assert_eq!(sorted(&index.outcomes(2)), (vec![(0, 3), (1, 2)], vec![]));
        let origins = merged_origins(&[(2, 1, &[(0, 3)]), (1, 2, &[]), (3, 3, &[(4, 1)])]);
        let mut index = RowIndex::new(&origins);
        assert_eq!(sorted(&index.outcomes(1)), (vec![(0, 3), (1, 1)], vec![]));
        assert_eq!(sorted(&index.outcomes(3)), (vec![(0, 3), (1, 1), (2, 1), (3, 1), (4, 1)], vec![]));
        index.find_and_mark(2, Rejected).unwrap();
        assert_eq!(sorted(&index.outcomes(1)), (vec![(0, 3), (1, 1), (3, 1), (4, 1)], vec![]), "the other one");
        index.find_and_mark(3, Rejected).unwrap();
        let all = vec![(0, 3), (1, 1), (2, 1), (3, 1), (4, 1)];
        assert_eq!(sorted(&index.outcomes(1)), (all, vec![]), "the only row that is left stands for one record");
    }
}
