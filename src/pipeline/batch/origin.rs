//! Where each row of a batch comes from.

use std::collections::HashMap;

use super::chunked_vec::ChunkedVec;

/// Numbers the segments of a stream: its records between two states.
pub(crate) type SegmentId = u64;

/// The origins of the rows of a batch, in order. Each row takes twelve bytes, in two lists, because a list of pairs
/// would take sixteen.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowOrigins {
    /// The hash of each row's CSV.
    hashes: ChunkedVec<u64>,
    /// When each record was extracted, in milliseconds after the first record of the batch.
    after_first_ms: ChunkedVec<i32>,
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
    pub(crate) fn push(&mut self, hash: u64, origin: Origin) {
        // 0 is no time. The other times are relative to the first one that is known.
        if self.first_extracted_at_ms == 0 {
            self.first_extracted_at_ms = origin.extracted_at_ms;
        }
        // Saturates if the records of one batch were extracted more than 24 days apart.
        let after = origin.extracted_at_ms.saturating_sub(self.first_extracted_at_ms);
        let after_first_ms = i32::try_from(after).unwrap_or(if after < 0 { i32::MIN } else { i32::MAX });
        self.hashes.push(hash);
        self.after_first_ms.push(after_first_ms);
        let end = self.len();
        match self.runs.last_mut() {
            Some(run) if run.segment == origin.segment => run.end = end,
            _ => self.runs.push(Run { segment: origin.segment, end }),
        }
    }

    /// Removes the rows that are marked `true`, and returns how many of each segment there were.
    pub(crate) fn remove(&mut self, is_removed: &[bool]) -> HashMap<SegmentId, u64> {
        let all = std::mem::take(self);
        let mut removed = HashMap::new();
        for (index, hash) in all.hashes.iter().enumerate() {
            let origin = all.origin(index);
            if is_removed[index] {
                *removed.entry(origin.segment).or_default() += 1;
            } else {
                self.push(hash, origin);
            }
        }
        removed
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
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
        self.hashes.size() + self.after_first_ms.size() + self.runs.capacity() * size_of::<Run>()
    }

    /// The hash of a row.
    pub(super) fn hash(&self, index: usize) -> u64 {
        self.hashes.get(index)
    }

    /// The segment of each row, in order.
    pub(super) fn segments(&self) -> impl Iterator<Item = SegmentId> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|run| run.end));
        self.runs.iter().zip(starts).flat_map(|(run, start)| std::iter::repeat_n(run.segment, run.end - start))
    }

    /// The origin of a row.
    pub(super) fn origin(&self, index: usize) -> Origin {
        let run = self.runs.partition_point(|run| run.end <= index);
        Origin {
            segment: self.runs[run].segment,
            extracted_at_ms: self.first_extracted_at_ms + i64::from(self.after_first_ms.get(index)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_origins(rows: &[(SegmentId, i64)]) -> RowOrigins {
        let mut origins = RowOrigins::default();
        for (segment, extracted_at_ms) in rows {
            origins.push(0, Origin { segment: *segment, extracted_at_ms: *extracted_at_ms });
        }
        origins
    }

    #[test]
    fn each_row_keeps_its_segment_and_time() {
        let rows = [(1, 100), (1, 90), (2, 5_000), (1, 100)];
        let origins = row_origins(&rows);
        for (index, (segment, extracted_at_ms)) in rows.into_iter().enumerate() {
            assert_eq!(origins.origin(index), Origin { segment, extracted_at_ms });
        }
        assert!(origins.segments().eq([1, 1, 2, 1]));
        assert_eq!(origins.rows_by_segment(), HashMap::from([(1, 3), (2, 1)]));
    }

    #[test]
    fn times_that_are_far_apart_saturate() {
        let far = i64::from(i32::MAX) + 10;
        let origins = row_origins(&[(1, 1), (1, far), (1, -far)]);
        assert_eq!(origins.origin(1).extracted_at_ms, i64::from(i32::MAX) + 1);
        assert_eq!(origins.origin(2).extracted_at_ms, i64::from(i32::MIN) + 1);
    }

    #[test]
    fn a_record_without_a_time_does_not_affect_the_times_of_others() {
        let origins = row_origins(&[(1, 0), (1, 1_790_000_000_000), (1, 1_790_000_000_007)]);
        assert_eq!(origins.origin(2).extracted_at_ms, 1_790_000_000_007);
    }

    #[test]
    fn a_row_takes_twelve_bytes() {
        let rows = vec![(1, 0); 100_000];
        let size = row_origins(&rows).size();
        assert!((1_200_000..1_400_000).contains(&size), "{size}");
    }
}
