//! Every wait and every retry policy of an org's calls.

use std::time::Duration;

use retry::{Policy, random_jitter};

/// A call that failed in transport or for a transient reason. Most trouble ends within seconds. A step of a job waits
/// longer, with [`PATIENCE`].
const CALLS: Policy = Policy {
    attempts: 8,
    first_wait: Duration::from_millis(250),
    longest_wait: Duration::from_secs(30),
    total: Duration::from_secs(3 * 60),
    jitter: random_jitter,
};

/// Each step of a job: creating, uploading and closing it, and asking for its status. Half an hour is longer than a
/// release takes an instance away or makes it read-only. Waiting is safe before the commit point, and after it
/// nothing else helps.
const PATIENCE: Policy = Policy {
    attempts: u32::MAX,
    first_wait: Duration::from_millis(250),
    longest_wait: Duration::from_secs(30),
    total: Duration::from_secs(30 * 60),
    jitter: random_jitter,
};

/// How long an instance is taken to be where it is after a sign-in has said so. An outage can look like a move.
pub(crate) const MOVE_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// How long an abort may take. It only removes sooner what Salesforce removes after a day anyway.
pub(crate) const ABORT_TIMEOUT: Duration = Duration::from_secs(15);

/// The waits that depend on the network and on Salesforce. Only tests choose others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// The retries of a single call.
    pub(crate) calls: Policy,
    /// The retries of each step of a job.
    pub(crate) patience: Policy,
    /// How long a connection may take.
    pub(crate) connect: Duration,
    /// After this time without any connection a call of [`Brief`](crate::patience::CallPatience::Brief) patience is not
    /// made again.
    pub(crate) unconnected: Duration,
    /// How long a call without much data may take. A describe of a large object takes some seconds.
    pub(crate) answer: Duration,
    /// The slowest upload that is waited for, in bytes a second. Salesforce ends a call after ten minutes (Limits
    /// Quick Reference, "API Request Limits"), which 100 MB reach at 167 kB/s; a slower upload is for Salesforce to
    /// refuse.
    pub(crate) upload_rate: u64,
    /// The wait before a new session that was refused is tried again: not all servers of the instance may know it.
    pub(crate) new_session: Duration,
    /// The first wait before a job is asked again for a number of rows that is not the number of rows read. It doubles.
    pub(crate) new_count: Duration,
    /// How long a download may stall, before its first byte and between two.
    pub(crate) stall: Duration,
    /// How long a job may run. Salesforce retries a batch 20 times for at most five minutes each (Bulk API 2.0 guide,
    /// "How Requests Are Processed"); a day leaves time for the queue.
    pub(crate) longest_job: Duration,
}

/// How long a connection may take for a person who waits for the answer: TCP sends its first packet three times by
/// then.
const CONNECT_FOR_PERSON: Duration = Duration::from_secs(5);

/// The same for a host that cannot be reached at all. The last try is at most four seconds after it.
const UNCONNECTED_FOR_PERSON: Duration = Duration::from_secs(3);

impl Timing {
    /// The timing whose waits pass so many times faster. What a call may take stays the same.
    pub(crate) fn hastened(self, haste: u32) -> Self {
        let haste = haste.max(1);
        let hastened = |policy: Policy| Policy {
            first_wait: policy.first_wait / haste,
            longest_wait: policy.longest_wait / haste,
            total: policy.total / haste,
            ..policy
        };
        Self {
            calls: hastened(self.calls),
            patience: hastened(self.patience),
            new_session: self.new_session / haste,
            new_count: self.new_count / haste,
            ..self
        }
    }

    /// The timing for a person who waits: an address that is wrong is reported within seconds.
    pub(crate) fn for_person(self) -> Self {
        Self { connect: self.connect.min(CONNECT_FOR_PERSON), unconnected: UNCONNECTED_FOR_PERSON, ..self }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            calls: CALLS,
            patience: PATIENCE,
            connect: Duration::from_secs(30),
            unconnected: Duration::MAX,
            answer: Duration::from_secs(2 * 60),
            upload_rate: 100_000,
            new_session: Duration::from_secs(5),
            new_count: Duration::from_millis(500),
            stall: Duration::from_secs(5 * 60),
            longest_job: Duration::from_secs(24 * 60 * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_are_those_of_the_pages() {
        let minutes = Duration::from_mins;
        let timing = Timing::default();
        assert_eq!((timing.patience.total, timing.patience.attempts), (minutes(30), u32::MAX));
        assert_eq!((timing.calls.total, timing.calls.attempts), (minutes(3), 8));
        for policy in [timing.patience, timing.calls] {
            assert_eq!((policy.first_wait, policy.longest_wait), (Duration::from_millis(250), Duration::from_secs(30)));
        }
        assert_eq!((timing.longest_job, timing.stall, timing.answer), (minutes(24 * 60), minutes(5), minutes(2)));
        assert_eq!((MOVE_INTERVAL, ABORT_TIMEOUT), (minutes(5), Duration::from_secs(15)));
        let hastened = timing.hastened(30);
        assert_eq!((hastened.patience.total, hastened.calls.total), (minutes(1), Duration::from_secs(6)));
        assert_eq!((hastened.answer, hastened.stall), (timing.answer, timing.stall));
        let person = timing.for_person();
        assert_eq!((person.connect, person.unconnected), (Duration::from_secs(5), Duration::from_secs(3)));
    }

    /// 100 MB must not be given up before the ten minutes of Salesforce are over.
    #[test]
    fn the_slowest_upload_is_one_that_salesforce_would_refuse() {
        assert!(100_000_000 / Timing::default().upload_rate >= 600);
    }
}
