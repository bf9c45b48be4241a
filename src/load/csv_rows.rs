//! The rows of a CSV (RFC 4180), each as a JSON object of texts.

use std::collections::HashSet;
use std::io::BufRead;
use std::str;

use salesforce::{ResultRow, RowReader};

use super::error::{ReadError, doubled, not_loadable};
use super::file::{self, Content};
use super::own_columns::loaded_as;
use super::position::Tracker;
use airbyte::{LONGEST_LINE, Result};

/// Reads a CSV row by row.
pub(super) struct CsvRows {
    rows: RawRows,
    columns: Vec<Column>,
}

/// A column of the header.
#[derive(Debug)]
struct Column {
    /// The name under which it is loaded.
    name: String,
    /// The name as the key of a JSON object. None if the column is not loaded.
    json_key: Option<String>,
}

impl CsvRows {
    /// Reads the header. Columns that a result file adds are left out, unless `renames` gives them a field.
    pub(super) fn open(content: Content, name: &str, renames: &[(String, String)]) -> Result<Self> {
        let mut rows = RawRows::new(content, LONGEST_LINE);
        if !rows.next(None).map_err(|error| error.into_error(name))? {
            return Err(file::empty(name));
        }
        let names: Vec<String> = rows.row.iter().map(str::to_owned).collect();
        if let Some(problems) = header_problems(&names, renames) {
            return Err(not_loadable(name, problems));
        }
        let columns = names.into_iter().map(|name| {
            let loaded = loaded_as(&name, renames).map(str::to_owned);
            let json_key = loaded.as_ref().map(|name| format!("{}:", serde_json::Value::from(name.as_str())));
            Column { name: loaded.unwrap_or(name), json_key }
        });
        Ok(Self { columns: columns.collect(), rows })
    }

    /// The columns that are loaded.
    pub(super) fn columns(&self) -> Vec<String> {
        self.columns.iter().filter(|column| column.json_key.is_some()).map(|column| column.name.clone()).collect()
    }

    pub(super) fn bytes(&mut self) -> (&mut dyn BufRead, &mut Tracker) {
        (&mut *self.rows.bytes, &mut self.rows.tracker)
    }

    pub(super) fn tracker(&self) -> &Tracker {
        &self.rows.tracker
    }

    /// Appends the next row to `data` as a JSON object: an empty cell is null. False at the end of the file.
    pub(super) fn next(&mut self, data: &mut Vec<u8>) -> Result<bool, ReadError> {
        if !self.rows.next(Some(self.columns.len()))? {
            return Ok(false);
        }
        data.push(b'{');
        let mut is_first = true;
        for (column, cell) in self.columns.iter().zip(self.rows.row.iter()) {
            let Some(key) = &column.json_key else { continue };
            if !std::mem::take(&mut is_first) {
                data.push(b',');
            }
            data.extend_from_slice(key.as_bytes());
            match cell {
                "" => data.extend_from_slice(b"null"),
                text => serde_json::to_writer(&mut *data, text).map_err(std::io::Error::from)?,
            }
        }
        data.push(b'}');
        self.rows.tracker.add_row();
        Ok(true)
    }
}

/// What is wrong with the names of the columns, all of it.
fn header_problems(names: &[String], renames: &[(String, String)]) -> Option<String> {
    if let [only] = names
        && let Some(separator) = only.chars().find(|it| matches!(it, ';' | '\t'))
    {
        let separator = if separator == ';' { "semicolons" } else { "tabs" };
        return Some(format!("its header has no comma but {separator}; save it with commas between the cells"));
    }
    let mut problems = Vec::new();
    let mut seen = HashSet::new();
    for (index, name) in names.iter().enumerate() {
        let number = index + 1;
        if name.trim().is_empty() {
            problems.push(format!("column {number} of its header has no name"));
        } else if !seen.insert(name) {
            problems.push(format!("column {number} of its header repeats the name {name}"));
        } else if let Some(field) =
            loaded_as(name, renames).filter(|field| *field != name && names.iter().any(|it| it == field))
        {
            problems.push(doubled(name, field));
        }
    }
    (!problems.is_empty()).then(|| problems.join(", and "))
}

/// The rows of a CSV, the header among them.
struct RawRows {
    bytes: Box<dyn BufRead + Send>,
    reader: RowReader,
    row: ResultRow,
    /// The row as it stands in the file, with blank lines before it.
    raw: Vec<u8>,
    tracker: Tracker,
}

impl RawRows {
    fn new(content: Content, longest: usize) -> Self {
        let mut tracker = Tracker::default();
        tracker.add(content.bom());
        let reader = RowReader::with_longest_row(longest);
        Self { bytes: content.bytes(), reader, row: ResultRow::default(), raw: Vec::new(), tracker }
    }

    /// Reads the next row, which must have so many cells. False at the end of the file. A row that cannot be read is not
    /// among what was read.
    fn next(&mut self, columns: Option<usize>) -> Result<bool, ReadError> {
        self.raw.clear();
        let is_row = self.read_row();
        let blank = self.raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let line = self.tracker.lines() + 1 + memchr::memchr_iter(b'\n', &self.raw[..blank]).count() as u64;
        let is_row = is_row.map_err(|why| match why {
            ReadError::Row(problem) => ReadError::row(line, problem.why),
            io @ ReadError::Io(_) => io,
        })?;
        if !is_row {
            return Ok(false);
        }
        let row = &self.raw[blank..];
        if str::from_utf8(row).is_err() {
            return Err(ReadError::row(line, "it is not UTF-8; save the file as UTF-8 (in Excel: CSV UTF-8)"));
        }
        if has_text_after_quote(row) {
            return Err(ReadError::row(
                line,
                "a cell has text after its closing quote; a quote inside a quoted cell must be doubled",
            ));
        }
        let cells = self.row.len();
        if let Some(columns) = columns.filter(|columns| *columns != cells) {
            return Err(ReadError::row(
                line,
                format!(
                    "it has {cells} {}, and the header has {columns}; a text with a comma, a quote or a line break \
                     must be in quotes",
                    if cells == 1 { "cell" } else { "cells" }
                ),
            ));
        }
        self.tracker.add(&self.raw);
        Ok(true)
    }

    /// False at the end of the file.
    fn read_row(&mut self) -> Result<bool, ReadError> {
        loop {
            let available = self.bytes.fill_buf()?;
            if available.is_empty() {
                let mut last = ResultRow::default();
                return match self.reader.finish(&mut last) {
                    Err(_) if last.is_empty() => Err(ReadError::row(0, "a quote opens in it and is never closed")),
                    // The last row without a line end. Its cells are counted later.
                    is_row => {
                        self.row = last;
                        Ok(is_row.unwrap_or(true))
                    }
                };
            }
            let mut rest = available;
            let is_row = self.reader.read(&mut rest, &mut self.row);
            let length = available.len() - rest.len();
            self.raw.extend_from_slice(&available[..length]);
            self.bytes.consume(length);
            // The only error of a row that goes on.
            let is_row = is_row.map_err(|_| ReadError::row(0, "it is longer than any record can be"))?;
            if is_row {
                break;
            }
        }
        // A position is never between the two characters of a line end.
        if self.raw.ends_with(b"\r") && self.bytes.fill_buf()?.first() == Some(&b'\n') {
            self.bytes.consume(1);
            self.raw.push(b'\n');
        }
        Ok(true)
    }
}

/// Whether a quoted cell of a row has something behind its closing quote, which a lenient reader would join with it.
fn has_text_after_quote(row: &[u8]) -> bool {
    let mut rest = row;
    while !rest.is_empty() {
        if rest[0] == b'"' {
            let mut from = 1;
            loop {
                let Some(quote) = memchr::memchr(b'"', &rest[from..]) else { return false };
                from += quote + 1;
                if rest.get(from) != Some(&b'"') {
                    break;
                }
                from += 1;
            }
            match rest.get(from) {
                None | Some(b',' | b'\r' | b'\n') => rest = &rest[from..],
                Some(_) => return true,
            }
        }
        match memchr::memchr(b',', rest) {
            Some(comma) => rest = &rest[comma + 1..],
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::file::{FileFormat, InputFile};
    use super::*;

    fn open(csv: &[u8]) -> Result<CsvRows> {
        let content = InputFile::Stdin.open(Some(FileFormat::Csv), Cursor::new(csv.to_vec())).unwrap();
        CsvRows::open(content, "f.csv", &[])
    }

    /// The rows as JSON, and the problem that ended them.
    fn read(csv: &str) -> (Vec<String>, Option<(u64, String)>) {
        let mut rows = open(csv.as_bytes()).unwrap();
        let mut found = Vec::new();
        loop {
            let mut data = Vec::new();
            match rows.next(&mut data) {
                Ok(true) => found.push(String::from_utf8(data).unwrap()),
                Ok(false) => return (found, None),
                Err(ReadError::Row(problem)) => return (found, Some((problem.line, problem.why))),
                Err(ReadError::Io(error)) => panic!("{error}"),
            }
        }
    }

    /// A quote that nobody closes would take the rest of the file into memory.
    #[test]
    fn a_row_that_is_longer_than_any_record_is_refused_as_that() {
        let text = "a\n\"".to_owned() + &"x".repeat(9_999);
        for (longest, why) in
            [(5_000, "it is longer than any record can be"), (50_000, "a quote opens in it and is never closed")]
        {
            let bytes = Cursor::new(text.clone().into_bytes());
            let content = InputFile::Stdin.open(Some(FileFormat::Csv), bytes).unwrap();
            let mut rows = RawRows::new(content, longest);
            assert!(rows.next(None).unwrap());
            let Err(ReadError::Row(problem)) = rows.next(Some(1)) else { panic!("{longest}") };
            assert_eq!((problem.line, &*problem.why), (2, why), "{longest}");
        }
    }

    #[test]
    fn every_form_of_rfc_4180_is_read() {
        for (csv, expected) in [
            ("a,b\n1,2\n", &[r#"{"a":"1","b":"2"}"#][..]),
            ("a,b\r\n1,2\r\n3,4", &[r#"{"a":"1","b":"2"}"#, r#"{"a":"3","b":"4"}"#]),
            ("\u{feff}a,b\n1,\n", &[r#"{"a":"1","b":null}"#]),
            ("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n", &[r#"{"a":"x,y","b":"say \"hi\""}"#]),
            ("a,b\n\"two\r\nlines\",5\" pipe\n", &[r#"{"a":"two\r\nlines","b":"5\" pipe"}"#]),
            ("a,b\n\n\n1,2\n\n", &[r#"{"a":"1","b":"2"}"#]),
            ("a,b\n\"x\"\"\",\"\"\n", &[r#"{"a":"x\"","b":null}"#]),
            ("a,b\n\"\"\"\",\"\"\"x\"\r\n", &[r#"{"a":"\"","b":"\"x"}"#]),
            ("a,b\n\",\"\"\",2\n\"1\",\"2\"", &[r#"{"a":",\"","b":"2"}"#, r#"{"a":"1","b":"2"}"#]),
            ("a,b\n1,\"2\"\r\n\r\n\r\n3,4\r\n", &[r#"{"a":"1","b":"2"}"#, r#"{"a":"3","b":"4"}"#]),
            ("\"a \"\"q\"\"\",b\n\"\",  \n", &[r#"{"a \"q\"":null,"b":"  "}"#]),
            ("a,b", &[]),
            ("a,b\r\n", &[]),
            ("a\n1", &[r#"{"a":"1"}"#]),
            (
                "sf__Id,a,sf__Error,rejected_reason,rejected_field,rejected_message,source_row\n,1,x,y,z,,7\n",
                &[r#"{"a":"1"}"#],
            ),
            ("source_row,a,sf__Id,sf__Created,written_records\n7,1,001,true,1\n", &[r#"{"a":"1"}"#]),
        ] {
            let (rows, problem) = read(csv);
            assert_eq!(
                (rows.iter().map(String::as_str).collect::<Vec<_>>(), problem),
                (expected.to_vec(), None),
                "{csv:?}"
            );
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_named_by_its_first_line() {
        for (csv, line, why) in [
            ("a,b\n1,2\n3\n", 3, "it has 1 cell, and the header has 2"),
            ("a,b\n1,2,3\n", 2, "it has 3 cells"),
            ("a,b\n1,2\n3", 3, "it has 1 cell"),
            ("a,b\n\"1\n2\",3\n\n\n4\n", 6, "it has 1 cell"),
            ("a,b\r\n\"1\r\n2\",3\r\n4\r\n", 4, "it has 1 cell"),
            ("a,b\n1,2\n\"3,4\n5,6\n", 3, "never closed"),
            ("a,b\n\"1\"x,2\n", 2, "after its closing quote"),
            ("a,b\n1,\"2\" \n", 2, "after its closing quote"),
            ("a,b\n\"1\",\"2\"\"\"x\n", 2, "after its closing quote"),
            ("a,b\n1,2\n\n\"3\"\"\"4,2\n", 4, "after its closing quote"),
            ("a,b\r\n\r\n\"1\"x,2\r\n", 3, "after its closing quote"),
            ("a,b\r\n1,2\r\n\r\n\r\n3\r\n", 5, "it has 1 cell"),
        ] {
            let (_, problem) = read(csv);
            let (at, text) = problem.unwrap_or_else(|| panic!("{csv:?}"));
            assert!(at == line && text.contains(why), "{csv:?}: {at} {text}");
        }
        let mut rows = open(b"a\n\xe4\n").unwrap();
        let Err(ReadError::Row(problem)) = rows.next(&mut Vec::new()) else { panic!("it is Latin-1") };
        assert!(problem.line == 2 && problem.why.contains("not UTF-8"), "{problem:?}");
    }

    #[test]
    fn everything_that_is_wrong_with_a_header_is_named() {
        for (csv, why) in [
            ("", "it is empty"),
            ("\n\n", "it is empty"),
            ("a,,b,a\n", "column 2 of its header has no name, and column 4 of its header repeats the name a"),
            ("a,  ,\t\n", "column 2 of its header has no name, and column 3 of its header has no name"),
            ("a;b\n1;2\n", "no comma but semicolons"),
            ("a\tb\n", "no comma but tabs"),
        ] {
            let Err(error) = open(csv.as_bytes()) else { panic!("{csv:?}") };
            assert!(error.message().contains(why), "{csv:?}: {error}");
        }
    }

    /// An error file that is loaded again may have the column of the field too.
    #[test]
    fn a_result_column_goes_to_a_field_that_has_no_column_of_its_own() {
        let renames = [("sf__Id", "Id"), ("source_row", "source_row"), ("Mail", "Email")];
        let renames = renames.map(|(column, field)| (column.to_owned(), field.to_owned()));
        for (csv, is_doubled) in [
            ("sf__Id,Name\n", false),
            ("Id,Name\n", false),
            ("sf__Id,Id\n", true),
            ("Id,Name,sf__Id\n", true),
            ("sf__Id,source_row\n", false),
            ("Mail,Email\n", false),
        ] {
            let content = InputFile::Stdin.open(Some(FileFormat::Csv), Cursor::new(csv.as_bytes().to_vec())).unwrap();
            let problem = CsvRows::open(content, "f.csv", &renames).err().map(|error| error.message().to_owned());
            assert_eq!(problem.is_some(), is_doubled, "{csv:?}: {problem:?}");
            assert!(problem.iter().all(|text| text.contains("takes its column sf__Id to Id")), "{problem:?}");
        }
    }

    #[test]
    fn a_position_is_behind_the_whole_line_end() {
        for csv in ["a\n1\n2\n", "a\r\n1\r\n2\r\n", "a\r\n\r\n1\r\n\r\n2"] {
            let mut rows = open(csv.as_bytes()).unwrap();
            rows.next(&mut Vec::new()).unwrap();
            let position = rows.tracker().position();
            let rest = &csv[usize::try_from(position.offset).unwrap()..];
            assert!(rest.trim_start() == "2" || rest.trim_start().starts_with("2"), "{rest:?}");
            assert!(!rest.starts_with('\n'), "{rest:?}");
            assert_eq!(position.rows, 1);
        }
    }
}
