//! The connector's way from a line to a row, as its pipeline takes it for nearly every line.

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
    /// A pass for the records of a shape.
    pub fn new(shape: Shape) -> Self {
        Self { records: RecordReader::default(), converter: Converter::new(shape.columns(), NullHandling::Ignore) }
    }

    /// The row of a line; `None` if the line is not a plain record.
    ///
    /// # Errors
    /// The record cannot be converted in one pass.
    pub fn row(&mut self, line: &[u8]) -> io::Result<Option<&[u8]>> {
        let text = decode_line(line).map_err(io::Error::other)?;
        // Other messages take the slow way, which is not measured here.
        let Some(mut record) = self.records.open(text) else { return Ok(None) };
        let Ok(Converted::Row) = self.converter.convert(record.data()) else {
            return Err(io::Error::other("a record cannot be converted into a row"));
        };
        record.close().ok_or_else(|| io::Error::other("the line of a record is not a message"))?;
        Ok(Some(self.converter.row().csv))
    }
}
