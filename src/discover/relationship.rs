//! Relationship columns: a column that names the record of a reference by a lookup field of that record
//! (Bulk API 2.0 guide, "Relationship Fields in a Header Row").

use std::collections::HashMap;

use super::property::PropertySchema;
use salesforce::{Describe, Field, FieldType};

/// The most columns that are shown of one relationship. A task can refer to any object of the org, each with lookup
/// fields of its own. Nobody reads a longer list; the user types the name of a column that is not shown.
const MOST_COLUMNS: usize = 100;

/// A field that a relationship column can name a record by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lookup {
    name: Box<str>,
    /// Without a description.
    schema: PropertySchema,
    is_external_id: bool,
}

/// The lookup fields of objects by the objects' names.
pub(super) type Lookups = HashMap<String, Vec<Lookup>>;

/// The lookup fields of an object, without `Id`: the reference itself takes an id.
pub(super) fn lookups(describe: &Describe) -> Vec<Lookup> {
    let fields = describe.fields.iter().filter(|field| field.is_lookup() && field.field_type != FieldType::Id);
    let lookup = |field: &Field| Lookup {
        name: field.name.as_str().into(),
        schema: PropertySchema::without_description(field),
        is_external_id: field.external_id,
    };
    fields.map(lookup).collect()
}

/// The relationship of a reference field.
#[derive(Debug)]
pub(super) struct Relationship {
    name: Box<str>,
    referenced_objects: Box<[Box<str>]>,
    is_polymorphic: bool,
}

/// The columns of a relationship.
#[derive(Debug, Default)]
pub(super) struct RelationshipColumns {
    pub(super) shown: Vec<RelationshipColumn>,
    /// Whether the relationship has columns that are not shown.
    pub(super) has_more: bool,
}

/// A column of a relationship.
#[derive(Debug)]
pub(super) struct RelationshipColumn {
    /// Such as `Account.External_Id__c`, or `User:Owner.Email` where the reference is polymorphic.
    pub(super) header: String,
    pub(super) schema: PropertySchema,
}

impl Relationship {
    pub(super) fn of(field: &Field) -> Option<Self> {
        let name = field.relationship_name.as_deref()?;
        Some(Self {
            name: name.into(),
            referenced_objects: field.reference_to.iter().map(|object| object.as_str().into()).collect(),
            is_polymorphic: field.polymorphic,
        })
    }

    /// The objects that the reference may point to.
    pub(super) fn referenced_objects(&self) -> impl Iterator<Item = &str> {
        self.referenced_objects.iter().map(|object| &**object)
    }

    /// The columns that can stand in for the reference `field`, external ids first.
    pub(super) fn columns(&self, field: &str, lookups: &Lookups) -> RelationshipColumns {
        let of_kind = |is_external_id: bool| {
            self.referenced_objects().flat_map(move |object| {
                let lookups = lookups.get(object).into_iter().flatten();
                lookups.filter(move |it| it.is_external_id == is_external_id).map(move |it| (object, it))
            })
        };
        let mut all = of_kind(true).chain(of_kind(false));
        let shown =
            all.by_ref().take(MOST_COLUMNS).map(|(object, lookup)| self.column(field, object, lookup)).collect();
        RelationshipColumns { shown, has_more: all.next().is_some() }
    }

    fn column(&self, field: &str, object: &str, lookup: &Lookup) -> RelationshipColumn {
        let (relationship, by) = (&self.name, &lookup.name);
        let header = match self.is_polymorphic {
            true => format!("{object}:{relationship}.{by}"),
            false => format!("{relationship}.{by}"),
        };
        let description = format!("Sets {field} to the {object} that has this {by}.");
        RelationshipColumn { header, schema: lookup.schema.clone().with_description(description) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(name: &str, fields: Value) -> (String, Vec<Lookup>) {
        let describe: Describe = serde_json::from_value(json!({"name": name, "fields": fields})).unwrap();
        (name.to_owned(), lookups(&describe))
    }

    /// The columns that can stand in for a reference field.
    fn columns(field: Value, lookups: &Lookups) -> RelationshipColumns {
        let describe: Describe = serde_json::from_value(json!({"fields": [field]})).unwrap();
        let field = &describe.fields[0];
        Relationship::of(field).unwrap().columns(&field.name, lookups)
    }

    fn headers(columns: &RelationshipColumns) -> Vec<&str> {
        columns.shown.iter().map(|column| column.header.as_str()).collect()
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
    fn a_column_has_the_type_of_the_lookup_field() {
        let manager = json!({"name": "ManagerId", "relationshipName": "Manager", "referenceTo": ["User"]});
        let columns = columns(manager, &org());
        let properties: Value =
            columns.shown.iter().map(|it| (it.header.clone(), serde_json::to_value(&it.schema).unwrap())).collect();
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
        assert_eq!(properties, expected);
        assert!(!columns.has_more);
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
            assert_eq!(headers(&columns(field, &org())), expected);
        }
    }

    #[test]
    fn a_reference_to_every_object_shows_some_columns() {
        let names: Vec<String> = (0..90).map(|n| format!("Object{n}__c")).collect();
        let fields = json!([{"name": "Name", "idLookup": true}, {"name": "Ext__c", "externalId": true}]);
        let lookups: Lookups = names.iter().map(|name| object(name, fields.clone())).collect();
        let what = json!({"name": "WhatId", "relationshipName": "What", "referenceTo": names});
        let columns = columns(what, &lookups);
        let headers = headers(&columns);
        assert_eq!((headers.len(), columns.has_more), (100, true));
        assert_eq!(headers[89], "Object89__c:What.Ext__c");
        assert_eq!(headers[90], "Object0__c:What.Name");
    }
}
