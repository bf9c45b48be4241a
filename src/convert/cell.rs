//! Converts a JSON value into the text of a cell, as the type of the field needs it.

use std::borrow::Cow;

use connector::moment::{self, NotAMoment};

use super::column::Kind;
use super::csv::{NULL_MARKER, needs_quotes};
use super::truncation::cut_at;
use crate::config::NullHandling;
use airbyte::json::{Cursor, Decoded, Text, Value};

/// The longest field that Salesforce accepts, in characters (Developer Limits Quick Reference, "Bulk API limits").
const LONGEST_FIELD: usize = 131_072;

/// Why a value cannot become a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellError {
    /// A text that is exactly the marker for null.
    NullMarker,
    /// A text with half of a surrogate pair.
    NotUnicode,
    /// A text longer than any field.
    TooLong,
    /// A value that the type of the field cannot hold.
    WrongType,
    /// A day or a time of day that does not exist.
    NoSuchMoment,
    /// A year that Salesforce does not take.
    YearOutOfRange,
}

impl From<NotAMoment> for CellError {
    fn from(reason: NotAMoment) -> Self {
        match reason {
            NotAMoment::WrongForm => Self::WrongType,
            NotAMoment::DoesNotExist => Self::NoSuchMoment,
            NotAMoment::YearOutOfRange => Self::YearOutOfRange,
        }
    }
}

/// The text of a cell, and how it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    /// The text without quotes.
    pub(super) text: Cow<'a, str>,
    pub(super) needs_quotes: bool,
    pub(super) is_truncated: bool,
}

impl<'a> Cell<'a> {
    /// A cell of any text.
    fn new(text: Cow<'a, str>) -> Self {
        let needs_quotes = needs_quotes(&text);
        Self { text, needs_quotes, is_truncated: false }
    }

    /// A cell of a text that needs no quotes.
    fn plain(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), needs_quotes: false, is_truncated: false }
    }
}

/// A string with escapes, decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecodedText<'d> {
    /// The decoded text, if there was an escape.
    pub(super) text: &'d str,
    pub(super) outcome: Decoded,
}

/// The text of a value that becomes the cell unchanged, as nearly all values do, and whether it needs quotes. `None` if
/// [`convert`] is needed.
#[inline]
pub(super) fn unchanged<'a>(
    kind: Kind,
    value: &Value<'a>,
    decoded: DecodedText<'a>,
    nulls: NullHandling,
) -> Option<(&'a str, bool)> {
    match (kind, value) {
        // Of the characters that need quotes, JSON writes only a comma without an escape.
        (_, Value::Text(text)) => match decoded.outcome {
            Decoded::Nothing => stays_unchanged(kind, text.raw).then_some((text.raw, text.has_comma)),
            Decoded::Text(escapes) => (!escapes.has_return && stays_unchanged(kind, decoded.text))
                .then_some((decoded.text, text.has_comma || escapes.needs_quotes)),
            Decoded::NotUnicode => None,
        },
        (Kind::Text { .. } | Kind::Number | Kind::MultiPicklist, Value::Number(json)) => Some((json, false)),
        (Kind::Text { .. } | Kind::Boolean, Value::Boolean(value)) => Some((literal(*value), false)),
        (_, Value::Null) if nulls == NullHandling::Ignore => Some(("", false)),
        _ => None,
    }
}

/// Whether a text becomes the cell unchanged, provided that it has no CR.
#[inline]
fn stays_unchanged(kind: Kind, text: &str) -> bool {
    is_unchanged(text, longest_unchanged(kind))
}

/// Whether a text becomes the cell unchanged, provided that it has no CR, where the longest such text has `longest` bytes.
#[inline(always)]
pub(super) fn is_unchanged(text: &str, longest: usize) -> bool {
    text.len() <= longest && !matches!(text, "" | NULL_MARKER)
}

/// The length of the longest text that becomes the cell of a column of `kind` unchanged; 0 if a text may change.
#[inline]
pub(super) fn longest_unchanged(kind: Kind) -> usize {
    match kind {
        Kind::Text { longest: Some(longest) } => longest.min(LONGEST_FIELD),
        Kind::Text { longest: None } | Kind::Number | Kind::MultiPicklist => LONGEST_FIELD,
        Kind::Boolean | Kind::Date | Kind::DateTime | Kind::Time => 0,
    }
}

/// Converts a value into the cell of a column of `kind`.
pub(super) fn convert<'a>(
    kind: Kind,
    value: Value<'a>,
    decoded: DecodedText<'a>,
    nulls: NullHandling,
) -> Result<Cell<'a>, CellError> {
    match value {
        Value::Text(Text { raw: "", .. }) | Value::Null => Ok(Cell::plain(null(kind, nulls))),
        Value::Text(text) => match decoded.outcome {
            Decoded::Nothing => from_text(kind, text.raw),
            Decoded::Text(_) => from_text(kind, decoded.text),
            Decoded::NotUnicode => Err(CellError::NotUnicode),
        },
        Value::Number(json) => from_number(kind, json),
        Value::Boolean(value) => from_boolean(kind, value),
        Value::Array(json) => from_array(kind, json, nulls),
        Value::Object(json) => from_nested(kind, json),
    }
}

/// The cell of null. An empty text, and an empty list of picklist values, are the same: in Salesforce, a field without
/// text is null.
fn null(kind: Kind, nulls: NullHandling) -> &'static str {
    match (nulls, kind) {
        // A checkbox cannot be null (SOAP API guide, "fieldsToNull": only nillable fields), and no document says that
        // clearing it means false. So it stays as it is.
        (NullHandling::Ignore, _) | (_, Kind::Boolean) => "",
        (NullHandling::Clear, _) => NULL_MARKER,
    }
}

fn from_text(kind: Kind, text: &str) -> Result<Cell<'_>, CellError> {
    if text == NULL_MARKER {
        return Err(CellError::NullMarker);
    }
    match kind {
        Kind::Text { longest } => within_length(with_line_feeds(text), longest),
        // Salesforce decides whether the text is a number or a value of the list.
        Kind::Number | Kind::MultiPicklist => within_length(with_line_feeds(text), None),
        Kind::Boolean => boolean(text).map(Cell::plain).ok_or(CellError::WrongType),
        Kind::Date => Ok(Cell::plain(moment::date(text)?)),
        Kind::DateTime => Ok(Cell::new(moment::date_time(text)?)),
        Kind::Time => Ok(Cell::new(moment::time(text)?)),
    }
}

fn boolean(text: &str) -> Option<&'static str> {
    match text {
        "1" => Some("true"),
        "0" => Some("false"),
        _ if text.eq_ignore_ascii_case("true") => Some("true"),
        _ if text.eq_ignore_ascii_case("false") => Some("false"),
        _ => None,
    }
}

fn literal(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn from_boolean(kind: Kind, value: bool) -> Result<Cell<'static>, CellError> {
    match kind {
        Kind::Boolean | Kind::Text { .. } => Ok(Cell::plain(literal(value))),
        _ => Err(CellError::WrongType),
    }
}

/// The digits of a number stay as they are: a float cannot hold every number that Salesforce accepts.
fn from_number(kind: Kind, json: &str) -> Result<Cell<'_>, CellError> {
    match kind {
        Kind::Number | Kind::Text { .. } | Kind::MultiPicklist => Ok(Cell::plain(json)),
        Kind::Boolean => boolean(json).map(Cell::plain).ok_or(CellError::WrongType),
        Kind::Date | Kind::DateTime | Kind::Time => Err(CellError::WrongType),
    }
}

fn from_array(kind: Kind, json: &str, nulls: NullHandling) -> Result<Cell<'_>, CellError> {
    if kind != Kind::MultiPicklist {
        return from_nested(kind, json);
    }
    let mut elements = Cursor::new(json);
    elements.enter_array().ok_or(CellError::WrongType)?;
    let mut joined = String::new();
    let mut is_first = true;
    while elements.next_element(is_first).ok_or(CellError::WrongType)? {
        if !std::mem::take(&mut is_first) {
            joined.push(';');
        }
        let start = joined.len();
        match elements.value().ok_or(CellError::WrongType)? {
            Value::Text(text) => {
                text.decode(&mut joined).map_err(|_| CellError::NotUnicode)?;
            }
            Value::Number(number) => joined.push_str(number),
            Value::Boolean(value) => joined.push_str(literal(value)),
            Value::Null | Value::Array(_) | Value::Object(_) => return Err(CellError::WrongType),
        }
        // A value cannot contain the separator.
        let value = &joined[start..];
        if value.is_empty() || value.contains(';') {
            return Err(CellError::WrongType);
        }
    }
    match &*joined {
        "" => Ok(Cell::plain(null(kind, nulls))),
        NULL_MARKER => Err(CellError::NullMarker),
        _ => within_length(Cow::Owned(with_line_feeds(&joined).into_owned()), None),
    }
}

/// JSON text is never cut: what is left would be no JSON.
fn from_nested(kind: Kind, json: &str) -> Result<Cell<'_>, CellError> {
    match kind {
        Kind::Text { .. } => within_length(with_line_feeds(json), None),
        _ => Err(CellError::WrongType),
    }
}

/// CR LF and CR become LF: the line end of the job is LF, and Salesforce rejects a file with other line ends (Bulk API
/// 2.0 guide, "Prepare CSV Files").
fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn within_length(text: Cow<'_, str>, longest: Option<usize>) -> Result<Cell<'_>, CellError> {
    if let Some(longest) = longest
        && text.len() > longest
        && let Some(end) = cut_at(&text, longest)
    {
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
            Cow::Owned(mut text) => {
                text.truncate(end);
                Cow::Owned(text)
            }
        };
        return Ok(Cell { is_truncated: true, ..Cell::new(text) });
    }
    // Java counts UTF-16 units, and no document says what Salesforce counts. A record that is rejected here can be
    // seen; a cell that is too long may fail its whole job.
    if text.len() > LONGEST_FIELD && text.encode_utf16().count() > LONGEST_FIELD {
        return Err(CellError::TooLong);
    }
    Ok(Cell::new(text))
}

#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod tests;
