//! How a sync is asked to stop.

use std::time::Duration;

use airbyte::{Error, Result};
use salesforce::Org;
use tokio_util::sync::CancellationToken;

/// How long running jobs are waited for after a request to stop. The platform kills a container a minute after it
/// closed its input. The next sync sends again what is not acknowledged by then.
const GRACE_PERIOD: Duration = Duration::from_secs(60);

/// Asks a command to stop. Clones belong to the same command.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    requested: CancellationToken,
    requested_again: CancellationToken,
}

impl Stop {
    /// Asks the command to stop. A sync closes no more jobs, and waits for running jobs during a grace period. A second
    /// request ends the grace period.
    pub fn request(&self) {
        if self.requested.is_cancelled() {
            self.requested_again.cancel();
        }
        self.requested.cancel();
    }

    /// Whether the command is asked to stop.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Waits until the command is asked to stop.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Waits until the command is asked to stop for the second time.
    pub async fn requested_again(&self) {
        self.requested_again.cancelled().await;
    }

    /// Does `work` with an org, unless the command is asked to stop first.
    ///
    /// # Errors
    /// The command is asked to stop.
    pub async fn unless_requested<T>(&self, org: &Org, work: impl Future<Output = T>) -> Result<T> {
        let outcome = tokio::select! {
            done = work => Ok(done),
            () = self.requested() => Err(stopped()),
        };
        // A failure, too, can drop a call that renews the session.
        self.finish_renewal(org).await;
        outcome
    }

    /// Waits for an answer that may hold the only refresh token that works from now on. A stop leaves it a grace
    /// period.
    pub async fn finish_renewal(&self, org: &Org) {
        tokio::select! {
            biased;
            () = org.finish_renewal() => {}
            () = self.grace_period_over() => warn_of_lost_token(),
        }
    }

    /// Waits until the command is asked to stop and the grace period, which begins then, is over.
    pub async fn grace_period_over(&self) {
        self.requested().await;
        tokio::select! {
            () = self.requested_again() => {}
            () = tokio::time::sleep(GRACE_PERIOD) => {}
        }
    }
}

/// The error of a command that was asked to stop.
pub fn stopped() -> Error {
    Error::transient("The run was stopped before it was complete. What was confirmed by then stays done.")
}

/// Warns when the answer to a sign-in is not awaited.
pub fn warn_of_lost_token() {
    tracing::warn!(
        "ended before Salesforce answered a sign-in: a new refresh token may be lost; connect the Salesforce account \
         again if the next sign-in fails"
    );
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
        assert_eq!(started.elapsed(), Duration::from_secs(1_000 + 60));
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
