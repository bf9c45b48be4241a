//! Every wait and every retry policy of an org's calls.

use std::time::Duration;

use retry::{Policy, random_jitter};

/// A call that failed in transport or for a transient reason. Most trouble ends within seconds; what lasts longer than
/// three minutes is an outage, and whoever can wait for its end does so with a policy of its own.
const CALLS: Policy = Policy {
    attempts: 8,
    first_wait: Duration::from_millis(250),
    longest_wait: Duration::from_secs(30),
    total: Duration::from_secs(3 * 60),
    jitter: random_jitter,
};

/// The status of a closed job, asked for through an outage: half an hour is longer than a release takes an instance
/// away. Each try is a call with the retries of [`CALLS`], so a steady wait between them is enough.
const JOB_STATUS: Policy = Policy {
    attempts: u32::MAX,
    first_wait: Duration::from_secs(30),
    longest_wait: Duration::from_secs(30),
    total: Duration::from_secs(30 * 60),
    jitter: || 1.0,
};

/// A job that is still open after a close without a clear answer. Between two tries its status was read, through
/// [`JOB_STATUS`], so no further wait is needed.
pub(crate) const CLOSE: Policy = Policy {
    attempts: 5,
    first_wait: Duration::ZERO,
    longest_wait: Duration::ZERO,
    total: Duration::MAX,
    jitter: || 1.0,
};

/// How long an abort may take. It only spares Salesforce a job that it removes after a day anyway.
pub(crate) const ABORT_TIMEOUT: Duration = Duration::from_secs(15);

/// The waits that depend on the network and on Salesforce. Only tests choose others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// The retries of a single call.
    pub(crate) calls: Policy,
    /// The retries of asking for the status of a closed job.
    pub(crate) job_status: Policy,
    /// How long a connection may take.
    pub(crate) connect: Duration,
    /// How long a call without much data may take. A describe of a large object takes some seconds.
    pub(crate) answer: Duration,
    /// The slowest upload that is waited for, in bytes a second. Salesforce ends a call after ten minutes (Limits
    /// Quick Reference, "API Request Limits"), which 100 MB reach at 167 kB/s; a slower upload is for Salesforce to
    /// refuse.
    pub(crate) upload_rate: u64,
    /// How long a download may stand still, before its first byte and between two.
    pub(crate) stall: Duration,
    /// How long a job may run. Salesforce retries a batch 20 times for at most five minutes each (Bulk API 2.0 guide,
    /// "How Requests Are Processed"); a day leaves time for the queue.
    pub(crate) longest_job: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            calls: CALLS,
            job_status: JOB_STATUS,
            connect: Duration::from_secs(30),
            answer: Duration::from_secs(2 * 60),
            upload_rate: 100_000,
            stall: Duration::from_secs(5 * 60),
            longest_job: Duration::from_secs(24 * 60 * 60),
        }
    }
}
