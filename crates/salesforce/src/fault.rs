//! What went wrong at Salesforce, classified once.

mod answer;
mod code;

use std::fmt;
use std::time::Duration;

pub(crate) use answer::OAuthError;

/// The most of Salesforce's own text that a fault keeps, in characters.
const LONGEST_MESSAGE: usize = 1000;

/// A call or a job that failed: what happened, and whether its outcome is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: FaultKind,
    outcome: Outcome,
    status: Option<u16>,
    code: Option<String>,
    message: String,
    retry_after: Option<Duration>,
    /// Whether there was no connection to send anything on.
    is_unconnected: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A failure that is usually temporary: network, maintenance, load, locks.
    Transient,
    /// A limit of the org is used up.
    LimitReached(Limit),
    /// Salesforce refuses the credentials, or what the app and the user may do with them. Without a
    /// [`status`](Fault::status), the message is a whole sentence for the user.
    SignIn,
    /// The user is not allowed to do this.
    Permission,
    /// The object, job or address that the call names does not exist.
    NotFound,
    /// Something that the user chose does not fit the org.
    Configuration,
    /// The job is not in the state that the call needs.
    InvalidJobState,
    /// The job still runs, and the wait for its end is over.
    StillRunning,
    /// An answer that fits no rule.
    Unexpected,
}

/// Whether it is known what a failed call or job did at Salesforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A failed call did nothing, or only reads. A failed job can still be asked which rows it wrote.
    Known,
    /// It may have taken effect: its answer was lost, or its job can no longer be observed.
    Unknown,
}

/// A limit that the org reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// API requests in 24 hours.
    DailyRequests,
    /// Long API requests at the same time.
    ConcurrentRequests,
    /// Bulk API batches in 24 hours.
    DailyBatches,
    /// Logins in an hour.
    Logins,
    /// Data storage.
    Storage,
    /// Another limit, which only Salesforce's message names.
    Other,
}

impl Fault {
    /// A fault that is not read from an answer of Salesforce. Its outcome is known.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            outcome: Outcome::Known,
            status: None,
            code: None,
            message: message.into(),
            retry_after: None,
            is_unconnected: false,
        }
    }

    /// The same fault with another outcome.
    #[must_use]
    pub fn with_outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// The same fault, understood as one of another kind.
    pub(crate) fn with_kind(self, kind: FaultKind) -> Self {
        Self { kind, ..self }
    }

    /// The same fault with another message.
    pub(crate) fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// The same fault with the code alone of what Salesforce answered, for a call whose answer may repeat values of
    /// records.
    #[must_use]
    pub fn without_message(self) -> Self {
        match self.code.clone() {
            Some(code) => self.with_message(code),
            None => self,
        }
    }

    /// The same fault, of a call for which no connection was made.
    pub(crate) fn unconnected(self) -> Self {
        Self { is_unconnected: true, ..self }
    }

    /// Whether there was no connection to send anything on.
    pub(crate) fn is_unconnected(&self) -> bool {
        self.is_unconnected
    }

    /// What happened.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Whether it is known what the failed call or job did.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Salesforce's error code, if the answer has one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Salesforce's own message, or what happened on the way to Salesforce.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The wait that the answer asks for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the session has ended. Salesforce says so with the status 401, or with a code under another status.
    pub(crate) fn is_session_lost(&self) -> bool {
        self.status == Some(401) || self.code.as_deref().is_some_and(code::is_session_lost)
    }

    /// Whether this may be the answer of a host that the org has moved away from: a redirect, or a page for an address
    /// that it does not know.
    pub(crate) fn may_be_moved(&self) -> bool {
        let is_page = self.code.is_none() && self.kind == FaultKind::Transient;
        is_page && matches!(self.status, Some(300..=399 | 404))
    }

    /// Whether the same call may succeed within minutes. Limits that come back over hours are not transient.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, FaultKind::Transient | FaultKind::LimitReached(Limit::ConcurrentRequests))
    }
}

/// The message with the code and the HTTP status before it: a part of a sentence.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, self.status) {
            (Some(code), Some(status)) => write!(f, "{code}, HTTP {status}: ")?,
            (Some(code), None) => write!(f, "{code}: ")?,
            (None, Some(status)) => write!(f, "HTTP {status}: ")?,
            (None, None) => {}
        }
        f.write_str(if self.message.is_empty() { "without a message" } else { &self.message })
    }
}

impl std::error::Error for Fault {}

/// Makes Salesforce's message a part of a sentence: one line, not too long, without a full stop.
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
    fn a_message_becomes_part_of_a_sentence() {
        for (message, tidied) in [
            ("TotalRequests Limit exceeded.", "TotalRequests Limit exceeded"),
            (" two\r\n  lines ", "two lines"),
            ("", ""),
            ("Wert größer…", "Wert größer…"),
        ] {
            assert_eq!(tidy(message), tidied);
        }
        let long = "ü".repeat(LONGEST_MESSAGE + 1);
        assert_eq!(tidy(&long).chars().count(), LONGEST_MESSAGE + 1);
        assert!(tidy(&long).ends_with('…'));
    }

    #[test]
    fn only_trouble_of_minutes_is_transient() {
        for (kind, transient) in [
            (FaultKind::Transient, true),
            (FaultKind::LimitReached(Limit::ConcurrentRequests), true),
            (FaultKind::LimitReached(Limit::DailyRequests), false),
            (FaultKind::LimitReached(Limit::DailyBatches), false),
            (FaultKind::LimitReached(Limit::Logins), false),
            (FaultKind::LimitReached(Limit::Storage), false),
            (FaultKind::LimitReached(Limit::Other), false),
            (FaultKind::Permission, false),
            (FaultKind::NotFound, false),
            (FaultKind::Configuration, false),
            (FaultKind::SignIn, false),
            (FaultKind::InvalidJobState, false),
            (FaultKind::StillRunning, false),
            (FaultKind::Unexpected, false),
        ] {
            for outcome in [Outcome::Known, Outcome::Unknown] {
                assert_eq!(Fault::new(kind, "").with_outcome(outcome).is_transient(), transient, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_fault_reads_as_code_status_and_message() {
        let fault = |status, code: Option<&str>, message: &str| Fault {
            status,
            code: code.map(str::to_owned),
            ..Fault::new(FaultKind::Unexpected, message)
        };
        for (fault, details) in [
            (fault(Some(400), Some("X"), "m"), "X, HTTP 400: m"),
            (fault(None, Some("X"), "m"), "X: m"),
            (fault(Some(400), None, ""), "HTTP 400: without a message"),
            (fault(None, None, "m"), "m"),
        ] {
            assert_eq!(fault.to_string(), details);
        }
    }

    #[test]
    fn an_answer_may_be_of_a_host_that_the_org_has_moved_away_from() {
        let page = b"<html>Something else</html>";
        let refusal = br#"[{"errorCode":"NOT_FOUND","message":"m"}]"#;
        for (status, body, expected) in [
            (300, &page[..], true),
            (302, b"", true),
            (399, b"", true),
            (404, page, true),
            (404, b"", false),
            (404, refusal, false),
            (400, page, false),
            (403, page, false),
            (503, page, false),
        ] {
            assert_eq!(Fault::of_answer(status, None, body).may_be_moved(), expected, "{status}");
        }
    }

    #[test]
    fn a_session_is_lost_by_its_status_or_by_its_code() {
        let lost = br#"[{"errorCode":"INVALID_SESSION_ID","message":"m"}]"#;
        for (status, body, expected) in
            [(401, &b""[..], true), (403, lost, true), (403, b"", false), (400, lost, true), (500, b"", false)]
        {
            assert_eq!(Fault::of_answer(status, None, body).is_session_lost(), expected, "{status}");
        }
    }

    #[test]
    fn a_fault_without_its_message_has_its_code_alone() {
        let body = br#"[{"errorCode":"X_Y","message":"a value of a record"}]"#;
        assert_eq!(Fault::of_answer(400, None, body).without_message().message(), "X_Y");
        assert_eq!(Fault::of_answer(502, None, b"").without_message().message(), "an empty answer");
    }
}
