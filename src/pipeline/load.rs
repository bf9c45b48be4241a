//! One batch on its way through Salesforce: a job created, filled, closed in its turn, watched to its end, and judged.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, RefusedRecord};
use super::budget::Budget;
use super::judge::{Judge, NoVerdict, Verdict, store_refused};
use super::mark::SegmentId;
use super::plan::StreamPlan;
use crate::error::{Error, Result};
use crate::rejected::RejectedStore;
use crate::salesforce::Org;
use crate::salesforce::fault::{Fault, FaultKind};
use crate::salesforce::job::{FinishedJob, RunningJob};

/// The waits before rows that failed for a passing reason, or were left unprocessed, are sent again. A lock is held as
/// long as another transaction runs, ten minutes at the most and seconds as a rule.
const WAITS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(90)];

/// How often an upload that failed is begun anew with another job, and how often results are read.
const TRIES: u32 = 3;

/// Loads batches.
#[derive(Clone)]
pub(super) struct Loader {
    pub(super) org: Org,
    pub(super) store: Option<RejectedStore>,
    pub(super) budget: Arc<Budget>,
    /// Set when no further job may be closed.
    pub(super) halt: CancellationToken,
    pub(super) waits: [Duration; 3],
}

impl Loader {
    pub(super) fn new(org: Org, store: Option<RejectedStore>, budget: Arc<Budget>, halt: CancellationToken) -> Self {
        Self { org, store, budget, halt, waits: WAITS }
    }
}

/// What became of the records of a batch.
#[derive(Debug, Default)]
pub(super) struct Settlement {
    /// For each segment: the records written, and those rejected.
    pub(super) segments: Vec<(SegmentId, u64, u64)>,
}

/// Why a batch is not settled.
#[derive(Debug)]
pub(super) enum NotLoaded {
    /// The sync was halted before the batch took effect.
    Halted,
    /// The batch failed.
    Failed(Error),
}

impl From<Error> for NotLoaded {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// When a batch may take effect: at once, or when the one before it has come to its end.
pub(super) type Turn = Option<oneshot::Receiver<()>>;

impl Loader {
    /// Loads a batch and stores what of it is rejected.
    pub(super) async fn load(
        &self,
        plan: &StreamPlan,
        mut batch: Batch,
        mut turn: Turn,
    ) -> Result<Settlement, NotLoaded> {
        let records = batch.records_by_segment();
        let mut refused = std::mem::take(&mut batch.refused);
        let mut rejected: HashMap<SegmentId, u64> = HashMap::new();
        for record in &refused {
            *rejected.entry(record.record.segment).or_default() += 1;
        }
        if batch.rows() == 0 {
            // The end of this batch is the turn of the next one, which must not pass the one before.
            if !self.comes(turn).await {
                return Err(NotLoaded::Halted);
            }
            self.store_only(plan, &refused).await?;
            return Ok(settlement(&records, &rejected));
        }
        let mut waits = self.waits.iter();
        loop {
            let running = self.start(plan, &batch, turn.take()).await?;
            batch.drop_csv();
            let finished = self.finish(plan, &batch, running).await?;
            let wait = waits.next();
            let verdict = self.judge(plan, &finished, &batch, &refused, wait.is_some()).await?;
            refused.clear();
            for (segment, count) in verdict.rejected {
                *rejected.entry(segment).or_default() += count;
            }
            let (Some(again), Some(wait)) = (verdict.again, wait) else {
                return Ok(settlement(&records, &rejected));
            };
            tracing::info!(
                object = plan.job.object,
                rows = again.rows(),
                seconds = wait.as_secs(),
                "rows failed for a passing reason and are sent again"
            );
            tokio::select! {
                () = self.halt.cancelled() => return Err(NotLoaded::Halted),
                () = tokio::time::sleep(*wait) => {}
            }
            batch = again;
        }
    }

    async fn store_only(&self, plan: &StreamPlan, refused: &[RefusedRecord]) -> Result<()> {
        let mut writer = self.store.as_ref().map(|store| store.writer(&plan.identity));
        store_refused(writer.as_mut(), refused).await?;
        if let Some(writer) = writer {
            writer.finish().await?;
        }
        Ok(())
    }

    /// Creates a job, fills it, and closes it when its turn has come. Until then nothing has taken effect.
    async fn start(&self, plan: &StreamPlan, batch: &Batch, turn: Turn) -> Result<RunningJob, NotLoaded> {
        let object = &plan.job.object;
        let mut tries = TRIES;
        let uploaded = loop {
            if self.halt.is_cancelled() {
                return Err(NotLoaded::Halted);
            }
            let open = self
                .org
                .create_job(&plan.job)
                .await
                .map_err(|fault| fault.into_error(&format!("creating a job for {object}")))?;
            match open.upload(batch.csv()).await {
                Ok(uploaded) => break uploaded,
                Err(fault) if fault.is_passing() && tries > 1 => {
                    tries -= 1;
                    tracing::warn!(object, "an upload failed and begins anew with another job");
                }
                Err(fault) => return Err(fault.into_error(&format!("uploading records of {object}")).into()),
            }
        };
        if !self.comes(turn).await {
            uploaded.abort().await;
            return Err(NotLoaded::Halted);
        }
        Ok(uploaded.close().await.map_err(|fault| fault.into_error(&format!("closing a job for {object}")))?)
    }

    /// Waits for the turn of a batch, which does not come after a failure or a halt.
    async fn comes(&self, turn: Turn) -> bool {
        match turn {
            None => !self.halt.is_cancelled(),
            Some(turn) => tokio::select! {
                () = self.halt.cancelled() => false,
                before = turn => before.is_ok(),
            },
        }
    }

    async fn finish(&self, plan: &StreamPlan, batch: &Batch, running: RunningJob) -> Result<FinishedJob> {
        let (object, id) = (&plan.job.object, running.id().to_owned());
        let finished = running
            .wait(batch.rows())
            .await
            .map_err(|fault| in_doubt(fault, &format!("waiting for job {id} of {object}")))?;
        tracing::info!(
            job = id,
            object,
            rows = batch.rows(),
            failed = finished.failed().unwrap_or_default(),
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
        refused: &[RefusedRecord],
        may_send_again: bool,
    ) -> Result<Verdict> {
        let mut tries = TRIES;
        loop {
            let writer = self.store.as_ref().map(|store| store.writer(&plan.identity));
            let judge = Judge::new(plan, job, batch, writer, may_send_again, self.budget.lease());
            match judge.judge(refused).await {
                Ok(verdict) => return Ok(verdict),
                Err(NoVerdict::Fault(fault)) if fault.is_passing() && tries > 1 => tries -= 1,
                Err(NoVerdict::Fault(fault)) => {
                    return Err(in_doubt(fault, &format!("reading the results of job {}", job.id())));
                }
                Err(NoVerdict::Unproven(_)) if tries > 1 => {
                    tries -= 1;
                    tracing::warn!(job = job.id(), "the results of a job prove nothing and are read again");
                }
                Err(NoVerdict::Unproven(error) | NoVerdict::Error(error)) => return Err(error),
            }
        }
    }
}

/// The error of a fault that was met after the commit point: what the job did is done.
fn in_doubt(fault: Fault, doing: &str) -> Error {
    let tells_already = fault.kind() == FaultKind::Lost;
    let error = fault.into_error(doing);
    if tells_already {
        return error;
    }
    error.and(
        "The job was closed before that, so its records may be in Salesforce, though they are not acknowledged and are \
         sent again by the next sync; with the operation insert look at Setup, Bulk Data Load Jobs first.",
    )
}

fn settlement(records: &HashMap<SegmentId, u64>, rejected: &HashMap<SegmentId, u64>) -> Settlement {
    let segments = records
        .iter()
        .map(|(segment, count)| {
            let rejected = rejected.get(segment).copied().unwrap_or_default();
            (*segment, count - rejected, rejected)
        })
        .collect();
    Settlement { segments }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
