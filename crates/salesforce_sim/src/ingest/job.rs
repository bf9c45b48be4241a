//! An ingest job and the JSON that each call shows of it.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::csv::{LineEnding, Span};
use crate::fault::JobFault;

/// An open job lives a day, a finished one a week (Limits Quick Reference, "Bulk API and Bulk API 2.0 Limits").
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

    /// Whether the job will not change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
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
    pub(crate) delimiter: (&'static str, u8),
    pub(crate) api_version: f64,
}

/// An ingest job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) request: JobRequest,
    pub(crate) state: JobState,
    pub(crate) error_message: Option<String>,
    pub(crate) upload: Option<Bytes>,
    /// Where the header and the rows lie in the upload, once the job is in progress.
    pub(crate) header: Span,
    pub(crate) rows: Vec<Span>,
    /// The rows that were processed, in their order; the rest is unprocessed.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) failed: usize,
    /// What goes wrong with it.
    pub(crate) fault: Option<JobFault>,
    created_by: String,
    created: Timestamp,
    modified: Timestamp,
    created_at: Instant,
    started_at: Option<Instant>,
    processing: Duration,
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
            outcomes: Vec::new(),
            failed: 0,
            fault: None,
            created_by,
            created: now,
            modified: now,
            created_at: Instant::now(),
            started_at: None,
            processing: Duration::ZERO,
        }
    }

    /// Moves on to another state.
    pub(crate) fn enter(&mut self, state: JobState) {
        self.state = state;
        self.modified = Timestamp::now();
        match state {
            JobState::InProgress => self.started_at = Some(Instant::now()),
            _ if state.is_final() => self.processing = self.processing_time(),
            _ => {}
        }
    }

    /// Lets go of the upload, and gives the records that the job created. The counts stay.
    pub(crate) fn forget(&mut self) -> impl Iterator<Item = usize> {
        self.upload = Some(Bytes::new());
        self.header = Span::default();
        self.rows = Vec::new();
        self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Saved { record, created: true } => Some(*record as usize),
            _ => None,
        })
    }

    /// Whether the org has cleaned the job away.
    pub(crate) fn is_expired(&self) -> bool {
        let lifetime = if self.state == JobState::Open { OPEN_LIFETIME } else { LIFETIME };
        self.created_at.elapsed() >= lifetime
    }

    fn processing_time(&self) -> Duration {
        match self.started_at {
            Some(started) if !self.state.is_final() || self.processing.is_zero() => started.elapsed(),
            _ => self.processing,
        }
    }

    /// What every answer has in common; the answer to a change of state has no more than that.
    pub(crate) fn short(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        let mut put = |key: &str, value: Value| drop(shown.insert(key.to_owned(), value));
        put("id", json!(self.id));
        put("operation", json!(self.request.operation.as_str()));
        put("object", json!(self.request.object));
        put("createdById", json!(self.created_by));
        put("createdDate", json!(date(self.created)));
        put("systemModstamp", json!(date(self.modified)));
        put("state", json!(self.state.as_str()));
        if let Some(field) = &self.request.external_id_field {
            put("externalIdFieldName", json!(field));
        }
        if let Some(rule) = &self.request.assignment_rule_id {
            put("assignmentRuleId", json!(rule));
        }
        put("concurrencyMode", json!("Parallel"));
        put("contentType", json!("CSV"));
        put("apiVersion", json!(self.request.api_version));
        shown
    }

    /// The processed and the failed rows, as the job tells of them.
    fn counts(&self) -> (usize, usize) {
        let (processed, failed) = match &self.fault {
            Some(fault) if self.state.is_final() => fault.counts,
            _ => (0, 0),
        };
        let off = |count: usize, by: i64| count.saturating_add_signed(isize::try_from(by).unwrap_or(0));
        (off(self.outcomes.len(), processed), off(self.failed, failed))
    }

    /// The rows that were not processed, as far as the results tell of them.
    pub(crate) fn unprocessed(&self) -> &[Span] {
        let is_lost = self.fault.as_ref().is_some_and(|fault| fault.loses_rest);
        let rest = self.rows.get(self.outcomes.len()..).unwrap_or_default();
        if is_lost { &[] } else { rest }
    }

    fn with_format(&self, shown: &mut Map<String, Value>) {
        if self.state == JobState::Open {
            let version = self.request.api_version;
            let url = format!("services/data/v{version:.1}/jobs/ingest/{}/batches", self.id);
            shown.insert("contentUrl".to_owned(), json!(url));
        }
        shown.insert("lineEnding".to_owned(), json!(self.request.line_ending.as_str()));
        shown.insert("columnDelimiter".to_owned(), json!(self.request.delimiter.0));
    }

    /// The answer to the creation of the job.
    pub(crate) fn created(&self) -> Value {
        let mut shown = self.short();
        self.with_format(&mut shown);
        Value::Object(shown)
    }

    /// The entry in the list of jobs.
    pub(crate) fn listed(&self) -> Value {
        let mut shown = self.short();
        shown.remove("externalIdFieldName");
        shown.insert("jobType".to_owned(), json!("V2Ingest"));
        self.with_format(&mut shown);
        Value::Object(shown)
    }

    /// The answer to the question for the job.
    pub(crate) fn full(&self) -> Value {
        let mut shown = self.short();
        shown.insert("jobType".to_owned(), json!("V2Ingest"));
        self.with_format(&mut shown);
        if self.upload.is_some() {
            let (processed, failed) = self.counts();
            shown.insert("numberRecordsProcessed".to_owned(), json!(processed));
            shown.insert("numberRecordsFailed".to_owned(), json!(failed));
        }
        let time = u64::try_from(self.processing_time().as_millis()).unwrap_or(u64::MAX);
        shown.insert("retries".to_owned(), json!(0));
        shown.insert("totalProcessingTime".to_owned(), json!(time));
        shown.insert("apiActiveProcessingTime".to_owned(), json!(time));
        shown.insert("apexProcessingTime".to_owned(), json!(0));
        if let Some(message) = &self.error_message {
            shown.insert("errorMessage".to_owned(), json!(message));
        }
        Value::Object(shown)
    }
}

/// Salesforce's own form of a moment: milliseconds, and an offset without a colon.
fn date(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let request = JobRequest {
            object: "Account".to_owned(),
            operation: Operation::Upsert,
            external_id_field: Some("External_Id__c".to_owned()),
            assignment_rule_id: None,
            line_ending: LineEnding::Lf,
            delimiter: ("COMMA", b','),
            api_version: 62.0,
        };
        Job::new("750Sim000000001AAA".to_owned(), request, "005Sim000000001AAA".to_owned())
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[tokio::test]
    async fn each_call_shows_its_own_part_of_a_job() {
        let mut job = job();
        let created = job.created();
        assert!(!keys(&created).contains(&"jobType"));
        assert_eq!(created["contentUrl"], "services/data/v62.0/jobs/ingest/750Sim000000001AAA/batches");
        assert_eq!(created["apiVersion"].to_string(), "62.0");
        assert!(!keys(&job.full()).contains(&"numberRecordsProcessed"));

        job.upload = Some(Bytes::from_static(b"External_Id__c\n"));
        assert_eq!(job.full()["numberRecordsProcessed"], 0);
        job.enter(JobState::UploadComplete);
        assert!(!keys(&job.full()).contains(&"contentUrl"));
        let short = Value::Object(job.short());
        for absent in ["jobType", "lineEnding", "columnDelimiter", "contentUrl", "numberRecordsProcessed"] {
            assert!(!keys(&short).contains(&absent), "{absent}");
        }
        assert!(!keys(&job.listed()).contains(&"externalIdFieldName"));
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_are_cleaned_away() {
        let (open, mut done) = (job(), job());
        done.enter(JobState::JobComplete);
        tokio::time::advance(OPEN_LIFETIME).await;
        assert!(open.is_expired());
        assert!(!done.is_expired());
        tokio::time::advance(LIFETIME).await;
        assert!(done.is_expired());
    }

    #[test]
    fn dates_have_an_offset_without_a_colon() {
        let moment: Timestamp = "2026-02-03T04:05:06.7Z".parse().unwrap();
        assert_eq!(date(moment), "2026-02-03T04:05:06.700+0000");
    }
}
