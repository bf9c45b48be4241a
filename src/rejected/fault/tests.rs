use super::*;
use airbyte::FailureType;

fn place() -> Place {
    Place {
        bucket: "acme-rejects".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: None,
        role_arn: Some("arn:aws:iam::000000000000:role/rejects".to_owned()),
    }
}

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
fn every_sentence_says_whose_it_is_and_what_to_change() {
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
        (Fault::InvalidBucketName, Config, &["\"acme-rejects\" is not a valid name", "`s3_bucket_name`"]),
        (Fault::NoCredentials, Config, &["`access_key_id` and `secret_access_key`"]),
        (Fault::CredentialsRefused, Config, &["role/rejects", "`role_arn`", "trust policy"]),
        (Fault::CredentialsUnreachable, Transient, &["gives out credentials"]),
        (Fault::UploadGone, Transient, &["lifecycle"]),
        (Fault::Busy, Transient, &["busy", "later"]),
        (Fault::Unreachable, Transient, &["could not be reached", "`s3_endpoint`"]),
        (Fault::Unreadable, Transient, &["`s3_endpoint`"]),
        (Fault::Refused, Config, &["refused the request"]),
    ];
    for (fault, failure_type, parts) in cases {
        let error = sentence(fault, Action::Write, &place());
        assert_eq!(error.failure_type(), *failure_type, "{fault:?}");
        for part in *parts {
            assert!(error.message().contains(part), "{fault:?}: {error}");
        }
        assert!(error.message().ends_with('.'), "{error}");
    }
}

#[test]
fn a_denial_names_the_permission_of_what_was_done() {
    let cases = [(Action::Write, "s3:PutObject"), (Action::List, "s3:ListBucket"), (Action::Delete, "s3:DeleteObject")];
    for (action, permission) in cases {
        let error = sentence(&Fault::AccessDenied, action, &place());
        assert!(error.message().contains(permission), "{error}");
    }
}

#[test]
fn an_endpoint_of_ones_own_is_named() {
    let place = Place { endpoint: Some("http://127.0.0.1:9000".to_owned()), ..place() };
    let error = sentence(&Fault::Unreachable, Action::Write, &place);
    assert!(error.message().contains("http://127.0.0.1:9000"), "{error}");
}

#[test]
fn what_was_never_answered_is_classified_by_what_lies_beneath() {
    type Cause = SdkError<aws_sdk_s3::operation::put_object::PutObjectError, HttpResponse>;
    let refused = || ConnectorError::io("connection refused".into());
    let credentials = |error: CredentialsError| Cause::dispatch_failure(ConnectorError::other(error.into(), None));
    let token_service = Cause::dispatch_failure(refused());
    let cases = [
        (Cause::dispatch_failure(refused()), Fault::Unreachable),
        (Cause::dispatch_failure(ConnectorError::timeout("connect".into())), Fault::Unreachable),
        (Cause::timeout_error("attempt"), Fault::Unreachable),
        (Cause::construction_failure("no such host"), Fault::Refused),
        (credentials(CredentialsError::not_loaded_no_source()), Fault::NoCredentials),
        (credentials(CredentialsError::provider_error("not trusted")), Fault::CredentialsRefused),
        (credentials(CredentialsError::invalid_configuration("profile")), Fault::CredentialsRefused),
        (credentials(CredentialsError::provider_error(token_service)), Fault::CredentialsUnreachable),
    ];
    for (error, expected) in cases {
        assert_eq!(classify(&error), expected, "{error:?}");
    }
}
