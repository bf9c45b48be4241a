//! Checks the bucket, and the way to it.

use url::Url;

use super::key;
use crate::config::raw::{self, non_blank};
use crate::config::violations::Violations;
use crate::rejected::{AccessKey, BucketName, BucketSettings};

/// [`BucketName::parse`] as a sentence.
const NOT_A_BUCKET_NAME: &str =
    "must be the name of a bucket alone: 3 to 255 letters, digits, dots, hyphens and underscores";

/// Builds the settings of a bucket. Returns `None` if `violations` says why there are none.
pub(super) fn validate(raw: raw::S3, violations: &mut Violations) -> Option<BucketSettings> {
    let access_key = match (non_blank(raw.access_key_id), non_blank(raw.secret_access_key)) {
        (Some(id), Some(secret)) => Some(AccessKey { id, secret: secret.into() }),
        (Some(_), None) => {
            violations.add(key("secret_access_key"), "is missing; it goes with the access key id");
            None
        }
        (None, Some(_)) => {
            violations.add(key("access_key_id"), "is missing; it goes with the secret access key");
            None
        }
        (None, None) => None,
    };

    let role_arn = non_blank(raw.role_arn);
    if role_arn.as_deref().is_some_and(|arn| !(arn.starts_with("arn:") && arn.contains(":role/"))) {
        violations.add(key("role_arn"), "must be the ARN of a role, such as `arn:aws:iam::123456789012:role/name`");
    }

    let bucket_name = non_blank(raw.s3_bucket_name);
    let bucket = bucket_name.as_deref().and_then(BucketName::parse);
    if bucket.is_none() {
        violations.add(
            key("s3_bucket_name"),
            match bucket_name {
                None => "is missing",
                Some(_) => NOT_A_BUCKET_NAME,
            },
        );
    }

    let endpoint_text = non_blank(raw.s3_endpoint);
    let endpoint = endpoint_text.as_deref().and_then(endpoint_url);
    if endpoint_text.is_some() && endpoint.is_none() {
        violations.add(
            key("s3_endpoint"),
            "must be an http or https URL of a server, without user name, query and fragment, such as \
             `https://s3.example.com:9000`",
        );
    }
    let region = non_blank(raw.s3_bucket_region);
    if region.is_none() && endpoint_text.is_none() {
        violations.add(key("s3_bucket_region"), "is missing; it may be empty only with an `s3_endpoint`");
    }
    Some(BucketSettings { access_key, role_arn, bucket: bucket?, region, endpoint })
}

fn endpoint_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain).then_some(url)
}
