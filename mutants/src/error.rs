//! Why the tool could not do its work.

use std::fmt;
use std::path::Path;

/// What happened and what to do, as sentences for the user.
#[derive(Debug)]
pub(crate) struct Error(String);

/// What the functions of the tool return.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with its sentences.
    pub(crate) fn new(sentences: impl Into<String>) -> Self {
        Self(sentences.into())
    }

    /// An error of the system with a file or folder. `verb` completes "could not be".
    pub(crate) fn of_file(path: &Path, verb: &str, cause: &std::io::Error) -> Self {
        Self(format!("{} could not be {verb}: {cause}.", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
