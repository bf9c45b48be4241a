//! The calls of Bulk API 2.0 query (Bulk API 2.0 Developer Guide, "Query").

use axum::http::HeaderValue;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{job, plan::Plan};
use crate::{
    csv::{DELIMITERS, LineEnding},
    fault::{Effect, Truncation},
    ingest::too_early,
    org::{JobState, Org, QueryJob, QueryRequest, SharedOrg},
    reply::{ApiError, Reply, csv, empty, json as reply},
    store::id,
};

/// The rows of a page if the client names no number, as simple-salesforce has seen it.
const DEFAULT_PAGE: usize = 50_000;

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "INVALIDJOB", message)
}

fn invalid_state(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "INVALIDJOBSTATE", message)
}

/// The job with an id. Removes expired jobs first.
fn find<'a>(org: &'a mut Org, id: &str) -> Result<&'a mut QueryJob, ApiError> {
    let id = id::normalize(id).ok_or_else(ApiError::not_found)?;
    org.query_jobs.retain(|_, job| !job.is_expired());
    org.query_jobs.get_mut(&id).ok_or_else(ApiError::not_found)
}

/// Creates a job, which begins at once.
pub(crate) fn create(shared: &SharedOrg, body: &[u8], version: f64) -> Result<Reply, ApiError> {
    let mut org = shared.lock();
    let (request, plan) = read(&org, body, version)?;
    if !org.allowance.take_query_job() {
        let max = org.allowance.query_jobs_max;
        let message = format!("Max bulk v2 query jobs ({max}) per 24 hrs has been reached ({max})");
        return Err(ApiError::new(400, "EXCEEDEDQUOTA", message));
    }
    let id = id::format("750", org.next_job);
    org.next_job += 1;
    let job = QueryJob::new(id.clone(), request, org.user_id.clone());
    let shown = Value::Object(common(&job));
    org.query_jobs.insert(id[..15].to_owned(), job);
    tokio::spawn(job::run(shared.clone(), id[..15].to_owned(), plan));
    Ok(reply(200, &shown))
}

/// Reads the body of the call and checks it against the org.
fn read(org: &Org, body: &[u8], api_version: f64) -> Result<(QueryRequest, Plan), ApiError> {
    /// Any other property is an error.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Body {
        operation: Option<String>,
        query: Option<String>,
        content_type: Option<String>,
        column_delimiter: Option<String>,
        line_ending: Option<String>,
    }
    let body: Body = serde_json::from_slice(body).map_err(|error| ApiError::json_parser(&error))?;
    let finds_deleted = match body.operation.as_deref() {
        Some("query") => false,
        Some("queryAll") => true,
        other => return Err(invalid(format!("InvalidJob : '{}' is not a valid operation", other.unwrap_or_default()))),
    };
    let line_ending = LineEnding::parse(body.line_ending.as_deref().unwrap_or("LF"));
    let delimiter = body.column_delimiter.as_deref().unwrap_or("COMMA");
    let delimiter = DELIMITERS.into_iter().find(|(name, _)| *name == delimiter);
    let (Some(line_ending), Some(delimiter)) = (line_ending, delimiter) else {
        return Err(invalid("InvalidJob : lineEnding or columnDelimiter is not valid"));
    };
    if body.content_type.is_some_and(|content_type| content_type != "CSV") {
        return Err(invalid("InvalidJob : contentType must be CSV"));
    }
    let soql = body.query.unwrap_or_default();
    let plan = Plan::new(&org.tables, &soql, finds_deleted)?;
    if plan.counts() {
        return Err(ApiError::new(400, "API_ERROR", "Aggregate queries are not supported in Bulk Query"));
    }
    let object = plan.object.clone();
    if !org.tables.get(&object).is_some_and(|table| table.object.bulk) {
        let message = format!("Entity '{object}' is not supported by the Bulk API.");
        return Err(ApiError::new(400, "INVALIDENTITY", message));
    }
    Ok((QueryRequest { soql, object, finds_deleted, line_ending, delimiter, api_version }, plan))
}

/// Aborts a job that has not ended.
pub(crate) fn patch(org: &SharedOrg, id: &str, body: &[u8]) -> Result<Reply, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Patch {
        state: String,
    }
    let patch: Patch = serde_json::from_slice(body).map_err(|error| ApiError::json_parser(&error))?;
    let mut org = org.lock();
    let job = find(&mut org, id)?;
    if patch.state != "Aborted" {
        return Err(invalid_state(format!("InvalidJobState : A job cannot be set to the state '{}'", patch.state)));
    }
    if job.state.is_final() {
        return Err(invalid_state("Aborting already Completed Job not allowed"));
    }
    job.enter(JobState::Aborted);
    Ok(reply(200, &Value::Object(common(job))))
}

/// Deletes a job that has ended, with its results.
pub(crate) fn delete(org: &SharedOrg, id: &str) -> Result<Reply, ApiError> {
    let mut org = org.lock();
    let job = find(&mut org, id)?;
    if !job.state.is_final() {
        let state = job.state.as_str();
        return Err(invalid_state(format!("InvalidJobState : A job in the state {state} cannot be deleted")));
    }
    let id = job.id[..15].to_owned();
    org.query_jobs.remove(&id);
    Ok(empty(204))
}

/// Shows a job. A job that failed need not say why.
pub(crate) fn info(org: &SharedOrg, id: &str) -> Result<Reply, ApiError> {
    let mut org = org.lock();
    let nature = org.settings.nature;
    let job = find(&mut org, id)?;
    let status = job.read_status(nature);
    let mut shown = common(job);
    let mut put = |key: &str, value: Value| drop(shown.insert(key.to_owned(), value));
    put("state", json!(status.state.as_str()));
    put("jobType", json!("V2Query"));
    if let Some(rows) = status.rows {
        put("numberRecordsProcessed", json!(rows));
    }
    put("retries", json!(0));
    put("totalProcessingTime", json!(0));
    put("isPkChunkingSupported", json!(true));
    if let Some(message) = job.error_message.as_ref().filter(|_| status.state.is_final()) {
        put("errorMessage", json!(message));
    }
    Ok(reply(200, &Value::Object(shown)))
}

/// Lists the jobs of the org on one page.
pub(crate) fn list(org: &SharedOrg) -> Reply {
    let mut org = org.lock();
    org.query_jobs.retain(|_, job| !job.is_expired());
    let records: Vec<Value> = org.query_jobs.values().map(|job| Value::Object(common(job))).collect();
    reply(200, &json!({"done": true, "records": records, "nextRecordsUrl": null}))
}

/// The part that all answers share.
fn common(job: &QueryJob) -> Map<String, Value> {
    let date = |time: jiff::Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string();
    let shown = json!({
        "id": job.id,
        "operation": if job.request.finds_deleted { "queryAll" } else { "query" },
        "object": job.request.object,
        "createdById": job.created_by,
        "createdDate": date(job.created),
        "systemModstamp": date(job.modified),
        "state": job.state.as_str(),
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": job.request.api_version,
        "lineEnding": job.request.line_ending.as_str(),
        "columnDelimiter": job.request.delimiter.0,
    });
    match shown {
        Value::Object(shown) => shown,
        _ => Map::new(),
    }
}

/// Answers with a page of the results ("Get Results for a Query Job").
pub(crate) async fn results(org: &SharedOrg, id: &str, parameters: &str, version: f64) -> Result<Reply, ApiError> {
    let parameter =
        |name: &str| form_urlencoded::parse(parameters.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
    let most = match parameter("maxRecords").map(|most| most.parse::<usize>()) {
        None => DEFAULT_PAGE,
        Some(Ok(most)) if most > 0 => most,
        Some(_) => return Err(invalid("InvalidJob : maxRecords must be a positive number")),
    };
    let start = match parameter("locator") {
        None => 0,
        Some(locator) => row_of(&locator).ok_or_else(|| invalid("InvalidJob : the locator is not valid"))?,
    };
    let (page, is_cut) = {
        let mut org = org.lock();
        let (nature, seed) = (org.settings.nature, org.settings.seed);
        let job = find(&mut org, id)?;
        if version != job.request.api_version {
            return Err(ApiError::new(409, "API_ERROR", "The results have the API version of their job"));
        }
        if job.state != JobState::JobComplete {
            let state = job.state.as_str();
            return Err(invalid_state(format!("InvalidJobState : A job in the state {state} has no results")));
        }
        if job.early_readings < nature.results_lag {
            job.early_readings += 1;
            return too_early(&job.id);
        }
        let reading = *job.page_readings.entry(start).and_modify(|readings| *readings += 1).or_insert(1);
        let mut random = nature.mixes_records.then(|| fastrand::Rng::with_seed(seed ^ reading as u64));
        let most = if nature.pages_results { most.min(job.found.len().div_ceil(2).max(1)) } else { most };
        (page(job, start, most, random.as_mut()), reading <= nature.cuts_query_pages)
    };
    match is_cut {
        true => Ok(Effect::Truncated(page.1 / 2, Truncation::Chunked).change_reply(page.0).await),
        false => Ok(page.0),
    }
}

/// A page of the results of a job, with its length in bytes. `random` mixes its rows.
fn page(job: &QueryJob, start: usize, most: usize, random: Option<&mut fastrand::Rng>) -> (Reply, usize) {
    let end = job.found.len().min(start.saturating_add(most));
    let mut numbers: Vec<usize> = (start.min(end)..end).collect();
    if let Some(random) = random {
        random.shuffle(&mut numbers);
    }
    let mut text = job.found.header.clone();
    numbers.iter().for_each(|number| text.extend_from_slice(job.found.row(*number)));
    let length = text.len();
    let mut reply = csv(text);
    let locator = if end < job.found.len() { locator_of(end) } else { "null".to_owned() };
    if let Ok(locator) = HeaderValue::from_str(&locator) {
        reply.headers_mut().insert("Sforce-Locator", locator);
    }
    reply.headers_mut().insert("Sforce-NumberOfRecords", HeaderValue::from(numbers.len()));
    (reply, length)
}

/// The locator of the page that begins with a row. Its form means nothing to a client.
fn locator_of(row: usize) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("0:{row}"))
}

fn row_of(locator: &str) -> Option<usize> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(locator).ok()?).ok()?;
    text.strip_prefix("0:")?.parse().ok()
}
