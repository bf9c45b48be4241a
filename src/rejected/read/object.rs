//! One object: what it is, and its rows.

use std::fmt;
use std::io::{self, Read};

use super::content::{self, Content, is_end_of_download};
use super::row::{RowDefect, StoredRow};
use super::{csv, jsonl};
use airbyte::{Error, LONGEST_LINE};

/// The most bytes of a row: a record as long as a line of input can be, and the reason of its rejection.
const LONGEST_ROW: usize = LONGEST_LINE + 1024 * 1024;

/// Why reading an object ended early.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The object cannot be read whole, in words that begin after "because".
    Defect(String),
    /// The download ended first, and says why.
    DownloadEnded,
    /// Whoever takes the rows failed.
    NotTaken(Error),
}

/// A place in an object. Lines and rows count from 1, rows without the header.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Header,
    Line(u64),
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the header"),
            Self::Line(number) => write!(f, "line {number}"),
            Self::Row(number) => write!(f, "row {number}"),
        }
    }
}

impl ReadError {
    pub(super) fn defect(at: Place, defect: RowDefect) -> Self {
        Self::Defect(format!("{at} cannot be read: {defect}"))
    }

    pub(super) fn cut_off(at: Place) -> Self {
        Self::Defect(format!("it ends in the middle of {at}, or right after it"))
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        if is_end_of_download(&error) {
            return Self::DownloadEnded;
        }
        Self::Defect(format!("its gzip data are damaged or cut off ({error})"))
    }
}

/// Calls `take` for each row until it returns false. Returns false if the object is not one of rejected records.
pub(super) fn read(
    key: &str,
    bytes: impl Read,
    take: &mut dyn FnMut(StoredRow) -> Result<bool, ReadError>,
) -> Result<bool, ReadError> {
    match content::open(key, bytes)? {
        Content::Foreign => Ok(false),
        Content::Cut => Err(ReadError::Defect("it is empty, or ends in the middle of its first line".to_owned())),
        Content::Lines(lines) => jsonl::read(lines, LONGEST_ROW, take),
        Content::Csv(rows) => csv::read(rows, LONGEST_ROW, take),
    }
}
