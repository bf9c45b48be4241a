//! Relationship columns: a reference to another record that is given by a lookup field of that record.

use std::collections::HashMap;

use serde_json::Value;

use super::property;
use salesforce::describe::{Describe, Field, FieldType};

/// The most columns of one relationship. A task can be about any object of the org, each with lookup fields of its
/// own; beyond what can be looked over in a list, the user types the name.
const MOST_COLUMNS: usize = 100;

/// A field by which the records of an object can be named from elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lookup {
    name: Box<str>,
    /// The schema of its values, without the braces.
    json_type: Box<str>,
    is_external_id: bool,
}

/// The lookup fields of objects by the objects' names.
pub(super) type Lookups = HashMap<String, Vec<Lookup>>;

/// The lookup fields of an object. The `Id` is none: the reference itself takes it.
pub(super) fn lookups(describe: &Describe) -> Vec<Lookup> {
    let fields = describe.fields.iter().filter(|field| field.is_lookup() && field.field_type != FieldType::Id);
    let lookup = |field: &Field| Lookup {
        name: field.name.as_str().into(),
        json_type: property::json_type(field).into(),
        is_external_id: field.external_id,
    };
    fields.map(lookup).collect()
}

/// A reference of an object, which relationship columns can stand in for.
#[derive(Debug)]
pub(super) struct Relationship {
    /// The field that holds the reference.
    field: Box<str>,
    name: Box<str>,
    targets: Box<[Box<str>]>,
    is_polymorphic: bool,
}

/// The columns of a relationship.
pub(super) struct Columns {
    /// Each as a member of `properties`.
    pub(super) members: Vec<String>,
    /// Whether there are more.
    pub(super) is_cut: bool,
}

impl Relationship {
    /// The relationship of a field, where it has one.
    pub(super) fn of(field: &Field) -> Option<Self> {
        let name = field.relationship_name.as_deref()?;
        Some(Self {
            field: field.name.as_str().into(),
            name: name.into(),
            targets: field.reference_to.iter().map(|target| target.as_str().into()).collect(),
            is_polymorphic: field.polymorphic,
        })
    }

    /// The field that holds the reference.
    pub(super) fn field(&self) -> &str {
        &self.field
    }

    /// The objects that it may lead to.
    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|target| &**target)
    }

    /// The columns that can stand in for it, external ids first.
    pub(super) fn columns(&self, lookups: &Lookups) -> Columns {
        let of_kind = |is_external_id: bool| {
            self.targets().flat_map(move |target| {
                let lookups = lookups.get(target).into_iter().flatten();
                lookups.filter(move |it| it.is_external_id == is_external_id).map(move |it| (target, it))
            })
        };
        let mut all = of_kind(true).chain(of_kind(false));
        let members = all.by_ref().take(MOST_COLUMNS).map(|(target, lookup)| self.member(target, lookup)).collect();
        Columns { members, is_cut: all.next().is_some() }
    }

    /// The column by one lookup field (Bulk API 2.0 guide, "Relationship Fields in a Header Row").
    fn member(&self, target: &str, lookup: &Lookup) -> String {
        let Self { field, name, .. } = self;
        let Lookup { name: by, json_type, .. } = lookup;
        let header = if self.is_polymorphic { format!("{target}:{name}.{by}") } else { format!("{name}.{by}") };
        let description = format!("Sets {field} to the {target} that has this {by}.");
        format!(r#"{}:{{{json_type},"description":{}}}"#, Value::from(header), Value::from(description))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, fields: Value) -> (String, Vec<Lookup>) {
        let describe: Describe = serde_json::from_value(json!({"name": name, "fields": fields})).unwrap();
        (name.to_owned(), lookups(&describe))
    }

    fn relationship(field: Value) -> Relationship {
        let describe: Describe = serde_json::from_value(json!({"fields": [field]})).unwrap();
        Relationship::of(&describe.fields[0]).unwrap()
    }

    fn column_names(columns: &Columns) -> Vec<String> {
        let column = |member: &String| {
            let column: serde_json::Map<String, Value> = serde_json::from_str(&format!("{{{member}}}")).unwrap();
            column.into_iter().next().unwrap().0
        };
        columns.members.iter().map(column).collect()
    }

    fn org() -> Lookups {
        Lookups::from([
            object(
                "User",
                json!([
                    {"name": "Id", "type": "id", "idLookup": true},
                    {"name": "Email", "type": "email", "length": 80, "idLookup": true},
                    {"name": "Number__c", "type": "double", "externalId": true},
                    {"name": "Alias", "type": "string"},
                ]),
            ),
            object("Group", json!([{"name": "DeveloperName", "type": "string", "idLookup": true}])),
            object("Empty__c", json!([{"name": "Id", "type": "id", "idLookup": true}])),
        ])
    }

    #[test]
    fn a_column_tells_the_type_of_the_lookup_field() {
        let manager = json!({"name": "ManagerId", "relationshipName": "Manager", "referenceTo": ["User"]});
        let columns = relationship(manager).columns(&org());
        let told: Value = serde_json::from_str(&format!("{{{}}}", columns.members.join(","))).unwrap();
        let expected = json!({
            "Manager.Number__c": {
                "type": "number",
                "description": "Sets ManagerId to the User that has this Number__c.",
            },
            "Manager.Email": {
                "type": "string",
                "maxLength": 80,
                "description": "Sets ManagerId to the User that has this Email.",
            },
        });
        assert_eq!(told, expected);
        assert!(!columns.is_cut);
    }

    #[test]
    fn a_polymorphic_reference_names_the_object() {
        for (field, expected) in [
            (
                json!({"name": "OwnerId", "relationshipName": "Owner", "referenceTo": ["Group", "User"]}),
                &["User:Owner.Number__c", "Group:Owner.DeveloperName", "User:Owner.Email"][..],
            ),
            (
                json!({
                    "name": "A__c", "relationshipName": "A__r", "referenceTo": ["Group"], "polymorphicForeignKey": true,
                }),
                &["Group:A__r.DeveloperName"],
            ),
            (json!({"name": "A__c", "relationshipName": "A__r", "referenceTo": ["Empty__c", "Hidden__c"]}), &[]),
        ] {
            assert_eq!(column_names(&relationship(field).columns(&org())), expected);
        }
    }

    #[test]
    fn a_reference_to_everything_is_cut() {
        let names: Vec<String> = (0..90).map(|n| format!("Object{n}__c")).collect();
        let fields = json!([{"name": "Name", "idLookup": true}, {"name": "Ext__c", "externalId": true}]);
        let lookups: Lookups = names.iter().map(|name| object(name, fields.clone())).collect();
        let what = relationship(json!({"name": "WhatId", "relationshipName": "What", "referenceTo": names}));
        let columns = what.columns(&lookups);
        let headers = column_names(&columns);
        assert_eq!((headers.len(), columns.is_cut), (MOST_COLUMNS, true));
        assert_eq!(headers[89], "Object89__c:What.Ext__c");
        assert_eq!(headers[90], "Object0__c:What.Name");
    }
}
