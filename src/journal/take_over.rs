//! What an attempt does first: it looks at the jobs that earlier attempts of the same sync left.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use retry::{Policy, Retry};

use super::earlier_rows::EarlierRows;
use super::entry::{Entry, Target};
use super::store::{Journal, Left};
use crate::budget::{Budget, Lease};
use crate::convert::write_row;
use crate::user_error::IntoUserError;
use airbyte::{Result, StreamName};
use salesforce::{EarlierJob, Fault, FinishedJob, JobEnd, Org, ResultRow};

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
    /// Covers the rows until the sync ends.
    pub(crate) lease: Lease,
}

impl TakenOver {
    pub(crate) fn nothing(budget: &Arc<Budget>) -> Self {
        Self { rows: HashMap::new(), lease: budget.lease() }
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
        let log = || tracing::info!(job, "a job that an earlier attempt left runs, and is waited for");
        let doing = format!("waiting for job {job}, which an earlier attempt left");
        let found = org.earlier_job(&job, log).await.map_err(|fault| fault.into_error(&doing))?;
        let finished = match found {
            EarlierJob::Open => {
                let doing = format!("aborting job {job}, which an earlier attempt left open");
                org.abort_earlier_job(&job).await.map_err(|fault| fault.into_error(&doing))?;
                tracing::info!(job, "a job that an earlier attempt did not close is aborted");
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
                    tell_of_doubt(&job, &entry, "it has more rows than there is memory for");
                    continue;
                }
                taken.lease.set(taken.lease.bytes() + size);
                let stream = entry.target.stream();
                let rows = written_rows(entry, finished, patience).await?;
                taken.rows.entry(stream).or_default().push(rows);
            }
            (Some(entry), None) => tell_of_doubt(&job, &entry, "Salesforce no longer knows it"),
            (Some(entry), _) => tell_of_doubt(&job, &entry, "no stream of this attempt writes its records"),
            (None, _) => tracing::warn!(
                job,
                "the journal's entry of a job cannot be read: records that an insert wrote may be there twice"
            ),
        }
    }
    Ok(taken)
}

fn tell_of_doubt(job: &str, entry: &Entry, why: &str) {
    if entry.target.is_insert() {
        tracing::warn!(
            job,
            object = entry.target.object(),
            stream = %entry.target.stream(),
            rows = entry.hashes.len(),
            "records that a job of an earlier attempt wrote may be there twice: {why}"
        );
    }
}

/// The rows of an entry that its job wrote.
async fn written_rows(entry: Entry, mut job: FinishedJob, patience: Patience) -> Result<EarlierRows> {
    let id = entry.job.clone();
    let doing = format!("reading what job {id}, which an earlier attempt left, has written");
    if job.end() != &JobEnd::Complete || job.rows_processed() != Some(entry.rows) {
        job.wait_for_standstill(patience.standstill).await.map_err(|fault| fault.into_error(&doing))?;
    }
    let rows = tokio::sync::Mutex::new((EarlierRows::new(entry), 0));
    let classify = |fault: &Fault| if fault.is_transient() { Retry::After(None) } else { Retry::No };
    let read = || async {
        let mut rows = rows.lock().await;
        rows.0.begin();
        rows.1 = read_rows(&job, &mut rows.0).await?;
        Ok(())
    };
    retry::run(&patience.results, classify, read).await.map_err(|fault: Fault| fault.into_error(&doing))?;
    let (rows, unknown) = rows.into_inner();
    tracing::info!(job = id, rows = rows.free(), "rows that an earlier attempt wrote are not sent again");
    // Rows that are acknowledged are not in the entry either.
    let doubtful = unknown.min(rows.not_written());
    if doubtful > 0 {
        tracing::warn!(
            job = id,
            rows = doubtful,
            "rows that an earlier attempt wrote may have come back in another form than they were sent: they are sent again, \
             and may be there twice"
        );
    }
    Ok(rows)
}

/// Reads the successful rows. Returns how many of them are no rows of the entry.
async fn read_rows(job: &FinishedJob, earlier: &mut EarlierRows) -> Result<u64, Fault> {
    let mut rows = job.successful_rows().await?;
    let position = |name: &String| rows.header().iter().position(|header| header.eq_ignore_ascii_case(name));
    let positions: Vec<Option<usize>> = earlier.columns().iter().map(position).collect();
    let (mut csv, mut unknown) = (Vec::new(), 0);
    while let Some(row) = rows.next().await? {
        csv.clear();
        write_row(&mut csv, cells_of(row, &positions));
        unknown += u64::from(!earlier.written(&csv));
    }
    Ok(unknown)
}

fn cells_of<'r>(row: &'r ResultRow, positions: &'r [Option<usize>]) -> impl Iterator<Item = &'r str> {
    positions.iter().map(|position| position.map_or("", |position| row.get(position)))
}
