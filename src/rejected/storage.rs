//! The storage of rejected records, of the journal and of the report: a bucket, or a folder of this machine. Both keep
//! objects by their keys, and a call returns its failure as the error that the user reads.

use std::path::Path;

use super::bucket::{self, Bucket};
use super::folder::{self, Folder};
use super::settings::{Place, StorageSettings};
use airbyte::{Error, Result};
use bytes::Bytes;

/// Keeps objects.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A bucket.
    Bucket(Bucket),
    /// A folder of this machine.
    Folder(Folder),
}

/// An object in parts, which is not visible before it is completed.
#[derive(Debug)]
pub(super) enum Upload {
    Bucket(bucket::Upload),
    Folder(folder::Upload),
}

/// The bytes of one object, in order.
#[derive(Debug)]
pub(super) enum Download {
    Bucket(Box<bucket::Download>),
    Folder(folder::Download),
}

/// An object as a list shows it.
#[derive(Debug, Clone)]
pub(crate) struct ListedObject {
    pub(crate) key: String,
    /// When it was written, in seconds since 1970: for an object in parts, when its upload began. None if the list does
    /// not say.
    pub(crate) written_at: Option<i64>,
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct ListPage {
    pub(super) objects: Vec<ListedObject>,
    /// Where the next page begins; none after the last.
    pub(super) next: Option<String>,
}

/// What is stored about an object besides its bytes.
#[derive(Debug, Clone)]
pub(crate) struct ObjectMetadata {
    pub(crate) content_type: &'static str,
    pub(crate) generation_id: Option<i64>,
    /// The stream of its records, as a value of a header.
    pub(crate) stream: Option<String>,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Write,
    Read,
    List,
    Delete,
}

impl Action {
    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::Write => "Writing an object",
            Self::Read => "Reading an object",
            Self::List => "Listing objects",
            Self::Delete => "Deleting an object",
        }
    }
}

impl Storage {
    /// Prepares the client of a bucket, without a request, and does nothing to a folder.
    pub(crate) async fn open(settings: &StorageSettings) -> Result<Self> {
        match &settings.place {
            Place::Bucket(settings) => Ok(Self::Bucket(Box::pin(Bucket::connect(settings)).await?)),
            Place::Folder(path) => Ok(Self::Folder(Folder::new(path))),
        }
    }

    /// A folder of this machine.
    pub(crate) fn in_folder(path: &Path) -> Self {
        Self::Folder(Folder::new(path))
    }

    /// The same storage for calls that report an outage at once, for a user who waits for the answer.
    pub(crate) fn without_outage_wait(&self) -> Self {
        match self {
            Self::Bucket(bucket) => Self::Bucket(bucket.without_outage_wait()),
            Self::Folder(folder) => Self::Folder(folder.clone()),
        }
    }

    /// The same storage for an object that is not worth a wait: few attempts, and no wait for an outage.
    pub(super) fn brief(&self) -> Self {
        match self {
            Self::Bucket(bucket) => Self::Bucket(bucket.brief()),
            Self::Folder(folder) => Self::Folder(folder.clone()),
        }
    }

    /// The beginning of the address of every object, such as `s3://acme-rejects`.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Bucket(bucket) => format!("s3://{}", bucket.name()),
            Self::Folder(folder) => folder.root().display().to_string(),
        }
    }

    /// What the user should know of the place, where objects may not last.
    pub(super) fn warning(&self) -> Option<String> {
        match self {
            Self::Bucket(_) => None,
            Self::Folder(folder) => folder.warning(),
        }
    }

    /// The error for an object that was just written and that is not listed.
    pub(super) fn not_listed(&self) -> Error {
        match self {
            Self::Bucket(bucket) => Error::config(format!(
                "The test object that was just written to the rejected-records bucket \"{}\" is not listed there. \
                 Check that `s3_endpoint` is an S3 store that lists its objects.",
                bucket.name()
            )),
            Self::Folder(folder) => Error::config(format!(
                "The test object that was just written to the folder {} is not listed there. Check that nothing else \
                 removes files there.",
                folder.root().display()
            )),
        }
    }

    /// Stores a whole object.
    pub(crate) async fn put(&self, key: &str, metadata: &ObjectMetadata, bytes: Vec<u8>) -> Result<()> {
        match self {
            Self::Bucket(bucket) => Box::pin(bucket.put(key, metadata, bytes)).await,
            Self::Folder(folder) => folder.put(key, metadata, bytes).await,
        }
    }

    /// Starts an object in parts.
    pub(super) async fn start_upload(&self, key: &str, metadata: &ObjectMetadata) -> Result<Upload> {
        match self {
            Self::Bucket(bucket) => Box::pin(bucket.start_upload(key, metadata)).await.map(Upload::Bucket),
            Self::Folder(folder) => folder.start_upload(key, metadata).await.map(Upload::Folder),
        }
    }

    /// Adds a part.
    pub(super) async fn add_part(&self, upload: &mut Upload, bytes: Vec<u8>) -> Result<()> {
        match (self, upload) {
            (Self::Bucket(bucket), Upload::Bucket(upload)) => Box::pin(bucket.add_part(upload, bytes)).await,
            (Self::Folder(folder), Upload::Folder(upload)) => folder.add_part(upload, bytes).await,
            _ => Err(other_storage()),
        }
    }

    /// Makes one object of the parts.
    pub(super) async fn complete(&self, upload: &Upload) -> Result<()> {
        match (self, upload) {
            (Self::Bucket(bucket), Upload::Bucket(upload)) => Box::pin(bucket.complete(upload)).await,
            (Self::Folder(folder), Upload::Folder(upload)) => folder.complete(upload).await,
            _ => Err(other_storage()),
        }
    }

    /// Deletes the parts, with one attempt.
    pub(super) async fn abort(&self, upload: &Upload) {
        match (self, upload) {
            (Self::Bucket(bucket), Upload::Bucket(upload)) => Box::pin(bucket.abort(upload)).await,
            (Self::Folder(folder), Upload::Folder(upload)) => folder.abort(upload).await,
            _ => {}
        }
    }

    /// Whether there is an object with this key.
    pub(super) async fn exists(&self, key: &str) -> Result<bool> {
        match self {
            Self::Bucket(bucket) => Box::pin(bucket.exists(key)).await,
            Self::Folder(folder) => folder.exists(key).await,
        }
    }

    /// The objects whose keys begin with `prefix`, in the order of keys: at most `max_pages` pages of a thousand.
    pub(crate) async fn list(&self, prefix: &str, max_pages: usize) -> Result<Vec<ListedObject>> {
        let (mut objects, mut next) = (Vec::new(), None);
        for _ in 0..max_pages {
            let page = self.list_page(prefix, next.take()).await?;
            objects.extend(page.objects);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        Ok(objects)
    }

    /// A page of the objects whose keys begin with `prefix`, in the order of keys.
    pub(super) async fn list_page(&self, prefix: &str, from: Option<String>) -> Result<ListPage> {
        match self {
            Self::Bucket(bucket) => Box::pin(bucket.list_page(prefix, from)).await,
            Self::Folder(folder) => Ok(ListPage { objects: folder.list(prefix).await?, next: None }),
        }
    }

    /// The bytes of an object; none if there is no such object.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Bucket(bucket) => Box::pin(bucket.get(key)).await,
            Self::Folder(folder) => folder.get(key).await,
        }
    }

    /// Calls `take` for each line of an object, without its end. There is none if there is no such object.
    pub(crate) async fn lines(&self, key: &str, take: &mut (dyn FnMut(&[u8]) -> Result<()> + Send)) -> Result<()> {
        let Some(mut download) = Box::pin(self.download(key)).await? else { return Ok(()) };
        let mut line = Vec::new();
        while let Some(piece) = Box::pin(download.next()).await? {
            let mut rest = &piece[..];
            while let Some(end) = memchr::memchr(b'\n', rest) {
                line.extend_from_slice(&rest[..end]);
                take(&line)?;
                line.clear();
                rest = &rest[end + 1..];
            }
            line.extend_from_slice(rest);
        }
        if line.is_empty() { Ok(()) } else { take(&line) }
    }

    /// Starts to read an object; none if there is no such object.
    pub(super) async fn download(&self, key: &str) -> Result<Option<Download>> {
        match self {
            Self::Bucket(bucket) => {
                let download = Box::pin(bucket.download(key)).await?;
                Ok(download.map(|download| Download::Bucket(Box::new(download))))
            }
            Self::Folder(folder) => Ok(folder.download(key).await?.map(Download::Folder)),
        }
    }

    /// Deletes an object. It is gone for good when this returns.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        match self {
            Self::Bucket(bucket) => Box::pin(bucket.delete(key)).await,
            Self::Folder(folder) => folder.delete(key).await,
        }
    }
}

/// A defect: an upload goes on where it was started.
fn other_storage() -> Error {
    Error::system("An upload of rejected records went on in another storage.")
}

impl Upload {
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Bucket(upload) => &upload.key,
            Self::Folder(upload) => &upload.key,
        }
    }
}

impl Download {
    /// What the metadata say about the stream.
    pub(super) fn stream(&self) -> Option<&str> {
        match self {
            Self::Bucket(download) => download.stream(),
            Self::Folder(download) => download.stream(),
        }
    }

    /// The next bytes; none after the last one of the object.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::Bucket(download) => Box::pin(download.next()).await,
            Self::Folder(download) => download.next().await,
        }
    }
}
