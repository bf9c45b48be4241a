//! `streams[].deletes` and `streams[].delete_marker`: what becomes of the records that the source has deleted.

use serde::Deserialize;

use super::raw;
use super::renames::Renames;
use super::violations::Violations;
use salesforce::Operation;

/// What a record does that the source has deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Deletes {
    /// It deletes the record in Salesforce that has its key.
    Delete,
    /// Nothing: it is skipped.
    Ignore,
    /// It is rejected.
    Refuse,
}

/// The settings of one stream for deleted records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeleteSettings {
    /// The user's choice, if there is one.
    pub(crate) deletes: Option<Deletes>,
    /// The source column that marks a deleted record, besides the one of Airbyte's sources.
    pub(crate) marker: Option<String>,
}

/// Checks the two keys of the entry of `streams` that `key` names.
pub(super) fn validate(
    entry: &mut raw::Stream,
    operation: Option<Operation>,
    renames: &Renames,
    key: &str,
    violations: &mut Violations,
) -> DeleteSettings {
    let deletes = entry.deletes;
    if deletes == Some(Deletes::Delete) && operation == Some(Operation::Insert) {
        violations.add(format!("{key}.deletes"), "cannot be `delete` with the operation `insert`, which has no key");
    }
    let marker = entry.delete_marker.take().filter(|name| !name.is_empty());
    let rule = match &marker {
        Some(_) if operation.is_some_and(Operation::is_delete) => {
            Some("needs another operation: a stream that deletes takes each record as a delete")
        }
        Some(marker) if renames.has(marker) => Some("names a column of `fields`, and a marker is not sent"),
        _ => None,
    };
    if let Some(rule) = rule {
        violations.add(format!("{key}.delete_marker"), rule);
    }
    DeleteSettings { deletes, marker }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::test_configs::{assert_invalid, client, valid};

    #[test]
    fn each_choice_is_read() {
        for (name, deletes) in [("delete", Deletes::Delete), ("ignore", Deletes::Ignore), ("refuse", Deletes::Refuse)] {
            let config =
                valid(&client(json!({"streams": [{"stream": "a", "deletes": name, "delete_marker": " gone"}]})));
            let expected = DeleteSettings { deletes: Some(deletes), marker: Some(" gone".to_owned()) };
            assert_eq!(config.stream(None, "a").unwrap().deletes(), &expected);
        }
        let config = valid(&client(json!({"streams": [{"stream": "a", "deletes": "", "delete_marker": ""}]})));
        assert_eq!(config.stream(None, "a").unwrap().deletes(), &DeleteSettings::default());
    }

    #[test]
    fn each_broken_rule_is_named() {
        let insert = "`streams[0].deletes` cannot be `delete` with the operation `insert`, which has no key";
        let deletes = "`streams[0].delete_marker` needs another operation: a stream that deletes takes each record as a \
                       delete";
        let renamed = "`streams[0].delete_marker` names a column of `fields`, and a marker is not sent";
        for (entry, violation) in [
            (json!({"operation": "insert", "deletes": "delete"}), insert),
            (json!({"operation": "delete", "delete_marker": "gone"}), deletes),
            (json!({"operation": "hard_delete", "delete_marker": "gone"}), deletes),
            (json!({"delete_marker": "gone", "fields": [{"source": "gone", "target": "Gone__c"}]}), renamed),
            (json!({"deletes": "drop"}), "`streams[0].deletes` must be one of `delete`, `ignore`, `refuse`"),
        ] {
            let mut entry = entry;
            entry["stream"] = json!("a");
            assert_invalid(&client(json!({"streams": [entry]})), &[violation]);
        }
        for deletes in ["ignore", "refuse"] {
            valid(&client(json!({"streams": [{"stream": "a", "operation": "insert", "deletes": deletes}]})));
        }
    }
}
