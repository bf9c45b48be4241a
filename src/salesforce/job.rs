//! One Bulk API 2.0 ingest job: open, uploaded, running, finished.

use std::sync::Arc;

use bytes::Bytes;

use super::fault::Fault;
use super::{Operation, Org};

/// What a job is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// The API name of the object.
    pub object: String,
    /// What happens to its records.
    pub operation: Operation,
    /// The key of an upsert.
    pub external_id_field: Option<String>,
    /// The assignment rule of cases and leads.
    pub assignment_rule_id: Option<String>,
}

/// The CSV of a job. It can be read again from its beginning as often as the upload must be repeated.
pub trait CsvBody: Send + Sync {
    /// The length of all pieces together, in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing to send.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces from the first to the last.
    fn pieces(self: Arc<Self>) -> Box<dyn Iterator<Item = Bytes> + Send>;
}

impl Org {
    /// Creates a job. One whose answer was lost is never filled, and Salesforce removes it after a day.
    pub async fn create_job(&self, spec: &JobSpec) -> Result<OpenJob, Fault> {
        let _ = spec;
        unimplemented!()
    }
}

/// A job without data.
pub struct OpenJob {
    org: Org,
    id: String,
}

/// A job with its data, inert until it is closed.
pub struct UploadedJob {
    org: Org,
    id: String,
}

/// A closed job: it takes effect whatever happens here.
pub struct RunningJob {
    org: Org,
    id: String,
}

/// A job at its end, whose results can be read.
pub struct FinishedJob {
    org: Org,
    id: String,
    end: JobEnd,
    processed: Option<u64>,
    failed: Option<u64>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// Every row was tried.
    Complete,
    /// Salesforce gave up; rows may be written, failed or unprocessed.
    Failed {
        /// Salesforce's `errorMessage`.
        message: String,
    },
    /// Someone aborted it; rows may be written, failed or unprocessed.
    Aborted,
}

impl OpenJob {
    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Uploads the CSV. When that fails the job is aborted as far as possible, and a new job takes its place.
    pub async fn upload(self, body: Arc<dyn CsvBody>) -> Result<UploadedJob, Fault> {
        let _ = body;
        Ok(UploadedJob { org: self.org, id: self.id })
    }

    /// Gives the job up, as far as Salesforce can be reached.
    pub async fn abort(self) {
        unimplemented!()
    }
}

impl UploadedJob {
    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sets the job to `UploadComplete`: the commit point. A doubtful answer is settled by asking for the job's state;
    /// [`FaultKind::Lost`](super::fault::FaultKind::Lost) is given only when that cannot be learnt either.
    pub async fn close(self) -> Result<RunningJob, Fault> {
        Ok(RunningJob { org: self.org, id: self.id })
    }

    /// Gives the job up, as far as Salesforce can be reached.
    pub async fn abort(self) {
        unimplemented!()
    }
}

impl RunningJob {
    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits for the end of the job. `rows` is how many were uploaded; it tells how far the job is.
    pub async fn wait(self, rows: u64) -> Result<FinishedJob, Fault> {
        let _ = rows;
        Ok(FinishedJob { org: self.org, id: self.id, end: JobEnd::Complete, processed: None, failed: None })
    }
}

impl FinishedJob {
    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How the job ended.
    pub fn end(&self) -> &JobEnd {
        &self.end
    }

    /// How many rows Salesforce says it processed, failed ones included.
    pub fn processed(&self) -> Option<u64> {
        self.processed
    }

    /// How many rows Salesforce says failed.
    pub fn failed(&self) -> Option<u64> {
        self.failed
    }

    /// The org of the job.
    pub(super) fn org(&self) -> &Org {
        &self.org
    }
}
