//! The text of a configuration, checked against the specification.

use salesforce::SignIn;
use serde::de::DeserializeOwned;
use serde_json::Value;

use airbyte::{Error, Result};

use super::unknown_keys::{self, UnknownKey};
use super::violations::Violations;
use super::{SignInKeys, credentials, remove_nulls, schema, sign_in};

/// The text of a configuration as JSON, without keys that are null.
///
/// # Errors
/// The text is not a JSON object. The error never repeats a value, because the value may be a secret.
pub fn read(text: &str) -> Result<Value> {
    let mut json: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::config(format!("The configuration is not JSON: it cannot be read at line {line}, column {column}."))
    })?;
    if !json.is_object() {
        return Err(Error::config("The configuration must be a JSON object."));
    }
    remove_nulls(&mut json);
    Ok(json)
}

/// The rules of a connector for keys that its specification does not have.
pub struct Rules<'r> {
    /// The specification.
    pub spec: &'r Value,
    /// The keys whose loss changes neither which records are written nor how.
    pub harmless: &'r [&'r str],
    /// Whether every unknown key breaks a rule.
    pub is_strict: bool,
}

/// The keys as a connector reads them, and those that its specification does not have. Every rule of the specification
/// that the configuration breaks is added to `violations`.
///
/// # Errors
/// A defect: the specification has no valid schema, or allows what `T` cannot be read from.
pub fn check<T: DeserializeOwned>(
    mut json: Value,
    rules: &Rules<'_>,
    violations: &mut Violations,
) -> Result<(T, Vec<UnknownKey>)> {
    let unknown_keys = unknown_keys::find(&json, &rules.spec["connectionSpecification"], rules.harmless);
    for unknown in unknown_keys.iter().filter(|unknown| rules.is_strict || unknown.changes_records) {
        violations.add(unknown.key.clone(), unknown.rule());
    }
    schema::check(&mut json, rules.spec, violations)?;
    let keys = serde_json::from_value(json)
        .map_err(|_| Error::system("The configuration matches its specification, but cannot be read."))?;
    Ok((keys, unknown_keys))
}

/// The sign-in of both places of its keys; none if there are violations of its rules.
pub fn sign_in(object: Option<SignInKeys>, top: SignInKeys, violations: &mut Violations) -> Option<SignIn> {
    let credentials = credentials::join(object, top, violations)?;
    sign_in::validate(credentials, violations)
}

/// The sign-in of a configuration without violations.
///
/// # Errors
/// A rule is broken: one error lists all of them.
pub fn valid(sign_in: Option<SignIn>, violations: Violations) -> Result<SignIn> {
    violations.into_result()?;
    // Both functions that find the sign-in add a violation whenever they return nothing.
    sign_in.ok_or_else(|| Error::system("The sign-in is incomplete, although no rule is broken."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_json_object_is_a_configuration_and_null_is_no_value() {
        for (text, part) in [
            ("{", "is not JSON: it cannot be read at line 1, column 1"),
            ("[]", "must be a JSON object"),
            ("\"secret\"", "must be a JSON object"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message().contains(part) && !error.message().contains("secret"), "{}", error.message());
        }
        assert_eq!(read(r#"{"a": null, "b": {"c": null, "d": [1]}}"#).unwrap(), json!({"b": {"d": [1]}}));
    }

    #[test]
    fn an_unknown_key_breaks_a_rule_if_it_may_change_records_or_in_a_strict_check() {
        let spec = json!({"connectionSpecification": {
            "type": "object",
            "properties": {"filter": {"type": "string"}, "speed": {"type": "integer"}},
        }});
        for (config, is_strict, rules) in [
            (json!({"filter": "a", "speed": 3}), true, 0),
            (json!({"fliter": "a"}), false, 1),
            (json!({"sped": 3}), false, 0),
            (json!({"sped": 3}), true, 1),
            (json!({"something_else": 3}), false, 0),
            (json!({"speed": "fast"}), false, 1),
        ] {
            let mut violations = Violations::default();
            let rules_of = Rules { spec: &spec, harmless: &["speed"], is_strict };
            let checked: (Value, Vec<UnknownKey>) = check(config.clone(), &rules_of, &mut violations).unwrap();
            let is_known = config.as_object().unwrap().keys().all(|key| ["filter", "speed"].contains(&&**key));
            assert_eq!(checked.1.is_empty(), is_known, "{config}");
            assert_eq!(violations.into_result().is_err(), rules > 0, "{config} {is_strict}");
        }
    }
}
