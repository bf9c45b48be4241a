//! Why a line of the input cannot be processed.

use airbyte::Error;

/// Why a line of the input cannot be processed.
#[derive(Debug)]
pub(super) enum LineError {
    /// The line is wrong, for this reason.
    Invalid(String),
    /// The user must change something.
    Config(Error),
}

impl LineError {
    /// The error that ends the sync; `line` is the number of the line.
    pub(super) fn into_error(self, line: u64) -> Error {
        match self {
            Self::Invalid(reason) => Error::system(format!(
                "Line {line} of the input is not a valid message: {reason}. Everything before it is loaded."
            )),
            Self::Config(error) => error,
        }
    }
}
