//! Salesforce's error codes, and what each means.

use super::{FaultKind, Limit};

/// Codes as [`normalize`] spells them.
///
/// Sources: SOAP API guide, "ExceptionCode"; REST API guide, "Status Codes and Error Responses"; Bulk API 2.0 guide,
/// "Errors", whose class names are the `errorCode` of an answer in capitals and without underscores.
const CODES: &[(&str, FaultKind)] = &[
    ("UNABLETOLOCKROW", FaultKind::Transient),
    ("TOOMANYLOCKFAILURE", FaultKind::Transient),
    ("SERVERUNAVAILABLE", FaultKind::Transient),
    ("REQUESTRUNNINGTOOLONG", FaultKind::Transient),
    ("QUERYTIMEOUT", FaultKind::Transient),
    ("TIMEOUT", FaultKind::Transient),
    ("TOOMANYAPEXREQUESTS", FaultKind::Transient),
    ("TXNSECURITYRUNTIMEERROR", FaultKind::Transient),
    ("ORGINMAINTENANCE", FaultKind::Transient),
    ("INSERTUPDATEDELETENOTALLOWEDDURINGMAINTENANCE", FaultKind::Transient),
    ("FUNCTIONALITYTEMPORARILYUNAVAILABLE", FaultKind::Transient),
    ("UNKNOWNEXCEPTION", FaultKind::Transient),
    ("UNKNOWN", FaultKind::Transient),
    ("INTERNALSERVERERROR", FaultKind::Transient),
    ("REQUESTLIMITEXCEEDED", FaultKind::LimitReached(Limit::DailyRequests)),
    ("EXCEEDEDQUOTA", FaultKind::LimitReached(Limit::DailyBatches)),
    ("STORAGELIMITEXCEEDED", FaultKind::LimitReached(Limit::Storage)),
    ("LIMITEXCEEDED", FaultKind::LimitReached(Limit::Other)),
    ("TOOMANYJOBS", FaultKind::LimitReached(Limit::Other)),
    ("INVALIDSESSIONID", FaultKind::SignIn),
    ("INVALIDAUTHHEADER", FaultKind::SignIn),
    ("TXNSECURITYENDASESSION", FaultKind::SignIn),
    ("INSUFFICIENTACCESS", FaultKind::Permission),
    ("INSUFFICIENTACCESSORREADONLY", FaultKind::Permission),
    ("INSUFFICIENTACCESSONCROSSREFERENCEENTITY", FaultKind::Permission),
    ("APIDISABLEDFORORG", FaultKind::Permission),
    // Its text is "API is disabled for this User".
    ("APICURRENTLYDISABLED", FaultKind::Permission),
    ("FUNCTIONALITYNOTENABLED", FaultKind::Permission),
    ("FEATURENOTENABLED", FaultKind::Permission),
    ("TXNSECURITYNOACCESS", FaultKind::Permission),
    // The permission "Exempt from Transaction Security" prevents it.
    ("TXNSECURITYMETERINGERROR", FaultKind::Permission),
    ("INVALIDUSER", FaultKind::Permission),
    ("NOTFOUND", FaultKind::NotFound),
    ("INVALIDENTITY", FaultKind::Configuration),
    ("INVALIDBATCH", FaultKind::Configuration),
    ("INVALIDJOB", FaultKind::Configuration),
    ("INVALIDOPERATION", FaultKind::Configuration),
    ("INVALIDFIELD", FaultKind::Configuration),
    ("INVALIDTYPE", FaultKind::Configuration),
    // Queries: the object or a field of the condition is not one for this query.
    ("MALFORMEDQUERY", FaultKind::Configuration),
    ("INVALIDQUERYFILTEROPERATOR", FaultKind::Configuration),
    ("INVALIDTYPEFOROPERATION", FaultKind::Configuration),
    ("QUERYTOOCOMPLICATED", FaultKind::Configuration),
    // The answer names "View All Data".
    ("OPERATIONTOOLARGE", FaultKind::Permission),
    // The locator of a next page lives two days. The query can be made again.
    ("INVALIDQUERYLOCATOR", FaultKind::Transient),
    ("UNSUPPORTEDAPIVERSION", FaultKind::Configuration),
    ("INVALIDJOBSTATE", FaultKind::InvalidJobState),
    // The results of a query job are read too early ("Get Results for a Query Job" of release 222.0).
    ("JOBNOTCOMPLETE", FaultKind::InvalidJobState),
    // The caller writes the CSV, so this is a defect of the program.
    ("CLIENTINPUTERROR", FaultKind::Unexpected),
];

/// The limits of query jobs: "Max bulk v2 query jobs (10000) per 24 hrs has been reached", and the size of their results.
/// People report them with several codes.
const QUERY_JOBS: &str = "Max bulk v2 query";

/// A query that the object does not allow, such as one without a certain filter. Its code is `API_ERROR`.
const RESTRICTION: &str = "Implementation restriction";

/// A compound field, such as an address, in a query job. Its code is `API_ERROR`.
const COMPOUND: &str = "Selecting compound data not supported";

/// What a code means, if it is known. Two limits share one code; the message says which of them is reached.
pub(super) fn kind_of(code: &str, message: &str) -> Option<FaultKind> {
    let code = normalize(code);
    if message.contains(QUERY_JOBS) {
        return Some(FaultKind::LimitReached(Limit::Other));
    }
    if message.contains(RESTRICTION) || message.contains(COMPOUND) {
        return Some(FaultKind::Configuration);
    }
    let (_, kind) = CODES.iter().find(|(known, _)| *known == code)?;
    if *kind == FaultKind::LimitReached(Limit::DailyRequests) && message.contains("Concurrent") {
        return Some(FaultKind::LimitReached(Limit::ConcurrentRequests));
    }
    Some(*kind)
}

/// Whether a code says that the session has ended.
pub(super) fn is_session_lost(code: &str) -> bool {
    normalize(code) == "INVALIDSESSIONID"
}

/// One spelling for `InvalidJobState`, `INVALIDJOBSTATE` and `INVALID_JOB_STATE`.
fn normalize(code: &str) -> String {
    code.chars().filter(|c| *c != '_').map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_normalized_and_has_each_code_once() {
        for (index, (code, _)) in CODES.iter().enumerate() {
            assert_eq!(normalize(code), *code);
            assert!(CODES[..index].iter().all(|(earlier, _)| earlier != code), "{code}");
        }
    }

    #[test]
    fn a_code_is_known_in_every_spelling() {
        for code in ["InvalidJobState", "INVALIDJOBSTATE", "INVALID_JOB_STATE"] {
            assert_eq!(kind_of(code, ""), Some(FaultKind::InvalidJobState));
        }
        assert_eq!(kind_of("SOMETHING_NEW", ""), None);
        assert_eq!(kind_of("", ""), None);
    }

    /// The codes as Salesforce spells them.
    #[test]
    fn each_code_has_its_kind() {
        use FaultKind as K;
        let codes: [(FaultKind, &[&str]); 11] = [
            (
                K::Transient,
                &[
                    "UNABLE_TO_LOCK_ROW",
                    "TooManyLockFailure",
                    "SERVER_UNAVAILABLE",
                    "REQUEST_RUNNING_TOO_LONG",
                    "QUERY_TIMEOUT",
                    "Timeout",
                    "TOO_MANY_APEX_REQUESTS",
                    "TXN_SECURITY_RUNTIME_ERROR",
                    "ORG_IN_MAINTENANCE",
                    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
                    "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE",
                    "UNKNOWN_EXCEPTION",
                    "Unknown",
                    "InternalServerError",
                    "INVALID_QUERY_LOCATOR",
                ],
            ),
            (K::LimitReached(Limit::DailyRequests), &["REQUEST_LIMIT_EXCEEDED"]),
            (K::LimitReached(Limit::DailyBatches), &["ExceededQuota"]),
            (K::LimitReached(Limit::Storage), &["STORAGE_LIMIT_EXCEEDED"]),
            (K::LimitReached(Limit::Other), &["LIMIT_EXCEEDED", "TooManyJobs"]),
            (K::SignIn, &["INVALID_SESSION_ID", "INVALID_AUTH_HEADER", "TXN_SECURITY_END_A_SESSION"]),
            (
                K::Permission,
                &[
                    "INSUFFICIENT_ACCESS",
                    "INSUFFICIENT_ACCESS_OR_READONLY",
                    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                    "API_DISABLED_FOR_ORG",
                    "API_CURRENTLY_DISABLED",
                    "FUNCTIONALITY_NOT_ENABLED",
                    "FeatureNotEnabled",
                    "TXN_SECURITY_NO_ACCESS",
                    "TXN_SECURITY_METERING_ERROR",
                    "InvalidUser",
                    "OPERATION_TOO_LARGE",
                ],
            ),
            (K::NotFound, &["NOT_FOUND"]),
            (
                K::Configuration,
                &[
                    "InvalidEntity",
                    "InvalidBatch",
                    "InvalidJob",
                    "InvalidOperation",
                    "INVALID_FIELD",
                    "INVALID_TYPE",
                    "MALFORMED_QUERY",
                    "INVALID_QUERY_FILTER_OPERATOR",
                    "INVALID_TYPE_FOR_OPERATION",
                    "QUERY_TOO_COMPLICATED",
                    "UNSUPPORTED_API_VERSION",
                ],
            ),
            (K::InvalidJobState, &["InvalidJobState", "JobNotComplete"]),
            (K::Unexpected, &["ClientInputError"]),
        ];
        for (kind, codes) in codes {
            for code in codes {
                assert_eq!(kind_of(code, "message"), Some(kind), "{code}");
            }
        }
        let known: usize = codes.iter().map(|(_, codes)| codes.len()).sum();
        assert_eq!(known, CODES.len(), "each code is here");
    }

    #[test]
    fn some_messages_decide_and_others_do_not() {
        use FaultKind as K;
        let other = Some(K::LimitReached(Limit::Other));
        for (code, message, kind) in [
            ("API_ERROR", "Max bulk v2 query jobs (10000) per 24 hrs has been reached (10000)", other),
            ("EXCEEDEDQUOTA", "So: Max bulk v2 query result size", other),
            ("EXCEEDEDQUOTA", "Max bulk v2 ingest", Some(K::LimitReached(Limit::DailyBatches))),
            ("API_ERROR", "Max bulk v2 ingest", None),
            ("API_ERROR", "So: Implementation restriction: filter by Id", Some(K::Configuration)),
            ("API_ERROR", "Implementation: filter by Id", None),
            ("API_ERROR", "So: Selecting compound data not supported in Bulk Query", Some(K::Configuration)),
            ("API_ERROR", "Selecting compound data", None),
            ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit", Some(K::LimitReached(Limit::DailyRequests))),
            ("REQUEST_LIMIT_EXCEEDED", "A Concurrent limit", Some(K::LimitReached(Limit::ConcurrentRequests))),
            ("ExceededQuota", "A Concurrent limit", Some(K::LimitReached(Limit::DailyBatches))),
            ("API_ERROR", "A Concurrent limit", None),
        ] {
            assert_eq!(kind_of(code, message), kind, "{code} {message}");
        }
    }

    #[test]
    fn a_session_is_lost_by_one_code_alone() {
        for (code, expected) in
            [("INVALID_SESSION_ID", true), ("InvalidSessionId", true), ("INVALID_AUTH_HEADER", false), ("", false)]
        {
            assert_eq!(is_session_lost(code), expected, "{code}");
        }
    }
}
