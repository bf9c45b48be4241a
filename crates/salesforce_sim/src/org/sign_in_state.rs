//! Sessions and refresh tokens.

use std::{collections::HashSet, iter::repeat_with};

use axum::http::HeaderMap;

use crate::{
    headers,
    nature::Nature,
    reply::ApiError,
    settings::{Settings, SignInRefusal},
};

/// The id of an org.
const ORGANIZATION_ID: &str = "00DSim000000001MAA";

/// The id that a sandbox has after a refresh.
const REFRESHED_ID: &str = "00DSim000000002MAA";

/// The sessions, the refresh token, and what the token endpoint has done.
#[derive(Debug)]
pub(crate) struct SignInState {
    /// The id of the org, with which access tokens begin.
    pub(crate) organization_id: &'static str,
    /// The access tokens that work.
    sessions: HashSet<String>,
    /// The refresh token that works; `None` once the connection is revoked.
    pub(crate) refresh_token: Option<String>,
    /// Refresh tokens that newer ones have replaced.
    replaced: HashSet<String>,
    pub(crate) rotates_refresh_tokens: bool,
    pub(crate) refusal: Option<SignInRefusal>,
    /// How often a client asked for a token.
    pub(crate) attempts: usize,
    /// How often a client received a token.
    pub(crate) granted: usize,
    /// How many calls had no session.
    refused_calls: usize,
}

/// Letters and digits in random order.
fn random_text(length: usize) -> String {
    repeat_with(fastrand::alphanumeric).take(length).collect()
}

impl SignInState {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            organization_id: ORGANIZATION_ID,
            sessions: HashSet::new(),
            refresh_token: Some(settings.credentials.refresh_token.clone()),
            replaced: HashSet::new(),
            rotates_refresh_tokens: settings.rotate_refresh_tokens,
            refusal: settings.refuse_sign_in,
            attempts: 0,
            granted: 0,
            refused_calls: 0,
        }
    }

    /// Starts a session and returns its access token.
    pub(crate) fn start_session(&mut self) -> String {
        let (organization, random) = (&self.organization_id[..15], random_text(90));
        let token = format!("{organization}!AQ.{random}");
        self.sessions.insert(token.clone());
        token
    }

    /// The answer to a call without a session. An org that varies it reports a lost session in three forms.
    pub(crate) fn lost_session(&mut self, nature: Nature) -> ApiError {
        self.refused_calls += 1;
        match self.refused_calls % 3 {
            0 if nature.varies_lost_sessions => ApiError::session_in_bulk_form(),
            1 if nature.varies_lost_sessions => ApiError::session().with_status(403),
            _ => ApiError::session(),
        }
    }

    /// Gives the org another id, as the refresh of a sandbox does.
    pub(crate) fn refresh_sandbox(&mut self) {
        self.organization_id = REFRESHED_ID;
        self.end_sessions();
    }

    /// Ends all sessions.
    pub(crate) fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Ends the session of an access token, or the whole connection if the token is the refresh token. False if the
    /// token is unknown.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        let is_refresh_token = self.refresh_token.as_deref() == Some(token);
        if is_refresh_token {
            self.revoke_connection();
        }
        is_refresh_token || self.sessions.remove(token)
    }

    /// Revokes the refresh token and ends all sessions.
    pub(crate) fn revoke_connection(&mut self) {
        self.refresh_token = None;
        self.end_sessions();
    }

    /// Whether a refresh token works. A replaced one revokes the whole connection (Salesforce Help, "Refresh Token
    /// Rotation").
    pub(crate) fn accept_refresh_token(&mut self, token: &str) -> bool {
        if self.replaced.contains(token) {
            self.revoke_connection();
        }
        self.refresh_token.as_deref() == Some(token)
    }

    /// Replaces the refresh token and returns the new one.
    pub(crate) fn rotate_refresh_token(&mut self) -> String {
        let token = format!("5Aep861{}", random_text(70));
        self.replaced.extend(self.refresh_token.replace(token.clone()));
        token
    }

    /// Whether a request carries the access token of a session.
    pub(crate) fn has_session(&self, headers: &HeaderMap) -> bool {
        let token = headers::credentials(headers, "Bearer").or_else(|| headers::credentials(headers, "OAuth"));
        token.is_some_and(|token| self.sessions.contains(token))
    }
}
