//! The loop that repeats a call that failed for a passing reason.
//!
//! It knows how often and how long, and nothing of whom it calls: the caller says of every failure whether it may
//! pass, because only the caller knows whether the call may be made twice.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often a call is made, and how long the waits between are.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The calls made, the first one included.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with every further one.
    pub first_wait: Duration,
    /// The longest wait that is computed. One that the other side asks for may be longer.
    pub longest_wait: Duration,
    /// No call begins later than this after the first one.
    pub total: Duration,
    /// A number from 0 to 1 that spreads the waits, so that calls that failed together do not return together.
    pub jitter: fn() -> f64,
}

/// What the caller makes of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It stays.
    No,
    /// It may pass; after the wait that the other side asked for, if it did.
    After(Option<Duration>),
}

/// Makes a call until it succeeds, fails for good, or the policy ends; then the last failure is given.
pub async fn run<T, E, F>(policy: &Policy, classify: impl Fn(&E) -> Retry, mut call: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let started = Instant::now();
    let mut attempt = 1;
    loop {
        let failure = match call().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let Retry::After(asked) = classify(&failure) else { return Err(failure) };
        let wait = asked.unwrap_or_else(|| policy.wait_after(attempt));
        if attempt >= policy.attempts || started.elapsed() + wait > policy.total {
            return Err(failure);
        }
        sleep(wait).await;
        attempt += 1;
    }
}

impl Policy {
    /// The wait after the given attempt: half of it is certain, the other half is spread.
    fn wait_after(&self, attempt: u32) -> Duration {
        let doublings = 2_u32.saturating_pow(attempt - 1);
        let whole = self.first_wait.saturating_mul(doublings).min(self.longest_wait);
        whole.mul_f64(0.5 + (self.jitter)().clamp(0.0, 1.0) / 2.0)
    }
}

/// A jitter from the randomness that the standard library seeds its maps with.
pub fn random_jitter() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const POLICY: Policy = Policy {
        attempts: 5,
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(3),
        total: Duration::from_secs(60),
        jitter: || 1.0,
    };

    /// Fails `failures` times with what `failure` gives, then succeeds; tells the result, the calls and the time.
    async fn try_it(policy: Policy, failures: u32, retry: Retry) -> (Result<&'static str, u32>, u32, Duration) {
        let calls = Cell::new(0);
        let started = Instant::now();
        let result = run(
            &policy,
            |_: &u32| retry,
            || async {
                calls.set(calls.get() + 1);
                if calls.get() > failures { Ok("done") } else { Err(calls.get()) }
            },
        )
        .await;
        (result, calls.get(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_the_longest() {
        let soon = Retry::After(None);
        for (failures, result, calls, seconds) in [
            (0, Ok("done"), 1, 0),
            (1, Ok("done"), 2, 1),
            (2, Ok("done"), 3, 1 + 2),
            (4, Ok("done"), 5, 1 + 2 + 3 + 3),
            (5, Err(5), 5, 1 + 2 + 3 + 3),
            (99, Err(5), 5, 1 + 2 + 3 + 3),
        ] {
            let got = try_it(POLICY, failures, soon).await;
            assert_eq!(got, (result, calls, Duration::from_secs(seconds)), "{failures} failures");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_stays_is_given_at_once() {
        assert_eq!(try_it(POLICY, 1, Retry::No).await, (Err(1), 1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_that_was_asked_for_wins() {
        for asked in [0, 7] {
            let asked = Duration::from_secs(asked);
            let got = try_it(POLICY, 2, Retry::After(Some(asked))).await;
            assert_eq!(got, (Ok("done"), 3, 2 * asked));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_begins_after_the_total() {
        let total = Policy { total: Duration::from_secs(6), attempts: u32::MAX, ..POLICY };
        let (result, calls, took) = try_it(total, 99, Retry::After(None)).await;
        assert_eq!((result, calls, took), (Err(4), 4, Duration::from_secs(6)));
        let (result, calls, took) = try_it(total, 99, Retry::After(Some(Duration::from_secs(7)))).await;
        assert_eq!((result, calls, took), (Err(1), 1, Duration::ZERO), "a wait that cannot end is not begun");
    }

    #[test]
    fn jitter_spreads_the_second_half_of_a_wait() {
        let jitters: [(fn() -> f64, u64); 5] =
            [(|| 0.0, 500), (|| 0.5, 750), (|| 1.0, 1000), (|| -3.0, 500), (|| 3.0, 1000)];
        for (jitter, millis) in jitters {
            let policy = Policy { jitter, ..POLICY };
            assert_eq!(policy.wait_after(1), Duration::from_millis(millis));
        }
        assert_eq!(POLICY.wait_after(u32::MAX), Duration::from_secs(3));
    }

    #[test]
    fn the_random_jitter_is_a_share_and_varies() {
        let seen: Vec<f64> = (0..100).map(|_| random_jitter()).collect();
        assert!(seen.iter().all(|share| (0.0..=1.0).contains(share)));
        assert!(seen.iter().any(|share| *share != seen[0]));
    }
}
