//! The sign-in flow, with everything that it needs and nothing else.

use secrecy::SecretString;
use url::Url;

use super::raw::{self, AuthType, non_blank};
use super::violations::Violations;
use salesforce::{LoginUrl, OAuthFlow, PrivateKey, SignIn, UrlRule};

const PRODUCTION: &str = "https://login.salesforce.com";
const SANDBOX: &str = "https://test.salesforce.com";

/// Builds the sign-in, or notes what keeps it from being built.
pub(super) fn validate(raw: raw::SignIn, violations: &mut Violations) -> Option<SignIn> {
    let is_sandbox = raw.is_sandbox.unwrap_or_default();
    let domain_url = non_blank(raw.domain_url);
    let has_domain_url = domain_url.is_some();
    let login_url = login_url(domain_url.as_deref(), is_sandbox, violations);
    let client_id = non_blank(raw.client_id);
    if client_id.is_none() {
        violations.add("client_id", "is missing");
    }
    if violations.has("auth_type") {
        return None;
    }

    let auth_type = raw.auth_type.unwrap_or_default();
    let mut needed = Needed { auth_type, violations };
    let flow = match auth_type {
        AuthType::Client => {
            let client_secret = needed.secret("client_secret", non_blank(raw.client_secret));
            let refresh_token = needed.secret("refresh_token", non_blank(raw.refresh_token));
            OAuthFlow::RefreshToken { client_id: client_id?, client_secret, refresh_token: refresh_token? }
        }
        AuthType::ClientCredentials => {
            let client_secret = needed.secret("client_secret", non_blank(raw.client_secret));
            if !has_domain_url {
                needed.text("domain_url", None);
            } else if login_url.as_ref().is_some_and(is_shared) {
                violations.add(
                    "domain_url",
                    "must be the My Domain URL of the org: login.salesforce.com and test.salesforce.com do not offer \
                     the sign-in flow ClientCredentials",
                );
            }
            OAuthFlow::ClientCredentials { client_id: client_id?, client_secret: client_secret? }
        }
        AuthType::JwtBearer => {
            let username = needed.text("username", non_blank(raw.username));
            let pem = needed.text("private_key", non_blank(raw.private_key));
            let private_key = pem.map(|pem| PrivateKey::from_pem(&pem)).transpose();
            if private_key.is_err() {
                violations.add(
                    "private_key",
                    "must be an RSA private key of 2048 bits or more, in PEM form and without a passphrase",
                );
            }
            let audience = audience(login_url.as_ref()?, is_sandbox);
            let private_key = private_key.ok()??;
            OAuthFlow::JwtBearer { client_id: client_id?, username: username?, audience, private_key }
        }
        AuthType::Password => {
            let client_secret = needed.secret("client_secret", non_blank(raw.client_secret));
            let username = needed.text("username", non_blank(raw.username));
            // White space may belong to a password.
            let password = needed.text("password", raw.password.filter(|text| !text.is_empty()));
            let security_token = non_blank(raw.security_token).unwrap_or_default();
            let password = SecretString::from(password? + &security_token);
            OAuthFlow::Password { client_id: client_id?, client_secret: client_secret?, username: username?, password }
        }
    };
    Some(SignIn { login_url: login_url?, flow })
}

/// The keys that the chosen flow cannot do without.
struct Needed<'a> {
    auth_type: AuthType,
    violations: &'a mut Violations,
}

impl Needed<'_> {
    fn text(&mut self, key: &str, value: Option<String>) -> Option<String> {
        if value.is_none() {
            self.violations.add(key, format!("is missing; the sign-in flow {:?} needs it", self.auth_type));
        }
        value
    }

    fn secret(&mut self, key: &str, value: Option<String>) -> Option<SecretString> {
        self.text(key, value).map(SecretString::from)
    }
}

fn login_url(domain_url: Option<&str>, is_sandbox: bool, violations: &mut Violations) -> Option<LoginUrl> {
    let Some(domain_url) = domain_url else {
        return Some(if is_sandbox { LoginUrl::sandbox() } else { LoginUrl::production() });
    };
    let refused = |rule: &UrlRule| {
        if *rule == UrlRule::Host && is_page_host(domain_url) {
            violations.add(
                "domain_url",
                "is refused: it leads to pages; the login is at the host that ends in my.salesforce.com",
            );
        } else {
            violations.add("domain_url", format!("is refused: {rule}"));
        }
    };
    LoginUrl::parse(domain_url).inspect_err(refused).ok()
}

/// Whether a URL is one that a browser shows while someone works in the org: `name.lightning.force.com`,
/// `name.my.salesforce-setup.com` (Salesforce Help, "My Domain URL Formats").
fn is_page_host(text: &str) -> bool {
    let host = Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    host.ends_with(".force.com") || host.ends_with(".salesforce-setup.com")
}

/// Whether the login host is one that all orgs share.
fn is_shared(login_url: &LoginUrl) -> bool {
    matches!(login_url.as_url().host_str(), Some("login.salesforce.com" | "test.salesforce.com"))
}

/// The `aud` of the JWT: the authorization server that the org belongs to, not the host that is called
/// (Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration").
fn audience(login_url: &LoginUrl, is_sandbox: bool) -> String {
    let host = login_url.as_url().host_str().unwrap_or_default();
    // Host names of My Domain: `org--name.sandbox.my.salesforce.com`, `name.scratch.my.salesforce.com`
    // (Salesforce Help, "My Domain URL Formats").
    let names_sandbox = host == "test.salesforce.com" || host.contains(".sandbox.") || host.contains(".scratch.");
    let audience = if is_sandbox || names_sandbox { SANDBOX } else { PRODUCTION };
    audience.to_owned()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;
    use crate::config::test_configs::{
        assert_invalid, client, client_credentials, jwt, password, pem, private_key, public_key, valid,
    };

    #[test]
    fn refresh_token_is_the_flow_without_an_auth_type() {
        for auth_type in [Value::Null, json!("Client")] {
            let config = valid(&client(json!({"auth_type": auth_type, "client_id": " key-of-app\n"})));
            let OAuthFlow::RefreshToken { client_id, client_secret, refresh_token } = &config.sign_in().flow else {
                panic!("{:?}", config.sign_in());
            };
            assert_eq!(client_id, "key-of-app");
            assert_eq!(client_secret.as_ref().unwrap().expose_secret(), "s3cr3t-of-app");
            assert_eq!(refresh_token.expose_secret(), "s3cr3t-refresh");
            assert!(!config.uses_password_flow());
        }
    }

    #[test]
    fn client_credentials_go_to_the_my_domain() {
        let config = valid(&client_credentials(json!({})));
        let OAuthFlow::ClientCredentials { client_id, client_secret } = &config.sign_in().flow else {
            panic!("{:?}", config.sign_in());
        };
        assert_eq!((&**client_id, client_secret.expose_secret()), ("key-of-app", "s3cr3t-of-app"));
        assert_eq!(config.sign_in().login_url.as_url().as_str(), "https://example.my.salesforce.com/");
    }

    #[test]
    fn the_security_token_goes_behind_the_password_as_it_is() {
        for (changes, expected) in [
            (json!({}), "s3cr3t-passwords3cr3t-token"),
            (json!({"security_token": null}), "s3cr3t-password"),
            (json!({"password": " s3cr3t ", "security_token": " token\n"}), " s3cr3t token"),
        ] {
            let config = valid(&password(changes));
            let OAuthFlow::Password { username, password, .. } = &config.sign_in().flow else {
                panic!("{:?}", config.sign_in());
            };
            assert_eq!((&**username, password.expose_secret()), ("loader@example.com", expected));
            assert!(config.uses_password_flow());
        }
    }

    #[test]
    fn a_private_key_may_be_pasted_in_many_ways() {
        let key = private_key();
        let line_ends = ["\n", "\r\n", "\r", "\\n", "\\r\\n", " "];
        for typed in line_ends.map(|line_end| key.replace('\n', line_end)).into_iter().chain([format!("\n {key} ")]) {
            let config = valid(&jwt(json!({"private_key": typed, "client_secret": null})));
            let OAuthFlow::JwtBearer { username, .. } = &config.sign_in().flow else {
                panic!("{:?}", config.sign_in());
            };
            assert_eq!(username, "loader@example.com");
        }
    }

    #[test]
    fn what_cannot_sign_is_not_a_private_key() {
        let rule =
            "`private_key` must be an RSA private key of 2048 bits or more, in PEM form and without a passphrase";
        let elliptic = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let key = private_key();
        for typed in [
            "s3cr3t-but-no-key".to_owned(),
            public_key(),
            pem("PRIVATE KEY", elliptic.as_ref()),
            key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            key[..key.len() / 2].to_owned(),
        ] {
            assert_invalid(&jwt(json!({ "private_key": typed })), &[rule]);
        }
    }

    #[test]
    fn the_audience_is_the_authorization_server_of_the_org() {
        const LOGIN: &str = "https://login.salesforce.com";
        const TEST: &str = "https://test.salesforce.com";
        for (changes, login_url, expected) in [
            (json!({}), LOGIN, LOGIN),
            (json!({"is_sandbox": true}), TEST, TEST),
            (json!({"domain_url": " https://example.my.salesforce.com "}), "https://example.my.salesforce.com", LOGIN),
            (json!({"domain_url": TEST}), TEST, TEST),
            (
                json!({"domain_url": "https://example.my.salesforce.com", "is_sandbox": true}),
                "https://example.my.salesforce.com",
                TEST,
            ),
            (
                json!({"domain_url": "https://example--dev.sandbox.my.salesforce.com"}),
                "https://example--dev.sandbox.my.salesforce.com",
                TEST,
            ),
            (
                json!({"domain_url": "https://example.scratch.my.salesforce.com"}),
                "https://example.scratch.my.salesforce.com",
                TEST,
            ),
            (json!({"domain_url": "http://127.0.0.1:8080"}), "http://127.0.0.1:8080", LOGIN),
            (json!({"domain_url": "http://127.0.0.1:8080", "is_sandbox": true}), "http://127.0.0.1:8080", TEST),
        ] {
            let config = valid(&jwt(changes.clone()));
            assert_eq!(config.sign_in().login_url, LoginUrl::parse(login_url).unwrap(), "{changes}");
            let OAuthFlow::JwtBearer { audience, .. } = &config.sign_in().flow else { panic!("{changes}") };
            assert_eq!(audience, expected, "{changes}");
        }
    }

    #[test]
    fn each_flow_names_the_keys_that_it_misses() {
        let blank = |keys: &[&str], blank: Value| -> Value {
            Value::Object(keys.iter().map(|key| ((*key).to_owned(), blank.clone())).collect())
        };
        type Sample = fn(Value) -> Value;
        let cases: [(Sample, &str, &[&str]); 4] = [
            (client, "Client", &["client_secret", "refresh_token"]),
            (client_credentials, "ClientCredentials", &["client_secret", "domain_url"]),
            (jwt, "JwtBearer", &["username", "private_key"]),
            (password, "Password", &["client_secret", "username", "password"]),
        ];
        for (sample, flow, keys) in cases {
            let violations: Vec<_> =
                keys.iter().map(|key| format!("`{key}` is missing; the sign-in flow {flow} needs it")).collect();
            let violations: Vec<_> = violations.iter().map(String::as_str).collect();
            assert_invalid(&sample(blank(keys, Value::Null)), &violations);
            assert_invalid(&sample(blank(keys, json!(""))), &violations);
        }
    }

    #[test]
    fn client_credentials_refuse_the_hosts_that_all_orgs_share() {
        for url in ["https://login.salesforce.com", "https://test.salesforce.com/"] {
            let problem = "`domain_url` must be the My Domain URL of the org: login.salesforce.com and \
                           test.salesforce.com do not offer the sign-in flow ClientCredentials";
            assert_invalid(&client_credentials(json!({ "domain_url": url })), &[problem]);
        }
    }

    #[test]
    fn a_login_url_that_must_not_see_credentials_is_refused() {
        let page = "it leads to pages; the login is at the host that ends in my.salesforce.com";
        for (url, rule) in [
            ("https://example.lightning.force.com", page),
            ("https://example.my.salesforce-setup.com/lightning", page),
            ("https://login.example.com", &UrlRule::Host.to_string()),
            ("http://login.salesforce.com", &UrlRule::Scheme.to_string()),
            ("example.my.salesforce.com", &UrlRule::NotAUrl.to_string()),
            ("https://u:s3cr3t@example.my.salesforce.com", &UrlRule::UserInfo.to_string()),
        ] {
            let problem = format!("`domain_url` is refused: {rule}");
            assert_invalid(&client(json!({ "domain_url": url })), &[&problem]);
            assert_invalid(&client_credentials(json!({ "domain_url": url })), &[&problem]);
        }
    }
}
