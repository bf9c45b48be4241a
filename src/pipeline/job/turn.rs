//! When a batch may take effect, and its place among the jobs in progress.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::pipeline::prepare::Claim;

/// The places for jobs in progress, and who gets the next one.
#[derive(Debug)]
pub(super) struct Places {
    slots: Arc<Semaphore>,
    next: Mutex<()>,
}

impl Places {
    pub(super) fn new(places: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(places)), next: Mutex::default() }
    }

    /// Waits for a place for a batch that needs no claim.
    pub(super) async fn unclaimed(&self) -> Slot {
        Slot::new(Arc::clone(&self.slots)).await
    }

    /// Waits for a claim and then for a place, so a batch that has a place never waits for one that waits for a place.
    /// One batch at a time has a claim and no place: running jobs cannot use what waiting ones set aside.
    pub(super) async fn claimed(&self, claim: impl Future<Output = Claim>) -> (Slot, Claim) {
        let _next = self.next.lock().await;
        let claim = claim.await;
        (self.unclaimed().await, claim)
    }
}

/// One of the places for jobs in progress.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Slot {
    /// Waits for a place. The slots are never closed.
    pub(super) async fn new(slots: Arc<Semaphore>) -> Self {
        let permit = Arc::clone(&slots).acquire_owned().await.ok();
        Self { slots, permit }
    }

    /// Lets another batch have the place.
    fn release(&mut self) {
        self.permit = None;
    }

    /// Waits for a place, unless there is one: whoever waits for a second one may wait for its own.
    async fn take_again(&mut self) {
        if self.permit.is_some() {
            return;
        }
        self.permit = Arc::clone(&self.slots).acquire_owned().await.ok();
    }
}

/// What a batch starts with. Batches of a lane get it in their order: a later one that is loaded while an earlier one
/// is not would be sent again by the next sync.
#[derive(Debug)]
pub(crate) struct Start {
    pub(super) turn: Turn,
    /// The claim for its first job.
    pub(super) claim: Claim,
}

/// The turn of a batch.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The batch before it sends this signal when it has succeeded. If the signal is dropped, the turn never comes.
    /// `None` once the turn has come.
    previous: Option<oneshot::Receiver<()>>,
    slot: Slot,
}

/// How a wait for a turn ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TurnOutcome {
    Come,
    /// The batch before failed, or the sync is halted.
    Never,
    /// The turn has not come in time.
    Late,
}

impl Turn {
    /// The turn that follows on `previous`, or that is now.
    pub(super) fn new(previous: Option<oneshot::Receiver<()>>, slot: Slot) -> Self {
        Self { previous, slot }
    }

    /// Lets another batch have the place until this one is resumed.
    pub(super) fn pause(&mut self) {
        self.slot.release();
    }

    /// Waits for a place.
    pub(super) async fn resume(&mut self) {
        self.slot.take_again().await;
    }

    /// Waits for the turn, for no longer than `limit`. Meanwhile another batch has the place, and the claim is idle. A
    /// turn that has come keeps its place.
    pub(super) async fn wait(
        &mut self,
        limit: Duration,
        claim: Option<&Claim>,
        halt: &CancellationToken,
    ) -> TurnOutcome {
        // A halt takes precedence: no job is closed after it.
        if halt.is_cancelled() {
            return TurnOutcome::Never;
        }
        let Some(previous) = &mut self.previous else { return TurnOutcome::Come };
        match previous.try_recv() {
            Ok(()) => {
                self.previous = None;
                return TurnOutcome::Come;
            }
            Err(TryRecvError::Closed) => return TurnOutcome::Never,
            Err(TryRecvError::Empty) => {}
        }
        self.slot.release();
        claim.inspect(|claim| claim.set_idle(true));
        let outcome = tokio::select! {
            biased;
            () = halt.cancelled() => TurnOutcome::Never,
            previous = previous => if previous.is_ok() { TurnOutcome::Come } else { TurnOutcome::Never },
            () = tokio::time::sleep(limit) => TurnOutcome::Late,
        };
        claim.inspect(|claim| claim.set_idle(false));
        match outcome {
            TurnOutcome::Come => self.previous = None,
            TurnOutcome::Never => return outcome,
            TurnOutcome::Late => {}
        }
        tokio::select! {
            biased;
            () = halt.cancelled() => TurnOutcome::Never,
            () = self.slot.take_again() => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;
    use salesforce::ApiUsage;
    use tokio::sync::watch;

    use super::*;
    use crate::pipeline::prepare::Quota;

    const LONG: Duration = Duration::from_secs(1_000);

    fn slots() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(1))
    }

    async fn turn_after(slots: &Arc<Semaphore>) -> (oneshot::Sender<()>, Turn) {
        let (done, previous) = oneshot::channel();
        (done, Turn::new(Some(previous), Slot::new(Arc::clone(slots)).await))
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_comes_when_the_batch_before_succeeds() {
        let halt = CancellationToken::new();
        let mut now = Turn::new(None, Slot::new(slots()).await);
        assert_eq!(now.wait(LONG, None, &halt).await, TurnOutcome::Come);
        let (done, mut turn) = turn_after(&slots()).await;
        assert!(poll_immediate(Box::pin(turn.wait(LONG, None, &halt))).await.is_none());
        done.send(()).unwrap();
        for _ in 0..2 {
            assert_eq!(turn.wait(LONG, None, &halt).await, TurnOutcome::Come);
        }
        let (done, mut turn) = turn_after(&slots()).await;
        drop(done);
        assert_eq!(turn.wait(LONG, None, &halt).await, TurnOutcome::Never);
        let (done, mut turn) = turn_after(&slots()).await;
        let mut waiting = Box::pin(turn.wait(LONG, None, &halt));
        assert!(poll_immediate(&mut waiting).await.is_none());
        drop(done);
        assert_eq!(waiting.await, TurnOutcome::Never, "it fails while this one waits");
    }

    #[tokio::test]
    async fn a_halt_wins_against_a_turn_that_has_come() {
        let halt = CancellationToken::new();
        halt.cancel();
        // A random choice would pass once in two rounds.
        for _ in 0..64 {
            let (done, mut turn) = turn_after(&slots()).await;
            done.send(()).unwrap();
            assert_eq!(turn.wait(LONG, None, &halt).await, TurnOutcome::Never);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_late_can_still_come() {
        let halt = CancellationToken::new();
        let (done, mut turn) = turn_after(&slots()).await;
        assert_eq!(turn.wait(LONG, None, &halt).await, TurnOutcome::Late);
        done.send(()).unwrap();
        assert_eq!(turn.wait(LONG, None, &halt).await, TurnOutcome::Come);
    }

    /// A share of 40 requests, of which a job needs 30.
    #[tokio::test(start_paused = true)]
    async fn a_claim_is_idle_only_while_the_turn_is_awaited() {
        let (_org, usage) = watch::channel(Some(ApiUsage { used: 0, max: 40 }));
        let quota = Arc::new(Quota::new(100.0, usage));
        let claim = Claim::new(Some(Arc::clone(&quota))).await;
        let mut other = Box::pin(Claim::new(Some(Arc::clone(&quota))));
        assert!(poll_immediate(&mut other).await.is_none());
        let is_stuck = async || tokio::time::timeout(LONG, quota.reached()).await.is_ok();
        let halt = CancellationToken::new();
        let (done, mut turn) = turn_after(&slots()).await;
        assert!(!is_stuck().await, "the job may end");
        {
            let mut waiting = Box::pin(turn.wait(Duration::MAX, Some(&claim), &halt));
            assert!(poll_immediate(&mut waiting).await.is_none());
            assert!(is_stuck().await, "it waits for another job");
            done.send(()).unwrap();
            assert_eq!(waiting.await, TurnOutcome::Come);
        }
        assert!(!is_stuck().await, "it goes on");
        let (_done, mut turn) = turn_after(&slots()).await;
        assert_eq!(turn.wait(LONG, Some(&claim), &halt).await, TurnOutcome::Late);
        assert!(!is_stuck().await, "its job is replaced");
    }

    #[tokio::test]
    async fn only_the_next_batch_has_a_claim_and_no_place() {
        let (places, claims) = (Places::new(1), std::cell::Cell::new(0));
        let claim = || async {
            claims.set(claims.get() + 1);
            Claim::none()
        };
        let running = places.claimed(claim()).await;
        let (mut next, mut last) = (Box::pin(places.claimed(claim())), Box::pin(places.claimed(claim())));
        assert!(poll_immediate(&mut next).await.is_none());
        assert!(poll_immediate(&mut last).await.is_none());
        assert_eq!(claims.get(), 2);
        drop(running);
        assert!(poll_immediate(&mut next).await.is_some());
        assert!(poll_immediate(&mut last).await.is_some(), "the batch before is dropped");
        assert_eq!(claims.get(), 3);
    }

    #[tokio::test]
    async fn a_batch_whose_turn_has_come_does_not_queue_for_its_place() {
        let (halt, slots) = (CancellationToken::new(), slots());
        let (done, mut turn) = turn_after(&slots).await;
        let mut other = Box::pin(Slot::new(Arc::clone(&slots)));
        assert!(poll_immediate(&mut other).await.is_none());
        done.send(()).unwrap();
        let outcome = poll_immediate(Box::pin(turn.wait(LONG, None, &halt))).await;
        assert_eq!(outcome, Some(TurnOutcome::Come));
        poll_immediate(Box::pin(turn.resume())).await.expect("it has its place");
        turn.pause();
        assert!(poll_immediate(&mut other).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn another_batch_has_the_place_while_a_turn_is_awaited() {
        let (halt, slots) = (CancellationToken::new(), slots());
        let (done, mut turn) = turn_after(&slots).await;
        let mut waiting = Box::pin(turn.wait(LONG, None, &halt));
        assert!(poll_immediate(&mut waiting).await.is_none());
        let other = Slot::new(Arc::clone(&slots)).await;
        done.send(()).unwrap();
        assert!(poll_immediate(&mut waiting).await.is_none(), "the place is taken");
        drop(other);
        assert_eq!(waiting.await, TurnOutcome::Come);
        assert_eq!(slots.available_permits(), 0);
        drop(turn);
        assert_eq!(slots.available_permits(), 1);
    }
}
