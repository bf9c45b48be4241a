//! Loads one batch: creates a job, uploads the rows, closes the job in its turn, waits for its end, judges the results,
//! and retries rows.

use crate::user_error::IntoUserError;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::RejectionReasons;
use super::event::{EventKind, EventSender, LoadError, SettledRecords};
use super::judge::{FinishedBatch, Judge, JudgeError, Verdict, store_local_rejections};
use crate::pipeline::batch::Batch;
use crate::pipeline::budget::Budget;
use crate::pipeline::prepare::StreamPlan;
use crate::rejected::RejectedStore;
use airbyte::{Error, Result};
use salesforce::{CloseError, Fault, FinishedJob, JobEnd, Org, Outcome, RunningJob, UploadError, UploadedJob};

/// The waits before each retry. They grow faster than those of a `retry::Policy`, which double.
#[derive(Debug, Clone, Copy)]
struct RetryWaits {
    /// Before rows are retried that failed for a transient reason or were left unprocessed. A lock is held as long as
    /// another transaction runs: seconds as a rule, and ten minutes at most.
    rows: [Duration; 3],
    /// Before results are read again that could not be read, or that prove nothing.
    results: [Duration; 2],
}

const RETRY_WAITS: RetryWaits = RetryWaits {
    rows: [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(90)],
    results: [Duration::from_secs(2), Duration::from_secs(15)],
};

/// A failed upload is retried at once, with another job: the calls have already waited for the fault to pass.
const UPLOADS: retry::Policy = retry::Policy {
    attempts: 3,
    first_wait: Duration::ZERO,
    longest_wait: Duration::ZERO,
    total: Duration::MAX,
    jitter: || 0.0,
};

/// Loads batches.
#[derive(Clone)]
pub(crate) struct Loader {
    org: Org,
    store: Option<RejectedStore>,
    budget: Arc<Budget>,
    /// Once it is cancelled, no job is closed.
    pub(super) halt: CancellationToken,
    waits: RetryWaits,
}

/// When a batch may take effect.
#[derive(Debug, Default)]
pub(super) enum Turn {
    #[default]
    Now,
    /// Once the batch before it has sent this signal. If the signal is dropped, the turn never comes.
    After(oneshot::Receiver<()>),
}

/// Why an upload failed.
enum UploadFailure {
    /// The job could not be created. The call has already been retried.
    NotCreated(Error),
    NotUploaded(UploadError),
    Halted,
}

impl Loader {
    pub(crate) fn new(org: Org, store: Option<RejectedStore>, budget: Arc<Budget>) -> Self {
        Self { org, store, budget, halt: CancellationToken::new(), waits: RETRY_WAITS }
    }

    /// Loads a batch and stores its rejected records. Reports records as soon as they are settled.
    pub(super) async fn load(
        &self,
        plan: &StreamPlan,
        mut batch: Batch,
        mut turn: Turn,
        events: &EventSender,
    ) -> Result<(), LoadError> {
        if batch.rows() == 0 {
            // The end of this batch is the turn of the next one, which must not overtake the one before.
            if !self.wait_for_turn(turn).await {
                return Err(LoadError::Halted);
            }
            let reasons = self.store_only(plan, &batch).await?;
            let segments = batch.settle(HashMap::new(), None);
            events.send(EventKind::Settled(SettledRecords { segments, reasons }));
            return Ok(());
        }
        let mut waits = self.waits.rows.iter();
        loop {
            let uploaded = self.upload(plan, &batch).await?;
            batch.drop_csv();
            let running = self.close(plan, uploaded, std::mem::take(&mut turn)).await?;
            let finished = self.wait_for_end(plan, &batch, running, events).await?;
            let wait = waits.next();
            let mut verdict = self.judge(plan, &finished, &batch, wait.is_some()).await?;
            let segments = batch.settle(verdict.rejected, verdict.retry.as_mut());
            events.send(EventKind::Settled(SettledRecords { segments, reasons: verdict.reasons }));
            let Some(retry) = verdict.retry else { return Ok(()) };
            let Some(wait) = wait else {
                return Err(left_unprocessed(plan, &finished, verdict.unprocessed, batch.rows()).into());
            };
            tracing::info!(
                object = plan.job.object,
                rows = retry.rows(),
                seconds = wait.as_secs(),
                "rows failed for a transient reason and are retried"
            );
            tokio::select! {
                () = self.halt.cancelled() => return Err(LoadError::Halted),
                () = tokio::time::sleep(*wait) => {}
            }
            batch = retry;
        }
    }

    /// Stores the rejected records of a batch without rows.
    async fn store_only(&self, plan: &StreamPlan, batch: &Batch) -> Result<RejectionReasons> {
        let mut reasons = RejectionReasons::default();
        let mut writer = self.store.as_ref().map(|store| store.writer(&plan.identity));
        store_local_rejections(writer.as_mut(), &batch.local_rejections, &mut reasons).await?;
        if let Some(writer) = writer {
            writer.finish().await?;
        }
        Ok(reasons)
    }

    /// Creates a job and uploads the rows. They take no effect before the job is closed.
    async fn upload(&self, plan: &StreamPlan, batch: &Batch) -> Result<UploadedJob, LoadError> {
        let object = &plan.job.object;
        let classify = |failure: &UploadFailure| match failure {
            UploadFailure::NotUploaded(UploadError::Fault(fault)) if fault.is_transient() => retry::Retry::After(None),
            _ => retry::Retry::No,
        };
        let mut is_first = true;
        let uploaded = retry::run(&UPLOADS, classify, || {
            if !std::mem::take(&mut is_first) {
                tracing::warn!(object, "an upload failed and is retried with another job");
            }
            self.try_upload(plan, batch)
        });
        uploaded.await.map_err(|failure| match failure {
            UploadFailure::Halted | UploadFailure::NotUploaded(UploadError::Stopped) => LoadError::Halted,
            UploadFailure::NotCreated(error) => error.into(),
            UploadFailure::NotUploaded(UploadError::Fault(fault)) => {
                fault.into_error(&format!("uploading records of {object}")).into()
            }
        })
    }

    async fn try_upload(&self, plan: &StreamPlan, batch: &Batch) -> Result<UploadedJob, UploadFailure> {
        if self.halt.is_cancelled() {
            return Err(UploadFailure::Halted);
        }
        let open = self.org.create_job(&plan.job).await.map_err(|fault| {
            UploadFailure::NotCreated(fault.into_error(&format!("creating a job for {}", plan.job.object)))
        })?;
        open.upload(batch.csv(), self.halt.cancelled()).await.map_err(UploadFailure::NotUploaded)
    }

    /// Closes a job in its turn: the commit point.
    async fn close(&self, plan: &StreamPlan, uploaded: UploadedJob, turn: Turn) -> Result<RunningJob, LoadError> {
        if !self.wait_for_turn(turn).await {
            uploaded.abort().await;
            return Err(LoadError::Halted);
        }
        let doing = format!("closing a job for {}", plan.job.object);
        uploaded.close().await.map_err(|error| match error {
            CloseError::NotClosed(fault) => fault.into_error(&doing).into(),
            CloseError::OutcomeUnknown(fault) => error_after_close(fault, &doing).into(),
        })
    }

    /// Waits for the turn of a batch. Returns `false` if it never comes: the batch before it failed, or the sync is
    /// halted.
    async fn wait_for_turn(&self, turn: Turn) -> bool {
        match turn {
            Turn::Now => !self.halt.is_cancelled(),
            Turn::After(previous) => tokio::select! {
                // When both are there, the halt wins: no job is closed after it.
                biased;
                () = self.halt.cancelled() => false,
                previous = previous => previous.is_ok(),
            },
        }
    }

    async fn wait_for_end(
        &self,
        plan: &StreamPlan,
        batch: &Batch,
        running: RunningJob,
        events: &EventSender,
    ) -> Result<FinishedJob> {
        let (object, id) = (&plan.job.object, running.id().to_owned());
        events.send(EventKind::JobStarted { job: id.clone(), rows: batch.rows() });
        let finished = running
            .wait(batch.rows(), |rows| events.send(EventKind::JobProgressed { job: id.clone(), rows }))
            .await
            .map_err(|fault| error_after_close(fault, &format!("waiting for job {id} of {object}")));
        events.send(EventKind::JobEnded { job: id.clone() });
        let finished = finished?;
        tracing::info!(
            job = id,
            object,
            rows = batch.rows(),
            failed = finished.rows_failed().unwrap_or_default(),
            end = ?finished.end(),
            "job ended"
        );
        Ok(finished)
    }

    async fn judge(&self, plan: &StreamPlan, job: &FinishedJob, batch: &Batch, may_retry: bool) -> Result<Verdict> {
        let mut waits = self.waits.results.iter();
        loop {
            let writer = self.store.as_ref().map(|store| store.writer(&plan.identity));
            let judge = Judge::new(FinishedBatch { plan, batch, job }, writer, may_retry, &self.budget);
            let (error, is_transient) = match judge.judge().await {
                Ok(verdict) => return Ok(verdict),
                Err(JudgeError::Fault(fault)) => {
                    let is_transient = fault.is_transient();
                    (error_after_close(fault, &format!("reading the results of job {}", job.id())), is_transient)
                }
                Err(JudgeError::Unproven(error)) => (error, true),
                Err(JudgeError::Final(error)) => (error, false),
            };
            let Some(wait) = waits.next().filter(|_| is_transient) else { return Err(error) };
            tracing::warn!(job = job.id(), "the results of a job prove nothing yet and are read again");
            tokio::time::sleep(*wait).await;
        }
    }
}

/// The error of a fault at or after the commit point, where the job may have taken effect.
fn error_after_close(fault: Fault, doing: &str) -> Error {
    let says_so = fault.outcome() == Outcome::Unknown;
    let error = fault.into_error(doing);
    if says_so {
        // The error already says that the outcome is unknown.
        return error;
    }
    error.and(
        "The job was closed before that, so its records may be in Salesforce. They are not acknowledged, and the next \
         sync sends them again; with the operation insert look at Setup, Bulk Data Load Jobs first.",
    )
}

fn left_unprocessed(plan: &StreamPlan, job: &FinishedJob, unprocessed: u64, sent: u64) -> Error {
    let end = match job.end() {
        JobEnd::Failed { message } => format!(" (\"{message}\")"),
        JobEnd::Aborted => " (the job was aborted)".to_owned(),
        JobEnd::Complete => String::new(),
    };
    Error::transient(format!(
        "Salesforce left {unprocessed} of the {sent} rows of job {} for {} unprocessed, and sending them again did not \
         help{end}. They are not acknowledged; the next sync sends them again.",
        job.id(),
        plan.job.object,
    ))
}

#[cfg(test)]
mod tests;
