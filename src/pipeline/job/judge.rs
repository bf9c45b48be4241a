//! What became of the rows of a finished job: the count proof, the rejected records, the rows that are sent again.

use crate::user_error::IntoUserError;
use std::collections::HashMap;
use std::sync::Arc;

use crate::convert::{Row, restore, row_hash, source_columns, write_row};
use crate::pipeline::batch::origin::{Origin, OriginIndex, SegmentId};
use crate::pipeline::batch::{Batch, LocalRejection, OpenBatch};
use crate::pipeline::budget::{Budget, Lease};
use crate::pipeline::job::reason::RejectionReasons;
use crate::pipeline::prepare::plan::StreamPlan;
use crate::rejected::{RejectedRecord, RejectedWriter, RejectionDetails};
use airbyte::{Error, Result};
use salesforce::{Fault, FaultKind, FinishedJob, JobEnd, ResultRow, ResultRows, RowError};

/// The columns that Salesforce puts before those of the upload.
const ID: &str = "sf__Id";
const ERROR: &str = "sf__Error";

/// The outcome of one job.
#[derive(Debug)]
pub(in crate::pipeline) struct Verdict {
    /// How many rows of each segment are rejected for good, and stored where there is a bucket.
    pub(in crate::pipeline) rejected: HashMap<SegmentId, u64>,
    /// Why they are, and the records of the batch that were refused before they were sent.
    pub(in crate::pipeline) reasons: RejectionReasons,
    /// Rows that failed for a passing reason, or were left unprocessed.
    pub(in crate::pipeline) again: Option<Batch>,
    /// How many of them were left unprocessed.
    pub(in crate::pipeline) unprocessed: u64,
}

/// Why no verdict could be reached.
#[derive(Debug)]
pub(in crate::pipeline) enum JudgeError {
    /// The results could not be read; they can be read again.
    Fault(Fault),
    /// The results prove nothing as they were read. Something on the way may have cut or replaced them, so they can be
    /// read again.
    Unproven(Error),
    /// It is final.
    Error(Error),
}

impl From<Fault> for JudgeError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for JudgeError {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Judges the rows of one job. A judge that was interrupted is dropped with everything it stored, and another begins
/// anew: nothing is an object in the bucket before the verdict.
pub(in crate::pipeline) struct Judge<'j> {
    plan: &'j StreamPlan,
    job: &'j FinishedJob,
    batch: &'j Batch,
    writer: Option<RejectedWriter>,
    /// Whether rows that failed may be sent again.
    may_send_again: bool,
    /// Made when the first row is to be found again; most jobs have none.
    index: Option<OriginIndex<'j>>,
    index_lease: Lease,
    rejected: HashMap<SegmentId, u64>,
    reasons: RejectionReasons,
    again: OpenBatch,
    unprocessed: u64,
}

impl<'j> Judge<'j> {
    pub(in crate::pipeline) fn new(
        plan: &'j StreamPlan,
        job: &'j FinishedJob,
        batch: &'j Batch,
        writer: Option<RejectedWriter>,
        may_send_again: bool,
        budget: &Arc<Budget>,
    ) -> Self {
        Self {
            plan,
            job,
            batch,
            writer,
            may_send_again,
            index: None,
            index_lease: budget.lease(),
            rejected: HashMap::new(),
            reasons: RejectionReasons::default(),
            again: OpenBatch::new(Arc::clone(&batch.columns), budget.lease()),
            unprocessed: 0,
        }
    }

    /// Judges every row, and stores what is rejected before it returns, with the records of the batch that were refused
    /// before they were sent.
    pub(in crate::pipeline) async fn judge(mut self) -> Result<Verdict, JudgeError> {
        self.prove().await?;
        store_refused(self.writer.as_mut(), &self.batch.refused, &mut self.reasons).await?;
        if let Some(writer) = self.writer.take() {
            writer.finish().await?;
        }
        let again = self.again.seal();
        let again = (again.rows() > 0).then_some(again);
        Ok(Verdict { rejected: self.rejected, reasons: self.reasons, again, unprocessed: self.unprocessed })
    }

    /// Holds the rows of the results against the rows sent.
    async fn prove(&mut self) -> Result<(), JudgeError> {
        let sent = self.batch.rows();
        if let (JobEnd::Complete, Some(processed), Some(failed)) =
            (self.job.end(), self.job.rows_processed(), self.job.rows_failed())
            && processed == sent
        {
            // The job's own counts prove the outcome; only the failed rows are needed.
            let read = if failed > 0 { self.failed_rows().await? } else { 0 };
            if read != failed {
                return Err(self.does_not_add_up(sent.saturating_sub(failed), read, 0));
            }
            return Ok(());
        }
        if let JobEnd::Failed { message } = self.job.end() {
            let fault = Fault::of_failed_job(message);
            if fault.kind() != FaultKind::Transient {
                return Err(fault.into_error(&format!("loading {} records", self.plan.job.object)).into());
            }
        }
        let succeeded = self.successful_rows().await?;
        let failed = self.failed_rows().await?;
        let unprocessed = self.unprocessed_rows().await?;
        if succeeded + failed + unprocessed != sent {
            return Err(self.does_not_add_up(succeeded, failed, unprocessed));
        }
        self.unprocessed = unprocessed;
        Ok(())
    }

    async fn successful_rows(&self) -> Result<u64, JudgeError> {
        let mut rows = self.job.successful_rows().await?;
        self.layout(&rows, &[ID])?;
        let mut count = 0;
        while rows.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    async fn failed_rows(&mut self) -> Result<u64, JudgeError> {
        let mut rows = self.job.failed_rows().await?;
        let layout = self.layout(&rows, &[ID, ERROR])?;
        let mut count = 0;
        while let Some(row) = rows.next().await? {
            count += 1;
            let csv = layout.csv(row);
            let Some(found) = self.find(&csv) else { continue };
            let text = layout.error.map_or("", |place| row.get(place));
            let errors = RowError::parse(text);
            let may_retry = errors.iter().all(|error| error.may_retry(self.plan.job.operation));
            if may_retry && self.may_send_again {
                self.again.push(Row { csv: &csv, key: None }, found);
            } else {
                self.reject(&layout, row, found, text, &errors).await?;
            }
        }
        Ok(count)
    }

    async fn unprocessed_rows(&mut self) -> Result<u64, JudgeError> {
        let mut rows = self.job.unprocessed_rows().await?;
        let layout = self.layout(&rows, &[])?;
        let mut count = 0;
        while let Some(row) = rows.next().await? {
            count += 1;
            let csv = layout.csv(row);
            let Some(found) = self.find(&csv) else { continue };
            self.again.push(Row { csv: &csv, key: None }, found);
        }
        Ok(count)
    }

    /// The row of the batch that Salesforce gives back.
    fn find(&mut self, csv: &[u8]) -> Option<Origin> {
        let index = self.index.get_or_insert_with(|| {
            let index = OriginIndex::new(&self.batch.marks);
            self.index_lease.set(index.size());
            index
        });
        index.take(row_hash(csv))
    }

    async fn reject(
        &mut self,
        layout: &Layout,
        row: &ResultRow,
        found: Origin,
        text: &str,
        errors: &[RowError],
    ) -> Result<()> {
        *self.rejected.entry(found.segment).or_default() += 1;
        let first = errors.first();
        let code = first.map_or("", |error| error.code.as_str());
        let Some(writer) = &mut self.writer else {
            self.reasons.add(code, || Some(self.job.id().to_owned()));
            return Ok(());
        };
        let details = RejectionDetails {
            salesforce_id: layout.id.map_or("", |place| row.get(place)).to_owned(),
            error: text.to_owned(),
            reason: code.to_owned(),
            field: first.map_or_else(String::new, |error| error.fields.join(",")),
            message: first.map_or_else(String::new, |error| error.message.clone()),
        };
        let data = restore(&self.batch.columns, layout.cells(row));
        let record = RejectedRecord::new(found.extracted_at_ms, data, details);
        self.reasons.add(code, || Some(record.raw_id.to_string()));
        writer.write(&record).await
    }

    /// Where the cells stand. Without all columns of Salesforce and of the upload it is no result of this job, and to go
    /// on would lose what the rows hold.
    fn layout(&self, rows: &ResultRows, own: &[&str]) -> Result<Layout, JudgeError> {
        Layout::of(rows.header(), self.batch, own).map_err(|missing| {
            JudgeError::Unproven(Error::transient(format!(
                "What came as the results of job {} for {} lacks the column {missing}, so it tells nothing of the rows \
                 that were sent. Nothing of this batch is acknowledged. Look at the job in Setup, Bulk Data Load Jobs, \
                 and run the sync again.",
                self.job.id(),
                self.plan.job.object,
            )))
        })
    }

    fn does_not_add_up(&self, succeeded: u64, failed: u64, unprocessed: u64) -> JudgeError {
        JudgeError::Unproven(Error::transient(format!(
            "The results of job {} for {} do not add up: {} rows were sent, and Salesforce tells of {succeeded} \
             succeeded, {failed} failed and {unprocessed} unprocessed. Nothing of this batch is acknowledged. Salesforce \
             keeps no results of batches beyond the daily allocation; look at the job in Setup, Bulk Data Load Jobs.",
            self.job.id(),
            self.plan.job.object,
            self.batch.rows(),
        )))
    }
}

/// Stores records that were refused before they were sent, and counts why.
pub(in crate::pipeline) async fn store_refused(
    mut writer: Option<&mut RejectedWriter>,
    refused: &[LocalRejection],
    reasons: &mut RejectionReasons,
) -> Result<()> {
    for LocalRejection { record, data, refusal } in refused {
        let code = refusal.code.as_str();
        let Some(writer) = &mut writer else {
            reasons.add(code, || None);
            continue;
        };
        let field = refusal.field.as_deref().unwrap_or_default();
        let details = RejectionDetails::local(code, &refusal.message, field);
        let record = RejectedRecord::new(record.extracted_at_ms, source_columns(data), details);
        reasons.add(code, || Some(record.raw_id.to_string()));
        writer.write(&record).await?;
    }
    Ok(())
}

/// Where the cells of a result stand: Salesforce names its columns, and need not keep the order of the upload.
struct Layout {
    id: Option<usize>,
    error: Option<usize>,
    columns: Vec<Option<usize>>,
}

impl Layout {
    /// The layout of a result with that header, which is empty when there is no row; the name of a column that is
    /// missing, of the upload's and of `own`.
    fn of(header: &[String], batch: &Batch, own: &[&str]) -> Result<Self, String> {
        let place = |name: &str| header.iter().position(|header| header.eq_ignore_ascii_case(name));
        let mut columns = batch.columns.iter().map(|column| column.header()).chain(own.iter().copied());
        match columns.find(|name| place(name).is_none()) {
            Some(missing) if !header.is_empty() => Err(missing.to_owned()),
            _ => Ok(Self {
                id: place(ID),
                error: place(ERROR),
                columns: batch.columns.iter().map(|column| place(column.header())).collect(),
            }),
        }
    }

    /// The cells in the order of the batch's columns.
    fn cells<'r>(&'r self, row: &'r ResultRow) -> impl Iterator<Item = &'r str> {
        self.columns.iter().map(|place| place.map_or("", |place| row.get(place)))
    }

    /// The row as it was sent.
    fn csv(&self, row: &ResultRow) -> Vec<u8> {
        let mut csv = Vec::new();
        write_row(&mut csv, self.cells(row));
        csv
    }
}
