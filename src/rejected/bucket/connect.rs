//! The S3 client: its credentials, its region, and what differs for stores other than Amazon S3.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Region, RequestChecksumCalculation, ResponseChecksumValidation};
use secrecy::ExposeSecret;

use super::retries;
use crate::rejected::settings::{AccessKey, BucketSettings};
use airbyte::{Error, Result};

/// The metadata service runs on the machine itself: it answers quickly or does not exist.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

const METADATA_ATTEMPTS: u32 = 2;

/// The region in the signature of requests to a store that is not Amazon S3. A signature needs one, and such stores
/// accept this one.
const ENDPOINT_REGION: &str = "us-east-1";

/// The name of a role's sessions in the logs of AWS.
const SESSION_NAME: &str = "destination-salesforce";

/// Where Airbyte's own connectors read the external id for `role_arn`.
const EXTERNAL_ID_VARIABLE: &str = "AWS_ASSUME_ROLE_EXTERNAL_ID";

/// Builds a client that has a region.
pub(super) async fn client(settings: &BucketSettings) -> Result<Client> {
    let endpoint = settings.endpoint_url();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retries::attempts())
        .timeout_config(retries::timeouts());
    if let Some(region) = settings.region.as_deref().or(endpoint.map(|_| ENDPOINT_REGION)) {
        loader = loader.region(Region::new(region.to_owned()));
    }
    loader = match &settings.access_key {
        Some(key) => loader.credentials_provider(credentials(key)),
        None => loader.credentials_provider(environment_credentials().await),
    };
    let mut config = loader.load().await;
    if config.region().is_none() {
        return Err(Error::config(
            "The region of the rejected-records bucket is not known. Set `s3_bucket_region`, or AWS_REGION in the \
             connector's environment.",
        ));
    }
    if let Some(role) = &settings.role_arn {
        config = with_role(config, role).await;
    }

    let mut s3 = aws_sdk_s3::config::Builder::from(&config);
    if let Some(endpoint) = endpoint {
        // Many other stores have no host name for each bucket, and some refuse the checksum trailers that the SDK adds
        // on its own.
        s3 = s3
            .endpoint_url(endpoint)
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    Ok(Client::from_conf(s3.build()))
}

fn credentials(key: &AccessKey) -> Credentials {
    Credentials::new(&key.id, key.secret.expose_secret(), None, None, "object_storage_config")
}

async fn environment_credentials() -> DefaultCredentialsChain {
    let metadata = aws_config::imds::Client::builder()
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .max_attempts(METADATA_ATTEMPTS)
        .build();
    DefaultCredentialsChain::builder().imds_client(metadata).build().await
}

/// Replaces the credentials with those of a role that they can assume.
async fn with_role(config: SdkConfig, role: &str) -> SdkConfig {
    let Some(credentials) = config.credentials_provider() else { return config };
    let mut provider = AssumeRoleProvider::builder(role).session_name(SESSION_NAME).configure(&config);
    if let Ok(external_id) = std::env::var(EXTERNAL_ID_VARIABLE) {
        provider = provider.external_id(external_id);
    }
    let role = SharedCredentialsProvider::new(provider.build_from_provider(credentials).await);
    config.into_builder().credentials_provider(role).build()
}
