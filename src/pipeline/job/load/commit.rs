//! The way of a batch to the commit point: a job is created and filled, waits for its turn, is entered in the journal,
//! and is closed.

use tokio::time::{Instant, timeout_at};

use super::{Loader, load_error};
use crate::pipeline::batch::Batch;
use crate::pipeline::job::earlier::Which;
use crate::pipeline::job::entered::EnteredJob;
use crate::pipeline::job::event::{EventKind, EventSender, LoadError};
use crate::pipeline::job::turn::{Turn, TurnOutcome};
use crate::pipeline::prepare::{Claim, StreamPlan};
use crate::user_error::IntoUserError;
use salesforce::{CloseError, RunningJob, UploadError, UploadedJob};

impl Loader {
    /// Creates a job and uploads the rows. They take no effect before the job is closed.
    pub(super) async fn upload(&self, plan: &StreamPlan, batch: &Batch) -> Result<UploadedJob, LoadError> {
        let object = &plan.job.object;
        let uploaded = self.org.upload_job(&plan.job, batch.csv(), self.halt.cancelled()).await;
        uploaded.map_err(|error| match error {
            UploadError::Stopped => LoadError::Halted,
            UploadError::NotCreated(fault) => fault.into_error(&format!("creating a job for {object}")).into(),
            UploadError::NotUploaded(fault) => fault.into_error(&format!("uploading records of {object}")).into(),
        })
    }

    /// Uploads a batch and waits for its turn. A job that has waited for almost as long as it may stay open is aborted,
    /// and another one takes its place.
    pub(super) async fn upload_for_turn(
        &self,
        plan: &StreamPlan,
        batch: &Batch,
        turn: &mut Turn,
        claim: &Claim,
        events: &EventSender,
    ) -> Result<UploadedJob, LoadError> {
        loop {
            let began = Instant::now();
            let closes_by = began + self.waits.open_job;
            let uploaded = self.upload(plan, batch).await?;
            let (job, operation) = (uploaded.id().to_owned(), plan.job.operation);
            events.send(EventKind::JobUploaded { job, operation, rows: batch.rows(), began });
            let waited = match turn.wait(closes_by - Instant::now(), Some(claim), &self.halt).await {
                TurnOutcome::Come => {
                    let earlier = self.wait_for_earlier_jobs(plan, uploaded.id(), turn, claim);
                    // A wait that is cut off ends past the time to close, like one that is just too long.
                    timeout_at(closes_by, earlier).await.unwrap_or(Ok(()))
                }
                TurnOutcome::Never => Err(LoadError::Halted),
                TurnOutcome::Late => Ok(()),
            };
            claim.set_idle(false);
            let waited = match waited {
                Ok(()) => self.resume(turn).await,
                error => error,
            };
            match waited {
                Ok(()) if Instant::now() < closes_by => return Ok(uploaded),
                Err(error) => {
                    events.send(EventKind::JobLeft { job: uploaded.id().to_owned() });
                    uploaded.abort().await;
                    return Err(error);
                }
                Ok(()) => {
                    let (job, object) = (uploaded.id(), &plan.job.object);
                    events.send(EventKind::JobLeft { job: job.to_owned() });
                    tracing::info!(
                        job,
                        object,
                        "a job has waited too long for its turn: loading its rows in a new job"
                    );
                    uploaded.abort().await;
                }
            }
        }
    }

    /// Enters a job in the journal, so that it may be closed.
    async fn enter(&self, plan: &StreamPlan, batch: &Batch, uploaded: UploadedJob) -> Result<EnteredJob, LoadError> {
        let job = uploaded.id().to_owned();
        tokio::select! {
            biased;
            entered = self.journal.enter(plan, batch, uploaded) => Ok(entered?),
            () = self.halt.cancelled() => {
                // The next attempt aborts the job.
                tracing::debug!(job, "a job is left open because the bucket is out of reach");
                Err(LoadError::Halted)
            }
        }
    }

    /// Waits for the place that another batch may have meanwhile.
    async fn resume(&self, turn: &mut Turn) -> Result<(), LoadError> {
        tokio::select! {
            biased;
            () = self.halt.cancelled() => Err(LoadError::Halted),
            () = turn.resume() => Ok(()),
        }
    }

    /// Waits for the jobs that an earlier attempt left and that this one must not overtake. If there are any, another
    /// batch may have the place.
    async fn wait_for_earlier_jobs(
        &self,
        plan: &StreamPlan,
        own: &str,
        turn: &mut Turn,
        claim: &Claim,
    ) -> Result<(), LoadError> {
        let object = &plan.job.object;
        if !plan.is_ordered() {
            return Ok(());
        }
        let which = Which { object, with_inserts: plan.creates_missing(), own: Some(own) };
        self.wait_for_earlier(which, turn, claim).await
    }

    /// Waits for the jobs that an earlier attempt left and that may create or change what is looked for now.
    pub(in crate::pipeline::job) async fn wait_before_search(
        &self,
        plan: &StreamPlan,
        turn: &mut Turn,
        claim: &Claim,
    ) -> Result<(), LoadError> {
        let which = Which { object: &plan.job.object, with_inserts: plan.creates_missing(), own: None };
        self.wait_for_earlier(which, turn, claim).await?;
        claim.set_idle(false);
        self.resume(turn).await
    }

    async fn wait_for_earlier(&self, which: Which<'_>, turn: &mut Turn, claim: &Claim) -> Result<(), LoadError> {
        let wait = async {
            let jobs = self.earlier.of_object(which, claim).await?;
            if !jobs.is_empty() {
                turn.pause();
                claim.set_idle(true);
            }
            self.earlier.wait(which, &jobs, claim).await
        };
        tokio::select! {
            biased;
            () = self.halt.cancelled() => Err(LoadError::Halted),
            waited = wait => Ok(waited?),
        }
    }

    /// Enters a job in the journal and closes it: the commit point.
    pub(super) async fn close(
        &self,
        plan: &StreamPlan,
        batch: &Batch,
        uploaded: UploadedJob,
        events: &EventSender,
    ) -> Result<RunningJob, LoadError> {
        let job = uploaded.id().to_owned();
        let entered = self.enter(plan, batch, uploaded).await;
        let entered = entered.inspect_err(|_| events.send(EventKind::JobLeft { job }))?;
        let (object, job) = (&plan.job.object, entered.id().to_owned());
        let running = match entered.close(self.halt.cancelled()).await {
            Ok(running) => running,
            Err(error) => {
                if !matches!(error, CloseError::OutcomeUnknown(_)) {
                    events.send(EventKind::JobLeft { job: job.clone() });
                    self.journal.discard(&job).await;
                }
                return Err(load_error(error, &format!("closing job {job} for {object}")));
            }
        };
        tracing::info!(job, object, "closed a job");
        Ok(running)
    }
}
