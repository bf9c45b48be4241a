//! An object that is read in pieces, and read on where its connection breaks.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::error::{call_error, fault_error};
use super::fault::{Fault, Unproven};
use super::{Bucket, STREAM_METADATA};
use crate::rejected::storage::Action;
use airbyte::{Error, Result};

/// How often the reading of one object may break. A connection of a slow reader may be closed many times, and a store
/// that closes every connection is out of order.
const MOST_BREAKS: u32 = 20;

/// The bytes of one object, in order.
#[derive(Debug)]
pub(in crate::rejected) struct Download {
    bucket: Bucket,
    key: String,
    etag: String,
    stream: Option<String>,
    length: u64,
    received: u64,
    breaks: u32,
    body: ByteStream,
}

/// An answer with what every store answers with.
struct Opened {
    answer: GetObjectOutput,
    etag: String,
    length: u64,
}

impl Opened {
    fn new(answer: GetObjectOutput) -> std::result::Result<Self, Unproven> {
        let etag = Unproven::require(answer.e_tag().map(str::to_owned), "ETag")?;
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
        Ok(Self { length: Unproven::require(length, "Content-Length")?, etag, answer })
    }
}

impl Bucket {
    /// Starts to read an object; none if there is no such object.
    pub(in crate::rejected) async fn download(&self, key: &str) -> Result<Option<Download>> {
        let call = self.client.get_object().bucket(self.name().as_str()).key(key);
        let open = || async { Opened::new(call.clone().send().await?).map_err(SdkError::construction_failure) };
        let opened = match self.repeat(Action::Read, open).await {
            Ok(opened) => opened,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(of_object(call_error(&error, Action::Read, &self.location), key)),
        };
        let stream = opened.answer.metadata().and_then(|metadata| metadata.get(STREAM_METADATA)).cloned();
        Ok(Some(Download {
            bucket: self.clone(),
            key: key.to_owned(),
            etag: opened.etag,
            stream,
            length: opened.length,
            received: 0,
            breaks: 0,
            body: opened.answer.body,
        }))
    }
}

impl Download {
    /// What the metadata say about the stream.
    pub(in crate::rejected) fn stream(&self) -> Option<&str> {
        self.stream.as_deref()
    }

    /// The next bytes; none after the last one of the object.
    pub(in crate::rejected) async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.body.try_next().await {
                Ok(Some(bytes)) => {
                    self.received += bytes.len() as u64;
                    if self.received > self.length {
                        return Err(self.unreadable("the store sent more bytes than the object has"));
                    }
                    return Ok(Some(bytes));
                }
                Ok(None) if self.received == self.length => return Ok(None),
                Ok(None) => self.read_on("the body ended early").await?,
                // All bytes are here, and what fails is the proof that they are the right ones.
                Err(error) if self.received == self.length => return Err(self.unreadable(error)),
                Err(error) => self.read_on(error).await?,
            }
        }
    }

    /// Asks for the rest of the object, if it is still the same.
    async fn read_on(&mut self, cause: impl std::fmt::Display + Send) -> Result<()> {
        self.breaks += 1;
        if self.breaks > MOST_BREAKS {
            return Err(self.fault(&Fault::Unreachable, cause));
        }
        tracing::debug!(received_bytes = self.received, "the connection broke, and the object is read on");
        let (client, bucket) = (&self.bucket.client, self.bucket.name().as_str());
        let call = client.get_object().bucket(bucket).key(&self.key).if_match(&self.etag);
        let call = call.range(format!("bytes={}-", self.received));
        let open = || async { Opened::new(call.clone().send().await?).map_err(SdkError::construction_failure) };
        let opened = match self.bucket.repeat(Action::Read, open).await {
            Ok(opened) => opened,
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "PreconditionFailed")) => {
                return Err(self.replaced());
            }
            Err(error) => return Err(of_object(call_error(&error, Action::Read, &self.bucket.location), &self.key)),
        };
        if opened.etag != self.etag {
            return Err(self.replaced());
        }
        let range = format!("bytes {}-{}/{}", self.received, self.length - 1, self.length);
        if opened.answer.content_range() != Some(&range) {
            return Err(self.unreadable("the store did not send the rest of the object"));
        }
        self.body = opened.answer.body;
        Ok(())
    }

    fn unreadable(&self, cause: impl std::fmt::Display) -> Error {
        self.fault(&Fault::Unreadable, cause)
    }

    fn fault(&self, fault: &Fault, cause: impl std::fmt::Display) -> Error {
        of_object(fault_error(fault, Action::Read, &self.bucket.location), &self.key).internal(cause)
    }

    fn replaced(&self) -> Error {
        Error::transient(format!(
            "The object {} was replaced or removed while it was read. Run the command again.",
            self.key
        ))
    }
}

fn of_object(error: Error, key: &str) -> Error {
    error.and(&format!("The object is {key}."))
}

#[cfg(test)]
mod tests;
