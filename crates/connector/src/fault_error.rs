//! The error that a user reads for a fault of Salesforce.

use airbyte::Error;
use salesforce::{Fault, FaultKind, Limit};

/// What a user of a connector can do. Sentences that name its settings, or what it works on.
pub struct Advice {
    /// What to grant, after "Grant it in the user's profile or in a permission set: ".
    pub permission: &'static str,
    /// When a name is not found.
    pub not_found: &'static str,
    /// When Salesforce refuses a request.
    pub configuration: &'static str,
    /// When a job is in another state.
    pub job_state: &'static str,
    /// When a limit is reached.
    pub limit: fn(Limit) -> &'static str,
}

/// The error of a fault that has no effect. `doing` completes "while ...", as in "reading Contact".
pub fn fault_error(fault: &Fault, doing: &str, advice: &Advice) -> Error {
    let error = match fault.kind() {
        FaultKind::Transient | FaultKind::StillRunning => Error::transient(format!(
            "Salesforce gave no usable answer while {doing} ({fault}). This is usually temporary; run the sync again."
        )),
        FaultKind::LimitReached(limit) => {
            let (what, remedy) = (sentence(limit), (advice.limit)(limit));
            let text = format!("A Salesforce limit was reached while {doing}{what} ({fault}). {remedy}");
            let error = if limit == Limit::Storage { Error::config(text) } else { Error::transient(text) };
            error.of_limit()
        }
        // Without a status, the message is already a sentence for the user.
        FaultKind::SignIn if fault.status().is_none() => Error::config(fault.message().to_owned()),
        FaultKind::SignIn => Error::config(format!(
            "Salesforce refused the access token while {doing} ({fault}). Check that the connected app may use the \
             API (scope \"api\") and that no policy of the org ended the session."
        )),
        FaultKind::Permission => Error::config(format!(
            "The Salesforce user lacks a permission that is needed for {doing} ({fault}). Grant it in the user's \
             profile or in a permission set: {}",
            advice.permission
        )),
        FaultKind::NotFound => Error::config(format!(
            "Salesforce did not find a name that was used while {doing} ({fault}). {}",
            advice.not_found
        )),
        FaultKind::Configuration => {
            Error::config(format!("Salesforce refused the request while {doing} ({fault}). {}", advice.configuration))
        }
        FaultKind::InvalidJobState => Error::transient(format!(
            "Salesforce refused the request while {doing}, because of the state of the job ({fault}). {}",
            advice.job_state
        )),
        FaultKind::Unexpected => Error::system(format!(
            "Salesforce sent an answer that this connector does not understand while {doing} ({fault}). Please report \
             it."
        )),
    };
    error.internal(format_args!("{:?}, outcome {:?}, while {doing}: {fault}", fault.kind(), fault.outcome()))
}

/// What is used up, behind a colon. Empty if only Salesforce's own words name the limit.
fn sentence(limit: Limit) -> &'static str {
    match limit {
        Limit::DailyRequests => ": the API requests that the org may make in 24 hours are used up",
        Limit::ConcurrentRequests => ": too many long API requests of the org are running at the same time",
        Limit::DailyBatches => ": the Bulk API batches that the org may use in 24 hours are used up",
        Limit::Logins => ": the user has signed in too often within an hour",
        Limit::Storage => ": the org has no room for more data",
        Limit::Other => "",
    }
}

#[cfg(test)]
mod tests {
    use airbyte::FailureType;

    use super::*;

    const ADVICE: Advice = Advice {
        permission: "what to grant.",
        not_found: "Where to look for a name.",
        configuration: "What to change.",
        job_state: "What to do about the job.",
        limit: |limit| if limit == Limit::Logins { "Wait for an hour." } else { "Wait." },
    };

    #[test]
    fn every_kind_says_what_happened_and_what_to_do() {
        use FailureType::{Config, System, Transient};
        use FaultKind::LimitReached;
        for (kind, failure_type, part) in [
            (FaultKind::Transient, Transient, "run the sync again."),
            (FaultKind::StillRunning, Transient, "run the sync again."),
            (FaultKind::SignIn, Config, "What the org said."),
            (FaultKind::Permission, Config, "in a permission set: what to grant."),
            (FaultKind::NotFound, Config, "Where to look for a name."),
            (FaultKind::Configuration, Config, "What to change."),
            (FaultKind::InvalidJobState, Transient, "What to do about the job."),
            (FaultKind::Unexpected, System, "Please report it."),
            (LimitReached(Limit::DailyRequests), Transient, ": the API requests that the org"),
            (LimitReached(Limit::ConcurrentRequests), Transient, ": too many long API requests"),
            (LimitReached(Limit::DailyBatches), Transient, ": the Bulk API batches"),
            (LimitReached(Limit::Logins), Transient, "Wait for an hour."),
            (LimitReached(Limit::Storage), Config, ": the org has no room"),
            (LimitReached(Limit::Other), Transient, "reached while reading Contact ("),
        ] {
            let error = fault_error(&Fault::new(kind, "What the org said."), "reading Contact", &ADVICE);
            assert_eq!(error.failure_type(), failure_type, "{kind:?}");
            assert_eq!(error.is_of_limit(), matches!(kind, LimitReached(_)), "{kind:?}");
            let text = error.message();
            assert!(
                text.contains("What the org said") && text.contains(part) && text.ends_with('.'),
                "{kind:?}: {text}"
            );
            assert!(error.internal_message().unwrap_or_default().contains("while reading Contact"), "{kind:?}");
        }
    }
}
