//! Makes a call again while its failures are transient, after growing waits.
//!
//! The crate knows how often and how long to try, and nothing about the call: the caller classifies every failure,
//! because only the caller knows whether the call may be made twice.
//!
//! ```
//! use std::time::Duration;
//!
//! use retry::{Policy, Retry};
//!
//! const POLICY: Policy = Policy {
//!     attempts: 3,
//!     first_wait: Duration::from_millis(10),
//!     longest_wait: Duration::from_secs(1),
//!     total: Duration::from_secs(60),
//!     jitter: retry::random_jitter,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mut answers = [Err("busy"), Ok("done")].into_iter();
//! let result = retry::run(
//!     &POLICY,
//!     |failure| if *failure == "busy" { Retry::After(None) } else { Retry::No },
//!     || std::future::ready(answers.next().unwrap_or(Err("no answer"))),
//! );
//! assert_eq!(result.await, Ok("done"));
//! # }
//! ```

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often a call is made, and how long the waits are.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The number of calls, with the first one.
    pub attempts: u32,
    /// The wait after the first failure. It doubles after every further failure.
    pub first_wait: Duration,
    /// The longest wait of the policy. A wait that a failure requests may be longer, as long as `total` has room for
    /// it.
    pub longest_wait: Duration,
    /// No call begins later than this after the first call.
    pub total: Duration,
    /// A number from 0 to 1 that spreads the waits, so that calls that failed together are not made together again.
    pub jitter: fn() -> f64,
}

/// Whether a failed call is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The failure is final.
    No,
    /// The failure is transient: call again after the wait of the policy, or after the wait that the failure requests
    /// if that is longer. A request never shortens a wait: an answer that asks for none would use up all attempts at
    /// once.
    After(Option<Duration>),
}

/// Makes a call until it succeeds, fails for good, or the policy ends.
///
/// # Errors
/// The last failure.
pub async fn run<T, E, F>(policy: &Policy, classify: impl Fn(&E) -> Retry, call: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    run_logged(policy, classify, |_| {}, call).await
}

/// Like [`run`], and calls `log` with the failure before each wait.
///
/// # Errors
/// The last failure.
pub async fn run_logged<T, E, F>(
    policy: &Policy,
    classify: impl Fn(&E) -> Retry,
    log: impl Fn(&E),
    mut call: impl FnMut() -> F,
) -> Result<T, E>
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
        let Retry::After(requested) = classify(&failure) else { return Err(failure) };
        let Some(wait) = policy.next_wait(attempt, started.elapsed(), requested) else { return Err(failure) };
        log(&failure);
        sleep(wait).await;
        attempt += 1;
    }
}

/// The patience with something large that is read again until it is complete, such as the results of a job.
#[derive(Debug)]
pub struct ReadingPatience<'p> {
    policy: &'p Policy,
    attempt: u32,
    spent: Duration,
}

impl<'p> ReadingPatience<'p> {
    /// The patience before the first reading.
    pub fn new(policy: &'p Policy) -> Self {
        Self { policy, attempt: 1, spent: Duration::ZERO }
    }

    /// The wait after a reading that was not complete and took so long, or `None` after the last one. A reading counts
    /// for no longer than the longest wait, because a slow download is not a failure.
    pub fn next_wait(&mut self, reading: Duration) -> Option<Duration> {
        self.spent += reading.min(self.policy.longest_wait);
        let wait = self.policy.next_wait(self.attempt, self.spent, None)?;
        self.attempt += 1;
        self.spent += wait;
        Some(wait)
    }
}

impl Policy {
    /// The wait after a failed attempt, or `None` if it was the last one. `attempt` counts from 1, `elapsed` is the
    /// time since the first attempt, and `requested` the wait that the failure requests.
    pub fn next_wait(&self, attempt: u32, elapsed: Duration, requested: Option<Duration>) -> Option<Duration> {
        let wait = self.wait_after(attempt).max(requested.unwrap_or_default());
        // A requested wait can have any length, so it is compared and never added.
        let has_time = self.total.checked_sub(elapsed).is_some_and(|left| wait <= left);
        (attempt < self.attempts && has_time).then_some(wait)
    }

    /// The wait after an attempt: half of it is fixed, and the jitter spreads the other half.
    fn wait_after(&self, attempt: u32) -> Duration {
        let doublings = 2_u32.saturating_pow(attempt - 1);
        let whole = self.first_wait.saturating_mul(doublings).min(self.longest_wait);
        whole.mul_f64(0.5 + (self.jitter)().clamp(0.0, 1.0) / 2.0)
    }
}

/// A random jitter.
pub fn random_jitter() -> f64 {
    fastrand::f64()
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

    /// Makes a call that fails `failures` times, then succeeds. Returns the result, the calls and the time.
    async fn measure(policy: Policy, failures: u32, retry: Retry) -> (Result<&'static str, u32>, u32, Duration) {
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
        let transient = Retry::After(None);
        for (failures, result, calls, seconds) in [
            (0, Ok("done"), 1, 0),
            (1, Ok("done"), 2, 1),
            (2, Ok("done"), 3, 1 + 2),
            (4, Ok("done"), 5, 1 + 2 + 3 + 3),
            (5, Err(5), 5, 1 + 2 + 3 + 3),
            (99, Err(5), 5, 1 + 2 + 3 + 3),
        ] {
            let got = measure(POLICY, failures, transient).await;
            assert_eq!(got, (result, calls, Duration::from_secs(seconds)), "{failures} failures");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_final_failure_is_returned_at_once() {
        assert_eq!(measure(POLICY, 1, Retry::No).await, (Err(1), 1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_requested_wait_lengthens_the_wait_of_the_policy_and_never_shortens_it() {
        for (requested, took) in [(0, 1 + 2), (1, 1 + 2), (7, 7 + 7)] {
            let got = measure(POLICY, 2, Retry::After(Some(Duration::from_secs(requested)))).await;
            assert_eq!(got, (Ok("done"), 3, Duration::from_secs(took)), "{requested}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_of_any_length_can_be_requested() {
        for requested in [Duration::from_secs(61), Duration::from_secs(u64::MAX), Duration::MAX] {
            let got = measure(POLICY, 2, Retry::After(Some(requested))).await;
            assert_eq!(got, (Err(1), 1, Duration::ZERO), "the total has no room for {requested:?}");
        }
        let endless = Policy { total: Duration::MAX, ..POLICY };
        let got = measure(endless, 1, Retry::After(Some(Duration::from_secs(24 * 60 * 60)))).await;
        assert_eq!(got, (Ok("done"), 2, Duration::from_secs(24 * 60 * 60)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_begins_after_the_total() {
        let total = Policy { total: Duration::from_secs(6), attempts: u32::MAX, ..POLICY };
        let (result, calls, took) = measure(total, 99, Retry::After(None)).await;
        assert_eq!((result, calls, took), (Err(4), 4, Duration::from_secs(6)));
        let (result, calls, took) = measure(total, 99, Retry::After(Some(Duration::from_secs(7)))).await;
        assert_eq!((result, calls, took), (Err(1), 1, Duration::ZERO), "does not begin a wait that ends too late");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_logged_before_a_wait_only() {
        let logged = Cell::new(0);
        let log = |_: &&str| logged.set(logged.get() + 1);
        let result = run_logged(&POLICY, |_| Retry::After(None), log, || async { Err::<(), _>("busy") }).await;
        assert_eq!((result, logged.get()), (Err("busy"), POLICY.attempts - 1));
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
    fn the_random_jitter_is_between_0_and_1_and_varies() {
        let seen: Vec<f64> = (0..100).map(|_| random_jitter()).collect();
        assert!(seen.iter().all(|share| (0.0..=1.0).contains(share)));
        assert!(seen.iter().any(|share| *share != seen[0]));
    }

    #[test]
    fn readings_wait_as_long_and_as_often_as_calls() {
        let mut patience = ReadingPatience::new(&POLICY);
        let waits: Vec<u64> =
            std::iter::from_fn(|| patience.next_wait(Duration::ZERO)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [1, 2, 3, 3]);
    }

    #[test]
    fn a_slow_reading_counts_for_no_longer_than_the_longest_wait() {
        let second = Duration::from_secs(1);
        let policy = Policy { attempts: u32::MAX, longest_wait: 10 * second, total: 100 * second, ..POLICY };
        let readings = |length: Duration| {
            let mut patience = ReadingPatience::new(&policy);
            std::iter::from_fn(|| patience.next_wait(length)).count()
        };
        assert_eq!(readings(10 * second), readings(1_000 * second));
        assert!(readings(Duration::ZERO) > readings(10 * second) && readings(1_000 * second) > 4);
    }
}
