//! Which failures of a query another query does not have.

use salesforce::{Fault, FaultKind, ReadFailure};

/// The query that may succeed where the same one would fail again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// One that finds fewer records.
    ShorterWindow,
    /// One without the fields that are gone.
    FewerColumns,
}

/// What Salesforce says of a query that is too large, as a code or in the text of another one. The Object Reference says
/// of the second: "refactor your query to return or scan a smaller amount of data" ("Event").
const TOO_LARGE: [&str; 2] = ["QUERY_TIMEOUT", "OPERATION_TOO_LARGE"];

/// The remedy for a failure; none where no query of the stream can do better, as without a permission or at a limit.
pub(super) fn remedy(reason: ReadFailure, fault: &Fault) -> Option<Remedy> {
    let says = |code: &str| fault.message().contains(code) || fault.code().is_some_and(|known| is_same(known, code));
    match reason {
        ReadFailure::JobFailed | ReadFailure::Other if says("INVALID_FIELD") => Some(Remedy::FewerColumns),
        ReadFailure::JobFailed | ReadFailure::Other if TOO_LARGE.iter().any(|code| says(code)) => {
            Some(Remedy::ShorterWindow)
        }
        // Salesforce aborts jobs itself too, and does not say who did it.
        ReadFailure::JobAborted => Some(Remedy::ShorterWindow),
        // A trouble of Salesforce itself, or no reason at all: of a job it is mostly its size.
        ReadFailure::JobFailed if fault.kind() == FaultKind::Transient => Some(Remedy::ShorterWindow),
        _ => None,
    }
}

/// Salesforce spells codes as `QUERY_TIMEOUT` and as `QueryTimeout`.
fn is_same(known: &str, code: &str) -> bool {
    let letters = |code: &str| code.chars().filter(|letter| *letter != '_').collect::<String>();
    letters(known).eq_ignore_ascii_case(&letters(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_window_is_read_where_it_can_do_better() {
        let shorter = Some(Remedy::ShorterWindow);
        for (message, expected) in [
            ("", shorter),
            ("InternalServerError : Retried more than fifteen times", shorter),
            ("Timeout : the query took too long", shorter),
            ("QUERY_TIMEOUT : Your query request was running for too long.", shorter),
            (
                "InvalidBatch : Failed to process query: QUERY_TIMEOUT: Your query request was running for too long.",
                shorter,
            ),
            (
                "InvalidBatch : Failed to process query: OPERATION_TOO_LARGE: exceeded 100000 distinct who/what's",
                shorter,
            ),
            ("TooManyLockFailure : locked", shorter),
            ("it did not work", shorter),
            (
                "InvalidBatch : Failed to process query: INVALID_FIELD: No such column 'A__c'",
                Some(Remedy::FewerColumns),
            ),
            ("InvalidField : No such column 'A__c'", Some(Remedy::FewerColumns)),
            ("InvalidBatch : Failed to process query: MALFORMED_QUERY: unexpected token", None),
            ("ExceededQuota : ApiBatchItems Limit exceeded", None),
            ("REQUEST_LIMIT_EXCEEDED : TotalRequests Limit exceeded.", None),
            ("INSUFFICIENT_ACCESS : no", None),
            ("FeatureNotEnabled : Binary field not supported", None),
            ("InvalidEntity : Entity 'A' is not supported", None),
            ("QueryTooComplicated : formulas", None),
            ("SomethingNew : a verdict on the job", None),
        ] {
            assert_eq!(remedy(ReadFailure::JobFailed, &Fault::of_failed_job(message)), expected, "{message}");
        }
        let fault = Fault::of_failed_job("");
        for (reason, expected) in [
            (ReadFailure::JobAborted, shorter),
            (ReadFailure::JobGone, None),
            (ReadFailure::OtherVersion, None),
            (ReadFailure::LocatorExpired, None),
            (ReadFailure::HeaderChanged, None),
            (ReadFailure::Malformed, None),
            (ReadFailure::Unproven, None),
            // An outage is none of the query.
            (ReadFailure::Other, None),
        ] {
            assert_eq!(remedy(reason, &fault), expected, "{reason:?}");
        }
    }

    #[test]
    fn a_call_that_is_refused_or_given_up_has_the_same_remedies() {
        for (message, expected) in [
            ("QUERY_TIMEOUT : Your query request was running for too long.", Some(Remedy::ShorterWindow)),
            ("OPERATION_TOO_LARGE : exceeded 100000 distinct who/what's", Some(Remedy::ShorterWindow)),
            ("INVALID_FIELD : No such column 'A__c' on entity 'Contact'", Some(Remedy::FewerColumns)),
            ("SERVER_UNAVAILABLE : busy", None),
            ("REQUEST_LIMIT_EXCEEDED : TotalRequests Limit exceeded.", None),
            ("MALFORMED_QUERY : unexpected token", None),
        ] {
            assert_eq!(remedy(ReadFailure::Other, &Fault::of_failed_job(message)), expected, "{message}");
        }
    }
}
