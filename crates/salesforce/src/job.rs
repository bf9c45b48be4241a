//! One Bulk API 2.0 ingest job, with a type for each of its stages: open, uploaded, running, finished.

mod earlier;
mod pace;
mod poll;
mod standstill;
mod status;
mod watch;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use tokio::time::timeout;

pub use self::earlier::{EarlierJob, UnfinishedJob, UnfinishedJobs};
pub(crate) use self::pace::Paces;
use self::pace::SharedPace;
pub(crate) use self::poll::PollSchedule;
use self::status::{JobState, RequestedState};
pub(crate) use self::status::{JobStatus, is_job_id, of_job, query_created};
pub(crate) use self::watch::pause;
pub use self::watch::{JobWatcher, RunningJob};
use crate::fault::{Fault, FaultKind, Outcome};
use crate::http::{Call, CallPatience, RetryWhen};
use crate::patience::Patience;
use crate::timing::ABORT_TIMEOUT;
use crate::upload::CsvBody;
use crate::{Operation, Org};

/// What a job is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// The API name of the object.
    pub object: String,
    /// What the job does with the records of the object.
    pub operation: Operation,
    /// The API name of the field by which an upsert finds records.
    pub external_id_field: Option<String>,
    /// The id of the assignment rule, for cases and leads.
    pub assignment_rule_id: Option<String>,
}

impl Org {
    /// Creates a job. If the answer is lost, the call is made again; Salesforce removes the empty job after a day.
    ///
    /// # Errors
    /// Salesforce refuses the job, or cannot be reached for half an hour.
    pub async fn create_job(&self, spec: &JobSpec) -> Result<OpenJob, Fault> {
        let mut body = json!({
            "object": spec.object,
            "operation": spec.operation.api_name(),
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        });
        if let Some(field) = &spec.external_id_field {
            body["externalIdFieldName"] = json!(field);
        }
        if let Some(rule) = &spec.assignment_rule_id {
            body["assignmentRuleId"] = json!(rule);
        }
        let call = Call::json(Method::POST, &["jobs", "ingest"], body, RetryWhen::Always);
        let id = self.http.read(&call.patience(CallPatience::Long("creating a job")), status::created).await?;
        tracing::debug!(job = id, object = spec.object, operation = %spec.operation, "created a job");
        Ok(OpenJob { job: Job { org: self.clone(), id, pace: self.paces.of(spec) } })
    }

    /// Creates a job and uploads its CSV, unless `stop` completes first. An upload that fails is tried again with a new
    /// job, for half an hour: waiting before the close is safe.
    ///
    /// # Errors
    /// The upload was stopped, or Salesforce refuses the job or its data, or cannot be reached for half an hour.
    pub async fn upload_job(
        &self,
        spec: &JobSpec,
        body: Arc<dyn CsvBody>,
        stop: impl Future<Output = ()>,
    ) -> Result<UploadedJob, UploadError> {
        let mut stop = pin!(stop);
        let policy = self.http.timing().patience;
        // It begins with the first fault: creating the job has a patience of its own.
        let mut patience = None;
        loop {
            let open = tokio::select! {
                biased;
                () = &mut stop => return Err(UploadError::Stopped),
                created = self.create_job(spec) => created.map_err(UploadError::NotCreated)?,
            };
            let fault = match open.upload(Arc::clone(&body), stop.as_mut()).await {
                Err(UploadError::NotUploaded(fault)) => fault,
                result => return result,
            };
            let may_retry = tokio::select! {
                biased;
                () = &mut stop => return Err(UploadError::Stopped),
                may_retry = patience
                    .get_or_insert_with(|| Patience::new(&policy, "uploading the data of a job"))
                    .wait(&fault) => may_retry,
            };
            if !may_retry {
                return Err(UploadError::NotUploaded(fault));
            }
        }
    }
}

/// What a job has at every stage.
pub(crate) struct Job {
    pub(crate) org: Org,
    pub(crate) id: String,
    /// How long jobs of its kind take.
    pace: SharedPace,
}

/// A job without data.
pub struct OpenJob {
    job: Job,
}

/// A job with its data. It has no effect before it is closed.
pub struct UploadedJob {
    job: Job,
}

/// Why a job has no data. It has no effect, and was aborted if Salesforce could be reached.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The caller stopped the upload.
    #[error("the upload was stopped")]
    Stopped,
    /// The job could not be created.
    #[error("the job could not be created: {0}")]
    NotCreated(Fault),
    /// The upload failed.
    #[error("the upload failed: {0}")]
    NotUploaded(Fault),
}

/// Why a job is not known to run.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The caller stopped before the job was closed. It has no effect. It was aborted if Salesforce could be reached.
    #[error("the close was stopped")]
    Stopped,
    /// The job is not closed and has no effect. It was aborted if Salesforce could be reached.
    #[error("the job is not closed: {0}")]
    NotClosed(Fault),
    /// The job may have taken effect: after an answer to the close that was clear or not, its status could not be read
    /// for the reason in the fault.
    #[error("it is not known what the job did: {0}")]
    OutcomeUnknown(Fault),
}

/// A job that has ended, with results to read. It is never deleted: Salesforce keeps it for seven days, and Setup shows
/// it.
pub struct FinishedJob {
    job: Job,
    end: JobEnd,
    rows_processed: Option<u64>,
    rows_failed: Option<u64>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// Salesforce tried every row.
    Complete,
    /// Salesforce gave up. Rows may be written, failed or unprocessed.
    Failed {
        /// Salesforce's `errorMessage`; [`Fault::of_failed_job`] classifies it.
        message: String,
    },
    /// Someone aborted the job. Rows may be written, failed or unprocessed.
    Aborted,
}

impl fmt::Display for JobEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Failed { message } => write!(f, "failed ({message})"),
            Self::Aborted => f.write_str("aborted"),
        }
    }
}

/// A try to close a job that failed.
enum CloseAttempt {
    /// The job is open. The fault is transient where the next try may succeed.
    StillOpen(Fault),
    /// The answer was not clear, and the status of the job could not be read.
    StatusUnknown(Fault),
}

impl Job {
    /// Reads the status of a job that may be closed. The outcome of a job that is gone or cannot be reached is unknown.
    async fn status(&self) -> Result<JobStatus, Fault> {
        let call = Call::get(&["jobs", "ingest", &self.id]);
        let call = call.patience(CallPatience::Long("asking for the status of a job"));
        let status = self.org.http.read(&call, |body| status::of_job(&self.id, body)).await;
        status.map_err(|fault| match fault.kind() {
            FaultKind::NotFound => {
                let id = &self.id;
                let text = format!("the job {id} is gone: someone deleted it, or it is older than seven days");
                Fault::new(FaultKind::NotFound, text).with_outcome(Outcome::Unknown)
            }
            _ if fault.is_transient() => fault.with_outcome(Outcome::Unknown),
            _ => fault,
        })
    }

    /// Sets the state. The answer must say that the job is in it: it may come from something else than Salesforce.
    async fn set_state(
        &self,
        state: RequestedState,
        retry_when: RetryWhen,
        patience: CallPatience,
    ) -> Result<(), Fault> {
        let body = json!({ "state": state.api_name() });
        let call = Call::json(Method::PATCH, &["jobs", "ingest", &self.id], body, retry_when).patience(patience);
        self.org.http.read(&call, |body| status::changed(&self.id, state, body)).await
    }

    /// Closes the job. After an unclear answer the status of the job says whether it is closed.
    async fn try_to_close(&self) -> Result<(), CloseAttempt> {
        let closed = self.set_state(RequestedState::UploadComplete, RetryWhen::NothingDone, CallPatience::None).await;
        let Err(fault) = closed else { return Ok(()) };
        // After a close that took effect late, Salesforce refuses the next one because of the state of the job.
        let is_late = fault.kind() == FaultKind::InvalidJobState;
        if fault.outcome() == Outcome::Known && !is_late {
            return Err(CloseAttempt::StillOpen(fault));
        }
        let status = self.status().await.map_err(CloseAttempt::StatusUnknown)?;
        if status.state != JobState::Open {
            return Ok(());
        }
        // The status was read after the unclear answer, so the outcome is known.
        let fault = fault.with_outcome(Outcome::Known);
        Err(CloseAttempt::StillOpen(if is_late { fault.with_kind(FaultKind::Transient) } else { fault }))
    }

    /// Aborts a job that is not closed. If that fails, Salesforce removes it after a day.
    async fn abort(&self) {
        let aborted = self.set_state(RequestedState::Aborted, RetryWhen::Always, CallPatience::Brief);
        match timeout(ABORT_TIMEOUT, aborted).await {
            Ok(Ok(())) => tracing::debug!(job = self.id, "aborted a job"),
            Ok(Err(fault)) => tracing::debug!(job = self.id, fault = fault.message(), "could not abort a job"),
            Err(_) => tracing::debug!(job = self.id, "could not abort a job in time"),
        }
    }
}

impl OpenJob {
    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// Uploads the CSV, unless `stop` completes first. Without its data the job is aborted if Salesforce can be
    /// reached. Try again with a new job, because a job takes one upload only (Bulk API 2.0 guide, "Upload Job Data").
    ///
    /// # Errors
    /// The upload was stopped, or it failed.
    pub async fn upload(
        self,
        body: Arc<dyn CsvBody>,
        stop: impl Future<Output = ()>,
    ) -> Result<UploadedJob, UploadError> {
        let call = Call::upload(&["jobs", "ingest", &self.job.id, "batches"], body);
        let error = tokio::select! {
            uploaded = self.job.org.http.created(&call) => match uploaded {
                Ok(()) => return Ok(UploadedJob { job: self.job }),
                // Whatever became of the data: the job is never closed, so it has no effect.
                Err(fault) => UploadError::NotUploaded(fault.with_outcome(Outcome::Known)),
            },
            () = stop => UploadError::Stopped,
        };
        self.job.abort().await;
        Err(error)
    }

    /// Aborts the job, if Salesforce can be reached.
    pub async fn abort(self) {
        self.job.abort().await;
    }
}

impl UploadedJob {
    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// Sets the job to `UploadComplete`: the commit point. If the answer is not clear, the status of the job decides. A
    /// job that is still open is closed again, for half an hour or until `stop` completes.
    ///
    /// # Errors
    /// The job is not closed, or nobody can say whether it is.
    pub async fn close(self, stop: impl Future<Output = ()>) -> Result<RunningJob, CloseError> {
        let mut stop = pin!(stop);
        let policy = self.job.org.http.timing().patience;
        let mut patience = Patience::new(&policy, "closing a job");
        let error = loop {
            let fault = match self.job.try_to_close().await {
                Ok(()) => return Ok(RunningJob::new(self.job)),
                Err(CloseAttempt::StatusUnknown(fault)) => return Err(CloseError::OutcomeUnknown(fault)),
                Err(CloseAttempt::StillOpen(fault)) => fault,
            };
            let may_retry = tokio::select! {
                biased;
                () = &mut stop => break CloseError::Stopped,
                may_retry = patience.wait(&fault) => may_retry,
            };
            if !may_retry {
                break CloseError::NotClosed(fault);
            }
        };
        self.job.abort().await;
        Err(error)
    }

    /// Aborts the job, if Salesforce can be reached.
    pub async fn abort(self) {
        self.job.abort().await;
    }
}

impl FinishedJob {
    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// How the job ended.
    pub fn end(&self) -> &JobEnd {
        &self.end
    }

    /// The number of rows that Salesforce says it processed, failed ones included.
    pub fn rows_processed(&self) -> Option<u64> {
        self.rows_processed
    }

    /// The number of rows that Salesforce says failed.
    pub fn rows_failed(&self) -> Option<u64> {
        self.rows_failed
    }

    pub(crate) fn org(&self) -> &Org {
        &self.job.org
    }
}

#[cfg(test)]
mod outage_tests;
#[cfg(test)]
mod tests;
