//! Cuts a row of a CSV that is there as a whole.

use memchr::{memchr, memchr3};

use super::row::ResultRow;

/// Where a cell is in a row, without its quotes.
#[derive(Debug, Clone, Copy)]
struct Cell {
    start: usize,
    end: usize,
    /// Whether it has quotes, each written as two.
    has_quotes: bool,
}

/// Cuts rows in the form that Salesforce writes: cells with quotes around them or without any, commas between them, and
/// a line feed at the end. Its answer is that of a reader that goes byte by byte, or none.
#[derive(Debug, Default)]
pub(super) struct WholeRow {
    cells: Vec<Cell>,
}

impl WholeRow {
    /// Reads the row at the beginning of `input` into `row`, and returns its length with its end. None if the input does
    /// not have all of it, if it has any other form, or if it is longer than `longest`.
    pub(super) fn read(&mut self, input: &[u8], longest: usize, row: &mut ResultRow) -> Option<usize> {
        let length = self.cut(input)?;
        if length > longest {
            return None;
        }
        let text = simdutf8::basic::from_utf8(&input[..length]).ok()?;
        row.clear();
        for cell in &self.cells {
            let content = &text[cell.start..cell.end];
            if cell.has_quotes {
                for (number, part) in content.split("\"\"").enumerate() {
                    if number > 0 {
                        row.extend_cell("\"");
                    }
                    row.extend_cell(part);
                }
            } else {
                row.extend_cell(content);
            }
            row.end_cell();
        }
        Some(length)
    }

    /// Finds the cells of a row, and returns its length.
    fn cut(&mut self, input: &[u8]) -> Option<usize> {
        self.cells.clear();
        // An empty line is no row.
        if matches!(input.first()?, b'\n' | b'\r') {
            return None;
        }
        let mut at = 0;
        loop {
            let cell = if input.get(at) == Some(&b'"') { quoted(input, at + 1)? } else { bare(input, at)? };
            self.cells.push(cell.0);
            at = cell.1 + 1;
            match input[cell.1] {
                b',' => {}
                b'\n' => return Some(at),
                _ => return None,
            }
        }
    }
}

/// The cell after an opening quote, and where the byte is that ends it.
fn quoted(input: &[u8], start: usize) -> Option<(Cell, usize)> {
    let (mut at, mut has_quotes) = (start, false);
    loop {
        let end = at + memchr(b'"', input.get(at..)?)?;
        match input.get(end + 1)? {
            b'"' => (at, has_quotes) = (end + 2, true),
            _ => return Some((Cell { start, end, has_quotes }, end + 1)),
        }
    }
}

/// A cell without quotes, and where the byte is that ends it. A quote within it is not usual.
fn bare(input: &[u8], start: usize) -> Option<(Cell, usize)> {
    let rest = input.get(start..)?;
    let end = start + memchr3(b',', b'\n', b'"', rest)?;
    let is_usual = input[end] != b'"' && memchr(b'\r', &input[start..end]).is_none();
    is_usual.then_some((Cell { start, end, has_quotes: false }, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::row::RowReader;
    use super::*;

    /// Reads rows with or without the way for whole rows: in pieces of one byte, no row is there as a whole.
    fn read(csv: &[u8], size: usize) -> Vec<Vec<String>> {
        let (mut reader, mut row, mut rows) = (RowReader::new(), ResultRow::default(), Vec::new());
        for mut piece in csv.chunks(size) {
            while reader.read(&mut piece, &mut row).unwrap() {
                rows.push(row.iter().map(str::to_owned).collect());
            }
        }
        if reader.finish(&mut row).is_ok_and(|has_row| has_row) {
            rows.push(row.iter().map(str::to_owned).collect());
        }
        rows
    }

    #[test]
    fn rows_of_the_usual_form_are_cut() {
        let mut whole = WholeRow::default();
        let mut row = ResultRow::default();
        for (csv, cells) in [
            ("\"a\",\"\",\"b\"\nrest", vec!["a", "", "b"]),
            ("\"say \"\"hi\"\", you\",\"\"\"\"\n", vec!["say \"hi\", you", "\""]),
            ("\"two\nlines\r\n\",Zoë,\n", vec!["two\nlines\r\n", "Zoë", ""]),
        ] {
            let length = whole.read(csv.as_bytes(), 100, &mut row);
            assert_eq!(length, Some(csv.trim_end_matches("rest").len()), "{csv:?}");
            assert_eq!(row.iter().collect::<Vec<_>>(), cells, "{csv:?}");
        }
    }

    #[test]
    fn what_is_not_there_as_a_whole_or_of_another_form_is_left() {
        let mut row = ResultRow::default();
        for csv in
            ["", "\"a", "\"a\"", "\"a\",", "\"a\",b", "\"a\",\"b\"\r\n", "a\"b\n", "\"a\"b\n", "a\rb\n", "\n", "\r\n"]
        {
            assert_eq!(WholeRow::default().read(csv.as_bytes(), 100, &mut row), None, "{csv:?}");
        }
        assert_eq!(WholeRow::default().read(b"\"\xe2\x82\"\n", 100, &mut row), None, "is not UTF-8");
        assert_eq!(WholeRow::default().read(b"\"abc\"\n", 5, &mut row), None, "is too long");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn rows_are_the_same_as_byte_by_byte(
            bytes in prop::collection::vec(prop::sample::select(&b"\"\"\",,\n\n\r ab\xc3\xab\xff\xef\xbb\xbf"[..]), 0..60),
            size in 1..80_usize,
        ) {
            // The first row is always read byte by byte.
            let csv = [b"h,h\n", &bytes[..]].concat();
            prop_assert_eq!(read(&csv, size), read(&csv, 1));
        }
    }
}
