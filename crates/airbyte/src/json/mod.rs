//! The JSON of the input, read in one pass: without a tree, without a float, and without a copy of what holds no escape.
//!
//! A [`Cursor`] moves over one text and takes exactly what serde_json takes. It tells nothing of what it does not take: it
//! stops, and whoever wants to know more asks serde_json. That is what makes it small. It is held against serde_json by
//! the tests beside it.

mod cursor;
mod scan;
mod text;

pub use cursor::{Cursor, Value};
pub use text::{Escapes, NotUnicode, Text};

#[cfg(test)]
mod tests;
