//! Rows as lines of JSON.

use std::io::BufRead;

use super::object::{Place, ReadError};
use super::row::{Role, RowBuilder, RowDefect, StoredRow, decoded, is_of_airbyte, members, roles};
use airbyte::json::Cursor;

/// Calls `take` for each row until it returns false. A first line that is no row of a rejected record makes the object
/// one of someone else: returns false. A first line that cannot be read is a row if it names a column of Airbyte.
pub(super) fn read(
    mut lines: impl BufRead,
    longest: usize,
    take: &mut dyn FnMut(StoredRow) -> Result<bool, ReadError>,
) -> Result<bool, ReadError> {
    let (mut line, mut number) = (Vec::new(), 0);
    let mut is_ours = false;
    loop {
        line.clear();
        number += 1;
        let at = |defect| ReadError::defect(Place::Line(number), defect);
        let is_whole = match read_line(&mut lines, longest, &mut line)? {
            LineEnd::TooLong if !is_ours && !names_ours(&line) => return Ok(false),
            LineEnd::TooLong => return Err(at(RowDefect::TooLong)),
            LineEnd::End if line.is_empty() => return Ok(is_ours),
            end => end == LineEnd::Newline,
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        match std::str::from_utf8(&line).map_err(|_| RowDefect::NotUtf8).and_then(row) {
            Ok(Some(row)) => {
                is_ours = true;
                if !take(row)? {
                    return Ok(true);
                }
            }
            // Lines of someone else. A line that is cut off or damaged may be one of ours.
            Ok(None) | Err(RowDefect::NotRejected) if !is_ours => return Ok(false),
            Err(RowDefect::NotJson | RowDefect::NotUtf8) if !is_ours && !names_ours(&line) => return Ok(false),
            Ok(None) => return Err(at(RowDefect::NotRejected)),
            Err(defect) => return Err(at(defect)),
        }
        if !is_whole {
            return Ok(true);
        }
    }
}

/// The row of a line; none if the line is no stored row.
fn row(line: &str) -> Result<Option<StoredRow>, RowDefect> {
    let members = members(line).ok_or(RowDefect::NotJson)?;
    let names: Vec<String> = members.iter().map(|(name, _)| decoded(*name)).collect();
    let Some(roles) = roles(names.iter().map(String::as_str)) else { return Ok(None) };
    let mut row = RowBuilder::default();
    for ((name, value), role) in members.into_iter().zip(roles) {
        match role {
            Role::Other => {}
            role => row.member(&role, name.raw, value)?,
        }
    }
    row.finish().map(Some)
}

/// Whether a line that cannot be read whole is a JSON object with a column of Airbyte, as far as it can be read.
fn names_ours(line: &[u8]) -> bool {
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default(),
    };
    let mut cursor = Cursor::new(text);
    let mut is_first = true;
    if cursor.enter_object().is_none() {
        return false;
    }
    while cursor.next_member(std::mem::take(&mut is_first)) == Some(true)
        && let Some(key) = cursor.key()
    {
        if is_of_airbyte(&decoded(key)) {
            return true;
        }
        if cursor.raw_value().is_none() {
            break;
        }
    }
    false
}

#[derive(Debug, PartialEq, Eq)]
enum LineEnd {
    Newline,
    /// The end of the object.
    End,
    TooLong,
}

/// Reads a line without its newline.
fn read_line(reader: &mut impl BufRead, longest: usize, line: &mut Vec<u8>) -> Result<LineEnd, ReadError> {
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(LineEnd::End);
        }
        let end = memchr::memchr(b'\n', available);
        let length = end.unwrap_or(available.len());
        if line.len() + length > longest {
            return Ok(LineEnd::TooLong);
        }
        line.extend_from_slice(&available[..length]);
        reader.consume(length + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(LineEnd::Newline);
        }
    }
}
