//! Checks that no secret is in the output of the connector.

use serde_json::Value;

use crate::protocol_model::{Message, parse};

/// The keys of the configuration whose values are secrets.
const SECRET_KEYS: [&str; 7] = [
    "client_secret",
    "refresh_token",
    "private_key",
    "password",
    "security_token",
    "access_key_id",
    "secret_access_key",
];

/// The start of every access token of a simulated org.
const ACCESS_TOKEN: &str = "00DSim000000001!";

/// The secrets of a configuration, in each form in which they could leak.
pub(super) fn secrets_of(config: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    if let Ok(config) = serde_json::from_str(config) {
        collect_secrets(&config, &mut secrets);
    }
    secrets
}

fn collect_secrets(config: &Value, secrets: &mut Vec<String>) {
    let Some(keys) = config.as_object() else { return };
    for (key, value) in keys {
        match value {
            Value::String(secret) if SECRET_KEYS.contains(&key.as_str()) => {
                // A PEM key can leak line by line. Its first and last line are not secret.
                let lines = secret.split("\\n").flat_map(str::lines);
                for line in lines.filter(|line| !line.trim().is_empty() && !line.starts_with("-----")) {
                    let in_json = Value::from(line).to_string();
                    let in_form: String = url::form_urlencoded::byte_serialize(line.as_bytes()).collect();
                    secrets.extend([in_json.trim_matches('"').to_owned(), in_form]);
                }
            }
            other => collect_secrets(other, secrets),
        }
    }
}

/// Fails when a secret is in the output. Only a configuration that is sent to the platform may have secrets.
#[track_caller]
pub(super) fn assert_no_secret(stdout: &str, mut secrets: Vec<String>) {
    let mut lines: Vec<&str> = stdout.lines().collect();
    lines.retain(|line| match &*parse(line) {
        [Message::Control { control }] => {
            collect_secrets(&control.connector_config.config, &mut secrets);
            assert!(!line.contains(ACCESS_TOKEN), "an access token: {line}");
            false
        }
        _ => true,
    });
    for line in lines {
        assert!(!line.contains(ACCESS_TOKEN), "an access token: {line}");
        // The failure does not print the secret.
        let leaked = secrets.iter().position(|secret| line.contains(secret.as_str()));
        assert!(leaked.is_none(), "a secret: {line}");
    }
}
