//! A row becomes the line of a record.
//!
//! Values are those that `docs/values.md` of the destination loads unchanged: the digits of a number, every blank of a
//! text, and points in time in one form, whichever API returned them.

mod deletion;
mod number;
mod value;

use std::collections::HashMap;

use airbyte::StreamName;
use airbyte::json::write_text;
use salesforce::QueryRow;

use crate::columns::{Column, ColumnValue, Part, ValueType};
use crate::plan::IS_DELETED;
pub(crate) use deletion::DeletionWriter;
use value::{Unreadable, write_value};

/// Where the values of a column are in a row.
#[derive(Debug, Clone)]
enum Place {
    At(usize, ValueType),
    /// The parts of an object, each with its member as JSON text.
    Parts(Vec<(Vec<u8>, usize, ValueType)>),
    /// Whether the record is in the recycle bin, and since when; None if nobody can say.
    DeletedAt(Option<(usize, usize)>),
    /// Nowhere: a field of the column is gone.
    Lost,
}

/// Writes the records of a stream.
#[derive(Debug, Clone)]
pub(crate) struct RecordWriter {
    /// The line up to the values.
    before: Vec<u8>,
    /// The name of each column as JSON text, with a colon behind it, and its values.
    columns: Vec<(String, Vec<u8>, Place)>,
}

/// The paths of a query for columns, at least one, each once and sorted: a catalog may name its columns in another order later, and asks
/// for the same then.
pub(crate) fn paths(columns: &[Column]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let mut add = |path: &str| {
        if !paths.iter().any(|known| known.eq_ignore_ascii_case(path)) {
            paths.push(path.to_owned());
        }
    };
    for column in columns {
        match &column.value {
            ColumnValue::Field { path, .. } => add(path),
            ColumnValue::Compound(parts) => parts.iter().for_each(|part| add(&part.path)),
            ColumnValue::DeletedAt(Some(stamp)) => [IS_DELETED, stamp].iter().for_each(|path| add(path)),
            ColumnValue::DeletedAt(None) => {}
        }
    }
    // A column without a value in the org may be the only one.
    if paths.is_empty() {
        paths.push("Id".to_owned());
    }
    paths.sort_unstable();
    paths
}

impl RecordWriter {
    /// The writer for a stream with these columns, whose rows have the values of [`paths`].
    pub(crate) fn new(stream: &StreamName, columns: &[Column]) -> Self {
        Self::without(stream, columns, &[]).0
    }

    /// The same for rows without some of the paths, and the names of the columns that have no value then.
    pub(crate) fn without(stream: &StreamName, columns: &[Column], lost: &[String]) -> (Self, Vec<String>) {
        let left = paths(columns).into_iter().filter(|path| !lost.contains(path));
        let places: HashMap<String, usize> =
            left.enumerate().map(|(place, path)| (path.to_ascii_lowercase(), place)).collect();
        let place = |path: &str| places.get(&path.to_ascii_lowercase()).copied();
        let key = |name: &str| {
            let mut key = Vec::with_capacity(name.len() + 3);
            write_text(name, &mut key);
            key.push(b':');
            key
        };
        let mut without = Vec::new();
        let mut written = Vec::with_capacity(columns.len());
        for column in columns {
            let found = match &column.value {
                ColumnValue::Field { path, value_type } => place(path).map(|place| Place::At(place, *value_type)),
                ColumnValue::Compound(parts) => {
                    let part = |part: &Part| Some((key(&part.member), place(&part.path)?, part.value_type));
                    parts.iter().map(part).collect::<Option<Vec<_>>>().map(Place::Parts)
                }
                ColumnValue::DeletedAt(None) => Some(Place::DeletedAt(None)),
                ColumnValue::DeletedAt(Some(stamp)) => {
                    place(IS_DELETED).zip(place(stamp)).map(|places| Place::DeletedAt(Some(places)))
                }
            };
            if found.is_none() {
                without.push(column.name.clone());
            }
            written.push((column.name.clone(), key(&column.name), found.unwrap_or(Place::Lost)));
        }
        (Self { before: line_start(stream), columns: written }, without)
    }

    /// Adds the line of a record, without its end. `emitted_at` is in milliseconds since 1970.
    pub(crate) fn write(&self, row: &QueryRow, emitted_at: i64, lines: &mut Vec<u8>) {
        self.write_with(|place| row.at(place), emitted_at, lines);
    }

    fn write_with<'r>(&self, at: impl Fn(usize) -> Option<&'r str>, emitted_at: i64, lines: &mut Vec<u8>) {
        let mut changes: Vec<(&str, &str)> = Vec::new();
        lines.extend_from_slice(&self.before);
        for (number, (name, key, place)) in self.columns.iter().enumerate() {
            if number > 0 {
                lines.push(b',');
            }
            lines.extend_from_slice(key);
            let written = match place {
                Place::At(place, value_type) => write_value(at(*place), *value_type, lines),
                Place::Parts(parts) => write_parts(parts, &at, lines),
                Place::DeletedAt(places) => {
                    let stamp = places.filter(|(flag, _)| at(*flag) == Some("true")).and_then(|(_, stamp)| at(stamp));
                    write_value(stamp, ValueType::DateTime, lines)
                }
                Place::Lost => {
                    lines.extend_from_slice(b"null");
                    changes.push((name, "SOURCE_RETRIEVAL_ERROR"));
                    continue;
                }
            };
            if written.is_err() {
                changes.push((name, "SOURCE_SERIALIZATION_ERROR"));
            }
        }
        lines.extend_from_slice(br#"},"emitted_at":"#);
        lines.extend_from_slice(emitted_at.to_string().as_bytes());
        if !changes.is_empty() {
            write_changes(&changes, lines);
        }
        lines.extend_from_slice(b"}}");
    }
}

/// The line of a record up to its values.
fn line_start(stream: &StreamName) -> Vec<u8> {
    let mut before = br#"{"type":"RECORD","record":{"stream":"#.to_vec();
    write_text(&stream.name, &mut before);
    if let Some(namespace) = &stream.namespace {
        before.extend_from_slice(br#","namespace":"#);
        write_text(namespace, &mut before);
    }
    before.extend_from_slice(br#","data":{"#);
    before
}

/// Writes the object of a compound field; null if it has no part with a value, as the REST API shows it.
fn write_parts<'r>(
    parts: &[(Vec<u8>, usize, ValueType)],
    at: &impl Fn(usize) -> Option<&'r str>,
    lines: &mut Vec<u8>,
) -> Result<(), Unreadable> {
    if parts.iter().all(|(_, place, _)| at(*place).is_none()) {
        lines.extend_from_slice(b"null");
        return Ok(());
    }
    let mut result = Ok(());
    lines.push(b'{');
    for (number, (key, place, value_type)) in parts.iter().enumerate() {
        if number > 0 {
            lines.push(b',');
        }
        lines.extend_from_slice(key);
        result = result.and(write_value(at(*place), *value_type, lines));
    }
    lines.push(b'}');
    result
}

/// Says which fields are null although the org has a value in them, or had one, and why.
fn write_changes(changes: &[(&str, &str)], lines: &mut Vec<u8>) {
    lines.extend_from_slice(br#","meta":{"changes":["#);
    for (number, (field, reason)) in changes.iter().enumerate() {
        if number > 0 {
            lines.push(b',');
        }
        lines.extend_from_slice(br#"{"field":"#);
        write_text(field, lines);
        lines.extend_from_slice(br#","change":"NULLED","reason":""#);
        lines.extend_from_slice(reason.as_bytes());
        lines.extend_from_slice(br#""}"#);
    }
    lines.extend_from_slice(b"]}");
}

#[cfg(test)]
mod deletion_tests;
#[cfg(test)]
mod tests;
