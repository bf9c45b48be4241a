//! The error that a user reads for a fault of Salesforce. Its sentences name settings of this connector.

use airbyte::Error;
use connector::fault_error::{Advice, fault_error};
use salesforce::{Fault, FaultKind, Limit, Outcome};

/// Makes an error for the user.
pub(crate) trait IntoUserError {
    /// The error for the user. `doing` completes "while ...", as in "creating a job for Contact".
    fn into_error(self, doing: &str) -> Error;
}

impl IntoUserError for Fault {
    fn into_error(self, doing: &str) -> Error {
        // A job that still runs may do what it was told.
        if self.outcome() == Outcome::Unknown || self.kind() == FaultKind::StillRunning {
            return unknown(&self, doing);
        }
        fault_error(&self, doing, &ADVICE)
    }
}

/// The error of a fault that may have taken effect.
fn unknown(fault: &Fault, doing: &str) -> Error {
    Error::transient(format!(
        "Salesforce did not report the outcome while {doing} ({fault}), so it may have happened or not. Run the sync \
         again; records that were not acknowledged are sent again, so with the operation insert look at Setup, Bulk \
         Data Load Jobs first."
    ))
    .internal(format_args!("{:?}, outcome {:?}, while {doing}: {fault}", fault.kind(), fault.outcome()))
}

/// What the user of the destination can do.
const ADVICE: Advice = Advice {
    permission: "\"API Enabled\", the rights on the object and its fields, and \"Bulk API Hard Delete\" for hard_delete.",
    not_found: "Check the spelling, and that the user can see it.",
    configuration: "Change the object, operation or fields of the stream, or what the org allows.",
    job_state: "Someone else may have changed the job; run the sync again.",
    limit: remedy,
};

fn remedy(limit: Limit) -> &'static str {
    match limit {
        Limit::DailyRequests => {
            "The 24 hours are a moving window, so requests come back hour by hour. Run the sync again later, or have the \
             limit raised (Setup, Company Information, API Requests)."
        }
        Limit::ConcurrentRequests => {
            "Run the sync again when other integrations are less busy, or lower max_parallel_jobs."
        }
        Limit::DailyBatches => {
            "The 24 hours are a moving window, so batches come back hour by hour. Run the sync again later; fewer and \
             larger jobs (batch_size_mb, flush_interval_minutes) use fewer batches."
        }
        Limit::Logins => {
            "Run the sync again after an hour, and look for other integrations that sign in with this user."
        }
        Limit::Storage => "Delete records or buy data storage (Setup, Storage Usage), then run the sync again.",
        Limit::Other => "Run the sync again later.",
    }
}

#[cfg(test)]
mod tests {
    use airbyte::FailureType;

    use super::*;

    #[test]
    fn every_kind_says_what_to_do_with_this_connector() {
        for (kind, remedy) in [
            (FaultKind::Permission, "and \"Bulk API Hard Delete\" for hard_delete."),
            (FaultKind::NotFound, "Check the spelling, and that the user can see it."),
            (FaultKind::Configuration, "Change the object, operation or fields of the stream, or what the org allows."),
            (FaultKind::InvalidJobState, "Someone else may have changed the job; run the sync again."),
            (FaultKind::StillRunning, "look at Setup, Bulk Data Load Jobs first."),
            (FaultKind::LimitReached(Limit::DailyRequests), "(Setup, Company Information, API Requests)."),
            (FaultKind::LimitReached(Limit::ConcurrentRequests), "or lower max_parallel_jobs."),
            (FaultKind::LimitReached(Limit::DailyBatches), "flush_interval_minutes) use fewer batches."),
            (FaultKind::LimitReached(Limit::Logins), "other integrations that sign in with this user."),
            (FaultKind::LimitReached(Limit::Storage), "(Setup, Storage Usage), then run the sync again."),
            (FaultKind::LimitReached(Limit::Other), "Run the sync again later."),
        ] {
            let error = Fault::new(kind, "What the org said.").into_error("creating a job for Contact");
            assert!(error.message().ends_with(remedy), "{kind:?}: {}", error.message());
            let texts = format!("{} {}", error.message(), error.internal_message().unwrap_or_default());
            assert!(texts.contains("What the org said") && texts.contains("creating a job for Contact"), "{texts}");
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
