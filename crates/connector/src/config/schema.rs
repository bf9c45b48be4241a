//! The specification of a connector, and the check of a configuration against its schema.

use std::fmt::Write as _;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::violations::Violations;
use airbyte::{Error, Result};

/// Reads the specification that is built into a connector, as its `spec` command prints it.
///
/// # Errors
/// A defect: the text is a part of the program.
pub fn parse(spec: &str) -> Result<Value> {
    serde_json::from_str(spec).map_err(unreadable)
}

fn unreadable(detail: impl std::fmt::Display) -> Error {
    Error::system("The specification that is built into the connector cannot be read.").internal(detail)
}

/// Adds every rule of the schema of `spec` that `config` breaks, and replaces the values that break one with null.
///
/// # Errors
/// A defect: the specification has no valid schema.
pub fn check(config: &mut Value, spec: &Value, violations: &mut Violations) -> Result<()> {
    let schema = &spec["connectionSpecification"];
    let validator = jsonschema::validator_for(schema).map_err(unreadable)?;

    let mut invalid_values = Vec::new();
    for error in validator.iter_errors(config) {
        add_violation(&error, schema, violations, &mut invalid_values);
    }
    for path in invalid_values {
        if let Some(value) = config.pointer_mut(&path) {
            *value = Value::Null;
        }
    }
    Ok(())
}

/// Adds an error of the validator in our own words, because its messages repeat the value, which may be a secret. Adds
/// the path of the value to `invalid_values`, unless the value is missing.
fn add_violation(
    error: &ValidationError<'_>,
    schema: &Value,
    violations: &mut Violations,
    invalid_values: &mut Vec<String>,
) {
    let path = error.instance_path();
    // Forms send an empty text for a choice that was not made.
    let is_left_out = match error.kind() {
        ValidationErrorKind::Enum { .. } => is_blank(error.instance()),
        ValidationErrorKind::OneOfNotValid { .. } => chooses_nothing(error.instance()),
        _ => false,
    };
    if is_left_out {
        invalid_values.push(path.as_str().to_owned());
        return;
    }
    let key = key_of(path);
    let rule = match error.kind() {
        // A pattern helps the user who fills in the form. The rules of the types refuse the same values, and say more.
        ValidationErrorKind::Pattern { .. } => return,
        ValidationErrorKind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            // `sign_in` reports them: the key may be at the top of the configuration.
            if key == "credentials" && property != "auth_type" {
                return;
            }
            violations.add(join(&key, property), "is missing");
            return;
        }
        ValidationErrorKind::OneOfNotValid { context } => match chosen_variant(error, schema) {
            Some(Choice::Variant(index)) => {
                for error in context.get(index).into_iter().flatten() {
                    add_violation(error, schema, violations, invalid_values);
                }
                return;
            }
            Some(Choice::Unknown { discriminator, allowed }) => {
                violations.add(join(&key, &discriminator), format!("must be {allowed}"));
                invalid_values.push(path.as_str().to_owned());
                return;
            }
            // Not an object: the validator reports the type as an error of its own.
            None => return,
        },
        ValidationErrorKind::Type { kind } => format!("must be {}", type_name(kind)),
        ValidationErrorKind::Enum { options } => format!("must be {}", alternatives(options.as_array())),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        other => format!("breaks the rule `{}` of the specification", other.keyword()),
    };
    violations.add(key, rule);
    invalid_values.push(path.as_str().to_owned());
}

/// Whether the user typed nothing.
fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Whether an object has no value at all. With any other value, a missing choice is a mistake.
fn chooses_nothing(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.values().all(|value| value.is_null() || is_blank(value)))
}

/// Which variant of a `oneOf` its discriminator names.
enum Choice {
    /// The variant at this index.
    Variant(usize),
    /// None: the discriminator is missing, or has another value.
    Unknown { discriminator: String, allowed: String },
}

/// The variant that an object names. The discriminator is the property with a constant value in every variant.
fn chosen_variant(error: &ValidationError<'_>, schema: &Value) -> Option<Choice> {
    let object = error.instance().as_object()?;
    let variants = schema.pointer(error.schema_path().as_str())?.as_array()?;
    let (discriminator, _) =
        variants.first()?["properties"].as_object()?.iter().find(|(_, rules)| rules.get("const").is_some())?;
    let constants: Vec<_> = variants.iter().map(|it| it["properties"][discriminator]["const"].clone()).collect();

    let given = object.get(discriminator);
    let variant = constants.iter().position(|constant| Some(constant) == given);
    Some(variant.map_or_else(
        || Choice::Unknown { discriminator: discriminator.clone(), allowed: alternatives(Some(&constants)) },
        Choice::Variant,
    ))
}

fn alternatives(options: Option<&Vec<Value>>) -> String {
    let named: Vec<_> = options.into_iter().flatten().filter_map(Value::as_str).filter(|it| !it.is_empty()).collect();
    format!("one of `{}`", named.join("`, `"))
}

fn type_name(kind: &TypeKind) -> &'static str {
    match kind {
        TypeKind::Single(JsonType::String) => "text",
        TypeKind::Single(JsonType::Boolean) => "true or false",
        TypeKind::Single(JsonType::Integer) => "a whole number",
        TypeKind::Single(JsonType::Number) => "a number",
        TypeKind::Single(JsonType::Array) => "a list",
        TypeKind::Single(JsonType::Object) => "an object",
        _ => "of another type",
    }
}

/// A path as the user reads it: `streams[2].operation`.
fn key_of(path: &Location) -> String {
    let mut key = String::new();
    for segment in path {
        match segment {
            LocationSegment::Property(name) => key = join(&key, &name),
            LocationSegment::Index(index) => _ = write!(key, "[{index}]"),
        }
    }
    key
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_rule_has_its_words_and_a_value_that_breaks_one_is_taken_out() {
        let variant = |kind: &str, of_a: &str| json!({"type": "object", "required": ["kind"], "properties": {"a": {"type": of_a}, "kind": {"const": kind}}});
        let item = json!({"type": "object", "required": ["k"], "properties": {"k": {"type": "boolean"}}});
        let spec = json!({"connectionSpecification": {"type": "object", "required": ["n"], "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 9},
            "share": {"type": "number", "exclusiveMinimum": 0},
            "word": {"type": "string", "enum": ["a", "", "b"]},
            "text": {"type": "string", "pattern": "^x", "maxLength": 3},
            "list": {"type": "array", "items": item},
            "choice": {"type": "object", "oneOf": [variant("one", "string"), variant("two", "integer")]},
            "credentials": {"type": "object", "required": ["auth_type", "client_id"]},
        }}});
        let credentials = json!({"client_id": "key"});
        for (config, rules, left) in [
            (json!({"n": 1, "share": 0.1, "word": "b", "text": "x", "list": [{"k": true}]}), "", None),
            (json!({"n": 9, "choice": {"kind": "two", "a": 1}}), "", None),
            (json!({"n": 0}), "`n` must be at least 1.", Some(json!({"n": null}))),
            (json!({"n": 10}), "`n` must be at most 9.", Some(json!({"n": null}))),
            (json!({"n": "secret"}), "`n` must be a whole number.", Some(json!({"n": null}))),
            (json!({}), "`n` is missing.", None),
            (json!({"n": 1, "share": 0}), "`share` must be more than 0.", Some(json!({"n": 1, "share": null}))),
            (json!({"n": 1, "share": "x"}), "`share` must be a number.", Some(json!({"n": 1, "share": null}))),
            (json!({"n": 1, "word": "c"}), "`word` must be one of `a`, `b`.", Some(json!({"n": 1, "word": null}))),
            (json!({"n": 1, "word": " "}), "", Some(json!({"n": 1, "word": null}))),
            (json!({"n": 1, "text": "y"}), "", None),
            (
                json!({"n": 1, "text": "xxxx"}),
                "`text` breaks the rule `maxLength` of the specification.",
                Some(json!({"n": 1, "text": null})),
            ),
            (json!({"n": 1, "text": 5}), "`text` must be text.", Some(json!({"n": 1, "text": null}))),
            (json!({"n": 1, "list": {}}), "`list` must be a list.", Some(json!({"n": 1, "list": null}))),
            (
                json!({"n": 1, "list": [{"k": true}, {"k": 1}]}),
                "`list[1].k` must be true or false.",
                Some(json!({"n": 1, "list": [{"k": true}, {"k": null}]})),
            ),
            (json!({"n": 1, "list": [{}]}), "`list[0].k` is missing.", None),
            (
                json!({"n": 1, "choice": {"kind": "two", "a": "x"}}),
                "`choice.a` must be a whole number.",
                Some(json!({"n": 1, "choice": {"kind": "two", "a": null}})),
            ),
            (
                json!({"n": 1, "choice": {"kind": "three"}}),
                "`choice.kind` must be one of `one`, `two`.",
                Some(json!({"n": 1, "choice": null})),
            ),
            (
                json!({"n": 1, "choice": {"a": "x"}}),
                "`choice.kind` must be one of `one`, `two`.",
                Some(json!({"n": 1, "choice": null})),
            ),
            (json!({"n": 1, "choice": {"a": " ", "kind": ""}}), "", Some(json!({"n": 1, "choice": null}))),
            (json!({"n": 1, "choice": 5}), "`choice` must be an object.", Some(json!({"n": 1, "choice": null}))),
            (json!({"n": 1, "credentials": credentials}), "`credentials.auth_type` is missing.", None),
            (json!({"n": 1, "credentials": {"auth_type": "x"}}), "", None),
        ] {
            let (mut checked, mut violations) = (config.clone(), Violations::default());
            check(&mut checked, &spec, &mut violations).unwrap();
            let text = violations.into_result().err().map_or(String::new(), |error| error.message().to_owned());
            let expected =
                if rules.is_empty() { String::new() } else { format!("The configuration is not valid. {rules}") };
            assert_eq!((text, checked), (expected, left.unwrap_or_else(|| config.clone())), "{config}");
        }
    }
}
