//! What an attempt does first: it looks at the jobs that earlier attempts of the same sync left.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use retry::Policy;

use super::earlier_rows::EarlierRows;
use super::entry::{Entry, Target};
use super::store::{Journal, Left};
use super::written_rows::written_rows;
use crate::budget::{Budget, Lease};
use crate::user_error::IntoUserError;
use airbyte::{Result, StreamName};
use salesforce::{EarlierJob, FinishedJob, Org};

/// How long the results of a job are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long the counts of a job that ended early must stand still.
    pub(crate) standstill: Duration,
    /// Results that cannot be read.
    pub(crate) results: Policy,
}

/// What earlier attempts wrote.
pub(crate) struct TakenOver {
    /// The rows of inserts, by stream.
    pub(crate) rows: HashMap<StreamName, Vec<EarlierRows>>,
    /// The jobs that wrote them.
    pub(crate) jobs: Vec<FinishedJob>,
    /// Covers the rows until the sync ends.
    pub(crate) lease: Lease,
}

impl TakenOver {
    pub(crate) fn nothing(budget: &Arc<Budget>) -> Self {
        Self { rows: HashMap::new(), jobs: Vec::new(), lease: budget.lease() }
    }
}

/// Looks at the jobs that earlier attempts left. A job that was not closed is aborted, and one that runs is waited for.
/// `targets` are those of this attempt.
///
/// # Errors
/// The journal cannot be read, or the state of a job cannot be found out.
pub(crate) async fn take_over(
    journal: &Journal,
    org: &Org,
    targets: &[Target],
    budget: &Arc<Budget>,
    patience: Patience,
) -> Result<TakenOver> {
    let mut taken = TakenOver::nothing(budget);
    for Left { job, entry } in journal.left().await? {
        let log = || tracing::info!(job, "waiting for a running job of an earlier attempt");
        let doing = format!("waiting for job {job}, which an earlier attempt left");
        let found = org.earlier_job(&job, &|_| {}, log).await.map_err(|fault| fault.into_error(&doing))?;
        let finished = match found {
            EarlierJob::Open => {
                let doing = format!("aborting job {job}, which an earlier attempt left open");
                org.abort_earlier_job(&job).await.map_err(|fault| fault.into_error(&doing))?;
                tracing::info!(job, "aborting an open job of an earlier attempt");
                journal.remove_left(&job).await?;
                continue;
            }
            EarlierJob::Gone => None,
            EarlierJob::Ended(finished) => Some(finished),
        };
        match (entry, finished) {
            (Some(entry), _) if !entry.target.needs_rows() => journal.remove_left(&job).await?,
            (Some(entry), _) if entry.target.is_delete() && targets.contains(&entry.target) => {
                taken.lease.set(taken.lease.bytes() + size_of_val(&*entry.hashes));
                journal.set_deleted(&entry.target, &entry.hashes);
            }
            (Some(entry), Some(finished)) if targets.contains(&entry.target) => {
                let size = EarlierRows::size_of(entry.hashes.len());
                if taken.lease.bytes() + size > budget.capacity() / 2 {
                    warn_of_doubt(&job, &entry, "it has more rows than there is memory for");
                    continue;
                }
                taken.lease.set(taken.lease.bytes() + size);
                let stream = entry.target.stream();
                let (rows, job) = written_rows(entry, finished, patience).await?;
                taken.jobs.push(job);
                taken.rows.entry(stream).or_default().push(rows);
            }
            (Some(entry), None) => warn_of_doubt(&job, &entry, "Salesforce no longer knows it"),
            (Some(entry), _) => warn_of_doubt(&job, &entry, "no stream of this attempt writes its records"),
            (None, _) => tracing::warn!(
                job,
                "the journal entry of a job cannot be read: records of an insert may be written twice"
            ),
        }
    }
    Ok(taken)
}

fn warn_of_doubt(job: &str, entry: &Entry, why: &str) {
    if entry.target.is_insert() {
        tracing::warn!(
            job,
            object = entry.target.object(),
            stream = %entry.target.stream(),
            rows = entry.hashes.len(),
            "records that a job of an earlier attempt wrote may be written twice: {why}"
        );
    }
}

#[cfg(test)]
mod tests;
