//! Reads one result page of a query job.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::held::HeldPage;
use super::job::QueryJob;
use super::read_fault::{ReadFailure, ReadFault};
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, CallPatience};
use crate::results::Page;

/// What it takes to read a page of a complete job.
#[derive(Clone)]
pub(super) struct PageReader {
    pub(super) job: QueryJob,
    pub(super) rows_per_page: usize,
    /// How often a wrong page is read before it stays wrong.
    pub(super) wrong_pages: u32,
    /// The header row of the pages; none before the first.
    pub(super) header: Option<Arc<[String]>>,
}

/// A page with what comes after it.
pub(super) struct ReadPage {
    pub(super) page: HeldPage,
    pub(super) header: Arc<[String]>,
    pub(super) locator: Option<String>,
}

impl PageReader {
    /// Reads a page of so many rows as the reader takes, the first one without a locator.
    pub(super) async fn read_patiently(&self, locator: Option<&str>) -> Result<ReadPage, ReadFault> {
        let mut call = self.call().query("maxRecords", self.rows_per_page.to_string());
        if let Some(locator) = locator {
            call = call.query("locator", locator);
        }
        let read = self.repeat(&call, locator.is_some(), None).await?;
        read.ok_or_else(|| ReadFault::foreign(ReadFailure::Other, "a page of results is too large"))
    }

    /// Reads a page whose address Salesforce has listed, and which has as many rows as Salesforce chooses. None if it is
    /// larger than the reader takes.
    pub(super) async fn read_listed(&self, locator: &str) -> Result<Option<ReadPage>, ReadFault> {
        let call = self.call().query("locator", locator);
        self.repeat(&call, true, Some(self.rows_per_page)).await
    }

    fn call(&self) -> Call {
        let QueryJob { id, requests, .. } = &self.job;
        Call::get_csv(&["jobs", "query", id, "results"]).patience(CallPatience::None).counted(requests)
    }

    /// Reads a page again as long as that may help: an outage ends one day, and a page that stays wrong is wrong.
    async fn repeat(&self, call: &Call, has_locator: bool, most: Option<usize>) -> Result<Option<ReadPage>, ReadFault> {
        let wrong = AtomicU32::new(0);
        let attempt = || async {
            match self.read(call, has_locator, most).await {
                Err(fault) if fault.is_wrong_if_it_stays() && fault.fault().is_transient() => {
                    let is_enough = wrong.fetch_add(1, Ordering::Relaxed) + 1 >= self.wrong_pages;
                    if is_enough { Ok(Err(fault)) } else { Err(fault.into_fault()) }
                }
                Err(fault) if fault.reason() == ReadFailure::Other => Err(fault.into_fault()),
                result => Ok(result),
            }
        };
        let patience = CallPatience::Long("reading the results of a query job");
        patience.run(self.job.org.http.timing(), Fault::is_transient, attempt).await?
    }

    /// Reads a page as a whole. None if it has more than `most` rows.
    async fn read(&self, call: &Call, has_locator: bool, most: Option<usize>) -> Result<Option<ReadPage>, ReadFault> {
        use ReadFailure::{HeaderChanged, Malformed, Other, Unproven};
        let mut page = match Page::open(&self.job.org.http, call, None).await {
            Ok(page) => page,
            Err(fault) => return Err(self.refused(fault, has_locator).await),
        };
        if most.zip(page.row_count()).is_some_and(|(most, rows)| rows > most as u64) {
            return Ok(None);
        }
        let header: Arc<[String]> = page.header().into();
        // What does not say how many rows it has may be anything, such as a page of a proxy.
        let of_header = if page.row_count().is_some() { HeaderChanged } else { Other };
        if self.header.as_ref().is_some_and(|before| *before != header) {
            let text = "a page of results does not begin with the header of the page before";
            return Err(ReadFault::foreign(of_header, text));
        }
        let Some(places) = places(&self.job.columns, &header) else {
            return Err(ReadFault::foreign(of_header, "a page of results does not have the columns of the query"));
        };
        let mut held = HeldPage::new(places.len());
        while advance(&mut page).await? {
            let row = page.row();
            if row.len() != header.len() {
                let text = "a row of a page of results does not have the columns of its header";
                return Err(ReadFault::foreign(Malformed, text));
            }
            if row.is_altered() {
                return Err(ReadFault::foreign(Malformed, "a page of results is not UTF-8"));
            }
            held.push(places.iter().map(|place| row.get(*place)));
        }
        if page.row_count().is_none() {
            return Err(ReadFault::foreign(Unproven, "a page of results does not say how many rows it has"));
        }
        Ok(Some(ReadPage { page: held, header, locator: page.next_locator().map(str::to_owned) }))
    }

    /// Why Salesforce refuses a page: the job says.
    async fn refused(&self, fault: Fault, has_locator: bool) -> ReadFault {
        use FaultKind::{Configuration, InvalidJobState, NotFound, Unexpected};
        if fault.status() == Some(409) {
            return ReadFault::new(ReadFailure::OtherVersion, fault);
        }
        let is_expired = fault.code() == Some("INVALID_QUERY_LOCATOR");
        if !is_expired && !matches!(fault.kind(), NotFound | InvalidJobState | Configuration | Unexpected) {
            return fault.into();
        }
        let is_complete = match self.job.status().await.and_then(|status| self.job.is_complete(status)) {
            Ok(is_complete) => is_complete,
            Err(fault) => return fault,
        };
        match (fault.kind(), has_locator) {
            // The job is complete, so its first page is there soon.
            (NotFound | InvalidJobState, false) => fault.with_kind(FaultKind::Transient).into(),
            (NotFound | InvalidJobState, true) => {
                let reason = if is_complete { ReadFailure::LocatorExpired } else { ReadFailure::Other };
                ReadFault::new(reason, fault.with_kind(FaultKind::Transient))
            }
            (_, true) if is_complete => ReadFault::new(ReadFailure::LocatorExpired, fault.with_kind(Unexpected)),
            _ => fault.into(),
        }
    }
}

/// Reads the next row. A page that ends as it should and has another number of rows than it says is not proven.
async fn advance(page: &mut Page) -> Result<bool, ReadFault> {
    page.advance().await.map_err(|fault| {
        let reason = if page.is_miscounted() { ReadFailure::Unproven } else { ReadFailure::Other };
        ReadFault::new(reason, fault)
    })
}

/// The places of the columns in a header, whose names have any case.
fn places(columns: &Arc<[String]>, header: &[String]) -> Option<Vec<usize>> {
    let place = |column: &String| header.iter().position(|name| name.eq_ignore_ascii_case(column));
    columns.iter().map(place).collect()
}
