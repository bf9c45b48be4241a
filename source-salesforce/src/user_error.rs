//! The error that a user reads for a fault of Salesforce. Its sentences name settings of this connector.

use airbyte::Error;
use connector::fault_error::{Advice, fault_error};
use salesforce::{Fault, Limit};

/// What the user of the source can do.
const ADVICE: Advice = Advice {
    permission: "\"API Enabled\", and reading the object and its fields.",
    not_found: "Refresh the schema of the connection, and check that the user may see the object.",
    configuration: "Refresh the schema of the connection, or change the filter of the stream.",
    job_state: "Someone may have aborted the query job under Setup, Bulk Data Load Jobs; run the sync again.",
    limit: remedy,
};

/// The error for the user. `doing` completes "while ...", as in "reading Contact".
pub(crate) fn error_of(fault: &Fault, doing: &str) -> Error {
    fault_error(fault, doing, &ADVICE)
}

fn remedy(limit: Limit) -> &'static str {
    match limit {
        Limit::ConcurrentRequests => {
            "Run the sync again when other integrations are less busy, or lower max_parallel_streams."
        }
        Limit::Logins => {
            "Run the sync again after an hour, and look for other integrations that sign in with this user."
        }
        Limit::DailyRequests | Limit::DailyBatches | Limit::Storage | Limit::Other => "Run the sync again later.",
    }
}

/// The error of a command that cannot write its output.
pub(crate) fn stdout_closed(error: std::io::Error) -> Error {
    Error::system("Standard output was closed.").internal(error)
}

#[cfg(test)]
mod tests {
    use salesforce::FaultKind;

    use super::*;

    #[test]
    fn every_kind_says_what_to_do_with_this_connector() {
        for (kind, remedy) in [
            (FaultKind::Permission, "and reading the object and its fields."),
            (FaultKind::NotFound, "check that the user may see the object."),
            (FaultKind::Configuration, "or change the filter of the stream."),
            (FaultKind::InvalidJobState, "under Setup, Bulk Data Load Jobs; run the sync again."),
            (FaultKind::LimitReached(Limit::ConcurrentRequests), "or lower max_parallel_streams."),
            (FaultKind::LimitReached(Limit::Logins), "look for other integrations that sign in with this user."),
            (FaultKind::LimitReached(Limit::DailyRequests), "Run the sync again later."),
        ] {
            let error = error_of(&Fault::new(kind, "What the org said."), "reading Contact");
            assert!(error.message().ends_with(remedy), "{kind:?}: {}", error.message());
        }
    }
}
