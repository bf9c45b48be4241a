//! Reads the rows of a job: the record that a row names, and the values that it sets.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{
    columns::{Column, Columns},
    field_value,
    record_lookup::{record_with_external_id, record_with_id, referenced_id, related_id},
    row_error::RowError,
};
use crate::{
    csv::{Cell, cells},
    org::{JobRequest, Operation},
    schema::{Field, FieldType, Object},
    store::{Table, Tables, id},
};

/// This text sets a field to null, in quotes or not. An empty cell does not change its field (Bulk API 2.0, "Prepare
/// CSV Files").
const NULL: &str = "#N/A";

/// Reads the rows of one job.
#[derive(Debug)]
pub(super) struct RowReader {
    pub(super) object: Arc<Object>,
    pub(super) operation: Operation,
    pub(super) columns: Columns,
    delimiter: u8,
    /// For each reference field that several columns fill, these columns.
    shared_references: Vec<Vec<usize>>,
    /// The fields without which an insert fails.
    mandatory: Vec<usize>,
}

/// The cells of a row, or why the row cannot be read.
pub(super) type Row<'a> = Result<Vec<Cow<'a, str>>, RowError>;

/// The fields that a row sets, by their positions. `None` sets null.
pub(super) type Values<'a> = Vec<(usize, Option<Cow<'a, str>>)>;

/// The record that a row names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    New,
    Existing(usize),
}

impl RowReader {
    pub(super) fn new(object: &Arc<Object>, request: &JobRequest, columns: Columns) -> Self {
        Self {
            object: Arc::clone(object),
            operation: request.operation,
            shared_references: columns.shared_references(),
            columns,
            delimiter: request.delimiter.1,
            mandatory: object.positions(Field::is_mandatory),
        }
    }

    /// Splits a row into the texts of its cells.
    pub(super) fn read<'a>(&self, row: &'a [u8]) -> Row<'a> {
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

    /// The error of every row whose key another row of the chunk has too. All of these rows fail.
    pub(super) fn repeated_keys(&self, rows: &[Row<'_>]) -> Vec<Option<RowError>> {
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
                _ if text.trim_matches(' ').is_empty() => None,
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
            let (message, name) = match field {
                Some(field) => (format!("Duplicate external id specified: {text}"), field.name.as_str()),
                None => (format!("Duplicate id specified: {text}"), "Id"),
            };
            Some(RowError::with_fields("DUPLICATE_VALUE", message, &[name]))
        };
        rows.iter().zip(&keys).map(error).collect()
    }

    /// Finds the record that a row names.
    pub(super) fn target(&self, table: &Table, row: &[Cow<'_, str>]) -> Result<Target, RowError> {
        let Some(key) = self.columns.key else {
            return Ok(Target::New);
        };
        let text = row[key].as_ref();
        let is_missing = text.trim_matches(' ').is_empty() || text == NULL;
        match (&self.columns.columns[key], self.operation) {
            (Column::Field(field), _) if is_missing => {
                let name = &self.object.fields[*field].name;
                Err(RowError::new("MISSING_ARGUMENT", format!("{name} not specified")))
            }
            (Column::Field(field), _) => {
                Ok(record_with_external_id(table, *field, text)?.map_or(Target::New, Target::Existing))
            }
            (_, Operation::Upsert) if is_missing => Ok(Target::New),
            (_, operation) if is_missing => {
                let call = if operation.is_delete() { "a delete" } else { "an update" };
                Err(RowError::new("MISSING_ARGUMENT", format!("Id not specified in {call} call")))
            }
            _ => record_with_id(table, text).map(Target::Existing),
        }
    }

    /// Returns the values of a row after all checks that need no other record of its object.
    pub(super) fn values<'a>(
        &self,
        tables: &Tables,
        target: Target,
        row: &'a [Cow<'_, str>],
    ) -> Result<Values<'a>, RowError> {
        self.check_references(tables, row)?;
        let mut values: Values<'a> = Vec::with_capacity(row.len());
        for (position, (column, text)) in self.columns.columns.iter().zip(row).enumerate() {
            let is_key = self.columns.key == Some(position);
            if text.trim_matches(' ').is_empty() || (is_key && target != Target::New) {
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
                    Some(Cow::Owned(related_id(tables.at(*object), *key, text)?))
                }
                (_, text) if described.kind == FieldType::Reference => {
                    Some(Cow::Owned(referenced_id(tables, described, text)?))
                }
                (_, text) => Some(field_value::check(described, described.trimmed(text))?),
            };
            values.push((*field, value));
        }
        if target == Target::New {
            self.name_person(&mut values)?;
        }
        self.check_required(target, &values)?;
        Ok(values)
    }

    /// Returns an error for a row that fills a reference twice: by its id and by a key, or by two keys (both texts are
    /// recorded answers).
    fn check_references(&self, tables: &Tables, row: &[Cow<'_, str>]) -> Result<(), RowError> {
        for columns in &self.shared_references {
            let filled = || columns.iter().filter(|at| !row[**at].is_empty()).map(|at| &self.columns.columns[*at]);
            let related = filled().find_map(|column| match column {
                Column::Relationship { field, object, .. } => Some((*field, *object)),
                _ => None,
            });
            let Some((field, object)) = related.filter(|_| filled().count() > 1) else { continue };
            let reference = &self.object.fields[field];
            let message = if filled().any(|column| *column == Column::Field(field)) {
                let relationship = reference.relationship_name.as_deref().unwrap_or_default();
                let name = &reference.name;
                format!("Cannot specify both an external ID reference {relationship} and a salesforce id, {name}")
            } else {
                let entity = &tables.at(object).object.name;
                format!("More than 1 field provided in an external foreign key reference in entity: {entity}")
            };
            return Err(RowError::new("INVALID_FIELD", message));
        }
        Ok(())
    }

    /// Gives a new person account its name: Salesforce makes it of the first and the last name, and takes none from the
    /// row (Object Reference, "Account", field `Name`; Salesforce Help, "Error 'bad field names' when you import Person
    /// Accounts").
    fn name_person(&self, values: &mut Values<'_>) -> Result<(), RowError> {
        let Some(is_person) = self.object.position("IsPersonAccount") else { return Ok(()) };
        let [last, first, name] = ["LastName", "FirstName", "Name"].map(|name| self.object.position(name));
        let text = |position: Option<usize>| {
            let (_, value) = values.iter().find(|(field, _)| Some(*field) == position)?;
            value.as_deref()
        };
        let (Some(last), Some(name)) = (text(last), name) else { return Ok(()) };
        if text(Some(name)).is_some() {
            let message = "Account: bad field names on insert/update call: Name";
            return Err(RowError::with_fields("INVALID_FIELD_FOR_INSERT_UPDATE", message, &["Name"]));
        }
        let full = text(first).map_or_else(|| last.to_owned(), |first| format!("{first} {last}"));
        values.retain(|(field, _)| *field != name);
        values.push((name, Some(Cow::Owned(full))));
        values.push((is_person, Some(Cow::Borrowed("true"))));
        Ok(())
    }

    /// Returns an error for a filled `Id` cell, unless `Id` is the key of the row.
    fn check_id_column(&self, is_key: bool) -> Result<(), RowError> {
        match self.operation {
            _ if is_key => Ok(()),
            Operation::Insert => {
                let message = "cannot specify Id in an insert call";
                Err(RowError::with_fields("INVALID_FIELD_FOR_INSERT_UPDATE", message, &["Id"]))
            }
            _ => Err(RowError::new("INVALID_FIELD", "The Id field should not be specified in the sobject data.")),
        }
    }

    /// Checks that required fields have a value.
    fn check_required(&self, target: Target, values: &Values<'_>) -> Result<(), RowError> {
        let mut missing: Vec<&str> = Vec::new();
        for (position, value) in values {
            let field = &self.object.fields[*position];
            if value.is_some() || field.nillable {
                continue;
            }
            if field.kind == FieldType::Boolean {
                return Err(field_value::wrong_type(field, NULL));
            }
            // A new record takes the default instead of null.
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
        Err(RowError::with_fields("REQUIRED_FIELD_MISSING", message, &missing))
    }
}

pub(super) fn not_writable(field: &str) -> RowError {
    let message = format!(
        "Unable to create/update fields: {field}. Please check the security settings of this field and verify that \
         it is read/write for your profile or permission set."
    );
    RowError::with_fields("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[field])
}
