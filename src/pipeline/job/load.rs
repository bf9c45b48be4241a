//! Loads one batch: creates a job, uploads the rows, closes the job in its turn, waits for its end, judges the results,
//! and retries rows.

mod commit;

use std::sync::Arc;
use std::time::Duration;

use retry::ReadingPatience;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::RejectionReasons;
use super::earlier::EarlierJobs;
use super::entered::JobJournal;
use super::event::{EventKind, EventSender, LoadError, SettledRecords};
use super::judge::{FinishedBatch, Gaps, Judge, JudgeError, Verdict};
use super::local_rejections::store_local_rejections;
use super::parents::ParentColumns;
use super::result_counts::ResultCounts;
use super::rounds::{RetryRules, Rounds};
use super::turn::{Start, Turn, TurnOutcome};
use super::waits::Waits;
use crate::budget::Budget;
use crate::matching::QuerySizes;
use crate::pipeline::batch::{Batch, RowOutcomes};
use crate::pipeline::prepare::{Claim, Quota, StreamPlan};
use crate::rejected::{RejectedStore, SuccessStore};
use crate::user_error::IntoUserError;
use airbyte::{Error, Result};
use salesforce::{CloseError, Fault, FaultKind, FinishedJob, JobEnd, JobWatcher, Org, Outcome, RunningJob};

/// How often the log says that the results of a job are not there yet.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Where a sync keeps what became of its records, if anywhere.
#[derive(Clone, Default)]
pub(crate) struct Stores {
    pub(crate) rejected: Option<RejectedStore>,
    /// The ids of written records.
    pub(crate) successes: Option<SuccessStore>,
}

/// Loads batches.
#[derive(Clone)]
pub(crate) struct Loader {
    pub(super) org: Org,
    pub(super) stores: Stores,
    pub(super) journal: JobJournal,
    budget: Arc<Budget>,
    earlier: Arc<EarlierJobs>,
    /// The share of the org's API requests.
    quota: Option<Arc<Quota>>,
    /// Once it is cancelled, no job is closed.
    pub(super) halt: CancellationToken,
    pub(super) waits: Waits,
    /// How many records searches read.
    pub(super) query_sizes: Arc<QuerySizes>,
}

impl Loader {
    pub(crate) fn new(
        org: Org,
        stores: Stores,
        journal: JobJournal,
        budget: Arc<Budget>,
        quota: Option<Arc<Quota>>,
    ) -> Self {
        let earlier = Arc::new(EarlierJobs::new(org.clone()));
        let (halt, waits, query_sizes) = (CancellationToken::new(), Waits::of_sync(), Arc::default());
        Self { org, stores, journal, budget, earlier, quota, halt, waits, query_sizes }
    }

    /// Waits until the requests of one more job fit within the share of the sync.
    pub(super) async fn claim(&self) -> Claim {
        Claim::new(self.quota.clone()).await
    }

    /// Waits until another job of a batch may begin.
    pub(super) async fn claim_again(&self, turn: &mut Turn) -> Claim {
        let claim = self.claim().await;
        turn.resume().await;
        claim
    }

    /// Loads a batch and stores its rejected records. Reports records as soon as they are settled.
    pub(super) async fn load(
        &self,
        plan: &StreamPlan,
        mut batch: Batch,
        Start { mut turn, claim }: Start,
        events: &EventSender,
    ) -> Result<(), LoadError> {
        if batch.rows() == 0 {
            drop(claim);
            // The end of this batch is the turn of the next one, which must not overtake the one before.
            if turn.wait(Duration::MAX, None, &self.halt).await != TurnOutcome::Come {
                return Err(LoadError::Halted);
            }
            let reasons = self.store_only(plan, &batch).await?;
            let segments = batch.settle(RowOutcomes::default(), None);
            events.send(EventKind::Settled(SettledRecords { segments, reasons, skipped: 0 }));
            return Ok(());
        }
        match &plan.matching {
            Some(matching) => Box::pin(self.load_matched(plan, matching, batch, Start { turn, claim }, events)).await,
            None => Box::pin(self.load_rounds(plan, batch, (&mut turn, Some(claim)), events)).await,
        }
    }

    /// Loads the rows of a batch and then those to retry, a job for each round. Without a claim for the first job it
    /// waits for one.
    pub(super) async fn load_rounds(
        &self,
        plan: &StreamPlan,
        mut batch: Batch,
        (turn, mut first_claim): (&mut Turn, Option<Claim>),
        events: &EventSender,
    ) -> Result<(), LoadError> {
        let mut rounds = Rounds::new(&self.waits.rows);
        loop {
            let claim = match first_claim.take() {
                Some(claim) => claim,
                None => tokio::select! {
                    biased;
                    () = self.halt.cancelled() => return Err(LoadError::Halted),
                    claim = self.claim_again(turn) => claim,
                },
            };
            let uploaded = self.upload_for_turn(plan, &batch, turn, &claim, events).await?;
            batch.drop_csv();
            let parents = ParentColumns::new(plan, &batch.columns);
            let running = self.close(plan, &batch, uploaded, events).await?;
            claim.closed();
            let job = running.id().to_owned();
            let watcher = Watcher { job, events, claim, halt: &self.halt, haste: self.waits.question_haste };
            let mut finished = wait_for_end(plan, &batch, running, &watcher).await?;
            self.wait_for_standstill(plan, &batch, &mut finished, &watcher).await?;
            let finished_batch = FinishedBatch { plan, batch: &batch, job: &finished };
            let parents = parents.written_since(plan, &batch.columns);
            let mut verdict = self.judge(finished_batch, rounds.rules(), &parents).await?;
            drop(watcher);
            events.send(EventKind::JobJudged { job: finished.id().to_owned(), failed: finished.rows_failed() });
            if finished.end() == &JobEnd::Complete
                && (finished.rows_processed(), finished.rows_failed()) == (Some(batch.rows()), Some(0))
            {
                self.journal.all_written(finished.id());
            }
            if let Some(retry) = &mut verdict.retry {
                retry.take_late_rejections(&mut batch);
            }
            let segments = batch.settle(verdict.outcomes, verdict.retry.as_mut());
            let Verdict { reasons, skipped, .. } = verdict;
            events.send(EventKind::Settled(SettledRecords { segments, reasons, skipped }));
            let unsettled = verdict.unknown + verdict.retry.as_ref().map_or(0, Batch::rows);
            if finished.end() == &JobEnd::Aborted {
                // The person who aborted the job does not want its rows to be sent again immediately.
                return Err(aborted(plan, &finished, unsettled, batch.rows()).into());
            }
            if let Some(fault) = (FinishedBatch { plan, batch: &batch, job: &finished }).final_fault() {
                return Err(given_up(plan, &finished, fault, unsettled).into());
            }
            if verdict.unknown > 0 {
                return Err(unproven(plan, &finished, unsettled, batch.rows()).into());
            }
            let Some(retry) = verdict.retry else { return Ok(()) };
            let Some(wait) = rounds.next(verdict.awaited_by) else {
                return Err(left_unprocessed(plan, &finished, verdict.unprocessed, batch.rows()).into());
            };
            log_retry(plan, retry.rows(), wait);
            turn.pause();
            tokio::select! {
                () = self.halt.cancelled() => return Err(LoadError::Halted),
                () = tokio::time::sleep(wait) => {}
            }
            let keys = batch.keys.take();
            batch = retry;
            batch.keys = keys;
        }
    }

    /// Stores the rejected records of a batch without rows.
    async fn store_only(&self, plan: &StreamPlan, batch: &Batch) -> Result<RejectionReasons> {
        let mut reasons = RejectionReasons::default();
        let mut writer = self.stores.rejected.as_ref().map(|store| store.writer(&plan.identity));
        store_local_rejections(writer.as_mut(), &batch.local_rejections, &mut reasons).await?;
        if let Some(writer) = writer {
            writer.finish().await?;
        }
        Ok(reasons)
    }

    /// Waits until Salesforce saves no more rows of a job that ended early.
    async fn wait_for_standstill(
        &self,
        plan: &StreamPlan,
        batch: &Batch,
        job: &mut FinishedJob,
        watcher: &Watcher<'_>,
    ) -> Result<()> {
        let finished = FinishedBatch { plan, batch, job };
        if finished.is_processed() {
            return Ok(());
        }
        if let Some(fault) = finished.final_fault().filter(|_| job.rows_processed() == Some(0)) {
            return Err(fault.into_error(&format!("loading {} records in job {}", plan.job.object, job.id())));
        }
        tracing::info!(job = job.id(), "the job ended early: waiting until its counts stop changing");
        let id = job.id().to_owned();
        job.wait_for_standstill(self.waits.standstill, watcher)
            .await
            .map_err(|fault| error_after_close(fault, &format!("waiting for job {id} of {}", plan.job.object)))
    }

    /// Judges the rows of a job, once its results prove what became of every row. Where they never do, it judges those
    /// of which they tell.
    async fn judge(&self, finished: FinishedBatch<'_>, rules: RetryRules, parents: &ParentColumns) -> Result<Verdict> {
        let mut patience = ReadingPatience::new(&self.waits.results);
        let mut last_log: Option<Instant> = None;
        let failure = loop {
            let started = Instant::now();
            let failure = match self.try_to_judge(finished, rules, parents, Gaps::MayPass).await {
                Ok(verdict) => return Ok(verdict),
                Err(failure) => failure,
            };
            let wait = if failure.may_pass { patience.next_wait(started.elapsed()) } else { None };
            let Some(wait) = wait else { break failure };
            if last_log.is_none_or(|last| last.elapsed() >= LOG_INTERVAL) {
                last_log = Some(Instant::now());
                let job = finished.job.id();
                tracing::warn!(job, reason = failure.reason, "the results of a job are not available yet");
            }
            tokio::time::sleep(wait).await;
        };
        if failure.may_be_gaps
            && !finished.is_processed()
            && let Ok(verdict) = self.try_to_judge(finished, rules, parents, Gaps::Stay).await
        {
            return Ok(verdict);
        }
        Err(failure.error)
    }

    async fn try_to_judge(
        &self,
        finished: FinishedBatch<'_>,
        mut rules: RetryRules,
        parents: &ParentColumns,
        gaps: Gaps,
    ) -> Result<Verdict, Unjudged> {
        let judged = async {
            let mut earlier = None;
            if !finished.is_processed() {
                earlier = Some(ResultCounts::read(finished.job).await?);
                tokio::time::sleep(self.waits.between_readings).await;
            }
            loop {
                let writer = self.stores.rejected.as_ref().map(|store| store.writer(&finished.plan.identity));
                let judge = Judge::new(finished, writer, rules, parents, &self.budget);
                let judge =
                    judge.after_earlier_attempts(&self.journal).keeping_successes(self.stores.successes.as_ref());
                match judge.judge(earlier, gaps).await? {
                    Some(verdict) => break Ok(verdict),
                    None => rules.children = false,
                }
            }
        };
        judged.await.map_err(|error| match error {
            JudgeError::Fault(fault) => Unjudged {
                // Only a lost sign-in is not temporary.
                may_pass: fault.kind() != FaultKind::SignIn,
                may_be_gaps: false,
                reason: fault.to_string(),
                error: error_after_close(fault, &format!("reading the results of job {}", finished.job.id())),
            },
            JudgeError::Unproven(error) => {
                Unjudged { may_pass: true, may_be_gaps: true, reason: "they do not add up".to_owned(), error }
            }
            JudgeError::Final(error) => Unjudged { may_pass: false, may_be_gaps: false, reason: String::new(), error },
        })
    }
}

/// Follows a running job for the events of its batch and for the requests that it may make.
struct Watcher<'l> {
    job: String,
    events: &'l EventSender,
    claim: Claim,
    halt: &'l CancellationToken,
    haste: u32,
}

impl JobWatcher for Watcher<'_> {
    fn progressed(&self, rows: u64) {
        self.events.send(EventKind::JobProgressed { job: self.job.clone(), rows });
    }

    fn wait(&self, age: Duration, usual: Duration) -> Duration {
        self.claim.wait(age, usual / self.haste)
    }

    fn asks(&self) {
        self.claim.asks();
    }

    fn is_halted(&self) -> bool {
        self.halt.is_cancelled()
    }
}

async fn wait_for_end(
    plan: &StreamPlan,
    batch: &Batch,
    running: RunningJob,
    watcher: &Watcher<'_>,
) -> Result<FinishedJob, LoadError> {
    let (object, id) = (&plan.job.object, running.id().to_owned());
    watcher.events.send(EventKind::JobStarted { job: id.clone(), rows: batch.rows() });
    let finished = running.wait(batch.rows(), watcher).await;
    let end = finished.as_ref().ok().map(|finished| finished.end().clone());
    watcher.events.send(EventKind::JobEnded { job: id.clone(), end });
    let finished = finished.map_err(|error| load_error(error, &format!("waiting for job {id} of {object}")))?;
    tracing::info!(
        job = id,
        object,
        rows = batch.rows(),
        failed = finished.rows_failed().unwrap_or_default(),
        end = %finished.end(),
        "job ended"
    );
    Ok(finished)
}

/// Why the rows of a job are not judged.
struct Unjudged {
    /// Whether another reading may help.
    may_pass: bool,
    /// Whether results may be missing.
    may_be_gaps: bool,
    /// A few words for the log.
    reason: String,
    error: Error,
}

fn log_retry(plan: &StreamPlan, rows: u64, wait: Duration) {
    let object = &plan.job.object;
    if wait.is_zero() {
        tracing::info!(object, rows, "rows without their parent are sent again after the rows that were written");
    } else {
        tracing::info!(object, rows, seconds = wait.as_secs(), "rows failed for a transient reason and are retried");
    }
}

/// The error of a job that is not known to have run.
fn load_error(error: CloseError, doing: &str) -> LoadError {
    match error {
        CloseError::Stopped => LoadError::Halted,
        CloseError::NotClosed(fault) => fault.into_error(doing).into(),
        CloseError::OutcomeUnknown(fault) => error_after_close(fault, doing).into(),
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
        "What its results prove is acknowledged. {unsettled} rows were not written, or their outcome is unknown; the \
         next sync sends them again."
    ))
}

/// The error of a job whose results leave rows out. `unsettled` of its `sent` rows are not proven to be written or
/// rejected.
fn unproven(plan: &StreamPlan, job: &FinishedJob, unsettled: u64, sent: u64) -> Error {
    Error::transient(format!(
        "The results of job {} for {} do not add up: the outcome of some rows is missing. {unsettled} of {sent} rows \
         are not acknowledged, and the next sync sends them again; what the results prove is acknowledged. Salesforce \
         keeps no results of batches beyond the daily allocation; look at the job in Setup, Bulk Data Load Jobs.",
        job.id(),
        plan.job.object,
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
