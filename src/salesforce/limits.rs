//! What is left of the org's allowances.

use super::Org;
use super::fault::Fault;

/// How much of an allowance there is, and how much is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// All of it.
    pub max: u64,
    /// What is left.
    pub remaining: u64,
}

/// The allowances that a load uses up; one is missing where the user may not see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// API requests of 24 hours.
    pub daily_api_requests: Option<Allowance>,
    /// Bulk batches of 24 hours.
    pub daily_bulk_batches: Option<Allowance>,
    /// Data storage in MB.
    pub data_storage_mb: Option<Allowance>,
}

/// The API requests of 24 hours as a response header tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiUsage {
    /// The requests made.
    pub used: u64,
    /// The requests allowed.
    pub max: u64,
}

impl Org {
    /// The org's allowances.
    pub async fn limits(&self) -> Result<Limits, Fault> {
        unimplemented!()
    }

    /// The API versions that the instance serves, such as `62.0`.
    pub async fn versions(&self) -> Result<Vec<String>, Fault> {
        unimplemented!()
    }
}
