//! Bulk API 2.0 query jobs: one that runs, and one that is complete.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::job_pages::JobPages;
use super::page::PagePoint;
use super::read_fault::{ReadFailure, ReadFault};
use super::rows::{QueryRows, Source};
use super::soql::Soql;
use crate::Org;
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, CallPatience, RequestCount, RetryWhen};
use crate::job::{JobEnd, JobStatus, JobWatcher, PollSchedule, is_job_id, of_job, pause, query_created};
use crate::timing::ABORT_TIMEOUT;

/// Which records a query finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryScope {
    /// Those that are there.
    Live,
    /// Those in the recycle bin as well, of which `IsDeleted` is true, and archived activities.
    WithDeleted,
}

impl Org {
    /// Runs a query with a query job (Bulk API 2.0 guide, "Query"), and waits for its end. A lost answer can leave a job
    /// behind, which changes nothing. [`QueryRows::finish`] deletes the job.
    ///
    /// # Errors
    /// Salesforce refuses the query or fails the job, someone aborted it, it still runs after a day, or Salesforce cannot
    /// be reached for half an hour.
    pub async fn query_job(&self, soql: &Soql, watcher: &impl JobWatcher) -> Result<QueryRows, Fault> {
        let running = self.create_query_job(soql, QueryScope::Live).await?;
        let complete = running.wait(watcher).await;
        match complete {
            Ok(complete) => {
                let (columns, requests) = (Arc::clone(&complete.job.columns), complete.job.requests.clone());
                let pages = JobPages::patient(complete);
                Ok(QueryRows::new(Source::Job(pages), columns, requests))
            }
            Err(fault) if fault.fault().kind() == FaultKind::StillRunning => {
                running.abort().await;
                Err(fault.into_fault())
            }
            Err(fault) => Err(fault.into_fault()),
        }
    }

    /// Creates a query job, which begins by itself. A lost answer can leave another one behind, which changes nothing.
    ///
    /// # Errors
    /// Salesforce refuses the query, a limit of the org is reached, or Salesforce cannot be reached for half an hour.
    pub async fn create_query_job(&self, soql: &Soql, scope: QueryScope) -> Result<RunningQueryJob, Fault> {
        soql.check()?;
        let requests = RequestCount::default();
        let operation = match scope {
            QueryScope::Live => "query",
            QueryScope::WithDeleted => "queryAll",
        };
        let body = json!({
            "operation": operation,
            "query": soql.to_string(),
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        });
        let call = Call::json(Method::POST, &["jobs", "query"], body, RetryWhen::Always);
        let call = call.patience(CallPatience::Long("creating a query job")).counted(&requests);
        let id = self.http.read(&call, query_created).await?;
        tracing::debug!(job = id, "created a query job");
        let job = QueryJob { org: self.clone(), id, columns: soql.fields().into(), requests };
        Ok(RunningQueryJob { job, is_new: true })
    }

    /// A query job that was created before, maybe by another run of the program, for a query with these columns. No call
    /// is made.
    ///
    /// # Errors
    /// The id is not one of a job.
    pub fn resume_query_job(&self, id: &str, soql: &Soql) -> Result<RunningQueryJob, Fault> {
        if !is_job_id(id) {
            return Err(Fault::new(FaultKind::Configuration, "the id of a query job has 15 or 18 letters and digits"));
        }
        let (id, columns, requests) = (id.to_owned(), soql.fields().into(), RequestCount::default());
        Ok(RunningQueryJob { job: QueryJob { org: self.clone(), id, columns, requests }, is_new: false })
    }
}

/// A query job.
#[derive(Clone)]
pub(super) struct QueryJob {
    pub(super) org: Org,
    pub(super) id: String,
    /// The fields of the query.
    pub(super) columns: Arc<[String]>,
    pub(super) requests: RequestCount,
}

/// A query job that may still run.
pub struct RunningQueryJob {
    job: QueryJob,
    /// Whether it was created a moment ago, so that it cannot have ended yet.
    is_new: bool,
}

/// A query job whose results can be read.
pub struct CompleteQueryJob {
    pub(super) job: QueryJob,
    /// The number of its rows, if it says one. It may be late.
    pub(super) count: Option<u64>,
}

impl RunningQueryJob {
    /// The id, by which the job can be found again.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// The API requests made for the job so far.
    pub fn requests(&self) -> u64 {
        self.job.requests.get()
    }

    /// Waits for the end of the job. It can be called again after a fault of [`FaultKind::StillRunning`].
    ///
    /// # Errors
    /// The job failed, someone aborted or deleted it, it still runs after a day, or Salesforce cannot be reached for half
    /// an hour.
    pub async fn wait(&self, watcher: &impl JobWatcher) -> Result<CompleteQueryJob, ReadFault> {
        let started = Instant::now();
        let mut schedule = PollSchedule::new(0);
        let mut waits = self.is_new;
        loop {
            if waits {
                let age = started.elapsed();
                pause(watcher, age, schedule.next_wait(age, None), Duration::MAX).await;
            } else {
                watcher.asks();
                waits = true;
            }
            let status = self.job.status().await?;
            let count = status.rows_processed;
            if self.job.is_complete(status)? {
                return Ok(CompleteQueryJob { job: self.job.clone(), count });
            }
            let longest = self.job.org.http.timing().longest_job;
            if started.elapsed() > longest {
                let hours = longest.as_secs() / (60 * 60);
                let text = format!("the query job {} has not ended within {hours} hours", self.job.id);
                return Err(Fault::new(FaultKind::StillRunning, text).into());
            }
            if let Some(rows) = count {
                watcher.progressed(rows);
            }
        }
    }

    /// Aborts the job, if Salesforce can be reached.
    pub async fn abort(self) {
        let body = json!({"state": "Aborted"});
        let call = Call::json(Method::PATCH, &["jobs", "query", &self.job.id], body, RetryWhen::Always);
        self.job.try_to(call).await;
    }
}

impl CompleteQueryJob {
    /// The id, by which the job can be found again.
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// The number of rows, as the job counts them. It may be late: the end of the pages is checked against a newer one.
    pub fn rows(&self) -> Option<u64> {
        self.count
    }

    /// The results from the first page on, or from the point after a page that was read before.
    pub fn pages(self, from: Option<PagePoint>) -> JobPages {
        JobPages::new(self, from)
    }

    /// Deletes the job with its results, if Salesforce can be reached. Salesforce keeps it for seven days otherwise.
    pub async fn delete(self) {
        self.job.delete().await;
    }
}

impl QueryJob {
    pub(super) async fn status(&self) -> Result<JobStatus, ReadFault> {
        let call = Call::get(&["jobs", "query", &self.id]);
        let call = call.patience(CallPatience::Long("asking for the status of a query job")).counted(&self.requests);
        let status = self.org.http.read(&call, |body| of_job(&self.id, body)).await;
        status.map_err(|fault| match fault.kind() {
            FaultKind::NotFound => {
                let text = format!("the query job {} is gone: someone deleted it", self.id);
                ReadFault::new(ReadFailure::JobGone, fault.with_kind(FaultKind::Transient).with_message(text))
            }
            _ => fault.into(),
        })
    }

    /// Whether the job has completed.
    ///
    /// # Errors
    /// It ended in another way.
    pub(super) fn is_complete(&self, status: JobStatus) -> Result<bool, ReadFault> {
        match status.end() {
            None => Ok(false),
            Some(JobEnd::Complete) => Ok(true),
            Some(JobEnd::Failed { message }) => Err(ReadFault::new(ReadFailure::JobFailed, self.failed(&message))),
            Some(JobEnd::Aborted) => {
                let text = format!("someone aborted the query job {}", self.id);
                Err(ReadFault::new(ReadFailure::JobAborted, Fault::new(FaultKind::InvalidJobState, text)))
            }
        }
    }

    /// The fault of a failed job. Salesforce need not say why it failed.
    fn failed(&self, message: &str) -> Fault {
        let fault = Fault::of_failed_job(message);
        let reason = if fault.message().is_empty() { "Salesforce does not say why" } else { fault.message() };
        let text = format!("the query job {} failed: {reason}", self.id);
        fault.with_message(text)
    }

    /// Deletes the job with its results, if Salesforce can be reached.
    pub(super) async fn delete(&self) {
        self.try_to(Call::delete(&["jobs", "query", &self.id])).await;
    }

    /// Makes a call that may fail: Salesforce removes the job after seven days.
    async fn try_to(&self, call: Call) {
        match timeout(ABORT_TIMEOUT, self.org.http.response(&call.counted(&self.requests))).await {
            Ok(Ok(_)) => tracing::debug!(job = self.id, "ended a query job"),
            Ok(Err(fault)) => tracing::debug!(job = self.id, fault = fault.message(), "could not end a query job"),
            Err(_) => tracing::debug!(job = self.id, "could not end a query job in time"),
        }
    }
}

#[cfg(test)]
mod tests;
