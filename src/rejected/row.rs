//! A record as the cells of a row, whatever the format that the row is written in.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::identity::{StreamIdentity, SyncIdentity};
use super::record::{RecordKind, StoredRecord};
use super::settings::Flattening;

/// The columns that Airbyte puts before the data of every stored record.
pub(super) const AIRBYTE_COLUMNS: [&str; 4] =
    ["_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id"];

pub(super) const DATA_COLUMN: &str = "_airbyte_data";

/// The column in which a source that reads the log of a database says that a record is deleted.
const DELETION_MARK: &str = "_ab_cdc_deleted_at";

/// What `_airbyte_meta` and `_airbyte_generation_id` hold if the platform sends no number. Airbyte's own destinations
/// read a missing number as 0 and never store null there.
const NO_NUMBER: i64 = 0;

/// The columns of one stream's rows, and the values that all its rows share.
#[derive(Debug)]
pub(super) struct RowLayout {
    data: DataColumns,
    meta: Box<RawValue>,
    generation_id: i64,
}

/// The columns after those of Airbyte.
#[derive(Debug)]
enum DataColumns {
    /// `_airbyte_data` with the whole record.
    One,
    /// One column for each of these names.
    Flattened(Vec<String>),
}

/// The value of one cell.
pub(super) enum Cell<'a> {
    Json(&'a RawValue),
    Object(&'a [(String, Box<RawValue>)]),
    Text(Cow<'a, str>),
    Number(i64),
    Null,
}

impl RowLayout {
    pub(super) fn new(flattening: Flattening, sync: SyncIdentity, stream: &StreamIdentity, kind: RecordKind) -> Self {
        let meta = serde_json::json!({"sync_id": sync.sync_id.unwrap_or(NO_NUMBER), "changes": []});
        Self {
            data: match flattening {
                Flattening::None => DataColumns::One,
                Flattening::RootLevel => DataColumns::Flattened(flattened(&stream.source_columns, kind)),
            },
            meta: serde_json::value::to_raw_value(&meta).unwrap_or_else(|_| RawValue::NULL.to_owned()),
            generation_id: stream.generation_id.unwrap_or(NO_NUMBER),
        }
    }

    /// The mark of a deletion that a record has and the columns lack. Without it the record would come back as one that
    /// lives.
    pub(super) fn missing_mark<'r>(&self, record: &'r StoredRecord) -> Option<&'r str> {
        let DataColumns::Flattened(columns) = &self.data else { return None };
        let is_missing =
            |name: &str| name.eq_ignore_ascii_case(DELETION_MARK) && !columns.iter().any(|column| column == name);
        let mut names = record.data.iter().filter(|(_, value)| value.get() != "null").map(|(name, _)| name.as_str());
        names.find(|name| is_missing(name))
    }

    /// The names of the columns, in the order of the cells.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let (one, flattened) = match &self.data {
            DataColumns::One => (Some(DATA_COLUMN), [].as_slice()),
            DataColumns::Flattened(names) => (None, names.as_slice()),
        };
        AIRBYTE_COLUMNS.into_iter().chain(one).chain(flattened.iter().map(String::as_str))
    }

    /// The cells of one record.
    pub(super) fn cells<'a>(&'a self, record: &'a StoredRecord) -> Vec<Cell<'a>> {
        let mut cells = vec![
            Cell::Text(Cow::Owned(record.raw_id.to_string())),
            Cell::Number(record.extracted_at_ms),
            Cell::Json(&self.meta),
            Cell::Number(self.generation_id),
        ];
        match &self.data {
            DataColumns::One => cells.push(Cell::Object(&record.data)),
            DataColumns::Flattened(names) => {
                let values: HashMap<&str, &RawValue> =
                    record.data.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect();
                let cell = |name: &String| values.get(name.as_str()).map_or(Cell::Null, |value| Cell::Json(value));
                cells.extend(names.iter().map(cell));
            }
        }
        cells
    }
}

/// The columns of the schema, then those that are added, no name twice: a column of Airbyte or an added one replaces a
/// source column of the same name.
fn flattened(source_columns: &[String], kind: RecordKind) -> Vec<String> {
    let mut taken: HashSet<&str> = AIRBYTE_COLUMNS.into_iter().collect();
    let mut names: Vec<&str> =
        source_columns.iter().map(String::as_str).filter(|name| taken.insert(name) && !kind.takes(name)).collect();
    names.extend(kind.added_columns());
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_occurs_once_and_rejection_columns_are_last() {
        for (source_columns, expected) in [
            (&[][..], &[][..]),
            (&["Name", "Phone"], &["Name", "Phone"]),
            (&["Name", "Phone", "Name"], &["Name", "Phone"]),
            (&["sf__Error", "_airbyte_raw_id", "A", "rejected_reason"], &["A"]),
        ] {
            let source_columns: Vec<String> = source_columns.iter().map(|name| (*name).to_owned()).collect();
            for kind in [RecordKind::Rejected, RecordKind::Written] {
                assert_eq!(flattened(&source_columns, kind), [expected, kind.added_columns()].concat());
            }
        }
    }
}
