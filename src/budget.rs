//! The one memory budget: what holds records leases bytes from it, and returns them when it is dropped.
//!
//! Leases cover open batches, batches on their way, searches for records with their pages of results, the index of a
//! batch's rows while results are judged, rows to retry, states until they are written, and the rejected records on their
//! way to the bucket. Not covered, but bounded elsewhere: describes, blocks of input, buffers of connections, and the row
//! of results that a job reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

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

/// The bytes that can be leased. A lease never fails: the budget may be overdrawn, because a record that was read must
/// be held. The intake then reads no further block.
#[derive(Debug)]
pub(crate) struct Budget {
    capacity: usize,
    used: AtomicUsize,
    released: Notify,
}

impl Budget {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, used: AtomicUsize::new(0), released: Notify::new() })
    }

    /// The bytes that can be leased before the budget is overdrawn.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// A lease that holds nothing yet.
    pub(crate) fn lease(self: &Arc<Self>) -> Lease {
        Lease { budget: Arc::clone(self), bytes: 0 }
    }

    /// The bytes leased beyond the capacity.
    pub(crate) fn overdrawn(&self) -> usize {
        self.used.load(Ordering::Relaxed).saturating_sub(self.capacity)
    }

    /// Whether the budget recovers when all leases end but for `remaining` bytes.
    pub(crate) fn can_recover(&self, remaining: usize) -> bool {
        self.overdrawn() <= self.used().saturating_sub(remaining)
    }

    /// The bytes leased.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Waits until bytes were returned since the last such wait.
    pub(crate) async fn released(&self) {
        self.released.notified().await;
    }
}

/// Leased bytes. They are returned when the lease is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Lease {
    /// Another lease from the same budget. It holds nothing yet.
    pub(crate) fn another(&self) -> Self {
        self.budget.lease()
    }

    /// Changes the lease to `bytes`, more or fewer than before.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes == self.bytes {
            // The usual case after a row, because buffers grow in steps.
            return;
        }
        if bytes > self.bytes {
            self.budget.used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.budget.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            self.budget.released.notify_one();
        }
        self.bytes = bytes;
    }

    /// The bytes leased.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_lease_returns_its_bytes_and_wakes_the_waiting_task() {
        let budget = Budget::new(100);
        let mut first = budget.lease();
        first.set(80);
        let mut second = budget.lease();
        second.set(50);
        assert_eq!((budget.used(), budget.overdrawn()), (130, 30));
        second.set(10);
        budget.released().await;
        assert_eq!((budget.used(), budget.overdrawn()), (90, 0));
        drop(first);
        budget.released().await;
        assert_eq!((budget.used(), second.bytes()), (10, 10));
    }

    #[test]
    fn the_capacity_grows_with_the_streams_up_to_96_mib() {
        const MIB: usize = 1 << 20;
        for (streams, capacity) in [(0, 40), (1, 40), (2, 43), (10, 67), (19, 94), (20, 96), (5_000, 96)] {
            assert_eq!(capacity_for(streams), capacity * MIB, "{streams}");
        }
    }

    #[test]
    fn a_budget_can_recover_if_the_leases_that_end_are_more_than_what_is_overdrawn() {
        let budget = Budget::new(100);
        let mut lease = budget.lease();
        lease.set(130);
        for (remaining, expected) in [(0, true), (99, true), (100, true), (101, false), (130, false)] {
            assert_eq!(budget.can_recover(remaining), expected, "{remaining}");
        }
    }
}
