//! Answers in Salesforce's forms.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json as value};

/// An HTTP answer.
pub(crate) type Reply = Response;

/// An error of the API.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    code: &'static str,
    message: String,
    form: ErrorForm,
}

/// How an error is written.
#[derive(Debug, Clone, Copy)]
enum ErrorForm {
    /// An array with one entry (REST API Developer Guide, "Status Codes and Error Responses").
    Rest,
    /// The object of Bulk API 1.0 (Bulk API Developer Guide, "Errors").
    Bulk,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), form: ErrorForm::Rest }
    }

    /// The access token is unknown or no longer valid.
    pub(crate) fn session() -> Self {
        Self::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    /// The same, in the form of Bulk API 1.0.
    pub(crate) fn session_in_bulk_form() -> Self {
        let error = Self::new(400, "InvalidSessionId", "Unable to find session id");
        Self { form: ErrorForm::Bulk, ..error }
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The daily API requests are used up.
    pub(crate) fn request_limit() -> Self {
        Self::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    }

    /// The resource does not exist, or the user may not see it.
    pub(crate) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    /// The body is not the JSON that the call takes.
    pub(crate) fn json_parser(error: &serde_json::Error) -> Self {
        Self::new(400, "JSON_PARSER_ERROR", error.to_string())
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        match self.form {
            ErrorForm::Rest => value!([{"message": self.message, "errorCode": self.code}]),
            ErrorForm::Bulk => value!({"exceptionCode": self.code, "exceptionMessage": self.message}),
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        json(self.status, &self.body())
    }
}

fn reply(status: u16, content_type: Option<&'static str>, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(content_type) = content_type {
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    reply
}

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &Value) -> Reply {
    reply(status, Some("application/json;charset=UTF-8"), Body::from(body.to_string()))
}

/// An answer in CSV.
pub(crate) fn csv(body: Vec<u8>) -> Reply {
    reply(200, Some("text/csv"), Body::from(body))
}

/// An answer without a body.
pub(crate) fn empty(status: u16) -> Reply {
    reply(status, None, Body::empty())
}
