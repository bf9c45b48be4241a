//! Loads one batch: creates a job, uploads the rows, closes the job in its turn, waits for its end, judges the results,
//! and retries rows.

use crate::user_error::IntoUserError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use retry::Retry;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::RejectionReasons;
use super::earlier::EarlierJobs;
use super::event::{EventKind, EventSender, LoadError, SettledRecords};
use super::judge::{FinishedBatch, Judge, JudgeError, ResultCounts, Verdict, store_local_rejections};
use super::waits::Waits;
use crate::budget::Budget;
use crate::pipeline::batch::{Batch, RowOutcomes};
use crate::pipeline::prepare::StreamPlan;
use crate::rejected::RejectedStore;
use airbyte::{Error, Result};
use salesforce::{
    CloseError, Fault, FaultKind, FinishedJob, JobEnd, Org, Outcome, RunningJob, UploadError, UploadedJob,
};

/// How often the log says that the results of a job are not there yet.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Loads batches.
#[derive(Clone)]
pub(crate) struct Loader {
    org: Org,
    store: Option<RejectedStore>,
    budget: Arc<Budget>,
    earlier: Arc<EarlierJobs>,
    /// Once it is cancelled, no job is closed.
    pub(super) halt: CancellationToken,
    waits: Waits,
}

/// When a batch may take effect.
#[derive(Debug, Default)]
pub(super) enum Turn {
    #[default]
    Now,
    /// Once the batch before it has sent this signal. If the signal is dropped, the turn never comes.
    After(oneshot::Receiver<()>),
}

impl Loader {
    pub(crate) fn new(org: Org, store: Option<RejectedStore>, budget: Arc<Budget>) -> Self {
        let earlier = Arc::new(EarlierJobs::new(org.clone()));
        Self { org, store, budget, earlier, halt: CancellationToken::new(), waits: Waits::of_sync() }
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
            let segments = batch.settle(RowOutcomes::default(), None);
            events.send(EventKind::Settled(SettledRecords { segments, reasons }));
            return Ok(());
        }
        let mut waits = self.waits.rows.iter();
        loop {
            let uploaded = self.upload(plan, &batch).await?;
            batch.drop_csv();
            let running = self.close(plan, uploaded, std::mem::take(&mut turn)).await?;
            let mut finished = self.wait_for_end(plan, &batch, running, events).await?;
            self.wait_for_standstill(plan, &batch, &mut finished).await?;
            let wait = waits.next();
            let mut verdict = self.judge(FinishedBatch { plan, batch: &batch, job: &finished }, wait.is_some()).await?;
            let segments = batch.settle(verdict.outcomes, verdict.retry.as_mut());
            events.send(EventKind::Settled(SettledRecords { segments, reasons: verdict.reasons }));
            if finished.end() == &JobEnd::Aborted {
                // Whoever aborted the job does not want its rows to be sent again at once.
                return Err(
                    aborted(plan, &finished, verdict.retry.map_or(0, |retry| retry.rows()), batch.rows()).into()
                );
            }
            if let Some(fault) = (FinishedBatch { plan, batch: &batch, job: &finished }).final_fault() {
                let unsettled = verdict.unknown + verdict.retry.map_or(0, |retry| retry.rows());
                return Err(given_up(plan, &finished, fault, unsettled).into());
            }
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
        let uploaded = self.org.upload_job(&plan.job, batch.csv(), self.halt.cancelled()).await;
        uploaded.map_err(|error| match error {
            UploadError::Stopped => LoadError::Halted,
            UploadError::NotCreated(fault) => fault.into_error(&format!("creating a job for {object}")).into(),
            UploadError::NotUploaded(fault) => fault.into_error(&format!("uploading records of {object}")).into(),
        })
    }

    /// Closes a job in its turn: the commit point.
    async fn close(&self, plan: &StreamPlan, uploaded: UploadedJob, turn: Turn) -> Result<RunningJob, LoadError> {
        if !self.wait_for_turn(turn).await {
            uploaded.abort().await;
            return Err(LoadError::Halted);
        }
        if let Err(error) = self.wait_for_earlier_jobs(plan, uploaded.id()).await {
            uploaded.abort().await;
            return Err(error);
        }
        let (object, job) = (&plan.job.object, uploaded.id().to_owned());
        let doing = format!("closing job {job} for {object}");
        let running = uploaded.close(self.halt.cancelled()).await.map_err(|error| match error {
            CloseError::Stopped => LoadError::Halted,
            CloseError::NotClosed(fault) => LoadError::from(fault.into_error(&doing)),
            CloseError::OutcomeUnknown(fault) => error_after_close(fault, &doing).into(),
        })?;
        tracing::info!(job, object, "closed a job");
        Ok(running)
    }

    /// Waits for the turn of a batch. Returns `false` if it never comes: the batch before it failed, or the sync is
    /// halted.
    async fn wait_for_turn(&self, turn: Turn) -> bool {
        match turn {
            Turn::Now => !self.halt.is_cancelled(),
            Turn::After(previous) => tokio::select! {
                // A halt takes precedence: no job is closed after it.
                biased;
                () = self.halt.cancelled() => false,
                previous = previous => previous.is_ok(),
            },
        }
    }

    /// Waits for the jobs that an earlier attempt left and that this one must not overtake.
    async fn wait_for_earlier_jobs(&self, plan: &StreamPlan, own: &str) -> Result<(), LoadError> {
        if !plan.job.operation.is_ordered() {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = self.halt.cancelled() => Err(LoadError::Halted),
            waited = self.earlier.wait(&plan.job.object, own) => Ok(waited?),
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

    /// Waits until Salesforce saves no more rows of a job that ended early.
    async fn wait_for_standstill(&self, plan: &StreamPlan, batch: &Batch, job: &mut FinishedJob) -> Result<()> {
        let finished = FinishedBatch { plan, batch, job };
        if finished.is_processed() {
            return Ok(());
        }
        if let Some(fault) = finished.final_fault().filter(|_| job.rows_processed() == Some(0)) {
            return Err(fault.into_error(&format!("loading {} records in job {}", plan.job.object, job.id())));
        }
        tracing::info!(job = job.id(), "the job ended early: its counts must stand still before it is judged");
        let id = job.id().to_owned();
        job.wait_for_standstill(self.waits.standstill)
            .await
            .map_err(|fault| error_after_close(fault, &format!("waiting for job {id} of {}", plan.job.object)))
    }

    /// Judges the rows of a job, once its results prove what became of every row.
    async fn judge(&self, finished: FinishedBatch<'_>, may_retry: bool) -> Result<Verdict> {
        let job = finished.job.id();
        let last_log = Mutex::new(None);
        let log = |failure: &Unjudged| {
            let mut last_log = last_log.lock().unwrap_or_else(PoisonError::into_inner);
            if last_log.is_none_or(|last: Instant| last.elapsed() >= LOG_INTERVAL) {
                *last_log = Some(Instant::now());
                tracing::warn!(job, reason = failure.reason, "the results of a job are not there yet");
            }
        };
        let classify = |failure: &Unjudged| if failure.may_pass { Retry::After(None) } else { Retry::No };
        let judged = retry::run_logged(&self.waits.results, classify, log, || self.try_to_judge(finished, may_retry));
        judged.await.map_err(|failure| failure.error)
    }

    async fn try_to_judge(&self, finished: FinishedBatch<'_>, may_retry: bool) -> Result<Verdict, Unjudged> {
        let judged = async {
            let mut earlier = None;
            if !finished.is_processed() {
                earlier = Some(ResultCounts::read(finished.job).await?);
                tokio::time::sleep(self.waits.between_readings).await;
            }
            let writer = self.store.as_ref().map(|store| store.writer(&finished.plan.identity));
            Judge::new(finished, writer, may_retry, &self.budget).judge(earlier).await
        };
        judged.await.map_err(|error| match error {
            JudgeError::Fault(fault) => Unjudged {
                // Only a lost sign-in does not come back by itself.
                may_pass: fault.kind() != FaultKind::SignIn,
                reason: fault.to_string(),
                error: error_after_close(fault, &format!("reading the results of job {}", finished.job.id())),
            },
            JudgeError::Unproven(error) => Unjudged { may_pass: true, reason: "they do not add up".to_owned(), error },
            JudgeError::Final(error) => Unjudged { may_pass: false, reason: String::new(), error },
        })
    }
}

/// Why the rows of a job are not judged.
struct Unjudged {
    /// Whether another reading may help.
    may_pass: bool,
    /// A few words for the log.
    reason: String,
    error: Error,
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

/// The error of a job that someone aborted. `unsettled` of its `sent` rows are not proven to be written or rejected.
fn aborted(plan: &StreamPlan, job: &FinishedJob, unsettled: u64, sent: u64) -> Error {
    Error::transient(format!(
        "Someone aborted job {} for {} in Salesforce. {unsettled} of its {sent} rows are not written and not \
         acknowledged, and this sync sends nothing again. Ask an administrator of the org who aborted it and why \
         (Setup, Bulk Data Load Jobs), then run the sync again; it sends what is not acknowledged.",
        job.id(),
        plan.job.object,
    ))
}

/// The error of a job that Salesforce gave up after it had processed rows, for a reason that stays.
fn given_up(plan: &StreamPlan, job: &FinishedJob, fault: Fault, unsettled: u64) -> Error {
    let error = fault.into_error(&format!("loading {} records in job {}", plan.job.object, job.id()));
    error.and(&format!(
        "What its results prove is acknowledged. Of {unsettled} rows they say that they were not written, or nothing; \
         the next sync sends these again."
    ))
}

fn left_unprocessed(plan: &StreamPlan, job: &FinishedJob, unprocessed: u64, sent: u64) -> Error {
    let end = match job.end() {
        JobEnd::Failed { message } => format!(" (\"{message}\")"),
        JobEnd::Aborted | JobEnd::Complete => String::new(),
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
