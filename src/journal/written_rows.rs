//! Reads which rows a job of an earlier attempt wrote.

use retry::ReadingPatience;
use tokio::time::Instant;

use super::earlier_rows::EarlierRows;
use super::entry::Entry;
use super::take_over::Patience;
use crate::convert::write_row;
use crate::user_error::IntoUserError;
use airbyte::Result;
use salesforce::{Fault, FaultKind, FinishedJob, JobEnd, ResultRows};

/// The rows of an entry that its job wrote, and the job.
///
/// # Errors
/// The results cannot be read.
pub(super) async fn written_rows(
    entry: Entry,
    mut job: FinishedJob,
    patience: Patience,
) -> Result<(EarlierRows, FinishedJob)> {
    let (id, sent) = (entry.job.clone(), entry.rows);
    let doing = format!("reading what job {id}, which an earlier attempt left, has written");
    if job.end() != &JobEnd::Complete || job.rows_processed() != Some(sent) {
        job.wait_for_standstill(patience.standstill, &|_| {}).await.map_err(|fault| fault.into_error(&doing))?;
    }
    let is_given_up = match job.end() {
        JobEnd::Failed { message } => Fault::of_failed_job(message).kind() != FaultKind::Transient,
        JobEnd::Complete | JobEnd::Aborted => false,
    };
    let mut rows = EarlierRows::new(entry);
    let mut last: Option<Counts> = None;
    let mut patience = ReadingPatience::new(&patience.results);
    loop {
        let started = Instant::now();
        let unread = match read_all(&job, &mut rows).await {
            Ok(counts) => {
                // Results can come late, and can be cut or replaced on the way. Salesforce keeps none of batches beyond
                // the daily allowance, so of a job that was given up two readings that agree are believed.
                let is_proven = counts.sum() == sent || (is_given_up && last == Some(counts));
                last = Some(counts);
                if is_proven {
                    break;
                }
                Unread::Unproven
            }
            Err(unread) => unread,
        };
        let wait = match &unread {
            Unread::Fault(fault) if !fault.is_transient() => None,
            _ => patience.next_wait(started.elapsed()),
        };
        match (wait, unread) {
            (Some(wait), _) => tokio::time::sleep(wait).await,
            (None, Unread::Fault(fault)) => return Err(fault.into_error(&doing)),
            (None, Unread::Unproven) => {
                tracing::warn!(
                    job = id,
                    "the results of a job of an earlier attempt do not add up: missing rows are sent again and may be \
                     written twice"
                );
                break;
            }
        }
    }
    let unknown = last.map_or(0, |counts| counts.unknown);
    tracing::info!(job = id, rows = rows.free(), "rows that an earlier attempt wrote are not sent again");
    // Rows that are acknowledged are not in the entry either.
    let doubtful = unknown.min(rows.not_written());
    if doubtful > 0 {
        tracing::warn!(
            job = id,
            rows = doubtful,
            "Salesforce returned rows of an earlier attempt in another form: they are sent again and may be written \
             twice"
        );
    }
    Ok((rows, job))
}

/// Why the rows are not known.
enum Unread {
    Fault(Fault),
    /// The results do not add up.
    Unproven,
}

impl From<Fault> for Unread {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// How many rows the results have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    succeeded: u64,
    failed: u64,
    unprocessed: u64,
    /// Successful rows that are not rows of the entry.
    unknown: u64,
}

impl Counts {
    fn sum(self) -> u64 {
        self.succeeded + self.failed + self.unprocessed
    }
}

async fn read_all(job: &FinishedJob, earlier: &mut EarlierRows) -> Result<Counts, Unread> {
    earlier.begin();
    let mut rows = job.successful_rows().await?;
    let position = |name: &String| rows.header().iter().position(|header| header.eq_ignore_ascii_case(name));
    let positions: Vec<Option<usize>> = earlier.columns().iter().map(position).collect();
    if !rows.header().is_empty() && positions.contains(&None) {
        // They are not the results of this job.
        return Err(Unread::Unproven);
    }
    let (mut csv, mut succeeded, mut unknown) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next().await? {
        csv.clear();
        write_row(&mut csv, positions.iter().map(|position| position.map_or("", |position| row.get(position))));
        succeeded += 1;
        unknown += u64::from(!earlier.written(&csv));
    }
    let failed = count(job.failed_rows().await?).await?;
    let unprocessed = count(job.unprocessed_rows().await?).await?;
    Ok(Counts { succeeded, failed, unprocessed, unknown })
}

async fn count(mut rows: ResultRows) -> Result<u64, Fault> {
    let mut count = 0;
    while rows.next().await?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_results_counts() {
        assert_eq!(Counts { succeeded: 1, failed: 20, unprocessed: 300, unknown: 4_000 }.sum(), 321);
    }
}
