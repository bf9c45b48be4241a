//! The rows of a file, whatever its format.

use std::io::Read;

use serde_json::{Map, Value, json};

use super::csv_rows::CsvRows;
use super::error::{ReadError, unreadable};
use super::file::{FileFormat, InputFile};
use super::jsonl_rows::JsonlRows;
use super::position::{Position, Tracker};
use airbyte::Result;

/// Reads a file row by row.
pub(crate) struct Rows {
    form: Form,
    has_bom: bool,
}

enum Form {
    Csv(Box<CsvRows>),
    Jsonl(JsonlRows),
}

impl Rows {
    /// Opens `file`, or takes `stdin`, and reads what it says about its columns. Columns that a result file adds are left
    /// out, unless `renames` gives them a field.
    ///
    /// # Errors
    /// The file cannot be read, is in no form that can be loaded, or has a header that cannot.
    pub(crate) fn open(
        file: &InputFile,
        format: Option<FileFormat>,
        renames: &[(String, String)],
        stdin: impl Read + Send + 'static,
    ) -> Result<Self> {
        let content = file.open(format, stdin)?;
        let has_bom = content.has_bom;
        let form = match content.format {
            FileFormat::Csv => Form::Csv(Box::new(CsvRows::open(content, &file.name(), renames)?)),
            FileFormat::Jsonl => Form::Jsonl(JsonlRows::open(content, renames)),
        };
        Ok(Self { form, has_bom })
    }

    pub(crate) fn format(&self) -> FileFormat {
        match self.form {
            Form::Csv(_) => FileFormat::Csv,
            Form::Jsonl(_) => FileFormat::Jsonl,
        }
    }

    /// Whether the file begins with a byte order mark, as a spreadsheet wants it.
    pub(crate) fn has_bom(&self) -> bool {
        self.has_bom
    }

    /// The properties of a JSON schema of the rows, as far as they are known.
    pub(crate) fn properties(&self) -> Map<String, Value> {
        match &self.form {
            Form::Csv(rows) => {
                rows.columns().into_iter().map(|name| (name, json!({"type": ["null", "string"]}))).collect()
            }
            Form::Jsonl(rows) => rows.properties().clone(),
        }
    }

    /// The columns of a CSV that are loaded, in their order.
    pub(crate) fn columns(&self) -> Vec<String> {
        match &self.form {
            Form::Csv(rows) => rows.columns(),
            Form::Jsonl(_) => Vec::new(),
        }
    }

    /// Goes on behind `position`, where an earlier run has ended. False if the file is another one up to there.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn skip_to(&mut self, position: &Position, name: &str) -> Result<bool> {
        let (bytes, tracker) = match &mut self.form {
            Form::Csv(rows) => rows.bytes(),
            Form::Jsonl(rows) => rows.bytes(),
        };
        while tracker.offset() < position.offset {
            let missing = position.offset - tracker.offset();
            let available = bytes.fill_buf().map_err(|error| unreadable(name, &error))?;
            let length = available.len().min(usize::try_from(missing).unwrap_or(usize::MAX));
            if length == 0 {
                return Ok(false);
            }
            tracker.add(&available[..length]);
            bytes.consume(length);
        }
        tracker.set_rows(position.rows);
        Ok(position.offset == 0 || tracker.position() == *position)
    }

    pub(super) fn position(&self) -> Position {
        self.tracker().position()
    }

    fn tracker(&self) -> &Tracker {
        match &self.form {
            Form::Csv(rows) => rows.tracker(),
            Form::Jsonl(rows) => rows.tracker(),
        }
    }

    /// Appends the next row to `data` as a JSON object. False at the end of the file.
    pub(super) fn next(&mut self, data: &mut Vec<u8>) -> Result<bool, ReadError> {
        match &mut self.form {
            Form::Csv(rows) => rows.next(data),
            Form::Jsonl(rows) => rows.next(data),
        }
    }
}
