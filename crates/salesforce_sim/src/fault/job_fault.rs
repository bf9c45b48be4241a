//! Jobs that end wrongly, or never.

use std::time::Duration;

/// What goes wrong with the next job of an object that begins. Each fault acts on one job.
///
/// ```
/// use salesforce_sim::JobFault;
///
/// let failed = JobFault::failed("Account", 3, "TooManyLockFailure : Too many lock failures");
/// let unfinished = JobFault::completed("Contact", 0).omit_unprocessed_rows();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFault {
    pub(crate) object: String,
    /// The job ends after this many chunks of 200 rows, or after its last row.
    pub(crate) chunks: usize,
    pub(crate) end: JobEnd,
    /// What the job adds to its counts of processed and failed rows.
    pub(crate) processed_error: i64,
    pub(crate) failed_error: i64,
    /// Whether no result set has the unprocessed rows.
    pub(crate) omits_unprocessed_rows: bool,
    /// What the org saves after the end.
    pub(crate) late: LateChunks,
}

/// Chunks that the org saves after the end of their job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LateChunks {
    pub(crate) count: usize,
    /// The wait before each.
    pub(crate) wait: Duration,
}

/// How a job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobEnd {
    Completed,
    /// With this `errorMessage`.
    Failed(String),
    Aborted,
    /// The job stays `InProgress`.
    Never,
}

impl JobFault {
    fn new(object: &str, chunks: usize, end: JobEnd) -> Self {
        Self {
            object: object.to_owned(),
            chunks,
            end,
            processed_error: 0,
            failed_error: 0,
            omits_unprocessed_rows: false,
            late: LateChunks::default(),
        }
    }

    /// The job becomes `Failed` after this many chunks of 200 rows, with this `errorMessage`.
    pub fn failed(object: &str, chunks: usize, message: &str) -> Self {
        Self::new(object, chunks, JobEnd::Failed(message.to_owned()))
    }

    /// The job becomes `Aborted` after this many chunks of 200 rows, as if an administrator had aborted it.
    pub fn aborted(object: &str, chunks: usize) -> Self {
        Self::new(object, chunks, JobEnd::Aborted)
    }

    /// The job becomes `JobComplete` after this many chunks of 200 rows, even if rows are left.
    pub fn completed(object: &str, chunks: usize) -> Self {
        Self::new(object, chunks, JobEnd::Completed)
    }

    /// The job stays `InProgress` after this many chunks of 200 rows.
    pub fn never_ends(object: &str, chunks: usize) -> Self {
        Self::new(object, chunks, JobEnd::Never)
    }

    /// The daily batches run out: the job fails after this many chunks of 200 rows, and no result set has the
    /// unprocessed rows (Bulk API 2.0, "Get Job Unprocessed Record Results").
    pub fn out_of_batches(object: &str, chunks: usize) -> Self {
        Self::failed(object, chunks, "ExceededQuota : ApiBatchItems Limit exceeded").omit_unprocessed_rows()
    }

    /// The job processes all rows, but its counts of processed and failed rows are wrong by these numbers.
    pub fn miscounted(object: &str, processed: i64, failed: i64) -> Self {
        Self { processed_error: processed, failed_error: failed, ..Self::completed(object, usize::MAX) }
    }

    /// Leaves the unprocessed rows out of all result sets.
    #[must_use]
    pub fn omit_unprocessed_rows(self) -> Self {
        Self { omits_unprocessed_rows: true, ..self }
    }

    /// After the end of the job, the org goes on and saves this many chunks of 200 rows, each after a wait. Until a
    /// chunk is saved, its rows are listed as unprocessed ("If the job associated with the batch is aborted, the batch
    /// is still processed to completion", Bulk API guide, batch states).
    #[must_use]
    pub fn saves_late(self, chunks: usize, wait: Duration) -> Self {
        Self { late: LateChunks { count: chunks, wait }, ..self }
    }
}
