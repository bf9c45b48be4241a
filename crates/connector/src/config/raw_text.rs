//! The text of the configuration, kept to send it back to the platform with a new refresh token.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::{RawValue, to_raw_value};

use airbyte::{Error, Result};

/// The configuration as the user wrote it, on one line. It keeps keys that this version does not know, and the way each
/// number is written.
#[derive(Debug, Clone)]
pub struct RawText(SecretString);

impl RawText {
    /// Keeps `text`, which must be a JSON object.
    pub fn new(text: &str) -> Self {
        Self(compact(text).into())
    }

    /// The configuration with a new `refresh_token` in each place that has one; nothing else changes.
    pub fn with_refresh_token(&self, token: &SecretString) -> Result<Box<RawValue>> {
        let mut keys = object(self.0.expose_secret())
            .ok_or_else(|| cannot_be_written("the text is not an object of JSON values"))?;
        let token =
            to_raw_value(token.expose_secret()).map_err(|_| cannot_be_written("the token cannot be written"))?;
        let credentials = keys.get("credentials").and_then(|text| object(text.get()));
        let credentials = credentials.filter(has_refresh_token);
        if credentials.is_none() || has_refresh_token(&keys) {
            keys.insert(KEY.to_owned(), token.clone());
        }
        if let Some(mut credentials) = credentials {
            credentials.insert(KEY.to_owned(), token);
            keys.insert("credentials".to_owned(), text(&credentials)?);
        }
        text(&keys)
    }
}

const KEY: &str = "refresh_token";

type Keys = BTreeMap<String, Box<RawValue>>;

fn object(text: &str) -> Option<Keys> {
    serde_json::from_str(text).ok()
}

fn has_refresh_token(keys: &Keys) -> bool {
    let token = keys.get(KEY).and_then(|text| serde_json::from_str::<String>(text.get()).ok());
    token.is_some_and(|token| !token.trim().is_empty())
}

fn text(keys: &Keys) -> Result<Box<RawValue>> {
    to_raw_value(keys).map_err(|_| cannot_be_written("the keys cannot be written"))
}

fn cannot_be_written(detail: &'static str) -> Error {
    Error::system("The configuration with the new refresh token cannot be written.").internal(detail)
}

/// Removes the white space between the tokens, because a protocol message is a single line.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |&character: &char| {
        if !in_string {
            in_string = character == '"';
            return !character.is_ascii_whitespace();
        }
        if !escaped && character == '"' {
            in_string = false;
        }
        escaped = !escaped && character == '\\';
        true
    };
    json.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_refresh_token_changes() {
        for (text, expected) in [
            (r#"{"a":1,"refresh_token":"old"}"#, r#"{"a":1,"refresh_token":"new \"one\""}"#),
            (
                r#"{"refresh_token":"old","other":{"refresh_token":"old"}}"#,
                r#"{"other":{"refresh_token":"old"},"refresh_token":"new \"one\""}"#,
            ),
            ("{}", r#"{"refresh_token":"new \"one\""}"#),
            (
                r#"{"credentials": {"refresh_token": "old", "n": 5.0}}"#,
                r#"{"credentials":{"n":5.0,"refresh_token":"new \"one\""}}"#,
            ),
            (
                r#"{"credentials": {"refresh_token": "old"}, "refresh_token": " "}"#,
                r#"{"credentials":{"refresh_token":"new \"one\""},"refresh_token":" "}"#,
            ),
            (
                r#"{"credentials": {"refresh_token": ""}, "refresh_token": "old"}"#,
                r#"{"credentials":{"refresh_token":""},"refresh_token":"new \"one\""}"#,
            ),
            // Both places have one, and the next version may read either.
            (
                r#"{"credentials": {"refresh_token": "old"}, "refresh_token": "old"}"#,
                r#"{"credentials":{"refresh_token":"new \"one\""},"refresh_token":"new \"one\""}"#,
            ),
            (
                r#"{"credentials": {"auth_type": "Client"}, "refresh_token": "old"}"#,
                r#"{"credentials":{"auth_type":"Client"},"refresh_token":"new \"one\""}"#,
            ),
            // White space is removed between the tokens of every depth, also behind quotes and backslashes.
            (
                "{ \"a\": [\"b \\\\\" ,\n 1, \"c \\\" d\" ,\r 2, {\"e \\\\\\\"\" :\t\"\" ,  \"f\": 3}] }",
                "{\"a\":[\"b \\\\\",1,\"c \\\" d\",2,{\"e \\\\\\\"\":\"\",\"f\":3}],\"refresh_token\":\"new \\\"one\\\"\"}",
            ),
            // Numbers keep their digits, unknown keys are kept, and the text is on one line.
            (
                "{\r\n\t\"n\": [5.0, 1e2, 12345678901234567890123],\n\"t\": \"a \\\" b\\\\\", \"u\\u00e9\": null\n}",
                "{\"n\":[5.0,1e2,12345678901234567890123],\"refresh_token\":\"new \\\"one\\\"\",\"t\":\"a \\\" b\\\\\",\
                 \"u\u{e9}\":null}",
            ),
        ] {
            let config = RawText::new(text).with_refresh_token(&"new \"one\"".into()).unwrap();
            assert_eq!(config.get(), expected);
        }
    }
}
