//! The assertion of the JWT bearer flow (Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server
//! Integration").

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::token_error::TokenError;
use crate::org::Org;

/// Checks the signature of an assertion, then its issuer, subject, audience and expiry.
pub(super) fn check(org: &Org, assertion: &str) -> Result<(), TokenError> {
    let credentials = &org.settings.credentials;
    let invalid = || TokenError::invalid_grant("invalid assertion");
    let key = credentials.public_key.as_deref().ok_or_else(invalid)?;
    let key = DecodingKey::from_rsa_pem(key.as_bytes()).map_err(|_| invalid())?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Value>(assertion, &key, &validation).map_err(|_| invalid())?.claims;

    if claims["iss"] != credentials.client_id.as_str() {
        return Err(TokenError::invalid_client_id());
    }
    if claims["sub"] != credentials.username.as_str() {
        return Err(TokenError::invalid_grant("user hasn't approved this consumer"));
    }
    let audiences =
        [&org.hosts.login, &org.hosts.my_domain, "https://login.salesforce.com", "https://test.salesforce.com"];
    let audience = claims["aud"].as_str().unwrap_or_default().trim_end_matches('/');
    if !audiences.contains(&audience) {
        return Err(TokenError::invalid_grant("Audience validation failed"));
    }
    // Clients send the seconds as a number, as a text, or with a fraction.
    let expires = match &claims["exp"] {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    let now = Timestamp::now().as_duration().as_secs_f64();
    match expires {
        Some(expires) if expires > now => Ok(()),
        Some(_) => Err(TokenError::invalid_grant("expired authorization code")),
        None => Err(invalid()),
    }
}
