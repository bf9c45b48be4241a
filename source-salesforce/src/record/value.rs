//! A value of Salesforce as JSON.

use airbyte::json::write_text;
use jiff::Timestamp;

use super::number;
use crate::columns::ValueType;

/// A value that has another form than the type of its field says. Null is written in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Writes a value. Null, which includes an empty text, is `null`.
pub(super) fn write_value(value: Option<&str>, value_type: ValueType, lines: &mut Vec<u8>) -> Result<(), Unreadable> {
    let before = lines.len();
    let written = value.map_or(Some(false), |value| write(value, value_type, lines));
    if written != Some(true) {
        lines.truncate(before);
        lines.extend_from_slice(b"null");
    }
    if written.is_none() { Err(Unreadable) } else { Ok(()) }
}

/// Writes a value that is not null; none if it has another form than its type.
fn write(value: &str, value_type: ValueType, lines: &mut Vec<u8>) -> Option<bool> {
    match value_type {
        ValueType::Text | ValueType::TextList => write_text(value, lines),
        ValueType::Boolean => match value {
            "true" | "false" => lines.extend_from_slice(value.as_bytes()),
            _ => return None,
        },
        ValueType::Number if number::is_json(value) => lines.extend_from_slice(value.as_bytes()),
        ValueType::Number => return None,
        ValueType::Integer => lines.extend_from_slice(number::whole(value)?.as_bytes()),
        ValueType::Date if is_date(value) => write_text(value, lines),
        ValueType::Date => return None,
        ValueType::DateTime => write_moment(value, lines)?,
        ValueType::Time => write_time(value, lines)?,
    }
    Some(true)
}

fn is_date(value: &str) -> bool {
    value.len() == 10 && has_form(value, "0000-00-00")
}

/// Whether a text has a digit for each zero of the form, and is the same otherwise.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

/// Writes a point in time in UTC with milliseconds. A query job returns `...05.000Z`, and REST `...05.000+0000`.
fn write_moment(value: &str, lines: &mut Vec<u8>) -> Option<()> {
    let local = value.strip_suffix('Z').or_else(|| value.strip_suffix("+0000"));
    if let Some(local) = local.filter(|local| has_form(local, "0000-00-00T00:00:00.000")) {
        lines.push(b'"');
        lines.extend_from_slice(local.as_bytes());
        lines.extend_from_slice(b"Z\"");
        return Some(());
    }
    let moment: Timestamp = value.parse().ok()?;
    write_text(&moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(), lines);
    Some(())
}

/// Writes a time of day. Salesforce has no zone there, and puts a `Z` behind it.
fn write_time(value: &str, lines: &mut Vec<u8>) -> Option<()> {
    let time = value.strip_suffix('Z').unwrap_or(value);
    let is_time = has_form(time, "00:00:00.000") || has_form(time, "00:00:00");
    is_time.then(|| write_text(time, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_one_form() {
        use ValueType::{Boolean, Date, DateTime, Integer, Number, Text, Time};
        for (value_type, value, expected) in [
            (Text, " N/A ", Ok("\" N/A \"")),
            (Text, "a\"\\\n\u{1}Zoë", Ok("\"a\\\"\\\\\\n\\u0001Zoë\"")),
            (Text, "0123", Ok("\"0123\"")),
            (Boolean, "true", Ok("true")),
            (Boolean, "1", Err("null")),
            (Boolean, "TRUE", Err("null")),
            (Integer, "821580693639061174", Ok("821580693639061174")),
            (Integer, "47.0", Ok("47")),
            (Integer, "47.5", Err("null")),
            (Number, "1.10", Ok("1.10")),
            (Number, "1.6147805824397E13", Ok("1.6147805824397E13")),
            (Number, "NaN", Err("null")),
            (Number, "+1.5", Err("null")),
            (Number, ".5", Err("null")),
            (Number, "01.5", Err("null")),
            (Date, "2026-01-31", Ok("\"2026-01-31\"")),
            (Date, "2026-1-31", Err("null")),
            (Date, "2026/01/31", Err("null")),
            (Date, "2026-01-3x", Err("null")),
            (Date, "2026-01-31T", Err("null")),
            (DateTime, "2026-01-31T09:30:00.123Z", Ok("\"2026-01-31T09:30:00.123Z\"")),
            (DateTime, "2026-01-31T09:30:00.123+0000", Ok("\"2026-01-31T09:30:00.123Z\"")),
            (DateTime, "2026-01-31T09:30:00+02:00", Ok("\"2026-01-31T07:30:00.000Z\"")),
            (DateTime, "2026-01-31T09:30:00.1239Z", Ok("\"2026-01-31T09:30:00.123Z\"")),
            (DateTime, "2026-01-31T09:30:00.123+0200", Ok("\"2026-01-31T07:30:00.123Z\"")),
            (DateTime, "2026-01-31T21:30:00.123-0530", Ok("\"2026-02-01T03:00:00.123Z\"")),
            (DateTime, "2026-01-31T09:30:00.123-00:30", Ok("\"2026-01-31T10:00:00.123Z\"")),
            (DateTime, "2026-01-31T09:30:00Z", Ok("\"2026-01-31T09:30:00.000Z\"")),
            (DateTime, "2026-01-31T09:30:00.123", Err("null")),
            (DateTime, "2026-13-31T09:30:00.123+0200", Err("null")),
            (DateTime, "2026-01-31", Err("null")),
            (DateTime, "yesterday", Err("null")),
            (Time, "09:30:00.000Z", Ok("\"09:30:00.000\"")),
            (Time, "09:30:00", Ok("\"09:30:00\"")),
            (Time, "9:30:00.000Z", Err("null")),
            (Time, "09:30:00.000ZZ", Err("null")),
            (Time, "09:30:00.000+0000", Err("null")),
            (Time, "half past nine", Err("null")),
        ] {
            let mut lines = b"x:".to_vec();
            let result = write_value(Some(value), value_type, &mut lines);
            assert_eq!(result.is_ok(), expected.is_ok(), "{value}");
            let (Ok(text) | Err(text)) = expected;
            assert_eq!(String::from_utf8(lines).unwrap(), format!("x:{text}"), "{value_type:?} {value}");
        }
        for value_type in [Boolean, Date, DateTime, Integer, Number, Text, Time] {
            let mut lines = Vec::new();
            assert_eq!(write_value(None, value_type, &mut lines), Ok(()));
            assert_eq!(lines, b"null");
        }
    }
}
