//! The entries of `streams[].fields`: source columns that go to a column of another name.

use std::collections::{BTreeMap, HashSet};

use super::raw::{self, non_blank};
use super::violations::Violations;

/// The renamed source columns of one stream. All new names are looked up here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Renames {
    /// Columns by source column. Source columns are case-sensitive.
    columns: BTreeMap<String, String>,
}

impl Renames {
    pub(crate) const fn new() -> Self {
        Self { columns: BTreeMap::new() }
    }

    /// Source columns with their columns, none of them twice.
    pub(super) fn of(columns: &[(String, String)]) -> Self {
        Self { columns: columns.iter().cloned().collect() }
    }

    /// The column for a top-level source column: its new name, or else its own.
    pub(crate) fn column<'n>(&'n self, source_column: &'n str) -> &'n str {
        self.columns.get(source_column).map_or(source_column, String::as_str)
    }

    /// The renamed source columns.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// The renamed source columns with their new names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns.iter().map(|(source, column)| (source.as_str(), column.as_str()))
    }

    /// Whether the user named a column for this source column.
    pub(crate) fn has(&self, source_column: &str) -> bool {
        self.columns.contains_key(source_column)
    }

    /// The new names.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.columns.values().map(String::as_str)
    }

    /// The column for `field` of the nested source column `object`: the new name of exactly this field
    /// (`owner.email`), or else the field below the column for `object`.
    pub(crate) fn nested_column(&self, object: &str, field: &str) -> String {
        match self.columns.get(&format!("{object}.{field}")) {
            Some(column) => column.clone(),
            None => format!("{}.{field}", self.column(object)),
        }
    }
}

/// Checks the entries of `fields`. `key` names the entry of `streams` that they belong to.
pub(super) fn validate(entries: Vec<Option<raw::Rename>>, key: &str, violations: &mut Violations) -> Renames {
    let mut renames = Renames::default();
    let mut sources = HashSet::new();
    let mut targets = HashSet::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let Some(entry) = entry else { continue };
        let source_key = format!("{key}.fields[{index}].source");
        let target_key = format!("{key}.fields[{index}].target");
        let source = entry.source.filter(|name| !name.is_empty());
        let target = non_blank(entry.target);
        match &source {
            None => violations.add(source_key, "is missing"),
            Some(name) if !sources.insert(name.clone()) => {
                violations.add(source_key, "is already renamed by an earlier entry")
            }
            Some(_) => {}
        }
        match &target {
            None => violations.add(target_key, "is missing"),
            // Salesforce ignores the case of field names.
            Some(name) if !targets.insert(name.to_lowercase()) => {
                violations.add(target_key, "is already the target of an earlier entry");
            }
            Some(_) => {}
        }
        renames.columns.extend(source.zip(target));
    }
    renames
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::test_configs::{assert_invalid, client};

    #[test]
    fn a_source_column_keeps_its_name_unless_it_is_renamed() {
        let rename = |source: &str, target: &str| {
            Some(raw::Rename { source: Some(source.to_owned()), target: Some(target.to_owned()) })
        };
        let entries = vec![rename("mail", "Email"), rename("owner", "Owner"), rename("owner.id", "OwnerId")];
        let renames = validate(entries, "streams[0]", &mut Violations::default());
        assert_eq!(
            ["mail", "Mail", "owner", "owner.id"].map(|it| renames.column(it)),
            ["Email", "Mail", "Owner", "OwnerId"]
        );
        assert_eq!(renames.nested_column("owner", "id"), "OwnerId");
        assert_eq!(renames.nested_column("owner", "email"), "Owner.email");
        assert_eq!(renames.nested_column("account", "key"), "account.key");
    }

    #[test]
    fn each_broken_rule_is_named() {
        for (fields, violation) in [
            (json!([{"source": "x"}]), "`streams[0].fields[0].target` is missing"),
            (json!([{"source": "", "target": "X"}]), "`streams[0].fields[0].source` is missing"),
            (json!([{"source": "x", "target": " "}]), "`streams[0].fields[0].target` is missing"),
            (
                json!([{"source": "x", "target": "A"}, {"source": "x", "target": "B"}]),
                "`streams[0].fields[1].source` is already renamed by an earlier entry",
            ),
            (
                json!([{"source": "x", "target": "A"}, {"source": "y", "target": "a"}]),
                "`streams[0].fields[1].target` is already the target of an earlier entry",
            ),
        ] {
            assert_invalid(&client(json!({"streams": [{"stream": "a", "fields": fields}]})), &[violation]);
        }
    }
}
