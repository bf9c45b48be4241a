//! An S3 server for tests: it runs in the process of the test, and its buckets are folders of a temporary directory.
//!
//! It shows what a client really stores. It checks signatures, takes objects in one request and in parts, lists and
//! deletes them, and can be [away](ObjectStore::set_away) for a time. The quickstart uses it as its bucket.
//!
//! It is not a model of S3. A put into a bucket that does not exist succeeds, the one access key may do everything,
//! lifecycle rules do not run, and no call fails unless the server is away. A test of such an answer needs a stub that
//! sends it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A running server. It stops when this is dropped, and its objects are gone.
pub struct ObjectStore {
    /// The URL of the server: `http`, on a free port of the loopback interface.
    pub endpoint: String,
    /// The id of the only access key, random for each server.
    pub access_key: String,
    /// The secret of that key.
    pub secret_key: String,
    root: TempDir,
    server: JoinHandle<()>,
    is_away: Arc<AtomicBool>,
}

impl ObjectStore {
    /// Starts a server with empty buckets.
    ///
    /// # Errors
    ///
    /// Fails if the temporary directory cannot be made, or if no port is free.
    pub async fn start(buckets: &[&str]) -> anyhow::Result<Self> {
        let root = tempfile::tempdir()?;
        for bucket in buckets {
            fs::create_dir(root.path().join(bucket))?;
        }
        let access_key = Uuid::now_v7().simple().to_string();
        let secret_key = Uuid::now_v7().simple().to_string();
        let files = s3s_fs::FileSystem::new(root.path()).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(access_key.clone(), secret_key.clone()));
        let service = service.build();

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let is_away = Arc::new(AtomicBool::new(false));
        let hangs_up = Arc::clone(&is_away);
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if hangs_up.load(Ordering::Relaxed) {
                    continue;
                }
                let service = service.clone();
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    // A client may close the connection at any time.
                    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Ok(Self { endpoint, access_key, secret_key, root, server, is_away })
    }

    /// Closes every new connection unanswered while `is_away` is set. Connections that are open stay so.
    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// The keys and the bytes of all objects of a bucket, in the order of keys.
    ///
    /// # Errors
    ///
    /// Fails if the bucket does not exist.
    pub fn objects(&self, bucket: &str) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let root = self.root.path().join(bucket);
        let mut objects = Vec::new();
        collect(&root, &root, &mut objects)?;
        objects.sort();
        Ok(objects)
    }

    /// The number of uploaded parts that are not yet part of an object.
    ///
    /// # Errors
    ///
    /// Fails if the temporary directory cannot be read.
    pub fn unfinished_parts(&self) -> anyhow::Result<usize> {
        let entries = fs::read_dir(self.root.path())?.collect::<Result<Vec<_>, _>>()?;
        Ok(entries.iter().filter(|entry| entry.file_name().to_string_lossy().starts_with(".upload_id-")).count())
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn collect(root: &Path, folder: &Path, objects: &mut Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, objects)?;
            continue;
        }
        let key = path.strip_prefix(root)?.to_string_lossy().into_owned();
        objects.push((key, fs::read(&path)?));
    }
    Ok(())
}
