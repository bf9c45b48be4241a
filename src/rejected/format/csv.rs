//! A row as comma-separated values: commas, CRLF, and quotes only where they are needed (RFC 4180).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::json;
use crate::rejected::row::Cell;

/// Appends the names of the columns.
pub(super) fn header<'a>(names: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    line(names.map(Cow::Borrowed), out);
}

/// Appends one row.
pub(super) fn row(cells: &[Cell<'_>], out: &mut Vec<u8>) {
    line(cells.iter().map(text), out);
}

fn text<'a>(cell: &'a Cell<'_>) -> Cow<'a, str> {
    match cell {
        Cell::Null => Cow::Borrowed(""),
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::Number(number) => Cow::Owned(number.to_string()),
        Cell::Json(value) => text_of_json(value),
        Cell::Object(data) => {
            let mut text = Vec::new();
            json::object(data, &mut text);
            Cow::Owned(String::from_utf8_lossy(&text).into_owned())
        }
    }
}

/// A string without its quotes, an empty text for null, and the JSON text of everything else.
fn text_of_json(value: &RawValue) -> Cow<'_, str> {
    let json = value.get();
    if json == "null" {
        return Cow::Borrowed("");
    }
    if json.starts_with('"') {
        // A lone surrogate is not Unicode text. It can only be written as its JSON escape.
        return serde_json::from_str::<String>(json).map_or(Cow::Borrowed(json), Cow::Owned);
    }
    Cow::Borrowed(json)
}

fn line<'a>(texts: impl Iterator<Item = Cow<'a, str>>, out: &mut Vec<u8>) {
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        quoted_if_needed(&text, out);
    }
    out.extend_from_slice(b"\r\n");
}

fn quoted_if_needed(text: &str, out: &mut Vec<u8>) {
    if !text.contains([',', '"', '\r', '\n']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}
