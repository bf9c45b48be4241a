//! The sign-in: the chosen flow with the keys that it needs.

use secrecy::SecretString;
use url::Url;

use super::credentials::Credentials;
use super::keys::AuthType;
use super::violations::Violations;
use salesforce::{LoginUrl, OAuthFlow, PrivateKey, SignIn, UrlRule};

/// Returns the sign-in, or adds the violations that prevent it.
pub fn validate(credentials: Credentials, violations: &mut Violations) -> Option<SignIn> {
    let environment =
        if credentials.keys.is_sandbox.unwrap_or_default() { Environment::Sandbox } else { Environment::Production };
    let domain_url = credentials.keys.domain_url.as_deref();
    let has_domain_url = domain_url.is_some();
    let domain_url_path = credentials.path("domain_url");
    let login_url = match domain_url {
        Some(domain_url) => parse_domain_url(domain_url, &domain_url_path, violations),
        None => Some(environment.login_url()),
    };
    let client_id = credentials.keys.client_id.clone();
    if client_id.is_none() {
        violations.add(credentials.path("client_id"), "is missing");
    }
    if violations.has("auth_type") {
        return None;
    }

    let auth_type = credentials.keys.auth_type.unwrap_or_default();
    let mut required = RequiredKeys { auth_type, credentials: &credentials, violations };
    let keys = &credentials.keys;
    let flow = match auth_type {
        AuthType::Client => {
            let client_secret = required.secret("client_secret", keys.client_secret.as_deref());
            let refresh_token = required.secret("refresh_token", keys.refresh_token.as_deref());
            OAuthFlow::RefreshToken { client_id: client_id?, client_secret, refresh_token: refresh_token? }
        }
        AuthType::ClientCredentials => {
            let client_secret = required.secret("client_secret", keys.client_secret.as_deref());
            if !has_domain_url {
                required.text("domain_url", None);
            } else if login_url.as_ref().is_some_and(is_shared) {
                violations.add(
                    domain_url_path,
                    "must be the My Domain URL of the org: login.salesforce.com and test.salesforce.com do not offer \
                     the sign-in flow ClientCredentials",
                );
            }
            OAuthFlow::ClientCredentials { client_id: client_id?, client_secret: client_secret? }
        }
        AuthType::JwtBearer => {
            let username = required.text("username", keys.username.as_deref());
            let pem = required.text("private_key", keys.private_key.as_deref());
            let path = credentials.path("private_key");
            let private_key = pem.and_then(|pem| parse_private_key(&pem, path, violations));
            let audience = environment.audience(login_url.as_ref()?);
            OAuthFlow::JwtBearer { client_id: client_id?, username: username?, audience, private_key: private_key? }
        }
        AuthType::Password => {
            let client_secret = required.secret("client_secret", keys.client_secret.as_deref());
            let username = required.text("username", keys.username.as_deref());
            let password = required.text("password", keys.password.as_deref());
            let security_token = keys.security_token.as_deref().unwrap_or_default();
            let password = SecretString::from(password? + security_token);
            OAuthFlow::Password { client_id: client_id?, client_secret: client_secret?, username: username?, password }
        }
    };
    Some(SignIn { login_url: login_url?, flow })
}

/// Adds a violation for each missing key that the flow needs.
struct RequiredKeys<'a> {
    auth_type: AuthType,
    credentials: &'a Credentials,
    violations: &'a mut Violations,
}

impl RequiredKeys<'_> {
    fn text(&mut self, key: &str, value: Option<&str>) -> Option<String> {
        if value.is_none() {
            let path = self.credentials.path(key);
            self.violations.add(path, format!("is missing; the sign-in flow {:?} needs it", self.auth_type));
        }
        value.map(str::to_owned)
    }

    fn secret(&mut self, key: &str, value: Option<&str>) -> Option<SecretString> {
        self.text(key, value).map(SecretString::from)
    }
}

/// The kind of org, as the user chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Environment {
    Production,
    Sandbox,
}

impl Environment {
    /// The login host that all orgs of this kind share.
    fn login_url(self) -> LoginUrl {
        match self {
            Self::Production => LoginUrl::production(),
            Self::Sandbox => LoginUrl::sandbox(),
        }
    }

    /// The `aud` of the JWT: the authorization server of the org, not the host that is called
    /// (Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration").
    fn audience(self, login_url: &LoginUrl) -> String {
        let host = login_url.as_url().host_str().unwrap_or_default();
        // Host names of My Domain: `org--name.sandbox.my.salesforce.com`, `name.scratch.my.salesforce.com`
        // (Salesforce Help, "My Domain URL Formats").
        let is_sandbox_host = host == "test.salesforce.com" || host.contains(".sandbox.") || host.contains(".scratch.");
        match self {
            Self::Production if !is_sandbox_host => "https://login.salesforce.com".to_owned(),
            Self::Production | Self::Sandbox => "https://test.salesforce.com".to_owned(),
        }
    }
}

fn parse_domain_url(domain_url: &str, path: &str, violations: &mut Violations) -> Option<LoginUrl> {
    let add_violation = |rule: &UrlRule| {
        if *rule == UrlRule::Host && is_browser_host(domain_url) {
            violations.add(
                path,
                "is not allowed: it is an address for browsers; use the My Domain URL, which ends in my.salesforce.com",
            );
        } else {
            violations.add(path, format!("is not allowed: {rule}"));
        }
    };
    LoginUrl::parse(domain_url).inspect_err(add_violation).ok()
}

/// Whether the URL is one that a browser shows while someone works in the org: `name.lightning.force.com`,
/// `name.my.salesforce-setup.com` (Salesforce Help, "My Domain URL Formats").
fn is_browser_host(text: &str) -> bool {
    let host = Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    host.ends_with(".force.com") || host.ends_with(".salesforce-setup.com")
}

/// Whether all orgs share the login host.
fn is_shared(login_url: &LoginUrl) -> bool {
    matches!(login_url.as_url().host_str(), Some("login.salesforce.com" | "test.salesforce.com"))
}

fn parse_private_key(pem: &str, path: String, violations: &mut Violations) -> Option<PrivateKey> {
    let private_key = PrivateKey::from_pem(pem).ok();
    if private_key.is_none() {
        violations.add(path, "must be an RSA private key of 2048 bits or more, in PEM form and without a passphrase");
    }
    private_key
}
