//! The signed assertion of the JWT bearer flow.

use jsonwebtoken::{Algorithm, Header, encode};
use serde::Serialize;

use super::{PrivateKey, PrivateKeyError};
use crate::fault::{Fault, FaultKind};

/// How long an assertion is valid, in seconds. Salesforce refuses more than five minutes (Help, "OAuth 2.0 JWT Bearer
/// Flow"); three leave room for clocks that differ.
const LIFETIME: i64 = 180;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

/// Signs the assertion that the app `client_id` acts for `username`. `now` is in seconds since 1970.
pub(super) fn sign(
    client_id: &str,
    username: &str,
    audience: &str,
    key: &PrivateKey,
    now: i64,
) -> Result<String, Fault> {
    let claims = Claims { iss: client_id, sub: username, aud: audience, exp: now + LIFETIME };
    let sign = |key| encode(&Header::new(Algorithm::RS256), &claims, &key).map_err(|_| PrivateKeyError::NotAPrivateKey);
    key.encoding_key().and_then(sign).map_err(|error| Fault::new(FaultKind::SignIn, error.to_string()))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Validation, decode};

    use super::*;
    use crate::token::private_key::tests::new_key;

    #[test]
    fn the_assertion_names_app_user_and_audience() {
        let (pem, public) = new_key();
        let now = jiff::Timestamp::now().as_second();
        for form in [pem.clone(), pem.replace('\n', " "), pem.replace('\n', "\\n"), pem.replace('\n', "\r\n")] {
            let key = PrivateKey::from_pem(&form).unwrap();
            let jwt = sign("key", "loader@example.com", "https://login.salesforce.com", &key, now).unwrap();
            let mut validation = Validation::new(Algorithm::RS256);
            validation.set_audience(&["https://login.salesforce.com"]);
            let claims = decode::<serde_json::Value>(&jwt, &public, &validation).unwrap().claims;
            assert_eq!(claims["iss"], "key");
            assert_eq!(claims["sub"], "loader@example.com");
            assert_eq!(claims["exp"], serde_json::json!(now + 180), "a number, not a text");
        }
    }

    /// Salesforce refuses one that is valid for more than five minutes.
    #[test]
    fn an_assertion_is_valid_for_three_minutes() {
        assert_eq!(LIFETIME, 180);
    }
}
