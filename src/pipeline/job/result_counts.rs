//! How many rows the results of a job have.

use salesforce::{Fault, FinishedJob, ResultRows};

/// How many rows the results of a job have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResultCounts {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) unprocessed: u64,
}

impl ResultCounts {
    pub(super) fn sum(&self) -> u64 {
        self.succeeded + self.failed + self.unprocessed
    }

    /// Counts the rows of all results of a job.
    pub(super) async fn read(job: &FinishedJob) -> Result<Self, Fault> {
        Ok(Self {
            succeeded: count(job.successful_rows().await?).await?,
            failed: count(job.failed_rows().await?).await?,
            unprocessed: count(job.unprocessed_rows().await?).await?,
        })
    }
}

/// Counts rows.
pub(super) async fn count(mut rows: ResultRows) -> Result<u64, Fault> {
    let mut count = 0;
    while rows.next().await?.is_some() {
        count += 1;
    }
    Ok(count)
}
