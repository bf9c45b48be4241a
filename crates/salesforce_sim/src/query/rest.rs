//! `GET .../query?q=...` and its further pages (REST API Developer Guide, "Query" and "Query More Results").

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::plan::{Cursor, Plan};
use crate::{headers, org::Org, reply::ApiError};

/// The records on a page that a client can ask for (REST API Developer Guide, "Query Options Header").
const BATCH_SIZES: (usize, usize) = (200, 2_000);

/// How long a locator works (Salesforce Help 000384958).
const LIFETIME: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// The number of records on a page that a call asks for. That a number out of range is cut is a guess.
pub(crate) fn batch_size(headers: &HeaderMap) -> Option<usize> {
    let options = headers::value(headers, HeaderName::from_static("sforce-query-options"))?;
    let size = options.split(',').find_map(|option| option.trim().strip_prefix("batchSize=")?.trim().parse().ok())?;
    Some(usize::clamp(size, BATCH_SIZES.0, BATCH_SIZES.1))
}

/// Answers a query with the first page of its records. `finds_deleted` is what `queryAll` adds.
pub(crate) fn query(
    org: &mut Org,
    parameters: &str,
    base: &str,
    finds_deleted: bool,
    batch_size: Option<usize>,
) -> Result<Value, ApiError> {
    let soql = form_urlencoded::parse(parameters.as_bytes()).find(|(key, _)| key == "q").map(|(_, soql)| soql);
    let plan = Plan::new(&org.tables, &soql.unwrap_or_default(), finds_deleted)?;
    let records = plan.run(&org.tables);
    if plan.counts() {
        let size = records.len() * org.settings.query_repeats;
        return Ok(json!({"totalSize": size, "done": true, "records": []}));
    }
    let mut records = records.repeat(org.settings.query_repeats);
    if org.settings.nature.mixes_records && !plan.is_ordered() {
        fastrand::Rng::with_seed(org.settings.seed).shuffle(&mut records);
    }
    let most = org.settings.query_page.min(batch_size.unwrap_or(usize::MAX));
    let cursor = Cursor { plan, records, most, found: Instant::now() };
    let page = page(org, &cursor, 0, &cursor_id(org.next_cursor), base);
    if page["done"] == false {
        org.cursors.insert(cursor_id(org.next_cursor), cursor);
        org.next_cursor += 1;
    }
    Ok(page)
}

/// Answers with the page that a locator names.
pub(crate) fn more(org: &Org, locator: &str, base: &str) -> Result<Value, ApiError> {
    let named = locator.rsplit_once('-').and_then(|(id, start)| Some((org.cursors.get(id)?, id, start.parse().ok()?)));
    match named {
        Some((cursor, id, start)) if start < cursor.records.len() && cursor.found.elapsed() < LIFETIME => {
            Ok(page(org, cursor, start, id, base))
        }
        _ => Err(ApiError::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator")),
    }
}

fn page(org: &Org, cursor: &Cursor, start: usize, id: &str, base: &str) -> Value {
    let Cursor { plan, records, most, .. } = cursor;
    let end = records.len().min(start + most);
    let shown: Vec<Value> = records[start..end].iter().map(|record| plan.json(&org.tables, *record, base)).collect();
    let mut page = json!({"totalSize": records.len(), "done": end == records.len(), "records": shown});
    if end < records.len() {
        page["nextRecordsUrl"] = json!(format!("{base}/query/{id}-{end}"));
    }
    page
}

fn cursor_id(number: usize) -> String {
    crate::store::id::format("0r8", number)
}
