//! Writes CSV as Salesforce reads it: comma, line feed, double quote (Bulk API 2.0 guide, "Prepare CSV Files").

/// Salesforce's marker for null in a CSV cell (Bulk API 2.0 guide, "Prepare CSV Files"). CSV cannot write it as text.
pub const NULL_MARKER: &str = "#N/A";

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
pub(super) fn length_of_values(row: &[u8]) -> usize {
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
    fn cells_are_quoted_only_if_needed() {
        for (cells, expected) in [
            (vec!["a", "b"], "a,b\n"),
            (vec!["a b ", ""], "a b ,\n"),
            (vec!["a,b", "say \"x\"", "two\nlines"], "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n"),
            (vec!["\""], "\"\"\"\"\n"),
            (vec![""], "\"\"\n"),
            (vec!["", ""], ",\n"),
            (vec!["東京"], "東京\n"),
        ] {
            let mut out = Vec::new();
            write_row(&mut out, cells.iter().copied());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{cells:?}");
        }
    }
}
