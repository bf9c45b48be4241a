//! How a sync is asked to stop from outside.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How long jobs that run are waited for after the sync was asked to stop. The platform takes a container away a minute
/// after it has closed its input. To wait is a courtesy: what is not acknowledged by then the next sync sends again.
const PATIENCE: Duration = Duration::from_secs(60);

/// The wish that the sync stop. Clones speak of the same sync.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: CancellationToken,
    asked_again: CancellationToken,
}

impl Stop {
    /// Asks the sync to stop: no further job takes effect, and running jobs are waited for a while. Asked again, it
    /// waits no longer.
    pub fn ask(&self) {
        if self.asked.is_cancelled() {
            self.asked_again.cancel();
        }
        self.asked.cancel();
    }

    /// Waits until the sync is asked to stop.
    pub(in crate::pipeline) async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Waits until running jobs are not waited for any more.
    pub(in crate::pipeline) async fn insisted(&self) {
        self.asked().await;
        tokio::select! {
            () = self.asked_again.cancelled() => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_patience_begins_when_the_sync_is_asked() {
        let stop = Stop::default();
        let (asker, started) = (stop.clone(), Instant::now());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1_000)).await;
            asker.ask();
        });
        stop.asked().await;
        assert_eq!(started.elapsed(), Duration::from_secs(1_000));
        stop.insisted().await;
        assert_eq!(started.elapsed(), Duration::from_secs(1_000) + PATIENCE);
    }

    #[tokio::test]
    async fn asked_again_the_sync_waits_no_longer() {
        let stop = Stop::default();
        stop.ask();
        let mut insisted = Box::pin(stop.insisted());
        assert!(poll_immediate(&mut insisted).await.is_none());
        stop.ask();
        insisted.await;
    }
}
