//! A running job, which is watched to its end.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::pace;
use super::poll::PollSchedule;
use super::status::JobState;
use super::{CloseAttempt, CloseError, FinishedJob, Job, JobEnd};
use crate::fault::{Fault, FaultKind, Outcome};

/// How long a wait goes on before the watcher is asked again how long it is to be.
const SLICE: Duration = Duration::from_secs(20);

/// Follows a job, and decides how often its status is asked for. A closure that takes the number of processed rows is
/// one.
pub trait JobWatcher: Sync {
    /// Salesforce has processed this many rows.
    fn progressed(&self, rows: u64);

    /// The time between two questions for the status. `usual` is the time that notices the end of the job soon, and
    /// `age` is the time since the close or the end of the job.
    fn wait(&self, age: Duration, usual: Duration) -> Duration {
        let _ = age;
        usual
    }

    /// The status is asked for now: one API request.
    fn asks(&self) {}

    /// Whether nothing may take effect any more. A job that turns out to be open is then aborted.
    fn is_halted(&self) -> bool {
        false
    }
}

impl<F: Fn(u64) + Sync> JobWatcher for F {
    fn progressed(&self, rows: u64) {
        self(rows);
    }
}

/// Waits before the status of a job of this age is asked for again, for no longer than `longest`.
pub(crate) async fn pause(watcher: &impl JobWatcher, age: Duration, usual: Duration, longest: Duration) {
    let started = Instant::now();
    loop {
        // The wait can change with the requests that are left.
        let left = watcher.wait(age, usual).min(longest).saturating_sub(started.elapsed());
        if left.is_zero() {
            break;
        }
        sleep(left.min(SLICE)).await;
    }
    watcher.asks();
}

/// A closed job. It takes effect even if the program ends.
pub struct RunningJob {
    job: Job,
}

impl RunningJob {
    pub(super) fn new(job: Job) -> Self {
        Self { job }
    }

    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// Waits for the end of the job. `rows` is the number of rows uploaded.
    ///
    /// # Errors
    /// The status of the job cannot be read for half an hour, the job is gone, or it still runs after a day. Or the job
    /// is still open, because the answer to its close came from something else than Salesforce, and cannot be closed.
    pub async fn wait(self, rows: u64, watcher: &impl JobWatcher) -> Result<FinishedJob, CloseError> {
        let closed = Instant::now();
        let mut schedule = PollSchedule::new(rows).expecting(pace::with(&self.job.pace, |pace| pace.forecast(rows)));
        let (mut rows_processed, mut ran_at) = (None, None);
        let (mut open_since, mut unknown_state) = (None, None);
        loop {
            let age = closed.elapsed();
            pause(watcher, age, schedule.next_wait(age, rows_processed), Duration::MAX).await;
            let asked_at = closed.elapsed();
            let status = self.job.status().await.map_err(CloseError::OutcomeUnknown)?;
            let rows_failed = status.rows_failed;
            rows_processed = status.rows_processed;
            if status.state == JobState::Open {
                if watcher.is_halted() {
                    self.job.abort().await;
                    return Err(CloseError::Stopped);
                }
                if open_since.is_none() {
                    tracing::warn!(job = self.job.id, "a job is open although it was closed: closing it again");
                }
                self.close_again(*open_since.get_or_insert_with(Instant::now)).await?;
            } else {
                open_since = None;
            }
            if let JobState::Other(state) = &status.state
                && unknown_state.as_ref() != Some(state)
            {
                tracing::warn!(job = self.job.id, state, "the job is in an unknown state: still watching it");
                unknown_state = Some(state.clone());
            }
            if let Some(end) = status.end() {
                if end == JobEnd::Complete {
                    pace::with(&self.job.pace, |pace| pace.ended(rows, ran_at, asked_at));
                }
                return Ok(FinishedJob { job: self.job, end, rows_processed, rows_failed });
            }
            ran_at = Some(asked_at);
            let longest = self.job.org.http.timing().longest_job;
            if closed.elapsed() > longest {
                let hours = longest.as_secs() / (60 * 60);
                let text = format!("the job {} has not ended within {hours} hours", self.job.id);
                let fault = Fault::new(FaultKind::StillRunning, text).with_outcome(Outcome::Unknown);
                return Err(CloseError::OutcomeUnknown(fault));
            }
            if let Some(rows) = rows_processed {
                watcher.progressed(rows);
            }
        }
    }

    /// Closes a job that is open although its close was answered: the answer came from something else than Salesforce.
    /// It has no effect on a job that is closed after all.
    async fn close_again(&self, open_since: Instant) -> Result<(), CloseError> {
        let (fault, is_open) = match self.job.try_to_close().await {
            Ok(()) => {
                let text = format!("the job {} stays open although its close is answered", self.job.id);
                (Fault::new(FaultKind::Transient, text), false)
            }
            Err(CloseAttempt::StatusUnknown(fault)) => (fault, false),
            Err(CloseAttempt::StillOpen(fault)) => (fault, true),
        };
        if fault.is_transient() && open_since.elapsed() <= self.job.org.http.timing().patience.total {
            return Ok(());
        }
        if is_open {
            self.job.abort().await;
            return Err(CloseError::NotClosed(fault.with_outcome(Outcome::Known)));
        }
        Err(CloseError::OutcomeUnknown(fault.with_outcome(Outcome::Unknown)))
    }
}
