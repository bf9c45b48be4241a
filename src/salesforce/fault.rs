//! What went wrong at Salesforce, classified once.

mod answer;
mod code;

pub(super) use answer::OAuth;
use std::time::Duration;

use crate::error::Error;

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

impl Limit {
    /// What is used up, and how it comes back.
    fn sentences(self) -> (&'static str, &'static str) {
        match self {
            Self::DailyRequests => (
                "the API requests that the org may make in 24 hours are used up",
                "The 24 hours are a moving window, so requests come back hour by hour. Run the sync again later, or \
                 have the limit raised (Setup, Company Information, API Requests).",
            ),
            Self::ConcurrentRequests => (
                "too many long API requests of the org are running at the same time",
                "Run the sync again when other integrations are less busy, or lower max_parallel_jobs.",
            ),
            Self::DailyBatches => (
                "the Bulk API batches that the org may use in 24 hours are used up",
                "The 24 hours are a moving window, so batches come back hour by hour. Run the sync again later; fewer \
                 and larger jobs (batch_size_mb, flush_interval_minutes) use fewer batches.",
            ),
            Self::Logins => (
                "the user has signed in too often within an hour",
                "Run the sync again after an hour, and look for other integrations that sign in with this user.",
            ),
            Self::Storage => (
                "the org has no room for more data",
                "Delete records or buy data storage (Setup, Storage Usage), then run the sync again.",
            ),
            Self::Other => ("a limit of the org is reached", "Run the sync again later."),
        }
    }
}

impl Fault {
    pub(super) fn new(kind: FaultKind, message: impl Into<String>) -> Self {
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

    /// What Salesforce said, with its status and code.
    fn said(&self) -> String {
        let message = if self.message.is_empty() { "without a message" } else { self.message.as_str() };
        match (&self.code, self.status) {
            (Some(code), Some(status)) => format!("{code}, HTTP {status}: {message}"),
            (Some(code), None) => format!("{code}: {message}"),
            (None, Some(status)) => format!("HTTP {status}: {message}"),
            (None, None) => message.to_owned(),
        }
    }

    /// The error for the user; `doing` completes "while ...": "creating a job for Contact".
    pub fn into_error(self, doing: &str) -> Error {
        let said = self.said();
        let error = match self.kind {
            FaultKind::Transient => Error::transient(format!(
                "Salesforce gave no usable answer while {doing} ({said}). This usually passes by itself; run the sync \
                 again."
            )),
            FaultKind::LimitReached(limit) => {
                let (what, remedy) = limit.sentences();
                let text = format!("Salesforce refused to go on while {doing}: {what} ({said}). {remedy}");
                if limit == Limit::Storage { Error::config(text) } else { Error::transient(text) }
            }
            // A refused sign-in has been put into words where its reason was known.
            FaultKind::SignIn if self.status.is_none() => Error::config(self.message.clone()),
            FaultKind::SignIn => Error::config(format!(
                "Salesforce refused the access token while {doing} ({said}). Check that the connected app may use the \
                 API (scope \"api\") and that no policy of the org ended the session."
            )),
            FaultKind::Permission => Error::config(format!(
                "The Salesforce user lacks a permission that is needed for {doing} ({said}). Grant it in the user's \
                 profile or in a permission set: \"API Enabled\", the rights on the object and its fields, and \"Bulk \
                 API Hard Delete\" for hard_delete."
            )),
            FaultKind::NotFound => Error::config(format!(
                "Salesforce does not know what was named while {doing} ({said}). Check the spelling, and that the \
                 user may see it."
            )),
            FaultKind::Configuration => Error::config(format!(
                "Salesforce refused the request while {doing} ({said}). Change the object, operation or fields of \
                 the stream, or what the org allows."
            )),
            FaultKind::InvalidJobState => Error::transient(format!(
                "Salesforce refused the request while {doing}, because of the state that the job is in ({said}). \
                 Someone else may have changed the job; run the sync again."
            )),
            FaultKind::Lost => Error::transient(format!(
                "Salesforce did not tell the outcome while {doing} ({said}), so it may have happened or not. Run the \
                 sync again; records that were not acknowledged are sent again, so with the operation insert look at \
                 Setup, Bulk Data Load Jobs first."
            )),
            FaultKind::Unexpected => Error::system(format!(
                "Salesforce gave an answer that this connector has no rule for while {doing} ({said}). Please report \
                 it."
            )),
        };
        error.internal(format_args!("{:?} while {doing}: {said}", self.kind))
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
    use crate::error::FailureType;

    const LIMITS: [Limit; 6] = [
        Limit::DailyRequests,
        Limit::ConcurrentRequests,
        Limit::DailyBatches,
        Limit::Logins,
        Limit::Storage,
        Limit::Other,
    ];

    #[test]
    fn every_kind_is_told_in_sentences_that_say_what_to_do() {
        use FailureType::{Config, System, Transient};
        let mut cases = vec![
            (FaultKind::Transient, Transient),
            (FaultKind::SignIn, Config),
            (FaultKind::Permission, Config),
            (FaultKind::NotFound, Config),
            (FaultKind::Configuration, Config),
            (FaultKind::InvalidJobState, Transient),
            (FaultKind::Lost, Transient),
            (FaultKind::Unexpected, System),
        ];
        for limit in LIMITS {
            cases.push((FaultKind::LimitReached(limit), if limit == Limit::Storage { Config } else { Transient }));
        }
        for (kind, failure_type) in cases {
            let error = Fault::new(kind, "What the org said.").into_error("creating a job for Contact");
            assert_eq!(error.failure_type(), failure_type, "{kind:?}");
            assert!(error.message().contains("What the org said"), "{kind:?}: {}", error.message());
            assert!(error.message().ends_with('.'), "{kind:?}: {}", error.message());
            let told = format!("{} {}", error.message(), error.internal_message().unwrap_or_default());
            assert!(told.contains("while creating a job for Contact") || kind == FaultKind::Permission, "{told}");
        }
    }

    #[test]
    fn a_limit_is_named_with_what_brings_it_back() {
        let error = Fault::of_failed_job("ExceededQuota : ApiBatchItems Limit exceeded.").into_error("loading Contact");
        for part in ["while loading Contact", "batches", "24 hours", "(ExceededQuota: ApiBatchItems Limit exceeded)"] {
            assert!(error.message().contains(part), "{part}: {}", error.message());
        }
    }

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
