//! Queries with REST calls: an answer for each page of 2,000 records at most.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use memory::Budget;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::held::{HeldPage, TooLarge};
use super::job::QueryScope;
use super::page::{PagePoint, QueryPage};
use super::read_fault::{ReadFailure, ReadFault};
use super::rest_record::{RecordReader, WrongRecord};
use super::room::{PageSize, Room};
use super::rows::{QueryRows, Source};
use super::soql::Soql;
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, CallPatience, RequestCount};
use crate::{API_VERSION, Org};

/// How often a query is made that Salesforce gives up. It does so after two minutes, and seldom succeeds with the same
/// query later; a query job has more time.
const TIMEOUTS: u32 = 3;

/// The records of a page (REST API guide, "Query"). A query can ask for fewer, but not for less than the least ("Query
/// Options Header"). Salesforce may choose another number.
const PAGE_ROWS: usize = 2_000;
const LEAST_PAGE_ROWS: usize = 200;

/// How often a page is read whose records do not have the fields of the query.
const WRONG_PAGES: u32 = 5;

impl Org {
    /// Runs a query with REST calls (REST API guide, "Query"): one call, and one more for each further 2,000 records.
    /// The query is a part of the address, so [`Soql::in_lists`] packs what is too long for one.
    ///
    /// # Errors
    /// Salesforce refuses the query, gives it up three times (code `QUERY_TIMEOUT`), or cannot be reached for half an
    /// hour.
    pub async fn query(&self, soql: &Soql) -> Result<QueryRows, Fault> {
        self.read_query(soql, QueryScope::Live).await.map(RestPages::into_rows).map_err(ReadFault::into_fault)
    }

    /// The same with the records in the recycle bin, of which `IsDeleted` is true (REST API guide, "QueryAll").
    ///
    /// # Errors
    /// As for [`query`](Self::query).
    pub async fn query_all(&self, soql: &Soql) -> Result<QueryRows, Fault> {
        self.read_query(soql, QueryScope::WithDeleted).await.map(RestPages::into_rows).map_err(ReadFault::into_fault)
    }

    /// How many records a query finds, by one call that is not repeated: the caller does not depend on it. The call
    /// takes no record, but Salesforce can give it up where the object is large.
    ///
    /// # Errors
    /// Salesforce refuses the query or gives it up, or cannot be reached.
    pub async fn count(&self, soql: &Soql) -> Result<u64, Fault> {
        self.count_in(soql, QueryScope::Live).await
    }

    /// The same for the records of a scope.
    ///
    /// # Errors
    /// As for [`count`](Self::count).
    pub async fn count_in(&self, soql: &Soql, scope: QueryScope) -> Result<u64, Fault> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(rename = "totalSize")]
            total_size: u64,
        }
        soql.check()?;
        let call = Call::get(&[resource(scope)]).query("q", soql.counting()).patience(CallPatience::None);
        let read = |body: &[u8]| serde_json::from_slice(body).map_err(|_| "it does not count records".to_owned());
        let Body { total_size } = self.http.read(&call, read).await?;
        Ok(total_size)
    }

    /// The same for a caller that depends on it: the call is made again as long as its faults may pass, for up to half an
    /// hour.
    ///
    /// # Errors
    /// Salesforce refuses the query, gives it up three times (code `QUERY_TIMEOUT`), or cannot be reached.
    pub async fn count_patiently(&self, soql: &Soql, scope: QueryScope) -> Result<u64, Fault> {
        let patience = CallPatience::Long("counting records");
        patience.run(self.http.timing(), may_retry(), || self.count_in(soql, scope)).await
    }

    /// Runs a query with REST calls, and reads its first page. The others are read one after another.
    ///
    /// # Errors
    /// As for [`query`](Self::query).
    pub async fn read_query(&self, soql: &Soql, scope: QueryScope) -> Result<RestPages, ReadFault> {
        RestPages::start(self, soql, scope)?.with_first().await
    }

    /// The same with pages that have leases from a budget: a page is asked for once there is room for it,
    /// and one that is larger than all of the budget is read while no other page is held. `rows` is how many records a
    /// page should have at most; Salesforce takes 200 to 2,000.
    ///
    /// # Errors
    /// As for [`query`](Self::query).
    pub async fn read_query_within(
        &self,
        soql: &Soql,
        scope: QueryScope,
        rows: usize,
        budget: Arc<Budget>,
    ) -> Result<RestPages, ReadFault> {
        let mut pages = RestPages::start(self, soql, scope)?;
        pages.size = pages.size.of_rows(rows.clamp(LEAST_PAGE_ROWS, PAGE_ROWS));
        pages.within(budget).with_first().await
    }

    /// The pages of a query from a point on, which an earlier page named. A locator works for two days at most (Salesforce
    /// Help 000384958). No call is made.
    ///
    /// # Errors
    /// The locator is none.
    pub fn resume_query(&self, soql: &Soql, from: &PagePoint) -> Result<RestPages, Fault> {
        if !is_locator(&from.locator) {
            return Err(Fault::new(FaultKind::Configuration, "a locator of a query has letters, digits and hyphens"));
        }
        Ok(RestPages::new(self, soql, Next::Locator(from.locator.clone()), from.rows))
    }
}

/// The resource that runs a query.
fn resource(scope: QueryScope) -> &'static str {
    match scope {
        QueryScope::Live => "query",
        QueryScope::WithDeleted => "queryAll",
    }
}

/// The pages of a query that REST calls read, one after another.
///
/// Each is read as a whole before it is given. All of them have as many rows as each says that there are.
pub struct RestPages {
    org: Org,
    columns: Arc<[String]>,
    next: Next,
    /// The rows of the pages so far.
    rows: u64,
    /// The rows of all pages, as the first of them says.
    total: Option<u64>,
    /// Whether the pages may have fewer rows than the first of them says.
    allows_missing: bool,
    requests: RequestCount,
    size: PageSize,
    room: Room,
    /// The page that is read before its caller asks for it: a query that Salesforce refuses is not a query with rows.
    first: Option<HeldPage>,
}

/// What names the next page.
enum Next {
    /// A query, and the resource that runs it.
    Query(&'static str, String),
    Locator(String),
    End,
}

/// What an answer says.
struct Answer {
    total: u64,
    page: HeldPage,
    /// The locator of the next page, if there is one.
    locator: Option<String>,
}

impl RestPages {
    fn new(org: &Org, soql: &Soql, next: Next, rows: u64) -> Self {
        let (org, columns, requests) = (org.clone(), soql.fields().into(), RequestCount::default());
        let size = PageSize::new(PAGE_ROWS, soql.fields().len());
        let room = Room::default();
        Self { org, columns, next, rows, total: None, allows_missing: false, requests, size, room, first: None }
    }

    fn start(org: &Org, soql: &Soql, scope: QueryScope) -> Result<Self, ReadFault> {
        soql.check()?;
        soql.check_address()?;
        Ok(Self::new(org, soql, Next::Query(resource(scope), soql.to_string()), 0))
    }

    async fn with_first(mut self) -> Result<Self, ReadFault> {
        self.first = self.next_held().await?;
        Ok(self)
    }

    /// The same pages with leases from a budget.
    #[must_use]
    pub fn within(self, budget: Arc<Budget>) -> Self {
        Self { room: Room::of(budget), ..self }
    }

    fn into_rows(self) -> QueryRows {
        let (columns, requests) = (Arc::clone(&self.columns), self.requests.clone());
        QueryRows::new(Source::Rest(self), columns, requests)
    }

    /// The rows of all pages, as Salesforce counts them; none before the first page.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// The same pages for a caller that judges itself whether there are as many rows as the first page says: records can be
    /// deleted between two pages. See [`missing`](Self::missing).
    #[must_use]
    pub fn allowing_missing(self) -> Self {
        Self { allows_missing: true, ..self }
    }

    /// How many rows fewer the pages have than the first of them says. Nothing is missing before the last page.
    pub fn missing(&self) -> u64 {
        match self.next {
            Next::End => self.total.unwrap_or_default().saturating_sub(self.rows),
            _ => 0,
        }
    }

    /// The API requests made for the query so far.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// The next page, or none after the last. After a transient fault it can be called again: it goes on where it was.
    ///
    /// # Errors
    /// The page cannot be read, or there are not as many rows as Salesforce says.
    pub async fn next(&mut self) -> Result<Option<QueryPage>, ReadFault> {
        let Some(held) = self.next_held().await? else { return Ok(None) };
        let next = match &self.next {
            Next::Locator(locator) => Some(PagePoint { locator: locator.clone(), rows: self.rows }),
            _ => None,
        };
        Ok(Some(QueryPage::new(held, &self.columns, next)))
    }

    /// The rows of the next page.
    pub(super) async fn next_held(&mut self) -> Result<Option<HeldPage>, ReadFault> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let call = match &self.next {
            Next::Query(resource, soql) => Call::get(&[resource]).query("q", soql).batch_size(self.size.rows()),
            Next::Locator(locator) => Call::get(&["query", locator]),
            Next::End => return Ok(None),
        };
        let call = call.patience(CallPatience::None).counted(&self.requests).slow();
        let Answer { total, page, locator } = loop {
            match self.ask(&call).await? {
                Ok(answer) => break answer,
                // Fewer records cannot be asked for any more.
                Err(TooLarge { rows, bytes }) => self.size = self.size.smaller(rows, bytes, true),
            }
        };
        if matches!((&self.next, &locator), (Next::Locator(this), Some(next)) if this == next) {
            let fault = Fault::new(FaultKind::Unexpected, "a page of a query names itself as the next one");
            return Err(ReadFault::new(ReadFailure::Malformed, fault));
        }
        let rows = self.rows + page.rows();
        let is_end = locator.is_none();
        let expected = *self.total.get_or_insert(total);
        let is_short = is_end && rows < expected && !self.allows_missing;
        if total != expected || rows > expected || is_short {
            let text = format!("the pages of a query have {rows} rows, and Salesforce says {expected} and {total}");
            return Err(ReadFault::foreign(ReadFailure::Unproven, text));
        }
        self.rows = rows;
        if self.room.is_limited() {
            self.size = self.size.after(page.rows(), page.size(), page.unpacked()).of_rows(PAGE_ROWS);
        }
        self.next = locator.map_or(Next::End, Next::Locator);
        Ok(Some(page))
    }

    /// Makes a call, and makes it again as long as its faults may pass. Each time it takes a lease before it asks, and a
    /// page that breaks off gives its lease back.
    async fn ask(&self, call: &Call) -> Result<Result<Answer, TooLarge>, ReadFault> {
        let (wrong, timing) = (AtomicU32::new(0), self.org.http.timing());
        let attempt = || async {
            match self.read(call).await {
                Err(fault) if fault.reason() == ReadFailure::Malformed => {
                    let is_enough = wrong.fetch_add(1, Ordering::Relaxed) + 1 >= WRONG_PAGES;
                    if is_enough { Ok(Err(fault)) } else { Err(fault.into_fault()) }
                }
                Err(fault) => Err(fault.into_fault()),
                Ok(answer) => Ok(Ok(answer)),
            }
        };
        let patience = CallPatience::Long("reading records by a query");
        patience.run(timing, may_retry(), attempt).await.map_err(|fault| {
            let reason = if is_expired(&fault) { ReadFailure::LocatorExpired } else { ReadFailure::Other };
            ReadFault::new(reason, fault)
        })?
    }

    /// Makes a call once, and reads its answer as it arrives. A fault names no value of a record.
    async fn read(&self, call: &Call) -> Result<Result<Answer, TooLarge>, ReadFault> {
        let mut page = HeldPage::new(self.columns.len(), self.room.lease(self.size).await);
        let mut reader = RecordReader::new(&self.columns);
        let mut end = None;
        let found = |record: &[u8], held: usize| {
            let beside = held + reader.size();
            let pushed = match reader.read(record) {
                Ok(cells) => page.push(cells.iter().map(String::as_str), beside).map_err(End::TooLarge),
                Err(wrong) => Err(End::Wrong(wrong)),
            };
            match pushed {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => {
                    end = Some(why);
                    ControlFlow::Break(())
                }
            }
        };
        let frame = self.org.http.elements(call, found).await?;
        let foreign = |text: &str| ReadFault::from(Fault::new(FaultKind::Transient, text));
        match end {
            None => {}
            Some(End::TooLarge(too_large)) => return Ok(Err(too_large)),
            Some(End::Wrong(WrongRecord::NoJson)) => return Err(foreign("a record of a query is no JSON")),
            Some(End::Wrong(WrongRecord::OtherFields)) => {
                let text = "a record does not have the fields as the query asks for them";
                return Err(ReadFault::foreign(ReadFailure::Malformed, text));
            }
        }
        let (total, locator) = frame_of(&frame.unwrap_or_default()).map_err(|text| foreign(&text))?;
        page.complete();
        Ok(Ok(Answer { total, page, locator }))
    }
}

/// What ends the reading of an answer.
enum End {
    TooLarge(TooLarge),
    Wrong(WrongRecord),
}

/// Says after each fault of a query whether the query is made again.
fn may_retry() -> impl Fn(&Fault) -> bool {
    let timeouts = AtomicU32::new(0);
    move |fault| {
        if fault.code() == Some("QUERY_TIMEOUT") {
            timeouts.fetch_add(1, Ordering::Relaxed);
        }
        fault.is_transient() && !is_expired(fault) && timeouts.load(Ordering::Relaxed) < TIMEOUTS
    }
}

/// Whether Salesforce no longer knows the page that a locator names.
fn is_expired(fault: &Fault) -> bool {
    fault.code() == Some("INVALID_QUERY_LOCATOR")
}

/// Reads what is around the records of an answer: how many there are on all pages, and the locator of the next one.
fn frame_of(frame: &[u8]) -> Result<(u64, Option<String>), String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Frame {
        total_size: u64,
        done: bool,
        next_records_url: Option<String>,
        /// Those that are objects are read already.
        records: Vec<IgnoredAny>,
    }
    let frame = serde_json::from_slice(frame).ok().filter(|frame: &Frame| frame.records.is_empty());
    let frame = frame.ok_or("it is no page of a query")?;
    let locator = frame.next_records_url.as_deref().map(locator).transpose()?;
    if frame.done == locator.is_some() {
        return Err("it does not say whether there is a next page".to_owned());
    }
    Ok((frame.total_size, locator))
}

/// The locator in the address of the next page. The address must be that of a page of a query at the same instance:
/// only the locator is used of it, so the token goes nowhere else.
fn locator(address: &str) -> Result<String, String> {
    let locator = address.strip_prefix("/services/data/v").and_then(|rest| rest.strip_prefix(API_VERSION));
    let locator = locator.and_then(|rest| rest.strip_prefix("/query/"));
    let locator =
        locator.filter(|text| is_locator(text)).ok_or("the address of the next page is not one of a query")?;
    Ok(locator.to_owned())
}

fn is_locator(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests;
