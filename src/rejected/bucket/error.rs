//! What the user reads when a call to the bucket fails: one sentence for each fault.

use std::error::Error as StdError;
use std::fmt::Write as _;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::fault::{Fault, classify};
use crate::rejected::settings::BucketName;
use crate::rejected::storage::Action;
use airbyte::Error;

/// What an error says about the bucket and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) bucket: BucketName,
    pub(super) region: String,
    pub(super) endpoint: Option<String>,
    pub(super) role_arn: Option<String>,
}

/// The error for a failed call.
pub(super) fn call_error<E>(error: &SdkError<E, HttpResponse>, action: Action, location: &Location) -> Error
where
    E: StdError + ProvideErrorMetadata + 'static,
{
    fault_error(&classify(error), action, location).internal(detail(error))
}

/// The error for a fault.
pub(super) fn fault_error(fault: &Fault, action: Action, location: &Location) -> Error {
    let Location { bucket, region, .. } = location;
    let store = location.endpoint.clone().unwrap_or_else(|| format!("Amazon S3 in {region}"));
    let failed = format!("{} in the rejected-records bucket \"{bucket}\" failed", action.phrase());
    match fault {
        Fault::NoSuchBucket => Error::config(format!(
            "The rejected-records bucket \"{bucket}\" does not exist at {store}. Create it, or correct \
             `s3_bucket_name`."
        )),
        Fault::AccessDenied => Error::config(format!(
            "{failed}: access is denied. Grant the credentials the permission {} on it.",
            permission(action)
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
        Fault::InvalidBucketName => Error::config(format!(
            "\"{bucket}\" is not a valid bucket name. Correct `s3_bucket_name`: the name alone, without `s3://` and \
             without a path."
        )),
        Fault::NoCredentials => Error::config(format!(
            "{failed}: there are no AWS credentials. Set `access_key_id` and `secret_access_key`, or give the \
             connector's environment a role that may use the bucket."
        )),
        Fault::CredentialsRefused => Error::config(match &location.role_arn {
            Some(role) => format!(
                "{failed}: the role {role} could not be assumed. Correct `role_arn`, or let the role's trust policy \
                 allow the credentials in use (and the external id, if it requires one)."
            ),
            None => format!(
                "{failed}: the connector's environment provides no AWS credentials. Set `access_key_id` and \
                 `secret_access_key`, or correct the role or the profile of the environment."
            ),
        }),
        Fault::CredentialsUnreachable => Error::transient(format!(
            "{failed}: the AWS service that issues credentials could not be reached, even after several attempts. \
             Check the network."
        )),
        Fault::Busy => Error::transient(format!(
            "{failed}: {store} was busy or had an internal error, even after several attempts. Sync again later."
        )),
        Fault::Unreachable => Error::transient(format!(
            "{failed}: {store} could not be reached, even after several attempts. Check the network, and `s3_endpoint` \
             where it is set."
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

/// The permission that a call needs.
fn permission(action: Action) -> &'static str {
    match action {
        Action::Write => "s3:PutObject",
        Action::Read => "s3:GetObject",
        Action::List => "s3:ListBucket",
        Action::Delete => "s3:DeleteObject",
    }
}

/// The code and message of the store, or the chain of causes. The raw answer is left out, because it repeats the signed
/// request.
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
mod tests {
    use super::*;
    use airbyte::FailureType;

    fn location() -> Location {
        Location {
            bucket: BucketName::parse("acme-rejects").unwrap(),
            region: "eu-central-1".to_owned(),
            endpoint: None,
            role_arn: Some("arn:aws:iam::000000000000:role/rejects".to_owned()),
        }
    }

    #[test]
    fn every_error_says_who_has_to_act_and_what_to_change() {
        use FailureType::{Config, Transient};
        let cases: &[(Fault, FailureType, &[&str])] = &[
            (Fault::NoSuchBucket, Config, &["\"acme-rejects\"", "Amazon S3 in eu-central-1", "`s3_bucket_name`"]),
            (Fault::AccessDenied, Config, &["\"acme-rejects\"", "s3:PutObject"]),
            (Fault::UnknownAccessKey, Config, &["`access_key_id`"]),
            (Fault::WrongSecret, Config, &["`secret_access_key`"]),
            (Fault::ExpiredCredentials, Config, &["session token"]),
            (Fault::WrongRegion(None), Config, &["eu-central-1", "`s3_bucket_region`"]),
            (Fault::WrongRegion(Some("us-west-2".to_owned())), Config, &["Set `s3_bucket_region` to us-west-2"]),
            (Fault::WrongClock, Config, &["clock"]),
            (Fault::InvalidBucketName, Config, &["\"acme-rejects\" is not a valid bucket name", "`s3_bucket_name`"]),
            (Fault::NoCredentials, Config, &["`access_key_id` and `secret_access_key`"]),
            (Fault::CredentialsRefused, Config, &["role/rejects", "`role_arn`", "trust policy"]),
            (Fault::CredentialsUnreachable, Transient, &["issues credentials"]),
            (Fault::UploadGone, Transient, &["lifecycle"]),
            (Fault::Busy, Transient, &["busy", "later"]),
            (Fault::Unreachable, Transient, &["could not be reached", "`s3_endpoint`"]),
            (Fault::Unreadable, Transient, &["`s3_endpoint`"]),
            (Fault::Refused, Config, &["refused the request"]),
        ];
        for (fault, failure_type, parts) in cases {
            let error = fault_error(fault, Action::Write, &location());
            assert_eq!(error.failure_type(), *failure_type, "{fault:?}");
            // The upload is gone for good, and another sync makes a new one.
            let is_waited_for = *failure_type == Transient && *fault != Fault::UploadGone;
            assert_eq!(fault.is_transient(), is_waited_for, "{fault:?}");
            for part in *parts {
                assert!(error.message().contains(part), "{fault:?}: {error}");
            }
            assert!(error.message().ends_with('.'), "{error}");
        }
    }

    #[test]
    fn a_denial_names_the_missing_permission() {
        let cases = [
            (Action::Write, "s3:PutObject"),
            (Action::Read, "s3:GetObject"),
            (Action::List, "s3:ListBucket"),
            (Action::Delete, "s3:DeleteObject"),
        ];
        for (action, permission) in cases {
            let error = fault_error(&Fault::AccessDenied, action, &location());
            assert!(error.message().contains(permission), "{error}");
        }
    }

    #[test]
    fn an_endpoint_is_named() {
        let location = Location { endpoint: Some("http://127.0.0.1:9000".to_owned()), ..location() };
        let error = fault_error(&Fault::Unreachable, Action::Write, &location);
        assert!(error.message().contains("http://127.0.0.1:9000"), "{error}");
    }
}
