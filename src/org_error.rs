//! What went wrong at the org, as the error that a user reads.

use airbyte::Error;
use salesforce::fault::{Fault, FaultKind, Limit};

/// The way from a fault of the org to the error of the connector.
pub(crate) trait IntoError {
    /// The error for the user; `doing` completes "while ...": "creating a job for Contact".
    fn into_error(self, doing: &str) -> Error;
}

impl IntoError for Fault {
    fn into_error(self, doing: &str) -> Error {
        let said = self.said();
        let error = match self.kind() {
            FaultKind::Transient => Error::transient(format!(
                "Salesforce gave no usable answer while {doing} ({said}). This usually passes by itself; run the sync \
                 again."
            )),
            FaultKind::LimitReached(limit) => {
                let (what, remedy) = sentences(limit);
                let text = format!("Salesforce refused to go on while {doing}: {what} ({said}). {remedy}");
                if limit == Limit::Storage { Error::config(text) } else { Error::transient(text) }
            }
            // A refused sign-in has been put into words where its reason was known.
            FaultKind::SignIn if self.status().is_none() => Error::config(self.message().to_owned()),
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
        error.internal(format_args!("{:?} while {doing}: {said}", self.kind()))
    }
}

/// What is used up, and how it comes back.
fn sentences(limit: Limit) -> (&'static str, &'static str) {
    match limit {
        Limit::DailyRequests => (
            "the API requests that the org may make in 24 hours are used up",
            "The 24 hours are a moving window, so requests come back hour by hour. Run the sync again later, or \
             have the limit raised (Setup, Company Information, API Requests).",
        ),
        Limit::ConcurrentRequests => (
            "too many long API requests of the org are running at the same time",
            "Run the sync again when other integrations are less busy, or lower max_parallel_jobs.",
        ),
        Limit::DailyBatches => (
            "the Bulk API batches that the org may use in 24 hours are used up",
            "The 24 hours are a moving window, so batches come back hour by hour. Run the sync again later; fewer \
             and larger jobs (batch_size_mb, flush_interval_minutes) use fewer batches.",
        ),
        Limit::Logins => (
            "the user has signed in too often within an hour",
            "Run the sync again after an hour, and look for other integrations that sign in with this user.",
        ),
        Limit::Storage => (
            "the org has no room for more data",
            "Delete records or buy data storage (Setup, Storage Usage), then run the sync again.",
        ),
        Limit::Other => ("a limit of the org is reached", "Run the sync again later."),
    }
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
}
