//! The errors of a load, as a person reads them.

use std::fmt::Display;
use std::io;
use std::path::Path;

use airbyte::Error;

/// A row that cannot be read. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowProblem {
    /// The line on which the row begins.
    pub(super) line: u64,
    pub(super) why: String,
}

/// Why the next row cannot be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Row(RowProblem),
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl ReadError {
    pub(super) fn row(line: u64, why: impl Into<String>) -> Self {
        Self::Row(RowProblem { line, why: why.into() })
    }

    /// The error for the user, about the file `name`.
    pub(super) fn into_error(self, name: &str) -> Error {
        match self {
            Self::Row(RowProblem { line, why }) => {
                Error::config(format!("Line {line} of {name} cannot be loaded: {why}."))
            }
            Self::Io(error) => unreadable(name, &error),
        }
    }
}

/// What a load from the beginning does to the rows that an earlier run has loaded.
const DOUBLES: &str = "an insert then creates the loaded rows a second time";

/// The file cannot be opened, or read on.
pub(super) fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::config(format!("The file to load, {name}, cannot be read: {error}."))
}

/// The file is not one that can be loaded.
pub(super) fn not_loadable(name: &str, why: impl Display) -> Error {
    Error::config(format!("The file {name} cannot be loaded: {why}."))
}

/// Why a column of a result file cannot go to `field`.
pub(super) fn doubled(column: &str, field: &str) -> String {
    format!("--rename takes its column {column} to {field}, and it has a column {field}; leave one of them out")
}

/// A file or folder of the load cannot be written.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::config(format!(
        "The load cannot write {}: {error}. Make room or give rights there, or choose another folder with --results.",
        path.display()
    ))
}

/// The part of a file that is loaded has changed.
pub(crate) fn changed(name: &str, rows: u64, folder: &Path) -> Error {
    Error::config(format!(
        "The file {name} has changed in the part that is loaded, up to row {rows}. Restore that part to continue after it, \
         or delete the folder {} to load the whole file from its beginning; {DOUBLES}.",
        folder.display()
    ))
}

/// The work folder belongs to another load. `differences` says in what.
pub(super) fn other_load(name: &str, differences: &str, folder: &Path) -> Error {
    Error::config(format!(
        "An earlier load of {name} is not finished, and this one differs from it in {differences}. Give the same command \
         again to finish that one, or delete the folder {} to load the file from its beginning; {DOUBLES}.",
        folder.display()
    ))
}

/// Another process loads the same file.
pub(super) fn is_running(name: &str) -> Error {
    Error::config(format!("The file {name} is being loaded by another process. Wait for its end."))
}

/// What the work folder notes cannot be read.
pub(super) fn unreadable_notes(path: &Path) -> Error {
    Error::config(format!(
        "The notes of an earlier load in {} cannot be read. Delete that folder to load the file from its beginning; \
         {DOUBLES}.",
        path.display()
    ))
}

/// A result file is not what the earlier run left.
pub(super) fn cut_result_file(path: &Path) -> Error {
    Error::config(format!(
        "The file {} is shorter than an earlier run of this load has left it. Restore it and give the same command again.",
        path.display()
    ))
}

/// A defect: an object of the work folder is not what the load had stored.
pub(super) fn unreadable_object(key: &str) -> Error {
    Error::system(format!("The object {key} of the load cannot be read. Please report it."))
}

/// What follows an error of a load that has begun: how far it is, and how it goes on.
pub(crate) fn how_to_go_on(rows: u64, is_lasting: bool) -> String {
    let done = match rows {
        0 => "No row is known to be loaded yet.".to_owned(),
        1 => "The first row is done.".to_owned(),
        _ => format!("The first {rows} rows are done."),
    };
    match is_lasting {
        true => format!("{done} Give the same command again to continue."),
        false => format!("{done} Standard input cannot be read again: send the rows that follow."),
    }
}
