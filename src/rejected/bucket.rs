//! The calls to the object store, each with its failure told as a sentence.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use bytes::Bytes;

use super::fault::{Action, Fault, Place, classify, explain, sentence};
use airbyte::Result;
use retry::{self, Policy, Retry, random_jitter};

/// How an outage is waited out when the SDK has given a call up. A store that is away for longer than ten minutes may be
/// away for hours, and until then nothing is lost by ending the sync.
pub(super) const OUTAGE: Policy = Policy {
    attempts: u32::MAX,
    first_wait: Duration::from_secs(2),
    longest_wait: Duration::from_secs(30),
    total: Duration::from_secs(10 * 60),
    jitter: random_jitter,
};

/// How long the clean-up after a failure may hold the failure back.
const ABORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The metadata by which Airbyte's object-storage destinations name the generation of an object.
const GENERATION_METADATA: &str = "ab-generation-id";

/// One bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    client: Client,
    place: Place,
    outage: Policy,
}

/// An object whose parts are in the store, but which is not an object before it is completed.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    id: String,
    parts: Vec<CompletedPart>,
}

/// What is said about an object beside its bytes.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) content_type: &'static str,
    pub(super) generation_id: Option<i64>,
}

impl Bucket {
    /// A bucket whose outages are waited out by that policy. Every call may be made twice: it stores the same again.
    pub(super) fn new(client: Client, place: Place, outage: Policy) -> Self {
        Self { client, place, outage }
    }

    /// The same bucket for calls that tell of an outage at once.
    pub(super) fn without_patience(&self) -> Self {
        Self { outage: Policy { attempts: 1, ..self.outage }, ..self.clone() }
    }

    /// Makes a call, and makes it again while the store is away.
    async fn wait_out<T, E, F>(&self, call: impl FnMut() -> F) -> std::result::Result<T, SdkError<E, HttpResponse>>
    where
        F: Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
        E: StdError + ProvideErrorMetadata + 'static,
    {
        let classify = |error: &SdkError<E, HttpResponse>| {
            let fault = classify(error);
            if !fault.is_passing() {
                return Retry::No;
            }
            tracing::warn!(bucket = self.place.bucket, ?fault, "the bucket for rejected records is out of reach");
            Retry::After(None)
        };
        retry::run(&self.outage, classify, call).await
    }

    /// Stores a whole object.
    pub(super) async fn put(&self, key: &str, label: &Label, bytes: Vec<u8>) -> Result<()> {
        let bytes = Bytes::from(bytes);
        let call = || {
            self.client
                .put_object()
                .bucket(&self.place.bucket)
                .key(key)
                .content_type(label.content_type)
                .set_metadata(label.metadata())
                .body(ByteStream::from(bytes.clone()))
        };
        self.wait_out(|| call().send()).await.map_err(|error| explain(&error, Action::Write, &self.place))?;
        Ok(())
    }

    /// Begins an object in parts.
    pub(super) async fn begin(&self, key: &str, label: &Label) -> Result<Upload> {
        let call = self
            .client
            .create_multipart_upload()
            .bucket(&self.place.bucket)
            .key(key)
            .content_type(label.content_type)
            .set_metadata(label.metadata());
        let answer =
            self.wait_out(|| call.clone().send()).await.map_err(|error| explain(&error, Action::Write, &self.place))?;
        let Some(id) = answer.upload_id else {
            return Err(sentence(&Fault::Unreadable, Action::Write, &self.place).internal("no upload id"));
        };
        Ok(Upload { key: key.to_owned(), id, parts: Vec::new() })
    }

    /// Adds a part.
    pub(super) async fn add_part(&self, upload: &mut Upload, bytes: Vec<u8>) -> Result<()> {
        let number = i32::try_from(upload.parts.len() + 1).unwrap_or(i32::MAX);
        let bytes = Bytes::from(bytes);
        let call = || {
            self.client
                .upload_part()
                .bucket(&self.place.bucket)
                .key(&upload.key)
                .upload_id(&upload.id)
                .part_number(number)
                .body(ByteStream::from(bytes.clone()))
        };
        let answer =
            self.wait_out(|| call().send()).await.map_err(|error| explain(&error, Action::Write, &self.place))?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .set_checksum_crc32_c(answer.checksum_crc32_c)
            .set_checksum_crc64_nvme(answer.checksum_crc64_nvme)
            .build();
        upload.parts.push(part);
        Ok(())
    }

    /// Makes the parts an object.
    pub(super) async fn complete(&self, upload: &Upload) -> Result<()> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(upload.parts.clone())).build();
        let call = self
            .client
            .complete_multipart_upload()
            .bucket(&self.place.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .multipart_upload(parts);
        let Err(error) = self.wait_out(|| call.clone().send()).await else { return Ok(()) };
        // A completion whose answer was lost is repeated, and then the upload is gone because it has
        // become the object. Nobody else writes this key.
        if classify(&error) == Fault::UploadGone && self.exists(&upload.key).await? {
            return Ok(());
        }
        Err(explain(&error, Action::Write, &self.place))
    }

    /// Gives the parts back, without a second try: what stays is swept up by the bucket's lifecycle rule.
    pub(super) async fn abort(&self, upload: &Upload) {
        let timeouts = TimeoutConfig::builder().operation_timeout(ABORT_TIMEOUT).build();
        let hurried = aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        let call =
            self.client.abort_multipart_upload().bucket(&self.place.bucket).key(&upload.key).upload_id(&upload.id);
        if call.customize().config_override(hurried).send().await.is_err() {
            tracing::warn!(key = upload.key, "an unfinished upload of rejected records stays in the bucket");
        }
    }

    /// Whether there is an object of this key. It is asked by listing, which needs no permission to read objects.
    pub(super) async fn exists(&self, key: &str) -> Result<bool> {
        // The key itself comes first of all keys that begin with it.
        let call = self.client.list_objects_v2().bucket(&self.place.bucket).prefix(key).max_keys(1);
        let answer =
            self.wait_out(|| call.clone().send()).await.map_err(|error| explain(&error, Action::List, &self.place))?;
        Ok(answer.contents().iter().any(|object| object.key() == Some(key)))
    }

    /// Deletes an object.
    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        let call = self.client.delete_object().bucket(&self.place.bucket).key(key);
        self.wait_out(|| call.clone().send()).await.map_err(|error| explain(&error, Action::Delete, &self.place))?;
        Ok(())
    }

    pub(super) fn name(&self) -> &str {
        &self.place.bucket
    }
}

impl Label {
    fn metadata(&self) -> Option<std::collections::HashMap<String, String>> {
        self.generation_id.map(|id| [(GENERATION_METADATA.to_owned(), id.to_string())].into())
    }
}
