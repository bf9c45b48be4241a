//! `streams[].match`: the fields by which records are found, and what becomes of a record that is not the only one.

use std::collections::HashSet;

use serde::Deserialize;

use super::raw;
use super::violations::Violations;
use salesforce::Operation;

/// How the records of a stream are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchSettings {
    fields: Vec<String>,
    on_missing: Option<OnMissing>,
    on_several: OnSeveral,
}

/// What becomes of a record that names no record of the org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum OnMissing {
    /// It is created.
    Insert,
    /// It is rejected.
    Reject,
    /// It is left out.
    Skip,
}

/// What becomes of a record that names several records of the org.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum OnSeveral {
    /// It is rejected.
    #[default]
    Reject,
    /// All of them are updated, or deleted.
    UpdateAll,
}

impl MatchSettings {
    pub(super) fn new(fields: Vec<String>, on_missing: Option<OnMissing>, on_several: OnSeveral) -> Self {
        Self { fields, on_missing, on_several }
    }

    /// The source columns or fields that together name a record. There is at least one.
    pub(crate) fn fields(&self) -> &[String] {
        &self.fields
    }

    /// What becomes of a record that is not there; without a choice, the operation decides.
    pub(crate) fn on_missing(&self) -> Option<OnMissing> {
        self.on_missing
    }

    /// What becomes of a record that is there several times.
    pub(crate) fn on_several(&self) -> OnSeveral {
        self.on_several
    }
}

/// Checks `match` of the entry `key`. `operation` is that of the entry; the connection may choose it instead.
pub(super) fn validate(
    entry: raw::Match,
    operation: Option<Operation>,
    key: &str,
    violations: &mut Violations,
) -> Option<MatchSettings> {
    // A form writes the object, and the defaults in it, also where nothing is chosen.
    if entry.fields.as_ref().is_none_or(Vec::is_empty)
        && entry.on_missing.is_none()
        && entry.on_several.unwrap_or_default() == OnSeveral::default()
    {
        return None;
    }
    let key = format!("{key}.match");
    let fields: Vec<String> = entry.fields.unwrap_or_default().into_iter().filter_map(raw::non_blank).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = fields.iter().position(|field| !seen.insert(field.to_ascii_lowercase())) {
        violations.add(format!("{key}.fields[{twice}]"), "repeats an earlier field");
    }
    if operation == Some(Operation::Insert) {
        violations.add(
            key.clone(),
            "is for an operation that finds records, and an insert does not: set the operation `upsert` to create those \
             that are not there",
        );
    } else if let Some(rule) = operation.and_then(|operation| cannot_insert(operation, entry.on_missing)) {
        violations.add(format!("{key}.on_missing"), rule);
    }
    if fields.is_empty() {
        violations.add(format!("{key}.fields"), "is missing");
        return None;
    }
    Some(MatchSettings { fields, on_missing: entry.on_missing, on_several: entry.on_several.unwrap_or_default() })
}

/// The rule that `on_missing` breaks if it asks an operation to create records that creates none.
pub(crate) fn cannot_insert(operation: Operation, on_missing: Option<OnMissing>) -> Option<String> {
    (on_missing == Some(OnMissing::Insert) && operation != Operation::Upsert).then(|| {
        format!(
            "is `insert`, and {operation} creates no record: set the operation `upsert`, or choose `reject` or `skip`"
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::test_configs::{assert_invalid, client, valid};

    fn streams(entry: Value) -> Value {
        client(json!({ "streams": [entry] }))
    }

    #[test]
    fn an_object_in_which_nothing_is_chosen_is_left_out() {
        for chosen in [json!({}), json!({"fields": []}), json!({"on_several": "reject"})] {
            let entry = json!({"stream": "a", "operation": "insert", "match": chosen});
            let config = valid(&client(json!({"streams": [entry]})));
            assert_eq!(config.stream(None, "a").unwrap().matching(), None, "{chosen}");
        }
    }

    #[test]
    fn every_key_of_a_match_is_read() {
        for (missing, on_missing) in [
            (json!("insert"), Some(OnMissing::Insert)),
            (json!("reject"), Some(OnMissing::Reject)),
            (json!("skip"), Some(OnMissing::Skip)),
            (Value::Null, None),
            (json!(""), None),
        ] {
            for (several, on_several) in [
                (json!("reject"), OnSeveral::Reject),
                (json!("update_all"), OnSeveral::UpdateAll),
                (Value::Null, OnSeveral::Reject),
            ] {
                let config = valid(&streams(json!({"stream": "a", "operation": "upsert", "match": {
                    "fields": [" Email ", "Account.Code__c"], "on_missing": missing, "on_several": several,
                }})));
                let settings = config.stream(None, "a").unwrap().matching().unwrap();
                assert_eq!(settings.fields(), ["Email", "Account.Code__c"]);
                assert_eq!((settings.on_missing(), settings.on_several()), (on_missing, on_several));
            }
        }
    }

    #[test]
    fn each_broken_rule_of_a_match_is_named() {
        for (entry, violation) in [
            (json!({"stream": "a", "match": {"on_missing": "skip"}}), "`streams[0].match.fields` is missing"),
            (json!({"stream": "a", "match": {"on_several": "update_all"}}), "`streams[0].match.fields` is missing"),
            (json!({"stream": "a", "match": {"fields": ["", " "]}}), "`streams[0].match.fields` is missing"),
            (
                json!({"stream": "a", "match": {"fields": ["Email", "email"]}}),
                "`streams[0].match.fields[1]` repeats an earlier field",
            ),
            (
                json!({"stream": "a", "match": {"fields": ["Email"], "on_missing": "create"}}),
                "`streams[0].match.on_missing` must be one of `insert`, `reject`, `skip`",
            ),
            (
                json!({"stream": "a", "match": {"fields": ["Email"], "on_several": "first"}}),
                "`streams[0].match.on_several` must be one of `reject`, `update_all`",
            ),
            (
                json!({"stream": "a", "operation": "update", "match": {"fields": ["Email"], "on_missing": "insert"}}),
                "`streams[0].match.on_missing` is `insert`, and update creates no record: set the operation `upsert`, or \
                 choose `reject` or `skip`",
            ),
            (
                json!({"stream": "a", "operation": "delete", "match": {"fields": ["Email"], "on_missing": "insert"}}),
                "`streams[0].match.on_missing` is `insert`, and delete creates no record: set the operation `upsert`, or \
                 choose `reject` or `skip`",
            ),
            (
                json!({
                    "stream": "a", "operation": "hard_delete", "match": {"fields": ["Email"], "on_missing": "insert"},
                }),
                "`streams[0].match.on_missing` is `insert`, and hard_delete creates no record: set the operation \
                 `upsert`, or choose `reject` or `skip`",
            ),
            (
                json!({"stream": "a", "operation": "insert", "match": {"fields": ["Email"]}}),
                "`streams[0].match` is for an operation that finds records, and an insert does not: set the operation \
                 `upsert` to create those that are not there",
            ),
        ] {
            assert_invalid(&streams(entry), &[violation]);
        }
    }
}
