//! The calls of Bulk API 2.0 ingest.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    job_json, multipart, new_job, processing,
    results::{Page, ResultRows, ResultSet},
};
use crate::{
    fault::Answer,
    headers,
    org::{Job, JobState, Org, SharedOrg},
    reply::{ApiError, Reply, csv, empty, json as reply},
    store::id,
};

/// The most characters of a multipart call (Bulk API 2.0, "Create a Multipart Request").
const MAX_MULTIPART: usize = 100_000;

fn content_type(headers: &HeaderMap) -> &str {
    headers::value(headers, header::CONTENT_TYPE).unwrap_or_default()
}

fn wrong_media_type() -> ApiError {
    let message = "The entity in the request is in a format that is not supported by the requested method";
    ApiError::new(415, "UNSUPPORTED_MEDIA_TYPE", message)
}

/// The job with an id. Removes expired jobs first.
fn find<'a>(org: &'a mut Org, id: &str) -> Result<&'a mut Job, ApiError> {
    let id = id::normalize(id).ok_or_else(ApiError::not_found)?;
    org.jobs.retain(|_, job| !job.is_expired());
    org.jobs.get_mut(&id).ok_or_else(ApiError::not_found)
}

fn invalid_state(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "INVALIDJOBSTATE", message)
}

/// Creates a job, with its data if the call is multipart.
pub(crate) fn create(org: &SharedOrg, headers: &HeaderMap, body: &[u8], version: f64) -> Result<Reply, ApiError> {
    let content_type = content_type(headers);
    if let Some(boundary) = multipart::boundary(content_type) {
        if body.len() > MAX_MULTIPART {
            let message = format!("ClientInputError : A multipart request has at most {MAX_MULTIPART} characters");
            return Err(ApiError::new(400, "CLIENTINPUTERROR", message));
        }
        let parts = multipart::parts(body, boundary).ok_or_else(|| {
            ApiError::new(400, "CLIENTINPUTERROR", "ClientInputError : The parts job and content are missing")
        })?;
        let id = open(&mut org.lock(), parts.job, version)?;
        let mut locked = org.lock();
        let job = find(&mut locked, &id)?;
        job.upload = Some(Bytes::copy_from_slice(parts.content));
        job.enter(JobState::UploadComplete);
        let shown = job_json::created(job);
        start(org, id);
        return Ok(reply(200, &shown));
    }
    if !content_type.starts_with("application/json") {
        return Err(wrong_media_type());
    }
    let mut org = org.lock();
    let id = open(&mut org, body, version)?;
    Ok(reply(200, &job_json::created(find(&mut org, &id)?)))
}

/// Creates an open job and returns the first 15 characters of its id.
fn open(org: &mut Org, body: &[u8], version: f64) -> Result<String, ApiError> {
    let request = new_job::read(body, org, version)?;
    let full = id::format("750", org.next_job);
    org.next_job += 1;
    let id = full[..15].to_owned();
    org.jobs.insert(id.clone(), Job::new(full, request, org.user_id.clone()));
    Ok(id)
}

fn start(org: &SharedOrg, id: String) {
    tokio::spawn(processing::run(org.clone(), id));
}

/// Takes the data of a job. A second upload is an error.
pub(crate) fn upload(org: &SharedOrg, id: &str, headers: &HeaderMap, body: Bytes) -> Result<Reply, ApiError> {
    let is_plain = headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
    if !content_type(headers).starts_with("text/csv") || !is_plain {
        return Err(wrong_media_type());
    }
    let mut org = org.lock();
    let max = org.settings.max_upload_bytes;
    let job = find(&mut org, id)?;
    if job.state != JobState::Open {
        let state = job.state.as_str();
        return Err(invalid_state(format!("InvalidJobState : The job takes no data in the state {state}")));
    }
    if job.upload.is_some() {
        let advice = "please 'Close' / 'Abort' / 'Delete' the current Job then create a new Job and make sure you only \
                      do 'PUT' once on a given Job.";
        let message = format!("Found multiple contents for job: <{}>, {advice}", job.id);
        return Err(ApiError::new(400, "CLIENTINPUTERROR", message));
    }
    if body.len() > max {
        let message = format!("ClientInputError : The data of a job has at most {max} bytes");
        return Err(ApiError::new(413, "CLIENTINPUTERROR", message));
    }
    job.upload = Some(body);
    Ok(empty(201))
}

/// Closes or aborts a job.
pub(crate) fn patch(org: &SharedOrg, id: &str, body: &[u8]) -> Result<Reply, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Patch {
        state: String,
    }
    let patch: Patch = serde_json::from_slice(body).map_err(|error| ApiError::json_parser(&error))?;
    let mut locked = org.lock();
    let job = find(&mut locked, id)?;
    match (patch.state.as_str(), job.state) {
        ("UploadComplete", JobState::Open) => {
            job.enter(JobState::UploadComplete);
            start(org, job.id[..15].to_owned());
        }
        ("Aborted", state) if !state.is_final() => job.enter(JobState::Aborted),
        ("UploadComplete", _) => return Err(invalid_state("Closing already Completed Job not allowed")),
        ("Aborted", _) => return Err(invalid_state("Aborting already Completed Job not allowed")),
        (other, _) => {
            return Err(invalid_state(format!("InvalidJobState : A job cannot be set to the state '{other}'")));
        }
    }
    Ok(reply(200, &job_json::patched(job)))
}

/// Shows a job.
pub(crate) fn info(org: &SharedOrg, id: &str) -> Result<Reply, ApiError> {
    let mut org = org.lock();
    let nature = org.settings.nature;
    let job = find(&mut org, id)?;
    let status = job.read_status(nature);
    Ok(reply(200, &job_json::info(job, status)))
}

/// Deletes a job that is not open and not in progress.
pub(crate) fn delete(org: &SharedOrg, id: &str) -> Result<Reply, ApiError> {
    let mut org = org.lock();
    let job = find(&mut org, id)?;
    if matches!(job.state, JobState::Open | JobState::InProgress) {
        let state = job.state.as_str();
        return Err(invalid_state(format!("InvalidJobState : A job in the state {state} cannot be deleted")));
    }
    let id = job.id[..15].to_owned();
    org.jobs.remove(&id);
    Ok(empty(204))
}

/// A parameter of the query of a URL.
fn parameter(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Lists the jobs of the org, a page at a time and in no useful order.
pub(crate) fn list(org: &SharedOrg, query: &str, version: f64) -> Reply {
    let mut org = org.lock();
    org.jobs.retain(|_, job| !job.is_expired());
    let is_ingest = parameter(query, "jobType").is_none_or(|kind| kind == "V2Ingest")
        && parameter(query, "isPkChunkingEnabled").is_none_or(|enabled| enabled == "false");
    let start = parameter(query, "queryLocator").and_then(|locator| locator.parse().ok()).unwrap_or(0_usize);
    let mut jobs: Vec<&Job> = org.jobs.values().filter(|_| is_ingest).collect();
    // Sorting by the reversed id puts the jobs out of the order of their creation.
    jobs.sort_by_key(|job| job.id.bytes().rev().collect::<Vec<_>>());
    let page = org.settings.jobs_per_page;
    let end = jobs.len().min(start.saturating_add(page));
    let records: Vec<Value> = jobs.iter().skip(start).take(page).map(|job| job_json::listed(job)).collect();
    let next = (end < jobs.len()).then(|| format!("/services/data/v{version:.1}/jobs/ingest?queryLocator={end}"));
    reply(200, &json!({"done": next.is_none(), "records": records, "nextRecordsUrl": next}))
}

/// Answers with one of the three result sets, or with a page of it. `query` may have the locator of a page.
pub(crate) async fn results(org: &SharedOrg, id: &str, set: ResultSet, query: &str) -> Result<Reply, ApiError> {
    let locator = parameter(query, "locator").and_then(|locator| locator.parse().ok()).unwrap_or(0_usize);
    let results = {
        let mut org = org.lock();
        let (seed, nature) = (org.settings.seed, org.settings.nature);
        let job = find(&mut org, id)?;
        if locator == 0 && job.state.is_final() {
            job.result_readings[set as usize] += 1;
            if job.result_readings[set as usize] <= nature.results_lag {
                return too_early(&job.id);
            }
        }
        let id = job.id[..15].to_owned();
        let job = org.job(&id).ok_or_else(ApiError::not_found)?;
        let prefix = org.tables.get(&job.request.object).map(|table| table.prefix.clone()).unwrap_or_default();
        let rows = ResultRows::select(job, set, seed, |record| id::format(&prefix, record));
        Page::new(rows, set, nature, locator)
    };
    // Other requests do not wait while a large result is written.
    let (written, headers) =
        tokio::task::spawn_blocking(move || (results.write(), results.headers())).await.unwrap_or_default();
    let mut reply = csv(written);
    reply.headers_mut().extend(headers);
    Ok(reply)
}

/// The answer to a request for results that are not there yet: an error, nothing, or a page of something between the
/// client and the org. The id of the job decides.
pub(crate) fn too_early(job: &str) -> Result<Reply, ApiError> {
    match job.bytes().map(usize::from).sum::<usize>() % 3 {
        0 => Err(ApiError::not_found()),
        1 => Ok(csv(Vec::new())),
        _ => Ok(Answer::html(200).reply()),
    }
}
