//! The daily allowances.

/// How many API requests and bulk batches the org has used and still allows today. Neither recovers.
#[derive(Debug)]
pub(crate) struct DailyAllowance {
    pub(crate) requests_used: u64,
    pub(crate) requests_max: u64,
    pub(crate) batches_used: u64,
    pub(crate) batches_max: u64,
}

impl DailyAllowance {
    /// Uses a request; false if none is left.
    pub(crate) fn take_request(&mut self) -> bool {
        let is_left = self.requests_used < self.requests_max;
        self.requests_used += u64::from(is_left);
        is_left
    }

    /// Uses a batch; false if none is left.
    pub(crate) fn take_batch(&mut self) -> bool {
        let is_left = self.batches_used < self.batches_max;
        self.batches_used += u64::from(is_left);
        is_left
    }
}
