//! The JSON of a line, read in one pass: without a tree, without floats, and without copies of strings that have no
//! escape.
//!
//! A [`Cursor`] moves over a JSON text and accepts exactly what serde_json accepts; the tests compare the two. It does
//! not say what is wrong with a text: it stops, and the caller asks serde_json. This keeps it small and fast.
//!
//! ```
//! use airbyte::json::{Cursor, Value};
//!
//! let mut data = Cursor::new(r#"{"id": 1, "name": "Zo\u00eb"}"#);
//! data.enter_object().unwrap();
//!
//! assert_eq!(data.next_member(true), Some(true));
//! assert_eq!(data.key().unwrap().raw, "id");
//! assert_eq!(data.value(), Some(Value::Number("1")));
//!
//! assert_eq!(data.next_member(false), Some(true));
//! assert!(data.skip_key("\"name\""));
//! let mut decoded = String::new();
//! let Some((Value::Text(name), _)) = data.value_decoded(&mut decoded) else { panic!("not a string") };
//! assert_eq!((name.raw, &*decoded), (r"Zo\u00eb", "Zoë"));
//!
//! assert_eq!(data.next_member(false), Some(false));
//! assert!(data.is_at_end());
//! ```

mod cursor;
mod scan;
mod text;
mod write;

pub use cursor::{Cursor, Value};
pub use text::{Decoded, Escapes, NotUnicode, Text};
pub use write::write_text;

#[cfg(test)]
mod tests;
