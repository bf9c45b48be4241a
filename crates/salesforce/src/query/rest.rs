//! Queries with REST calls: an answer for each page of 2,000 records at most.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::held::HeldPage;
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
        self.query_of("query", soql).await
    }

    /// The same with the records in the recycle bin, of which `IsDeleted` is true (REST API guide, "QueryAll").
    ///
    /// # Errors
    /// As for [`query`](Self::query).
    pub async fn query_all(&self, soql: &Soql) -> Result<QueryRows, Fault> {
        self.query_of("queryAll", soql).await
    }

    /// How many records a query finds, by one call that is not repeated: the caller does not depend on it. The call
    /// takes no record, but Salesforce can give it up where the object is large.
    ///
    /// # Errors
    /// Salesforce refuses the query or gives it up, or cannot be reached.
    pub async fn count(&self, soql: &Soql) -> Result<u64, Fault> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(rename = "totalSize")]
            total_size: u64,
        }
        soql.check()?;
        let call = Call::get(&["query"]).query("q", soql.counting()).patience(CallPatience::None);
        let read = |body: &[u8]| serde_json::from_slice(body).map_err(|_| "it does not count records".to_owned());
        let Body { total_size } = self.http.read(&call, read).await?;
        Ok(total_size)
    }

    async fn query_of(&self, resource: &'static str, soql: &Soql) -> Result<QueryRows, Fault> {
        soql.check()?;
        soql.check_address()?;
        let requests = RequestCount::default();
        let columns = soql.fields().to_vec();
        let mut pages = RestPages {
            org: self.clone(),
            columns: columns.clone(),
            next: Next::Query(resource, soql.to_string()),
            rows: 0,
            total: None,
            requests: requests.clone(),
            first: None,
        };
        pages.first = pages.next().await?;
        Ok(QueryRows::new(Source::Rest(pages), columns, requests))
    }
}

/// The pages of a query.
pub(super) struct RestPages {
    org: Org,
    columns: Vec<String>,
    next: Next,
    /// The rows of the pages so far.
    rows: u64,
    /// The rows of all pages, as the first of them says.
    total: Option<u64>,
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
    /// The next page, or none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<HeldPage>, Fault> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let call = match &self.next {
            Next::Query(resource, soql) => Call::get(&[resource]).query("q", soql),
            Next::Locator(locator) => Call::get(&["query", locator]),
            Next::End => return Ok(None),
        };
        let call = call.patience(CallPatience::None).counted(&self.requests).slow();
        let Answer { total, page, locator } = self.ask(&call).await?;
        if matches!((&self.next, &locator), (Next::Locator(this), Some(next)) if this == next) {
            return Err(Fault::new(FaultKind::Unexpected, "a page of a query names itself as the next one"));
        }
        let rows = self.rows + page.rows();
        let is_end = locator.is_none();
        let expected = *self.total.get_or_insert(total);
        if total != expected || rows > expected || (is_end && rows < expected) {
            let text = format!("the pages of a query have {rows} rows, and Salesforce says {expected} and {total}");
            return Err(Fault::new(FaultKind::Transient, text));
        }
        self.rows = rows;
        self.next = locator.map_or(Next::End, Next::Locator);
        Ok(Some(page))
    }
}

impl RestPages {
    /// Makes a call, and makes it again as long as its faults may pass.
    async fn ask(&self, call: &Call) -> Result<Answer, Fault> {
        let http = &self.org.http;
        let timeouts = AtomicU32::new(0);
        let may_retry = |fault: &Fault| {
            if fault.code() == Some("QUERY_TIMEOUT") {
                timeouts.fetch_add(1, Ordering::Relaxed);
            }
            fault.is_transient() && timeouts.load(Ordering::Relaxed) < TIMEOUTS
        };
        let patience = CallPatience::Long("reading records by a query");
        patience.run(http.timing(), may_retry, || http.read(call, |body| read(body, &self.columns))).await
    }
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
    let is_locator = |text: &&str| {
        text.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let locator = locator.filter(is_locator).ok_or("the address of the next page is not one of a query")?;
    Ok(locator.to_owned())
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
