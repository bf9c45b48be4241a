//! The signed assertion of the JWT bearer flow.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::fault::{Fault, FaultKind};

/// How long an assertion is good, in seconds. Salesforce refuses more than five minutes (Help, "OAuth 2.0 JWT Bearer
/// Flow"); three leave room for clocks that differ.
const LIFETIME: i64 = 180;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

/// Signs the assertion that `client_id` acts for `username`.
pub(super) fn sign(client_id: &str, username: &str, audience: &str, pem: &str, now: i64) -> Result<String, Fault> {
    let key = EncodingKey::from_rsa_pem(rewrap(pem).as_bytes()).map_err(|_| refused(pem))?;
    let claims = Claims { iss: client_id, sub: username, aud: audience, exp: now + LIFETIME };
    encode(&Header::new(Algorithm::RS256), &claims, &key).map_err(|_| refused(pem))
}

fn refused(pem: &str) -> Fault {
    let text = if pem.contains("ENCRYPTED") {
        "The private_key is encrypted. Give it without a passphrase, for example as openssl pkey writes it."
    } else {
        "The private_key is not an RSA private key in PEM form. It begins with \"-----BEGIN PRIVATE KEY-----\" or \
         \"-----BEGIN RSA PRIVATE KEY-----\"; the certificate in the Salesforce app is its public half."
    };
    Fault::new(FaultKind::SignIn, text)
}

/// Gives a PEM its lines back: a form of one line keeps it with blanks or with `\n` spelt out.
fn rewrap(pem: &str) -> String {
    let pem = pem.replace("\\n", "\n");
    let parts: Vec<&str> = pem.split("-----").map(str::trim).collect();
    let ["", begin, body, end, ""] = parts[..] else { return pem };
    let body: Vec<&str> = body.split_whitespace().collect();
    format!("-----{begin}-----\n{}\n-----{end}-----\n", body.join("\n"))
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::{DecodingKey, Validation, decode};

    use super::*;

    /// A fresh private key in PEM form, and its public half.
    pub(crate) fn fresh_key() -> (String, DecodingKey) {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der>::as_der(&pair).unwrap();
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
        (pem, DecodingKey::from_rsa_der(pair.public_key().as_ref()))
    }

    #[test]
    fn the_assertion_names_app_user_and_audience() {
        let (pem, public) = fresh_key();
        let now = jiff::Timestamp::now().as_second();
        for form in [pem.clone(), pem.replace('\n', " "), pem.replace('\n', "\\n"), pem.replace('\n', "\r\n")] {
            let jwt = sign("key", "loader@example.com", "https://login.salesforce.com", &form, now).unwrap();
            let mut validation = Validation::new(Algorithm::RS256);
            validation.set_audience(&["https://login.salesforce.com"]);
            let claims = decode::<serde_json::Value>(&jwt, &public, &validation).unwrap().claims;
            assert_eq!(claims["iss"], "key");
            assert_eq!(claims["sub"], "loader@example.com");
            assert_eq!(claims["exp"], serde_json::json!(now + 180), "a number, not a text");
        }
    }

    #[test]
    fn a_key_that_is_none_is_told_without_repeating_it() {
        for (pem, word) in [
            ("", "PEM"),
            ("hunter2", "PEM"),
            ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "PEM"),
            ("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----", "PEM"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----", "passphrase"),
        ] {
            let fault = sign("key", "loader@example.com", "https://login.salesforce.com", pem, 0).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::SignIn);
            assert!(fault.message().contains(word) && fault.message().contains("private_key"), "{pem}");
            assert!(!fault.message().contains("hunter2"));
        }
    }
}
