//! Reads the result pages of a query job at the same time.

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde::Deserialize;

use super::job::QueryJob;
use super::page_reader::{PageReader, ReadPage};
use super::read_fault::ReadFault;
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, CallPatience};

/// Pages that are read before their turn.
///
/// No document says how large they are, nor that they are the pages that a reader sees one after another. So a page
/// counts only if the page before it names its locator; the first that does not ends the reading ahead.
pub(super) struct Ahead {
    /// The most pages that are read at the same time.
    at_once: usize,
    /// The locators of the next pages, in their order.
    locators: VecDeque<String>,
    list: List,
    /// The readings of the first of these pages.
    readings: FuturesOrdered<Reading>,
}

type Reading = Pin<Box<dyn Future<Output = Result<Option<ReadPage>, ReadFault>> + Send>>;

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
        Self { at_once, locators: VecDeque::new(), list: List::Unread, readings: FuturesOrdered::new() }
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
        // Without the header of a page there is nothing to compare others with.
        let at_once = if reader.header.is_some() { self.at_once } else { 1 };
        while self.locators.len() < at_once && self.extend(&reader.job).await? {}
        for locator in self.locators.iter().take(at_once).skip(self.readings.len()) {
            let (reader, locator) = (reader.clone(), locator.clone());
            self.readings.push_back(Box::pin(async move { reader.read_listed(&locator).await }));
        }
        let read = self.readings.next().await.unwrap_or(Ok(None));
        if !matches!(read, Ok(Some(_))) {
            // The page is read again with its next turn, and so are the others.
            self.readings.clear();
        }
        read
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
    use FaultKind::{Configuration, InvalidJobState, NotFound, Transient, Unexpected};
    matches!(fault.kind(), NotFound | InvalidJobState | Configuration | Unexpected | Transient)
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
    fn an_address_that_is_not_of_the_job_is_refused() {
        for address in [
            "https://evil.example.com/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results?locator=A",
            "//evil.example.com/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results?locator=A",
            "/services/data/v62.0/jobs/query/7503h00000CV7GqAAL/results?locator=A",
            "/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/resultPages?locator=A",
            "/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results",
            "/services/data/v62.0/jobs/query/7503h00000CV7GpAAL/results?maxRecords=1",
            "",
        ] {
            assert_eq!(locator(address, JOB, "results"), None, "{address}");
            let body = format!(r#"{{"resultPages":[{{"resultUrl":"{address}"}}],"nextRecordsUrl":null,"done":true}}"#);
            assert_eq!(read(JOB, body.as_bytes()), Ok(Part::default()), "{address}");
        }
    }
}
