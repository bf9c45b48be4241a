//! Queries with a Bulk API 2.0 query job, whose results are read page by page.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::held::HeldPage;
use super::rows::{QueryRows, Source};
use super::soql::Soql;
use crate::Org;
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, CallPatience, RequestCount, RetryWhen};
use crate::job::{JobEnd, JobStatus, JobWatcher, PollSchedule, of_job, pause, query_created};
use crate::results::Page;
use crate::timing::ABORT_TIMEOUT;

/// The most cells of a page. A million rows of two fields are ten pages, and a page of short fields takes some megabytes
/// while it is held. Without a number Salesforce chooses one, and some readers of very large pages have seen them stop.
const CELLS_PER_PAGE: usize = 200_000;
/// The rows of a page of the widest rows.
const FEWEST_ROWS_PER_PAGE: usize = 1_000;

/// How often a job is asked again whose number of rows is not the number of rows read: its status may be older than its
/// results.
const QUESTIONS: u32 = 4;

impl Org {
    /// Runs a query with a query job (Bulk API 2.0 guide, "Query"), and waits for its end. A lost answer can leave a job
    /// behind, which changes nothing. [`QueryRows::finish`] deletes the job.
    ///
    /// # Errors
    /// Salesforce refuses the query or fails the job, someone aborted it, it still runs after a day, or Salesforce cannot
    /// be reached for half an hour.
    pub async fn query_job(&self, soql: &Soql, watcher: &impl JobWatcher) -> Result<QueryRows, Fault> {
        soql.check()?;
        let requests = RequestCount::default();
        let body = json!({
            "operation": "query",
            "query": soql.to_string(),
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        });
        let call = Call::json(Method::POST, &["jobs", "query"], body, RetryWhen::Always);
        let call = call.patience(CallPatience::Long("creating a query job")).counted(&requests);
        let id = self.http.read(&call, query_created).await?;
        tracing::debug!(job = id, "created a query job");
        let job = QueryJob { org: self.clone(), id, requests: requests.clone() };
        let count = match job.wait(watcher).await {
            Ok(count) => count,
            Err(fault) => {
                job.abandon(&fault).await;
                return Err(fault);
            }
        };
        let columns = soql.fields().to_vec();
        let pages = JobPages { job, columns: columns.clone(), next: Next::First, header: None, rows: 0, count };
        Ok(QueryRows::new(Source::Job(pages), columns, requests))
    }
}

/// A query job.
struct QueryJob {
    org: Org,
    id: String,
    requests: RequestCount,
}

impl QueryJob {
    async fn status(&self) -> Result<JobStatus, Fault> {
        let call = Call::get(&["jobs", "query", &self.id]);
        let call = call.patience(CallPatience::Long("asking for the status of a query job")).counted(&self.requests);
        let status = self.org.http.read(&call, |body| of_job(&self.id, body)).await;
        status.map_err(|fault| match fault.kind() {
            FaultKind::NotFound => {
                let text = format!("the query job {} is gone: someone deleted it", self.id);
                fault.with_kind(FaultKind::Transient).with_message(text)
            }
            _ => fault,
        })
    }

    /// Waits for the end of the job, and returns its number of rows, if it says one.
    async fn wait(&self, watcher: &impl JobWatcher) -> Result<Option<u64>, Fault> {
        let started = Instant::now();
        let mut schedule = PollSchedule::new(0);
        loop {
            let age = started.elapsed();
            pause(watcher, age, schedule.next_wait(age, None), Duration::MAX).await;
            let status = self.status().await?;
            let count = status.rows_processed;
            match status.end() {
                Some(JobEnd::Complete) => return Ok(count),
                Some(JobEnd::Failed { message }) => return Err(self.failed(&message)),
                Some(JobEnd::Aborted) => {
                    let text = format!("someone aborted the query job {}", self.id);
                    return Err(Fault::new(FaultKind::InvalidJobState, text));
                }
                None => {}
            }
            let longest = self.org.http.timing().longest_job;
            if started.elapsed() > longest {
                let hours = longest.as_secs() / (60 * 60);
                let text = format!("the query job {} has not ended within {hours} hours", self.id);
                return Err(Fault::new(FaultKind::StillRunning, text));
            }
            if let Some(rows) = count {
                watcher.progressed(rows);
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

    /// Aborts a job that may still run, if Salesforce can be reached.
    async fn abandon(&self, fault: &Fault) {
        if fault.kind() == FaultKind::StillRunning {
            let body = json!({"state": "Aborted"});
            self.try_to(Call::json(Method::PATCH, &["jobs", "query", &self.id], body, RetryWhen::Always)).await;
        }
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

/// The result pages of a query job.
pub(super) struct JobPages {
    job: QueryJob,
    columns: Vec<String>,
    next: Next,
    /// The header row of the pages.
    header: Option<Vec<String>>,
    /// The rows of the pages so far.
    rows: u64,
    /// The rows of all pages, as the job counts them.
    count: Option<u64>,
}

/// What names the next page.
enum Next {
    First,
    Locator(String),
    /// All pages are read. The number of their rows is checked once.
    Last,
    End,
}

/// A page with what comes after it.
struct ReadPage {
    page: HeldPage,
    header: Vec<String>,
    locator: Option<String>,
}

impl JobPages {
    /// The next page, or none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<HeldPage>, Fault> {
        let locator = match &self.next {
            Next::First => None,
            Next::Locator(locator) => Some(locator.as_str()),
            Next::Last => {
                self.check_rows(self.rows, true).await?;
                self.next = Next::End;
                return Ok(None);
            }
            Next::End => return Ok(None),
        };
        let timing = self.job.org.http.timing();
        let patience = CallPatience::Long("reading the results of a query job");
        let ReadPage { page, header, locator: next } =
            patience.run(timing, Fault::is_transient, || self.read(locator)).await?;
        if next.is_some() && next.as_deref() == locator {
            return Err(Fault::new(FaultKind::Unexpected, "a page of results names itself as the next one"));
        }
        let rows = self.rows + page.rows();
        self.check_rows(rows, false).await?;
        self.rows = rows;
        self.header = Some(header);
        self.next = next.map_or(Next::Last, Next::Locator);
        Ok(Some(page))
    }

    /// Reads a page as a whole.
    async fn read(&self, locator: Option<&str>) -> Result<ReadPage, Fault> {
        let QueryJob { org, id, requests } = &self.job;
        let rows = rows_per_page(self.columns.len());
        let mut call = Call::get_csv(&["jobs", "query", id, "results"]).query("maxRecords", rows.to_string());
        if let Some(locator) = locator {
            call = call.query("locator", locator);
        }
        let call = call.patience(CallPatience::None).counted(requests);
        let mut page =
            Page::open(&org.http, &call, self.header.as_deref()).await.map_err(|fault| match fault.kind() {
                // The job has ended, so its results are there soon.
                FaultKind::NotFound | FaultKind::InvalidJobState => fault.with_kind(FaultKind::Transient),
                _ => fault,
            })?;
        let header = page.header().to_vec();
        let places = places(&self.columns, &header)?;
        let mut held = HeldPage::new(places.len());
        while page.advance().await? {
            let row = page.row();
            if row.len() != header.len() {
                return Err(foreign("a row of a page of results does not have the columns of its header"));
            }
            if row.is_altered() {
                return Err(foreign("a page of results is not UTF-8"));
            }
            held.push(places.iter().map(|place| row.get(*place)));
        }
        if page.row_count().is_none() {
            return Err(foreign("a page of results does not say how many rows it has"));
        }
        Ok(ReadPage { page: held, header, locator: page.next_locator().map(str::to_owned) })
    }

    /// Checks the number of rows read against that of the job: it is the same at the end, and never less. The job is
    /// asked again if it is not so, and if it says that there is no row at all.
    async fn check_rows(&mut self, rows: u64, is_end: bool) -> Result<(), Fault> {
        let is_right =
            |count: Option<u64>| count.is_some_and(|count| if is_end { count == rows } else { count >= rows });
        let mut wait = self.job.org.http.timing().new_count;
        let is_proven = |count| is_right(count) && !(is_end && rows == 0);
        if is_proven(self.count) {
            return Ok(());
        }
        for question in 0..QUESTIONS {
            if question > 0 {
                sleep(wait).await;
                wait *= 2;
            }
            self.count = self.job.status().await?.rows_processed;
            if is_right(self.count) {
                return Ok(());
            }
        }
        let count = self.count.map_or("nothing of their number".to_owned(), |count| count.to_string());
        let text =
            format!("the results of the query job {} have {rows} rows, and Salesforce says {count}", self.job.id);
        Err(foreign(text))
    }

    /// Deletes the job with its results, if Salesforce can be reached.
    pub(super) async fn delete(&self) {
        self.job.try_to(Call::delete(&["jobs", "query", &self.job.id])).await;
    }
}

/// The most rows of a page.
pub(super) fn rows_per_page(columns: usize) -> usize {
    (CELLS_PER_PAGE / columns.max(1)).max(FEWEST_ROWS_PER_PAGE)
}

/// The places of the columns in a header, whose names have any case.
fn places(columns: &[String], header: &[String]) -> Result<Vec<usize>, Fault> {
    let place = |column: &String| header.iter().position(|name| name.eq_ignore_ascii_case(column));
    let places: Option<Vec<usize>> = columns.iter().map(place).collect();
    places.ok_or_else(|| foreign("a page of results does not have the columns of the query"))
}

/// A fault of an answer that may come from something else than Salesforce, or too early.
fn foreign(text: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Transient, text)
}

#[cfg(test)]
mod tests;
