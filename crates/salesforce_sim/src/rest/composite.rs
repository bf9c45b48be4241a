//! `POST .../composite` (REST API Developer Guide, "Send Multiple Requests Using Composite").

use axum::body::to_bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::read;
use crate::{
    fault::Effect,
    org::SharedOrg,
    reply::{ApiError, Reply, json as reply},
    route::Route,
};

const MAX_REQUESTS: usize = 25;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Composite {
    #[serde(default)]
    all_or_none: bool,
    composite_request: Vec<Subrequest>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subrequest {
    method: String,
    url: String,
    reference_id: String,
}

/// The answer to a subrequest.
struct Part {
    status: u16,
    body: Value,
}

impl From<ApiError> for Part {
    fn from(error: ApiError) -> Self {
        Self { status: error.status, body: error.body() }
    }
}

/// Answers reading subrequests one after another. All of them together count as one API request.
pub(crate) async fn composite(org: &SharedOrg, body: &[u8]) -> Result<Reply, ApiError> {
    let composite: Composite = serde_json::from_slice(body).map_err(|error| ApiError::json_parser(&error))?;
    if composite.composite_request.len() > MAX_REQUESTS {
        let message = format!("The maximum number of subrequests is {MAX_REQUESTS}");
        return Err(ApiError::new(400, "LIMIT_EXCEEDED", message));
    }
    let mut parts = Vec::with_capacity(composite.composite_request.len());
    for request in &composite.composite_request {
        parts.push(part(org, request).await);
    }
    if composite.all_or_none && parts.iter().any(|part| part.status >= 400) {
        for part in parts.iter_mut().filter(|part| part.status < 400) {
            let message = "The transaction was rolled back since another operation in the same transaction failed.";
            *part = ApiError::new(400, "PROCESSING_HALTED", message).into();
        }
    }
    let answers = parts.into_iter().zip(&composite.composite_request).map(|(part, request)| {
        json!({
            "body": part.body, "httpHeaders": {}, "httpStatusCode": part.status, "referenceId": request.reference_id,
        })
    });
    Ok(reply(200, &json!({"compositeResponse": answers.collect::<Vec<_>>()})))
}

/// Answers a subrequest. A fault of its endpoint acts on it as on a request of its own, if the fault is an answer.
async fn part(org: &SharedOrg, request: &Subrequest) -> Part {
    let (path, parameters) = request.url.split_once('?').unwrap_or((&request.url, ""));
    let route = Route::parse(&request.method, path);
    super::wait(org, route.endpoint).await;
    let effect = org.lock().faults.effect_on_request(route.endpoint);
    if let Some(Effect::Answer(answer) | Effect::Replaced(answer)) = effect {
        let reply = answer.reply();
        let status = reply.status().as_u16();
        let body = to_bytes(reply.into_body(), usize::MAX).await.unwrap_or_default();
        return Part { status, body: serde_json::from_slice(&body).unwrap_or_default() };
    }
    read(&mut org.lock(), &route, parameters, None).map_or_else(Part::from, |body| Part { status: 200, body })
}
