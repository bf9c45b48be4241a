//! Parent columns: the record that a reference points to, named by an external id.

use std::collections::HashMap;

use salesforce::{Describe, Field, FieldType};

use super::{Column, ColumnValue, ValueType};

/// The external ids of objects, by the objects' names.
pub(crate) type ExternalIds = HashMap<String, Vec<ExternalId>>;

/// A field that names a record in every org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalId {
    name: String,
    value_type: ValueType,
}

/// A reference to records of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The name of the relationship, such as `Account` or `Parent__r`.
    pub(crate) relationship: String,
    /// The name of the object.
    pub(crate) object: String,
}

/// The external ids of an object.
pub(crate) fn external_ids(describe: &Describe) -> Vec<ExternalId> {
    let is_key = |field: &&Field| field.external_id && field.field_type != FieldType::Base64;
    let external_id =
        |field: &Field| ExternalId { name: field.name.clone(), value_type: ValueType::of(&field.field_type) };
    describe.fields.iter().filter(is_key).map(external_id).collect()
}

/// The references of an object. One that may point to several objects has no columns: a query can select only what all
/// of them have.
pub(crate) fn references(describe: &Describe) -> Vec<Reference> {
    let reference = |field: &Field| match (&field.relationship_name, &*field.reference_to) {
        (Some(relationship), [object]) if !field.polymorphic => {
            Some(Reference { relationship: relationship.clone(), object: object.clone() })
        }
        _ => None,
    };
    describe.fields.iter().filter_map(reference).collect()
}

/// The parent columns of references.
pub(crate) fn parent_columns(references: &[Reference], external_ids: &ExternalIds) -> Vec<Column> {
    let columns = references.iter().flat_map(|reference| {
        let keys = external_ids.get(&reference.object).into_iter().flatten();
        keys.map(move |key| {
            let path = format!("{}.{}", reference.relationship, key.name);
            Column { name: path.clone(), value: ColumnValue::Field { path, value_type: key.value_type }, width: 20 }
        })
    });
    columns.collect()
}
