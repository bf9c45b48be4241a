//! How the changes of an object can be found: by which field, and what is known of deleted records.

use salesforce::{Describe, Field, FieldType};

use crate::objects::{is_big, is_of_schema};

/// The fields that say when a record changed, best first. The third knows of new records alone, and the last is that of
/// `LoginHistory`.
const CURSORS: [&str; 4] = ["SystemModstamp", "LastModifiedDate", "CreatedDate", "LoginTime"];

/// The field that is true for records in the recycle bin.
pub(crate) const IS_DELETED: &str = "IsDeleted";

/// What an incremental sync of an object knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changes {
    /// The field that says when a record changed.
    pub(crate) cursor: String,
    /// Whether the org says up to when changes are complete, and names deleted records.
    pub(crate) is_replicateable: bool,
    /// Whether records say whether they are in the recycle bin.
    pub(crate) has_bin: bool,
}

impl Changes {
    /// None for an object whose changes cannot be found, or whose queries have rules of their own. A record without a value in the cursor would never be.
    pub(crate) fn of(describe: &Describe) -> Option<Self> {
        if is_of_schema(&describe.name) || is_big(&describe.name) {
            return None;
        }
        let is_cursor =
            |field: &&Field| field.field_type == FieldType::Datetime && !field.nillable && !field.not_filterable;
        let cursor = CURSORS.iter().find_map(|name| describe.field(name).filter(is_cursor))?;
        Some(Self {
            cursor: cursor.name.clone(),
            is_replicateable: describe.replicateable,
            has_bin: describe.field(IS_DELETED).is_some_and(|field| field.field_type == FieldType::Boolean),
        })
    }

    /// Whether the records in the recycle bin are rows, whose stamp is the time of their deletion. A deletion does not
    /// move the time of the creation or of a login.
    pub(crate) fn finds_bin(&self) -> bool {
        self.has_bin && ["SystemModstamp", "LastModifiedDate"].iter().any(|name| self.cursor.eq_ignore_ascii_case(name))
    }

    /// Whether a deletion can be told of any record.
    pub(crate) fn knows_deletions(&self) -> bool {
        self.finds_bin() || self.is_replicateable
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn changes(fields: &[Value]) -> Option<Changes> {
        Changes::of(&serde_json::from_value(json!({"name": "A", "replicateable": true, "fields": fields})).unwrap())
    }

    #[test]
    fn the_best_field_that_every_record_has_is_the_cursor() {
        let field = |name: &str| json!({"name": name, "type": "datetime", "filterable": true});
        let cursor = |fields: &[Value]| changes(fields).map(|changes| changes.cursor);
        let all = CURSORS.map(field);
        for (at, name) in CURSORS.iter().enumerate() {
            assert_eq!(cursor(&all[at..]).as_deref(), Some(*name));
        }
        for (key, value) in [("nillable", json!(true)), ("filterable", json!(false)), ("type", json!("string"))] {
            let mut first = field("SystemModstamp");
            first[key] = value;
            assert_eq!(cursor(&[first.clone(), field("CreatedDate")]).as_deref(), Some("CreatedDate"), "{key}");
            assert_eq!(cursor(&[first]), None, "{key}");
        }
        assert_eq!(cursor(&[json!({"name": "Id", "type": "id"})]), None);
    }

    #[test]
    fn an_object_says_whether_it_has_a_recycle_bin() {
        let stamp = json!({"name": "SystemModstamp", "type": "datetime", "filterable": true});
        let bin = json!({"name": "IsDeleted", "type": "boolean", "filterable": true});
        assert!(!changes(std::slice::from_ref(&stamp)).unwrap().has_bin);
        let changes = changes(&[stamp, bin]).unwrap();
        assert!(changes.has_bin && changes.is_replicateable && changes.knows_deletions());
    }

    #[test]
    fn records_in_the_recycle_bin_are_rows_only_where_a_deletion_moves_the_cursor() {
        for (cursor, has_bin, expected) in [
            ("SystemModstamp", true, true),
            ("LastModifiedDate", true, true),
            ("CreatedDate", true, false),
            ("LoginTime", true, false),
            ("SystemModstamp", false, false),
        ] {
            let changes = Changes { cursor: cursor.into(), is_replicateable: false, has_bin };
            assert_eq!((changes.finds_bin(), changes.knows_deletions()), (expected, expected), "{cursor} {has_bin}");
            assert!(Changes { is_replicateable: true, ..changes }.knows_deletions());
        }
    }

    #[test]
    fn an_object_with_rules_of_its_own_has_no_changes() {
        let stamp = json!({"name": "SystemModstamp", "type": "datetime", "filterable": true});
        let odd = json!({"name": "IsDeleted", "type": "string"});
        for (object, expected) in
            [("Account", true), ("Reading__b", false), ("EntityDefinition", false), ("Setting__mdt", false)]
        {
            let describe = json!({"name": object, "replicateable": false, "fields": [stamp, odd]});
            let changes = Changes::of(&serde_json::from_value(describe).unwrap());
            let without_bin = Changes { cursor: "SystemModstamp".into(), is_replicateable: false, has_bin: false };
            assert_eq!(changes, expected.then_some(without_bin), "{object}");
        }
    }
}
