//! A row as one line of JSON.

use serde_json::value::RawValue;

use super::row::Cell;

/// Appends one row.
pub(super) fn row<'a>(cells: impl Iterator<Item = (&'a str, Cell<'a>)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, cell)) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(name, out);
        out.push(b':');
        match cell {
            Cell::Null => out.extend_from_slice(b"null"),
            Cell::Text(text) => string(text, out),
            Cell::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Cell::Json(value) => raw(value, out),
            Cell::Object(data) => object(data.iter().map(|(name, value)| (name.as_str(), value.as_ref())), out),
        }
    }
    out.extend_from_slice(b"}\n");
}

/// Appends a JSON object whose values are JSON text already.
pub(super) fn object<'a>(data: impl Iterator<Item = (&'a str, &'a RawValue)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, value)) in data.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(name, out);
        out.push(b':');
        raw(value, out);
    }
    out.push(b'}');
}

fn string(text: &str, out: &mut Vec<u8>) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// A line break in JSON text can only stand between tokens, where a space means the same.
fn raw(value: &RawValue, out: &mut Vec<u8>) {
    out.extend(value.get().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
}
