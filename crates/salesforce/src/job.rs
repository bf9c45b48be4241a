//! One Bulk API 2.0 ingest job: open, uploaded, running, finished.

mod state;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::fault::{Fault, FaultKind};
use super::http::{Call, Repeat};
use super::poll::Pace;
use super::upload::CsvBody;
use super::{Operation, Org};
use state::{Created, Info, State};

/// How long giving a job up may take; it only spares Salesforce a job that it would remove after a day.
const ABORT_PATIENCE: Duration = Duration::from_secs(15);
/// How often a job that is still open after a doubtful answer is closed again.
const CLOSE_ATTEMPTS: u32 = 5;

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

impl Org {
    /// Creates a job. One whose answer was lost is never filled, and Salesforce removes it after a day.
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
        let call = Call::json(Method::POST, &["jobs", "ingest"], body, Repeat::Safe);
        let Created { id } = self.http.json(&call).await?;
        tracing::debug!(job = id, object = spec.object, operation = %spec.operation, "created a job");
        Ok(OpenJob { job: Job { org: self.clone(), id } })
    }
}

/// What every state of a job has.
pub(super) struct Job {
    pub(super) org: Org,
    pub(super) id: String,
}

/// A job without data.
pub struct OpenJob {
    job: Job,
}

/// A job with its data, inert until it is closed.
pub struct UploadedJob {
    job: Job,
}

/// Why a job has no data. It is inert, and aborted as far as Salesforce could be reached.
#[derive(Debug)]
pub enum NotUploaded {
    /// The caller wanted the upload no more.
    Stopped,
    /// The upload failed.
    Fault(Fault),
}

/// Why a job is not known to run.
#[derive(Debug)]
pub enum NotClosed {
    /// It has no effect, and is aborted as far as Salesforce could be reached.
    Inert(Fault),
    /// It may run, and nobody knows: the close was not answered, and then the state of the job could not be learnt.
    InDoubt(Fault),
}

/// A closed job: it takes effect whatever happens here.
pub struct RunningJob {
    job: Job,
}

/// A job at its end, whose results can be read. Nothing here deletes a job: Salesforce keeps it for seven days, in
/// which it can be looked at in Setup.
pub struct FinishedJob {
    job: Job,
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
        /// Salesforce's `errorMessage`; [`Fault::of_failed_job`] says what it means.
        message: String,
    },
    /// Someone aborted it; rows may be written, failed or unprocessed.
    Aborted,
}

impl Job {
    /// Asks for the state of the job.
    async fn info(&self) -> Result<Info, Fault> {
        self.org.http.json(&Call::get(&["jobs", "ingest", &self.id])).await
    }

    /// Asks for the state of a job that may be closed, for as long as an outage may last. What cannot be learnt then is
    /// lost.
    async fn info_at_last(&self) -> Result<Info, Fault> {
        let timing = self.org.http.timing();
        let asked = Instant::now();
        loop {
            let fault = match self.info().await {
                Ok(info) => return Ok(info),
                Err(fault) => fault,
            };
            if fault.kind() == FaultKind::NotFound {
                let id = &self.id;
                let text = format!("the job {id} is gone: someone deleted it, or it is older than seven days");
                return Err(Fault::new(FaultKind::Lost, text));
            }
            if !fault.is_passing() {
                return Err(fault);
            }
            if asked.elapsed() > timing.ride_out {
                return Err(fault.with_kind(FaultKind::Lost));
            }
            tracing::warn!(job = self.id, fault = fault.message(), "the state of a job is out of reach");
            sleep(timing.retry.longest_wait).await;
        }
    }

    async fn set_state(&self, state: State, repeat: Repeat) -> Result<(), Fault> {
        let body = json!({ "state": state.api_name() });
        self.org.http.done(&Call::json(Method::PATCH, &["jobs", "ingest", &self.id], body, repeat)).await
    }

    /// Gives a job up that was not closed. Where that fails Salesforce removes it after a day.
    async fn abort(&self) {
        match timeout(ABORT_PATIENCE, self.set_state(State::Aborted, Repeat::Safe)).await {
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

    /// Uploads the CSV, unless `stop` ends first. Without its data the job is aborted as far as possible; a new job
    /// takes its place, because a job takes one upload only (Bulk API 2.0 guide, "Upload Job Data").
    pub async fn upload(
        self,
        body: Arc<dyn CsvBody>,
        stop: impl Future<Output = ()>,
    ) -> Result<UploadedJob, NotUploaded> {
        let call = Call::upload(&["jobs", "ingest", &self.job.id, "batches"], body);
        let why = tokio::select! {
            uploaded = self.job.org.http.done(&call) => match uploaded {
                Ok(()) => return Ok(UploadedJob { job: self.job }),
                Err(fault) => NotUploaded::Fault(fault),
            },
            () = stop => NotUploaded::Stopped,
        };
        self.job.abort().await;
        Err(why)
    }

    /// Gives the job up, as far as Salesforce can be reached.
    pub async fn abort(self) {
        self.job.abort().await;
    }
}

impl UploadedJob {
    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// Sets the job to `UploadComplete`: the commit point. A doubtful answer is settled by asking for the job's state.
    pub async fn close(self) -> Result<RunningJob, NotClosed> {
        let mut attempt = 1;
        let fault = loop {
            let fault = match self.job.set_state(State::UploadComplete, Repeat::Once).await {
                Ok(()) => return Ok(RunningJob { job: self.job }),
                Err(fault) => fault,
            };
            // A close that came through late makes the next one an invalid one.
            if !matches!(fault.kind(), FaultKind::Lost | FaultKind::InvalidJobState) {
                break fault;
            }
            let info = self.job.info_at_last().await.map_err(NotClosed::InDoubt)?;
            if info.state != State::Open {
                return Ok(RunningJob { job: self.job });
            }
            if attempt == CLOSE_ATTEMPTS {
                break fault;
            }
            attempt += 1;
        };
        self.job.abort().await;
        // The state was seen after the doubtful answer, so nothing is lost.
        Err(NotClosed::Inert(if fault.kind() == FaultKind::Lost {
            fault.with_kind(FaultKind::Transient)
        } else {
            fault
        }))
    }

    /// Gives the job up, as far as Salesforce can be reached.
    pub async fn abort(self) {
        self.job.abort().await;
    }
}

impl RunningJob {
    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// Waits for the end of the job. `rows` is how many were uploaded; `progress` is told how many of them Salesforce
    /// has processed, whenever it says so.
    pub async fn wait(self, rows: u64, progress: impl Fn(u64)) -> Result<FinishedJob, Fault> {
        let closed = Instant::now();
        let mut pace = Pace::new(rows);
        let mut processed = None;
        loop {
            sleep(pace.next(closed.elapsed(), processed)).await;
            let info = self.job.info_at_last().await?;
            let (processed_now, failed) = (info.processed, info.failed);
            if let Some(end) = info.end() {
                return Ok(FinishedJob { job: self.job, end, processed: processed_now, failed });
            }
            let longest = self.job.org.http.timing().longest_job;
            if closed.elapsed() > longest {
                let hours = longest.as_secs() / (60 * 60);
                let text = format!("the job {} has not ended within {hours} hours", self.job.id);
                return Err(Fault::new(FaultKind::Lost, text));
            }
            processed = processed_now;
            processed.into_iter().for_each(&progress);
        }
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
        &self.job.org
    }
}

#[cfg(test)]
mod tests;
