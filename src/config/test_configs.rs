//! Configurations for the tests of this folder, and checks of them.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Config, spec};
use airbyte::FailureType;

/// A complete configuration of the flow Client, merged with `changes` (RFC 7396: null removes a key).
pub(crate) fn client(changes: Value) -> Value {
    let base = json!({"client_id": "key-of-app", "client_secret": "s3cr3t-of-app", "refresh_token": "s3cr3t-refresh"});
    with_changes(base, changes)
}

/// A configuration with rejected records in S3.
pub(super) fn s3(changes: Value) -> Value {
    let base = json!({"object_storage_config": {
        "storage_type": "S3", "s3_bucket_name": "example-rejected", "s3_bucket_region": "eu-west-1",
    }});
    with_changes(client(base), json!({ "object_storage_config": changes }))
}

/// A configuration of the flow JwtBearer.
pub(super) fn jwt(changes: Value) -> Value {
    let base = json!({
        "auth_type": "JwtBearer", "client_id": "key-of-app", "username": "loader@example.com",
        "private_key": private_key(),
    });
    with_changes(base, changes)
}

/// A configuration of the flow Password.
pub(super) fn password(changes: Value) -> Value {
    let base = json!({
        "auth_type": "Password", "client_id": "key-of-app", "client_secret": "s3cr3t-of-app",
        "username": "loader@example.com", "password": "s3cr3t-password", "security_token": "s3cr3t-token",
    });
    with_changes(base, changes)
}

/// A configuration of the flow ClientCredentials.
pub(crate) fn client_credentials(changes: Value) -> Value {
    let base = json!({
        "auth_type": "ClientCredentials", "client_id": "key-of-app", "client_secret": "s3cr3t-of-app",
        "domain_url": "https://example.my.salesforce.com",
    });
    with_changes(base, changes)
}

/// The same configuration as the form writes it: the sign-in keys are in `credentials`.
pub(super) fn in_form(flat: &Value) -> Value {
    let mut form = flat.clone();
    let keys = form.as_object_mut().unwrap();
    let mut credentials = json!({"auth_type": "Client"});
    for (key, _) in flat.as_object().unwrap().iter().filter(|(key, _)| SIGN_IN_KEYS.contains(&key.as_str())) {
        credentials[key] = keys.remove(key).unwrap();
    }
    keys.insert("credentials".to_owned(), credentials);
    form
}

const SIGN_IN_KEYS: [&str; 10] = [
    "auth_type",
    "client_id",
    "client_secret",
    "refresh_token",
    "private_key",
    "username",
    "password",
    "security_token",
    "is_sandbox",
    "domain_url",
];

fn with_changes(mut base: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { return changes };
    if !base.is_object() {
        base = json!({});
    }
    for (key, change) in changes {
        if change.is_null() {
            base.as_object_mut().unwrap().remove(&key);
        } else {
            let before = base[&key].take();
            base[&key] = with_changes(before, change);
        }
    }
    base
}

/// An RSA key in PEM form, made once for each run.
pub(super) fn private_key() -> String {
    pem("PRIVATE KEY", rsa().as_der().unwrap().as_ref())
}

/// The public half of the same key.
pub(super) fn public_key() -> String {
    pem("PUBLIC KEY", rsa().public_key().as_der().unwrap().as_ref())
}

fn rsa() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).unwrap())
}

/// DER in PEM form.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Parses a configuration that breaks no rule.
pub(crate) fn valid(config: &Value) -> Config {
    Config::parse(&config.to_string()).unwrap_or_else(|error| panic!("{config}: {error}"))
}

/// Asserts that a configuration breaks exactly the rules of `violations`, and that the error shows no secret.
pub(super) fn assert_invalid(config: &Value, violations: &[&str]) {
    let error = match Config::parse(&config.to_string()) {
        Err(error) => error,
        Ok(_) => panic!("{config} is valid, in spite of {violations:?}"),
    };
    assert_eq!(error.failure_type(), FailureType::Config, "{config}");
    let expected: Vec<_> = violations.iter().map(|violation| format!("{violation}.")).collect();
    assert_eq!(error.message(), format!("The configuration is not valid. {}", expected.join(" ")), "{config}");
    for secret in secrets(config) {
        assert!(!format!("{error:?}").contains(&secret), "{error:?} shows {secret}");
    }
}

/// The values of the keys that the specification marks as secret.
pub(super) fn secrets(config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    add_secrets(&spec().unwrap()["connectionSpecification"], config, &mut found);
    found
}

fn add_secrets(schema: &Value, config: &Value, found: &mut Vec<String>) {
    if schema["airbyte_secret"] == true {
        found.extend(config.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned));
    }
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        add_secrets(variant, config, found);
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        add_secrets(schema, &config[key], found);
    }
}
