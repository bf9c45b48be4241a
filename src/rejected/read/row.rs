//! A stored row, taken apart: the record under its source names, and why it was rejected.

use airbyte::json::{Cursor, Text, Value};
use jiff::Timestamp;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::rejected::format::json;
use crate::rejected::record::{REJECTION_COLUMNS, RejectionDetails};
use crate::rejected::row::{AIRBYTE_COLUMNS, DATA_COLUMN};

/// The columns that only a rejected record has. A row that has neither is a record that was written.
const REJECTED: [&str; 2] = ["sf__Error", "rejected_reason"];

/// A rejected record as it is stored, whatever the format.
#[derive(Debug)]
pub(super) struct StoredRow {
    /// `_airbyte_raw_id`.
    pub(super) id: String,
    /// When the source extracted the record, in milliseconds since 1970.
    pub(super) extracted_at_ms: i64,
    /// The number of the sync, 0 if it had none; none if the row does not say.
    pub(super) sync_id: Option<i64>,
    /// The record under its source names, as a JSON object.
    pub(super) data: Box<RawValue>,
    pub(super) rejection: RejectionDetails,
}

/// What a column of a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    RawId,
    ExtractedAt,
    Meta,
    /// A column of Airbyte that says nothing about the record.
    Other,
    /// The record and why it was rejected, as a JSON object.
    Data,
    /// One of the columns that say why, by its place among them.
    Rejection(usize),
    /// A column of the record.
    Source,
}

/// Why a row cannot be read. It never quotes the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowDefect {
    #[error("it is not a JSON object, or is cut off")]
    NotJson,
    #[error("its `_airbyte_data` is not a JSON object, or is cut off")]
    DataNotJson,
    #[error("its `_airbyte_extracted_at` is not a time")]
    NoTime,
    #[error("it does not say why it was rejected")]
    NotRejected,
    #[error("it has not as many cells as the header")]
    CellsMissing,
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("it is longer than any record can be")]
    TooLong,
}

/// Whether these columns are those of a flattened row, and how each is used. None if they are not columns of a stored
/// row.
pub(super) fn roles<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Vec<Role>> {
    let has = |wanted: &str| names.clone().any(|name| name == wanted);
    let is_flattened = REJECTED.iter().any(|column| has(column));
    if !has(AIRBYTE_COLUMNS[0]) || !(is_flattened || has(DATA_COLUMN)) {
        return None;
    }
    let roles = names.clone().map(|name| match name {
        "_airbyte_raw_id" => Role::RawId,
        "_airbyte_extracted_at" => Role::ExtractedAt,
        "_airbyte_meta" => Role::Meta,
        "_airbyte_generation_id" => Role::Other,
        DATA_COLUMN if !is_flattened => Role::Data,
        _ if !is_flattened => Role::Other,
        _ => rejection_column(name).map_or(Role::Source, Role::Rejection),
    });
    Some(roles.collect())
}

/// Whether a column of this name is one of Airbyte's, which only its connectors write.
pub(super) fn is_of_airbyte(name: &str) -> bool {
    name == DATA_COLUMN || AIRBYTE_COLUMNS.contains(&name)
}

fn rejection_column(name: &str) -> Option<usize> {
    REJECTION_COLUMNS.iter().position(|column| *column == name)
}

/// Puts a row together, column by column.
#[derive(Debug, Default)]
pub(super) struct RowBuilder {
    id: String,
    extracted_at_ms: Option<i64>,
    sync_id: Option<i64>,
    data: String,
    /// The rejection columns in their order.
    rejection: [String; REJECTION_COLUMNS.len()],
    is_rejected: bool,
}

impl RowBuilder {
    /// Takes a column whose value is text that is no JSON, as in CSV.
    pub(super) fn cell(&mut self, role: &Role, name: &str, text: &str) -> Result<(), RowDefect> {
        match role {
            Role::RawId => text.clone_into(&mut self.id),
            Role::ExtractedAt => self.extracted_at_ms = milliseconds(text),
            Role::Meta => self.sync_id = sync_id(text),
            Role::Other => {}
            Role::Data => self.data_object(text)?,
            Role::Rejection(column) => self.reject(*column, text.to_owned()),
            Role::Source => {
                let mut quoted = Vec::new();
                json::string(name, &mut quoted);
                self.add(&String::from_utf8_lossy(&quoted), &json_of_cell(text));
            }
        }
        Ok(())
    }

    /// Takes a column whose value is JSON. `name` is the text between the quotes of its key.
    pub(super) fn member(&mut self, role: &Role, name: &str, value: &str) -> Result<(), RowDefect> {
        match role {
            Role::RawId => self.id = text_of(value),
            Role::ExtractedAt => self.extracted_at_ms = milliseconds(&text_of(value)),
            Role::Meta => self.sync_id = sync_id(value),
            Role::Other => {}
            Role::Data => self.data_object(value)?,
            Role::Rejection(column) => self.reject(*column, text_of(value)),
            Role::Source => self.add(&format!("\"{name}\""), value),
        }
        Ok(())
    }

    /// Ends the row.
    pub(super) fn finish(self) -> Result<StoredRow, RowDefect> {
        if !self.is_rejected {
            return Err(RowDefect::NotRejected);
        }
        let extracted_at_ms = self.extracted_at_ms.ok_or(RowDefect::NoTime)?;
        let data = match whole_record(&self.data) {
            Some(record) => record.to_owned(),
            None => format!("{{{}}}", self.data),
        };
        let data = RawValue::from_string(data).map_err(|_| RowDefect::DataNotJson)?;
        let [salesforce_id, error, mut reason, field, message] = self.rejection;
        if reason.is_empty() {
            reason = code_of(&error).to_owned();
        }
        let rejection = RejectionDetails { salesforce_id, error, reason, field, message };
        Ok(StoredRow { id: self.id, extracted_at_ms, sync_id: self.sync_id, data, rejection })
    }

    fn data_object(&mut self, object: &str) -> Result<(), RowDefect> {
        for (name, value) in members(object).ok_or(RowDefect::DataNotJson)? {
            match rejection_column(&decoded(name)) {
                Some(column) => self.reject(column, text_of(value)),
                None => self.add(&format!("\"{}\"", name.raw), value),
            }
        }
        Ok(())
    }

    fn reject(&mut self, column: usize, text: String) {
        self.is_rejected |= REJECTED.contains(&REJECTION_COLUMNS[column]);
        self.rejection[column] = text;
    }

    /// Adds a column of the record: a key in quotes and a value, both JSON.
    fn add(&mut self, key: &str, value: &str) {
        if !self.data.is_empty() {
            self.data.push(',');
        }
        self.data.push_str(key);
        self.data.push(':');
        // A line break in JSON text can only stand between tokens, where a space means the same.
        self.data.extend(value.chars().map(|part| if matches!(part, '\n' | '\r') { ' ' } else { part }));
    }
}

/// The members of a JSON object: keys and values as they are written. None if the text is not a JSON object alone.
pub(super) fn members(object: &str) -> Option<Vec<(Text<'_>, &str)>> {
    let mut cursor = Cursor::new(object);
    cursor.enter_object()?;
    let mut members = Vec::new();
    while cursor.next_member(members.is_empty())? {
        members.push((cursor.key()?, cursor.raw_value()?));
    }
    cursor.is_at_end().then_some(members)
}

/// The text of a key. One that is not Unicode is none of those that are looked for.
pub(super) fn decoded(key: Text<'_>) -> String {
    let mut text = String::new();
    if key.decode(&mut text).is_err() {
        text.clear();
    }
    text
}

/// The whole record, if it is stored as the one value of a column without a name: a name of its own is not Unicode.
fn whole_record(data: &str) -> Option<&str> {
    let record = data.strip_prefix("\"\":").filter(|value| value.starts_with('{'))?;
    let is_not_unicode = |(name, _): &(Text<'_>, &str)| name.decode(&mut String::new()).is_err();
    members(record)?.iter().any(is_not_unicode).then_some(record)
}

/// A string without its quotes, nothing for null, and the JSON of everything else.
fn text_of(value: &str) -> String {
    match value {
        "null" => String::new(),
        _ if value.starts_with('"') => serde_json::from_str(value).unwrap_or_else(|_| value.to_owned()),
        _ => value.to_owned(),
    }
}

/// The value of a cell of flattened CSV, which does not tell null from an empty text, nor `1` and `true` from texts.
/// `write` reads a text as it reads the number or the boolean, but a list or an object only as such. A list or an object
/// is stored in one line without blanks around it, so anything else was a text.
fn json_of_cell(cell: &str) -> String {
    let is_json = match cell.as_bytes().first() {
        None => return "null".to_owned(),
        // Text that is not Unicode is stored as the JSON that it was.
        Some(b'"') => is_not_unicode(cell),
        Some(b'[' | b'{') => {
            let is_stored_json = !cell.contains(['\n', '\r']) && cell.ends_with([']', '}']);
            let mut cursor = Cursor::new(cell);
            is_stored_json && cursor.value().is_some() && cursor.is_at_end()
        }
        Some(_) => false,
    };
    if is_json { cell.to_owned() } else { serde_json::Value::from(cell).to_string() }
}

fn is_not_unicode(cell: &str) -> bool {
    let mut cursor = Cursor::new(cell);
    let Some(Value::Text(text)) = cursor.value() else { return false };
    cursor.is_at_end() && text.decode(&mut String::new()).is_err()
}

/// The time of a cell: milliseconds since 1970, or text.
fn milliseconds(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| Some(text.parse::<Timestamp>().ok()?.as_millisecond()))
}

fn sync_id(meta: &str) -> Option<i64> {
    let (_, value) = members(meta)?.into_iter().find(|(name, _)| name.raw == "sync_id")?;
    value.parse().ok()
}

/// The status code that an error of Salesforce begins with.
fn code_of(error: &str) -> &str {
    let code = error.split(':').next().unwrap_or_default();
    let is_code = code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if is_code { code } else { "" }
}

impl StoredRow {
    /// When the record was rejected, if its id says so.
    pub(super) fn rejected_at(&self) -> Option<Timestamp> {
        let id = Uuid::parse_str(&self.id).ok().filter(|id| id.get_version_num() == 7)?;
        let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
        Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_flattened_csv_becomes_what_write_reads_alike() {
        let table = [
            ("", "null"),
            ("plain", r#""plain""#),
            ("12.50", r#""12.50""#),
            ("true", r#""true""#),
            ("null", r#""null""#),
            ("[1, \"a\"]", "[1, \"a\"]"),
            ("{\"External_Id__c\":\"A-1\"}", "{\"External_Id__c\":\"A-1\"}"),
            ("[draft] not JSON", r#""[draft] not JSON""#),
            ("{", r#""{""#),
            ("[] and more", r#""[] and more""#),
            (r#""quoted""#, r#""\"quoted\"""#),
            (r#""lone \ud800""#, r#""lone \ud800""#),
            (r#""open"#, r#""\"open""#),
            (r#""one" "two""#, r#""\"one\" \"two\"""#),
            (" [1]", r#"" [1]""#),
            ("two\r\nlines", r#""two\r\nlines""#),
            ("{\n  \"a\": 1\n}", r#""{\n  \"a\": 1\n}""#),
            ("[1,\r2]", r#""[1,\r2]""#),
            ("[1] ", r#""[1] ""#),
            ("{}\n", r#""{}\n""#),
            ("{}\t", r#""{}\t""#),
        ];
        for (cell, expected) in table {
            assert_eq!(json_of_cell(cell), expected, "{cell}");
        }
    }

    #[test]
    fn columns_are_known_by_their_names_in_any_order() {
        let roles = |names: &[&str]| roles(names.iter().copied());
        assert_eq!(roles(&["_airbyte_data", "_airbyte_raw_id"]), Some(vec![Role::Data, Role::RawId]));
        assert_eq!(
            roles(&["_airbyte_raw_id", "Name", "_airbyte_data", "sf__Error"]),
            Some(vec![Role::RawId, Role::Source, Role::Source, Role::Rejection(1)]),
            "a source column may have this name where each has a column"
        );
        assert_eq!(roles(&["_airbyte_raw_id", "Name"]), None, "no reason");
        assert_eq!(roles(&["Name", "sf__Error"]), None, "no id");
    }

    #[test]
    fn a_record_with_a_name_that_is_not_unicode_comes_back_whole() {
        let row = |record: &str| {
            let mut row = RowBuilder::default();
            row.member(&Role::ExtractedAt, "", "1").unwrap();
            let data = format!(r#"{{"":{record},"rejected_reason":"NOT_UNICODE"}}"#);
            row.member(&Role::Data, "_airbyte_data", &data).unwrap();
            row.finish().unwrap().data.get().to_owned()
        };
        assert_eq!(row(r#"{"\ud800":1,"a":2}"#), r#"{"\ud800":1,"a":2}"#);
        assert_eq!(row(r#"{"a":2}"#), r#"{"":{"a":2}}"#, "a column without a name of the source");
    }

    #[test]
    fn times_are_milliseconds_or_text() {
        for (text, expected) in [
            ("1772600760000", Some(1_772_600_760_000)),
            ("2026-03-04T05:06:00Z", Some(1_772_600_760_000)),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn an_error_without_a_reason_begins_with_its_code() {
        for (error, code) in [("FIELD_X:no: such:F --", "FIELD_X"), ("Something went wrong", ""), ("", "")] {
            assert_eq!(code_of(error), code);
        }
    }
}
