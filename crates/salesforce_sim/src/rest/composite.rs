//! `POST .../composite/batch` (REST API Developer Guide, "Composite Batch").

use serde::Deserialize;
use serde_json::{Value, json};

use super::read;
use crate::{
    org::Org,
    reply::{ApiError, Reply, json as reply},
    route::Route,
};

const MAX_REQUESTS: usize = 25;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    #[serde(default)]
    halt_on_error: bool,
    batch_requests: Vec<Subrequest>,
}

#[derive(Debug, Deserialize)]
struct Subrequest {
    method: String,
    url: String,
}

/// Answers reading subrequests one after another. Each of them counts as an API request.
pub(crate) fn batch(org: &mut Org, body: &[u8]) -> Result<Reply, ApiError> {
    let batch: Batch = serde_json::from_slice(body).map_err(|error| ApiError::json_parser(&error))?;
    if batch.batch_requests.len() > MAX_REQUESTS {
        let message = format!("The maximum number of subrequests is {MAX_REQUESTS}");
        return Err(ApiError::new(400, "LIMIT_EXCEEDED", message));
    }
    let mut has_errors = false;
    let mut results = Vec::with_capacity(batch.batch_requests.len());
    for request in &batch.batch_requests {
        let answer = match has_errors && batch.halt_on_error {
            true => Err(ApiError::new(412, "BATCH_PROCESSING_HALTED", "Batch processing halted by a previous error")),
            false => subrequest(org, request),
        };
        has_errors |= answer.is_err();
        results.push(match answer {
            Ok(result) => json!({"statusCode": 200, "result": result}),
            Err(error) => json!({"statusCode": error.status, "result": error.body()}),
        });
    }
    Ok(reply(200, &json!({"hasErrors": has_errors, "results": results})))
}

/// Answers a subrequest. Its URL begins with the version or with `/services/data/`.
fn subrequest(org: &mut Org, request: &Subrequest) -> Result<Value, ApiError> {
    if !org.allowance.take_request() {
        return Err(ApiError::request_limit());
    }
    let url = request.url.trim_start_matches('/');
    let path = if url.starts_with("services/data/") { format!("/{url}") } else { format!("/services/data/{url}") };
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    read(org, &Route::parse(&request.method, path), query)
}
