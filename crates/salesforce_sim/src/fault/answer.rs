//! Answers of a fault, in place of the answer of the org.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::json;

use crate::reply::{ApiError, Reply};

const JSON: &str = "application/json;charset=UTF-8";

/// A page like those of the proxies in front of Salesforce.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>We are down for maintenance</title></head><body>\
                    <h1>We are down for maintenance.</h1></body></html>\n";

/// An answer that the org sends in place of its own.
///
/// ```
/// use salesforce_sim::Answer;
///
/// let overloaded = Answer::html(503).retry_after(2);
/// let used_up = Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    content_type: Option<String>,
    retry_after: Option<u64>,
    /// The number of records that the answer says it has.
    records: Option<u64>,
    body: String,
}

impl Answer {
    /// An error in the REST API's form.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::new(status, Some(JSON), json!([{"message": message, "errorCode": code}]).to_string())
    }

    /// An error in the token endpoint's form.
    pub fn oauth_error(status: u16, error: &str, description: &str) -> Self {
        Self::new(status, Some(JSON), json!({"error": error, "error_description": description}).to_string())
    }

    /// The error that Salesforce sends with a status: 401, 403 (the daily requests are used up), 404, 503; the same
    /// error for any other.
    pub fn status(status: u16) -> Self {
        let (code, message) = match status {
            401 => return Self::new(status, Some(JSON), ApiError::session().body().to_string()),
            403 => return Self::new(status, Some(JSON), ApiError::request_limit().body().to_string()),
            404 => return Self::new(status, Some(JSON), ApiError::not_found().body().to_string()),
            503 => ("SERVER_UNAVAILABLE", "Server too busy"),
            _ => ("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId: 1-1 (-1)"),
        };
        Self::error(status, code, message)
    }

    /// An HTML page.
    pub fn html(status: u16) -> Self {
        Self::new(status, Some("text/html; charset=utf-8"), PAGE.to_owned())
    }

    /// Any JSON, such as the answer to another call.
    pub fn json(status: u16, body: &str) -> Self {
        Self::new(status, Some(JSON), body.to_owned())
    }

    /// The results of a job as CSV, with the number of records that they say they have.
    pub fn csv(body: &str, records: u64) -> Self {
        Self { records: Some(records), ..Self::new(200, Some("text/csv"), body.to_owned()) }
    }

    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self::new(status, None, String::new())
    }

    fn new(status: u16, content_type: Option<&str>, body: String) -> Self {
        Self { status, content_type: content_type.map(str::to_owned), retry_after: None, records: None, body }
    }

    /// Adds a `Retry-After` header with this many seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    pub(crate) fn reply(&self) -> Reply {
        let mut reply = Response::new(Body::from(self.body.clone()));
        *reply.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = self.content_type.as_ref().and_then(|text| HeaderValue::from_str(text).ok());
        content_type.map(|value| reply.headers_mut().insert(header::CONTENT_TYPE, value));
        self.retry_after.map(|seconds| reply.headers_mut().insert(header::RETRY_AFTER, seconds.into()));
        self.records.map(|records| reply.headers_mut().insert("Sforce-NumberOfRecords", records.into()));
        reply
    }
}
