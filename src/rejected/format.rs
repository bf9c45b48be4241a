//! Rows as text, in the format that the user chose.

mod csv;
pub(super) mod json;
mod jsonl;

use super::record::StoredRecord;
use super::row::RowLayout;
use super::settings::Format;

/// Encodes the rows of one stream.
#[derive(Debug)]
pub(super) struct RowEncoder {
    format: Format,
    layout: RowLayout,
}

impl RowEncoder {
    pub(super) fn new(format: Format, layout: RowLayout) -> Self {
        Self { format, layout }
    }

    /// The mark of a deletion that a record has and the columns lack.
    pub(super) fn missing_mark<'r>(&self, record: &'r StoredRecord) -> Option<&'r str> {
        self.layout.missing_mark(record)
    }

    /// Appends what every object starts with.
    pub(super) fn header(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Csv => csv::header(self.layout.names(), out),
            Format::Jsonl => {}
        }
    }

    /// Appends one record.
    pub(super) fn row(&self, record: &StoredRecord, out: &mut Vec<u8>) {
        let cells = self.layout.cells(record);
        match self.format {
            Format::Csv => csv::row(&cells, out),
            Format::Jsonl => jsonl::row(self.layout.names().zip(&cells), out),
        }
    }
}

#[cfg(test)]
mod tests;
