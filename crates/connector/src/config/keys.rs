//! The sign-in keys of a configuration that fits its schema, before the other rules are checked.
//!
//! Every key is optional, so that one broken key does not hide what is wrong with the others. The types that hold
//! secrets are not `Debug`, because here secrets are plain text.

use serde::Deserialize;

/// The keys that say how to sign in, in `credentials` or at the top of the configuration.
#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the documentation of the configuration explains each")]
pub struct SignInKeys {
    pub auth_type: Option<AuthType>,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    pub refresh_token: Option<String>,
    pub private_key: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub security_token: Option<String>,
    pub is_sandbox: Option<bool>,
    pub domain_url: Option<String>,
}

/// The values of `auth_type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the documentation of the configuration explains each")]
pub enum AuthType {
    #[default]
    Client,
    ClientCredentials,
    JwtBearer,
    Password,
}

/// Trims an identifier, a URL or a token, because pasting leaves white space around it. A blank one counts as missing.
pub fn non_blank(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
