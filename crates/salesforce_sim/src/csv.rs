//! Finds the rows and cells of an upload (Bulk API 2.0, "Prepare CSV Files").

use std::borrow::Cow;
use std::ops::Range;

/// The most characters of a field (Limits Quick Reference, "Bulk API and Bulk API 2.0 Limits", as the next two).
const MAX_FIELD: usize = 131_072;
/// The most characters of a record.
const MAX_RECORD: usize = 400_000;
/// The most fields of a record.
const MAX_FIELDS: usize = 5_000;
/// The most characters of the header row.
const MAX_HEADER: usize = 32_000;

/// How rows end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnding {
    Lf,
    CrLf,
}

impl LineEnding {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "LF",
            Self::CrLf => "CRLF",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Lf, Self::CrLf].into_iter().find(|ending| ending.as_str() == name)
    }
}

/// The delimiters by their names in the API.
pub(crate) const DELIMITERS: [(&str, u8); 6] =
    [("COMMA", b','), ("BACKQUOTE", b'`'), ("CARET", b'^'), ("PIPE", b'|'), ("SEMICOLON", b';'), ("TAB", b'\t')];

/// The place of a row in the upload, without its line ending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        // An upload is far smaller than 4 GiB.
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    /// The bytes of the row.
    pub(crate) fn of(self, upload: &[u8]) -> &[u8] {
        &upload[self.start as usize..self.end as usize]
    }
}

/// Tracks whether the scan is inside quotes.
#[derive(Debug, Default)]
struct Quotes {
    inside: bool,
    closed_at: Option<usize>,
}

impl Quotes {
    /// Passes a quote. A quote at the start of a cell opens; a doubled quote closes and opens again.
    fn pass(&mut self, at: usize, cell_start: usize) {
        if self.inside {
            (self.inside, self.closed_at) = (false, Some(at));
        } else {
            self.inside = at == cell_start || self.closed_at.is_some_and(|closed| closed + 1 == at);
        }
    }
}

/// Finds the rows of an upload. Empty lines do not count as rows. An error fails the whole job, with this text as its
/// `errorMessage`.
pub(crate) fn scan(upload: &[u8], delimiter: u8, ending: LineEnding) -> Result<Vec<Span>, String> {
    let mut rows = Vec::new();
    let (mut row_start, mut cell_start) = (0, 0);
    let (mut cells, mut characters) = (1, 0);
    let mut quotes = Quotes::default();
    let mut at = 0;
    while at < upload.len() {
        let byte = upload[at];
        if byte == b'"' {
            quotes.pass(at, cell_start);
        } else if !quotes.inside && byte == delimiter {
            characters += check_field(upload, cell_start, at)?;
            cell_start = at + 1;
            cells += 1;
        } else if !quotes.inside && (byte == b'\n' || byte == b'\r') {
            let length = match (ending, byte, upload.get(at + 1)) {
                (LineEnding::Lf, b'\n', _) => 1,
                (LineEnding::CrLf, b'\r', Some(b'\n')) => 2,
                _ => return Err(wrong_line_ending(ending)),
            };
            characters += check_field(upload, cell_start, at)?;
            check_row(row_start..at, characters, cells, rows.is_empty())?;
            if at > row_start {
                rows.push(Span::new(row_start, at));
            }
            at += length;
            (row_start, cell_start, cells, characters) = (at, at, 1, 0);
            continue;
        }
        at += 1;
    }
    if at > row_start {
        characters += check_field(upload, cell_start, at)?;
        check_row(row_start..at, characters, cells, rows.is_empty())?;
        rows.push(Span::new(row_start, at));
    }
    Ok(rows)
}

fn wrong_line_ending(ending: LineEnding) -> String {
    let ending = ending.as_str();
    format!("ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {ending}")
}

/// The characters of the value of a cell, which has no quotes of CSV. Quotes that are not closed count as well.
fn characters(cell: &[u8]) -> usize {
    let all = cell.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    if cell.first() != Some(&b'"') {
        return all;
    }
    let quotes = cell.iter().filter(|byte| **byte == b'"').count();
    all - quotes + quotes.saturating_sub(2) / 2
}

/// Checks the length of a cell and returns it.
fn check_field(upload: &[u8], start: usize, end: usize) -> Result<usize, String> {
    let characters = characters(&upload[start..end]);
    if characters > MAX_FIELD {
        return Err(format!("InvalidBatch : Failed to parse CSV: a field is longer than {MAX_FIELD} characters"));
    }
    Ok(characters)
}

/// Checks the length of a row: "A record can contain a maximum of 400,000 characters for all its fields" (Bulk API
/// guide, "Limits").
fn check_row(row: Range<usize>, characters: usize, cells: usize, is_header: bool) -> Result<(), String> {
    let (length, limit, what) =
        if is_header { (row.len(), MAX_HEADER, "the header") } else { (characters, MAX_RECORD, "a record") };
    if length > limit {
        return Err(format!("InvalidBatch : Failed to parse CSV: {what} is longer than {limit} characters"));
    }
    if cells > MAX_FIELDS {
        return Err(format!("InvalidBatch : Failed to parse CSV: a record has more than {MAX_FIELDS} fields"));
    }
    Ok(())
}

/// A cell as it was uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell<'a> {
    /// The bytes of the cell, with its quotes.
    pub(crate) raw: &'a [u8],
    /// Whether quotes enclose the whole cell.
    pub(crate) quoted: bool,
    /// Whether quotes enclose only a part of the cell.
    pub(crate) malformed: bool,
}

impl<'a> Cell<'a> {
    /// The value, without the enclosing quotes, and with doubled quotes made single.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        let inner = if self.quoted { &self.raw[1..self.raw.len() - 1] } else { self.raw };
        let text = String::from_utf8_lossy(inner);
        if self.quoted && inner.contains(&b'"') { text.replace("\"\"", "\"").into() } else { text }
    }
}

/// Splits a row into its cells.
pub(crate) fn cells(row: &[u8], delimiter: u8) -> impl Iterator<Item = Cell<'_>> {
    let mut rest = Some(row);
    std::iter::from_fn(move || {
        let row = rest?;
        let mut quotes = Quotes::default();
        let mut end = row.len();
        for (at, byte) in row.iter().enumerate() {
            if *byte == b'"' {
                quotes.pass(at, 0);
            } else if !quotes.inside && *byte == delimiter {
                end = at;
                break;
            }
        }
        let raw = &row[..end];
        rest = (end < row.len()).then(|| &row[end + 1..]);
        Some(classify(raw))
    })
}

fn classify(raw: &[u8]) -> Cell<'_> {
    let is_closed = raw.len() >= 2 && raw[0] == b'"' && closing_quote(raw) == Some(raw.len() - 1);
    // `"John", "Smith"`: spaces around quotes make the row fail (Bulk API 2.0, "Prepare CSV Files").
    let malformed = !is_closed && raw.trim_ascii_start().first() == Some(&b'"');
    Cell { raw, quoted: is_closed, malformed }
}

/// The position of the closing quote of a cell that begins with a quote.
fn closing_quote(raw: &[u8]) -> Option<usize> {
    let mut at = 1;
    while at < raw.len() {
        if raw[at] == b'"' {
            if raw.get(at + 1) != Some(&b'"') {
                return Some(at);
            }
            at += 1;
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(upload: &[u8], delimiter: u8, ending: LineEnding) -> Result<Vec<Vec<String>>, String> {
        let rows = scan(upload, delimiter, ending)?;
        let text = |cell: Cell<'_>| if cell.malformed { "!".to_owned() } else { cell.text().into_owned() };
        Ok(rows.iter().map(|row| cells(row.of(upload), delimiter).map(text).collect()).collect())
    }

    #[test]
    fn uploads_split_into_rows_and_cells() {
        for (upload, expected) in [
            ("", vec![]),
            ("A\n", vec![vec!["A"]]),
            ("A,B\n1,2", vec![vec!["A", "B"], vec!["1", "2"]]),
            ("A,B\n1,\n,\n", vec![vec!["A", "B"], vec!["1", ""], vec!["", ""]]),
            ("A\n\n1\n\n", vec![vec!["A"], vec!["1"]]),
            ("A\n\"\"\n", vec![vec!["A"], vec![""]]),
            ("A,B\n\"x,y\",\"a \"\"b\"\" c\"\n", vec![vec!["A", "B"], vec!["x,y", "a \"b\" c"]]),
            ("A,B\n\"two\nlines\",z\n", vec![vec!["A", "B"], vec!["two\nlines", "z"]]),
            ("A\n\"one\r\ntwo\rthree\"\n", vec![vec!["A"], vec!["one\r\ntwo\rthree"]]),
            ("A,B\n  x , y\n", vec![vec!["A", "B"], vec!["  x ", " y"]]),
            ("A,B\n\"John\", \"Smith\"\n", vec![vec!["A", "B"], vec!["John", "!"]]),
            ("A,B\n\"John\" ,x\n", vec![vec!["A", "B"], vec!["!", "x"]]),
            ("A,B\n\"never closed,x\n", vec![vec!["A", "B"], vec!["!"]]),
            ("A\nit's 5\" wide\n", vec![vec!["A"], vec!["it's 5\" wide"]]),
            ("A,B\n1,2,3\n4\n", vec![vec!["A", "B"], vec!["1", "2", "3"], vec!["4"]]),
            ("A,B\n5\"\" pipe,x\n", vec![vec!["A", "B"], vec!["5\"\" pipe", "x"]]),
            ("A\n\"\"\"\"\n", vec![vec!["A"], vec!["\""]]),
        ] {
            let expected: Vec<Vec<String>> =
                expected.into_iter().map(|row| row.into_iter().map(str::to_owned).collect()).collect();
            assert_eq!(rows(upload.as_bytes(), b',', LineEnding::Lf).as_ref(), Ok(&expected), "{upload:?}");
        }
    }

    #[test]
    fn every_delimiter_separates() {
        for (name, delimiter) in DELIMITERS {
            let delimiter_text = char::from(delimiter);
            let upload = format!("A{delimiter_text}B\n1{delimiter_text}\"2{delimiter_text}3\"\n");
            let found = rows(upload.as_bytes(), delimiter, LineEnding::Lf).unwrap();
            assert_eq!(found[1], ["1".to_owned(), format!("2{delimiter_text}3")], "{name}");
        }
    }

    #[test]
    fn line_endings_must_match_the_job() {
        for (upload, ending, is_right) in [
            ("A\n1\n", LineEnding::Lf, true),
            ("A\r\n1\r\n", LineEnding::CrLf, true),
            ("A\r\n1", LineEnding::CrLf, true),
            ("A\r\n1\r\n", LineEnding::Lf, false),
            ("A\n1\n", LineEnding::CrLf, false),
            ("A\r\n1\n", LineEnding::CrLf, false),
            ("A\n1\r2\n", LineEnding::Lf, false),
            ("A\r\n1\r", LineEnding::CrLf, false),
            ("A\n\"1\r\n2\"\n", LineEnding::Lf, true),
            ("A\r\n\"1\n2\"\r\n", LineEnding::CrLf, true),
        ] {
            let found = scan(upload.as_bytes(), b',', ending);
            assert_eq!(found.is_ok(), is_right, "{upload:?} {ending:?}");
            if let Err(message) = found {
                let name = ending.as_str();
                let text = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is";
                assert_eq!(message, format!("{text} {name}"));
            }
        }
    }

    #[test]
    fn sizes_are_limited() {
        let scan = |upload: String| scan(upload.as_bytes(), b',', LineEnding::Lf);
        assert!(scan(format!("A\n{}\n", "ö".repeat(MAX_FIELD))).is_ok());
        assert!(scan(format!("A\n{}\n", "x".repeat(MAX_FIELD + 1))).is_err());
        assert!(scan(format!("A\n\"{}\"\n", "\"\"".repeat(MAX_FIELD))).is_ok());
        assert!(scan(format!("A\n\"{}\"\n", "\"\"".repeat(MAX_FIELD + 1))).is_err());
        let record = |last: usize| format!("A\n{0},{0},{0},\"{1}\"\n", "x".repeat(100_000), ",".repeat(last));
        assert!(scan(record(100_000)).is_ok(), "separators and quotes do not count");
        assert!(scan(record(100_001)).is_err());
        assert!(scan(format!("A\n{}\n", ",".repeat(MAX_FIELDS - 1))).is_ok());
        assert!(scan(format!("A\n{}\n", ",".repeat(MAX_FIELDS))).is_err());
        assert!(scan(format!("A\n{}", format!("{},", "x".repeat(100_000)).repeat(5))).is_err());
        assert!(scan(format!("{}\n", "A".repeat(MAX_HEADER + 1))).is_err());
    }
}
