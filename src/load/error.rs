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
pub(super) fn changed_result_file(path: &Path) -> Error {
    Error::config(format!(
        "The file {} has changed since an earlier run of this load wrote it. Restore it as it was, and give the same \
         command again. Change it when the load is complete.",
        path.display()
    ))
}

/// A defect: an object of the work folder is not what the load had stored.
pub(super) fn unreadable_object(key: &str) -> Error {
    Error::system(format!("The object {key} of the load cannot be read. Please report it."))
}

/// What follows an error of a load that has begun: how far it is, and how it goes on.
/// `has_unsettled` says whether rows behind these may be loaded too.
pub(crate) fn how_to_go_on(rows: u64, is_lasting: bool, has_unsettled: bool) -> String {
    let done = match (rows, has_unsettled) {
        (0, false) => "No row is known to be loaded yet.".to_owned(),
        (0, true) => "Rows may be loaded already; how many is not known yet.".to_owned(),
        (1, false) => "The first row is done.".to_owned(),
        (1, true) => "The first row is done, and rows behind it may be loaded too.".to_owned(),
        (_, false) => format!("The first {rows} rows are done."),
        (_, true) => format!("The first {rows} rows are done, and rows behind them may be loaded too."),
    };
    let next = match (is_lasting, has_unsettled) {
        (true, false) => "Give the same command again to continue.",
        (true, true) => "Change nothing in the file, and give the same command again to continue.",
        (false, false) => "Standard input cannot be read again: send the rows that follow.",
        (false, true) => {
            "Standard input cannot be read again: look in the org which rows are loaded, and send those that are not."
        }
    };
    format!("{done} {next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_that_ended_early_says_that_no_row_is_known_to_be_loaded_only_if_that_is_so() {
        for (rows, has_unsettled, words) in [
            (0, false, "No row is known to be loaded yet."),
            (0, true, "Rows may be loaded already; how many is not known yet."),
            (1, false, "The first row is done."),
            (1, true, "The first row is done, and rows behind it may be loaded too."),
            (7, false, "The first 7 rows are done."),
            (7, true, "The first 7 rows are done, and rows behind them may be loaded too."),
        ] {
            for (is_lasting, next) in [
                (
                    true,
                    if has_unsettled { "Change nothing in the file, and give" } else { "Give the same command again" },
                ),
                (false, "Standard input cannot be read again: "),
            ] {
                let said = how_to_go_on(rows, is_lasting, has_unsettled);
                assert!(said.starts_with(&format!("{words} {next}")), "{said}");
                let must_look = said.contains("look in the org which rows are loaded");
                assert_eq!(must_look, !is_lasting && has_unsettled, "{said}");
            }
        }
    }
}
