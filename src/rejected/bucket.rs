//! The calls to the bucket. Each returns its failure as the error that the user reads.

mod connect;
mod download;
mod error;
mod fault;
mod retries;

use std::collections::HashMap;
use std::error::Error as StdError;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::settings::{BucketName, BucketSettings};
use super::storage::{Action, ListPage, ListedObject, ObjectMetadata};
use airbyte::Result;
pub(super) use download::Download;
use error::{Location, call_error};
use fault::{Fault, Unproven, classify};
use retry::{Policy, Retry};
use tokio::time::Instant;

/// The metadata that holds the generation of an object, named as in Airbyte's object-storage destinations.
const GENERATION_METADATA: &str = "ab-generation-id";

/// The metadata that names the stream of an object.
const STREAM_METADATA: &str = "stream";

/// One bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    client: Client,
    location: Location,
    outage: Policy,
}

/// An object in parts, which is not visible before it is completed.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    id: String,
    parts: Vec<CompletedPart>,
}

impl Bucket {
    /// Prepares the client, without a request to the bucket.
    pub(super) async fn connect(settings: &BucketSettings) -> Result<Self> {
        let client = connect::client(settings).await?;
        let location = Location {
            bucket: settings.bucket.clone(),
            region: client.config().region().map(ToString::to_string).unwrap_or_default(),
            endpoint: settings.endpoint_url().map(str::to_owned),
            role_arn: settings.role_arn.clone(),
        };
        Ok(Self { client, location, outage: retries::OUTAGE })
    }

    /// The same bucket for calls that report an outage at once, for a user who waits for the answer.
    pub(super) fn without_outage_wait(&self) -> Self {
        Self { outage: Policy { attempts: 1, ..self.outage }, ..self.clone() }
    }

    /// The same bucket for an object that is not worth a wait: few attempts, and no wait for an outage.
    pub(super) fn brief(&self) -> Self {
        let config = self.client.config().to_builder();
        let config = config.retry_config(retries::few_attempts()).timeout_config(retries::brief_timeouts());
        Self { client: Client::from_conf(config.build()), ..self.without_outage_wait() }
    }

    pub(super) fn name(&self) -> &BucketName {
        &self.location.bucket
    }

    /// Makes a call, and repeats it while the store is away. A failure becomes the error for `action`.
    async fn call<T, E, F>(&self, action: Action, call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
        E: StdError + ProvideErrorMetadata + 'static,
    {
        self.repeat(action, call).await.map_err(|error| call_error(&error, action, &self.location))
    }

    /// Makes a call, and repeats it while the store is away. Every call may be repeated: it does the same again.
    async fn repeat<T, E, F>(
        &self,
        action: Action,
        mut call: impl FnMut() -> F,
    ) -> std::result::Result<T, SdkError<E, HttpResponse>>
    where
        F: Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
        E: StdError + ProvideErrorMetadata + 'static,
    {
        let classify = |error: &SdkError<E, HttpResponse>| {
            let fault = classify(error);
            if !fault.is_transient() {
                return Retry::No;
            }
            let reason = fault.in_words();
            tracing::warn!(bucket = self.name().as_str(), reason, "the bucket for rejected records cannot be reached");
            Retry::After(None)
        };
        let logged = || {
            let (began, answer) = (Instant::now(), call());
            async move {
                let answer = answer.await;
                log_request(action, answer.as_ref().err(), began);
                answer
            }
        };
        retry::run(&self.outage, classify, logged).await
    }

    /// Stores a whole object.
    pub(super) async fn put(&self, key: &str, metadata: &ObjectMetadata, bytes: Vec<u8>) -> Result<()> {
        let bytes = Bytes::from(bytes);
        let call = || {
            self.client
                .put_object()
                .bucket(self.name().as_str())
                .key(key)
                .content_type(metadata.content_type)
                .set_metadata(metadata.headers())
                .body(ByteStream::from(bytes.clone()))
        };
        let put =
            || async { Unproven::require(call().send().await?.e_tag, "ETag").map_err(SdkError::construction_failure) };
        Box::pin(self.call(Action::Write, put)).await?;
        Ok(())
    }

    /// Starts an object in parts.
    pub(super) async fn start_upload(&self, key: &str, metadata: &ObjectMetadata) -> Result<Upload> {
        let call = self
            .client
            .create_multipart_upload()
            .bucket(self.name().as_str())
            .key(key)
            .content_type(metadata.content_type)
            .set_metadata(metadata.headers());
        let start = || async {
            Unproven::require(call.clone().send().await?.upload_id, "upload id").map_err(SdkError::construction_failure)
        };
        let id = self.call(Action::Write, start).await?;
        Ok(Upload { key: key.to_owned(), id, parts: Vec::new() })
    }

    /// Adds a part.
    pub(super) async fn add_part(&self, upload: &mut Upload, bytes: Vec<u8>) -> Result<()> {
        let number = i32::try_from(upload.parts.len() + 1).unwrap_or(i32::MAX);
        let bytes = Bytes::from(bytes);
        let call = || {
            self.client
                .upload_part()
                .bucket(self.name().as_str())
                .key(&upload.key)
                .upload_id(&upload.id)
                .part_number(number)
                .body(ByteStream::from(bytes.clone()))
        };
        let add = || async {
            let answer = call().send().await?;
            Unproven::require(answer.e_tag.is_some().then_some(answer), "ETag").map_err(SdkError::construction_failure)
        };
        let answer = self.call(Action::Write, add).await?;
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

    /// Makes one object of the parts.
    pub(super) async fn complete(&self, upload: &Upload) -> Result<()> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(upload.parts.clone())).build();
        let call = self
            .client
            .complete_multipart_upload()
            .bucket(self.name().as_str())
            .key(&upload.key)
            .upload_id(&upload.id)
            .multipart_upload(parts);
        let complete = || async {
            Unproven::require(call.clone().send().await?.e_tag, "ETag").map_err(SdkError::construction_failure)
        };
        let Err(error) = self.repeat(Action::Write, complete).await else { return Ok(()) };
        // When an answer was lost and the call is repeated, the upload is gone because it has become the object. Nobody
        // else writes to this key.
        if classify(&error) == Fault::UploadGone && self.exists(&upload.key).await? {
            return Ok(());
        }
        Err(call_error(&error, Action::Write, &self.location))
    }

    /// Deletes the parts, with one attempt: a lifecycle rule of the bucket can remove what is left.
    pub(super) async fn abort(&self, upload: &Upload) {
        let call =
            self.client.abort_multipart_upload().bucket(self.name().as_str()).key(&upload.key).upload_id(&upload.id);
        if call.customize().config_override(retries::abort_once()).send().await.is_err() {
            tracing::warn!(key = upload.key, "an unfinished upload of rejected records stays in the bucket");
        }
    }

    /// Whether there is an object with this key. Listing finds out without the permission to read objects.
    pub(super) async fn exists(&self, key: &str) -> Result<bool> {
        // Keys are listed in order, so the key itself precedes the longer ones.
        let call = self.client.list_objects_v2().bucket(self.name().as_str()).prefix(key).max_keys(1);
        let answer = self.call(Action::List, || call.clone().send()).await?;
        Ok(answer.contents().iter().any(|object| object.key() == Some(key)))
    }

    /// A page of a thousand objects whose keys begin with `prefix`, in the order of keys.
    pub(super) async fn list_page(&self, prefix: &str, from: Option<String>) -> Result<ListPage> {
        let call = self.client.list_objects_v2().bucket(self.name().as_str()).prefix(prefix);
        let call = call.set_continuation_token(from);
        let list = || async {
            let answer = call.clone().send().await?;
            // What has none of these is no list, and a list that names no next page may not say that there is one.
            let is_list = answer.is_truncated().is_some() || answer.name().is_some() || !answer.contents().is_empty();
            let is_whole = answer.next_continuation_token().is_some() || answer.is_truncated() != Some(true);
            Unproven::require((is_list && is_whole).then_some(answer), "rest of a list")
                .map_err(SdkError::construction_failure)
        };
        let answer = self.call(Action::List, list).await?;
        let objects = answer.contents().iter().filter_map(|object| {
            let written_at = object.last_modified().map(aws_sdk_s3::primitives::DateTime::secs);
            Some(ListedObject { key: object.key()?.to_owned(), written_at })
        });
        Ok(ListPage { objects: objects.collect(), next: answer.next_continuation_token().map(str::to_owned) })
    }

    /// The bytes of an object; none if there is no such object.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let call = self.client.get_object().bucket(self.name().as_str()).key(key);
        let answer = match self.repeat(Action::Read, || call.clone().send()).await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(call_error(&error, Action::Read, &self.location)),
        };
        let body = answer.body.collect().await;
        let cut = |cut| error::fault_error(&Fault::Unreachable, Action::Read, &self.location).internal(cut);
        Ok(Some(body.map_err(cut)?.to_vec()))
    }

    /// Deletes an object.
    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        let call = self.client.delete_object().bucket(self.name().as_str()).key(key);
        self.call(Action::Delete, || call.clone().send()).await?;
        Ok(())
    }
}

/// Logs a request with its time. The SDK may have made it several times.
fn log_request<E>(action: Action, failed: Option<&SdkError<E, HttpResponse>>, began: Instant)
where
    E: StdError + ProvideErrorMetadata + 'static,
{
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = failed.and_then(SdkError::raw_response).map(|answer| answer.status().as_u16());
    let fault = failed.map(|error| classify(error).in_words());
    tracing::debug!(action = action.phrase(), status, fault, milliseconds, "request to the bucket");
}

impl ObjectMetadata {
    fn headers(&self) -> Option<HashMap<String, String>> {
        let generation = self.generation_id.map(|id| (GENERATION_METADATA.to_owned(), id.to_string()));
        let stream = self.stream.clone().map(|stream| (STREAM_METADATA.to_owned(), stream));
        let headers: HashMap<_, _> = generation.into_iter().chain(stream).collect();
        (!headers.is_empty()).then_some(headers)
    }
}
