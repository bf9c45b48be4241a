//! The calls of Bulk API 2.0 query (Bulk API 2.0 Developer Guide, "Query").

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{job, plan::Plan};
use crate::{
    csv::{DELIMITERS, LineEnding},
    org::{JobState, Org, QueryJob, QueryRequest, SharedOrg},
    reply::{ApiError, Reply, empty, json as reply},
    schema::FieldType,
    store::id,
};

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "INVALIDJOB", message)
}

fn invalid_state(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "INVALIDJOBSTATE", message)
}

/// The job with an id. Removes expired jobs first.
pub(super) fn find<'a>(org: &'a mut Org, id: &str) -> Result<&'a mut QueryJob, ApiError> {
    let id = id::normalize(id).ok_or_else(ApiError::not_found)?;
    org.query_jobs.retain(|_, job| !job.is_expired());
    org.query_jobs.get_mut(&id).ok_or_else(ApiError::not_found)
}

/// Creates a job, which begins at once.
pub(crate) fn create(shared: &SharedOrg, body: &[u8], version: f64) -> Result<Reply, ApiError> {
    let mut org = shared.lock();
    let request = read(&org, body, version)?;
    if !org.allowance.take_query_job() {
        let max = org.allowance.query_jobs_max;
        let message = format!("Max bulk v2 query jobs ({max}) per 24 hrs has been reached ({max})");
        return Err(ApiError::new(400, "EXCEEDEDQUOTA", message));
    }
    if org.allowance.query_kilobytes_left() == 0 {
        let max = org.allowance.query_kilobytes_max;
        let message = format!("Max bulk v2 query result size stored ({max}) kb per 24 hrs has been exceeded");
        return Err(ApiError::new(400, "EXCEEDEDQUOTA", message));
    }
    let id = id::format("750", org.next_job);
    org.next_job += 1;
    let job = QueryJob::new(id.clone(), request, org.user_id.clone());
    let shown = Value::Object(common(&job));
    org.query_jobs.insert(id[..15].to_owned(), job);
    tokio::spawn(job::run(shared.clone(), id[..15].to_owned()));
    Ok(reply(200, &shown))
}

/// Reads the body of the call and checks it against the org.
fn read(org: &Org, body: &[u8], api_version: f64) -> Result<QueryRequest, ApiError> {
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
    if plan.fields_of(FieldType::Address).next().is_some() {
        return Err(ApiError::new(400, "API_ERROR", "Selecting compound data not supported in Bulk Query"));
    }
    let object = plan.object.clone();
    if !org.tables.get(&object).is_some_and(|table| table.object.bulk) {
        let message = format!("Entity '{object}' is not supported by the Bulk API.");
        return Err(ApiError::new(400, "INVALIDENTITY", message));
    }
    Ok(QueryRequest { soql, object, finds_deleted, line_ending, delimiter, api_version })
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
