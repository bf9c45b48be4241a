//! Rows as CSV.

use std::io::BufRead;

use salesforce::{ResultRow, RowReader};

use super::object::{Place, ReadError};
use super::row::{Role, RowBuilder, RowDefect, StoredRow, is_of_airbyte, roles};

/// The most bytes of a header. What has no line end before is no CSV of rejected records.
const LONGEST_HEADER: usize = 1024 * 1024;

/// Calls `take` for each row until it returns false. Returns false if the header, or the first row, is not that of
/// rejected records.
pub(super) fn read(
    mut csv: impl BufRead,
    longest: usize,
    take: &mut dyn FnMut(StoredRow) -> Result<bool, ReadError>,
) -> Result<bool, ReadError> {
    let mut rows = Rows::new(longest);
    match rows.next(&mut csv) {
        Ok(true) => rows.header = None,
        Ok(false) => return Ok(false),
        // Something of someone else. A header that is cut off or damaged may be one of ours.
        Err(ReadError::Defect(_)) if !rows.header_names_ours() => return Ok(false),
        Err(error) => return Err(error),
    }
    let Some(columns) = Columns::new(&rows.row) else { return Ok(false) };
    let mut number = 0;
    while rows.next(&mut csv)? {
        number += 1;
        match columns.row(&rows.row) {
            Ok(row) => {
                if !take(row)? {
                    return Ok(true);
                }
            }
            Err(RowDefect::NotRejected) if number == 1 => return Ok(false),
            Err(defect) => return Err(ReadError::defect(Place::Row(number), defect)),
        }
    }
    // No header is written without a row.
    if number == 0 { Err(ReadError::cut_off(Place::Header)) } else { Ok(true) }
}

/// The columns of an object.
struct Columns {
    names: Vec<String>,
    roles: Vec<Role>,
}

impl Columns {
    /// None if this is not the header of stored rows.
    fn new(header: &ResultRow) -> Option<Self> {
        let names: Vec<String> = header.iter().map(str::to_owned).collect();
        let roles = roles(names.iter().map(String::as_str))?;
        Some(Self { names, roles })
    }

    fn row(&self, cells: &ResultRow) -> Result<StoredRow, RowDefect> {
        if cells.len() != self.names.len() {
            return Err(RowDefect::CellsMissing);
        }
        let mut row = RowBuilder::default();
        for ((role, name), cell) in self.roles.iter().zip(&self.names).zip(cells.iter()) {
            row.cell(role, name, cell)?;
        }
        row.finish()
    }
}

/// The rows of a CSV one after the other, the header among them.
struct Rows {
    reader: RowReader,
    utf8: Utf8,
    row: ResultRow,
    /// The bytes of the header, until it is read.
    header: Option<Vec<u8>>,
    /// How many rows were read, with the header.
    number: u64,
    last_byte: u8,
}

impl Rows {
    fn new(longest: usize) -> Self {
        let reader = RowReader::with_longest_row(longest);
        let header = Some(Vec::new());
        Self { reader, utf8: Utf8::default(), row: ResultRow::default(), header, number: 0, last_byte: b'\n' }
    }

    /// Whether the header has a column of Airbyte, as far as it is read.
    fn header_names_ours(&self) -> bool {
        let header = String::from_utf8_lossy(self.header.as_deref().unwrap_or_default());
        header.split([',', '\r', '\n']).any(|cell| is_of_airbyte(cell.trim().trim_matches('"')))
    }

    /// The place of the row that is read next.
    fn place(&self) -> Place {
        if self.number == 0 { Place::Header } else { Place::Row(self.number) }
    }

    /// Reads the next row. False at the end of the CSV.
    fn next(&mut self, csv: &mut impl BufRead) -> Result<bool, ReadError> {
        let at = self.place();
        loop {
            let available = csv.fill_buf()?;
            if available.is_empty() {
                return self.end(at);
            }
            let mut rest = available;
            let is_row = self.reader.read(&mut rest, &mut self.row);
            let length = available.len() - rest.len();
            if let Some(header) = &mut self.header {
                header.extend_from_slice(&available[..length]);
                if header.len() > LONGEST_HEADER {
                    return Err(ReadError::defect(at, RowDefect::TooLong));
                }
            }
            // What is not UTF-8 would be read as other characters.
            if !self.utf8.check(&available[..length]) {
                return Err(ReadError::defect(at, RowDefect::NotUtf8));
            }
            self.last_byte = available[..length].last().copied().unwrap_or(self.last_byte);
            csv.consume(length);
            // The only error of a row that goes on.
            if is_row.map_err(|_| ReadError::defect(at, RowDefect::TooLong))? {
                self.number += 1;
                return Ok(true);
            }
        }
    }

    /// Every row has a line end, so an object without one at its end is cut off.
    fn end(&mut self, at: Place) -> Result<bool, ReadError> {
        let is_row_open = self.reader.finish(&mut self.row).unwrap_or(true);
        if is_row_open || self.last_byte != b'\n' || self.utf8.is_open() {
            return Err(ReadError::cut_off(at));
        }
        Ok(false)
    }
}

/// Checks that bytes that come in pieces are UTF-8.
#[derive(Debug, Default)]
struct Utf8 {
    /// The beginning of a character whose rest is in the next piece.
    open: Vec<u8>,
}

impl Utf8 {
    /// Whether the bytes are UTF-8 as far as they go.
    fn check(&mut self, mut piece: &[u8]) -> bool {
        while !self.open.is_empty() {
            let Some((next, rest)) = piece.split_first() else { return true };
            self.open.push(*next);
            piece = rest;
            match std::str::from_utf8(&self.open) {
                Ok(_) => self.open.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return false,
            }
        }
        match std::str::from_utf8(piece) {
            Ok(_) => true,
            Err(error) if error.error_len().is_none() => {
                self.open.extend_from_slice(&piece[error.valid_up_to()..]);
                true
            }
            Err(_) => false,
        }
    }

    fn is_open(&self) -> bool {
        !self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_checked_wherever_it_is_divided() {
        for (bytes, is_utf8, is_open) in [
            ("aé東😀z".as_bytes(), true, false),
            (b"a\xff", false, false),
            (b"\xe6\x9d", true, true),
            (b"\xf0\x9f\x98\x80\xc3", true, true),
            (b"\xc3(", false, false),
            (b"\xed\xa0\x80", false, false),
        ] {
            for size in 1..=bytes.len() {
                let mut utf8 = Utf8::default();
                let all = bytes.chunks(size).all(|piece| utf8.check(piece));
                assert_eq!(all, is_utf8, "{bytes:?} in pieces of {size}");
                assert!(!is_utf8 || utf8.is_open() == is_open, "{bytes:?} in pieces of {size}");
            }
        }
    }
}
