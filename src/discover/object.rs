//! An object that records can be loaded into, and its operations in the catalog.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::property::PropertySchema;
use super::relationship::{Lookups, Relationship};
use salesforce::{Describe, Field, FieldType, Operation};

/// The operations that the protocol has a sync mode for, each with that mode.
const SYNC_MODES: [(Operation, &str); 4] = [
    (Operation::Insert, "append"),
    (Operation::Upsert, "append_dedup"),
    (Operation::Update, "update"),
    (Operation::Delete, "soft_delete"),
];

/// The field by which update and delete find their record without a search.
const ID: &str = "Id";

/// The length of a record id, in characters.
const ID_LENGTH: u32 = 18;

/// An object with the operations that the user may do and the fields that they take.
///
/// All objects of an org are in memory together, and a large org has a hundred thousand fields. So this keeps only what
/// the catalog shows of a describe: about a hundred bytes for each field, in boxes without spare capacity.
#[derive(Debug)]
pub(super) struct LoadableObject {
    name: Box<str>,
    operations: Box<[Operation]>,
    fields: Box<[LoadableField]>,
}

/// A field that the user may write.
#[derive(Debug)]
struct LoadableField {
    name: Box<str>,
    schema: PropertySchema,
    relationship: Option<Box<Relationship>>,
    upsert_key: Option<KeyKind>,
    /// Whether an update or delete can look for records by it.
    search_key: Option<KeyKind>,
    is_insertable: bool,
    is_updateable: bool,
    is_required: bool,
}

/// A field by which records are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    ExternalId,
    /// Another lookup field, such as the `Email` of a contact.
    Lookup,
}

/// One operation of the catalog.
#[derive(Debug, Serialize)]
pub(super) struct CatalogOperation<'o> {
    object_name: &'o str,
    sync_mode: &'static str,
    json_schema: ObjectSchema<'o>,
    /// Each key is a list of fields, here always of one.
    matching_keys: Vec<[&'o str; 1]>,
}

/// The JSON schema of the records that an operation takes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectSchema<'o> {
    #[serde(rename = "type")]
    json_type: &'static str,
    #[serde(serialize_with = "as_map")]
    properties: Vec<Property<'o>>,
    required: Vec<&'o str>,
    additional_properties: bool,
}

/// A property of a schema: a field, or a relationship column.
#[derive(Debug)]
struct Property<'o> {
    name: Cow<'o, str>,
    schema: Cow<'o, PropertySchema>,
}

fn as_map<S: Serializer>(properties: &[Property<'_>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(properties.iter().map(|property| (&property.name, &property.schema)))
}

impl LoadableObject {
    pub(super) fn of(describe: &Describe) -> Self {
        let fields: Box<[_]> = describe.fields.iter().filter_map(LoadableField::of).collect();
        Self { name: describe.name.as_str().into(), operations: operations(describe, &fields), fields }
    }

    /// The objects that its references may point to.
    pub(super) fn referenced_objects(&self) -> impl Iterator<Item = &str> {
        let relationships = self.fields.iter().filter_map(|field| field.relationship.as_deref());
        relationships.flat_map(Relationship::referenced_objects)
    }

    /// Its operations in the catalog; `lookups` are the lookup fields of the objects that it may refer to.
    pub(super) fn operations<'o>(&'o self, lookups: &'o Lookups) -> impl Iterator<Item = CatalogOperation<'o>> {
        let offered = SYNC_MODES.into_iter().filter(|(operation, _)| self.operations.contains(operation));
        offered.map(|(operation, sync_mode)| CatalogOperation {
            object_name: &self.name,
            sync_mode,
            json_schema: self.schema(operation, lookups),
            matching_keys: self.matching_keys(operation),
        })
    }

    /// Its name, its operations, and the fields that find its records.
    pub(super) fn overview(&self) -> (&str, String, String) {
        let operations: Vec<_> = self.operations.iter().map(ToString::to_string).collect();
        let mut keys: Vec<&str> = Vec::new();
        for [key] in self.operations.iter().flat_map(|operation| self.matching_keys(*operation)) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        (&self.name, operations.join(", "), keys.join(", "))
    }

    fn schema(&self, operation: Operation, lookups: &Lookups) -> ObjectSchema<'_> {
        let mut properties = Vec::new();
        let mut required = Vec::new();
        let finds_by_id = matches!(operation, Operation::Update | Operation::Delete);
        if finds_by_id {
            properties.push(Property { name: ID.into(), schema: Cow::Owned(PropertySchema::text(ID_LENGTH)) });
            // Where it is the only key, every record needs it.
            if self.matching_keys(operation).len() == 1 {
                required.push(ID);
            }
        }
        let mut has_more_columns = false;
        let is_shown = |field: &&LoadableField| field.is_for(operation) || (finds_by_id && field.search_key.is_some());
        for field in self.fields.iter().filter(is_shown) {
            let relationship = field.relationship.as_ref().filter(|_| field.is_for(operation));
            let columns = relationship.map(|it| it.columns(&field.name, lookups)).unwrap_or_default();
            // A relationship column can stand in for a required reference.
            if operation == Operation::Insert && field.is_required && columns.shown.is_empty() {
                required.push(&field.name);
            }
            properties.push(Property { name: (&*field.name).into(), schema: Cow::Borrowed(&field.schema) });
            properties.extend(
                columns
                    .shown
                    .into_iter()
                    .map(|column| Property { name: column.header.into(), schema: Cow::Owned(column.schema) }),
            );
            has_more_columns |= columns.has_more;
        }
        ObjectSchema { json_type: "object", properties, required, additional_properties: has_more_columns }
    }

    fn matching_keys(&self, operation: Operation) -> Vec<[&str; 1]> {
        let key_of = |field: &LoadableField| match operation {
            Operation::Insert => None,
            Operation::Upsert => field.upsert_key,
            Operation::Update | Operation::Delete | Operation::HardDelete => field.search_key,
        };
        let of_kind = |kind| self.fields.iter().filter(move |field| key_of(field) == Some(kind));
        let keys = of_kind(KeyKind::ExternalId).chain(of_kind(KeyKind::Lookup)).map(|field| [&*field.name]);
        let id = (!matches!(operation, Operation::Insert | Operation::Upsert)).then_some([ID]);
        id.into_iter().chain(keys).collect()
    }
}

impl LoadableField {
    fn of(field: &Field) -> Option<Self> {
        let is_insertable = field.is_writable_by(Operation::Insert);
        let is_updateable = field.is_writable_by(Operation::Update);
        if !is_insertable && !is_updateable {
            return None;
        }
        Some(Self {
            name: field.name.as_str().into(),
            schema: PropertySchema::of(field),
            relationship: Relationship::of(field).map(Box::new),
            upsert_key: upsert_key(field),
            search_key: search_key(field),
            is_insertable,
            is_updateable,
            is_required: field.is_required(),
        })
    }

    fn is_for(&self, operation: Operation) -> bool {
        match operation {
            Operation::Insert => self.is_insertable,
            Operation::Update => self.is_updateable,
            // An insert or an update may write each of these fields.
            Operation::Upsert => true,
            Operation::Delete | Operation::HardDelete => false,
        }
    }
}

/// The operations that the user may do and the Bulk API can carry.
fn operations(describe: &Describe, fields: &[LoadableField]) -> Box<[Operation]> {
    let can_write = |operation| fields.iter().any(|field| field.is_for(operation));
    // The Bulk API cannot write some required fields, such as files.
    let can_fill_required =
        describe.fields.iter().all(|field| !field.is_required() || field.is_writable_by(Operation::Insert));
    let insert = describe.createable && can_fill_required && can_write(Operation::Insert);
    let update = describe.updateable && can_write(Operation::Update);
    let upsert = insert && update && fields.iter().any(|field| field.upsert_key.is_some());
    let is_offered = |operation: &Operation| match operation {
        Operation::Insert => insert,
        Operation::Update => update,
        Operation::Upsert => upsert,
        Operation::Delete => describe.deletable,
        Operation::HardDelete => false,
    };
    SYNC_MODES.into_iter().map(|(operation, _)| operation).filter(is_offered).collect()
}

/// Which upsert key a field is, if any. `Id` is none: with a known id, the operation is update.
fn upsert_key(field: &Field) -> Option<KeyKind> {
    field.is_upsert_key().then(|| kind_of_key(field))?
}

/// Which key of an update or delete a field is, if any. Columns are offered for fields that may be written, and a key
/// needs one.
fn search_key(field: &Field) -> Option<KeyKind> {
    let is_key = field.is_lookup() && !field.not_filterable && field.is_writable_by(Operation::Update);
    is_key.then(|| kind_of_key(field))?
}

/// `Id` is none of them: it names the record itself.
fn kind_of_key(field: &Field) -> Option<KeyKind> {
    if field.field_type == FieldType::Id {
        return None;
    }
    Some(if field.external_id { KeyKind::ExternalId } else { KeyKind::Lookup })
}

#[cfg(test)]
mod tests;
