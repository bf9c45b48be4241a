//! Jobs that end otherwise than they should, or not at all.

use crate::ingest::JobState;

/// What happens to the next job of an object that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFault {
    pub(crate) object: String,
    /// After so many chunks of 200 rows, or at the end of the rows where there are fewer.
    pub(crate) chunks: usize,
    /// The state that it takes; `InProgress` for ever.
    pub(crate) state: JobState,
    pub(crate) message: Option<String>,
    /// What its counts of processed and of failed rows are off by.
    pub(crate) counts: (i64, i64),
    /// Whether rows that are left are in no result set.
    pub(crate) loses_rest: bool,
}

impl JobFault {
    fn new(object: &str, chunks: usize, state: JobState) -> Self {
        Self { object: object.to_owned(), chunks, state, message: None, counts: (0, 0), loses_rest: false }
    }

    /// It becomes `Failed` after so many chunks of 200 rows, with that `errorMessage`.
    pub fn failed(object: &str, chunks: usize, message: &str) -> Self {
        Self { message: Some(message.to_owned()), ..Self::new(object, chunks, JobState::Failed) }
    }

    /// It becomes `Aborted` after so many chunks of 200 rows, as if an admin had done it.
    pub fn aborted(object: &str, chunks: usize) -> Self {
        Self::new(object, chunks, JobState::Aborted)
    }

    /// It becomes `JobComplete` after so many chunks of 200 rows, whatever is left.
    pub fn completed(object: &str, chunks: usize) -> Self {
        Self::new(object, chunks, JobState::JobComplete)
    }

    /// It stays `InProgress` after so many chunks of 200 rows.
    pub fn never_ends(object: &str, chunks: usize) -> Self {
        Self::new(object, chunks, JobState::InProgress)
    }

    /// The batches of the day end in the middle: after so many chunks of 200 rows it fails, and the rows that are left
    /// are in no result set (Bulk API 2.0, "Get Job Unprocessed Record Results").
    pub fn out_of_batches(object: &str, chunks: usize) -> Self {
        Self::failed(object, chunks, "ExceededQuota : ApiBatchItems Limit exceeded").omit_unprocessed_rows()
    }

    /// It ends as it should, and tells so many more processed and failed rows than there are.
    pub fn miscounted(object: &str, processed: i64, failed: i64) -> Self {
        Self { counts: (processed, failed), ..Self::completed(object, usize::MAX) }
    }

    /// The rows that are left when it ends are in no result set.
    #[must_use]
    pub fn omit_unprocessed_rows(self) -> Self {
        Self { loses_rest: true, ..self }
    }
}
