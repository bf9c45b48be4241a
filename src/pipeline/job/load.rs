//! One batch on its way through Salesforce: a job created, filled, closed in its turn, watched to its end, and judged.

use crate::user_error::IntoUserError;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::pipeline::batch::Batch;
use crate::pipeline::budget::Budget;
use crate::pipeline::job::event::{EventKind, EventSender, LoadError};
use crate::pipeline::job::judge::{Judge, JudgeError, Verdict, store_refused};
use crate::pipeline::job::reason::RejectionReasons;
use crate::pipeline::prepare::plan::StreamPlan;
use crate::rejected::RejectedStore;
use airbyte::{Error, Result};
use salesforce::{CloseError, Fault, FinishedJob, JobEnd, Org, Outcome, RunningJob, UploadError, UploadedJob};

/// The waits before rows that failed for a passing reason, or were left unprocessed, are sent again, and before results
/// that proved nothing are read again. A lock is held as long as another transaction runs, ten minutes at the most and
/// seconds as a rule.
const WAITS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(90)];

/// How often an upload that failed is begun anew with another job, and how often results are read.
const TRIES: usize = 3;

/// Loads batches.
#[derive(Clone)]
pub(in crate::pipeline) struct Loader {
    pub(in crate::pipeline) org: Org,
    pub(in crate::pipeline) store: Option<RejectedStore>,
    pub(in crate::pipeline) budget: Arc<Budget>,
    /// Set when no further job may be closed.
    pub(in crate::pipeline) halt: CancellationToken,
    pub(in crate::pipeline) waits: [Duration; 3],
}

impl Loader {
    pub(in crate::pipeline) fn new(
        org: Org,
        store: Option<RejectedStore>,
        budget: Arc<Budget>,
        halt: CancellationToken,
    ) -> Self {
        Self { org, store, budget, halt, waits: WAITS }
    }
}

/// When a batch may take effect: at once, or when the one before it has come to its end.
pub(in crate::pipeline) type Turn = Option<oneshot::Receiver<()>>;

impl Loader {
    /// Loads a batch and stores what of it is rejected. What is settled is told as soon as it is.
    pub(in crate::pipeline) async fn load(
        &self,
        plan: &StreamPlan,
        mut batch: Batch,
        mut turn: Turn,
        events: &EventSender,
    ) -> Result<(), LoadError> {
        if batch.rows() == 0 {
            // The end of this batch is the turn of the next one, which must not pass the one before.
            if !self.wait_for_turn(turn).await {
                return Err(LoadError::Halted);
            }
            let reasons = self.store_only(plan, &batch).await?;
            events.send(EventKind::Settled(batch.settlement(HashMap::new(), None, reasons)));
            return Ok(());
        }
        let mut waits = self.waits.iter();
        loop {
            let uploaded = self.upload(plan, &batch).await?;
            batch.drop_csv();
            let running = self.close(plan, uploaded, turn.take()).await?;
            let finished = self.finish(plan, &batch, running, events).await?;
            let wait = waits.next();
            let mut verdict = self.judge(plan, &finished, &batch, wait.is_some()).await?;
            let settlement = batch.settlement(verdict.rejected, verdict.again.as_mut(), verdict.reasons);
            events.send(EventKind::Settled(settlement));
            let Some(again) = verdict.again else { return Ok(()) };
            let Some(wait) = wait else {
                return Err(left_unprocessed(plan, &finished, verdict.unprocessed, batch.rows()).into());
            };
            tracing::info!(
                object = plan.job.object,
                rows = again.rows(),
                seconds = wait.as_secs(),
                "rows failed for a passing reason and are sent again"
            );
            tokio::select! {
                () = self.halt.cancelled() => return Err(LoadError::Halted),
                () = tokio::time::sleep(*wait) => {}
            }
            batch = again;
        }
    }

    async fn store_only(&self, plan: &StreamPlan, batch: &Batch) -> Result<RejectionReasons> {
        let mut reasons = RejectionReasons::default();
        let mut writer = self.store.as_ref().map(|store| store.writer(&plan.identity));
        store_refused(writer.as_mut(), &batch.refused, &mut reasons).await?;
        if let Some(writer) = writer {
            writer.finish().await?;
        }
        Ok(reasons)
    }

    /// Creates a job and fills it. Nothing has taken effect by that.
    async fn upload(&self, plan: &StreamPlan, batch: &Batch) -> Result<UploadedJob, LoadError> {
        let object = &plan.job.object;
        let mut tries = TRIES;
        loop {
            if self.halt.is_cancelled() {
                return Err(LoadError::Halted);
            }
            let open = self
                .org
                .create_job(&plan.job)
                .await
                .map_err(|fault| fault.into_error(&format!("creating a job for {object}")))?;
            match open.upload(batch.csv(), self.halt.cancelled()).await {
                Ok(uploaded) => return Ok(uploaded),
                Err(UploadError::Stopped) => return Err(LoadError::Halted),
                Err(UploadError::Fault(fault)) if fault.is_transient() && tries > 1 => {
                    tries -= 1;
                    tracing::warn!(object, "an upload failed and begins anew with another job");
                }
                Err(UploadError::Fault(fault)) => {
                    return Err(fault.into_error(&format!("uploading records of {object}")).into());
                }
            }
        }
    }

    /// Closes a job when its turn has come: the commit point.
    async fn close(&self, plan: &StreamPlan, uploaded: UploadedJob, turn: Turn) -> Result<RunningJob, LoadError> {
        if !self.wait_for_turn(turn).await {
            uploaded.abort().await;
            return Err(LoadError::Halted);
        }
        let doing = format!("closing a job for {}", plan.job.object);
        uploaded.close().await.map_err(|why| match why {
            CloseError::NotClosed(fault) => fault.into_error(&doing).into(),
            CloseError::OutcomeUnknown(fault) => in_doubt(fault, &doing).into(),
        })
    }

    /// Waits for the turn of a batch, which does not come after a failure or a halt.
    async fn wait_for_turn(&self, turn: Turn) -> bool {
        match turn {
            None => !self.halt.is_cancelled(),
            Some(turn) => tokio::select! {
                () = self.halt.cancelled() => false,
                before = turn => before.is_ok(),
            },
        }
    }

    async fn finish(
        &self,
        plan: &StreamPlan,
        batch: &Batch,
        running: RunningJob,
        events: &EventSender,
    ) -> Result<FinishedJob> {
        let (object, id) = (&plan.job.object, running.id().to_owned());
        events.send(EventKind::JobRuns { job: id.clone(), rows: batch.rows() });
        let finished = running
            .wait(batch.rows(), |rows| events.send(EventKind::JobProcessed { job: id.clone(), rows }))
            .await
            .map_err(|fault| in_doubt(fault, &format!("waiting for job {id} of {object}")));
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

    async fn judge(
        &self,
        plan: &StreamPlan,
        job: &FinishedJob,
        batch: &Batch,
        may_send_again: bool,
    ) -> Result<Verdict> {
        let mut waits = self.waits.iter().take(TRIES - 1);
        loop {
            let writer = self.store.as_ref().map(|store| store.writer(&plan.identity));
            let judge = Judge::new(plan, job, batch, writer, may_send_again, &self.budget);
            let (error, may_pass) = match judge.judge().await {
                Ok(verdict) => return Ok(verdict),
                Err(JudgeError::Fault(fault)) => {
                    let may_pass = fault.is_transient();
                    (in_doubt(fault, &format!("reading the results of job {}", job.id())), may_pass)
                }
                Err(JudgeError::Unproven(error)) => (error, true),
                Err(JudgeError::Error(error)) => (error, false),
            };
            let Some(wait) = waits.next().filter(|_| may_pass) else { return Err(error) };
            tracing::warn!(job = job.id(), "the results of a job prove nothing yet and are read again");
            tokio::time::sleep(*wait).await;
        }
    }
}

/// The error of a fault that was met at or after the commit point: what the job does is done.
fn in_doubt(fault: Fault, doing: &str) -> Error {
    let is_unknown = fault.outcome() == Outcome::Unknown;
    let error = fault.into_error(doing);
    if is_unknown {
        // The error already says so.
        return error;
    }
    error.and(
        "The job was closed before that, so its records may be in Salesforce, though they are not acknowledged and are \
         sent again by the next sync; with the operation insert look at Setup, Bulk Data Load Jobs first.",
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
#[path = "load_tests.rs"]
mod tests;
