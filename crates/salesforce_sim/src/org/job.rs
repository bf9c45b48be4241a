//! An ingest job and its states.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    csv::{LineEnding, Span},
    fault::{JobEnd, JobFault},
    nature::Nature,
};

/// How long the org keeps open and other jobs (Limits Quick Reference, "Bulk API and Bulk API 2.0 Limits").
const OPEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a job does to the records of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the Bulk API")]
pub enum Operation {
    Insert,
    Update,
    Upsert,
    Delete,
    HardDelete,
}

impl Operation {
    const ALL: [Self; 5] = [Self::Insert, Self::Update, Self::Upsert, Self::Delete, Self::HardDelete];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
            Self::HardDelete => "hardDelete",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }

    pub(crate) fn is_delete(self) -> bool {
        matches!(self, Self::Delete | Self::HardDelete)
    }
}

/// The state of a job (Bulk API 2.0, "Job States").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the Bulk API")]
pub enum JobState {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl JobState {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
        }
    }

    /// Whether the job has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }
}

/// What happened to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowOutcome {
    Saved { record: u32, created: bool },
    Failed(Box<str>),
}

/// What a client asked for when it created the job.
#[derive(Debug, Clone)]
pub(crate) struct JobRequest {
    pub(crate) object: String,
    pub(crate) operation: Operation,
    pub(crate) external_id_field: Option<String>,
    pub(crate) assignment_rule_id: Option<String>,
    pub(crate) line_ending: LineEnding,
    /// The delimiter's name in the API, and its byte.
    pub(crate) delimiter: (&'static str, u8),
    pub(crate) api_version: f64,
}

#[cfg(test)]
impl JobRequest {
    /// A request without special settings.
    pub(crate) fn for_test(object: &str, operation: Operation, key: Option<&str>) -> Self {
        Self {
            object: object.to_owned(),
            operation,
            external_id_field: key.map(str::to_owned),
            assignment_rule_id: None,
            line_ending: LineEnding::Lf,
            delimiter: ("COMMA", b','),
            api_version: 62.0,
        }
    }
}

/// An ingest job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) request: JobRequest,
    pub(crate) state: JobState,
    pub(crate) error_message: Option<String>,
    pub(crate) upload: Option<Bytes>,
    /// Where the header and the rows are in the upload, once the job is in progress.
    pub(crate) header: Span,
    pub(crate) rows: Vec<Span>,
    /// For each column, whether its cells are empty in result sets.
    pub(crate) blanked: Vec<bool>,
    /// One for each processed row, in the order of the rows. The other rows are unprocessed.
    pub(crate) outcomes: Vec<RowOutcome>,
    pub(crate) failed: usize,
    pub(crate) fault: Option<JobFault>,
    /// Whether rows may still be saved, also after the end.
    pub(crate) is_processing: bool,
    /// How often its status was asked for since its end.
    pub(crate) status_readings: usize,
    /// How often each result set was asked for.
    pub(crate) result_readings: [usize; 3],
    pub(crate) created_by: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    created_at: Instant,
    started_at: Option<Instant>,
    processing: Duration,
}

/// How many rows a job reports as processed, and how many of them as failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReportedCounts {
    pub(crate) processed: usize,
    pub(crate) failed: usize,
}

/// What a request for the status of a job shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShownStatus {
    pub(crate) state: JobState,
    pub(crate) counts: ReportedCounts,
}

impl Job {
    /// A new job, open for its upload.
    pub(crate) fn new(id: String, request: JobRequest, created_by: String) -> Self {
        let now = Timestamp::now();
        Self {
            id,
            request,
            state: JobState::Open,
            error_message: None,
            upload: None,
            header: Span::default(),
            rows: Vec::new(),
            blanked: Vec::new(),
            outcomes: Vec::new(),
            failed: 0,
            fault: None,
            is_processing: false,
            status_readings: 0,
            result_readings: [0; 3],
            created_by,
            created: now,
            modified: now,
            created_at: Instant::now(),
            started_at: None,
            processing: Duration::ZERO,
        }
    }

    /// Sets the state.
    pub(crate) fn enter(&mut self, state: JobState) {
        self.state = state;
        self.modified = Timestamp::now();
        match state {
            JobState::InProgress => self.started_at = Some(Instant::now()),
            _ if state.is_final() => self.processing = self.processing_time(),
            _ => {}
        }
    }

    /// Ends the job.
    pub(crate) fn end(&mut self, end: JobEnd) {
        match end {
            JobEnd::Completed => self.enter(JobState::JobComplete),
            JobEnd::Failed(message) => {
                self.error_message = Some(message);
                self.enter(JobState::Failed);
            }
            JobEnd::Aborted => self.enter(JobState::Aborted),
            JobEnd::Never => {}
        }
    }

    /// Drops the upload, keeps the counts, and returns the records that the job created.
    pub(crate) fn forget_rows(&mut self) -> impl Iterator<Item = usize> {
        self.upload = Some(Bytes::new());
        self.header = Span::default();
        self.rows = Vec::new();
        self.created_records()
    }

    /// The records that the job created.
    pub(crate) fn created_records(&self) -> impl Iterator<Item = usize> {
        self.outcomes.iter().filter_map(|outcome| match outcome {
            RowOutcome::Saved { record, created: true } => Some(*record as usize),
            _ => None,
        })
    }

    /// Whether the lifetime of the job has passed.
    pub(crate) fn is_expired(&self) -> bool {
        let lifetime = if self.state == JobState::Open { OPEN_LIFETIME } else { LIFETIME };
        self.created_at.elapsed() >= lifetime
    }

    /// The time since the start of processing, up to the end of the job.
    pub(crate) fn processing_time(&self) -> Duration {
        match self.started_at {
            Some(started) if !self.state.is_final() || self.processing.is_zero() => started.elapsed(),
            _ => self.processing,
        }
    }

    /// The counts as the job reports them. A fault can make them wrong once the job has ended.
    pub(crate) fn reported_counts(&self) -> ReportedCounts {
        let (processed, failed) = match &self.fault {
            Some(fault) if self.state.is_final() => (fault.processed_error, fault.failed_error),
            _ => (0, 0),
        };
        let add = |count: usize, error: i64| count.saturating_add_signed(isize::try_from(error).unwrap_or(0));
        ReportedCounts { processed: add(self.outcomes.len(), processed), failed: add(self.failed, failed) }
    }

    /// What a request for the status shows: an org whose answers lag shows an earlier state or earlier counts. Counts
    /// the request.
    pub(crate) fn read_status(&mut self, nature: Nature) -> ShownStatus {
        let counts = self.reported_counts();
        if !self.state.is_final() {
            return ShownStatus { state: self.state, counts };
        }
        let reading = self.status_readings;
        self.status_readings += 1;
        let nothing = ReportedCounts { processed: 0, failed: 0 };
        if reading < nature.status_lag {
            return ShownStatus { state: JobState::InProgress, counts: nothing };
        }
        let has_counts = reading >= nature.status_lag + nature.counts_lag;
        ShownStatus { state: self.state, counts: if has_counts { counts } else { nothing } }
    }

    /// The unprocessed rows, as far as the result set shows them.
    pub(crate) fn unprocessed(&self) -> &[Span] {
        let omits_rows = self.fault.as_ref().is_some_and(|fault| fault.omits_unprocessed_rows);
        let rest = self.rows.get(self.outcomes.len()..).unwrap_or_default();
        if omits_rows { &[] } else { rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn open_jobs_expire_after_a_day_and_others_after_a_week() {
        let job = || {
            let request = JobRequest::for_test("Account", Operation::Insert, None);
            Job::new("750Sim000000001AAA".to_owned(), request, "005Sim000000001AAA".to_owned())
        };
        let (open, mut done) = (job(), job());
        done.enter(JobState::JobComplete);
        tokio::time::advance(OPEN_LIFETIME).await;
        assert!(open.is_expired());
        assert!(!done.is_expired());
        tokio::time::advance(LIFETIME).await;
        assert!(done.is_expired());
    }
}
