//! `/services/oauth2/`: token, revoke, userinfo.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};

use super::{assertion, session::ORGANIZATION_ID};
use crate::{
    http::{ApiError, Reply, empty, json as reply},
    org::Org,
    settings::SignInRefusal,
};

/// A refusal of the token endpoint: status 400 and one object (Salesforce Help, "OAuth 2.0 Error Codes").
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TokenError {
    error: &'static str,
    description: &'static str,
}

impl TokenError {
    const fn new(error: &'static str, description: &'static str) -> Self {
        Self { error, description }
    }

    /// What was presented is not good for a session.
    pub(super) const fn grant(description: &'static str) -> Self {
        Self::new("invalid_grant", description)
    }

    /// There is no such app.
    pub(super) const fn client_id() -> Self {
        Self::new("invalid_client_id", "client identifier invalid")
    }

    fn reply(&self) -> Reply {
        reply(400, &json!({"error": self.error, "error_description": self.description}))
    }
}

/// The flows that the org knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    RefreshToken,
    ClientCredentials,
    JwtBearer,
    Password,
}

impl Grant {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "refresh_token" => Some(Self::RefreshToken),
            "client_credentials" => Some(Self::ClientCredentials),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => Some(Self::JwtBearer),
            "password" => Some(Self::Password),
            _ => None,
        }
    }
}

/// The fields of a form.
struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Form<'a> {
    fn read(body: &'a [u8]) -> Self {
        Self(form_urlencoded::parse(body).collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// `POST /services/oauth2/token`.
pub(crate) fn token(org: &mut Org, headers: &HeaderMap, body: &[u8]) -> Reply {
    org.sign_in.attempts += 1;
    let is_my_domain = !is_login_host(headers);
    match grant(org, headers, is_my_domain, &Form::read(body)) {
        Ok(rotated) => {
            org.sign_in.granted += 1;
            reply(200, &granted(org, is_my_domain, rotated))
        }
        Err(error) => error.reply(),
    }
}

/// `localhost` stands for `login.salesforce.com`, every other name of the loopback for My Domain.
fn is_login_host(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    host.split(':').next() == Some("localhost")
}

/// Checks one sign-in; the new refresh token, if there is one.
fn grant(
    org: &mut Org,
    headers: &HeaderMap,
    is_my_domain: bool,
    form: &Form<'_>,
) -> Result<Option<String>, TokenError> {
    let grant = Grant::parse(form.get("grant_type"))
        .ok_or(TokenError::new("unsupported_grant_type", "grant type not supported"))?;
    if !is_my_domain && (org.settings.my_domain_only || grant == Grant::ClientCredentials) {
        return Err(TokenError::grant("request not supported on this domain"));
    }
    if grant == Grant::JwtBearer {
        assertion::check(org, form.get("assertion"))?;
    } else {
        check_client(org, headers, form)?;
    }
    let credentials = &org.settings.credentials;
    if grant == Grant::Password {
        let password = format!("{}{}", credentials.password, credentials.security_token);
        if form.get("username") != credentials.username || form.get("password") != password {
            return Err(TokenError::grant("authentication failure"));
        }
    }
    if let Some(error) = org.sign_in.refusal.and_then(|refusal| refused(refusal, grant)) {
        return Err(error);
    }
    if grant != Grant::RefreshToken {
        return Ok(None);
    }
    if !org.sign_in.accept_refresh_token(form.get("refresh_token")) {
        return Err(TokenError::grant("expired access/refresh token"));
    }
    Ok(org.sign_in.rotates.then(|| org.sign_in.rotate()))
}

/// Checks the app's key and secret, which come in the form or, as HTTP Basic, in the header.
fn check_client(org: &Org, headers: &HeaderMap, form: &Form<'_>) -> Result<(), TokenError> {
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let basic = basic.and_then(|basic| String::from_utf8(STANDARD.decode(basic).ok()?).ok());
    let (id, secret) = match basic.as_deref().and_then(|basic| basic.split_once(':')) {
        Some(pair) => pair,
        None => (form.get("client_id"), form.get("client_secret")),
    };
    let credentials = &org.settings.credentials;
    if id != credentials.client_id {
        return Err(TokenError::client_id());
    }
    if secret != credentials.client_secret {
        return Err(TokenError::new("invalid_client", "invalid client credentials"));
    }
    Ok(())
}

/// The words of a refusal, where it concerns the flow.
fn refused(refusal: SignInRefusal, grant: Grant) -> Option<TokenError> {
    match (refusal, grant) {
        (SignInRefusal::InactiveUser, _) => Some(TokenError::new("inactive_user", "user is inactive")),
        (SignInRefusal::InactiveOrg, _) => Some(TokenError::new("inactive_org", "organization is inactive")),
        (SignInRefusal::TooManySignIns, _) => Some(TokenError::grant("login rate exceeded")),
        (SignInRefusal::NotApproved, Grant::JwtBearer) => Some(TokenError::grant("user hasn't approved this consumer")),
        (SignInRefusal::NoRunAsUser, Grant::ClientCredentials) => {
            Some(TokenError::grant("no client credentials user enabled"))
        }
        (SignInRefusal::FlowDisabled, Grant::Password) => Some(TokenError::grant("authentication failure")),
        (SignInRefusal::FlowDisabled, _) => Some(TokenError::new("unsupported_grant_type", "grant type not supported")),
        (SignInRefusal::NotApproved | SignInRefusal::NoRunAsUser, _) => None,
    }
}

/// The answer to a sign-in. It does not say how long the token lives; neither does the real one.
fn granted(org: &mut Org, is_my_domain: bool, refresh_token: Option<String>) -> Value {
    let host = if is_my_domain { &org.hosts.my_domain } else { &org.hosts.login };
    let id = identity(host, &org.user_id);
    let issued_at = Timestamp::now().as_millisecond().to_string();
    let mut answer = Map::new();
    let mut put = |key: &str, value: String| drop(answer.insert(key.to_owned(), json!(value)));
    put("access_token", org.sign_in.start_session());
    if let Some(refresh_token) = refresh_token {
        put("refresh_token", refresh_token);
    }
    put("signature", signature(&org.settings.credentials.client_secret, &format!("{id}{issued_at}")));
    put("scope", "refresh_token api".to_owned());
    put("instance_url", org.hosts.instance.clone());
    put("id", id);
    put("token_type", "Bearer".to_owned());
    put("issued_at", issued_at);
    Value::Object(answer)
}

fn identity(host: &str, user_id: &str) -> String {
    format!("{host}/id/{ORGANIZATION_ID}/{user_id}")
}

/// HMAC-SHA256 with the consumer secret, in ordinary base64.
fn signature(secret: &str, message: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    let url_safe = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap_or_default();
    url_safe.replace('-', "+").replace('_', "/") + "="
}

/// `POST /services/oauth2/revoke`.
pub(crate) fn revoke(org: &mut Org, body: &[u8]) -> Reply {
    if org.sign_in.revoke(Form::read(body).get("token")) {
        return empty(200);
    }
    TokenError::new("unsupported_token_type", "this token type is not supported").reply()
}

/// `GET /services/oauth2/userinfo`.
pub(crate) fn user_info(org: &Org, headers: &HeaderMap) -> Reply {
    if !org.sign_in.knows(headers) {
        return ApiError::new(403, "Bad_OAuth_Token", "Bad_OAuth_Token").reply();
    }
    let username = &org.settings.credentials.username;
    reply(
        200,
        &json!({
            "sub": identity(&org.hosts.instance, &org.user_id),
            "user_id": org.user_id,
            "organization_id": ORGANIZATION_ID,
            "preferred_username": username,
            "name": "Integration",
            "email": username,
            "active": true,
            "urls": {"rest": format!("{}/services/data/v{{version}}/", org.hosts.instance)},
        }),
    )
}
