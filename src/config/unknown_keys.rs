//! Keys of a configuration that the specification does not have: most are misspelt.

use std::fmt;

use serde_json::{Map, Value};

use crate::nearest_name::{is_misspelt, nearest_name};

/// The keys whose loss changes how fast or how visibly records are written, and neither which nor how.
const HARMLESS: [&str; 5] =
    ["batch_size_mb", "flush_interval_minutes", "keep_successes", "max_parallel_jobs", "report"];

/// The key by which editors find the schema of a file.
const EDITOR_KEY: &str = "$schema";

/// The longest part of a key that a sentence shows, in characters.
const LONGEST_SHOWN: usize = 100;

/// A key that the specification does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownKey {
    /// The key as the user reads it: `streams[2].objekt`.
    pub(super) key: String,
    /// The key of the specification that is probably meant.
    nearest: Option<String>,
    /// Whether the user probably means a key that says what is written. Without it other records would be written, or
    /// in another way.
    pub(super) changes_records: bool,
}

impl UnknownKey {
    /// The rest of a sentence that begins with the key.
    pub(super) fn rule(&self) -> String {
        match &self.nearest {
            Some(nearest) => format!("is not a key of this connector; the nearest key is `{nearest}`"),
            None => "is not a key of this connector".to_owned(),
        }
    }
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}.", self.key, self.rule())
    }
}

/// The keys of `config` that `schema` does not have, in their order.
pub(super) fn find(config: &Value, schema: &Value) -> Vec<UnknownKey> {
    let mut found = Vec::new();
    find_in(config, &[schema], &Path { key: String::new(), changes_records: true }, &mut found);
    found
}

/// Where a value is.
struct Path {
    key: String,
    /// Whether the keys of the value say what is written.
    changes_records: bool,
}

/// Compares a value with the schemas that it may follow: one, or the variants of a `oneOf`. A form may keep the keys of a
/// variant that is no longer chosen.
fn find_in(value: &Value, schemas: &[&Value], path: &Path, found: &mut Vec<UnknownKey>) {
    let variants = schemas.iter().flat_map(|schema| schema["oneOf"].as_array().into_iter().flatten());
    let schemas: Vec<&Value> = schemas.iter().copied().chain(variants).collect();
    match value {
        Value::Object(keys) => find_in_object(keys, &schemas, path, found),
        Value::Array(items) => {
            let schemas: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
            for (index, item) in items.iter().enumerate() {
                let path = Path { key: format!("{}[{index}]", path.key), ..*path };
                find_in(item, &schemas, &path, found);
            }
        }
        _ => {}
    }
}

fn find_in_object(keys: &Map<String, Value>, schemas: &[&Value], path: &Path, found: &mut Vec<UnknownKey>) {
    let properties = || schemas.iter().filter_map(|schema| schema["properties"].as_object());
    if properties().next().is_none() {
        // The value has another type than the specification says, which is an error of its own.
        return;
    }
    for (name, value) in keys {
        let known: Vec<&Value> = properties().filter_map(|properties| properties.get(name)).collect();
        let key = if path.key.is_empty() { shown(name) } else { format!("{}.{}", path.key, shown(name)) };
        let is_top = path.key.is_empty();
        if !known.is_empty() {
            let is_storage = is_top && name == "object_storage_config";
            let path = Path { key, changes_records: path.changes_records && !is_storage };
            find_in(value, &known, &path, found);
        } else if !(is_top && name == EDITOR_KEY) {
            // A key that is there already is not what the user means.
            let names = properties().flat_map(Map::keys).filter(|name| !keys.contains_key(*name));
            let nearest = nearest_name(name, names.map(String::as_str)).map(str::to_owned);
            let is_meant = |nearest: &String| is_misspelt(name, nearest) && !HARMLESS.contains(&nearest.as_str());
            let changes_records = path.changes_records && nearest.as_ref().is_some_and(is_meant);
            found.push(UnknownKey { key, nearest, changes_records });
        }
    }
}

/// The beginning of a name.
fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(LONGEST_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < name.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::Config;
    use crate::config::test_configs::{assert_invalid, client, s3, valid};

    fn warnings(config: &serde_json::Value) -> Vec<String> {
        valid(config).unknown_keys().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_unknown_key_is_a_warning_with_the_nearest_key() {
        for (config, expected) in [
            (client(json!({"colour": 1})), &["`colour` is not a key of this connector."][..]),
            (
                client(json!({"batch_size": 5, "reports": false})),
                &[
                    "`batch_size` is not a key of this connector; the nearest key is `batch_size_mb`.",
                    "`reports` is not a key of this connector; the nearest key is `report`.",
                ],
            ),
            (
                s3(json!({"s3_buckt_path": "x", "format": {"format_type": "CSV", "flatening": "No flattening"}})),
                &[
                    "`object_storage_config.s3_buckt_path` is not a key of this connector; the nearest key is \
                     `bucket_path`.",
                    "`object_storage_config.format.flatening` is not a key of this connector; the nearest key is \
                     `flattening`.",
                ],
            ),
            (
                client(json!({"streams": [{"stream": "a"}, {"stream": "b", "note": "x"}]})),
                &["`streams[1].note` is not a key of this connector."],
            ),
            // Keys of a variant that is not chosen, of an editor, and without a value.
            (client(json!({"object_storage_config": {"storage_type": "None", "s3_bucket_name": "abc"}})), &[]),
            (client(json!({"$schema": "config.schema.json"})), &[]),
        ] {
            assert_eq!(warnings(&config), expected, "{config}");
        }
        let unset = json!({"client_id": "a", "client_secret": "b", "refresh_token": "c", "colour": null});
        assert_eq!(warnings(&unset), Vec::<String>::new());
    }

    #[test]
    fn a_misspelt_key_that_says_what_is_written_is_an_error() {
        let limit = "`max_rejected_record` is not a key of this connector; the nearest key is `max_rejected_records`";
        for (config, violations) in [
            (client(json!({"max_rejected_record": 0})), &[limit][..]),
            (
                client(json!({"nullhandling": "clear", "max_rejected_record": 0, "batch_size_mb": 0})),
                &[
                    "`nullhandling` is not a key of this connector; the nearest key is `null_handling`",
                    limit,
                    "`batch_size_mb` must be at least 0.01",
                ],
            ),
            (
                client(json!({"is_sandboks": true})),
                &["`is_sandboks` is not a key of this connector; the nearest key is `is_sandbox`"],
            ),
            (
                client(json!({"streams": [{"stream": "a", "operatoin": "upsert"}]})),
                &["`streams[0].operatoin` is not a key of this connector; the nearest key is `operation`"],
            ),
            (
                client(json!({"streams": [{"stream": "a", "fields": [{"source": "a", "target": "B", "taget": "C"}]}]})),
                &[],
            ),
            (
                client(json!({"streams": [{"stream": "a", "match": {"fields": ["Email"], "on_mising": "skip"}}]})),
                &["`streams[0].match.on_mising` is not a key of this connector; the nearest key is `on_missing`"],
            ),
        ] {
            match violations {
                [] => drop(valid(&config)),
                violations => assert_invalid(&config, violations),
            }
        }
    }

    #[test]
    fn a_strict_reading_takes_no_unknown_key() {
        let config = client(json!({"colour": 1, "batch_size": 5, "max_parallel_jobs": 0})).to_string();
        let error = Config::parse_strictly(&config).unwrap_err();
        assert_eq!(
            error.message(),
            "The configuration is not valid. `colour` is not a key of this connector. `batch_size` is not a key of \
             this connector; the nearest key is `batch_size_mb`. `max_parallel_jobs` must be at least 1."
        );
        assert!(Config::parse_strictly(&client(json!({})).to_string()).is_ok());
    }

    #[test]
    fn a_long_key_is_cut() {
        let warnings = warnings(&client(json!({"x".repeat(5_000): 1})));
        assert!(warnings[0].len() < 200, "{warnings:?}");
    }
}
