//! The one memory budget: bytes that are leased by what is held for a job, and come back when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How much may be held for one stream: a batch of 100 MB, which as contacts becomes 30 MB, with up to 10 MB for the marks
/// and keys of its rows. With it a sync of one stream stays below 64 MB (`docs/performance.md`).
const FIRST_STREAM: usize = 40 * 1024 * 1024;
/// How much every other stream adds.
const OTHER_STREAM: usize = 3 * 1024 * 1024;
/// How much may be held at most. The smallest container that must carry any catalog has 256 MB; the program itself with
/// its connections and buffers needs about 30 MB, and results and rejected records are streamed through a few MB a job.
const MOST: usize = 96 * 1024 * 1024;

/// How much may be held in batches for so many streams, in bytes: compressed CSV, row marks and refused records together.
pub(in crate::pipeline) fn capacity(streams: usize) -> usize {
    (FIRST_STREAM + OTHER_STREAM * streams.saturating_sub(1)).min(MOST)
}

/// Bytes to be leased. It can be overdrawn, by no more than one block of input: a record that has been read must go
/// somewhere.
#[derive(Debug)]
pub(in crate::pipeline) struct Budget {
    capacity: usize,
    used: AtomicUsize,
    released: Notify,
}

impl Budget {
    pub(in crate::pipeline) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, used: AtomicUsize::new(0), released: Notify::new() })
    }

    /// A lease that holds nothing yet.
    pub(in crate::pipeline) fn lease(self: &Arc<Self>) -> Lease {
        Lease { budget: Arc::clone(self), bytes: 0 }
    }

    /// How many bytes are held beyond the capacity.
    pub(in crate::pipeline) fn overdrawn(&self) -> usize {
        self.used.load(Ordering::Relaxed).saturating_sub(self.capacity)
    }

    /// Whether the budget comes back by itself, when all that is held ends but for `staying` bytes.
    pub(in crate::pipeline) fn comes_back(&self, staying: usize) -> bool {
        self.overdrawn() <= self.used().saturating_sub(staying)
    }

    /// How many bytes are held.
    pub(in crate::pipeline) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Waits until bytes have come back since this was last awaited.
    pub(in crate::pipeline) async fn released(&self) {
        self.released.notified().await;
    }
}

/// Bytes held by someone; dropping it gives them back.
#[derive(Debug)]
pub(in crate::pipeline) struct Lease {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Lease {
    /// Holds `bytes` from now on, more or fewer than before.
    pub(in crate::pipeline) fn set(&mut self, bytes: usize) {
        if bytes == self.bytes {
            // As for nearly every row: what grows, grows by leaps.
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

    /// The bytes held.
    pub(in crate::pipeline) fn bytes(&self) -> usize {
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
    async fn what_is_dropped_comes_back_and_wakes_whoever_waits() {
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
}
