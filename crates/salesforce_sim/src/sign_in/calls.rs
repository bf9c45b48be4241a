//! The calls `token`, `revoke` and `userinfo`.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};

use super::{assertion, token_error::TokenError};
use crate::{
    headers,
    org::Org,
    reply::{ApiError, Reply, empty, json as reply},
    settings::SignInRefusal,
};

/// A flow of OAuth 2.0 that the org supports.
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
    let is_login_host = is_login_host(headers);
    match check_sign_in(org, headers, is_login_host, &Form::read(body)) {
        Ok(new_refresh_token) => {
            org.sign_in.granted += 1;
            reply(200, &token_answer(org, is_login_host, new_refresh_token))
        }
        Err(error) => error.reply(),
    }
}

/// `localhost` stands for `login.salesforce.com`, every other name of the loopback for My Domain.
fn is_login_host(headers: &HeaderMap) -> bool {
    let host = headers::value(headers, header::HOST).unwrap_or_default();
    host.split(':').next() == Some("localhost")
}

/// Checks a sign-in, and returns the new refresh token if the org rotates them.
fn check_sign_in(
    org: &mut Org,
    headers: &HeaderMap,
    is_login_host: bool,
    form: &Form<'_>,
) -> Result<Option<String>, TokenError> {
    let grant = Grant::parse(form.get("grant_type"))
        .ok_or(TokenError::new("unsupported_grant_type", "grant type not supported"))?;
    if is_login_host && (org.settings.my_domain_only || grant == Grant::ClientCredentials) {
        return Err(TokenError::invalid_grant("request not supported on this domain"));
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
            return Err(TokenError::invalid_grant("authentication failure"));
        }
    }
    if let Some(error) = org.sign_in.refusal.and_then(|refusal| error_of(refusal, grant)) {
        return Err(error);
    }
    if grant != Grant::RefreshToken {
        return Ok(None);
    }
    if !org.sign_in.accept_refresh_token(form.get("refresh_token")) {
        return Err(TokenError::invalid_grant("expired access/refresh token"));
    }
    Ok(org.sign_in.rotates_refresh_tokens.then(|| org.sign_in.rotate_refresh_token()))
}

/// Checks the app's key and secret, which are in the form or, as HTTP Basic, in the header.
fn check_client(org: &Org, headers: &HeaderMap, form: &Form<'_>) -> Result<(), TokenError> {
    let basic =
        headers::credentials(headers, "Basic").and_then(|basic| String::from_utf8(STANDARD.decode(basic).ok()?).ok());
    let (id, secret) = match basic.as_deref().and_then(|basic| basic.split_once(':')) {
        Some(pair) => pair,
        None => (form.get("client_id"), form.get("client_secret")),
    };
    let credentials = &org.settings.credentials;
    if id != credentials.client_id {
        return Err(TokenError::invalid_client_id());
    }
    if secret != credentials.client_secret {
        return Err(TokenError::new("invalid_client", "invalid client credentials"));
    }
    Ok(())
}

/// The error of a refusal; `None` if the refusal does not concern the flow.
fn error_of(refusal: SignInRefusal, grant: Grant) -> Option<TokenError> {
    match (refusal, grant) {
        (SignInRefusal::InactiveUser, _) => Some(TokenError::new("inactive_user", "user is inactive")),
        (SignInRefusal::InactiveOrg, _) => Some(TokenError::new("inactive_org", "organization is inactive")),
        (SignInRefusal::TooManySignIns, _) => Some(TokenError::invalid_grant("login rate exceeded")),
        (SignInRefusal::NotApproved, Grant::JwtBearer) => {
            Some(TokenError::invalid_grant("user hasn't approved this consumer"))
        }
        (SignInRefusal::NoRunAsUser, Grant::ClientCredentials) => {
            Some(TokenError::invalid_grant("no client credentials user enabled"))
        }
        (SignInRefusal::FlowDisabled, Grant::Password) => Some(TokenError::invalid_grant("authentication failure")),
        (SignInRefusal::FlowDisabled, _) => Some(TokenError::new("unsupported_grant_type", "grant type not supported")),
        (SignInRefusal::NotApproved | SignInRefusal::NoRunAsUser, _) => None,
    }
}

/// The answer to a sign-in. Like Salesforce's answer, it does not say how long the token lives.
fn token_answer(org: &mut Org, is_login_host: bool, refresh_token: Option<String>) -> Value {
    let host = if is_login_host { &org.hosts.login } else { &org.hosts.my_domain };
    let id = identity(host, org);
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

fn identity(host: &str, org: &Org) -> String {
    format!("{host}/id/{}/{}", org.sign_in.organization_id, org.user_id)
}

/// HMAC-SHA256 with the consumer secret, in standard base64.
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
    if !org.sign_in.has_session(headers) {
        return ApiError::new(403, "Bad_OAuth_Token", "Bad_OAuth_Token").reply();
    }
    let username = &org.settings.credentials.username;
    reply(
        200,
        &json!({
            "sub": identity(&org.hosts.instance, org),
            "user_id": org.user_id,
            "organization_id": org.sign_in.organization_id,
            "preferred_username": username,
            "name": "Integration",
            "email": username,
            "active": true,
            "urls": {"rest": format!("{}/services/data/v{{version}}/", org.hosts.instance)},
        }),
    )
}
