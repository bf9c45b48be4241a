//! Tests of the sign-in keys, through the whole configuration.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use salesforce::{LoginUrl, OAuthFlow, UrlRule};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::config::test_configs::{
    assert_invalid, client, client_credentials, jwt, password, pem, private_key, public_key, valid,
};

#[test]
fn the_default_flow_is_the_refresh_token() {
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
fn client_credentials_are_sent_to_the_my_domain_url() {
    let config = valid(&client_credentials(json!({})));
    let OAuthFlow::ClientCredentials { client_id, client_secret } = &config.sign_in().flow else {
        panic!("{:?}", config.sign_in());
    };
    assert_eq!((&**client_id, client_secret.expose_secret()), ("key-of-app", "s3cr3t-of-app"));
    assert_eq!(config.sign_in().login_url.as_url().as_str(), "https://example.my.salesforce.com/");
}

#[test]
fn the_security_token_is_appended_to_the_password() {
    for (changes, expected) in [
        (json!({}), "s3cr3t-passwords3cr3t-token"),
        (json!({"is_sandbox": true}), "s3cr3t-passwords3cr3t-token"),
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
fn a_private_key_may_have_any_line_ends() {
    let key = private_key();
    let line_ends = ["\n", "\r\n", "\r", "\\n", "\\r\\n", " "];
    for pasted in line_ends.map(|line_end| key.replace('\n', line_end)).into_iter().chain([format!("\n {key} ")]) {
        let config = valid(&jwt(json!({"private_key": pasted, "client_secret": null})));
        let OAuthFlow::JwtBearer { username, .. } = &config.sign_in().flow else {
            panic!("{:?}", config.sign_in());
        };
        assert_eq!(username, "loader@example.com");
    }
}

#[test]
fn a_key_that_cannot_sign_is_not_accepted() {
    let rule = "`private_key` must be an RSA private key of 2048 bits or more, in PEM form and without a passphrase";
    let elliptic = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
    let key = private_key();
    for text in [
        "s3cr3t-but-no-key".to_owned(),
        public_key(),
        pem("PRIVATE KEY", elliptic.as_ref()),
        key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
        key[..key.len() / 2].to_owned(),
    ] {
        assert_invalid(&jwt(json!({ "private_key": text })), &[rule]);
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
fn each_flow_names_its_missing_keys() {
    let blank = |keys: &[&str], blank: Value| -> Value {
        Value::Object(keys.iter().map(|key| ((*key).to_owned(), blank.clone())).collect())
    };
    type TestConfig = fn(Value) -> Value;
    let cases: [(TestConfig, &str, &[&str]); 4] = [
        (client, "Client", &["client_secret", "refresh_token"]),
        (client_credentials, "ClientCredentials", &["client_secret", "domain_url"]),
        (jwt, "JwtBearer", &["username", "private_key"]),
        (password, "Password", &["client_secret", "username", "password"]),
    ];
    for (config, flow, keys) in cases {
        let violations: Vec<_> =
            keys.iter().map(|key| format!("`{key}` is missing; the sign-in flow {flow} needs it")).collect();
        let violations: Vec<_> = violations.iter().map(String::as_str).collect();
        assert_invalid(&config(blank(keys, Value::Null)), &violations);
        assert_invalid(&config(blank(keys, json!(""))), &violations);
    }
}

#[test]
fn client_credentials_need_a_host_of_the_org() {
    for url in ["https://login.salesforce.com", "https://test.salesforce.com/"] {
        let violation = "`domain_url` must be the My Domain URL of the org: login.salesforce.com and \
                       test.salesforce.com do not offer the sign-in flow ClientCredentials";
        assert_invalid(&client_credentials(json!({ "domain_url": url })), &[violation]);
    }
}

#[test]
fn a_url_that_must_not_receive_credentials_is_not_accepted() {
    let page = "it is an address for browsers; use the My Domain URL, which ends in my.salesforce.com";
    for (url, rule) in [
        ("https://example.lightning.force.com", page),
        ("https://example.my.salesforce-setup.com/lightning", page),
        ("https://login.example.com", &UrlRule::Host.to_string()),
        ("http://login.salesforce.com", &UrlRule::Scheme.to_string()),
        ("example.my.salesforce.com", &UrlRule::NotAUrl.to_string()),
        ("https://u:s3cr3t@example.my.salesforce.com", &UrlRule::UserInfo.to_string()),
    ] {
        let violation = format!("`domain_url` is not allowed: {rule}");
        assert_invalid(&client(json!({ "domain_url": url })), &[&violation]);
        assert_invalid(&client_credentials(json!({ "domain_url": url })), &[&violation]);
    }
}
