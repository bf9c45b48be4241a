//! The memory budget of a sync.
//!
//! Leases cover open batches, batches on their way, searches for records with their pages of results, the index of a
//! batch's rows while results are judged, rows to retry, states until they are written, and the rejected records on their
//! way to the bucket. Not covered, but bounded elsewhere: describes, blocks of input, buffers of connections, and the row
//! of results that a job reads.

pub(crate) use memory::{Budget, Lease};

/// The bytes for one stream: a batch of 100 MB, which takes 30 MB compressed (contacts), and up to 10 MB for the
/// origins and keys of its rows (12 and 20 bytes each: 320,000 rows). With it a sync of one stream stays below 64 MB
/// (`docs/performance.md`).
const FIRST_STREAM: usize = 40 * 1024 * 1024;
/// The bytes that every other stream adds.
const OTHER_STREAM: usize = 3 * 1024 * 1024;
/// The most bytes. The smallest container for any catalog has 256 MB. The program itself with its connections and
/// buffers needs about 30 MB, results pass through a few MB per job, and rejected records may overdraw the budget by a
/// quarter, and by less than a MB per job besides its longest row.
const MAX_CAPACITY: usize = 96 * 1024 * 1024;

/// The capacity for a number of streams, in bytes.
pub(crate) fn capacity_for(streams: usize) -> usize {
    (FIRST_STREAM + OTHER_STREAM * streams.saturating_sub(1)).min(MAX_CAPACITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capacity_grows_with_the_streams_up_to_96_mib() {
        const MIB: usize = 1 << 20;
        for (streams, capacity) in [(0, 40), (1, 40), (2, 43), (10, 67), (19, 94), (20, 96), (5_000, 96)] {
            assert_eq!(capacity_for(streams), capacity * MIB, "{streams}");
        }
    }
}
