//! Queries with REST calls: an answer for each page of 2,000 records at most.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::held::HeldPage;
use super::job::QueryScope;
use super::page::{PagePoint, QueryPage};
use super::read_fault::{ReadFailure, ReadFault};
use super::rows::{QueryRows, Source};
use super::soql::Soql;
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, CallPatience, RequestCount};
use crate::{API_VERSION, Org};

/// How often a query is made that Salesforce gives up. It does so after two minutes, and seldom succeeds with the same
/// query later; a query job has more time.
const TIMEOUTS: u32 = 3;

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
        soql.check()?;
        soql.check_address()?;
        let mut pages = RestPages::new(self, soql, Next::Query(resource(scope), soql.to_string()), 0);
        let first = pages.next_held().await?;
        pages.first = first;
        Ok(pages)
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
        Self { org, columns, next, rows, total: None, allows_missing: false, requests, first: None }
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
            Next::Query(resource, soql) => Call::get(&[resource]).query("q", soql),
            Next::Locator(locator) => Call::get(&["query", locator]),
            Next::End => return Ok(None),
        };
        let call = call.patience(CallPatience::None).counted(&self.requests).slow();
        let Answer { total, page, locator } = self.ask(&call).await.map_err(|fault| {
            let reason = if is_expired(&fault) { ReadFailure::LocatorExpired } else { ReadFailure::Other };
            ReadFault::new(reason, fault)
        })?;
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
        self.next = locator.map_or(Next::End, Next::Locator);
        Ok(Some(page))
    }

    /// Makes a call, and makes it again as long as its faults may pass.
    async fn ask(&self, call: &Call) -> Result<Answer, Fault> {
        let http = &self.org.http;
        let patience = CallPatience::Long("reading records by a query");
        patience.run(http.timing(), may_retry(), || http.read(call, |body| read(body, &self.columns))).await
    }
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

/// Reads an answer. An error names no value of a record.
fn read(body: &[u8], columns: &[String]) -> Result<Answer, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        total_size: u64,
        done: bool,
        next_records_url: Option<String>,
        #[serde(borrow)]
        records: Vec<BTreeMap<String, &'a RawValue>>,
    }
    let body: Body = serde_json::from_slice(body).map_err(|_| "it is no page of a query".to_owned())?;
    let locator = body.next_records_url.as_deref().map(locator).transpose()?;
    if body.done == locator.is_some() {
        return Err("it does not say whether there is a next page".to_owned());
    }
    let mut page = HeldPage::new(columns.len());
    for record in &body.records {
        let cells: Vec<String> = columns.iter().map(|column| cell(record, column)).collect::<Result<_, _>>()?;
        page.push(cells.iter().map(String::as_str));
    }
    Ok(Answer { total: body.total_size, page, locator })
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

/// The text of the value at a path; empty for null. Salesforce names every selected field in every record, and shows a
/// missing parent as null.
fn cell(record: &BTreeMap<String, &RawValue>, path: &str) -> Result<String, String> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let value = record.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.get());
    let wrong = || format!("a record does not have the field {name} as the query asks for it");
    match (value.ok_or_else(wrong)?, rest) {
        ("null", _) => Ok(String::new()),
        (parent, Some(rest)) => {
            let parent: BTreeMap<String, &RawValue> = serde_json::from_str(parent).map_err(|_| wrong())?;
            cell(&parent, rest)
        }
        (text, None) if text.starts_with('"') => serde_json::from_str(text).map_err(|_| wrong()),
        (text, None) if text.starts_with(['{', '[']) => Err(wrong()),
        (text, None) => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests;
