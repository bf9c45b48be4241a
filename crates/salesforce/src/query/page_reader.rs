//! Reads one result page of a query job.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::held::{HeldPage, TooLarge};
use super::job::QueryJob;
use super::read_fault::{ReadFailure, ReadFault};
use super::room::{PageLease, PageSize, Room};
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, CallPatience};
use crate::results::Page;

/// What it takes to read a page of a complete job.
#[derive(Clone)]
pub(super) struct PageReader {
    pub(super) job: QueryJob,
    /// The size of the next page.
    pub(super) size: PageSize,
    /// Where pages have their memory.
    pub(super) room: Room,
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

/// What became of a page.
pub(super) enum Reading {
    Page(Box<ReadPage>),
    /// It takes more memory than there is, or has more rows than the reader takes.
    TooLarge {
        rows: u64,
        bytes: usize,
        /// Whether Salesforce has chosen the number of its rows.
        is_chosen: bool,
    },
    /// Other pages have the memory. Those whose turn it is wait for it.
    NoRoom,
}

/// A page that is asked for.
struct Asked {
    call: Call,
    has_locator: bool,
    /// The most rows that the reader asks for, or takes.
    rows: usize,
    /// Whether Salesforce is asked for so many rows. Otherwise it chooses, and more are not read.
    is_asked: bool,
}

impl PageReader {
    /// Reads a page of so many rows as the reader takes, the first one without a locator.
    pub(super) async fn read_patiently(&self, locator: Option<&str>) -> Result<Reading, ReadFault> {
        let rows = self.size.rows();
        let mut call = self.call().query("maxRecords", rows.to_string());
        if let Some(locator) = locator {
            call = call.query("locator", locator);
        }
        self.repeat(&Asked { call, has_locator: locator.is_some(), rows, is_asked: true }, None, true).await
    }

    /// Reads a page whose address Salesforce has listed, the first one without a locator. It has as many rows as Salesforce
    /// chooses. With a lease it is read ahead, and waits for no other.
    pub(super) async fn read_listed(
        &self,
        locator: Option<&str>,
        lease: Option<PageLease>,
    ) -> Result<Reading, ReadFault> {
        let mut call = self.call();
        if let Some(locator) = locator {
            call = call.query("locator", locator);
        }
        let (waits, has_locator) = (lease.is_none(), locator.is_some());
        self.repeat(&Asked { call, has_locator, rows: self.size.rows(), is_asked: false }, lease, waits).await
    }

    fn call(&self) -> Call {
        let QueryJob { id, requests, .. } = &self.job;
        Call::get_csv(&["jobs", "query", id, "results"]).patience(CallPatience::None).counted(requests)
    }

    /// Reads a page again as long as that may help: an outage ends one day, and a page that stays wrong is wrong. Each
    /// time it takes a lease before it asks, and a page that breaks off gives its lease back.
    async fn repeat(&self, asked: &Asked, lease: Option<PageLease>, waits: bool) -> Result<Reading, ReadFault> {
        let (wrong, lease) = (AtomicU32::new(0), &Mutex::new(lease));
        let attempt = || async {
            let given = lease.lock().unwrap_or_else(PoisonError::into_inner).take();
            let lease = match given {
                None if waits => Some(self.room.lease(self.size).await),
                None => self.room.try_lease(self.size),
                given => given,
            };
            let Some(lease) = lease else { return Ok(Ok(Reading::NoRoom)) };
            match self.read(asked, lease).await {
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

    /// Reads a page as a whole.
    async fn read(&self, asked: &Asked, lease: PageLease) -> Result<Reading, ReadFault> {
        use ReadFailure::{HeaderChanged, Malformed, Other, Unproven};
        let mut page = match Page::open(&self.job.org.http, &asked.call, None).await {
            Ok(page) => page,
            Err(fault) => return Err(self.refused(fault, asked.has_locator).await),
        };
        let is_chosen = page.row_count().is_some_and(|rows| rows > asked.rows as u64);
        if is_chosen && !asked.is_asked {
            return Ok(Reading::TooLarge { rows: 0, bytes: 0, is_chosen });
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
        let mut held = HeldPage::new(places.len(), lease);
        while advance(&mut page).await? {
            let row = page.row();
            if row.len() != header.len() {
                let text = "a row of a page of results does not have the columns of its header";
                return Err(ReadFault::foreign(Malformed, text));
            }
            if row.is_altered() {
                return Err(ReadFault::foreign(Malformed, "a page of results is not UTF-8"));
            }
            let cells = places.iter().map(|place| row.get(*place));
            if let Err(TooLarge { rows, bytes }) = held.push(cells, page.size()) {
                return Ok(Reading::TooLarge { rows, bytes, is_chosen });
            }
        }
        if page.row_count().is_none() {
            return Err(ReadFault::foreign(Unproven, "a page of results does not say how many rows it has"));
        }
        held.complete();
        let locator = page.next_locator().map(str::to_owned);
        Ok(Reading::Page(Box::new(ReadPage { page: held, header, locator })))
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
