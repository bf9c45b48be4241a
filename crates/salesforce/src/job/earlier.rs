//! Jobs that another process left: an earlier run of the program, for example. They are looked at, never closed.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::pace::SharedPace;
use super::poll::PollSchedule;
use super::status::JobState;
use super::watch::{JobWatcher, pause};
use super::{FinishedJob, Job};
use crate::Org;
use crate::fault::{Fault, FaultKind, Outcome};
use crate::http::{Call, CallPatience, RetryWhen};

/// The rows that a job of unknown size is taken to have. It only decides how often the status of the job is read.
const UNKNOWN_ROWS: u64 = 100_000;

/// An ingest job that is closed and has not ended, as the list of all jobs shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedJob {
    /// The id of the job.
    pub id: String,
    /// The API name of the object.
    pub object: String,
    /// The operation as the API names it.
    pub operation: String,
}

/// The unfinished jobs of a user.
#[derive(Debug, Default)]
pub struct UnfinishedJobs {
    /// The jobs.
    pub jobs: Vec<UnfinishedJob>,
    /// Whether the list of the org has more pages than were read.
    pub is_cut: bool,
}

/// What became of a job that another process left.
pub enum EarlierJob {
    /// It was never closed, so it has no effect yet.
    Open,
    /// It has ended.
    Ended(FinishedJob),
    /// The org does not know it: someone deleted it, or its results have expired.
    Gone,
}

/// A job as the list of all jobs shows it (Bulk API 2.0 guide, "Get Information About All Ingest Jobs").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedJob {
    id: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    operation: String,
    created_by_id: Option<String>,
    state: JobState,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    records: Vec<ListedJob>,
    next_records_url: Option<String>,
}

impl ListedJob {
    fn is_unfinished(&self) -> bool {
        !matches!(self.state, JobState::Open | JobState::JobComplete | JobState::Failed | JobState::Aborted)
    }
}

impl Org {
    /// The closed jobs that have not ended, of the user who created the job `own`. The list of the org has all jobs of
    /// seven days in no order, a thousand on a page, and takes no useful filter, so at most `max_pages` are read. If
    /// `own` is not on them, the jobs of all users count. The watcher counts the pages after the first.
    ///
    /// # Errors
    /// The list cannot be read.
    pub async fn unfinished_jobs(
        &self,
        own: &str,
        max_pages: usize,
        watcher: &impl JobWatcher,
    ) -> Result<UnfinishedJobs, Fault> {
        let (mut unfinished, mut user, mut locator, mut pages) = (Vec::new(), None, None, 0);
        loop {
            let mut call = Call::get(&["jobs", "ingest"]).query("jobType", "V2Ingest");
            if let Some(locator) = locator {
                call = call.query("queryLocator", locator);
                watcher.asks();
            }
            let page: Page = self.http.json(&call.patience(CallPatience::Long("listing the jobs of the org"))).await?;
            pages += 1;
            for job in page.records {
                if is_same_job(&job.id, own) {
                    user = job.created_by_id;
                } else if job.is_unfinished() {
                    unfinished.push(job);
                }
            }
            locator = page.next_records_url.as_deref().and_then(query_locator);
            if locator.is_none() || pages == max_pages {
                break;
            }
        }
        unfinished.retain(|job| user.is_none() || job.created_by_id == user);
        let jobs = unfinished.into_iter().map(|ListedJob { id, object, operation, .. }| UnfinishedJob {
            id,
            object,
            operation,
        });
        Ok(UnfinishedJobs { jobs: jobs.collect(), is_cut: locator.is_some() })
    }

    /// Waits until a job that another process left has ended. `running` is called once if it has to wait.
    ///
    /// # Errors
    /// The status of the job cannot be read for half an hour, or the job still runs after a day.
    pub async fn earlier_job(
        &self,
        id: &str,
        watcher: &impl JobWatcher,
        running: impl FnOnce(),
    ) -> Result<EarlierJob, Fault> {
        let job = Job { org: self.clone(), id: id.to_owned(), pace: SharedPace::default() };
        let (started, mut schedule, mut running) = (Instant::now(), PollSchedule::new(UNKNOWN_ROWS), Some(running));
        watcher.asks();
        loop {
            let status = match job.status().await {
                Ok(status) => status,
                Err(fault) if fault.kind() == FaultKind::NotFound => return Ok(EarlierJob::Gone),
                Err(fault) => return Err(fault.with_outcome(Outcome::Known)),
            };
            if status.state == JobState::Open {
                return Ok(EarlierJob::Open);
            }
            let (rows_processed, rows_failed) = (status.rows_processed, status.rows_failed);
            if let Some(end) = status.end() {
                return Ok(EarlierJob::Ended(FinishedJob { job, end, rows_processed, rows_failed }));
            }
            if let Some(running) = running.take() {
                running();
            }
            let longest = self.http.timing().longest_job;
            if started.elapsed() > longest {
                let hours = longest.as_secs() / (60 * 60);
                let text = format!("the job {id}, which an earlier sync left, has not ended within {hours} hours");
                return Err(Fault::new(FaultKind::StillRunning, text));
            }
            let age = started.elapsed();
            pause(watcher, age, schedule.next_wait(age, rows_processed), Duration::MAX).await;
        }
    }

    /// Aborts a job that another process left open. Returns whether it is aborted.
    ///
    /// # Errors
    /// Salesforce cannot be reached for half an hour.
    pub async fn abort_earlier_job(&self, id: &str) -> Result<(), Fault> {
        let job = Job { org: self.clone(), id: id.to_owned(), pace: SharedPace::default() };
        let patience = CallPatience::Long("aborting a job that an earlier sync left open");
        job.set_state(super::status::RequestedState::Aborted, RetryWhen::Always, patience).await
    }
}

/// An id has 15 characters; the last three of the long form only repeat which of them are capitals.
fn is_same_job(one: &str, other: &str) -> bool {
    one.get(..15).is_some_and(|id| Some(id) == other.get(..15))
}

/// The locator in the address of the next page.
fn query_locator(next: &str) -> Option<String> {
    // The address has no host.
    let url = Url::parse("https://example.com").ok()?.join(next).ok()?;
    url.query_pairs().find(|(key, _)| key == "queryLocator").map(|(_, locator)| locator.into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::{Value, json};
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::stub_org::StubOrg;

    const JOBS: &str = "/v62.0/jobs/ingest";
    const OWN: &str = "750Sim000000000AAA";

    /// Counts the questions.
    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl JobWatcher for Counter {
        fn progressed(&self, _: u64) {}

        fn asks(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn listed(id: &str, user: &str, state: &str) -> Value {
        json!({"id": id, "object": "Contact", "operation": "upsert", "createdById": user, "state": state})
    }

    fn page(records: &[Value], next: Option<&str>) -> ResponseTemplate {
        ResponseTemplate::new(200)
            .set_body_json(json!({"done": next.is_none(), "records": records, "nextRecordsUrl": next}))
    }

    fn ids(jobs: &UnfinishedJobs) -> Vec<&str> {
        jobs.jobs.iter().map(|job| job.id.as_str()).collect()
    }

    #[tokio::test]
    async fn jobs_of_the_same_user_that_are_closed_and_have_not_ended_are_unfinished() {
        let stub = StubOrg::start().await;
        let states = ["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted", "SomethingNew"];
        let mut jobs: Vec<Value> = states.iter().map(|state| listed(state, "005A", state)).collect();
        jobs.push(listed("other", "005B", "InProgress"));
        jobs.push(listed("750Sim000000000", "005A", "Open"));
        stub.answer("GET", JOBS, page(&jobs, None)).await;
        let found = stub.org().await.unfinished_jobs(OWN, 10, &|_: u64| {}).await.unwrap();
        assert_eq!(ids(&found), ["UploadComplete", "InProgress", "SomethingNew"]);
        assert!(!found.is_cut);
    }

    #[tokio::test]
    async fn without_the_own_job_on_the_pages_the_jobs_of_all_users_count() {
        let stub = StubOrg::start().await;
        let jobs = [listed("a", "005A", "InProgress"), listed("b", "005B", "InProgress")];
        stub.answer("GET", JOBS, page(&jobs, None)).await;
        assert_eq!(ids(&stub.org().await.unfinished_jobs(OWN, 10, &|_: u64| {}).await.unwrap()), ["a", "b"]);
    }

    #[tokio::test]
    async fn no_more_pages_are_read_than_allowed() {
        let stub = StubOrg::start().await;
        let jobs = [listed("a", "005A", "InProgress")];
        stub.answer("GET", JOBS, page(&jobs, Some("/services/data/v62.0/jobs/ingest?queryLocator=x%26y"))).await;
        let counter = Counter::default();
        let found = stub.org().await.unfinished_jobs(OWN, 3, &counter).await.unwrap();
        assert_eq!(counter.0.load(Ordering::Relaxed), 2, "all but the first are counted");
        assert!(found.is_cut);
        let requests = stub.requests("GET", JOBS).await;
        let locators: Vec<Option<String>> = requests
            .iter()
            .map(|request| request.url.query_pairs().find(|(key, _)| key == "queryLocator").map(|(_, it)| it.into()))
            .collect();
        assert_eq!(locators, [None, Some("x&y".to_owned()), Some("x&y".to_owned())]);
    }

    #[tokio::test]
    async fn a_list_that_ends_with_the_last_page_that_may_be_read_is_whole() {
        let stub = StubOrg::start().await;
        let next = Some("/services/data/v62.0/jobs/ingest?queryLocator=x");
        stub.answer_once("GET", JOBS, page(&[listed("a", "005A", "InProgress")], next)).await;
        stub.answer("GET", JOBS, page(&[listed("b", "005A", "InProgress")], None)).await;
        let found = stub.org().await.unfinished_jobs(OWN, 2, &|_: u64| {}).await.unwrap();
        assert_eq!((ids(&found), found.is_cut), (vec!["a", "b"], false));
    }

    #[tokio::test]
    async fn an_earlier_job_is_open_ended_or_gone() {
        let at = format!("{JOBS}/{OWN}");
        let status = |state: &str| ResponseTemplate::new(200).set_body_json(json!({"id": OWN, "state": state}));
        for (answers, expected, waits) in [
            (vec![status("Open")], "open", 0),
            (vec![status("UploadComplete"), status("InProgress"), status("JobComplete")], "ended", 1),
            (vec![status("Failed")], "ended", 0),
            (
                vec![ResponseTemplate::new(404).set_body_json(json!([{"errorCode": "NOT_FOUND", "message": "m"}]))],
                "gone",
                0,
            ),
        ] {
            let stub = StubOrg::start().await;
            for answer in answers {
                stub.answer_once("GET", &at, answer).await;
            }
            let (waited, counter) = (std::cell::Cell::new(0), Counter::default());
            let found = stub.org().await.earlier_job(OWN, &counter, || waited.set(waited.get() + 1)).await.unwrap();
            let questions = stub.requests("GET", &at).await.len();
            assert_eq!(counter.0.load(Ordering::Relaxed), questions, "each is counted");
            let found = match found {
                EarlierJob::Open => "open",
                EarlierJob::Ended(_) => "ended",
                EarlierJob::Gone => "gone",
            };
            assert_eq!((found, waited.get()), (expected, waits));
        }
    }

    #[tokio::test]
    async fn an_earlier_job_that_does_not_end_within_a_day_is_a_fault() {
        let (stub, at) = (StubOrg::start().await, format!("{JOBS}/{OWN}"));
        let running = ResponseTemplate::new(200).set_body_json(json!({"id": OWN, "state": "InProgress"}));
        stub.answer("GET", &at, running).await;
        let found = stub.hasty_org().await.earlier_job(OWN, &Counter::default(), || {}).await;
        let Err(fault) = found else { panic!("it still runs") };
        assert_eq!((fault.kind(), fault.outcome()), (FaultKind::StillRunning, Outcome::Known));
        assert!(fault.message().contains(OWN) && fault.message().contains("has not ended within"), "{fault}");
        assert!(stub.requests("GET", &at).await.len() > 1, "its status was read");
    }

    /// A status that cannot be read says nothing of a job that may still change records.
    #[tokio::test]
    async fn an_earlier_job_whose_status_is_refused_is_a_fault_and_not_gone() {
        let (stub, at) = (StubOrg::start().await, format!("{JOBS}/{OWN}"));
        let refusal = json!([{"errorCode": "INSUFFICIENT_ACCESS", "message": "m"}]);
        stub.answer("GET", &at, ResponseTemplate::new(403).set_body_json(refusal)).await;
        let found = stub.org().await.earlier_job(OWN, &Counter::default(), || {}).await;
        let Err(fault) = found else { panic!("nobody knows what it does") };
        assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Permission, Outcome::Known));
    }
}
