//! Finds the record that an id or a key names.

use super::{field_value, row_error::RowError};
use crate::{
    schema::Field,
    store::{RecordState, Table, Tables, id},
};

/// The live record with an id, in the object of the job.
pub(super) fn record_with_id(table: &Table, text: &str) -> Result<usize, RowError> {
    let Some(normalized) = id::normalize(text) else {
        return Err(RowError::new("MALFORMED_ID", format!("bad id {text}")));
    };
    if !normalized.starts_with(&table.prefix) {
        let message = format!("{} ID: id value of incorrect type: {text}", table.object.label);
        return Err(RowError::with_fields("MALFORMED_ID", message, &["Id"]));
    }
    match table.locate(&normalized) {
        Some((record, RecordState::Live)) => Ok(record),
        Some((_, RecordState::Recycled)) => Err(RowError::new("ENTITY_IS_DELETED", "entity is deleted")),
        Some((_, RecordState::Erased | RecordState::Pending)) | None => Err(invalid_reference()),
    }
}

/// The record with an external id; `None` if no record has it.
pub(super) fn record_with_external_id(table: &Table, field: usize, text: &str) -> Result<Option<usize>, RowError> {
    let described = &table.object.fields[field];
    field_value::check(described, described.trimmed(text))?;
    match table.find(field, text) {
        [] => Ok(None),
        [record] => Ok(Some(*record as usize)),
        records => Err(ambiguous(table, described, records)),
    }
}

/// The 18-character id of the record that a reference field names.
pub(super) fn referenced_id(tables: &Tables, field: &Field, text: &str) -> Result<String, RowError> {
    let target = id::normalize(text).and_then(|normalized| Some((tables.by_prefix(&normalized[..3])?, normalized)));
    let target = target.filter(|(table, _)| field.reference_to.contains(&table.object.name));
    let Some((table, normalized)) = target else {
        let message = format!("{}: id value of incorrect type: {text}", field.label);
        return Err(RowError::with_fields("MALFORMED_ID", message, &[&field.name]));
    };
    match table.locate(&normalized) {
        Some((record, RecordState::Live)) => Ok(table.id(record)),
        _ => Err(invalid_reference()),
    }
}

/// The 18-character id of the record that a relationship column names by a key field.
pub(super) fn related_id(table: &Table, key: usize, text: &str) -> Result<String, RowError> {
    let key_field = &table.object.fields[key];
    match table.find(key, text) {
        [record] => Ok(table.id(*record as usize)),
        [] => {
            let (key, entity) = (&key_field.name, &table.object.name);
            let message = format!("Foreign key external ID: {text} not found for field {key} in entity {entity}");
            Err(RowError::new("INVALID_FIELD", message))
        }
        records => Err(ambiguous(table, key_field, records)),
    }
}

fn invalid_reference() -> RowError {
    RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
}

fn ambiguous(table: &Table, field: &Field, records: &[u32]) -> RowError {
    let ids: Vec<String> = records.iter().map(|record| table.id(*record as usize)).collect();
    let name = &field.name;
    let ids = ids.join(", ");
    let message = format!("{name}: more than one record found for external id field: [{ids}]");
    RowError::new("DUPLICATE_EXTERNAL_ID", message)
}
