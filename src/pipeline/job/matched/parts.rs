//! Records that become several rows, because each names several records of the org.

use std::collections::HashMap;

use crate::pipeline::batch::{SegmentId, SettledSegment, part_of, whole_of};

/// The records that became several rows. Each counts once: as written when all its rows are, else as rejected.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    parts: HashMap<SegmentId, Part>,
    next: u32,
}

/// A record, or several of one segment that were merged.
#[derive(Debug)]
struct Part {
    records: u64,
    /// The rows that are not settled yet.
    open_rows: usize,
    is_rejected: bool,
}

impl Parts {
    /// The segment that each of the `rows` of these records gets. `None` if no segment can be made for them.
    pub(super) fn add(&mut self, segment: SegmentId, records: u64, rows: usize) -> Option<SegmentId> {
        let part = part_of(segment, self.next)?;
        self.next += 1;
        self.parts.insert(part, Part { records, open_rows: rows, is_rejected: false });
        Some(part)
    }

    /// Replaces rows of parts by the records whose rows are all settled now.
    pub(crate) fn fold(&mut self, settled: Vec<SettledSegment>) -> Vec<SettledSegment> {
        let mut folded = Vec::new();
        for rows in settled {
            match whole_of(rows.segment) {
                Some(segment) => folded.extend(self.settle(segment, rows)),
                None => folded.push(rows),
            }
        }
        folded
    }

    fn settle(&mut self, segment: SegmentId, rows: SettledSegment) -> Option<SettledSegment> {
        let part = self.parts.get_mut(&rows.segment)?;
        part.is_rejected |= rows.rejected > 0;
        let settled = usize::try_from(rows.written + rows.rejected).unwrap_or(usize::MAX);
        part.open_rows = part.open_rows.saturating_sub(settled);
        if part.open_rows > 0 {
            return None;
        }
        let part = self.parts.remove(&rows.segment)?;
        let (written, rejected) = if part.is_rejected { (0, part.records) } else { (part.records, 0) };
        Some(SettledSegment { segment, written, rejected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(segment: SegmentId, written: u64, rejected: u64) -> SettledSegment {
        SettledSegment { segment, written, rejected }
    }

    #[test]
    fn a_record_of_several_rows_counts_once_when_all_are_settled() {
        let mut parts = Parts::default();
        let written = parts.add(4, 1, 3).unwrap();
        let rejected = parts.add(4, 2, 2).unwrap();
        assert_ne!(written, rejected);
        let fold = |parts: &mut Parts, settled: &[SettledSegment]| parts.fold(settled.to_vec());
        assert_eq!(fold(&mut parts, &[rows(4, 7, 1), rows(written, 2, 0)]), [rows(4, 7, 1)]);
        assert_eq!(fold(&mut parts, &[rows(rejected, 0, 1)]), []);
        assert_eq!(fold(&mut parts, &[rows(rejected, 1, 0), rows(written, 1, 0)]), [rows(4, 0, 2), rows(4, 1, 0)]);
    }
}
