//! The HTTP server: every request passes here.

use std::pin::Pin;

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::State,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use bytes::Bytes;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    fault::{Effect, cut_connection},
    headers,
    ingest::{self, ResultSet},
    org::{Org, Request, SharedOrg},
    query,
    reply::{ApiError, Reply, empty, json},
    rest,
    route::{Endpoint, Route},
    sign_in,
};

/// The most bytes to reserve for a body because its `Content-Length` says so: a little more than the largest upload.
const MAX_RESERVED_BYTES: usize = 128 << 20;

/// Serves the org on a listener until the sender of `stop` is dropped.
pub(crate) fn listen(listener: TcpListener, org: SharedOrg, mut stop: watch::Receiver<()>) {
    let router = Router::new().fallback(handle).with_state(org);
    let stopped = async move { while stop.changed().await.is_ok() {} };
    tokio::spawn(async move {
        // An error here belongs to one connection, and its client sees it.
        let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
    });
}

/// Logs a request, reads it, answers it, and logs the status of the answer.
///
/// Injected faults of requests act here, where the endpoint and the number of the request are known: before [`answer`]
/// if the request has no effect, after it if only the answer is wrong.
async fn handle(State(org): State<SharedOrg>, request: axum::extract::Request) -> Reply {
    let (parts, body) = request.into_parts();
    let route = Route::parse(parts.method.as_str(), parts.uri.path());
    org.work();
    let (number, effect) = {
        let mut org = org.lock();
        (log_request(&mut org, &parts, route.endpoint), org.faults.effect_on_request(route.endpoint))
    };
    if matches!(effect, Some(Effect::Cut)) {
        return cut_connection();
    }
    let Some(body) = read_body(&parts.headers, body).await else {
        // The client has closed the connection, so nobody reads this answer.
        return empty(400);
    };
    let mut reply = match &effect {
        Some(Effect::Answer(answer)) => answer.reply(),
        effect => {
            match effect {
                Some(Effect::SessionsEnded) => org.lock().sign_in.end_sessions(),
                Some(Effect::ConnectionRevoked) => org.lock().sign_in.revoke_connection(),
                Some(Effect::LocatorsExpired) => org.lock().expire_locators(),
                _ => {}
            }
            answer(&org, &parts, &route, body).await
        }
    };
    let lateness = {
        let mut org = org.lock();
        rest::add_date(&org, reply.headers_mut());
        org.requests[number].status = Some(reply.status().as_u16());
        org.settings.nature.lateness(number)
    };
    if let Some(lateness) = lateness {
        tokio::time::sleep(lateness).await;
    }
    match effect {
        Some(effect) => effect.change_reply(reply).await,
        None => reply,
    }
}

/// Adds a request to the log and returns its position there.
fn log_request(org: &mut Org, parts: &Parts, endpoint: Endpoint) -> usize {
    let host = headers::value(&parts.headers, header::HOST).unwrap_or_default();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let method = parts.method.to_string();
    org.requests.push(Request { endpoint, method, host: host.to_owned(), path, status: None });
    org.requests.len() - 1
}

async fn read_body(headers: &HeaderMap, mut body: Body) -> Option<Bytes> {
    let length = headers::value(headers, header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let mut read = Vec::with_capacity(length.unwrap_or(0).min(MAX_RESERVED_BYTES));
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            read.extend_from_slice(&data);
        }
    }
    Some(read.into())
}

async fn answer(org: &SharedOrg, parts: &Parts, route: &Route, body: Bytes) -> Reply {
    let path = parts.uri.path();
    match route.endpoint {
        Endpoint::Token => return sign_in::token(&mut org.lock(), &parts.headers, &body),
        Endpoint::Revoke => return sign_in::revoke(&mut org.lock(), &body),
        Endpoint::UserInfo => return sign_in::user_info(&org.lock(), &parts.headers),
        Endpoint::Versions => return json(200, &rest::versions()),
        Endpoint::Unknown if !path.starts_with("/services/data/") => return ApiError::not_found().reply(),
        _ => {}
    }
    if let Some(status) = too_long(parts) {
        return empty(status);
    }
    if let Err(error) = admit(&mut org.lock(), &parts.headers) {
        return error.reply();
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

/// The most bytes of a URI and the headers together.
const MAX_HEAD: usize = 16_384;

/// The status of a call whose URI, or whose URI and headers, are too long (Salesforce Help 000386264).
fn too_long(parts: &Parts) -> Option<u16> {
    let uri = parts.uri.path_and_query().map_or(0, |uri| uri.as_str().len());
    let headers: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    match uri {
        _ if uri > MAX_HEAD => Some(414),
        _ if uri + headers > MAX_HEAD => Some(431),
        _ => None,
    }
}

/// Checks the session of a call and counts the call as an API request of the day.
fn admit(org: &mut Org, headers: &HeaderMap) -> Result<(), ApiError> {
    if !org.sign_in.has_session(headers) {
        return Err(org.sign_in.lost_session(org.settings.nature));
    }
    if !org.allowance.take_request() {
        return Err(ApiError::request_limit());
    }
    Ok(())
}

async fn call(org: &SharedOrg, parts: &Parts, route: &Route, body: Bytes) -> Result<Reply, ApiError> {
    let version = rest::check_version(route.version)?;
    let headers = &parts.headers;
    let parameters = parts.uri.query().unwrap_or_default();
    match route.endpoint {
        Endpoint::JobCreate => ingest::create(org, headers, &body, version),
        Endpoint::JobList => Ok(ingest::list(org, parameters, version)),
        Endpoint::JobInfo => ingest::info(org, &route.id),
        Endpoint::JobPatch => ingest::patch(org, &route.id, &body),
        Endpoint::JobDelete => ingest::delete(org, &route.id),
        Endpoint::JobUpload => ingest::upload(org, &route.id, headers, body),
        Endpoint::SuccessfulResults => ingest::results(org, &route.id, ResultSet::Successful, parameters).await,
        Endpoint::FailedResults => ingest::results(org, &route.id, ResultSet::Failed, parameters).await,
        Endpoint::UnprocessedRecords => ingest::results(org, &route.id, ResultSet::Unprocessed, parameters).await,
        Endpoint::QueryJobCreate => query::create(org, &body, version),
        Endpoint::QueryJobList => Ok(query::list(org)),
        Endpoint::QueryJobInfo => query::info(org, &route.id),
        Endpoint::QueryJobPatch => query::patch(org, &route.id, &body),
        Endpoint::QueryJobDelete => query::delete(org, &route.id),
        Endpoint::QueryJobResults => query::results(org, &route.id, headers, parameters, version).await,
        Endpoint::QueryJobPages => query::result_pages(org, &route.id, parameters, version),
        Endpoint::Composite => rest::composite(org, &body).await,
        Endpoint::Objects | Endpoint::Describe if rest::is_unchanged(&org.lock(), headers) => Ok(empty(304)),
        Endpoint::Unknown => Err(unknown_call(parts)),
        _ => {
            rest::wait(org, route.endpoint).await;
            let mut org = org.lock();
            let mut reply = json(200, &rest::read(&mut org, route, parameters, query::batch_size(headers))?);
            if matches!(route.endpoint, Endpoint::Objects | Endpoint::Describe) {
                rest::add_last_modified(&org, reply.headers_mut());
            }
            Ok(reply)
        }
    }
}

fn unknown_call(parts: &Parts) -> ApiError {
    let allowed = Route::allowed_methods(parts.uri.path());
    if allowed.is_empty() {
        return ApiError::not_found();
    }
    let message = format!("HTTP Method '{}' not allowed. Allowed are {}", parts.method, allowed.join(","));
    ApiError::new(405, "METHOD_NOT_ALLOWED", message)
}
