//! Reads the rows of a batch again.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::pipeline::batch::Batch;
use airbyte::{Error, Result};
use salesforce::{ResultRow, RowReader};

/// The rows of a batch, one after the other.
pub(super) struct BatchRows {
    pieces: Box<dyn Iterator<Item = Bytes> + Send>,
    piece: Bytes,
    reader: RowReader,
    row: ResultRow,
}

impl BatchRows {
    /// The rows of a batch, after its header.
    pub(super) fn of(batch: &Batch) -> Result<Self> {
        let pieces = Arc::clone(&batch.csv()).pieces();
        let mut rows = Self { pieces, piece: Bytes::new(), reader: RowReader::new(), row: ResultRow::default() };
        rows.next()?;
        Ok(rows)
    }

    /// The next row.
    ///
    /// # Errors
    /// A defect: the batch wrote the rows itself.
    pub(super) fn next(&mut self) -> Result<Option<&ResultRow>> {
        loop {
            if self.piece.is_empty() {
                let Some(piece) = self.pieces.next() else { return Ok(None) };
                self.piece = piece;
            }
            let mut input = &*self.piece;
            let before = input.len();
            let is_complete = self
                .reader
                .read(&mut input, &mut self.row)
                .map_err(|fault| Error::system("A batch cannot be read again.").internal(fault))?;
            let read = before - input.len();
            self.piece.advance(read);
            if is_complete {
                return Ok(Some(&self.row));
            }
        }
    }
}
