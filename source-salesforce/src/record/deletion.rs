//! The line of a record that is gone for good: of its values, the org knows the id and the time alone.

use airbyte::StreamName;

use airbyte::json::write_text;

use super::line_start;
use crate::columns::{Column, ColumnValue, DELETED_AT};
use crate::moment::Moment;
use crate::plan::{Changes, IS_DELETED};

/// Writes the deletions of a stream.
#[derive(Debug, Clone)]
pub(crate) struct DeletionWriter {
    /// The line up to the values.
    before: Vec<u8>,
    /// Whether the stream has the column `Id`.
    has_id: bool,
    /// Whether the stream has the column `IsDeleted`.
    has_flag: bool,
    /// The columns that have the time of the deletion. The cursor is one of them: a destination takes the row with the
    /// latest.
    times: Vec<String>,
}

impl DeletionWriter {
    pub(crate) fn new(stream: &StreamName, columns: &[Column], changes: &Changes) -> Self {
        let is_time = |column: &&Column| {
            matches!(column.value, ColumnValue::DeletedAt(_)) || column.name.eq_ignore_ascii_case(&changes.cursor)
        };
        Self {
            before: line_start(stream),
            has_id: columns.iter().any(|column| column.name == "Id"),
            has_flag: columns.iter().any(|column| column.name == IS_DELETED),
            times: columns.iter().filter(is_time).map(|column| column.name.clone()).collect(),
        }
    }

    /// Whether the stream has the columns that say which record is deleted, and that it is.
    pub(crate) fn can_tell(&self) -> bool {
        self.has_id && self.times.iter().any(|column| column == DELETED_AT)
    }

    /// Adds the line of a deletion, without its end. `emitted_at` is in milliseconds since 1970.
    pub(crate) fn write(&self, id: &str, at: Moment, emitted_at: i64, lines: &mut Vec<u8>) {
        lines.extend_from_slice(&self.before);
        lines.extend_from_slice(br#""Id":"#);
        write_text(id, lines);
        if self.has_flag {
            lines.extend_from_slice(br#","IsDeleted":true"#);
        }
        let time = at.timestamp().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
        for column in &self.times {
            lines.push(b',');
            write_text(column, lines);
            lines.push(b':');
            write_text(&time, lines);
        }
        lines.extend_from_slice(br#"},"emitted_at":"#);
        lines.extend_from_slice(emitted_at.to_string().as_bytes());
        lines.extend_from_slice(b"}}");
    }
}
