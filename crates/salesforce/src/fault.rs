//! What went wrong at Salesforce, classified once.

mod answer;
mod code;

pub(super) use answer::OAuth;
use std::time::Duration;

/// The most of Salesforce's own words that an error repeats, in characters.
const LONGEST_MESSAGE: usize = 1000;

/// A failed call or job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: FaultKind,
    status: Option<u16>,
    code: Option<String>,
    message: String,
    retry_after: Option<Duration>,
}

/// What a fault means for the one who met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It may pass: network, maintenance, load, locks.
    Transient,
    /// A limit of the org is used up.
    LimitReached(Limit),
    /// The credentials, or what the app and the user may do with them, are refused. The message is a sentence.
    SignIn,
    /// The user may not do this.
    Permission,
    /// What the call named does not exist.
    NotFound,
    /// Something that the user chose does not fit the org.
    Configuration,
    /// The job is not in the state that the call needs.
    InvalidJobState,
    /// The answer to a call that must not be repeated was lost: whether it took effect is unknown.
    Lost,
    /// An answer that fits no rule.
    Unexpected,
}

/// A limit that the org reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// API requests of 24 hours.
    DailyRequests,
    /// Long API requests at the same time.
    ConcurrentRequests,
    /// Bulk batches of 24 hours.
    DailyBatches,
    /// Logins of an hour.
    Logins,
    /// Room for data.
    Storage,
    /// A limit that only Salesforce's own words name.
    Other,
}

impl Fault {
    /// A fault without an answer of Salesforce behind it.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, status: None, code: None, message: message.into(), retry_after: None }
    }

    /// The same fault as one whose outcome nobody knows.
    pub(super) fn with_kind(mut self, kind: FaultKind) -> Self {
        self.kind = kind;
        self
    }

    /// What the fault means.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Salesforce's error code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Salesforce's own words, or what happened on the way to it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The wait that the answer asked for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the same may succeed a little later: within this sync, not after a limit's window. A job that was not
    /// closed is then begun anew; one that was closed never is.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, FaultKind::Transient | FaultKind::Lost | FaultKind::LimitReached(Limit::ConcurrentRequests))
    }

    /// What Salesforce said, with its status and code: a part of a sentence.
    pub fn said(&self) -> String {
        let message = if self.message.is_empty() { "without a message" } else { self.message.as_str() };
        match (&self.code, self.status) {
            (Some(code), Some(status)) => format!("{code}, HTTP {status}: {message}"),
            (Some(code), None) => format!("{code}: {message}"),
            (None, Some(status)) => format!("HTTP {status}: {message}"),
            (None, None) => message.to_owned(),
        }
    }
}

/// Makes of Salesforce's words a part of a sentence: one line, not too long, without a full stop.
fn tidy(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    let line = line.trim_end_matches('.');
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_part_of_a_sentence() {
        for (words, tidied) in [
            ("TotalRequests Limit exceeded.", "TotalRequests Limit exceeded"),
            (" two\r\n  lines ", "two lines"),
            ("", ""),
            ("Wert größer…", "Wert größer…"),
        ] {
            assert_eq!(tidy(words), tidied);
        }
        let long = "ü".repeat(LONGEST_MESSAGE + 1);
        assert_eq!(tidy(&long).chars().count(), LONGEST_MESSAGE + 1);
        assert!(tidy(&long).ends_with('…'));
    }

    #[test]
    fn only_what_may_end_within_the_sync_is_passing() {
        for (kind, passing) in [
            (FaultKind::Transient, true),
            (FaultKind::Lost, true),
            (FaultKind::LimitReached(Limit::ConcurrentRequests), true),
            (FaultKind::LimitReached(Limit::DailyRequests), false),
            (FaultKind::SignIn, false),
            (FaultKind::InvalidJobState, false),
            (FaultKind::Unexpected, false),
        ] {
            assert_eq!(Fault::new(kind, "").is_passing(), passing, "{kind:?}");
        }
    }
}
