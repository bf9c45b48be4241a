//! Refused sign-ins.

use serde_json::json;

use crate::reply::{Reply, json as reply};

/// An error of the token endpoint: status 400 and one object (Salesforce Help, "OAuth 2.0 Error Codes").
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TokenError {
    error: &'static str,
    description: &'static str,
}

impl TokenError {
    pub(super) const fn new(error: &'static str, description: &'static str) -> Self {
        Self { error, description }
    }

    /// The client's credentials do not permit a session.
    pub(super) const fn invalid_grant(description: &'static str) -> Self {
        Self::new("invalid_grant", description)
    }

    /// No app has this client id.
    pub(super) const fn invalid_client_id() -> Self {
        Self::new("invalid_client_id", "client identifier invalid")
    }

    pub(super) fn reply(&self) -> Reply {
        reply(400, &json!({"error": self.error, "error_description": self.description}))
    }
}
