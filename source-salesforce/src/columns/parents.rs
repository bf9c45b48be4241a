//! Parent columns: the record that a reference points to, named by what is the same in every org.

use std::collections::HashMap;

use salesforce::{Describe, Field, FieldType};

use super::{Column, ColumnValue, ValueType};
use crate::objects::is_external;

/// The object that has what a query knows of a record of one of several objects (Object Reference, "Name"). External ids
/// are not among it, and `TYPEOF`, which knows them, is not for query jobs.
pub(crate) const NAME: &str = "Name";

/// The fields of [`NAME`] that name a record.
const NAMES: [&str; 2] = ["Type", "Name"];

/// Those that name a user; for an owner they are the keys of `User:Owner.Username` and `User:Owner.Email`, with which the
/// record can be loaded into another org.
const USER_NAMES: [&str; 2] = ["Username", "Email"];

/// The external ids of objects, by the objects' names. For [`NAME`] it has the fields that name a record.
pub(crate) type ExternalIds = HashMap<String, Vec<ExternalId>>;

/// A field that names a record in every org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalId {
    name: String,
    value_type: ValueType,
}

/// A reference to records of one object or of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The name of the relationship, such as `Account` or `Parent__r`.
    pub(crate) relationship: String,
    /// The name of the object that a query sees behind it.
    pub(crate) object: String,
    /// Whether it can point to a user, among others.
    is_to_users: bool,
}

/// The external ids of an object.
pub(crate) fn external_ids(describe: &Describe) -> Vec<ExternalId> {
    let is_named = |field: &Field| NAMES.iter().chain(&USER_NAMES).any(|name| *name == field.name);
    let is_key = |field: &&Field| match &*describe.name {
        NAME => is_named(field),
        _ => field.external_id && field.field_type != FieldType::Base64,
    };
    let external_id =
        |field: &Field| ExternalId { name: field.name.clone(), value_type: ValueType::of(&field.field_type) };
    describe.fields.iter().filter(is_key).map(external_id).collect()
}

/// The object that a query sees behind a reference. None if the field is no reference.
pub(crate) fn object_behind(field: &Field) -> Option<&str> {
    match &*field.reference_to {
        [] => None,
        [object] if !field.polymorphic => Some(object),
        _ => Some(NAME),
    }
}

/// The references of an object that a query can follow. Those from and to external objects are left out: their values name
/// a record already, by the id that it has in its own system.
pub(crate) fn references(describe: &Describe) -> Vec<Reference> {
    let reference = |field: &Field| {
        let relationship = field.relationship_name.clone()?;
        let object = object_behind(field)?;
        let is_outside = is_external(&describe.name) || field.reference_to.iter().any(|object| is_external(object));
        let is_to_users = field.reference_to.iter().any(|object| object == "User");
        (!is_outside).then(|| Reference { relationship, object: object.to_owned(), is_to_users })
    };
    describe.fields.iter().filter_map(reference).collect()
}

/// The parent columns of references.
pub(crate) fn parent_columns(references: &[Reference], external_ids: &ExternalIds) -> Vec<Column> {
    let columns = references.iter().flat_map(|reference| {
        let keys = external_ids.get(&reference.object).into_iter().flatten();
        let is_useful =
            |key: &&ExternalId| reference.object != NAME || reference.is_to_users || !USER_NAMES.contains(&&*key.name);
        let keys = keys.filter(is_useful);
        keys.map(move |key| {
            let path = format!("{}.{}", reference.relationship, key.name);
            let value = ColumnValue::Field { path: path.clone(), value_type: key.value_type };
            Column { name: path, value, width: 20, is_calculated: false }
        })
    });
    columns.collect()
}
