//! The error that a user reads for a fault of Salesforce. Its sentences name settings of this connector.

use airbyte::Error;
use salesforce::{Fault, FaultKind, Limit};

/// The error for the user. `doing` completes "while ...", as in "reading Contact".
pub(crate) fn error_of(fault: &Fault, doing: &str) -> Error {
    let error = match fault.kind() {
        FaultKind::Transient | FaultKind::StillRunning => Error::transient(format!(
            "Salesforce gave no usable answer while {doing} ({fault}). This usually passes by itself; run the sync \
             again."
        )),
        FaultKind::LimitReached(limit) => {
            let what = sentence(limit);
            Error::transient(format!(
                "Salesforce refused to go on while {doing}: {what} ({fault}). Run the sync again later."
            ))
            .of_limit()
        }
        // Without a status, the message is already a sentence for the user.
        FaultKind::SignIn if fault.status().is_none() => Error::config(fault.message().to_owned()),
        FaultKind::SignIn => Error::config(format!(
            "Salesforce refused the access token while {doing} ({fault}). Check that the connected app may use the \
             API (scope \"api\") and that no policy of the org ended the session."
        )),
        FaultKind::Permission => Error::config(format!(
            "The Salesforce user lacks a permission that is needed for {doing} ({fault}). Grant it in the user's \
             profile or in a permission set: \"API Enabled\", and reading the object and its fields."
        )),
        FaultKind::NotFound => Error::config(format!(
            "Salesforce did not find a name that was used while {doing} ({fault}). Refresh the schema of the \
             connection, and check that the user may see the object."
        )),
        FaultKind::Configuration => Error::config(format!(
            "Salesforce refused the request while {doing} ({fault}). Refresh the schema of the connection, or change \
             the filter of the stream."
        )),
        FaultKind::InvalidJobState => Error::transient(format!(
            "The query job did not complete while {doing} ({fault}). Someone may have aborted it under Setup, Bulk \
             Data Load Jobs; run the sync again."
        )),
        FaultKind::Unexpected => Error::system(format!(
            "Salesforce sent an answer that this connector does not know while {doing} ({fault}). Please report it."
        )),
    };
    error.internal(format_args!("{:?} while {doing}: {fault}", fault.kind()))
}

fn sentence(limit: Limit) -> &'static str {
    match limit {
        Limit::DailyRequests => "the API requests that the org may make in 24 hours are used up",
        Limit::ConcurrentRequests => "too many long API requests of the org are running at the same time",
        Limit::DailyBatches => "the Bulk API allowance of the org for 24 hours is used up",
        Limit::Logins => "the user has signed in too often within an hour",
        Limit::Storage => "the org has no room for more data",
        Limit::Other => "a limit of the org is reached",
    }
}

#[cfg(test)]
mod tests {
    use airbyte::FailureType;

    use super::*;

    #[test]
    fn every_kind_has_an_error_that_says_what_to_do() {
        use FailureType::{Config, System, Transient};
        for (kind, failure_type) in [
            (FaultKind::Transient, Transient),
            (FaultKind::SignIn, Config),
            (FaultKind::Permission, Config),
            (FaultKind::NotFound, Config),
            (FaultKind::Configuration, Config),
            (FaultKind::InvalidJobState, Transient),
            (FaultKind::StillRunning, Transient),
            (FaultKind::Unexpected, System),
            (FaultKind::LimitReached(Limit::DailyRequests), Transient),
            (FaultKind::LimitReached(Limit::Other), Transient),
        ] {
            let error = error_of(&Fault::new(kind, "What the org said."), "reading Contact");
            assert_eq!(error.failure_type(), failure_type, "{kind:?}");
            assert_eq!(error.is_of_limit(), matches!(kind, FaultKind::LimitReached(_)), "{kind:?}");
            assert!(error.message().contains("What the org said"), "{kind:?}: {}", error.message());
            assert!(error.message().ends_with('.'), "{kind:?}: {}", error.message());
        }
    }
}
