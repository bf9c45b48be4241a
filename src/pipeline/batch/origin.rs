//! Where each row of a batch comes from.

use std::collections::HashMap;

use super::chunked_vec::ChunkedVec;

/// Numbers the segments of a stream: its records between two states.
pub(crate) type SegmentId = u64;

/// The bit that tells a part of a record from a segment.
const PART: SegmentId = 1 << 63;

/// The segment of one of the rows that a record of `segment` becomes, where it becomes several. `number` tells the
/// record from others of its batch. It is known by its bits, so that nothing must be looked up. `None` for a segment
/// past two thousand million, which no source reaches.
pub(crate) fn part_of(segment: SegmentId, number: u32) -> Option<SegmentId> {
    (segment < 1 << 31).then(|| PART | segment << 32 | SegmentId::from(number))
}

/// The segment of the record, if this is a part of one.
pub(crate) fn whole_of(part: SegmentId) -> Option<SegmentId> {
    (part & PART != 0).then_some((part & !PART) >> 32)
}

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
    /// The records that were merged into rows, in the order of the rows.
    merged: ChunkedVec<Merged>,
}

/// Records of one segment that were merged into a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MergedRecords {
    pub(crate) segment: SegmentId,
    pub(crate) records: u32,
}

#[derive(Debug, Clone, Copy)]
struct Merged {
    row: u32,
    records: MergedRecords,
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
    /// Adds the origin of the next row, whose CSV has this hash, and the records that were merged into the row.
    pub(crate) fn push(&mut self, hash: u64, origin: Origin, merged: &[MergedRecords]) {
        // A batch of 100 MB has at most 50 million rows of two bytes.
        #[expect(clippy::cast_possible_truncation)]
        let row = self.len() as u32;
        merged.iter().for_each(|records| self.merged.push(Merged { row, records: *records }));
        // 0 is not a time. The other times are relative to the first one that is known.
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

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The number of records of each segment, also of those that were merged into a row.
    pub(crate) fn records_by_segment(&self) -> HashMap<SegmentId, u64> {
        let mut counts = HashMap::new();
        let mut start = 0;
        for run in &self.runs {
            *counts.entry(run.segment).or_default() += (run.end - start) as u64;
            start = run.end;
        }
        for Merged { records: MergedRecords { segment, records }, .. } in self.merged.iter() {
            *counts.entry(segment).or_default() += u64::from(records);
        }
        counts
    }

    /// The records that were merged into a row.
    pub(crate) fn merged(&self, row: usize) -> impl Iterator<Item = MergedRecords> {
        let start = self.merged.partition_point(|merged| (merged.row as usize) < row);
        let merged = (start..self.merged.len()).map(|index| self.merged.get(index));
        merged.take_while(move |merged| merged.row as usize == row).map(|merged| merged.records)
    }

    /// How many records a row stands for.
    pub(crate) fn records(&self, row: usize) -> u64 {
        1 + self.merged(row).map(|merged| u64::from(merged.records)).sum::<u64>()
    }

    /// The bytes held.
    pub(crate) fn size(&self) -> usize {
        self.hashes.size() + self.after_first_ms.size() + self.runs.capacity() * size_of::<Run>() + self.merged.size()
    }

    /// The segment and the hash of each row, in order.
    pub(crate) fn segments_and_hashes(&self) -> impl Iterator<Item = (SegmentId, u64)> {
        self.segments().zip(self.hashes.iter())
    }

    /// How many rows in a row belong to one segment, in order.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (SegmentId, u64)> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|run| run.end));
        self.runs.iter().zip(starts).map(|(run, start)| (run.segment, (run.end - start) as u64))
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
    pub(crate) fn origin(&self, index: usize) -> Origin {
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
            origins.push(0, Origin { segment: *segment, extracted_at_ms: *extracted_at_ms }, &[]);
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
        assert_eq!(origins.records_by_segment(), HashMap::from([(1, 3), (2, 1)]));
    }

    #[test]
    fn a_row_knows_the_records_that_were_merged_into_it() {
        let mut origins = RowOrigins::default();
        let origin = |segment| Origin { segment, extracted_at_ms: 0 };
        let of = |segment, records| MergedRecords { segment, records };
        origins.push(0, origin(2), &[of(0, 3), of(1, 1)]);
        origins.push(0, origin(2), &[]);
        origins.push(0, origin(3), &[of(2, 1)]);
        let merged: Vec<Vec<_>> = (0..3).map(|row| origins.merged(row).collect()).collect();
        assert_eq!(merged, [vec![of(0, 3), of(1, 1)], vec![], vec![of(2, 1)]]);
        assert_eq!([0, 1, 2].map(|row| origins.records(row)), [5, 1, 2]);
        assert_eq!(origins.records_by_segment(), HashMap::from([(0, 3), (1, 1), (2, 3), (3, 1)]));
    }

    #[test]
    fn a_part_of_a_record_knows_its_segment() {
        for (segment, number) in [(0, 0), (7, 3), ((1 << 31) - 1, u32::MAX)] {
            assert_eq!(whole_of(part_of(segment, number).unwrap()), Some(segment));
            assert_eq!(whole_of(segment), None);
        }
        assert_ne!(part_of(1, 2), part_of(1, 3));
        assert_eq!(part_of(1 << 31, 0), None);
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
