//! The errors of the input.

use airbyte::{Error, InputError};

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

/// The error of an input that cannot be read further.
pub(super) fn input_failed(error: &InputError) -> Error {
    match error {
        InputError::LineTooLong { line, limit } => Error::system(format!(
            "Line {line} of the input is longer than {limit} bytes, which no record of Salesforce can be. Everything \
             before it is loaded."
        )),
        InputError::Read { line, source } => Error::transient(format!(
            "Standard input could not be read after line {line}. Everything before it is loaded."
        ))
        .internal(source),
    }
}
