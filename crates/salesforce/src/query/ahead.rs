//! Reads the result pages of a query job at the same time.

use std::collections::VecDeque;

use serde::Deserialize;
use tokio::task::JoinHandle;

use super::job::QueryJob;
use super::page_reader::{PageReader, ReadPage, Reading};
use super::read_fault::ReadFault;
use super::room::PageLease;
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, CallPatience};

/// Pages that are read before their turn.
///
/// Each is read by a task, so that it arrives while the page before it is used. A page is read ahead if there is room for
/// it; only the page whose turn it is waits.
///
/// No document says how large they are, nor that they are the pages that a reader sees one after another. So a page
/// counts only if the page before it names its locator; the first that does not ends the reading ahead. No page names the
/// first one, so it is read without a locator.
pub(super) struct Ahead {
    /// The most pages that are read at the same time.
    at_once: usize,
    /// The locators of the next pages, in their order.
    locators: VecDeque<String>,
    list: List,
    /// The readings of the first of these pages.
    readings: VecDeque<Task>,
    /// The rows of the last page. Salesforce makes the others alike.
    rows: Option<u64>,
}

/// The reading of a page, which goes on while the reader does other things. It ends when it is dropped.
struct Task(JoinHandle<Result<Reading, ReadFault>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Task {
    fn new(reader: &PageReader, locator: Option<&str>, lease: PageLease) -> Self {
        let (reader, locator) = (reader.clone(), locator.map(str::to_owned));
        Self(tokio::spawn(async move { reader.read_listed(locator.as_deref(), Some(lease)).await }))
    }
}

/// The rest of the list of addresses.
enum List {
    Unread,
    /// It goes on after this locator.
    After(String),
    Read,
}

/// A part of the list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    locators: Vec<String>,
    next: Option<String>,
}

impl Ahead {
    pub(super) fn new(at_once: usize) -> Self {
        Self { at_once, locators: VecDeque::new(), list: List::Unread, readings: VecDeque::new(), rows: None }
    }

    /// Reads the page with a locator, or the first one, and those after it. None if it is not listed, or larger than the
    /// reader takes.
    pub(super) async fn read(
        &mut self,
        reader: &PageReader,
        locator: Option<&str>,
    ) -> Result<Option<ReadPage>, ReadFault> {
        let is_listed = match locator {
            Some(locator) => self.seek(&reader.job, locator).await?,
            None => !self.locators.is_empty() || self.extend(&reader.job).await?,
        };
        if !is_listed {
            return Ok(None);
        }
        let size = reader.size.with_left(self.rows);
        let reader = &PageReader { size, ..reader.clone() };
        // Without the header of a page there is nothing to compare others with.
        let at_once = if reader.header.is_some() { self.at_once } else { 1 };
        while self.locators.len() < at_once && self.extend(&reader.job).await? {}
        if self.readings.is_empty() {
            // Who waits holds nothing: pages that wait for one another's memory would wait for ever.
            let lease = reader.room.lease(reader.size).await;
            self.readings.push_back(Task::new(reader, locator, lease));
        }
        for next in self.locators.iter().take(at_once).skip(self.readings.len()) {
            let Some(lease) = reader.room.try_lease(reader.size) else { break };
            self.readings.push_back(Task::new(reader, Some(next), lease));
        }
        let read = match self.readings.front_mut() {
            Some(Task(reading)) => reading.await,
            None => return Ok(None),
        };
        self.readings.pop_front();
        let read = match read {
            Ok(Ok(Reading::NoRoom)) => {
                self.readings.clear();
                reader.read_listed(locator, None).await
            }
            Ok(read) => read,
            Err(error) => {
                Err(Fault::new(FaultKind::Unexpected, format!("a page was not read to its end: {error}")).into())
            }
        };
        match read {
            Ok(Reading::Page(page)) => {
                self.rows = Some(page.page.rows());
                Ok(Some(*page))
            }
            // The page is read again with its next turn, and so are the others.
            other => {
                self.readings.clear();
                other.map(|_| None)
            }
        }
    }

    /// Whether the page that is listed after the one that was read is the one that the page itself names.
    pub(super) async fn goes_on(&mut self, job: &QueryJob, named: Option<&str>) -> Result<bool, ReadFault> {
        self.locators.pop_front();
        if self.locators.is_empty() {
            self.extend(job).await?;
        }
        Ok(self.locators.front().map(String::as_str) == named)
    }

    /// Drops what is listed before a locator. Returns whether the locator is listed.
    async fn seek(&mut self, job: &QueryJob, locator: &str) -> Result<bool, ReadFault> {
        loop {
            while let Some(first) = self.locators.front() {
                if first == locator {
                    return Ok(true);
                }
                self.locators.pop_front();
            }
            if !self.extend(job).await? {
                return Ok(false);
            }
        }
    }

    /// Reads the next part of the list, if there is one.
    async fn extend(&mut self, job: &QueryJob) -> Result<bool, ReadFault> {
        let mut call = Call::get(&["jobs", "query", &job.id, "resultPages"]);
        match &self.list {
            List::Unread => {}
            List::After(locator) => call = call.query("locator", locator),
            List::Read => return Ok(false),
        }
        let call = call.patience(CallPatience::Brief).counted(&job.requests);
        let part = match job.org.http.read(&call, |body| read(&job.id, body)).await {
            Ok(part) => part,
            // What cannot be listed can still be read page by page.
            Err(fault) if is_about_the_list(&fault) => Part::default(),
            Err(fault) => return Err(fault.into()),
        };
        let is_stuck = matches!((&self.list, &part.next), (List::After(this), Some(next)) if this == next);
        self.list = part.next.filter(|_| !is_stuck).map_or(List::Read, List::After);
        let has_more = !part.locators.is_empty();
        self.locators.extend(part.locators);
        Ok(has_more)
    }
}

/// Whether Salesforce refuses the list or does not give it, and may still give the pages.
fn is_about_the_list(fault: &Fault) -> bool {
    use FaultKind::{Configuration, InvalidJobState, NotFound, Permission, Transient, Unexpected};
    matches!(fault.kind(), NotFound | InvalidJobState | Configuration | Permission | Unexpected | Transient)
}

/// Reads a part of the list. With an address of another job, or at another host, there is none.
fn read(job: &str, body: &[u8]) -> Result<Part, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        result_pages: Vec<Address>,
        // The page that documents the list has both names.
        #[serde(alias = "nextRecordUrl")]
        next_records_url: Option<String>,
        done: bool,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Address {
        result_url: String,
    }
    let body: Body = serde_json::from_slice(body).map_err(|_| "it is no list of result pages".to_owned())?;
    let locators = body.result_pages.iter().map(|address| locator(&address.result_url, job, "results"));
    let next = body.next_records_url.filter(|_| !body.done).map(|next| locator(&next, job, "resultPages"));
    let part = || {
        Some(Part { locators: locators.collect::<Option<_>>()?, next: next.map_or(Some(None), |next| next.map(Some))? })
    };
    Ok(part().unwrap_or_default())
}

/// The locator in an address. Only the locator is used of it, so the token goes nowhere else.
fn locator(address: &str, job: &str, resource: &str) -> Option<String> {
    let (path, query) = address.split_once('?')?;
    let is_of_job = path.starts_with("/services/data/v")
        && path.ends_with(&format!("/{resource}"))
        && job.get(..15).is_some_and(|job| path.contains(&format!("/jobs/query/{job}")));
    let locator = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "locator");
    locator.filter(|_| is_of_job).map(|(_, locator)| locator.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "7503h00000CV7GpAAL";

    #[test]
    fn a_list_of_pages_is_read() {
        let page = |locator: &str| {
            format!(r#"{{"resultUrl":"/services/data/v62.0/jobs/query/{JOB}/results?locator={locator}"}}"#)
        };
        let next = format!("/services/data/v62.0/jobs/query/{JOB}/resultPages?locator=C");
        let body =
            format!(r#"{{"resultPages":[{},{}],"nextRecordsUrl":"{next}","done":false}}"#, page("A"), page("B%3D"));
        let part = read(JOB, body.as_bytes()).unwrap();
        let locators = ["A", "B="].map(str::to_owned).to_vec();
        assert_eq!(part, Part { locators, next: Some("C".to_owned()) });
        for last in [body.replace("false", "true"), body.replace(&format!("\"{next}\""), "null")] {
            assert_eq!(read(JOB, last.as_bytes()).unwrap().next, None);
        }
    }

    #[test]
    fn without_the_list_pages_are_read_unless_a_limit_or_the_sign_in_is_in_the_way() {
        use crate::fault::Limit;
        for (kind, expected) in [
            (FaultKind::NotFound, true),
            (FaultKind::InvalidJobState, true),
            (FaultKind::Configuration, true),
            (FaultKind::Permission, true),
            (FaultKind::Unexpected, true),
            (FaultKind::Transient, true),
            (FaultKind::SignIn, false),
            (FaultKind::StillRunning, false),
            (FaultKind::LimitReached(Limit::DailyRequests), false),
            (FaultKind::LimitReached(Limit::ConcurrentRequests), false),
        ] {
            assert_eq!(is_about_the_list(&Fault::new(kind, "m")), expected, "{kind:?}");
        }
    }

    #[test]
    fn an_address_that_is_not_of_the_job_is_refused() {
        for address in [
            "https://evil.example.com/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results?locator=A",
            "//evil.example.com/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results?locator=A",
            "/services/data/v62.0/jobs/query/7503h00000CV7GqAAL/results?locator=A",
            "/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/resultPages?locator=A",
            "/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results",
            "/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results?maxRecords=1",
            "/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results/x?locator=A",
            "/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/xresults?locator=A",
            "/services/data/v62.0/jobs/ingest/7503h00000CV7GpAAL/results?locator=A",
            "/services/apexrest/jobs/query/7503h00000CV7GpAAL/results?locator=A",
            "/x/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results?locator=A",
            "",
        ] {
            assert_eq!(locator(address, JOB, "results"), None, "{address}");
            let body = format!(r#"{{"resultPages":[{{"resultUrl":"{address}"}}],"nextRecordsUrl":null,"done":true}}"#);
            assert_eq!(read(JOB, body.as_bytes()), Ok(Part::default()), "{address}");
        }
    }
}
