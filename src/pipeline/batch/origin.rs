//! Which row is which: the marks that rows leave behind, and how a row that Salesforce gives back is found again.

use std::collections::HashMap;

use crate::pipeline::batch::chunked_vec::ChunkedVec;

/// The run of a stream's records between two of its states.
pub(in crate::pipeline) type SegmentId = u64;

/// What is remembered of a row after its text has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    hash: u32,
    /// When the record was extracted, as milliseconds after the first one of the batch.
    after_first_ms: i32,
}

/// The marks of a batch, in the order of its rows.
#[derive(Debug, Clone, Default)]
pub(in crate::pipeline) struct RowOrigins {
    marks: ChunkedVec<Mark>,
    first_extracted_at_ms: i64,
    /// Where each run of rows of one segment ends.
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    segment: SegmentId,
    end: usize,
}

/// A row that has been found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) struct Origin {
    /// The segment of its record.
    pub(in crate::pipeline) segment: SegmentId,
    /// When its record was extracted, in milliseconds since 1970.
    pub(in crate::pipeline) extracted_at_ms: i64,
}

impl RowOrigins {
    /// Adds the mark of the next row.
    pub(in crate::pipeline) fn push(&mut self, hash: u32, row: Origin) {
        // A time of 0 is none; the first that is one is what the others are measured from.
        if self.first_extracted_at_ms == 0 {
            self.first_extracted_at_ms = row.extracted_at_ms;
        }
        // Saturates after 24 days within one batch, which is then the best that is known.
        let after = row.extracted_at_ms.saturating_sub(self.first_extracted_at_ms);
        let after_first_ms = i32::try_from(after).unwrap_or(if after < 0 { i32::MIN } else { i32::MAX });
        self.marks.push(Mark { hash, after_first_ms });
        let end = self.marks.len();
        match self.runs.last_mut() {
            Some(run) if run.segment == row.segment => run.end = end,
            _ => self.runs.push(Run { segment: row.segment, end }),
        }
    }

    /// Takes the marks of those rows out, and counts them by their segments.
    pub(in crate::pipeline) fn remove(&mut self, rows: &[bool]) -> HashMap<SegmentId, u64> {
        let before = std::mem::take(self);
        let mut removed = HashMap::new();
        for (index, mark) in before.marks.iter().enumerate() {
            let row = before.row(index);
            if rows[index] {
                *removed.entry(row.segment).or_default() += 1;
            } else {
                self.push(mark.hash, row);
            }
        }
        removed
    }

    /// How many rows there are.
    pub(in crate::pipeline) fn len(&self) -> usize {
        self.marks.len()
    }

    /// How many rows of each segment there are.
    pub(in crate::pipeline) fn rows_by_segment(&self) -> HashMap<SegmentId, u64> {
        let mut counts = HashMap::new();
        let mut start = 0;
        for run in &self.runs {
            *counts.entry(run.segment).or_default() += (run.end - start) as u64;
            start = run.end;
        }
        counts
    }

    /// The bytes that the marks hold.
    pub(in crate::pipeline) fn size(&self) -> usize {
        self.marks.size() + self.runs.capacity() * size_of::<Run>()
    }

    fn row(&self, index: usize) -> Origin {
        let run = self.runs.partition_point(|run| run.end <= index);
        Origin {
            segment: self.runs[run].segment,
            extracted_at_ms: self.first_extracted_at_ms + i64::from(self.marks.of(index).after_first_ms),
        }
    }
}

/// Finds rows again by their hash, each once.
pub(in crate::pipeline) struct OriginIndex<'m> {
    marks: &'m RowOrigins,
    /// Row numbers in the order of their hashes.
    by_hash: Vec<u32>,
    /// For each place in `by_hash`, the next one that has not been taken.
    next_free: Vec<u32>,
}

impl<'m> OriginIndex<'m> {
    pub(in crate::pipeline) fn new(marks: &'m RowOrigins) -> Self {
        // A batch of 100 MB has at most 50 million rows of two bytes.
        #[expect(clippy::cast_possible_truncation)]
        let count = marks.len() as u32;
        let mut by_hash: Vec<u32> = (0..count).collect();
        by_hash.sort_by_key(|row| marks.marks.of(*row as usize).hash);
        Self { marks, by_hash, next_free: (0..=count).collect() }
    }

    /// The bytes that the index holds.
    pub(in crate::pipeline) fn size(&self) -> usize {
        (self.by_hash.capacity() + self.next_free.capacity()) * size_of::<u32>()
    }

    /// The row with this hash; where Salesforce changed a cell so that there is none, any row that has not been found
    /// yet, so that the number of rows stays right. `None` when every row has been found.
    pub(in crate::pipeline) fn take(&mut self, hash: u32) -> Option<Origin> {
        let start = self.by_hash.partition_point(|row| self.marks.marks.of(*row as usize).hash < hash);
        let place = self.free_at_or_after(start);
        let is_match = self.by_hash.get(place).is_some_and(|row| self.marks.marks.of(*row as usize).hash == hash);
        let place = if is_match { place } else { self.free_at_or_after(0) };
        let row = *self.by_hash.get(place)?;
        #[expect(clippy::cast_possible_truncation, reason = "as many places as rows")]
        {
            self.next_free[place] = place as u32 + 1;
        }
        Some(self.marks.row(row as usize))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(rows: &[(u32, SegmentId, i64)]) -> RowOrigins {
        let mut marks = RowOrigins::default();
        for (hash, segment, extracted_at_ms) in rows {
            marks.push(*hash, Origin { segment: *segment, extracted_at_ms: *extracted_at_ms });
        }
        marks
    }

    #[test]
    fn rows_are_found_with_their_segment_and_time() {
        let marks = marks(&[(7, 1, 100), (3, 1, 90), (7, 2, 5_000), (9, 3, 100)]);
        assert_eq!(marks.rows_by_segment(), HashMap::from([(1, 2), (2, 1), (3, 1)]));
        let mut index = OriginIndex::new(&marks);
        assert_eq!(index.take(9), Some(Origin { segment: 3, extracted_at_ms: 100 }));
        assert_eq!(index.take(3), Some(Origin { segment: 1, extracted_at_ms: 90 }));
        assert_eq!(index.take(7), Some(Origin { segment: 1, extracted_at_ms: 100 }));
        assert_eq!(index.take(7), Some(Origin { segment: 2, extracted_at_ms: 5_000 }));
        assert_eq!(index.take(7), None);
    }

    #[test]
    fn a_row_that_was_changed_takes_the_place_of_one_that_is_left() {
        let marks = marks(&[(1, 1, 0), (2, 2, 0)]);
        let mut index = OriginIndex::new(&marks);
        assert_eq!(index.take(1).unwrap().segment, 1);
        assert_eq!(index.take(555).unwrap().segment, 2);
        assert_eq!(index.take(2), None);
    }

    #[test]
    fn many_equal_rows_are_found_one_by_one() {
        let rows: Vec<_> = (0..50_000).map(|row| (1, row / 10_000, 0)).collect();
        let marks = marks(&rows);
        let mut index = OriginIndex::new(&marks);
        let mut found: HashMap<SegmentId, u64> = HashMap::new();
        while let Some(row) = index.take(1) {
            *found.entry(row.segment).or_default() += 1;
        }
        assert_eq!(found, marks.rows_by_segment());
    }

    #[test]
    fn times_far_apart_saturate() {
        let far = i64::from(i32::MAX) + 10;
        let marks = marks(&[(1, 1, 1), (2, 1, far), (3, 1, -far)]);
        let mut index = OriginIndex::new(&marks);
        assert_eq!(index.take(2).unwrap().extracted_at_ms, i64::from(i32::MAX) + 1);
        assert_eq!(index.take(3).unwrap().extracted_at_ms, i64::from(i32::MIN) + 1);
    }

    #[test]
    fn a_record_without_a_time_does_not_take_that_of_the_others_away() {
        let marks = marks(&[(1, 1, 0), (2, 1, 1_790_000_000_000), (3, 1, 1_790_000_000_007)]);
        let mut index = OriginIndex::new(&marks);
        assert_eq!(index.take(3).unwrap().extracted_at_ms, 1_790_000_000_007);
    }
}
