//! The columns of an object: what a record of its stream can have, with JSON types.
//!
//! Most columns are a field. A compound field, such as an address, is a column of its parts, because no query job can
//! select it. A parent column, such as `Account.External_Id__c`, names the record that a reference points to by an
//! external id, so that the record can be loaded into another org, which has other ids. Where a reference can point to
//! several objects, its columns are what a query knows of all of them, such as `Owner.Username`.

mod compound;
mod left_out;
mod parents;
mod value_type;

pub(crate) use connector::value_type::ValueType;
use salesforce::{Describe, Field, FieldType};

use crate::plan::Changes;

pub(crate) use left_out::{LeftOut, by_reason, left_out};
pub(crate) use parents::{ExternalIds, NAME, Reference, external_ids, object_behind, parent_columns, references};
pub(crate) use value_type::schema;

/// The column with the time of a deletion, by which destinations of Airbyte know a deleted record.
pub(crate) const DELETED_AT: &str = "_ab_cdc_deleted_at";

/// A column of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// The name in records and in the schema.
    pub(crate) name: String,
    pub(crate) value: ColumnValue,
    /// The bytes that a value typically takes, from which the rows of a page are chosen.
    pub(crate) width: usize,
    /// Whether it is a formula, or a roll-up.
    pub(crate) is_calculated: bool,
}

/// Where the value of a column comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnValue {
    /// A field of the record or of its parent, by its path in a query.
    Field { path: String, value_type: ValueType },
    /// An object made of the parts of a compound field.
    Compound(Vec<Part>),
    /// The stamp of a record in the recycle bin, which is that of its deletion; its field, if queries find such records.
    DeletedAt(Option<String>),
}

/// A part of a compound field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The name in the object, such as `postalCode`.
    pub(crate) member: String,
    pub(crate) path: String,
    pub(crate) value_type: ValueType,
}

impl Column {
    fn of_field(name: String, field: &Field) -> Self {
        let value = ColumnValue::Field { path: name.clone(), value_type: ValueType::of(&field.field_type) };
        Self { name, value, width: width(field), is_calculated: field.calculated }
    }

    /// The column with the time of a deletion.
    pub(crate) fn deleted_at(changes: &Changes) -> Self {
        Self::deleted_since(changes.finds_bin().then(|| changes.cursor.clone()))
    }

    /// The same in a full refresh, which has no deleted record.
    pub(crate) fn never_deleted() -> Self {
        Self::deleted_since(None)
    }

    fn deleted_since(stamp: Option<String>) -> Self {
        Self { name: DELETED_AT.to_owned(), value: ColumnValue::DeletedAt(stamp), width: 20, is_calculated: false }
    }
}

/// Short fields are mostly full in part, and long ones nearly empty.
fn width(field: &Field) -> usize {
    match field.length as usize {
        0 => 20,
        length @ 1..=255 => length.div_ceil(4),
        length => 64 + length / 32,
    }
}

/// The columns of an object, without those of its parents, in the order of its fields.
pub(crate) fn columns(describe: &Describe) -> Vec<Column> {
    let column = |field: &Field| match &field.field_type {
        _ if left_out::reason(&describe.name, field).is_some() => None,
        FieldType::Address | FieldType::Location => compound::column(field, &describe.fields),
        _ => Some(Column::of_field(field.name.clone(), field)),
    };
    describe.fields.iter().filter_map(column).collect()
}

#[cfg(test)]
mod tests;
