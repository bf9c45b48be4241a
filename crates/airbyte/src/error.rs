//! The one error that a user can meet: a sentence, whose it is to mend, and the detail behind it.

use std::fmt;

/// Who has to act on a failure, in the words of the Airbyte protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureType {
    /// The user must change something: credentials, permissions, names, settings.
    Config,
    /// A later attempt may succeed: network, limits, an incomplete source.
    Transient,
    /// A defect, or input that breaks the protocol.
    System,
}

impl FailureType {
    /// The protocol's spelling of the failure type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config_error",
            Self::Transient => "transient_error",
            Self::System => "system_error",
        }
    }
}

/// A failure as it is told to the user.
///
/// `message` is one or more full sentences that say what happened and what to do. `internal` is
/// for the person who reads the code beside it; neither ever holds a secret or a record's value.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    failure_type: FailureType,
    message: String,
    internal: Option<String>,
}

/// The result of everything that can end a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(failure_type: FailureType, message: impl Into<String>) -> Self {
        Self { failure_type, message: message.into(), internal: None }
    }

    /// A failure that the user mends by changing something.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(FailureType::Config, message)
    }

    /// A failure that a later attempt may not meet.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(FailureType::Transient, message)
    }

    /// A defect of this program, or input that breaks the protocol.
    pub fn system(message: impl Into<String>) -> Self {
        Self::new(FailureType::System, message)
    }

    /// A panic. What it says of itself is left out: it can quote a record.
    pub fn defect() -> Self {
        Self::system(
            "The connector came upon a defect of its own and stopped. What is not acknowledged is sent again by the \
             next sync. Please report it with the log of the sync.",
        )
    }

    /// Adds the detail that goes into `internal_message`.
    #[must_use]
    pub fn internal(mut self, detail: impl fmt::Display) -> Self {
        self.internal = Some(detail.to_string());
        self
    }

    /// Adds a sentence to the message.
    #[must_use]
    pub fn and(mut self, sentence: &str) -> Self {
        self.message.push(' ');
        self.message.push_str(sentence);
        self
    }

    /// Whose failure it is.
    pub fn failure_type(&self) -> FailureType {
        self.failure_type
    }

    /// The sentences for the user.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The detail for the developer, where there is one.
    pub fn internal_message(&self) -> Option<&str> {
        self.internal.as_deref()
    }
}
