//! What happened to the rows of a finished job: proves the counts, stores rejected records, and collects rows to retry.

mod successes;

use std::sync::Arc;

use super::entered::JobJournal;
use super::local_rejections::store_local_rejections;
use super::parents::ParentColumns;
use super::rejection_reasons::{Example, RejectionReasons};
use super::result_counts::{ResultCounts, count};
use super::result_layout::{ERROR, ID, ResultLayout};
use super::rounds::{AwaitedBy, RetryReason, RetryRules};
use crate::budget::{Budget, Lease};
use crate::convert::{RowKind, restore, row_hash};
use crate::pipeline::batch::{Batch, OpenBatch, RowFate, RowIndex, RowOutcomes};
use crate::pipeline::prepare::StreamPlan;
use crate::rejected::{RejectedRecord, RejectedWriter, RejectionDetails, SuccessStore, of_several_records};
use airbyte::{Error, Result};
use salesforce::{Fault, FaultKind, FinishedJob, JobEnd, ResultRow, ResultRows, RowError};

/// The outcome of one job.
#[derive(Debug)]
pub(super) struct Verdict {
    /// How many rows are rejected, and stored if there is a bucket.
    pub(super) outcomes: RowOutcomes,
    /// Why rows and local rejections of the batch were rejected.
    pub(super) reasons: RejectionReasons,
    /// The rows to retry: they failed for a transient reason, were left unprocessed, or lacked their parent.
    pub(super) retry: Option<Batch>,
    /// For what `retry` waits before it is sent.
    pub(super) awaited_by: AwaitedBy,
    /// How many rows Salesforce left unprocessed.
    pub(super) unprocessed: u64,
    /// How many records needed no write.
    pub(super) skipped: u64,
    /// How many rows the results say nothing about. They are held for `retry`, which is never sent.
    pub(super) unknown: u64,
}

/// What it means that results tell of fewer rows than were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gaps {
    /// The results are not complete yet.
    MayPass,
    /// Nothing more comes: what the results tell is settled, and the rest stays unknown.
    Stay,
}

/// Why there is no verdict.
#[derive(Debug)]
pub(super) enum JudgeError {
    /// The results could not be read.
    Fault(Fault),
    /// The results prove nothing. They may have been cut or replaced on the way, so another read may help.
    Unproven(Error),
    /// No other read would help.
    Final(Error),
}

impl From<Fault> for JudgeError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for JudgeError {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// A batch whose job has ended.
#[derive(Clone, Copy)]
pub(super) struct FinishedBatch<'j> {
    pub(super) plan: &'j StreamPlan,
    pub(super) batch: &'j Batch,
    pub(super) job: &'j FinishedJob,
}

impl FinishedBatch<'_> {
    /// Whether the counts of the job say that every row was tried. Otherwise its results must say what happened to
    /// the rows, and Salesforce may still save some of them.
    pub(super) fn is_processed(&self) -> bool {
        self.job.end() == &JobEnd::Complete && self.job.rows_processed() == Some(self.batch.rows())
    }

    /// Why Salesforce gave the job up, if another job would not help. Rows may be written before that.
    pub(super) fn final_fault(&self) -> Option<Fault> {
        let JobEnd::Failed { message } = self.job.end() else { return None };
        Some(Fault::of_failed_job(message)).filter(|fault| fault.kind() != FaultKind::Transient)
    }
}

/// Who deleted a record before the job of its row did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GoneBefore {
    /// This sync.
    ByEarlierAttempt,
    ByOthers,
}

/// Judges the rows of one job. A judge that fails is dropped with everything that it stored, and another one starts
/// from the beginning: no object is in the bucket before the verdict.
pub(super) struct Judge<'j> {
    plan: &'j StreamPlan,
    job: &'j FinishedJob,
    batch: &'j Batch,
    writer: Option<RejectedWriter>,
    rules: RetryRules,
    parents: &'j ParentColumns,
    /// What earlier attempts have done.
    journal: Option<JobJournal>,
    /// Keeps the ids of written rows.
    successes: Option<SuccessStore>,
    /// Built for the first row that is looked up; most jobs need none.
    index: Option<RowIndex<'j>>,
    index_lease: Lease,
    /// How many failed rows were returned in another form than any row that was sent.
    unfound_failed: u64,
    /// The same for unprocessed rows.
    unfound_unprocessed: u64,
    reasons: RejectionReasons,
    retry: OpenBatch,
    /// How many rows of `retry` failed for a transient reason.
    transient: u64,
    /// How many rows of `retry` are there because their parent may come from another stream.
    awaiting: u64,
    /// How many rows of `retry` are there because their parent may come from other rows of the batch.
    children: u64,
    unprocessed: u64,
    unknown: u64,
    /// How many records were to be deleted and are gone already.
    skipped: u64,
}

impl<'j> Judge<'j> {
    pub(super) fn new(
        finished: FinishedBatch<'j>,
        writer: Option<RejectedWriter>,
        rules: RetryRules,
        parents: &'j ParentColumns,
        budget: &Arc<Budget>,
    ) -> Self {
        let FinishedBatch { plan, batch, job } = finished;
        Self {
            plan,
            job,
            batch,
            writer,
            rules,
            parents,
            journal: None,
            successes: None,
            index: None,
            index_lease: budget.lease(),
            unfound_failed: 0,
            unfound_unprocessed: 0,
            reasons: RejectionReasons::default(),
            retry: OpenBatch::of_retries(batch, budget.lease()),
            transient: 0,
            awaiting: 0,
            children: 0,
            unprocessed: 0,
            unknown: 0,
            skipped: 0,
        }
    }

    /// Lets a delete that an earlier attempt has sent count as written.
    pub(super) fn after_earlier_attempts(self, journal: &JobJournal) -> Self {
        Self { journal: Some(journal.clone()), ..self }
    }

    /// Keeps the ids of written rows too.
    pub(super) fn keeping_successes(self, store: Option<&SuccessStore>) -> Self {
        Self { successes: store.cloned(), ..self }
    }

    /// Judges every row. Before it returns, it stores the rejected records, also those that the connector itself
    /// rejected, but for those that come after rows that are sent again. `earlier` is an earlier reading of the results,
    /// which must have the same counts.
    ///
    /// `None` if only children wait for parents that can come no more: no row was written, and none is sent again but
    /// these. They are to be judged once more, by rules that reject them.
    pub(super) async fn judge(
        mut self,
        earlier: Option<ResultCounts>,
        gaps: Gaps,
    ) -> Result<Option<Verdict>, JudgeError> {
        let (early, late) = self.batch.divided_rejections();
        store_local_rejections(self.writer.as_mut(), early, &mut self.reasons).await?;
        let written = self.prove_counts(earlier, gaps).await?;
        if self.children > 0 && written + self.transient + self.awaiting + self.unprocessed + self.unknown == 0 {
            return Ok(None);
        }
        if self.retry.rows() == 0 && self.unknown == 0 {
            store_local_rejections(self.writer.as_mut(), late, &mut self.reasons).await?;
        }
        // The rejected records come first: who waits for memory for ids may hold some for these, and never the reverse.
        let successes = match self.successes.take().filter(|_| written > 0) {
            Some(store) => Some(self.keep_successes(&store, written).await?),
            None => None,
        };
        if let Some(writer) = self.writer.take() {
            writer.finish().await?;
        }
        if let Some(writer) = successes {
            writer.finish().await?;
        }
        if self.unfound_failed > 0 {
            tracing::warn!(
                job = self.job.id(),
                object = self.plan.job.object,
                rows = self.unfound_failed,
                "Salesforce returned failed rows in another form: they are rejected and not retried"
            );
        }
        let outcomes = self.index.as_ref().map(|index| index.outcomes(self.unfound_failed)).unwrap_or_default();
        let retry = self.retry.seal();
        let retry = (retry.rows() > 0 || self.unknown > 0).then_some(retry);
        let Self { reasons, unprocessed, unknown, skipped, .. } = self;
        let awaited_by = AwaitedBy { transient: self.transient + unprocessed > 0, other_streams: self.awaiting > 0 };
        Ok(Some(Verdict { outcomes, reasons, retry, awaited_by, unprocessed, skipped, unknown }))
    }

    /// Compares the number of rows in the results with the number of rows sent. Returns how many are written.
    async fn prove_counts(&mut self, earlier: Option<ResultCounts>, gaps: Gaps) -> Result<u64, JudgeError> {
        let sent = self.batch.rows();
        let finished = FinishedBatch { plan: self.plan, batch: self.batch, job: self.job };
        if finished.is_processed()
            && let Some(failed) = self.job.rows_failed()
        {
            // The job's own counts prove the outcome; only the failed rows are needed.
            let read = if failed > 0 { self.read_failed_rows().await? } else { 0 };
            let succeeded = sent.saturating_sub(failed);
            if read != failed {
                return Err(self.wrong_counts(ResultCounts { succeeded, failed: read, unprocessed: 0 }));
            }
            return Ok(succeeded);
        }
        // Salesforce keeps no results of batches beyond the daily allowance. Those of all other batches are valid.
        let gaps_stay = gaps == Gaps::Stay || finished.final_fault().is_some();
        let is_incomplete = gaps_stay && earlier.is_some_and(|earlier| earlier.sum() < sent);
        if is_incomplete {
            self.set_index(RowIndex::of_incomplete_results(&self.batch.origins));
        }
        let counts = ResultCounts {
            succeeded: match earlier {
                // The reading that keeps their ids is the second one.
                Some(earlier) if self.successes.is_some() && !is_incomplete => earlier.succeeded,
                _ => self.read_successful_rows(is_incomplete).await?,
            },
            failed: self.read_failed_rows().await?,
            unprocessed: self.read_unprocessed_rows().await?,
        };
        if counts.sum() != sent && !is_incomplete {
            return Err(self.wrong_counts(counts));
        }
        if earlier.is_some_and(|earlier| earlier != counts) {
            return Err(self.changing_results());
        }
        if self.unfound_unprocessed > 0 {
            return Err(self.changed_unprocessed());
        }
        self.unprocessed = counts.unprocessed;
        self.unknown = sent.saturating_sub(counts.sum());
        Ok(counts.succeeded)
    }

    /// Counts the successful rows. Looks each up only if they do not follow from the other results.
    async fn read_successful_rows(&mut self, is_incomplete: bool) -> Result<u64, JudgeError> {
        let mut rows = self.job.successful_rows().await?;
        let layout = self.layout(&rows, &[ID])?;
        if !is_incomplete {
            return Ok(count(rows).await?);
        }
        let mut count = 0;
        while let Some(row) = rows.next().await? {
            count += 1;
            self.find(&layout.csv(row), RowFate::Written);
        }
        Ok(count)
    }

    /// Rejects or retries each failed row, and returns how many there are. A row that cannot be found among those that
    /// were sent is rejected: it lacks something that was sent.
    async fn read_failed_rows(&mut self) -> Result<u64, JudgeError> {
        let mut rows = self.job.failed_rows().await?;
        let layout = self.layout(&rows, &[ID, ERROR])?;
        let mut count = 0;
        while let Some(row) = rows.next().await? {
            count += 1;
            let csv = layout.csv(row);
            let errors = RowError::parse(layout.error(row));
            if let Some(gone) = self.gone_before(&csv, &errors)
                && let Some(sent) = self.find(&csv, RowFate::Written)
            {
                if gone == GoneBefore::ByOthers {
                    self.skipped += self.batch.origins.records(sent);
                }
                continue;
            }
            let parents = || self.parents.sources(layout.cells(row));
            let reason = self.rules.reason(&errors, self.plan.job.operation, parents);
            let fate = if reason.is_some() { RowFate::Retried } else { RowFate::Rejected };
            match (self.find(&csv, fate), reason) {
                (Some(sent), Some(reason)) => {
                    match reason {
                        RetryReason::Transient => self.transient += 1,
                        RetryReason::OtherStream => self.awaiting += 1,
                        RetryReason::MissingParent => self.children += 1,
                    }
                    self.send_again(&csv, sent);
                }
                (sent, _) => {
                    self.unfound_failed += u64::from(sent.is_none());
                    self.reject(&layout, row, sent, &errors).await?;
                }
            }
        }
        Ok(count)
    }

    /// Whether a delete is refused because its record is in the recycle bin: it has got what it asked for. For a stream
    /// whose operation is a delete, a record that others have deleted is rejected; for one that follows its source it is
    /// not.
    fn gone_before(&self, csv: &[u8], errors: &[RowError]) -> Option<GoneBefore> {
        let is_gone = !errors.is_empty() && errors.iter().all(|error| error.code == "ENTITY_IS_DELETED");
        if !is_gone || !self.plan.job.operation.is_delete() {
            return None;
        }
        if self.journal.as_ref().is_some_and(|journal| journal.has_deleted(self.plan, row_hash(csv))) {
            return Some(GoneBefore::ByEarlierAttempt);
        }
        (self.batch.kind == RowKind::Delete).then_some(GoneBefore::ByOthers)
    }

    /// Retries each unprocessed row, and returns how many there are.
    async fn read_unprocessed_rows(&mut self) -> Result<u64, JudgeError> {
        let mut rows = self.job.unprocessed_rows().await?;
        let layout = self.layout(&rows, &[])?;
        let mut count = 0;
        while let Some(row) = rows.next().await? {
            count += 1;
            let csv = layout.csv(row);
            match self.find(&csv, RowFate::Retried) {
                Some(sent) => self.send_again(&csv, sent),
                None => self.unfound_unprocessed += 1,
            }
        }
        Ok(count)
    }

    /// Sends a row again as it is, for all its records.
    fn send_again(&mut self, csv: &[u8], sent: usize) {
        if let Some(types) = self.batch.types_of(csv) {
            self.retry.add_types(csv, types);
        }
        if let Some(unsent) = self.batch.unsent(sent) {
            self.retry.add_unsent(&unsent);
        }
        let merged: Vec<_> = self.batch.origins.merged(sent).collect();
        self.retry.push_again(csv, self.batch.origins.origin(sent), &merged);
    }

    /// Finds a row of the results among the rows that were sent, and notes what becomes of it.
    fn find(&mut self, csv: &[u8], fate: RowFate) -> Option<usize> {
        if self.index.is_none() {
            self.set_index(RowIndex::new(&self.batch.origins));
        }
        self.index.as_mut()?.find_and_mark(row_hash(csv), fate)
    }

    fn set_index(&mut self, index: RowIndex<'j>) {
        self.index_lease.set(index.size());
        self.index = Some(index);
    }

    async fn reject(
        &mut self,
        layout: &ResultLayout,
        row: &ResultRow,
        sent: Option<usize>,
        errors: &[RowError],
    ) -> Result<()> {
        let origins = &self.batch.origins;
        let (extracted_at_ms, records) =
            sent.map_or((0, 1), |sent| (origins.origin(sent).extracted_at_ms, origins.records(sent)));
        let first = errors.first();
        let code = first.map_or("", |error| error.code.as_str());
        let field = first.map_or_else(String::new, |error| error.fields.join(","));
        let Some(writer) = &mut self.writer else {
            let example = || Some(Example::of_job(self.job.id(), layout.id(row)));
            self.reasons.add_records(code, &field, records, example);
            return Ok(());
        };
        let details = RejectionDetails {
            salesforce_id: layout.id(row).to_owned(),
            error: layout.error(row).to_owned(),
            reason: code.to_owned(),
            field: field.clone(),
            message: message_for(records, first.map_or("", |error| &error.message)),
        };
        let types = self.batch.types_of(&layout.csv(row)).map(|types| &**types);
        let mut data = restore(&self.batch.columns, layout.cells(row), types);
        if let Some(keys) = &self.batch.keys {
            // The first column is the id that was found: the source has the key instead.
            data.remove(0);
            data = keys.with_others(layout.cells(row).next().unwrap_or_default(), data);
        }
        data.extend(sent.into_iter().flat_map(|sent| self.batch.unsent_columns(sent)));
        let record = RejectedRecord::new(extracted_at_ms, data, details);
        writer.write(&record).await?;
        self.reasons.add_records(code, &field, records, || Some(Example::stored(&record, writer)));
        Ok(())
    }

    /// The layout of the results. Results that lack a column are not those of this job, and the values of their rows
    /// would be lost.
    fn layout(&self, rows: &ResultRows, added: &[&str]) -> Result<ResultLayout, JudgeError> {
        ResultLayout::new(rows.header(), &self.batch.columns, added).map_err(|missing| {
            JudgeError::Unproven(Error::transient(format!(
                "The results of job {} for {} lack the column {missing}, so they prove nothing about the rows that \
                 were sent. No record of this batch is acknowledged. Look at the job in Setup, Bulk Data Load Jobs, \
                 and run the sync again.",
                self.job.id(),
                self.plan.job.object,
            )))
        })
    }

    fn changing_results(&self) -> JudgeError {
        JudgeError::Unproven(Error::transient(format!(
            "The results of job {} for {} still change, although the job has ended. No record of this batch is \
             acknowledged. Look at the job in Setup, Bulk Data Load Jobs, and run the sync again.",
            self.job.id(),
            self.plan.job.object,
        )))
    }

    /// An unprocessed row has no reason to be rejected for, and it cannot be sent in another form. No other reading
    /// helps.
    fn changed_unprocessed(&self) -> JudgeError {
        JudgeError::Final(Error::transient(format!(
            "Salesforce left rows of job {} for {} unprocessed, and returned {} of them in another form, so they \
             cannot be sent again. No record of this batch is acknowledged; the next sync sends it again. Spell the \
             names of its columns as Salesforce does.",
            self.job.id(),
            self.plan.job.object,
            self.unfound_unprocessed,
        )))
    }

    fn wrong_counts(&self, counts: ResultCounts) -> JudgeError {
        let ResultCounts { succeeded, failed, unprocessed } = counts;
        JudgeError::Unproven(Error::transient(format!(
            "The results of job {} for {} do not add up: {} rows were sent, and Salesforce reports {succeeded} \
             succeeded, {failed} failed and {unprocessed} unprocessed. No record of this batch is acknowledged. \
             Salesforce keeps no results of batches beyond the daily allocation; look at the job in Setup, Bulk Data \
             Load Jobs.",
            self.job.id(),
            self.plan.job.object,
            self.batch.rows(),
        )))
    }
}

/// Salesforce's message, and how many records its row stands for, if they are several.
fn message_for(records: u64, message: &str) -> String {
    match records {
        1 => message.to_owned(),
        _ => of_several_records(message, records),
    }
}
