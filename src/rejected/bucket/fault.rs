//! What a failed call to the bucket means. [`classify`] is the only place that reads an error of the SDK.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ConnectorError, ProvideErrorMetadata, SdkError};

/// What went wrong, as far as the user has to do something else about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    NoSuchBucket,
    AccessDenied,
    UnknownAccessKey,
    WrongSecret,
    ExpiredCredentials,
    /// The bucket is in another region, which the store may name.
    WrongRegion(Option<String>),
    /// The clock of this machine is too far off for a signature.
    WrongClock,
    InvalidBucketName,
    /// No access key is configured, and the environment has no credentials either.
    NoCredentials,
    /// The service that issues credentials issued none.
    CredentialsRefused,
    CredentialsUnreachable,
    /// The upload does not exist, or no longer.
    UploadGone,
    /// The store is overloaded or has an internal error.
    Busy,
    Unreachable,
    /// The answer is not one of an S3 store.
    Unreadable,
    /// The store refused the request for any other reason.
    Refused,
}

impl Fault {
    /// What happened, in a few words for the log.
    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::NoSuchBucket => "there is no such bucket",
            Self::AccessDenied => "access is denied",
            Self::UnknownAccessKey => "the access key is not known",
            Self::WrongSecret => "the signature is wrong",
            Self::ExpiredCredentials => "the credentials are expired",
            Self::WrongRegion(_) => "the bucket is in another region",
            Self::WrongClock => "the clock of this machine is wrong",
            Self::InvalidBucketName => "the name of the bucket is not valid",
            Self::NoCredentials => "there are no credentials",
            Self::CredentialsRefused => "credentials are refused",
            Self::CredentialsUnreachable => "the service that issues credentials cannot be reached",
            Self::UploadGone => "the upload does not exist",
            Self::Busy => "the store is busy",
            Self::Unreachable => "the store cannot be reached",
            Self::Unreadable => "the answer is not that of an S3 store",
            Self::Refused => "the store refused the request",
        }
    }

    /// Whether the same call may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Unreachable | Self::CredentialsUnreachable | Self::Unreadable)
    }
}

/// A success that lacks what every store answers with, such as an ETag (Amazon S3 API Reference, "PutObject"). It may
/// come from something else, such as a proxy, and proves nothing.
#[derive(Debug, thiserror::Error)]
#[error("the answer has no {0}")]
pub(super) struct Unproven(&'static str);

impl Unproven {
    /// Requires a part of an answer.
    pub(super) fn require<T>(part: Option<T>, name: &'static str) -> std::result::Result<T, Self> {
        part.ok_or(Self(name))
    }
}

/// Classifies a failed call.
pub(super) fn classify<E>(error: &SdkError<E, HttpResponse>) -> Fault
where
    E: StdError + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let region = context.raw().headers().get("x-amz-bucket-region").map(str::to_owned);
            classify_answer(context.raw().status().as_u16(), context.err().code(), region)
        }
        SdkError::ResponseError(_) => Fault::Unreadable,
        // The request could not be built, or its answer is no proof.
        SdkError::ConstructionFailure(_) => classify_unsent(error).unwrap_or(Fault::Refused),
        _ => classify_unsent(error).unwrap_or(Fault::Unreachable),
    }
}

/// Classifies an answer by its status and error code (Amazon S3 API Reference, "Error responses").
fn classify_answer(status: u16, code: Option<&str>, region: Option<String>) -> Fault {
    match code.unwrap_or_default() {
        "NoSuchBucket" => Fault::NoSuchBucket,
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => Fault::AccessDenied,
        "InvalidAccessKeyId" | "InvalidClientTokenId" | "UnrecognizedClientException" => Fault::UnknownAccessKey,
        "SignatureDoesNotMatch" => Fault::WrongSecret,
        "ExpiredToken" | "ExpiredTokenException" | "InvalidToken" | "TokenRefreshRequired" => Fault::ExpiredCredentials,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            Fault::WrongRegion(region)
        }
        "RequestTimeTooSkewed" => Fault::WrongClock,
        "InvalidBucketName" => Fault::InvalidBucketName,
        "NoSuchUpload" => Fault::UploadGone,
        "RequestTimeout" | "OperationAborted" | "BadDigest" | "IncompleteBody" => Fault::Busy,
        // Completing an upload can fail after the answer has started with 200.
        "InternalError" | "ServiceUnavailable" | "SlowDown" => Fault::Busy,
        _ => match status {
            200..=299 => Fault::Unreadable,
            301 | 307 => Fault::WrongRegion(region),
            401 | 403 => Fault::AccessDenied,
            408 | 409 | 425 | 429 | 500.. => Fault::Busy,
            _ => Fault::Refused,
        },
    }
}

/// Classifies a call without an answer by its causes: no credentials, or no connection.
fn classify_unsent(error: &(dyn StdError + 'static)) -> Option<Fault> {
    let mut needs_credentials = false;
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<Unproven>() {
            return Some(Fault::Unreadable);
        }
        match error.downcast_ref::<CredentialsError>() {
            Some(CredentialsError::CredentialsNotLoaded(_)) => return Some(Fault::NoCredentials),
            Some(CredentialsError::ProviderTimedOut(_)) => return Some(Fault::CredentialsUnreachable),
            Some(_) => needs_credentials = true,
            None => {}
        }
        if let Some(connector) = error.downcast_ref::<ConnectorError>()
            && (connector.is_io() || connector.is_timeout())
        {
            return Some(if needs_credentials { Fault::CredentialsUnreachable } else { Fault::Unreachable });
        }
        cause = error.source();
    }
    needs_credentials.then_some(Fault::CredentialsRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_classified_by_code_then_by_status() {
        use Fault::*;
        let cases = [
            (404, "NoSuchBucket", NoSuchBucket),
            (404, "NoSuchUpload", UploadGone),
            (404, "NoSuchKey", Refused),
            (403, "AccessDenied", AccessDenied),
            (403, "AllAccessDisabled", AccessDenied),
            (403, "InvalidAccessKeyId", UnknownAccessKey),
            (403, "SignatureDoesNotMatch", WrongSecret),
            (403, "AccountProblem", AccessDenied),
            (403, "InvalidClientTokenId", UnknownAccessKey),
            (400, "UnrecognizedClientException", UnknownAccessKey),
            (400, "ExpiredTokenException", ExpiredCredentials),
            (400, "TokenRefreshRequired", ExpiredCredentials),
            (400, "BadDigest", Busy),
            (400, "IncompleteBody", Busy),
            (408, "", Busy),
            (409, "", Busy),
            (425, "", Busy),
            (429, "", Busy),
            (500, "", Busy),
            (404, "", Refused),
            (299, "", Unreadable),
            (300, "", Refused),
            (307, "", WrongRegion(None)),
            (400, "ExpiredToken", ExpiredCredentials),
            (400, "InvalidToken", ExpiredCredentials),
            (301, "PermanentRedirect", WrongRegion(None)),
            (400, "AuthorizationHeaderMalformed", WrongRegion(None)),
            (400, "IllegalLocationConstraintException", WrongRegion(None)),
            (307, "TemporaryRedirect", WrongRegion(None)),
            (301, "", WrongRegion(None)),
            (403, "RequestTimeTooSkewed", WrongClock),
            (400, "InvalidBucketName", InvalidBucketName),
            (400, "RequestTimeout", Busy),
            (409, "OperationAborted", Busy),
            (503, "SlowDown", Busy),
            (503, "ServiceUnavailable", Busy),
            (429, "TooManyRequests", Busy),
            (500, "InternalError", Busy),
            (502, "", Busy),
            (403, "", AccessDenied),
            (401, "", AccessDenied),
            (400, "InvalidRequest", Refused),
            (501, "NotImplemented", Busy),
            (418, "", Refused),
            (200, "InternalError", Busy),
            (200, "SlowDown", Busy),
            (200, "", Unreadable),
        ];
        for (status, code, expected) in cases {
            let code = Some(code).filter(|code| !code.is_empty());
            assert_eq!(classify_answer(status, code, None), expected, "{status} {code:?}");
        }
        let region = Some("us-west-2".to_owned());
        assert_eq!(classify_answer(301, Some("PermanentRedirect"), region.clone()), WrongRegion(region));
    }

    #[test]
    fn a_call_without_an_answer_is_classified_by_its_cause() {
        type Cause = SdkError<aws_sdk_s3::operation::put_object::PutObjectError, HttpResponse>;
        let refused = || ConnectorError::io("connection refused".into());
        let credentials = |error: CredentialsError| Cause::dispatch_failure(ConnectorError::other(error.into(), None));
        let token_service = Cause::dispatch_failure(refused());
        let slow_token_service = Cause::dispatch_failure(ConnectorError::timeout("connect".into()));
        let cases = [
            (Cause::dispatch_failure(refused()), Fault::Unreachable),
            (Cause::dispatch_failure(ConnectorError::timeout("connect".into())), Fault::Unreachable),
            (Cause::timeout_error("attempt"), Fault::Unreachable),
            (Cause::construction_failure("no such host"), Fault::Refused),
            (credentials(CredentialsError::not_loaded_no_source()), Fault::NoCredentials),
            (
                credentials(CredentialsError::provider_timed_out(std::time::Duration::from_secs(1))),
                Fault::CredentialsUnreachable,
            ),
            (credentials(CredentialsError::provider_error("not trusted")), Fault::CredentialsRefused),
            (credentials(CredentialsError::invalid_configuration("profile")), Fault::CredentialsRefused),
            (credentials(CredentialsError::provider_error(token_service)), Fault::CredentialsUnreachable),
            (credentials(CredentialsError::provider_error(slow_token_service)), Fault::CredentialsUnreachable),
        ];
        for (error, expected) in cases {
            assert_eq!(classify(&error), expected, "{error:?}");
        }
    }
}
