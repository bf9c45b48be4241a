//! Where each row of a batch comes from, and how to find that for a row in the results of a job, which Salesforce
//! returns in any order and without row numbers.

use std::collections::HashMap;

use super::chunked_vec::ChunkedVec;

/// Numbers the segments of a stream: its records between two states.
pub(crate) type SegmentId = u64;

/// The origin of one row in eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CompactOrigin {
    /// The hash of the row's CSV.
    hash: u32,
    /// When the record was extracted, in milliseconds after the first record of the batch.
    after_first_ms: i32,
}

/// The origins of the rows of a batch, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowOrigins {
    rows: ChunkedVec<CompactOrigin>,
    first_extracted_at_ms: i64,
    /// The runs of rows of one segment.
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    segment: SegmentId,
    /// The index after its last row.
    end: usize,
}

/// The record that a row was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The segment of the record.
    pub(crate) segment: SegmentId,
    /// When the record was extracted, in milliseconds since 1970; 0 if the source does not say.
    pub(crate) extracted_at_ms: i64,
}

impl RowOrigins {
    /// Adds the origin of the next row, whose CSV has this hash.
    pub(crate) fn push(&mut self, hash: u32, origin: Origin) {
        // 0 is no time. The other times are relative to the first one that is known.
        if self.first_extracted_at_ms == 0 {
            self.first_extracted_at_ms = origin.extracted_at_ms;
        }
        // Saturates if the records of one batch were extracted more than 24 days apart.
        let after = origin.extracted_at_ms.saturating_sub(self.first_extracted_at_ms);
        let after_first_ms = i32::try_from(after).unwrap_or(if after < 0 { i32::MIN } else { i32::MAX });
        self.rows.push(CompactOrigin { hash, after_first_ms });
        let end = self.rows.len();
        match self.runs.last_mut() {
            Some(run) if run.segment == origin.segment => run.end = end,
            _ => self.runs.push(Run { segment: origin.segment, end }),
        }
    }

    /// Removes the rows that are marked `true`, and returns how many of each segment there were.
    pub(crate) fn remove(&mut self, is_removed: &[bool]) -> HashMap<SegmentId, u64> {
        let all = std::mem::take(self);
        let mut removed = HashMap::new();
        for (index, row) in all.rows.iter().enumerate() {
            let origin = all.origin(index);
            if is_removed[index] {
                *removed.entry(origin.segment).or_default() += 1;
            } else {
                self.push(row.hash, origin);
            }
        }
        removed
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number of rows of each segment.
    pub(crate) fn rows_by_segment(&self) -> HashMap<SegmentId, u64> {
        let mut counts = HashMap::new();
        let mut start = 0;
        for run in &self.runs {
            *counts.entry(run.segment).or_default() += (run.end - start) as u64;
            start = run.end;
        }
        counts
    }

    /// The bytes held.
    pub(crate) fn size(&self) -> usize {
        self.rows.size() + self.runs.capacity() * size_of::<Run>()
    }

    fn origin(&self, index: usize) -> Origin {
        let run = self.runs.partition_point(|run| run.end <= index);
        Origin {
            segment: self.runs[run].segment,
            extracted_at_ms: self.first_extracted_at_ms + i64::from(self.rows.get(index).after_first_ms),
        }
    }
}

/// Finds the origins of rows by the hashes of their CSV. Returns each row once.
pub(crate) struct OriginIndex<'b> {
    origins: &'b RowOrigins,
    /// Row numbers in the order of their hashes.
    by_hash: Vec<u32>,
    /// For each place in `by_hash`, the next place that is still free.
    next_free: Vec<u32>,
}

impl<'b> OriginIndex<'b> {
    pub(crate) fn new(origins: &'b RowOrigins) -> Self {
        // A batch of 100 MB has at most 50 million rows of two bytes.
        #[expect(clippy::cast_possible_truncation)]
        let count = origins.len() as u32;
        let mut by_hash: Vec<u32> = (0..count).collect();
        by_hash.sort_by_key(|row| origins.rows.get(*row as usize).hash);
        Self { origins, by_hash, next_free: (0..=count).collect() }
    }

    /// The bytes held.
    pub(crate) fn size(&self) -> usize {
        (self.by_hash.capacity() + self.next_free.capacity()) * size_of::<u32>()
    }

    /// The origin of a row with this hash. If no free row has it, because Salesforce changed a cell, that of any free
    /// row, so that the number of rows stays right. `None` if every row was taken.
    pub(crate) fn take(&mut self, hash: u32) -> Option<Origin> {
        let start = self.by_hash.partition_point(|row| self.origins.rows.get(*row as usize).hash < hash);
        let place = self.free_at_or_after(start);
        let is_match = self.by_hash.get(place).is_some_and(|row| self.origins.rows.get(*row as usize).hash == hash);
        let place = if is_match { place } else { self.free_at_or_after(0) };
        let row = *self.by_hash.get(place)?;
        #[expect(clippy::cast_possible_truncation, reason = "as many places as rows")]
        {
            self.next_free[place] = place as u32 + 1;
        }
        Some(self.origins.origin(row as usize))
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

    fn row_origins(rows: &[(u32, SegmentId, i64)]) -> RowOrigins {
        let mut origins = RowOrigins::default();
        for (hash, segment, extracted_at_ms) in rows {
            origins.push(*hash, Origin { segment: *segment, extracted_at_ms: *extracted_at_ms });
        }
        origins
    }

    #[test]
    fn rows_are_found_with_their_segment_and_time() {
        let origins = row_origins(&[(7, 1, 100), (3, 1, 90), (7, 2, 5_000), (9, 3, 100)]);
        assert_eq!(origins.rows_by_segment(), HashMap::from([(1, 2), (2, 1), (3, 1)]));
        let mut index = OriginIndex::new(&origins);
        assert_eq!(index.take(9), Some(Origin { segment: 3, extracted_at_ms: 100 }));
        assert_eq!(index.take(3), Some(Origin { segment: 1, extracted_at_ms: 90 }));
        assert_eq!(index.take(7), Some(Origin { segment: 1, extracted_at_ms: 100 }));
        assert_eq!(index.take(7), Some(Origin { segment: 2, extracted_at_ms: 5_000 }));
        assert_eq!(index.take(7), None);
    }

    #[test]
    fn a_changed_row_takes_the_origin_of_any_free_row() {
        let origins = row_origins(&[(1, 1, 0), (2, 2, 0)]);
        let mut index = OriginIndex::new(&origins);
        assert_eq!(index.take(1).unwrap().segment, 1);
        assert_eq!(index.take(555).unwrap().segment, 2);
        assert_eq!(index.take(2), None);
    }

    #[test]
    fn equal_rows_are_returned_one_by_one() {
        let rows: Vec<_> = (0..50_000).map(|row| (1, row / 10_000, 0)).collect();
        let origins = row_origins(&rows);
        let mut index = OriginIndex::new(&origins);
        let mut found: HashMap<SegmentId, u64> = HashMap::new();
        while let Some(row) = index.take(1) {
            *found.entry(row.segment).or_default() += 1;
        }
        assert_eq!(found, origins.rows_by_segment());
    }

    #[test]
    fn times_that_are_far_apart_saturate() {
        let far = i64::from(i32::MAX) + 10;
        let origins = row_origins(&[(1, 1, 1), (2, 1, far), (3, 1, -far)]);
        let mut index = OriginIndex::new(&origins);
        assert_eq!(index.take(2).unwrap().extracted_at_ms, i64::from(i32::MAX) + 1);
        assert_eq!(index.take(3).unwrap().extracted_at_ms, i64::from(i32::MIN) + 1);
    }

    #[test]
    fn a_record_without_a_time_does_not_affect_the_times_of_others() {
        let origins = row_origins(&[(1, 1, 0), (2, 1, 1_790_000_000_000), (3, 1, 1_790_000_000_007)]);
        let mut index = OriginIndex::new(&origins);
        assert_eq!(index.take(3).unwrap().extracted_at_ms, 1_790_000_000_007);
    }
}
