//! What the user may do with an object and with its fields.

use super::columns::KeyColumns;
use super::fields::ObjectFields;
use crate::convert::Column;
use airbyte::StreamName;
use salesforce::{Describe, Field, Operation};

/// The problem of an operation that the user is not allowed to do.
pub(super) fn forbidden(operation: Operation, describe: &Describe) -> Option<String> {
    let object = &describe.name;
    let verb = forbidden_verb(operation, describe)?;
    Some(match closed_kind(object) {
        Some(kind) => {
            format!(
                "the signed-in user is not allowed to {verb} records of {object}, and nobody may: it {kind}; leave the \
                 stream out"
            )
        }
        None => format!(
            "the signed-in user is not allowed to {verb} records of {object}; grant it in a permission set, sign in as \
             another user, or leave the stream out if Salesforce lets nobody do it"
        ),
    })
}

/// What the operation does to records and the user is not allowed to do, as a verb.
fn forbidden_verb(operation: Operation, describe: &Describe) -> Option<&'static str> {
    let (create, change, delete) = match operation {
        Operation::Insert => (true, false, false),
        Operation::Update => (false, true, false),
        Operation::Upsert => (true, true, false),
        Operation::Delete | Operation::HardDelete => (false, false, true),
    };
    if create && !describe.createable {
        Some("create")
    } else if change && !describe.updateable {
        Some("change")
    } else if delete && !describe.deletable {
        Some("delete")
    } else {
        None
    }
}

/// Why no permission opens an object of this kind, as the rest of a sentence that begins with the object. The endings
/// are those of Salesforce (Object Reference, "Custom Metadata Type__mdt", "StandardObjectNameHistory",
/// "StandardObjectNameChangeEvent").
fn closed_kind(object: &str) -> Option<&'static str> {
    let ends_with = |ending: &str| {
        object
            .len()
            .checked_sub(ending.len())
            .and_then(|start| object.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(ending))
    };
    if ends_with("__mdt") {
        Some("is a custom metadata type, which is deployed and never loaded as records")
    } else if ends_with("History") {
        Some("is a history, which Salesforce alone writes")
    } else if ends_with("ChangeEvent") {
        Some("is a change event, which Salesforce alone writes")
    } else {
        None
    }
}

/// Says which columns of an upsert are refused for a part of the records.
pub(super) fn warn_of_write_once(stream: &StreamName, fields: &ObjectFields, keys: &KeyColumns, columns: &[Column]) {
    if fields.operation() != Operation::Upsert {
        return;
    }
    let object = fields.object();
    let WriteOnce { only_new, only_old } = WriteOnce::of(fields, keys, columns);
    if !only_new.is_empty() {
        tracing::warn!(
            %stream, object, fields = only_new.join(", "),
            "Salesforce rejects each record that exists and has a value in these fields: they can be set only in new \
             records. Allow reparenting of a parent field in the setup, or leave the fields out of the stream"
        );
    }
    if !only_old.is_empty() {
        tracing::warn!(
            %stream, object, fields = only_old.join(", "),
            "Salesforce rejects each new record that has a value in these fields: they can be set only in records that \
             exist"
        );
    }
}

/// The fields of columns that Salesforce takes for a part of the records. It rejects the others whatever the value is.
#[derive(Debug, PartialEq, Eq)]
struct WriteOnce<'f> {
    /// They can be set only in new records, such as the parent of a detail record that may not change.
    only_new: Vec<&'f str>,
    /// They can be set only in records that exist.
    only_old: Vec<&'f str>,
}

impl<'f> WriteOnce<'f> {
    /// The keys are none of them: they find the record, and need not change it.
    fn of(fields: &'f ObjectFields, keys: &KeyColumns, columns: &[Column]) -> Self {
        let is_key = |field: &Field| keys.contains(&field.name);
        let names = |is_kind: fn(&Field) -> bool| {
            let of_columns =
                columns.iter().filter_map(|column| fields.field(column.reference().unwrap_or(column.header())));
            of_columns.filter(|field| !is_key(field) && is_kind(field)).map(|field| field.name.as_str()).collect()
        };
        Self {
            only_new: names(|field| field.createable && !field.updateable),
            only_old: names(|field| field.updateable && !field.createable),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::convert::{Kind, SourceColumn};
    use airbyte::JsonTypes;

    #[test]
    fn fields_that_can_be_set_only_once_are_found() {
        let describe: Describe = serde_json::from_value(json!({"name": "Line__c", "fields": [
            {"name": "Key__c", "createable": true}, {"name": "Parent__c", "createable": true},
            {"name": "Closed__c", "updateable": true}, {"name": "Both__c", "createable": true, "updateable": true},
        ]}))
        .unwrap();
        let fields = ObjectFields::of_plan(Arc::new(describe), Operation::Upsert, false);
        let column = |header: &str| {
            Column::new(SourceColumn::top("s"), header, Kind::Text { longest: None }, JsonTypes::default())
        };
        let parent = column("Parent__r.Key__c").of_reference("Parent__c");
        let columns = [column("Key__c"), parent, column("Closed__c"), column("Both__c")];
        let expected = WriteOnce { only_new: vec!["Parent__c"], only_old: vec!["Closed__c"] };
        assert_eq!(WriteOnce::of(&fields, &KeyColumns::sent(Some("key__c".to_owned())), &columns), expected);
    }

    #[test]
    fn no_permission_is_advised_for_an_object_that_nobody_can_write() {
        for (object, advised) in [
            ("Rate__mdt", false),
            ("AccountHistory", false),
            ("Invoice__History", false),
            ("AccountChangeEvent", false),
            ("Patient_History__c", true),
            ("Account", true),
        ] {
            let describe = Describe { name: object.to_owned(), ..Describe::default() };
            let problem = forbidden(Operation::Insert, &describe).unwrap();
            assert_eq!(problem.contains("grant it in a permission set"), advised, "{problem}");
        }
    }

    #[test]
    fn each_operation_needs_its_rights_alone() {
        use Operation::{Delete, HardDelete, Insert, Update, Upsert};
        for (operation, needed) in [
            (Insert, &["create"][..]),
            (Update, &["change"]),
            (Upsert, &["create", "change"]),
            (Delete, &["delete"]),
            (HardDelete, &["delete"]),
        ] {
            for missing in ["create", "change", "delete"] {
                let describe = Describe {
                    createable: missing != "create",
                    updateable: missing != "change",
                    deletable: missing != "delete",
                    ..Describe::default()
                };
                let expected = needed.contains(&missing).then_some(missing);
                assert_eq!(forbidden_verb(operation, &describe), expected, "{operation} without {missing}");
            }
        }
    }
}
