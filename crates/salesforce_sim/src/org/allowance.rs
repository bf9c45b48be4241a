//! The daily allowances.

/// How many API requests, bulk batches and query jobs the org has used and still allows today. None recovers.
#[derive(Debug)]
pub(crate) struct DailyAllowance {
    pub(crate) requests_used: u64,
    pub(crate) requests_max: u64,
    pub(crate) batches_used: u64,
    pub(crate) batches_max: u64,
    pub(crate) query_jobs_used: u64,
    pub(crate) query_jobs_max: u64,
}

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

    /// Uses a batch; false if none is left.
    pub(crate) fn take_batch(&mut self) -> bool {
        let is_left = self.batches_used < self.batches_max;
        self.batches_used += u64::from(is_left);
        is_left
    }
}
