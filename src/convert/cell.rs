//! One JSON value as the text of one cell, by what the field takes.

use std::borrow::Cow;

use super::column::{Column, Kind};
use super::csv::needs_quotes;
use super::{NULL_MARKER, moment};
use crate::config::NullHandling;
use airbyte::json::{Cursor, Text, Value};

/// The longest field Salesforce takes, in characters (Developer Limits Quick Reference, "Bulk API limits").
const LONGEST_FIELD: usize = 131_072;

/// Why a record cannot be carried faithfully.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionCode {
    /// A text that is exactly the marker for null.
    NullMarker,
    /// Text with half a surrogate pair.
    NotUnicode,
    /// A text over the limit of any field.
    FieldTooLong,
    /// A record over the limit of any record.
    RecordTooLong,
    /// A value that the field's type cannot hold.
    WrongType,
    /// A value other than an object under the name of a relationship.
    NotAnObject,
    /// No value for the field that names the record.
    MissingKey,
    /// No field at all.
    NoField,
}

impl RejectionCode {
    /// The status code: Salesforce's own where it has one for the case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NullMarker => "NULL_MARKER_AS_TEXT",
            Self::NotUnicode => "TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET",
            Self::FieldTooLong => "STRING_TOO_LONG",
            Self::RecordTooLong => "RECORD_TOO_LONG",
            Self::WrongType | Self::NotAnObject => "INVALID_TYPE_ON_FIELD_IN_RECORD",
            Self::MissingKey | Self::NoField => "MISSING_ARGUMENT",
        }
    }
}

/// A record that is not sent, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The kind of reason.
    pub code: RejectionCode,
    /// The field in Salesforce, where one is to blame.
    pub field: Option<String>,
    /// The reason as a sentence, without the value.
    pub message: String,
}

impl Rejection {
    pub(super) fn new(code: RejectionCode, column: &Column) -> Self {
        Self::with_kind(code, column.header(), Some(column.kind()))
    }

    pub(super) fn named(code: RejectionCode, field: &str) -> Self {
        Self::with_kind(code, field, None)
    }

    pub(super) fn record(code: RejectionCode) -> Self {
        let message = match code {
            RejectionCode::RecordTooLong => {
                "The record is longer than 400,000 characters, the most that Salesforce takes."
            }
            RejectionCode::NoField => "The record has no field that could be sent.",
            _ => "The record has a field name that is not Unicode.",
        };
        Self { code, field: None, message: message.to_owned() }
    }

    fn with_kind(code: RejectionCode, field: &str, kind: Option<Kind>) -> Self {
        let message = match code {
            RejectionCode::NullMarker => {
                format!(
                    "{field} is the text {NULL_MARKER}, which Salesforce would read as an order to clear the field."
                )
            }
            RejectionCode::NotUnicode => format!("{field} holds text that is not Unicode."),
            RejectionCode::FieldTooLong => {
                format!("{field} is longer than 131,072 characters, the most that Salesforce takes in a field.")
            }
            RejectionCode::RecordTooLong | RejectionCode::NoField => return Self::record(code),
            RejectionCode::WrongType => {
                format!("{field} takes {}, and the value is not one.", kind.map_or("another type", name_of))
            }
            RejectionCode::NotAnObject => format!("{field} names a related record and must be an object."),
            RejectionCode::MissingKey => format!("{field} is empty, and it is what tells which record is meant."),
        };
        Self { code, field: Some(field.to_owned()), message }
    }
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text { .. } => "text",
        Kind::Number => "a number",
        Kind::Boolean => "true or false",
        Kind::Date => "a date such as 2026-01-31",
        Kind::DateTime => "a date and time such as 2026-01-31T09:30:00Z",
        Kind::Time => "a time such as 09:30:00",
        Kind::MultiPicklist => "values of a list",
    }
}

/// A cell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    /// The text before it is quoted.
    pub(super) text: Cow<'a, str>,
    pub(super) needs_quotes: bool,
    pub(super) is_truncated: bool,
}

impl<'a> Cell<'a> {
    /// A cell of whatever text.
    fn new(text: Cow<'a, str>) -> Self {
        let needs_quotes = needs_quotes(&text);
        Self { text, needs_quotes, is_truncated: false }
    }

    /// A cell of a text of which it is known that it needs no quotes.
    fn plain(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), needs_quotes: false, is_truncated: false }
    }
}

/// The text of a value that becomes the cell as it is, and whether it needs quotes. Nearly all values do; of the others
/// [`of`] tells more.
#[inline]
pub(super) fn as_it_is<'a>(kind: Kind, value: &Value<'a>, nulls: NullHandling) -> Option<(&'a str, bool)> {
    match (kind, value) {
        // Of what calls for quotes only a comma can be written without an escape.
        (_, Value::Text(text)) => (!text.has_escape && fits(kind, text.raw)).then_some((text.raw, text.has_comma)),
        (Kind::Text { .. } | Kind::Number | Kind::MultiPicklist, Value::Number(json)) => Some((json, false)),
        (Kind::Text { .. } | Kind::Boolean, Value::Boolean(value)) => Some((literal(*value), false)),
        (_, Value::Null) if nulls == NullHandling::Ignore => Some(("", false)),
        _ => None,
    }
}

/// Whether a text goes into a field of `kind` whatever it says, as long as its line ends are LF.
#[inline]
fn fits(kind: Kind, text: &str) -> bool {
    let longest = match kind {
        Kind::Text { longest: Some(longest) } => longest.min(LONGEST_FIELD),
        Kind::Text { longest: None } | Kind::Number | Kind::MultiPicklist => LONGEST_FIELD,
        Kind::Boolean | Kind::Date | Kind::DateTime | Kind::Time => return false,
    };
    text.len() <= longest && !matches!(text, "" | NULL_MARKER)
}

/// The cell of a value in a column of `kind`. `decoded` is where texts with escapes are decoded.
pub(super) fn of<'a>(
    kind: Kind,
    value: Value<'a>,
    nulls: NullHandling,
    decoded: &'a mut String,
) -> Result<Cell<'a>, RejectionCode> {
    match value {
        Value::Text(Text { raw: "", .. }) | Value::Null => Ok(Cell::plain(null(nulls))),
        Value::Text(text) if text.has_escape => {
            decoded.clear();
            let escapes = text.decode(decoded).map_err(|_| RejectionCode::NotUnicode)?;
            if !escapes.has_return && fits(kind, decoded) {
                let needs_quotes = text.has_comma || escapes.needs_quotes;
                return Ok(Cell { text: Cow::Borrowed(decoded), needs_quotes, is_truncated: false });
            }
            from_text(kind, decoded)
        }
        Value::Text(text) => from_text(kind, text.raw),
        Value::Number(json) => from_number(kind, json),
        Value::Boolean(value) => from_boolean(kind, value),
        Value::Array(json) => from_array(kind, json),
        Value::Object(json) => from_composite(kind, json),
    }
}

/// Salesforce has no empty text: a field without text is null. So an empty text is treated as null is.
fn null(nulls: NullHandling) -> &'static str {
    match nulls {
        NullHandling::Ignore => "",
        NullHandling::Clear => NULL_MARKER,
    }
}

fn from_text(kind: Kind, text: &str) -> Result<Cell<'_>, RejectionCode> {
    if text == NULL_MARKER {
        return Err(RejectionCode::NullMarker);
    }
    match kind {
        Kind::Text { longest } => in_length(one_line_end(text), longest),
        // Whether a text is a number or one of the list is for Salesforce to say.
        Kind::Number | Kind::MultiPicklist => in_length(one_line_end(text), None),
        Kind::Boolean => boolean(text).map(Cell::plain).ok_or(RejectionCode::WrongType),
        Kind::Date => moment::date(text).map(Cell::plain).ok_or(RejectionCode::WrongType),
        Kind::DateTime => moment::date_time(text).map(Cell::new).ok_or(RejectionCode::WrongType),
        Kind::Time => moment::time(text).map(Cell::new).ok_or(RejectionCode::WrongType),
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

fn from_boolean(kind: Kind, value: bool) -> Result<Cell<'static>, RejectionCode> {
    match kind {
        Kind::Boolean | Kind::Text { .. } => Ok(Cell::plain(literal(value))),
        _ => Err(RejectionCode::WrongType),
    }
}

/// The digits of a number stay as they are: no float could carry all that Salesforce takes.
fn from_number(kind: Kind, json: &str) -> Result<Cell<'_>, RejectionCode> {
    match kind {
        Kind::Number | Kind::Text { .. } | Kind::MultiPicklist => Ok(Cell::plain(json)),
        Kind::Boolean => boolean(json).map(Cell::plain).ok_or(RejectionCode::WrongType),
        Kind::Date | Kind::DateTime | Kind::Time => Err(RejectionCode::WrongType),
    }
}

fn from_array(kind: Kind, json: &str) -> Result<Cell<'_>, RejectionCode> {
    if kind != Kind::MultiPicklist {
        return from_composite(kind, json);
    }
    let mut elements = Cursor::new(json);
    elements.enter_array().ok_or(RejectionCode::WrongType)?;
    let mut joined = String::new();
    let mut is_first = true;
    while elements.next_element(is_first).ok_or(RejectionCode::WrongType)? {
        if !std::mem::take(&mut is_first) {
            joined.push(';');
        }
        let start = joined.len();
        match elements.value().ok_or(RejectionCode::WrongType)? {
            Value::Text(text) => {
                text.decode(&mut joined).map_err(|_| RejectionCode::NotUnicode)?;
            }
            Value::Number(number) => joined.push_str(number),
            Value::Boolean(value) => joined.push_str(literal(value)),
            Value::Null | Value::Array(_) | Value::Object(_) => return Err(RejectionCode::WrongType),
        }
        // The separator cannot be written within a value.
        let value = &joined[start..];
        if value.is_empty() || value.contains(';') {
            return Err(RejectionCode::WrongType);
        }
    }
    if joined == NULL_MARKER {
        return Err(RejectionCode::NullMarker);
    }
    in_length(Cow::Owned(one_line_end(&joined).into_owned()), None)
}

fn from_composite(kind: Kind, json: &str) -> Result<Cell<'_>, RejectionCode> {
    match kind {
        Kind::Text { longest } => in_length(one_line_end(json), longest),
        _ => Err(RejectionCode::WrongType),
    }
}

/// CR LF and CR become LF: the job's line end is LF, and Salesforce refuses a file whose line ends differ
/// (Bulk API 2.0 guide, "Prepare CSV Files").
fn one_line_end(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn in_length(text: Cow<'_, str>, longest: Option<usize>) -> Result<Cell<'_>, RejectionCode> {
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
    if text.len() > LONGEST_FIELD && text.chars().count() > LONGEST_FIELD {
        return Err(RejectionCode::FieldTooLong);
    }
    Ok(Cell::new(text))
}

/// Where to cut `text` so that it has at most `longest` UTF-16 units, the unit that can only count more than
/// Salesforce does; `None` where it is short enough.
fn cut_at(text: &str, longest: usize) -> Option<usize> {
    let mut units = 0;
    for (position, character) in text.char_indices() {
        units += character.len_utf16();
        if units > longest {
            return Some(position);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::SourceColumn;
    use airbyte::JsonTypes;

    const TEXT: Kind = Kind::Text { longest: None };

    fn cell(kind: Kind, json: &str) -> Result<String, RejectionCode> {
        cell_of(kind, json, NullHandling::Ignore).map(|(text, _)| text)
    }

    /// The text of a cell, and whether it is cut.
    fn cell_of(kind: Kind, json: &str, nulls: NullHandling) -> Result<(String, bool), RejectionCode> {
        let mut decoded = String::new();
        let value = Cursor::new(json).value().unwrap();
        let as_it_is = as_it_is(kind, &value, nulls);
        let cell = of(kind, value, nulls, &mut decoded);
        if let Some((text, needs_quotes)) = as_it_is {
            assert_eq!(cell, Ok(Cell { text: text.into(), needs_quotes, is_truncated: false }), "{json}");
        }
        let cell = cell?;
        assert_eq!(cell.needs_quotes, needs_quotes(&cell.text), "{json}");
        Ok((cell.text.into_owned(), cell.is_truncated))
    }

    #[test]
    fn each_json_type_meets_each_kind_of_field() {
        use Kind::{Boolean, Date, DateTime, MultiPicklist, Number, Time};
        const WRONG: Result<&str, RejectionCode> = Err(RejectionCode::WrongType);
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
            (TEXT, r##""#N/A""##, Err(RejectionCode::NullMarker)),
            (TEXT, r##""#N/A ""##, Ok("#N/A ")),
            (TEXT, r#""\ud800""#, Err(RejectionCode::NotUnicode)),
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
            (MultiPicklist, r##"["#N/A"]"##, Err(RejectionCode::NullMarker)),
        ];
        for (kind, json, expected) in table {
            assert_eq!(cell(kind, json), expected.map(str::to_owned), "{kind:?} {json}");
        }
    }

    #[test]
    fn null_and_empty_text_follow_the_setting() {
        for json in ["null", "\"\""] {
            for (nulls, expected) in [(NullHandling::Ignore, ""), (NullHandling::Clear, NULL_MARKER)] {
                assert_eq!(cell_of(Kind::Number, json, nulls).unwrap().0, expected);
            }
        }
    }

    #[test]
    fn text_is_cut_on_a_character_boundary() {
        for (json, longest, expected, is_truncated) in [
            (r#""abcdef""#, 3, "abc", true),
            (r#""abc""#, 3, "abc", false),
            (r#""ééé""#, 3, "ééé", false),
            (r#""éééé""#, 3, "ééé", true),
            (r#""ab😀c""#, 3, "ab", true),
            (r#""ab😀c""#, 4, "ab😀", true),
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
    fn a_text_over_the_limit_of_any_field_is_refused() {
        let fits = format!("\"{}\"", "é".repeat(LONGEST_FIELD));
        assert!(cell(TEXT, &fits).is_ok());
        let over = format!("\"{}\"", "é".repeat(LONGEST_FIELD + 1));
        assert_eq!(cell(TEXT, &over), Err(RejectionCode::FieldTooLong));
    }

    #[test]
    fn reasons_name_the_field_and_never_the_value() {
        let column = Column::new(SourceColumn::top("f"), "Amount__c", Kind::Number, JsonTypes::default());
        let rejection = Rejection::new(RejectionCode::WrongType, &column);
        assert_eq!(rejection.message, "Amount__c takes a number, and the value is not one.");
    }
}
