//! The one place that every request passes.

use std::pin::Pin;

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::State,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use bytes::Bytes;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

use super::{ApiError, Endpoint, Reply, Route, empty, json};
use crate::{
    fault::{Effect, cut},
    ingest,
    org::{Org, Shared},
    rest, sign_in,
};

/// What is reserved for a body on its client's word: somewhat more than the largest upload.
const MAX_RESERVED: usize = 128 << 20;

/// A request as the org received it, for tests to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which call it was.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: String,
    /// The host and port that the client asked for.
    pub host: String,
    /// The path, with the query.
    pub path: String,
    /// The status of the answer, once there is one; also of one that does not arrive.
    pub status: Option<u16>,
}

/// Serves the org on a listener until the sender of `stop` is gone.
pub(crate) fn listen(listener: TcpListener, org: Shared, mut stop: watch::Receiver<()>) {
    let router = Router::new().fallback(pass).with_state(org);
    let stopped = async move { while stop.changed().await.is_ok() {} };
    tokio::spawn(async move {
        // An error here is that of a connection, which its client sees.
        let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
    });
}

/// Every request comes through here: it is written down, read in full, answered, and the answer is written down.
///
/// What goes wrong with a call on purpose goes wrong here, where its endpoint and its number are known: before
/// [`answer`] for a request that has no effect, after it for an effect whose answer is lost.
async fn pass(State(org): State<Shared>, request: axum::extract::Request) -> Reply {
    let (parts, body) = request.into_parts();
    let route = Route::of(parts.method.as_str(), parts.uri.path());
    let (number, effect) = {
        let mut org = org.lock();
        (arrive(&mut org, &parts, route.endpoint), org.faults.meet_request(route.endpoint))
    };
    if matches!(effect, Some(Effect::Cut)) {
        return cut();
    }
    let Some(body) = read(&parts.headers, body).await else {
        // The client went away in the middle of the body; nobody reads this answer.
        return empty(400);
    };
    if let Some(effect) = &effect {
        effect.begin(&mut org.lock());
    }
    let reply = match &effect {
        Some(Effect::Answer(answer)) => answer.reply(),
        _ => answer(&org, &parts, &route, body).await,
    };
    org.lock().requests[number].status = Some(reply.status().as_u16());
    match effect {
        Some(effect) => effect.end(reply).await,
        None => reply,
    }
}

fn arrive(org: &mut Org, parts: &Parts, endpoint: Endpoint) -> usize {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let method = parts.method.to_string();
    org.requests.push(Request { endpoint, method, host: host.to_owned(), path, status: None });
    org.requests.len() - 1
}

async fn read(headers: &HeaderMap, mut body: Body) -> Option<Bytes> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let mut read = Vec::with_capacity(length.unwrap_or(0).min(MAX_RESERVED));
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            read.extend_from_slice(&data);
        }
    }
    Some(read.into())
}

async fn answer(org: &Shared, parts: &Parts, route: &Route, body: Bytes) -> Reply {
    let path = parts.uri.path();
    match route.endpoint {
        Endpoint::Token => return sign_in::token(&mut org.lock(), &parts.headers, &body),
        Endpoint::Revoke => return sign_in::revoke(&mut org.lock(), &body),
        Endpoint::UserInfo => return sign_in::user_info(&org.lock(), &parts.headers),
        Endpoint::Versions => return json(200, &rest::versions()),
        Endpoint::Unknown if !path.starts_with("/services/data/") => return ApiError::not_found().reply(),
        _ => {}
    }
    if let Err(refused) = admit(&mut org.lock(), &parts.headers) {
        return refused.reply();
    }
    let mut reply = call(org, parts, route, body).await.unwrap_or_else(|error| error.reply());
    let usage = {
        let allowance = &org.lock().allowance;
        format!("api-usage={}/{}", allowance.requests_used, allowance.requests_max)
    };
    if let Ok(usage) = HeaderValue::from_str(&usage) {
        reply.headers_mut().insert("Sforce-Limit-Info", usage);
    }
    reply
}

/// Lets a call in that has a session and a place in the daily allowance.
fn admit(org: &mut Org, headers: &HeaderMap) -> Result<(), ApiError> {
    if !org.sign_in.knows(headers) {
        return Err(ApiError::session());
    }
    if !org.allowance.take_request() {
        return Err(ApiError::request_limit());
    }
    Ok(())
}

async fn call(org: &Shared, parts: &Parts, route: &Route, body: Bytes) -> Result<Reply, ApiError> {
    let version = rest::check_version(route.version)?;
    let headers = &parts.headers;
    let query = parts.uri.query().unwrap_or_default();
    if let Some(set) = route.endpoint.result_set() {
        return ingest::results(org, &route.id, set).await;
    }
    match route.endpoint {
        Endpoint::JobCreate => ingest::create(org, headers, &body, version),
        Endpoint::JobList => Ok(ingest::list(org, query, version)),
        Endpoint::JobInfo => ingest::info(org, &route.id),
        Endpoint::JobPatch => ingest::patch(org, &route.id, &body),
        Endpoint::JobDelete => ingest::delete(org, &route.id),
        Endpoint::JobUpload => ingest::upload(org, &route.id, headers, body),
        Endpoint::CompositeBatch => rest::batch(&mut org.lock(), &body),
        Endpoint::Objects | Endpoint::Describe if rest::is_unchanged(&org.lock(), headers) => Ok(empty(304)),
        Endpoint::Unknown => Err(unknown(parts)),
        _ => {
            let org = org.lock();
            let mut reply = json(200, &rest_value(&org, route, query)?);
            if matches!(route.endpoint, Endpoint::Objects | Endpoint::Describe) {
                rest::stamp(&org, reply.headers_mut());
            }
            Ok(reply)
        }
    }
}

/// The answer to a call that only reads.
pub(crate) fn rest_value(org: &Org, route: &Route, query: &str) -> Result<Value, ApiError> {
    let version = rest::check_version(route.version)?;
    let base = format!("/services/data/v{version:.1}");
    match route.endpoint {
        Endpoint::Resources => Ok(rest::resources(&base)),
        Endpoint::Limits => Ok(rest::limits(org)),
        Endpoint::Objects => Ok(rest::objects(org, &base)),
        Endpoint::Describe => rest::describe(org, &route.object, &base),
        Endpoint::Record => rest::record(org, &route.object, &route.id, &base),
        Endpoint::Query => rest::query(org, query, &base),
        _ => Err(ApiError::not_found()),
    }
}

fn unknown(parts: &Parts) -> ApiError {
    let allowed = Route::allowed(parts.uri.path());
    if allowed.is_empty() {
        return ApiError::not_found();
    }
    let message = format!("HTTP Method '{}' not allowed. Allowed are {}", parts.method, allowed.join(","));
    ApiError::new(405, "METHOD_NOT_ALLOWED", message)
}
