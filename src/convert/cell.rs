//! Converts a JSON value into the text of a cell, as the type of the field needs it.

use std::borrow::Cow;

use super::column::Kind;
use super::csv::{NULL_MARKER, needs_quotes};
use super::moment::{self, NotAMoment};
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
mod tests {
    use super::*;

    const TEXT: Kind = Kind::Text { longest: None };

    fn cell(kind: Kind, json: &str) -> Result<String, CellError> {
        cell_of(kind, json, NullHandling::Ignore).map(|(text, _)| text)
    }

    /// The text of a cell, and whether it is cut.
    fn cell_of(kind: Kind, json: &str, nulls: NullHandling) -> Result<(String, bool), CellError> {
        let mut text = String::new();
        let (value, outcome) = Cursor::new(json).value_decoded(&mut text).unwrap();
        let decoded = DecodedText { text: &text, outcome };
        let unchanged = unchanged(kind, &value, decoded, nulls);
        let cell = convert(kind, value, decoded, nulls);
        if let Some((text, needs_quotes)) = unchanged {
            assert_eq!(cell, Ok(Cell { text: text.into(), needs_quotes, is_truncated: false }), "{json}");
        }
        let cell = cell?;
        assert_eq!(cell.needs_quotes, needs_quotes(&cell.text), "{json}");
        Ok((cell.text.into_owned(), cell.is_truncated))
    }

    #[test]
    fn each_json_type_is_converted_for_each_kind_of_field() {
        use Kind::{Boolean, Date, DateTime, MultiPicklist, Number, Time};
        const WRONG: Result<&str, CellError> = Err(CellError::WrongType);
        let table = [
            (TEXT, r#""plain""#, Ok("plain")),
            (TEXT, r#""tab\tquote\"é\u6771""#, Ok("tab\tquote\"é東")),
            (TEXT, r#""a\r\nb\rc\nd""#, Ok("a\nb\nc\nd")),
            (TEXT, "12.50", Ok("12.50")),
            (TEXT, "true", Ok("true")),
            (TEXT, r#"{"a": [1, "x"]}"#, Ok(r#"{"a": [1, "x"]}"#)),
            (TEXT, "[1,2]", Ok("[1,2]")),
            (TEXT, "[1,\r2]", Ok("[1,\n2]")),
            (Number, r#""1\r\n""#, Ok("1\n")),
            (MultiPicklist, r#"["A\r","B"]"#, Ok("A\n;B")),
            (TEXT, r##""#N/A""##, Err(CellError::NullMarker)),
            (TEXT, r##""#N/A ""##, Ok("#N/A ")),
            (TEXT, r#""\ud800""#, Err(CellError::NotUnicode)),
            (TEXT, r#""\ud83d\ude00""#, Ok("😀")),
            (Number, "12345678901234567890123456789012345678", Ok("12345678901234567890123456789012345678")),
            (Number, "1.10", Ok("1.10")),
            (Number, "3E+7", Ok("3E+7")),
            (Number, r#""1.000000000""#, Ok("1.000000000")),
            (Number, "true", WRONG),
            (Number, "[1]", WRONG),
            (Boolean, "true", Ok("true")),
            (Boolean, "1", Ok("true")),
            (Boolean, "0", Ok("false")),
            (Boolean, "2", WRONG),
            (Boolean, r#""FALSE""#, Ok("false")),
            (Boolean, r#""yes""#, WRONG),
            (Date, r#""2026-02-28""#, Ok("2026-02-28")),
            (Date, "20260228", WRONG),
            (Date, "{}", WRONG),
            (DateTime, r#""2026-02-28 10:00:00.123456+00""#, Ok("2026-02-28T10:00:00.123+00:00")),
            (DateTime, r#""soon""#, WRONG),
            (Time, r#""09:30""#, Ok("09:30:00.000Z")),
            (Time, "false", WRONG),
            (MultiPicklist, r#"["A","B \"C\"",3]"#, Ok("A;B \"C\";3")),
            (MultiPicklist, r#""A;B""#, Ok("A;B")),
            (MultiPicklist, r#"["A;B"]"#, WRONG),
            (MultiPicklist, r#"[["A"]]"#, WRONG),
            (MultiPicklist, "[]", Ok("")),
            (MultiPicklist, "[null]", WRONG),
            (MultiPicklist, r#"[""]"#, WRONG),
            (MultiPicklist, r#"["A",null]"#, WRONG),
            (MultiPicklist, "{}", WRONG),
            (TEXT, "[]", Ok("[]")),
            (TEXT, "{}", Ok("{}")),
            (Number, "-0", Ok("-0")),
            (Number, "1e3", Ok("1e3")),
            (Number, "0.1000000000000000055511151231257827", Ok("0.1000000000000000055511151231257827")),
            (Number, "9007199254740993", Ok("9007199254740993")),
            (Boolean, "1.0", WRONG),
            (Date, r#""2026-02-30""#, Err(CellError::NoSuchMoment)),
            (Date, r#""0001-01-01""#, Err(CellError::YearOutOfRange)),
            (DateTime, r#""2026-02-30T00:00:00Z""#, Err(CellError::NoSuchMoment)),
            (DateTime, r#""9999-12-31T00:00:00Z""#, Err(CellError::YearOutOfRange)),
            (Time, r#""24:00""#, Err(CellError::NoSuchMoment)),
            (MultiPicklist, r##"["#N/A"]"##, Err(CellError::NullMarker)),
        ];
        for (kind, json, expected) in table {
            assert_eq!(cell(kind, json), expected.map(str::to_owned), "{kind:?} {json}");
        }
    }

    #[test]
    fn null_and_empty_text_follow_the_setting() {
        for json in ["null", "\"\""] {
            for (nulls, expected) in [(NullHandling::Ignore, ""), (NullHandling::Clear, NULL_MARKER)] {
                for kind in [TEXT, Kind::Number, Kind::Date, Kind::DateTime, Kind::Time, Kind::MultiPicklist] {
                    assert_eq!(cell_of(kind, json, nulls).unwrap().0, expected, "{kind:?}");
                }
                assert_eq!(cell_of(Kind::Boolean, json, nulls).unwrap().0, "", "a checkbox cannot be null");
            }
        }
    }

    #[test]
    fn an_empty_list_of_picklist_values_is_null() {
        for (nulls, expected) in [(NullHandling::Ignore, ""), (NullHandling::Clear, NULL_MARKER)] {
            for json in ["[]", "[ ]"] {
                assert_eq!(cell_of(Kind::MultiPicklist, json, nulls).unwrap().0, expected);
            }
            assert_eq!(cell_of(TEXT, "[]", nulls).unwrap().0, "[]", "in a text it is a value");
        }
    }

    #[test]
    fn text_is_cut_and_json_and_numbers_are_not() {
        for (json, longest, expected, is_truncated) in [
            (r#""abcdef""#, 3, "abc", true),
            (r#""abc""#, 3, "abc", false),
            (r#""ééé""#, 3, "ééé", false),
            (r#""cafe\u0301""#, 4, "caf", true),
            (r##""#N/A, or not known""##, 4, "#N/A, or not known", false),
            (r#"{"a":[1]}"#, 3, r#"{"a":[1]}"#, false),
            ("[1, 2]", 3, "[1, 2]", false),
            ("12345", 3, "12345", false),
            (r#""a\r\nb""#, 3, "a\nb", false),
            (r#""ab,c""#, 2, "ab", true),
            (r#""a,bc""#, 2, "a,", true),
            (r#""a\"bc""#, 2, "a\"", true),
        ] {
            let kind = Kind::Text { longest: Some(longest) };
            let (text, cut) = cell_of(kind, json, NullHandling::Ignore).unwrap();
            assert_eq!((&*text, cut), (expected, is_truncated), "{json}");
        }
    }

    #[test]
    fn a_text_over_the_limit_of_any_field_is_rejected() {
        for (character, longest) in
            [("x", LONGEST_FIELD), ("é", LONGEST_FIELD), ("\\\"", LONGEST_FIELD), ("😀", LONGEST_FIELD / 2)]
        {
            let fits = format!("\"{}\"", character.repeat(longest));
            assert!(cell(TEXT, &fits).is_ok(), "{character}");
            let over = format!("\"{}\"", character.repeat(longest + 1));
            assert_eq!(cell(TEXT, &over), Err(CellError::TooLong), "{character}");
        }
    }
}
