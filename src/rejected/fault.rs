//! What an object store's failure means: classified once, and told to the user in one sentence each.

use std::error::Error as StdError;
use std::fmt::Write as _;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ConnectorError, ProvideErrorMetadata, SdkError};

use airbyte::Error;

/// What was being done, and the permission that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Write,
    List,
    Delete,
}

/// Where it was being done, for the sentence.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) bucket: String,
    pub(super) region: String,
    pub(super) endpoint: Option<String>,
    pub(super) role_arn: Option<String>,
}

/// The kinds of failure that call for different sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    NoSuchBucket,
    AccessDenied,
    UnknownAccessKey,
    WrongSecret,
    ExpiredCredentials,
    WrongRegion(Option<String>),
    WrongClock,
    InvalidBucketName,
    NoCredentials,
    CredentialsRefused,
    CredentialsUnreachable,
    UploadGone,
    Busy,
    Unreachable,
    Unreadable,
    Refused,
}

impl Fault {
    /// Whether the store is away for a time, and the same call may succeed when it is back.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Busy | Self::Unreachable | Self::CredentialsUnreachable | Self::Unreadable)
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
        // A request that cannot even be built: a bucket name that is no part of a URL, and the like.
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
        // The completion of an upload may fail after it has begun to answer with 200.
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

/// Classifies a call that has no answer by what lies beneath: no credentials, or nobody there.
fn classify_unsent(error: &(dyn StdError + 'static)) -> Option<Fault> {
    let mut credentials = false;
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<CredentialsError>() {
            Some(CredentialsError::CredentialsNotLoaded(_)) => return Some(Fault::NoCredentials),
            Some(CredentialsError::ProviderTimedOut(_)) => return Some(Fault::CredentialsUnreachable),
            Some(_) => credentials = true,
            None => {}
        }
        if let Some(connector) = error.downcast_ref::<ConnectorError>()
            && (connector.is_io() || connector.is_timeout())
        {
            return Some(if credentials { Fault::CredentialsUnreachable } else { Fault::Unreachable });
        }
        cause = error.source();
    }
    credentials.then_some(Fault::CredentialsRefused)
}

/// Tells a failed call in a sentence.
pub(super) fn explain<E>(error: &SdkError<E, HttpResponse>, action: Action, place: &Place) -> Error
where
    E: StdError + ProvideErrorMetadata + 'static,
{
    sentence(&classify(error), action, place).internal(detail(error))
}

/// The sentence for a fault.
pub(super) fn sentence(fault: &Fault, action: Action, place: &Place) -> Error {
    let Place { bucket, region, .. } = place;
    let store = place.endpoint.clone().unwrap_or_else(|| format!("Amazon S3 in {region}"));
    let failed = format!("{} in the rejected-records bucket \"{bucket}\" failed", action.phrase());
    match fault {
        Fault::NoSuchBucket => Error::config(format!(
            "The rejected-records bucket \"{bucket}\" does not exist at {store}. Create it, or correct \
             `s3_bucket_name`."
        )),
        Fault::AccessDenied => Error::config(format!(
            "{failed}: access is denied. Grant the credentials the permission {} on it.",
            action.permission()
        )),
        Fault::UnknownAccessKey => Error::config(format!(
            "{failed}: {store} does not know the access key. Correct `access_key_id`, or the AWS credentials of the \
             connector's environment where that key is not set."
        )),
        Fault::WrongSecret => Error::config(format!(
            "{failed}: {store} refused the signature. Correct `secret_access_key`; it must belong to `access_key_id`."
        )),
        Fault::ExpiredCredentials => Error::config(format!(
            "{failed}: the session token of the AWS credentials is expired or not valid. Renew the credentials of the \
             connector's environment."
        )),
        Fault::WrongRegion(None) => Error::config(format!(
            "{failed}: the bucket is not in the region {region}. Set `s3_bucket_region` to the region of the bucket."
        )),
        Fault::WrongRegion(Some(right)) => Error::config(format!(
            "{failed}: the bucket is in the region {right}, not in {region}. Set `s3_bucket_region` to {right}."
        )),
        Fault::WrongClock => Error::config(format!(
            "{failed}: the clock of this machine differs too much from that of {store}. Set the clock."
        )),
        Fault::InvalidBucketName => invalid_bucket_name(bucket),
        Fault::NoCredentials => Error::config(format!(
            "{failed}: there are no AWS credentials. Set `access_key_id` and `secret_access_key`, or give the \
             connector's environment a role that may use the bucket."
        )),
        Fault::CredentialsRefused => Error::config(match &place.role_arn {
            Some(role) => format!(
                "{failed}: the role {role} could not be assumed. Correct `role_arn`, or let the role's trust policy \
                 admit the credentials in use (and the external id, where it asks for one)."
            ),
            None => format!(
                "{failed}: the connector's environment gave no AWS credentials. Set `access_key_id` and \
                 `secret_access_key`, or correct the role or the profile of the environment."
            ),
        }),
        Fault::CredentialsUnreachable => Error::transient(format!(
            "{failed}: the AWS service that gives out credentials could not be reached, also after several attempts. \
             Check the network."
        )),
        Fault::Busy => Error::transient(format!(
            "{failed}: {store} was busy or had an internal error, also after several attempts. Sync again later."
        )),
        Fault::Unreachable => Error::transient(format!(
            "{failed}: {store} could not be reached, also after several attempts. Check the network, and \
             `s3_endpoint` where it is set."
        )),
        Fault::Unreadable => Error::transient(format!(
            "{failed}: {store} did not answer as an S3 store does. Check `s3_endpoint`, and whether a proxy is in \
             the way."
        )),
        Fault::UploadGone => Error::transient(format!(
            "{failed}: the upload was removed before it was complete, by a lifecycle rule or by someone else. \
             Sync again."
        )),
        Fault::Refused => Error::config(format!(
            "{failed}: {store} refused the request. Check `s3_bucket_name`, `s3_endpoint` and the policies of the \
             bucket."
        )),
    }
}

/// The sentence for a name that no bucket has.
pub(super) fn invalid_bucket_name(bucket: &str) -> Error {
    Error::config(format!(
        "\"{bucket}\" is not a valid name of a bucket. Correct `s3_bucket_name`: the name alone, without `s3://` and \
         without a path."
    ))
}

impl Action {
    fn phrase(self) -> &'static str {
        match self {
            Self::Write => "Writing an object",
            Self::List => "Listing objects",
            Self::Delete => "Deleting an object",
        }
    }

    fn permission(self) -> &'static str {
        match self {
            Self::Write => "s3:PutObject",
            Self::List => "s3:ListBucket",
            Self::Delete => "s3:DeleteObject",
        }
    }
}

/// The store's own words, or the chain of causes. The raw answer is left out: it repeats what was signed.
fn detail<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: StdError + ProvideErrorMetadata + 'static,
{
    let mut text = String::new();
    if let SdkError::ServiceError(context) = error {
        let _ = write!(text, "http {}", context.raw().status().as_u16());
        for part in [context.err().code(), context.err().message()].into_iter().flatten() {
            let _ = write!(text, ", {part}");
        }
        return text;
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        let _ = write!(text, "{}{error}", if text.is_empty() { "" } else { ": " });
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
