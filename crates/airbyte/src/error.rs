//! The error that a user reads: what happened, who has to act, and the detail for a developer.

use std::fmt;

/// Who has to act on a failure, in the words of the Airbyte protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureType {
    /// The user must change something: credentials, permissions, names, settings.
    Config,
    /// A later attempt may succeed: network, limits, an incomplete source.
    Transient,
    /// The connector has a bug, or its input breaks the protocol.
    System,
}

impl FailureType {
    /// The spelling of the protocol, such as `config_error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config_error",
            Self::Transient => "transient_error",
            Self::System => "system_error",
        }
    }
}

/// Why a command failed, as the user reads it.
///
/// The message is one or more full sentences that say what happened and what to do. The internal message is for a
/// developer. Neither may hold a secret or a value of a record.
///
/// ```
/// use airbyte::{Error, FailureType};
///
/// let error = Error::config("The configuration must be a JSON object.").internal("ENOENT");
/// assert_eq!(error.failure_type(), FailureType::Config);
/// assert_eq!(error.internal_message(), Some("ENOENT"));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    failure_type: FailureType,
    message: String,
    internal: Option<String>,
    is_of_limit: bool,
    is_told: bool,
}

/// A result whose error ends the command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(failure_type: FailureType, message: impl Into<String>) -> Self {
        Self { failure_type, message: message.into(), internal: None, is_of_limit: false, is_told: false }
    }

    /// A failure that the user fixes by changing something.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(FailureType::Config, message)
    }

    /// A failure that a later attempt may not have.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(FailureType::Transient, message)
    }

    /// A bug of the connector, or input that breaks the protocol.
    pub fn system(message: impl Into<String>) -> Self {
        Self::new(FailureType::System, message)
    }

    /// The connector panicked. The text of the panic is left out, because it can quote a record.
    pub fn panic() -> Self {
        Self::system(
            "The connector has a bug and stopped. The next sync sends again what is not acknowledged. Please report \
             the bug with the log of this sync.",
        )
    }

    /// Sets the detail for a developer, the `internal_message` of the protocol.
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

    /// The same error, which says that a limit of the other system is reached.
    #[must_use]
    pub fn of_limit(self) -> Self {
        Self { is_of_limit: true, ..self }
    }

    /// Whether a limit of the other system is reached.
    pub fn is_of_limit(&self) -> bool {
        self.is_of_limit
    }

    /// The same error, of which a message of the protocol has told already.
    #[must_use]
    pub fn told(self) -> Self {
        Self { is_told: true, ..self }
    }

    /// Whether a message of the protocol has told of it.
    pub fn is_told(&self) -> bool {
        self.is_told
    }

    /// Who has to act.
    pub fn failure_type(&self) -> FailureType {
        self.failure_type
    }

    /// The sentences for the user.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The detail for a developer, if there is one.
    pub fn internal_message(&self) -> Option<&str> {
        self.internal.as_deref()
    }
}
