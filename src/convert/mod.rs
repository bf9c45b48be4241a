//! Turns the data of a record into a CSV row. Synchronous, and without knowledge of Salesforce's API.
//!
//! The [`Converter`] reads the data once and writes each value when it reads it, quoted if needed (`cell`, `csv`). If
//! the source columns have the order of the columns, the cells written are the row; otherwise `row_writer` reorders
//! them. What cannot be converted becomes a [`Rejection`]. [`restore()`] is the way back, for rows that Salesforce
//! rejects.

mod cell;
mod column;
mod converter;
mod csv;
mod key;
mod merge;
mod rejection;
mod restore;
mod row_hash;
mod row_types;
mod row_writer;
mod source_column;
mod truncation;

pub use column::{Column, Columns, Kind};
pub use converter::{Converted, Converter, NotAnObject, OnDeleted, Row, RowKind};
pub use csv::{NULL_MARKER, cells, write_row};
pub(crate) use csv::{raw_cells, row_length, text};
pub use key::{Key, KeyComparison};
pub use merge::{TypedRow, are_of_one_record};
pub use rejection::{Rejection, RejectionCode};
pub use restore::restore;
pub use row_hash::row_hash;
pub use row_types::RowTypes;
pub(crate) use source_column::json_object;
pub use source_column::{SourceColumn, source_columns};
