//! The connector's pass from a line to a row, as its pipeline makes it for nearly every line.

use std::io;

use airbyte::{RecordReader, decode_line};
use destination_salesforce::config::NullHandling;
use destination_salesforce::convert::{Converted, Converter};

use crate::Shape;

/// Turns the lines of one shape into rows.
#[derive(Debug)]
pub struct Pass {
    records: RecordReader,
    converter: Converter,
}

impl Pass {
    /// A pass for records of a shape.
    pub fn new(shape: Shape) -> Self {
        Self { records: RecordReader::default(), converter: Converter::new(shape.columns(), NullHandling::Ignore) }
    }

    /// The row of a line; none where it is no record.
    ///
    /// # Errors
    /// The record does not become a row in one pass.
    pub fn row(&mut self, line: &[u8]) -> io::Result<Option<&[u8]>> {
        let text = decode_line(line).map_err(io::Error::other)?;
        // Messages other than records take the way around, which is not measured here.
        let Some(mut record) = self.records.open(text) else { return Ok(None) };
        let Ok(Converted::Row) = self.converter.convert(record.data()) else {
            return Err(io::Error::other("a record does not become a row"));
        };
        record.close().ok_or_else(|| io::Error::other("a record is no message to its end"))?;
        Ok(Some(self.converter.row().csv))
    }
}
