//! `POST .../composite/batch` (REST API Developer Guide, "Composite Batch").

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    http::{ApiError, Reply, Route, json as reply, rest_value},
    org::Org,
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

/// Answers reading subrequests one after another; each of them counts as a request.
pub(crate) fn batch(org: &mut Org, body: &[u8]) -> Result<Reply, ApiError> {
    let batch: Batch =
        serde_json::from_slice(body).map_err(|error| ApiError::new(400, "JSON_PARSER_ERROR", error.to_string()))?;
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

/// The URL begins with the version, or with the whole path.
fn subrequest(org: &mut Org, request: &Subrequest) -> Result<Value, ApiError> {
    if !org.allowance.take_request() {
        return Err(ApiError::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    }
    let url = request.url.trim_start_matches('/');
    let path = if url.starts_with("services/data/") { format!("/{url}") } else { format!("/services/data/{url}") };
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    rest_value(org, &Route::of(&request.method, path), query)
}
