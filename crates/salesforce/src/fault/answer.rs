//! Makes a fault of an answer, or of the message of a failed job.

use std::time::Duration;

use serde::Deserialize;

use super::{Fault, FaultKind, Outcome, code, tidy};

/// The shapes of an error: REST answers with an array, some REST pages with a bare object, Bulk API 1.0 with names of
/// its own in a bare object, OAuth with an object of its own (REST API guide, "Status Codes and Error Responses"; Help,
/// "OAuth 2.0 Authorization Errors").
#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Many(Vec<RestError>),
    One(RestError),
    OAuth(OAuthError),
}

#[derive(Deserialize)]
struct RestError {
    #[serde(rename = "errorCode", alias = "exceptionCode")]
    code: String,
    #[serde(default, alias = "exceptionMessage")]
    message: String,
}

/// The body of a refused token request.
#[derive(Deserialize)]
pub(crate) struct OAuthError {
    pub(crate) error: String,
    #[serde(default, rename = "error_description")]
    pub(crate) description: String,
}

impl Fault {
    /// Classifies an answer whose status is not a success. The outcome is known; for a call that must not be made twice
    /// the caller changes that where the answer does not say.
    pub(crate) fn of_answer(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let error = match serde_json::from_slice(body) {
            Ok(Body::Many(errors)) => errors.into_iter().next().map(|error| (error.code, error.message)),
            Ok(Body::One(error)) => Some((error.code, error.message)),
            Ok(Body::OAuth(error)) => Some((error.error, error.description)),
            Err(_) => exception_code(body).map(|code| (code.to_owned(), String::new())),
        };
        let outcome = Outcome::Known;
        let Some((code, message)) = error else {
            let (kind, message) = without_code(status, body);
            return Self {
                kind,
                outcome,
                status: Some(status),
                code: None,
                message: message.to_owned(),
                retry_after,
                is_unconnected: false,
            };
        };
        // A refused second upload is recognised by its text; the code is also used for other errors.
        let kind = if message.starts_with("Found multiple contents for job") {
            FaultKind::InvalidJobState
        } else {
            code::kind_of(&code, &message).unwrap_or_else(|| kind_of_status(status))
        };
        // With such a status Salesforce has not judged the call, whatever the code says.
        let kind = if status >= 500 && kind == FaultKind::Unexpected { FaultKind::Transient } else { kind };
        Self {
            kind,
            outcome,
            status: Some(status),
            code: Some(code),
            message: tidy(&message),
            retry_after,
            is_unconnected: false,
        }
    }

    /// Classifies the `errorMessage` of a job that ended as `Failed`: `<class> : <text>` (Bulk API 2.0 guide,
    /// "Errors").
    pub fn of_failed_job(error_message: &str) -> Self {
        let (class, text) = match error_message.split_once(':') {
            Some((class, text)) if is_class(class.trim()) => (Some(class.trim()), text),
            _ => (None, error_message),
        };
        let kind = match class {
            // A class that is not in the table is a verdict on this job. A text without a class is a trouble of
            // Salesforce itself.
            Some(class) => code::kind_of(class, text).unwrap_or(FaultKind::Configuration),
            None => FaultKind::Transient,
        };
        Self { code: class.map(str::to_owned), ..Self::new(kind, tidy(text)) }
    }
}

fn is_class(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}

/// The code of an error that Bulk API 1.0 sends as XML.
fn exception_code(body: &[u8]) -> Option<&str> {
    let (_, rest) = std::str::from_utf8(body).ok()?.split_once("<exceptionCode>")?;
    let (code, _) = rest.split_once("</exceptionCode>")?;
    is_class(code).then_some(code)
}

/// Classifies an answer that is not one of Salesforce's own error bodies by its status alone.
fn without_code(status: u16, body: &[u8]) -> (FaultKind, &'static str) {
    let body = body.trim_ascii();
    if body.starts_with(b"<") {
        // While an org cannot be reached, the edge in front of it answers in HTML, with any status.
        return (FaultKind::Transient, "an HTML page instead of an answer");
    }
    let kind = kind_of_status(status);
    if body.is_empty() { (kind, "an empty answer") } else { (kind, "an answer without an error code") }
}

/// REST API guide, "Status Codes and Error Responses". A redirect is not followed: the instance has moved, and the next
/// sign-in names the new one. 406 and 408 with an empty body come from the edge and are transient.
fn kind_of_status(status: u16) -> FaultKind {
    match status {
        300..=399 | 406 | 408 | 420 | 425 | 429 | 500.. => FaultKind::Transient,
        401 => FaultKind::SignIn,
        403 => FaultKind::Permission,
        404 => FaultKind::NotFound,
        410 => FaultKind::Configuration,
        _ => FaultKind::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limit;
    use super::*;

    #[test]
    fn every_known_answer_has_its_kind() {
        use FaultKind as K;
        let cases: &[(u16, &str, FaultKind)] = &[
            // Salesforce's own bodies.
            (401, r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#, K::SignIn),
            (401, r#"[{"message":"INVALID_HEADER_TYPE","errorCode":"INVALID_AUTH_HEADER"}]"#, K::SignIn),
            (404, r#"[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]"#, K::NotFound),
            (
                400,
                r#"[{"errorCode":"INVALIDJOBSTATE","message":"Aborting already Completed Job not allowed"}]"#,
                K::InvalidJobState,
            ),
            (
                400,
                r#"[{"errorCode":"INVALIDBATCH","message":"Found multiple contents for job: <750x>"}]"#,
                K::InvalidJobState,
            ),
            (400, r#"[{"errorCode":"WHATEVER","message":"Found multiple contents for job"}]"#, K::InvalidJobState),
            (400, r#"[{"errorCode":"INVALIDBATCH","message":"Found multiple contents for it"}]"#, K::Configuration),
            (
                400,
                r#"[{"errorCode":"INVALIDBATCH","message":"No: Found multiple contents for job"}]"#,
                K::Configuration,
            ),
            (
                403,
                r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#,
                K::LimitReached(Limit::DailyRequests),
            ),
            (
                403,
                r#"[{"message":"ConcurrentPerOrgLongTxn Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#,
                K::LimitReached(Limit::ConcurrentRequests),
            ),
            (
                400,
                r#"[{"message":"ApiBatchItems Limit exceeded.","errorCode":"EXCEEDEDQUOTA"}]"#,
                K::LimitReached(Limit::DailyBatches),
            ),
            (
                400,
                r#"[{"message":"storage limit exceeded","errorCode":"STORAGE_LIMIT_EXCEEDED"}]"#,
                K::LimitReached(Limit::Storage),
            ),
            (403, r#"[{"message":"m","errorCode":"LIMIT_EXCEEDED"}]"#, K::LimitReached(Limit::Other)),
            (400, r#"[{"message":"m","errorCode":"TOO_MANY_JOBS"}]"#, K::LimitReached(Limit::Other)),
            (400, r#"[{"message":"hardDelete","errorCode":"FEATURENOTENABLED"}]"#, K::Permission),
            (403, r#"[{"message":"m","errorCode":"API_DISABLED_FOR_ORG"}]"#, K::Permission),
            (403, r#"[{"message":"m","errorCode":"API_CURRENTLY_DISABLED"}]"#, K::Permission),
            (403, r#"[{"message":"m","errorCode":"FUNCTIONALITY_NOT_ENABLED"}]"#, K::Permission),
            (403, r#"[{"message":"m","errorCode":"INSUFFICIENT_ACCESS"}]"#, K::Permission),
            (403, r#"[{"message":"m","errorCode":"INSUFFICIENT_ACCESS_OR_READONLY"}]"#, K::Permission),
            (403, r#"[{"message":"m","errorCode":"TXN_SECURITY_METERING_ERROR"}]"#, K::Permission),
            (403, r#"[{"message":"m","errorCode":"A_NEW_REASON"}]"#, K::Permission),
            (
                400,
                r#"[{"message":"x is not supported by the Bulk API","errorCode":"INVALIDENTITY"}]"#,
                K::Configuration,
            ),
            (400, r#"[{"message":"External ID was blank for Contact.","errorCode":"INVALIDJOB"}]"#, K::Configuration),
            (400, r#"[{"message":"m","errorCode":"INVALID_FIELD","fields":["A__c"]}]"#, K::Configuration),
            (410, r#"[{"message":"m","errorCode":"UNSUPPORTED_API_VERSION"}]"#, K::Configuration),
            // Queries.
            (
                400,
                r#"[{"message":"field 'Description' can not be filtered in a query call","errorCode":"INVALID_FIELD"}]"#,
                K::Configuration,
            ),
            (400, r#"[{"message":"unexpected token: 'x'","errorCode":"MALFORMED_QUERY"}]"#, K::Configuration),
            (
                400,
                r#"[{"message":"invalid ID field: 42","errorCode":"INVALID_QUERY_FILTER_OPERATOR"}]"#,
                K::Configuration,
            ),
            (
                400,
                r#"[{"message":"entity type X does not support query","errorCode":"INVALID_TYPE_FOR_OPERATION"}]"#,
                K::Configuration,
            ),
            (400, r#"[{"message":"m","errorCode":"QUERY_TOO_COMPLICATED"}]"#, K::Configuration),
            (
                400,
                r#"[{"message":"Implementation restriction: filter by Id","errorCode":"API_ERROR"}]"#,
                K::Configuration,
            ),
            (400, r#"[{"message":"exceeded 100000 distinct ids","errorCode":"OPERATION_TOO_LARGE"}]"#, K::Permission),
            (
                400,
                r#"[{"message":"Your query request was running for too long.","errorCode":"QUERY_TIMEOUT"}]"#,
                K::Transient,
            ),
            (400, r#"[{"message":"invalid query locator","errorCode":"INVALID_QUERY_LOCATOR"}]"#, K::Transient),
            (
                400,
                r#"[{"message":"Max bulk v2 query jobs (10000) per 24 hrs has been reached (10000)","errorCode":"EXCEEDEDQUOTA"}]"#,
                K::LimitReached(Limit::Other),
            ),
            (
                400,
                r#"[{"message":"Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded","errorCode":"API_ERROR"}]"#,
                K::LimitReached(Limit::Other),
            ),
            (400, r#"[{"message":"m","errorCode":"JSON_PARSER_ERROR"}]"#, K::Unexpected),
            (400, r#"[{"message":"m","errorCode":"UNABLE_TO_LOCK_ROW"}]"#, K::Transient),
            (500, r#"[{"message":"m","errorCode":"UNKNOWN_EXCEPTION"}]"#, K::Transient),
            (503, r#"[{"message":"m","errorCode":"SERVER_UNAVAILABLE"}]"#, K::Transient),
            (500, r#"[{"message":"m","errorCode":"API_ERROR"}]"#, K::Transient),
            (500, r#"[{"message":"m","errorCode":"CLIENTINPUTERROR"}]"#, K::Transient),
            (400, r#"[{"message":"m","errorCode":"CLIENTINPUTERROR"}]"#, K::Unexpected),
            (499, r#"[{"message":"m","errorCode":"CLIENTINPUTERROR"}]"#, K::Unexpected),
            (500, r#"[{"message":"m","errorCode":"INVALID_FIELD"}]"#, K::Configuration),
            (503, r#"[{"message":"m","errorCode":"INVALID_SESSION_ID"}]"#, K::SignIn),
            (500, r#"[{"message":"m","errorCode":"STORAGE_LIMIT_EXCEEDED"}]"#, K::LimitReached(Limit::Storage)),
            (429, r#"[{"message":"m","errorCode":"RATE"}]"#, K::Transient),
            // The other shapes.
            (400, r#"{"message":"m","errorCode":"INVALIDJOBSTATE"}"#, K::InvalidJobState),
            (403, r#"{"error":"Bad_OAuth_Token","error_description":"d"}"#, K::Permission),
            (300, r#"["/services/data/v62.0/sobjects/Account/001"]"#, K::Transient),
            (400, "[]", K::Unexpected),
            (400, "{}", K::Unexpected),
            (404, r#"[{"message":"cut off"#, K::NotFound),
            // Bodies that Salesforce's own code did not write.
            (503, "<html><body>Down for maintenance</body></html>", K::Transient),
            (404, "\n <!DOCTYPE html><title>Setting things up</title>", K::Transient),
            (403, "<html>", K::Transient),
            (420, "", K::Transient),
            (406, "", K::Transient),
            (408, "", K::Transient),
            (429, "", K::Transient),
            (500, "", K::Transient),
            (502, "", K::Transient),
            (504, "upstream", K::Transient),
            (300, "", K::Transient),
            (302, "", K::Transient),
            (399, "", K::Transient),
            (425, "", K::Transient),
            (599, "", K::Transient),
            (410, "", K::Configuration),
            (405, "", K::Unexpected),
            (499, "", K::Unexpected),
            (401, "", K::SignIn),
            (403, "", K::Permission),
            (404, "", K::NotFound),
            (400, "", K::Unexpected),
            (413, "", K::Unexpected),
            (431, "", K::Unexpected),
        ];
        for (status, body, kind) in cases {
            assert_eq!(Fault::of_answer(*status, None, body.as_bytes()).kind(), *kind, "{status} {body}");
        }
    }

    #[test]
    fn every_shape_of_an_error_has_its_code_and_its_message() {
        let xml = |code: &str| format!("<error><exceptionCode>{code}</exceptionCode><x>m</x></error>");
        for (body, code, message) in [
            (r#"[{"errorCode":"A_B","message":"one."},{"errorCode":"C","message":"two"}]"#, Some("A_B"), "one"),
            (r#"[{"errorCode":"A_B"}]"#, Some("A_B"), ""),
            (r#"{"errorCode":"A_B","message":"m"}"#, Some("A_B"), "m"),
            (r#"{"exceptionCode":"InvalidBatch","exceptionMessage":"m"}"#, Some("InvalidBatch"), "m"),
            (r#"{"error":"Bad_OAuth_Token","error_description":"d"}"#, Some("Bad_OAuth_Token"), "d"),
            (r#"{"error":"invalid_grant"}"#, Some("invalid_grant"), ""),
            (&xml("InvalidBatch"), Some("InvalidBatch"), ""),
            (&xml("INVALID_BATCH"), Some("INVALID_BATCH"), ""),
            (&xml("no code"), None, "an HTML page instead of an answer"),
            (&xml(""), None, "an HTML page instead of an answer"),
            ("<exceptionCode>InvalidBatch<br>", None, "an HTML page instead of an answer"),
            ("<exceptionCode>InvalidBatch", None, "an HTML page instead of an answer"),
            (" <html>", None, "an HTML page instead of an answer"),
            ("", None, "an empty answer"),
            (" \r\n", None, "an empty answer"),
            ("upstream <a>", None, "an answer without an error code"),
            ("[]", None, "an answer without an error code"),
        ] {
            let fault = Fault::of_answer(400, Some(Duration::from_secs(3)), body.as_bytes());
            assert_eq!((fault.code(), fault.message()), (code, message), "{body}");
            assert_eq!((fault.status(), fault.retry_after()), (Some(400), Some(Duration::from_secs(3))), "{body}");
            assert!(fault.outcome() == Outcome::Known && !fault.is_unconnected(), "{body}");
        }
    }

    #[test]
    fn a_fault_keeps_the_message_of_the_answer() {
        let body = br#"[{"errorCode":"INVALIDBATCH","message":"The \u0027delete\u0027 batch must contain only ids."}]"#;
        let fault = Fault::of_answer(400, Some(Duration::from_secs(3)), body);
        assert_eq!(fault.code(), Some("INVALIDBATCH"));
        assert_eq!(fault.status(), Some(400));
        assert_eq!(fault.message(), "The 'delete' batch must contain only ids");
        assert_eq!(fault.retry_after(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_failed_job_is_classified_by_the_class_in_its_message() {
        use FaultKind as K;
        for (text, kind, code) in [
            ("InvalidBatch : Field name not found : Nmae", K::Configuration, Some("InvalidBatch")),
            ("InvalidBatch : The 'delete' batch must contain only ids", K::Configuration, Some("InvalidBatch")),
            ("InvalidBatch : Unable to find relationship: Account", K::Configuration, Some("InvalidBatch")),
            (
                "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
                K::Unexpected,
                Some("ClientInputError"),
            ),
            (
                "ExceededQuota : ApiBatchItems Limit exceeded",
                K::LimitReached(Limit::DailyBatches),
                Some("ExceededQuota"),
            ),
            ("TooManyLockFailure : Too many lock failure 200", K::Transient, Some("TooManyLockFailure")),
            ("Timeout: took too long", K::Transient, Some("Timeout")),
            ("FeatureNotEnabled : hardDelete", K::Permission, Some("FeatureNotEnabled")),
            ("NewClass : something", K::Configuration, Some("NewClass")),
            ("InternalServerError : try again", K::Transient, Some("InternalServerError")),
            ("Batch failed: retried 20 times", K::Transient, None),
            ("INVALID_FIELD: no such column", K::Configuration, Some("INVALID_FIELD")),
            (" InvalidBatch :no", K::Configuration, Some("InvalidBatch")),
            ("Error12: no", K::Transient, None),
            (" : no", K::Transient, None),
            ("no class at all", K::Transient, None),
            ("", K::Transient, None),
        ] {
            let fault = Fault::of_failed_job(text);
            assert_eq!((fault.kind(), fault.code()), (kind, code), "{text}");
        }
        let fault = Fault::of_failed_job("InvalidBatch : Field name not found : Nmae");
        assert_eq!(fault.message(), "Field name not found : Nmae");
    }
}
