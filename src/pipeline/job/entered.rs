//! A job that may be closed: where there is a journal, it is entered there first.

use std::sync::Arc;

use crate::budget::Budget;
use crate::journal::{Entry, Journal};
use crate::pipeline::batch::{Batch, whole_of};
use crate::pipeline::prepare::StreamPlan;
use airbyte::Result;
use salesforce::{CloseError, RunningJob, UploadedJob};

/// The journal of the sync, if it has one.
#[derive(Clone)]
pub(crate) struct JobJournal {
    journal: Option<Arc<Journal>>,
    budget: Arc<Budget>,
}

/// A job that a later attempt will find, if there is a journal. Nothing else can be closed.
pub(super) struct EnteredJob(UploadedJob);

impl JobJournal {
    pub(crate) fn new(journal: Option<Arc<Journal>>, budget: Arc<Budget>) -> Self {
        Self { journal, budget }
    }

    /// Enters a job. If that fails, the job is aborted.
    pub(super) async fn enter(&self, plan: &StreamPlan, batch: &Batch, job: UploadedJob) -> Result<EnteredJob> {
        let Some(journal) = &self.journal else { return Ok(EnteredJob(job)) };
        let entry = entry(plan, batch, job.id());
        let mut lease = self.budget.lease();
        // The hashes, and the same in bytes.
        lease.set(2 * size_of_val(&*entry.hashes));
        match journal.enter(&entry).await {
            Ok(()) => Ok(EnteredJob(job)),
            Err(error) => {
                job.abort().await;
                Err(error)
            }
        }
    }

    /// Notes that every row of a job was written.
    pub(super) fn all_written(&self, job: &str) {
        if let Some(journal) = &self.journal {
            journal.all_written(job);
        }
    }

    /// Removes the entry of a job that has no effect.
    pub(super) async fn discard(&self, job: &str) {
        if let Some(journal) = &self.journal {
            journal.discard(job).await;
        }
    }

    /// Whether an earlier attempt has sent the same row in a delete.
    pub(super) fn has_deleted(&self, plan: &StreamPlan, hash: u64) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.has_deleted(&plan.name, hash))
    }
}

impl EnteredJob {
    pub(super) fn id(&self) -> &str {
        self.0.id()
    }

    /// Closes the job: the commit point.
    pub(super) async fn close(self, stop: impl Future<Output = ()>) -> Result<RunningJob, CloseError> {
        self.0.close(stop).await
    }
}

fn entry(plan: &StreamPlan, batch: &Batch, job: &str) -> Entry {
    let target = plan.target();
    let columns = batch.columns.iter().map(|column| column.header().to_owned()).collect();
    let needs_rows = target.needs_rows();
    let mut entry = Entry::new(job, target, columns, batch.rows());
    if needs_rows {
        let rows = batch.origins.segments_and_hashes().map(|(segment, hash)| {
            let key = batch.keys.as_ref().and_then(|keys| keys.hash_of(hash));
            (whole_of(segment).unwrap_or(segment), key.unwrap_or(hash))
        });
        entry.set_rows(rows);
    } else {
        let runs = batch.origins.runs();
        entry.segments = runs.map(|(segment, rows)| (whole_of(segment).unwrap_or(segment), rows)).collect();
    }
    entry
}
