//! The one memory budget: what holds records leases bytes from it, and returns them when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify};

/// The bytes that can be leased. A lease that grows never fails: the budget may be overdrawn, because a record that was
/// read must be held. Who can wait asks for a lease before it reads, or reads nothing more while the budget is overdrawn.
#[derive(Debug)]
pub struct Budget {
    capacity: usize,
    used: AtomicUsize,
    released: Notify,
    /// Held by the one that is next to get the bytes that it waits for.
    turn: Mutex<()>,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, used: AtomicUsize::new(0), released: Notify::new(), turn: Mutex::new(()) })
    }

    /// The bytes that can be leased before the budget is overdrawn.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// A lease that holds nothing yet.
    pub fn lease(self: &Arc<Self>) -> Lease {
        Lease { budget: Arc::clone(self), bytes: 0 }
    }

    /// A lease of so many bytes, once they are free; of more than the capacity, once nothing else is leased. Those that
    /// wait get theirs in the order in which they asked. Who waits must hold no other lease: those that hold one could
    /// wait for one another for ever.
    pub async fn lease_of(self: &Arc<Self>, bytes: usize) -> Lease {
        let _turn = self.turn.lock().await;
        loop {
            if let Some(lease) = self.take(bytes) {
                return lease;
            }
            self.released().await;
        }
    }

    /// The same without waiting: none if so many bytes are not free, or if someone waits.
    pub fn try_lease_of(self: &Arc<Self>, bytes: usize) -> Option<Lease> {
        let _turn = self.turn.try_lock().ok()?;
        self.take(bytes)
    }

    fn take(self: &Arc<Self>, bytes: usize) -> Option<Lease> {
        let used = self.used();
        let is_free = used == 0 || used.saturating_add(bytes) <= self.capacity;
        is_free.then(|| {
            let mut lease = self.lease();
            lease.set(bytes);
            lease
        })
    }

    /// The bytes leased beyond the capacity.
    pub fn overdrawn(&self) -> usize {
        self.used.load(Ordering::Relaxed).saturating_sub(self.capacity)
    }

    /// Whether the budget recovers when all leases end but for `remaining` bytes.
    pub fn can_recover(&self, remaining: usize) -> bool {
        self.overdrawn() <= self.used().saturating_sub(remaining)
    }

    /// The bytes leased.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Waits until bytes were returned since the last such wait.
    pub async fn released(&self) {
        self.released.notified().await;
    }
}

/// Leased bytes. They are returned when the lease is dropped.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Lease {
    /// Another lease from the same budget. It holds nothing yet.
    pub fn another(&self) -> Self {
        self.budget.lease()
    }

    /// The budget that it is from.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Changes the lease to `bytes`, more or fewer than before.
    pub fn set(&mut self, bytes: usize) {
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
    pub fn bytes(&self) -> usize {
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

    #[tokio::test]
    async fn who_waits_gets_a_lease_in_its_turn_and_nobody_comes_before() {
        let budget = Budget::new(100);
        let first = budget.lease_of(70).await;
        assert!(budget.try_lease_of(40).is_none() && budget.try_lease_of(30).is_some());
        let mut large = Box::pin(budget.lease_of(60));
        assert!(futures_util::poll!(&mut large).is_pending());
        let mut small = Box::pin(budget.lease_of(10));
        assert!(futures_util::poll!(&mut small).is_pending(), "10 bytes are free, and another is before it");
        assert!(budget.try_lease_of(10).is_none(), "also without waiting");
        drop(first);
        let (large, small) = (large.await, small.await);
        assert_eq!((large.bytes(), small.bytes(), budget.used()), (60, 10, 70));
    }

    #[tokio::test]
    async fn a_lease_of_more_than_the_capacity_is_given_alone() {
        let budget = Budget::new(100);
        let first = budget.lease_of(1).await;
        let mut huge = Box::pin(budget.lease_of(5_000));
        assert!(futures_util::poll!(&mut huge).is_pending());
        drop(first);
        let huge = huge.await;
        assert_eq!(budget.used(), 5_000);
        assert!(budget.try_lease_of(1).is_none());
        drop(huge);
        assert!(budget.try_lease_of(1).is_some());
    }

    #[tokio::test]
    async fn who_no_longer_waits_keeps_nobody_waiting() {
        let budget = Budget::new(100);
        let first = budget.lease_of(100).await;
        let mut gives_up = Box::pin(budget.lease_of(50));
        assert!(futures_util::poll!(&mut gives_up).is_pending());
        drop(gives_up);
        drop(first);
        assert_eq!(budget.lease_of(100).await.bytes(), 100);
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
