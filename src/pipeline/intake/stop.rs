//! How a sync is asked to stop from outside.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How long running jobs are waited for after a request to stop. The platform kills a container a minute after it
/// closed its input. The next sync sends again what is not acknowledged by then.
const GRACE_PERIOD: Duration = Duration::from_secs(60);

/// Asks a sync to stop. Clones belong to the same sync.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    requested: CancellationToken,
    requested_again: CancellationToken,
}

impl Stop {
    /// Asks the sync to stop: it closes no more jobs, and waits for running jobs during a grace period. A second
    /// request ends the grace period.
    pub(crate) fn request(&self) {
        if self.requested.is_cancelled() {
            self.requested_again.cancel();
        }
        self.requested.cancel();
    }

    /// Waits until the sync is asked to stop.
    pub(crate) async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Waits until the sync is asked to stop and the grace period, which begins then, is over.
    pub(crate) async fn grace_period_over(&self) {
        self.requested().await;
        tokio::select! {
            () = self.requested_again.cancelled() => {}
            () = tokio::time::sleep(GRACE_PERIOD) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_grace_period_begins_with_the_request() {
        let stop = Stop::default();
        let (requester, started) = (stop.clone(), Instant::now());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1_000)).await;
            requester.request();
        });
        stop.requested().await;
        assert_eq!(started.elapsed(), Duration::from_secs(1_000));
        stop.grace_period_over().await;
        assert_eq!(started.elapsed(), Duration::from_secs(1_000) + GRACE_PERIOD);
    }

    #[tokio::test]
    async fn a_second_request_ends_the_grace_period() {
        let stop = Stop::default();
        stop.request();
        let mut over = Box::pin(stop.grace_period_over());
        assert!(poll_immediate(&mut over).await.is_none());
        stop.request();
        over.await;
    }
}
