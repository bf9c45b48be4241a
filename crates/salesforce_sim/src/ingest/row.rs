//! One row: which record it means, whether its values are right, and saving it.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{
    column::{Column, Columns},
    csv::{Cell, cells},
    job::{JobRequest, Operation, Outcome},
    row_error::RowError,
    value,
};
use crate::{
    fault::{RowFault, UploadedRow},
    schema::{Field, FieldType, Object},
    store::{Cells, Life, Table, Tables, id},
};

/// An empty cell leaves its field alone, this text sets it to null, quoted or not (Bulk API 2.0, "Prepare CSV
/// Files").
const NULL: &str = "#N/A";

/// How the rows of one job are saved.
#[derive(Debug)]
pub(crate) struct Plan {
    table: usize,
    object: Arc<Object>,
    operation: Operation,
    columns: Columns,
    delimiter: u8,
    /// The fields that no record can be created without.
    mandatory: Vec<usize>,
    /// The fields that a new record has a value of even if the row gives none.
    defaulted: Vec<usize>,
    /// Who owns records that do not say so.
    user: String,
}

/// The cells of a row, or why it cannot be read.
type Row<'a> = Result<Vec<Cow<'a, str>>, RowError>;

/// The record that a row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    New,
    Existing(usize),
}

/// The fields that a row sets, or sets to null.
type Values<'a> = Vec<(usize, Option<Cow<'a, str>>)>;

impl Plan {
    /// Prepares the job's way of saving rows; `table` is the position of its object.
    pub(crate) fn new(tables: &Tables, table: usize, request: &JobRequest, columns: Columns, user: &str) -> Self {
        let object = Arc::clone(&tables.at(table).object);
        let positions = |wanted: fn(&Field) -> bool| {
            object.fields.iter().enumerate().filter(|(_, field)| wanted(field)).map(|(at, _)| at).collect()
        };
        Self {
            table,
            operation: request.operation,
            columns,
            delimiter: request.delimiter.1,
            mandatory: positions(Field::is_mandatory),
            defaulted: positions(|field| {
                field.auto_number.is_some()
                    || field.name == "OwnerId"
                    || (field.createable && field.default_value.is_some())
            }),
            user: user.to_owned(),
            object,
        }
    }

    /// Saves one chunk of rows.
    pub(crate) fn save<'a>(
        &self,
        tables: &mut Tables,
        rules: &mut [RowFault],
        chunk: impl Iterator<Item = &'a [u8]>,
    ) -> Vec<Outcome> {
        let rows: Vec<Row<'a>> = chunk.map(|row| self.read(row)).collect();
        let repeated = self.repeated_keys(&rows);
        let save = |(row, repeated): (&Row<'a>, Option<RowError>)| {
            let saved = match (row, repeated) {
                (Err(error), _) => Err(error.to_string()),
                (_, Some(error)) => Err(error.to_string()),
                (Ok(row), None) => self.save_row(tables, rules, row),
            };
            match saved {
                Ok((record, created)) => Outcome::Saved { record: u32::try_from(record).unwrap_or(u32::MAX), created },
                Err(error) => Outcome::Failed(error.into()),
            }
        };
        rows.iter().zip(repeated).map(save).collect()
    }

    fn read<'a>(&self, row: &'a [u8]) -> Row<'a> {
        let mut texts = Vec::with_capacity(self.columns.columns.len());
        for cell in cells(row, self.delimiter) {
            if let Cell { malformed: true, .. } = cell {
                return Err(RowError::new("INVALID_FIELD", "Quotes must enclose the whole value"));
            }
            texts.push(cell.text());
        }
        let (found, wanted) = (texts.len(), self.columns.columns.len());
        if found != wanted {
            let message =
                format!("Number of fields in header is different from the row. header = {wanted} row = {found}");
            return Err(RowError::new("INVALID_FIELD", message));
        }
        Ok(texts)
    }

    /// The error of every row whose key another row of the chunk has too: all of them are refused.
    fn repeated_keys(&self, rows: &[Row<'_>]) -> Vec<Option<RowError>> {
        let Some(key) = self.columns.key else {
            return vec![None; rows.len()];
        };
        let field = match self.columns.columns[key] {
            Column::Field(field) => Some(&self.object.fields[field]),
            _ => None,
        };
        let key_of = |row: &Row<'_>| -> Option<String> {
            let text = row.as_ref().ok()?[key].as_ref();
            match field {
                _ if text.is_empty() => None,
                Some(field) => Some(field.key_of(text).into_owned()),
                None => id::normalize(text),
            }
        };
        let keys: Vec<Option<String>> = rows.iter().map(key_of).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        keys.iter().flatten().for_each(|key| *counts.entry(key).or_default() += 1);
        let error = |(row, row_key): (&Row<'_>, &Option<String>)| {
            let text = &row.as_ref().ok()?[key];
            counts.get(row_key.as_deref()?).filter(|count| **count > 1)?;
            Some(match field {
                Some(field) => {
                    let message = format!("Duplicate external id specified: {text}");
                    RowError::of("DUPLICATE_VALUE", message, &[&field.name])
                }
                None => RowError::of("DUPLICATE_VALUE", format!("Duplicate id specified: {text}"), &["Id"]),
            })
        };
        rows.iter().zip(&keys).map(error).collect()
    }

    fn save_row(
        &self,
        tables: &mut Tables,
        rules: &mut [RowFault],
        row: &[Cow<'_, str>],
    ) -> Result<(usize, bool), String> {
        let target = self.target(tables.at(self.table), row).map_err(|error| error.to_string())?;
        let values = match target {
            _ if self.operation.is_delete() => Vec::new(),
            _ => self.values(tables, target, row).map_err(|error| error.to_string())?,
        };
        let view = UploadedRow { names: &self.columns.names, cells: row };
        if let Some(error) = rules.iter_mut().find_map(|rule| rule.refuse(&self.object.name, &view)) {
            return Err(error.to_owned());
        }
        let table = tables.at_mut(self.table);
        check_unique(table, &self.object, target, &values).map_err(|error| error.to_string())?;
        match target {
            Target::New => Ok((self.insert(table, &values), true)),
            Target::Existing(record) => {
                match self.operation {
                    Operation::Delete => table.delete(record, Life::Recycled),
                    Operation::HardDelete => table.delete(record, Life::Gone),
                    _ => {
                        let values: Vec<_> =
                            values.iter().map(|(field, value)| (at(*field), value.as_deref())).collect();
                        table.update(record, &values);
                    }
                }
                Ok((record, false))
            }
        }
    }

    fn target(&self, table: &Table, row: &[Cow<'_, str>]) -> Result<Target, RowError> {
        let Some(key) = self.columns.key else {
            return Ok(Target::New);
        };
        let text = row[key].as_ref();
        let is_missing = text.is_empty() || text == NULL;
        match (&self.columns.columns[key], self.operation) {
            (Column::Field(field), _) => {
                let field = (&table.object.fields[*field], *field);
                external_target(table, field, if is_missing { None } else { Some(text) })
            }
            (_, Operation::Upsert) if is_missing => Ok(Target::New),
            (_, operation) if is_missing => {
                let call = if operation.is_delete() { "a delete" } else { "an update" };
                Err(RowError::new("MISSING_ARGUMENT", format!("Id not specified in {call} call")))
            }
            _ => existing(table, text),
        }
    }

    /// The values of a row after all checks that concern single fields.
    fn values<'a>(&self, tables: &Tables, target: Target, row: &'a [Cow<'_, str>]) -> Result<Values<'a>, RowError> {
        let mut values: Values<'a> = Vec::with_capacity(row.len());
        for (position, (column, text)) in self.columns.columns.iter().zip(row).enumerate() {
            let is_key = self.columns.key == Some(position);
            if text.is_empty() || (is_key && target != Target::New) {
                continue;
            }
            let (Column::Field(field) | Column::Relationship { field, .. }) = column else {
                self.check_id_column(is_key)?;
                continue;
            };
            let described = &self.object.fields[*field];
            let is_writable = if target == Target::New { described.createable } else { described.updateable };
            if !is_writable {
                return Err(not_writable(&described.name));
            }
            let value = match (column, text.as_ref()) {
                (_, NULL) => None,
                (Column::Relationship { object, key, .. }, text) => {
                    Some(Cow::Owned(related(tables.at(*object), *key, text)?))
                }
                (_, text) if described.kind == FieldType::Reference => {
                    Some(Cow::Owned(reference(tables, described, text)?))
                }
                (_, text) => Some(value::check(described, text)?),
            };
            values.push((*field, value));
        }
        self.check_required(target, &values)?;
        Ok(values)
    }

    /// A filled `Id` cell is right only where it is the key.
    fn check_id_column(&self, is_key: bool) -> Result<(), RowError> {
        match self.operation {
            _ if is_key => Ok(()),
            Operation::Insert => {
                let message = "cannot specify Id in an insert call";
                Err(RowError::of("INVALID_FIELD_FOR_INSERT_UPDATE", message, &["Id"]))
            }
            _ => Err(RowError::new("INVALID_FIELD", "The Id field should not be specified in the sobject data.")),
        }
    }

    /// Looks for fields without a value that must have one.
    fn check_required(&self, target: Target, values: &Values<'_>) -> Result<(), RowError> {
        let mut missing: Vec<&str> = Vec::new();
        for (position, value) in values {
            let field = &self.object.fields[*position];
            if value.is_some() || field.nillable {
                continue;
            }
            if field.kind == FieldType::Boolean {
                return Err(value::wrong_type(field, NULL));
            }
            // A new record gets the default in place of null.
            if target != Target::New || field.is_mandatory() {
                missing.push(&field.name);
            }
        }
        if target == Target::New {
            let absent = self.mandatory.iter().filter(|field| values.iter().all(|(given, _)| given != *field));
            missing.extend(absent.map(|field| self.object.fields[*field].name.as_str()));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        Err(RowError::of("REQUIRED_FIELD_MISSING", message, &missing))
    }

    fn insert(&self, table: &mut Table, values: &Values<'_>) -> usize {
        let number = table.next_number() + 1;
        let is_given = |position: &usize| values.iter().any(|(given, value)| given == position && value.is_some());
        let default = |position: &usize| {
            let field = &self.object.fields[*position];
            let value = match (&field.auto_number, &field.default_value) {
                (Some(format), _) => Cow::Owned(auto_number(format, number)),
                (None, Some(value)) => Cow::Borrowed(value.as_str()),
                (None, None) => Cow::Borrowed(self.user.as_str()),
            };
            (at(*position), value)
        };
        let defaults: Vec<_> = self.defaulted.iter().filter(|position| !is_given(position)).map(default).collect();
        let given = values.iter().filter_map(|(field, value)| Some((at(*field), value.as_deref()?)));
        table.insert(Cells::pack(given.chain(defaults.iter().map(|(field, value)| (*field, value.as_ref())))))
    }
}

/// Objects have far fewer than 65,536 fields.
fn at(field: usize) -> u16 {
    u16::try_from(field).unwrap_or(u16::MAX)
}

fn auto_number(format: &str, number: usize) -> String {
    match format.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (zeros, after))) => format!("{before}{number:0width$}{after}", width = zeros.len()),
        None => format!("{format}{number}"),
    }
}

fn not_writable(field: &str) -> RowError {
    let message = format!(
        "Unable to create/update fields: {field}. Please check the security settings of this field and verify that \
         it is read/write for your profile or permission set."
    );
    RowError::of("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[field])
}

/// The record whose external id is `text`.
fn external_target(table: &Table, field: (&Field, usize), text: Option<&str>) -> Result<Target, RowError> {
    let (field, position) = field;
    let Some(text) = text else {
        return Err(RowError::new("MISSING_ARGUMENT", format!("{} not specified", field.name)));
    };
    value::check(field, text)?;
    match table.find(position, text) {
        [] => Ok(Target::New),
        [record] => Ok(Target::Existing(*record as usize)),
        records => Err(ambiguous(table, field, records)),
    }
}

fn ambiguous(table: &Table, field: &Field, records: &[u32]) -> RowError {
    let ids: Vec<String> = records.iter().map(|record| table.id(*record as usize)).collect();
    let name = &field.name;
    let ids = ids.join(", ");
    let message = format!("{name}: more than one record found for external id field: [{ids}]");
    RowError::new("DUPLICATE_EXTERNAL_ID", message)
}

/// The live record of the table that an id names.
fn existing(table: &Table, text: &str) -> Result<Target, RowError> {
    let Some(normalized) = id::normalize(text) else {
        return Err(RowError::new("MALFORMED_ID", format!("bad id {text}")));
    };
    if !normalized.starts_with(&table.prefix) {
        let message = format!("{} ID: id value of incorrect type: {text}", table.object.label);
        return Err(RowError::of("MALFORMED_ID", message, &["Id"]));
    }
    match table.locate(&normalized) {
        Some((record, Life::Live)) => Ok(Target::Existing(record)),
        Some((_, Life::Recycled)) => Err(RowError::new("ENTITY_IS_DELETED", "entity is deleted")),
        Some((_, Life::Gone)) | None => Err(invalid_reference()),
    }
}

fn invalid_reference() -> RowError {
    RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
}

/// The full id behind the value of a reference field.
fn reference(tables: &Tables, field: &Field, text: &str) -> Result<String, RowError> {
    let target = id::normalize(text).and_then(|normalized| Some((tables.by_prefix(&normalized[..3])?, normalized)));
    let target = target.filter(|(table, _)| field.reference_to.contains(&table.object.name));
    let Some((table, normalized)) = target else {
        let message = format!("{}: id value of incorrect type: {text}", field.label);
        return Err(RowError::of("MALFORMED_ID", message, &[&field.name]));
    };
    match table.locate(&normalized) {
        Some((record, Life::Live)) => Ok(table.id(record)),
        _ => Err(invalid_reference()),
    }
}

/// The id of the record that a relationship column means.
fn related(table: &Table, key: usize, text: &str) -> Result<String, RowError> {
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

fn check_unique(table: &Table, object: &Object, target: Target, values: &Values<'_>) -> Result<(), RowError> {
    for (position, value) in values {
        let (field, Some(value)) = (&object.fields[*position], value) else {
            continue;
        };
        let is_other = |record: &&u32| target != Target::Existing(**record as usize);
        if let Some(other) = table.find(*position, value).iter().find(is_other).filter(|_| field.unique) {
            let (name, id) = (&field.name, table.id(*other as usize));
            let message = format!("duplicate value found: {name} duplicates value on record with id: {id}");
            return Err(RowError::new("DUPLICATE_VALUE", message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
