//! The columns of a stored row, and the rows of a stream in the chosen text form.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::identity::{StreamIdentity, SyncIdentity};
use super::record::{REJECTION_COLUMNS, RejectedRecord};
use super::settings::Format;
use super::{csv, jsonl};

/// The columns that Airbyte puts before the data of every record it stores.
const AIRBYTE_COLUMNS: [&str; 4] =
    ["_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id"];

const DATA_COLUMN: &str = "_airbyte_data";

/// What `_airbyte_meta` and `_airbyte_generation_id` hold where the platform gave no number: Airbyte's own
/// destinations take a missing number for 0, and never store null there.
const NO_NUMBER: i64 = 0;

/// Writes the rows of one stream.
#[derive(Debug)]
pub(super) struct Rows {
    format: Format,
    columns: Vec<String>,
    meta: Box<RawValue>,
    generation_id: i64,
}

/// The value of one cell.
pub(super) enum Cell<'a> {
    Json(&'a RawValue),
    Object(&'a [(String, Box<RawValue>)]),
    Text(&'a str),
    Number(i64),
    Null,
}

impl Rows {
    pub(super) fn new(format: Format, sync: SyncIdentity, stream: &StreamIdentity) -> Self {
        let meta = serde_json::json!({"sync_id": sync.sync_id.unwrap_or(NO_NUMBER), "changes": []});
        Self {
            format,
            columns: if format.flatten() { flattened(&stream.source_columns) } else { vec![DATA_COLUMN.to_owned()] },
            meta: serde_json::value::to_raw_value(&meta).unwrap_or_else(|_| RawValue::NULL.to_owned()),
            generation_id: stream.generation_id.unwrap_or(NO_NUMBER),
        }
    }

    /// What an object begins with.
    pub(super) fn header(&self, out: &mut Vec<u8>) {
        if let Format::Csv { .. } = self.format {
            csv::row(AIRBYTE_COLUMNS.into_iter().chain(self.columns.iter().map(String::as_str)).map(Cell::Text), out);
        }
    }

    /// One record.
    pub(super) fn row(&self, record: &RejectedRecord, out: &mut Vec<u8>) {
        let raw_id = record.raw_id.to_string();
        let airbyte = [
            Cell::Text(&raw_id),
            Cell::Number(record.extracted_at_ms),
            Cell::Json(&self.meta),
            Cell::Number(self.generation_id),
        ];
        if !self.format.flatten() {
            return self.write(airbyte.into_iter().chain([Cell::Object(&record.data)]), out);
        }
        let values: HashMap<&str, &RawValue> =
            record.data.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect();
        let fields =
            self.columns.iter().map(|name| values.get(name.as_str()).map_or(Cell::Null, |value| Cell::Json(value)));
        self.write(airbyte.into_iter().chain(fields), out);
    }

    fn write<'a>(&'a self, cells: impl Iterator<Item = Cell<'a>>, out: &mut Vec<u8>) {
        match self.format {
            Format::Csv { .. } => csv::row(cells, out),
            Format::Jsonl { .. } => {
                let names = AIRBYTE_COLUMNS.into_iter().chain(self.columns.iter().map(String::as_str));
                jsonl::row(names.zip(cells), out);
            }
        }
    }
}

/// The columns of the schema and of the refusal, no name twice: the columns of Airbyte and of the refusal win.
fn flattened(schema: &[String]) -> Vec<String> {
    let mut taken: HashSet<&str> = AIRBYTE_COLUMNS.into_iter().chain(REJECTION_COLUMNS).collect();
    let fields = schema.iter().map(String::as_str).filter(|name| taken.insert(name));
    let fields: Vec<&str> = fields.collect();
    fields.into_iter().chain(REJECTION_COLUMNS).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
