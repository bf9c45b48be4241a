//! The error that a user reads for a fault of Salesforce. Its sentences name settings of this connector.

use airbyte::Error;
use salesforce::{Fault, FaultKind, Limit, Outcome};

/// Makes an error for the user.
pub(crate) trait IntoUserError {
    /// The error for the user. `doing` completes "while ...", as in "creating a job for Contact".
    fn into_error(self, doing: &str) -> Error;
}

impl IntoUserError for Fault {
    fn into_error(self, doing: &str) -> Error {
        let error = match self.outcome() {
            Outcome::Known => known(&self, doing),
            Outcome::Unknown => unknown(&self, doing),
        };
        error.internal(format_args!("{:?}, outcome {:?}, while {doing}: {self}", self.kind(), self.outcome()))
    }
}

/// The error of a fault that may have taken effect.
fn unknown(fault: &Fault, doing: &str) -> Error {
    Error::transient(format!(
        "Salesforce did not report the outcome while {doing} ({fault}), so it may have happened or not. Run the sync \
         again; records that were not acknowledged are sent again, so with the operation insert look at Setup, Bulk \
         Data Load Jobs first."
    ))
}

/// The error of a fault that has no effect.
fn known(fault: &Fault, doing: &str) -> Error {
    match fault.kind() {
        FaultKind::Transient => Error::transient(format!(
            "Salesforce gave no usable answer while {doing} ({fault}). This is usually temporary; run the sync again."
        )),
        FaultKind::LimitReached(limit) => {
            let LimitSentences { what, remedy } = sentences(limit);
            let text = format!("A Salesforce limit was reached while {doing}{what} ({fault}). {remedy}");
            if limit == Limit::Storage { Error::config(text) } else { Error::transient(text) }
        }
        // Without a status, the message is already a sentence for the user.
        FaultKind::SignIn if fault.status().is_none() => Error::config(fault.message().to_owned()),
        FaultKind::SignIn => Error::config(format!(
            "Salesforce refused the access token while {doing} ({fault}). Check that the connected app may use the \
             API (scope \"api\") and that no policy of the org ended the session."
        )),
        FaultKind::Permission => Error::config(format!(
            "The Salesforce user lacks a permission that is needed for {doing} ({fault}). Grant it in the user's \
             profile or in a permission set: \"API Enabled\", the rights on the object and its fields, and \"Bulk \
             API Hard Delete\" for hard_delete."
        )),
        FaultKind::NotFound => Error::config(format!(
            "Salesforce did not find a name that was used while {doing} ({fault}). Check the spelling, and that the \
             user can see it."
        )),
        FaultKind::Configuration => Error::config(format!(
            "Salesforce refused the request while {doing} ({fault}). Change the object, operation or fields of the \
             stream, or what the org allows."
        )),
        FaultKind::InvalidJobState => Error::transient(format!(
            "Salesforce refused the request while {doing}, because of the state of the job ({fault}). Someone else may \
             have changed the job; run the sync again."
        )),
        FaultKind::StillRunning => unknown(fault, doing),
        FaultKind::Unexpected => Error::system(format!(
            "Salesforce sent an answer that this connector does not understand while {doing} ({fault}). Please report \
             it."
        )),
    }
}

/// What a limit is, and what to do when it is reached.
struct LimitSentences {
    /// What is used up, behind a colon. Empty if only Salesforce's own words name the limit.
    what: &'static str,
    remedy: &'static str,
}

fn sentences(limit: Limit) -> LimitSentences {
    let (what, remedy) = match limit {
        Limit::DailyRequests => (
            ": the API requests that the org may make in 24 hours are used up",
            "The 24 hours are a moving window, so requests come back hour by hour. Run the sync again later, or \
             have the limit raised (Setup, Company Information, API Requests).",
        ),
        Limit::ConcurrentRequests => (
            ": too many long API requests of the org are running at the same time",
            "Run the sync again when other integrations are less busy, or lower max_parallel_jobs.",
        ),
        Limit::DailyBatches => (
            ": the Bulk API batches that the org may use in 24 hours are used up",
            "The 24 hours are a moving window, so batches come back hour by hour. Run the sync again later; fewer \
             and larger jobs (batch_size_mb, flush_interval_minutes) use fewer batches.",
        ),
        Limit::Logins => (
            ": the user has signed in too often within an hour",
            "Run the sync again after an hour, and look for other integrations that sign in with this user.",
        ),
        Limit::Storage => (
            ": the org has no room for more data",
            "Delete records or buy data storage (Setup, Storage Usage), then run the sync again.",
        ),
        Limit::Other => ("", "Run the sync again later."),
    };
    LimitSentences { what, remedy }
}

#[cfg(test)]
mod tests {
    use airbyte::FailureType;

    use super::*;

    const LIMITS: [Limit; 6] = [
        Limit::DailyRequests,
        Limit::ConcurrentRequests,
        Limit::DailyBatches,
        Limit::Logins,
        Limit::Storage,
        Limit::Other,
    ];

    #[test]
    fn every_kind_has_an_error_that_says_what_to_do() {
        use FailureType::{Config, System, Transient};
        let mut cases = vec![
            (FaultKind::Transient, Transient),
            (FaultKind::SignIn, Config),
            (FaultKind::Permission, Config),
            (FaultKind::NotFound, Config),
            (FaultKind::Configuration, Config),
            (FaultKind::InvalidJobState, Transient),
            (FaultKind::StillRunning, Transient),
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
            let texts = format!("{} {}", error.message(), error.internal_message().unwrap_or_default());
            assert!(texts.contains("while creating a job for Contact") || kind == FaultKind::Permission, "{texts}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_transient_whatever_happened() {
        for kind in [FaultKind::Transient, FaultKind::NotFound, FaultKind::StillRunning] {
            let fault = Fault::new(kind, "What the org said.").with_outcome(Outcome::Unknown);
            let error = fault.into_error("closing a job for Contact");
            assert_eq!(error.failure_type(), FailureType::Transient, "{kind:?}");
            let text = error.message();
            assert!(
                text.contains("What the org said") && text.contains("may have happened or not"),
                "{kind:?}: {text}"
            );
            assert!(text.contains("while closing a job for Contact") && text.ends_with('.'), "{kind:?}: {text}");
        }
    }

    #[test]
    fn the_error_of_a_limit_names_the_limit() {
        let error = Fault::of_failed_job("ExceededQuota : ApiBatchItems Limit exceeded.").into_error("loading Contact");
        for part in ["while loading Contact", "batches", "24 hours", "(ExceededQuota: ApiBatchItems Limit exceeded)"] {
            assert!(error.message().contains(part), "{part}: {}", error.message());
        }
    }
}
