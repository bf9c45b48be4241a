//! How long a call to the bucket may take, and how often it is made.
//!
//! Two layers, because they answer two questions. The SDK repeats an attempt that failed within one call, and so
//! handles a short overload without a log line; it does the same for the services that issue credentials. When the SDK
//! stops retrying, the store is unreachable, and [`OUTAGE`] waits for it.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use retry::{Policy, random_jitter};

/// Waits for a store that is away. The SDK has already made its attempts with short waits, so these waits start at two
/// seconds. They stay below half a minute, so that a store that is back is noticed soon. Half an hour is what each step
/// of a job gets: the job has taken effect, and a sync that ends here may write its records twice.
pub(super) const OUTAGE: Policy = Policy {
    attempts: u32::MAX,
    first_wait: Duration::from_secs(2),
    longest_wait: Duration::from_secs(30),
    total: Duration::from_secs(30 * 60),
    jitter: random_jitter,
};

/// Attempts of one call. The waits between them take 6 seconds on average and 13 at most: longer than a store takes to
/// shed load, and short enough that a refused connection is reported within half a minute.
const ATTEMPTS: u32 = 6;

/// The wait after the first attempt. It doubles, and the SDK waits a random share of it.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long opening a connection may take. Six attempts report an address that drops packets within half a minute.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one attempt may take: a part of 5 MiB at 50 kB/s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(105);

/// How long a call may take that is not worth a wait.
const BRIEF_TIMEOUT: Duration = Duration::from_secs(5);

/// How long aborting an upload may delay the failure that it follows.
const ABORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The attempts within one call.
pub(super) fn attempts() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_WAIT).with_max_backoff(LONGEST_WAIT)
}

/// The limits of each attempt.
pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}

/// The attempts of a call that is not worth a wait.
pub(super) fn few_attempts() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(2).with_initial_backoff(FIRST_WAIT)
}

/// The limits of such a call.
pub(super) fn brief_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(BRIEF_TIMEOUT).build()
}

/// Aborting an upload: one attempt, because a lifecycle rule of the bucket can remove what is left.
pub(super) fn abort_once() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_timeout(ABORT_TIMEOUT).build();
    aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_away_is_waited_for_half_an_hour() {
        assert_eq!(OUTAGE.total, Duration::from_mins(30));
        assert_eq!((OUTAGE.attempts, OUTAGE.longest_wait), (u32::MAX, Duration::from_secs(30)));
        assert_eq!(attempts().max_attempts(), 6);
    }
}
