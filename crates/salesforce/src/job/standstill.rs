//! Jobs that ended early, whose rows Salesforce may still be saving.

use std::time::Duration;

use tokio::time::Instant;

use super::FinishedJob;
use super::watch::{JobWatcher, pause};
use crate::fault::{Fault, FaultKind, Outcome};

/// How often the status is asked for while the counts must stand still. A watcher with few requests left asks less
/// often.
const READINGS: u32 = 15;

impl FinishedJob {
    /// Waits until the counts of the job have not changed for `standstill`. A job that ended as Failed or Aborted may
    /// go on to save rows: "If the job associated with the batch is aborted, the batch is still processed to
    /// completion" (Bulk API guide, batch states).
    ///
    /// # Errors
    /// The status of the job cannot be read for half an hour, the job is gone, or its counts still change after a day.
    pub async fn wait_for_standstill(&mut self, standstill: Duration, watcher: &impl JobWatcher) -> Result<(), Fault> {
        let started = Instant::now();
        let mut changed = started;
        while changed.elapsed() < standstill {
            pause(watcher, started.elapsed(), standstill / READINGS, standstill).await;
            let status = self.job.status().await?;
            let counts = (status.rows_processed, status.rows_failed);
            if counts != (self.rows_processed, self.rows_failed) {
                (self.rows_processed, self.rows_failed) = counts;
                changed = Instant::now();
            }
            let longest = self.job.org.http.timing().longest_job;
            if started.elapsed() > longest {
                let text = format!("the job {} has ended, and its counts still change", self.job.id);
                return Err(Fault::new(FaultKind::StillRunning, text).with_outcome(Outcome::Unknown));
            }
        }
        Ok(())
    }
}
