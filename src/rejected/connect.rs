//! The S3 client: where its credentials and its region come from, and how long it tries.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Region, RequestChecksumCalculation, ResponseChecksumValidation};
use secrecy::ExposeSecret;

use super::bucket::{Bucket, OUTAGE};
use super::fault::{Place, invalid_bucket_name};
use super::settings::S3Settings;
use airbyte::{Error, Result};

/// Attempts of one call. With the waits below they span 6 seconds as a rule and 13 at most: longer than a store takes
/// to shed load, and a refused connection is still told in a fraction of a minute.
const MAX_ATTEMPTS: u32 = 6;

/// The wait after the first attempt, which doubles; the SDK takes a random share of it.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// The longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// How long a connection may take to open. All attempts together tell of an address that swallows packets within
/// half a minute.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one attempt may take: a part of 10 MiB at 100 kB/s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(105);

/// The metadata service answers from the machine itself or not at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// The region of requests to a store that is not AWS: it must be named in a signature, and such stores take this one.
const OWN_ENDPOINT_REGION: &str = "us-east-1";

/// What a role's sessions are called in the logs of AWS.
const SESSION_NAME: &str = "destination-salesforce";

/// Where Airbyte's own connectors take the external id for `role_arn` from.
const EXTERNAL_ID_VARIABLE: &str = "AWS_ASSUME_ROLE_EXTERNAL_ID";

/// Builds the client.
pub(super) async fn connect(settings: &S3Settings) -> Result<Bucket> {
    let own_keys = own_keys(settings)?;
    check_bucket_name(&settings.bucket)?;
    let endpoint = settings.endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());

    let metadata = aws_config::imds::Client::builder()
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .max_attempts(2)
        .build();
    let region = settings.region.as_deref().filter(|region| !region.is_empty()).map(str::to_owned);
    let region = region.or_else(|| endpoint.as_ref().map(|_| OWN_ENDPOINT_REGION.to_owned())).map(Region::new);
    let retries = RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(MAX_BACKOFF);
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).retry_config(retries).timeout_config(
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build(),
    );
    if let Some(region) = region {
        loader = loader.region(region);
    }
    loader = match own_keys {
        Some(keys) => loader.credentials_provider(keys),
        None => loader.credentials_provider(DefaultCredentialsChain::builder().imds_client(metadata).build().await),
    };
    let mut config = loader.load().await;
    let Some(region) = config.region().cloned() else {
        return Err(Error::config(
            "The region of the rejected-records bucket is not known. Set `s3_bucket_region`, or AWS_REGION in the \
             connector's environment.",
        ));
    };

    if let (Some(role), Some(credentials)) = (&settings.role_arn, config.credentials_provider()) {
        let mut provider = AssumeRoleProvider::builder(role).session_name(SESSION_NAME).configure(&config);
        if let Ok(external_id) = std::env::var(EXTERNAL_ID_VARIABLE) {
            provider = provider.external_id(external_id);
        }
        let role = SharedCredentialsProvider::new(provider.build_from_provider(credentials).await);
        config = config.into_builder().credentials_provider(role).build();
    }

    let mut s3 = aws_sdk_s3::config::Builder::from(&config);
    if let Some(endpoint) = &endpoint {
        // Stores other than AWS often have no name per bucket, and some refuse the checksum trailers that the SDK
        // adds unasked.
        s3 = s3
            .endpoint_url(endpoint)
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    let place = Place {
        bucket: settings.bucket.clone(),
        region: region.as_ref().to_owned(),
        endpoint,
        role_arn: settings.role_arn.clone(),
    };
    Ok(Bucket::new(Client::from_conf(s3.build()), place, OUTAGE))
}

/// Refuses what cannot be the name of a bucket at any store, before it distorts the path of a request and with it the
/// signature. An access point goes by its ARN (Amazon S3 User Guide, "General purpose bucket naming rules").
fn check_bucket_name(bucket: &str) -> Result<()> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    if bucket.starts_with("arn:") || (!bucket.is_empty() && bucket.chars().all(is_name)) {
        return Ok(());
    }
    Err(invalid_bucket_name(bucket))
}

fn own_keys(settings: &S3Settings) -> Result<Option<Credentials>> {
    match (&settings.access_key_id, &settings.secret_access_key) {
        (Some(id), Some(secret)) => {
            Ok(Some(Credentials::new(id, secret.expose_secret(), None, None, "object_storage_config")))
        }
        (None, None) => Ok(None),
        _ => Err(Error::config(
            "`access_key_id` and `secret_access_key` of the rejected-records storage belong together. Set both, or \
             neither to use the AWS credentials of the connector's environment.",
        )),
    }
}
