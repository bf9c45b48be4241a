//! A row as comma-separated values: commas, CRLF, and quotes only where they are needed (RFC 4180).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::jsonl::object;
use super::row::Cell;

/// Appends one row.
pub(super) fn row<'a>(cells: impl Iterator<Item = Cell<'a>>, out: &mut Vec<u8>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match cell {
            Cell::Null => {}
            Cell::Text(text) => field(text, out),
            Cell::Number(number) => field(&number.to_string(), out),
            Cell::Json(value) => field(&json_field(value), out),
            Cell::Object(data) => {
                let mut text = Vec::new();
                object(data.iter().map(|(name, value)| (name.as_str(), value.as_ref())), &mut text);
                field(&String::from_utf8_lossy(&text), out);
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// A text without its JSON quotes, nothing for null, and JSON text for everything else.
fn json_field(value: &RawValue) -> Cow<'_, str> {
    let json = value.get();
    if json == "null" {
        return Cow::Borrowed("");
    }
    if json.starts_with('"') {
        // A string that is no Unicode text (a lone surrogate) has no other form than its JSON escapes.
        return serde_json::from_str::<String>(json).map_or(Cow::Borrowed(json), Cow::Owned);
    }
    Cow::Borrowed(json)
}

fn field(text: &str, out: &mut Vec<u8>) {
    if !text.contains([',', '"', '\r', '\n']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}
