//! The clock of the org.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::store::Stamp;

/// The clock of the org. It begins with that of the machine and goes on with tokio's, so a test that pauses tokio's clock
/// holds it still.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began: Timestamp,
    began_at: Instant,
    /// How far a test has set it forward.
    ahead: Duration,
    /// How long it went on by itself before a test stopped it.
    stopped: Option<Duration>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { began: Timestamp::now(), began_at: Instant::now(), ahead: Duration::ZERO, stopped: None }
    }

    pub(crate) fn now(self) -> Timestamp {
        let elapsed = self.stopped.unwrap_or_else(|| self.began_at.elapsed()) + self.ahead;
        self.began.checked_add(elapsed).unwrap_or(self.began)
    }

    /// The stamp of a transaction that begins now.
    pub(crate) fn stamp(self) -> Stamp {
        Stamp::of(self.now())
    }

    /// Stops the clock at the beginning of the next minute. From now on it moves only by [`Clock::advance`].
    pub(crate) fn stop(&mut self) {
        self.stopped.get_or_insert(self.began_at.elapsed());
        let past = self.now().as_millisecond().rem_euclid(60_000);
        self.ahead += Duration::from_millis(60_000 - past.unsigned_abs());
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.ahead += time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_with_that_of_tokio_and_can_be_set_forward() {
        let mut clock = Clock::start();
        let began = clock.now();
        assert_eq!(clock.now(), began, "it is paused");
        tokio::time::advance(Duration::from_secs(5)).await;
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now().as_second() - began.as_second(), 65);
        clock.stop();
        let stopped = clock.now();
        assert_eq!(stopped.as_second() % 60, 0);
        tokio::time::advance(Duration::from_secs(5)).await;
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now().as_second() - stopped.as_second(), 1);
    }
}
