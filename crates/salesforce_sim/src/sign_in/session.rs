//! Sessions and refresh tokens.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use axum::http::{HeaderMap, header};

use crate::settings::{Settings, SignInRefusal};

/// The id of the org, with which access tokens begin.
pub(crate) const ORGANIZATION_ID: &str = "00DSim000000001MAA";

/// Who is signed in.
#[derive(Debug)]
pub(crate) struct SignIn {
    sessions: HashSet<String>,
    /// The refresh token that works; none once the connection is revoked.
    pub(crate) refresh_token: Option<String>,
    /// Refresh tokens that were replaced by newer ones.
    retired: HashSet<String>,
    pub(crate) rotates: bool,
    pub(crate) refusal: Option<SignInRefusal>,
    /// How often a token was asked for, and how often one was given.
    pub(crate) attempts: usize,
    pub(crate) granted: usize,
}

/// A text that nobody can guess; it need not be safe beyond a test.
pub(crate) fn opaque(length: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let random = RandomState::new();
    let letter = |at: usize| char::from(LETTERS[usize::try_from(random.hash_one(at) % 62).unwrap_or(0)]);
    (0..length).map(letter).collect()
}

impl SignIn {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            sessions: HashSet::new(),
            refresh_token: Some(settings.credentials.refresh_token.clone()),
            retired: HashSet::new(),
            rotates: settings.rotate_refresh_tokens,
            refusal: settings.refuse_sign_in,
            attempts: 0,
            granted: 0,
        }
    }

    /// Starts a session and gives its access token.
    pub(crate) fn start_session(&mut self) -> String {
        let (organization, opaque) = (&ORGANIZATION_ID[..15], opaque(90));
        let token = format!("{organization}!AQ.{opaque}");
        self.sessions.insert(token.clone());
        token
    }

    /// Ends all sessions.
    pub(crate) fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Ends the session of an access token, or the whole connection when it is the refresh token.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        let is_refresh_token = self.refresh_token.as_deref() == Some(token);
        if is_refresh_token {
            self.revoke_connection();
        }
        is_refresh_token || self.sessions.remove(token)
    }

    /// Takes back the refresh token and every session.
    pub(crate) fn revoke_connection(&mut self) {
        self.refresh_token = None;
        self.end_sessions();
    }

    /// Whether a refresh token works. Using one that was replaced takes back everything (Salesforce Help, "Refresh
    /// Token Rotation").
    pub(crate) fn accept_refresh_token(&mut self, token: &str) -> bool {
        if self.retired.contains(token) {
            self.revoke_connection();
        }
        self.refresh_token.as_deref() == Some(token)
    }

    /// Replaces the refresh token.
    pub(crate) fn rotate(&mut self) -> String {
        let token = format!("5Aep861{}", opaque(70));
        self.retired.extend(self.refresh_token.replace(token.clone()));
        token
    }

    /// Whether the request carries the access token of a session.
    pub(crate) fn knows(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth"));
        token.is_some_and(|(_, token)| self.sessions.contains(token.trim()))
    }
}
