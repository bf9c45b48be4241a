//! A row as one line of JSON.

use super::json;
use crate::rejected::row::Cell;

/// Appends one row, given as the names of its columns with their cells.
pub(super) fn row<'a>(cells: impl Iterator<Item = (&'a str, &'a Cell<'a>)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, cell)) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::string(name, out);
        out.push(b':');
        match cell {
            Cell::Null => out.extend_from_slice(b"null"),
            Cell::Text(text) => json::string(text, out),
            Cell::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Cell::Json(value) => json::value(value, out),
            Cell::Object(data) => json::object(data, out),
        }
    }
    out.extend_from_slice(b"}\n");
}
