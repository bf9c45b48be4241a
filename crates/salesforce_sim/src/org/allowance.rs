//! The daily allowances.

/// How many API requests, bulk batches, query jobs and bytes of their results the org has used and still allows today.
/// None recovers.
#[derive(Debug)]
pub(crate) struct DailyAllowance {
    pub(crate) requests_used: u64,
    pub(crate) requests_max: u64,
    pub(crate) batches_used: u64,
    pub(crate) batches_max: u64,
    pub(crate) query_jobs_used: u64,
    pub(crate) query_jobs_max: u64,
    /// The results of query jobs.
    pub(crate) query_bytes_used: u64,
    pub(crate) query_kilobytes_max: u64,
}

/// The bytes of a kilobyte. The limit of 1,000,000,000 kB is described as 976,562 MB, so 1,024 of one are one of the other.
const KILOBYTE: u64 = 1_024;

impl DailyAllowance {
    /// Uses a request; false if none is left.
    pub(crate) fn take_request(&mut self) -> bool {
        let is_left = self.requests_used < self.requests_max;
        self.requests_used += u64::from(is_left);
        is_left
    }

    /// Uses a query job; false if none is left.
    pub(crate) fn take_query_job(&mut self) -> bool {
        let is_left = self.query_jobs_used < self.query_jobs_max;
        self.query_jobs_used += u64::from(is_left);
        is_left
    }

    /// Uses storage for the results of a query job.
    pub(crate) fn take_query_bytes(&mut self, bytes: usize) {
        self.query_bytes_used += bytes as u64;
    }

    /// How many kilobytes of results are left.
    pub(crate) fn query_kilobytes_left(&self) -> u64 {
        self.query_kilobytes_max.saturating_sub(self.query_bytes_used / KILOBYTE)
    }

    /// Leaves this many kilobytes of results.
    pub(crate) fn leave_query_kilobytes(&mut self, left: u64) {
        self.query_bytes_used = self.query_kilobytes_max.saturating_sub(left) * KILOBYTE;
    }

    /// Uses a batch; false if none is left.
    pub(crate) fn take_batch(&mut self) -> bool {
        let is_left = self.batches_used < self.batches_max;
        self.batches_used += u64::from(is_left);
        is_left
    }
}
