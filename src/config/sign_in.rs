//! The sign-in flow, with everything that it needs and nothing else.

use jsonwebtoken::{Algorithm, EncodingKey};
use secrecy::SecretString;
use url::Url;

use super::problem::Problems;
use super::raw::{self, AuthType, filled};
use crate::salesforce::{Flow, SignIn};

const PRODUCTION: &str = "https://login.salesforce.com";
const SANDBOX: &str = "https://test.salesforce.com";

/// Builds the sign-in, or notes what keeps it from being built.
pub(super) fn validate(raw: raw::SignIn, problems: &mut Problems) -> Option<SignIn> {
    let is_sandbox = raw.is_sandbox.unwrap_or_default();
    let domain_url = filled(raw.domain_url);
    let has_domain_url = domain_url.is_some();
    let login_url = login_url(domain_url.as_deref(), is_sandbox, problems);
    let client_id = filled(raw.client_id);
    if client_id.is_none() {
        problems.add("client_id", "is missing");
    }
    if problems.has("auth_type") {
        return None;
    }

    let auth_type = raw.auth_type.unwrap_or_default();
    let mut needed = Needed { auth_type, problems };
    let flow = match auth_type {
        AuthType::Client => {
            let client_secret = needed.secret("client_secret", filled(raw.client_secret));
            let refresh_token = needed.secret("refresh_token", filled(raw.refresh_token));
            Flow::RefreshToken { client_id: client_id?, client_secret, refresh_token: refresh_token? }
        }
        AuthType::ClientCredentials => {
            let client_secret = needed.secret("client_secret", filled(raw.client_secret));
            if !has_domain_url {
                needed.text("domain_url", None);
            } else if login_url.as_ref().is_some_and(is_shared) {
                problems.add(
                    "domain_url",
                    "must be the My Domain URL of the org: login.salesforce.com and test.salesforce.com do not offer \
                     the sign-in flow ClientCredentials",
                );
            }
            Flow::ClientCredentials { client_id: client_id?, client_secret: client_secret? }
        }
        AuthType::JwtBearer => {
            let username = needed.text("username", filled(raw.username));
            let private_key = needed.text("private_key", filled(raw.private_key)).map(|text| normalised_pem(&text));
            if private_key.as_deref().is_some_and(|pem| !can_sign(pem)) {
                problems.add(
                    "private_key",
                    "must be an RSA private key of 2048 bits or more, in PEM form and without a passphrase",
                );
            }
            let audience = audience(login_url.as_ref()?, is_sandbox);
            let private_key = SecretString::from(private_key?);
            Flow::JwtBearer { client_id: client_id?, username: username?, audience, private_key }
        }
        AuthType::Password => {
            let client_secret = needed.secret("client_secret", filled(raw.client_secret));
            let username = needed.text("username", filled(raw.username));
            // White space may belong to a password.
            let password = needed.text("password", raw.password.filter(|text| !text.is_empty()));
            let security_token = filled(raw.security_token).unwrap_or_default();
            let password = SecretString::from(password? + &security_token);
            Flow::Password { client_id: client_id?, client_secret: client_secret?, username: username?, password }
        }
    };
    Some(SignIn { login_url: login_url?, flow })
}

/// The keys that the chosen flow cannot do without.
struct Needed<'a> {
    auth_type: AuthType,
    problems: &'a mut Problems,
}

impl Needed<'_> {
    fn text(&mut self, key: &str, value: Option<String>) -> Option<String> {
        if value.is_none() {
            self.problems.add(key, format!("is missing; the sign-in flow {:?} needs it", self.auth_type));
        }
        value
    }

    fn secret(&mut self, key: &str, value: Option<String>) -> Option<SecretString> {
        self.text(key, value).map(SecretString::from)
    }
}

fn login_url(domain_url: Option<&str>, is_sandbox: bool, problems: &mut Problems) -> Option<Url> {
    let Some(domain_url) = domain_url else {
        return Url::parse(if is_sandbox { SANDBOX } else { PRODUCTION }).ok();
    };
    check_url(domain_url).inspect_err(|rule| problems.add("domain_url", rule)).ok()
}

/// Whether the login host is one that all orgs share.
fn is_shared(login_url: &Url) -> bool {
    matches!(login_url.host_str(), Some("login.salesforce.com" | "test.salesforce.com"))
}

/// The `aud` of the JWT: the authorization server that the org belongs to, not the host that is called
/// (Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration").
fn audience(login_url: &Url, is_sandbox: bool) -> String {
    let host = login_url.host_str().unwrap_or_default();
    // Host names of My Domain: `org--name.sandbox.my.salesforce.com`, `name.scratch.my.salesforce.com`
    // (Salesforce Help, "My Domain URL Formats").
    let names_sandbox = host == "test.salesforce.com" || host.contains(".sandbox.") || host.contains(".scratch.");
    let audience = if is_sandbox || names_sandbox { SANDBOX } else { PRODUCTION };
    audience.to_owned()
}

/// A PEM text with plain line ends: keys are pasted with CR LF, or as one line with `\n` spelled out.
fn normalised_pem(text: &str) -> String {
    text.replace("\\r", "").replace("\\n", "\n").replace('\r', "")
}

/// Whether the key signs. A public key and one that is too short are read without complaint, and fail only here.
fn can_sign(pem: &str) -> bool {
    EncodingKey::from_rsa_pem(pem.as_bytes())
        .is_ok_and(|key| jsonwebtoken::crypto::sign(b"probe", &key, Algorithm::RS256).is_ok())
}
