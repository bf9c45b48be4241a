//! Reads configurations. Every text is accepted or rejected, and no secret is shown.
#![no_main]

use destination_salesforce::config::Config;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The secret of every seed, and a new token that is sent to the platform.
const SECRET: &str = "s3cr3t";
const NEW_TOKEN: &str = "new \"token\"\n";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let config = match Config::parse(text) {
        Ok(config) => config,
        Err(error) => {
            // The error names keys, so the secret may only be shown if it is one.
            let shown = format!("{} {:?}", error.message(), error.internal_message());
            assert!(!shown.contains(SECRET) || value(text).is_ok_and(|it| is_in_a_key(&it)), "{shown}");
            return;
        }
    };
    let shown = format!("{config:?}");
    assert!(!shown.contains(SECRET) || !value(text).is_ok_and(|it| is_only_secret(&it)), "{shown}");
    assert!((10_000..=100_000_000).contains(&config.batch_size()));
    assert!((1..=25).contains(&config.max_parallel_jobs()));
    assert!(!config.flush_interval().is_zero());
    assert!(config.max_api_usage_percent().is_none_or(|percent| (1.0..=100.0).contains(&percent)));

    let updated = config.with_refresh_token(&NEW_TOKEN.into()).unwrap();
    assert!(!updated.get().contains('\n'));
    // serde_json cannot read numbers beyond the range of a float.
    if let (Ok(mut before), Ok(mut after)) = (value(text), value(updated.get())) {
        take_tokens(&mut before);
        let tokens = take_tokens(&mut after);
        assert!(!tokens.is_empty() && tokens.iter().all(|token| token == NEW_TOKEN), "{tokens:?}");
        assert_eq!(before, after);
    }
    Config::parse(updated.get()).unwrap();
});

fn value(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text)
}

/// Removes the refresh tokens, which stand among the keys of the sign-in or at the top, or in both places. Returns those
/// that are not blank.
fn take_tokens(config: &mut Value) -> Vec<String> {
    let in_credentials = config.get_mut("credentials").and_then(Value::as_object_mut);
    let in_credentials = in_credentials.and_then(|credentials| credentials.remove("refresh_token"));
    let at_the_top = config.as_object_mut().and_then(|config| config.remove("refresh_token"));
    let tokens = [in_credentials, at_the_top].into_iter().flatten();
    tokens.filter_map(|token| Some(token.as_str()?.to_owned())).filter(|token| !token.trim().is_empty()).collect()
}

/// The keys whose values are secret.
const SECRET_KEYS: [&str; 6] =
    ["client_secret", "refresh_token", "private_key", "password", "security_token", "secret_access_key"];

fn is_in_a_key(value: &Value) -> bool {
    match value {
        Value::Object(keys) => keys.iter().any(|(key, value)| key.contains(SECRET) || is_in_a_key(value)),
        Value::Array(items) => items.iter().any(is_in_a_key),
        _ => false,
    }
}

/// Whether the secret is only under the keys for secrets.
fn is_only_secret(value: &Value) -> bool {
    match value {
        Value::Object(keys) => keys.iter().all(|(key, value)| {
            !key.contains(SECRET) && (SECRET_KEYS.contains(&key.as_str()) || is_only_secret(value))
        }),
        Value::Array(items) => items.iter().all(is_only_secret),
        Value::String(text) => !text.contains(SECRET),
        _ => true,
    }
}
