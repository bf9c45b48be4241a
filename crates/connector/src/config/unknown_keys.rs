//! Keys of a configuration that the specification does not have: most are misspelt.

use std::fmt;

use serde_json::{Map, Value};

use crate::nearest_name::{is_misspelt, nearest_name};

/// The key by which editors find the schema of a file.
const EDITOR_KEY: &str = "$schema";

/// The longest part of a key that a sentence shows, in characters.
const LONGEST_SHOWN: usize = 100;

/// A key that the specification does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// The key as the user reads it: `streams[2].objekt`.
    pub key: String,
    /// The key of the specification that is probably meant.
    nearest: Option<String>,
    /// Whether the user probably means a key that changes records. Without it there would be other records, or other
    /// values in them.
    pub changes_records: bool,
}

impl UnknownKey {
    /// The rest of a sentence that begins with the key.
    pub fn rule(&self) -> String {
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

/// The keys of `config` that `schema` does not have, in their order. The loss of a `harmless` key changes how fast or how
/// visibly a sync runs, and neither its records nor their values.
pub fn find(config: &Value, schema: &Value, harmless: &[&str]) -> Vec<UnknownKey> {
    let mut search = Search { harmless, found: Vec::new() };
    search.find_in(config, &[schema], &Path { key: String::new(), changes_records: true });
    search.found
}

struct Search<'a> {
    harmless: &'a [&'a str],
    found: Vec<UnknownKey>,
}

/// Where a value is.
struct Path {
    key: String,
    /// Whether the keys of the value change records.
    changes_records: bool,
}

impl Search<'_> {
    /// Compares a value with the schemas that it may follow: one, or the variants of a `oneOf`. A form may keep the keys of a
    /// variant that is no longer chosen.
    fn find_in(&mut self, value: &Value, schemas: &[&Value], path: &Path) {
        let variants = schemas.iter().flat_map(|schema| schema["oneOf"].as_array().into_iter().flatten());
        let schemas: Vec<&Value> = schemas.iter().copied().chain(variants).collect();
        match value {
            Value::Object(keys) => self.find_in_object(keys, &schemas, path),
            Value::Array(items) => {
                let schemas: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
                for (index, item) in items.iter().enumerate() {
                    let path = Path { key: format!("{}[{index}]", path.key), ..*path };
                    self.find_in(item, &schemas, &path);
                }
            }
            _ => {}
        }
    }

    fn find_in_object(&mut self, keys: &Map<String, Value>, schemas: &[&Value], path: &Path) {
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
                self.find_in(value, &known, &path);
            } else if !(is_top && name == EDITOR_KEY) {
                // A key that is there already is not what the user means.
                let names = properties().flat_map(Map::keys).filter(|name| !keys.contains_key(*name));
                let nearest = nearest_name(name, names.map(String::as_str)).map(str::to_owned);
                let is_meant =
                    |nearest: &String| is_misspelt(name, nearest) && !self.harmless.contains(&nearest.as_str());
                let changes_records = path.changes_records && nearest.as_ref().is_some_and(is_meant);
                self.found.push(UnknownKey { key, nearest, changes_records });
            }
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

    use super::*;

    #[test]
    fn the_key_of_an_editor_is_known_at_the_top_alone() {
        let stream = json!({"type": "object", "properties": {"filter": {"type": "string"}}});
        let schema = json!({"type": "object", "properties": {"streams": {"type": "array", "items": stream}}});
        for (config, expected) in [
            (json!({"$schema": "x", "streams": [{"filter": "a"}]}), &[][..]),
            (json!({"streams": [{"filter": "a"}, {"$schema": "x"}]}), &["streams[1].$schema"]),
            (json!({"schema": "x", "$Schema": "x"}), &["schema", "$Schema"]),
        ] {
            let found = find(&config, &schema, &[]);
            assert_eq!(found.iter().map(|unknown| &*unknown.key).collect::<Vec<_>>(), expected, "{config}");
            assert!(found.iter().all(|unknown| !unknown.changes_records));
        }
    }
}
