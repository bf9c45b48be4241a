//! Writes CSV as Salesforce reads it: comma, line feed, double quote (Bulk API 2.0 guide, "Prepare CSV Files").

use std::borrow::Cow;

/// Salesforce's marker for null in a CSV cell (Bulk API 2.0 guide, "Prepare CSV Files"). CSV cannot write it as text.
pub const NULL_MARKER: &str = "#N/A";

/// The most characters of a record "for all its fields" (Bulk API guide, "Limits"): those of its values. They are
/// counted in UTF-16 units, as in [`cell`](super::cell).
const LONGEST_RECORD: usize = 400_000;

/// Whether a row is longer than Salesforce accepts. It is never shorter than its values, so nearly all rows need no
/// count.
pub(super) fn is_too_long(row: &[u8]) -> bool {
    row.len() > LONGEST_RECORD && length_of_values(row) > LONGEST_RECORD
}

/// Whether a cell of this text needs quotes.
pub(super) fn needs_quotes(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr3(b',', b'"', b'\n', bytes).is_some() || memchr::memchr(b'\r', bytes).is_some()
}

/// Appends a cell.
#[inline(always)]
pub(super) fn write_cell(out: &mut Vec<u8>, text: &str, needs_quotes: bool) {
    if needs_quotes {
        write_quoted(out, text.as_bytes());
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn write_quoted(out: &mut Vec<u8>, mut rest: &[u8]) {
    out.push(b'"');
    while let Some(quote) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=quote]);
        out.push(b'"');
        rest = &rest[quote + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Ends the row that begins at `start`.
pub(super) fn end_row(out: &mut Vec<u8>, start: usize) {
    if out.len() == start {
        // A single empty cell would be a blank line, which readers of CSV skip.
        out.extend_from_slice(b"\"\"");
    }
    out.push(b'\n');
}

/// Appends a row of `cells` with its line end.
pub fn write_row<'a>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = &'a str>) {
    let start = out.len();
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_cell(out, cell, needs_quotes(cell));
    }
    end_row(out, start);
}

/// The length of the values of a row in UTF-16 units: without separators, the line end, and the quotes of CSV.
fn length_of_values(row: &[u8]) -> usize {
    let (mut length, mut in_quotes, mut position) = (0, false, 0);
    while let Some(byte) = row.get(position) {
        position += 1;
        match byte {
            // A quote within quotes is written twice.
            b'"' if in_quotes && row.get(position) == Some(&b'"') => {
                length += 1;
                position += 1;
            }
            b'"' => in_quotes = !in_quotes,
            b',' | b'\n' if !in_quotes => {}
            // A character beyond the first 65,536 has four bytes and two units.
            0xF0.. => length += 2,
            // The later bytes of a character.
            0x80..0xC0 => {}
            _ => length += 1,
        }
    }
    length
}

/// The cells of a row that this module wrote, as they are written.
pub(crate) fn raw_cells(row: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(row.strip_suffix(b"\n").unwrap_or(row));
    std::iter::from_fn(move || {
        let cells = rest?;
        let end = match cells.first() {
            Some(b'"') => end_of_quotes(cells),
            _ => memchr::memchr(b',', cells).unwrap_or(cells.len()),
        };
        rest = cells.get(end + 1..);
        Some(&cells[..end])
    })
}

/// The length of the first of the rows that this module wrote, with its line end.
pub(crate) fn row_length(rows: &[u8]) -> usize {
    let (mut at, mut in_quotes) = (0, false);
    while let Some(next) = memchr::memchr2(b'"', b'\n', &rows[at..]) {
        at += next + 1;
        // A quote within quotes is written twice, which ends them and begins them again.
        match rows[at - 1] {
            b'"' => in_quotes = !in_quotes,
            _ if !in_quotes => return at,
            _ => {}
        }
    }
    rows.len()
}

/// The position behind the quotes that begin the text.
fn end_of_quotes(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(quote) = memchr::memchr(b'"', &text[at..]) {
        at += quote + 1;
        if text.get(at) != Some(&b'"') {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// The text of a cell that is written as `raw`.
pub(crate) fn text(raw: &[u8]) -> Cow<'_, str> {
    let inner = raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    match inner.map(String::from_utf8_lossy) {
        Some(quoted) if quoted.contains('"') => quoted.replace("\"\"", "\"").into(),
        Some(quoted) => quoted,
        None => String::from_utf8_lossy(raw),
    }
}

/// The cells of a row that [`write_row`] or a converter wrote.
pub fn cells(row: &[u8]) -> Vec<String> {
    raw_cells(row).map(|cell| text(cell).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_count_for_the_length_of_a_row() {
        for cells in [
            &["a", "b"][..],
            &["", "", ""],
            &[""],
            &["a,b", "say \"x\"", "two\nlines"],
            &["\"", "\"\"", ","],
            &["é東😀", "\"😀\""],
        ] {
            let mut row = Vec::new();
            write_row(&mut row, cells.iter().copied());
            let expected: usize = cells.iter().map(|cell| cell.encode_utf16().count()).sum();
            assert_eq!(length_of_values(&row), expected, "{cells:?}");
        }
    }

    #[test]
    fn the_cells_of_a_row_are_read_as_they_were_written() {
        for row in
            [&["a", "b"][..], &["a,b", "say \"x\"", "two\nlines", ""], &["\""], &[""], &["", ""], &["東京", "\"\""]]
        {
            let mut csv = Vec::new();
            write_row(&mut csv, row.iter().copied());
            assert_eq!(cells(&csv), row);
        }
    }

    #[test]
    fn a_row_ends_at_its_line_end_and_not_at_one_within_a_cell() {
        let rows = [&["a", "b"][..], &["two\nlines", "say \"x\"\n"], &["\"\n\""], &[""], &["", ""]];
        let mut csv = Vec::new();
        rows.iter().for_each(|row| write_row(&mut csv, row.iter().copied()));
        let mut rest = &csv[..];
        for row in rows {
            let (first, others) = rest.split_at(row_length(rest));
            assert_eq!(cells(first), row);
            rest = others;
        }
        assert_eq!(row_length(rest), 0);
    }

    #[test]
    fn cells_are_quoted_only_if_needed() {
        for (cells, expected) in [
            (vec!["a", "b"], "a,b\n"),
            (vec!["a b ", ""], "a b ,\n"),
            (vec!["a,b", "say \"x\"", "two\nlines"], "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n"),
            (vec!["\""], "\"\"\"\"\n"),
            (vec!["a\rb", "#N/A"], "\"a\rb\",#N/A\n"),
            (vec![""], "\"\"\n"),
            (vec!["", ""], ",\n"),
            (vec!["東京"], "東京\n"),
        ] {
            let mut out = Vec::new();
            write_row(&mut out, cells.iter().copied());
            let read: Vec<_> = raw_cells(&out).map(text).collect();
            assert_eq!(read, cells);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{cells:?}");
        }
    }
}
