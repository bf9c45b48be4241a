//! The pages of the results of a query job.

use std::io::Write;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::job_calls::{find, invalid};
use crate::{
    fault::{Effect, Truncation},
    headers,
    ingest::too_early,
    org::{JobState, QueryJob, SharedOrg},
    reply::{ApiError, Reply, csv, json as reply},
};

/// The addresses of pages in one answer ("Get Parallel Results for a Query Job").
const PAGES_IN_ANSWER: usize = 5;

/// The first version with addresses of pages (the same page).
const FIRST_WITH_PAGES: f64 = 58.0;

/// Answers with a page of the results ("Get Results for a Query Job").
pub(crate) async fn results(
    org: &SharedOrg,
    id: &str,
    headers: &HeaderMap,
    parameters: &str,
    version: f64,
) -> Result<Reply, ApiError> {
    let (page, is_cut) = {
        let mut org = org.lock();
        let (nature, seed, most) = (org.settings.nature, org.settings.seed, org.settings.query_job_page);
        let job = find(&mut org, id)?;
        check(job, version)?;
        let (start, most) = part(job, parameters, most)?;
        if job.early_readings < nature.results_lag {
            job.early_readings += 1;
            return too_early(&job.id);
        }
        let reading = *job.page_readings.entry(start).and_modify(|readings| *readings += 1).or_insert(1);
        let mut random = nature.mixes_records.then(|| fastrand::Rng::with_seed(seed ^ reading as u64));
        let most = if nature.pages_results { most.min(job.found.len().div_ceil(2).max(1)) } else { most };
        let page = page(job, start, most, random.as_mut());
        let page = if nature.compresses_results && takes_gzip(headers) { page.compressed() } else { page };
        (page, reading <= nature.cuts_query_pages)
    };
    let length = page.body.len();
    match is_cut {
        true => Ok(Effect::Truncated(length / 2, Truncation::Chunked).change_reply(page.reply()).await),
        false => Ok(page.reply()),
    }
}

/// Answers with the addresses of the next five pages, each of as many rows as the org chooses ("Get Parallel Results for
/// a Query Job"). Pages can be read at the same time. Whether their locators are those that the pages name is a guess.
pub(crate) fn result_pages(org: &SharedOrg, id: &str, parameters: &str, version: f64) -> Result<Reply, ApiError> {
    if version < FIRST_WITH_PAGES {
        return Err(ApiError::not_found());
    }
    let mut org = org.lock();
    let (nature, most) = (org.settings.nature, org.settings.query_job_page);
    let job = find(&mut org, id)?;
    check(job, version)?;
    let (start, _) = part(job, parameters, most)?;
    let rows = job.found.len();
    let most = if nature.pages_results { most.min(rows.div_ceil(2).max(1)) } else { most };
    let base = format!("/services/data/v{version:.1}/jobs/query/{}", job.id);
    // A job without rows has a page with the header.
    let starts: Vec<usize> = (start..rows.max(start + 1)).step_by(most).collect();
    let shown = starts.iter().take(PAGES_IN_ANSWER);
    let pages: Vec<_> =
        shown.map(|start| json!({"resultUrl": format!("{base}/results?locator={}", job.locator_of(*start))})).collect();
    let next = starts.get(PAGES_IN_ANSWER);
    let next_url = next.map(|start| format!("{base}/resultPages?locator={}", job.locator_of(*start)));
    Ok(reply(200, &json!({"resultPages": pages, "nextRecordsUrl": next_url, "done": next.is_none()})))
}

/// Checks that the results of a job can be read with this version. The error of a job that has not completed is that of
/// the page of release 222.0; later ones do not name one.
fn check(job: &QueryJob, version: f64) -> Result<(), ApiError> {
    if version != job.request.api_version {
        return Err(ApiError::new(409, "API_ERROR", "The results have the API version of their job"));
    }
    let state = match job.state {
        JobState::JobComplete => return Ok(()),
        JobState::InProgress => "IN_PROGRESS",
        JobState::Failed => "FAILED",
        JobState::Aborted => "ABORTED",
        JobState::Open | JobState::UploadComplete => "UPLOAD_COMPLETE",
    };
    let message = format!(
        "can only download query results of successfully completed bulk job with status: JOB_COMPLETE. Current status: \
         {state}"
    );
    Err(ApiError::new(412, "JOB_NOT_COMPLETE", message))
}

/// The first row of the page that a call asks for, and the most rows.
fn part(job: &QueryJob, parameters: &str, most: usize) -> Result<(usize, usize), ApiError> {
    let parameter =
        |name: &str| form_urlencoded::parse(parameters.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
    let most = match parameter("maxRecords").map(|most| most.parse::<usize>()) {
        None => most,
        Some(Ok(most)) if most > 0 => most,
        Some(_) => return Err(invalid("InvalidJob : maxRecords must be a positive number")),
    };
    let start = match parameter("locator") {
        None => 0,
        Some(locator) => job.row_of(&locator).ok_or_else(|| invalid("InvalidJob : the locator is not valid"))?,
    };
    Ok((start, most))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    headers::value(headers, header::ACCEPT_ENCODING).is_some_and(|accepted| accepted.contains("gzip"))
}

/// A page of results.
struct Page {
    body: Vec<u8>,
    is_compressed: bool,
    rows: usize,
    locator: String,
}

/// A page of the results of a job. `random` mixes its rows.
fn page(job: &QueryJob, start: usize, most: usize, random: Option<&mut fastrand::Rng>) -> Page {
    let end = job.found.len().min(start.saturating_add(most));
    let mut numbers: Vec<usize> = (start.min(end)..end).collect();
    if let Some(random) = random {
        random.shuffle(&mut numbers);
    }
    let mut body = job.found.header.clone();
    numbers.iter().for_each(|number| body.extend_from_slice(job.found.row(*number)));
    let locator = if end < job.found.len() { job.locator_of(end) } else { "null".to_owned() };
    let page_error = job.fault.as_ref().map_or(0, |fault| fault.page_error);
    Page { body, is_compressed: false, rows: numbers.len().saturating_add_signed(page_error), locator }
}

impl Page {
    /// The same page, packed with GZIP.
    fn compressed(self) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing to memory does not fail.
        let packed = encoder.write_all(&self.body).and_then(|()| encoder.finish());
        Self { body: packed.unwrap_or_default(), is_compressed: true, ..self }
    }

    fn reply(self) -> Reply {
        let mut reply = csv(self.body);
        let headers = reply.headers_mut();
        if self.is_compressed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Ok(locator) = HeaderValue::from_str(&self.locator) {
            headers.insert("Sforce-Locator", locator);
        }
        headers.insert("Sforce-NumberOfRecords", HeaderValue::from(self.rows));
        reply
    }
}

impl QueryJob {
    /// The locator of the page that begins with a row. Its form means nothing to a client.
    fn locator_of(&self, row: usize) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{row}", self.locators_expired))
    }

    fn row_of(&self, locator: &str) -> Option<usize> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(locator).ok()?).ok()?;
        let (expired, row) = text.split_once(':')?;
        row.parse().ok().filter(|_| expired.parse() == Ok(self.locators_expired))
    }
}
