//! An S3 server in the process, for tests and the example: buckets are folders of a temporary directory.

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

/// A running server, which ends when this is dropped. It lets a put into a missing bucket succeed, unlike S3.
pub struct ObjectStore {
    /// Where it listens.
    pub endpoint: String,
    /// The one access key that it knows, made up at the start.
    pub access_key: String,
    /// The secret of that key.
    pub secret_key: String,
    root: TempDir,
    server: JoinHandle<()>,
    is_away: Arc<AtomicBool>,
}

impl ObjectStore {
    /// Starts a server with empty buckets on a free port of the loopback interface.
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
                    // A client that hangs up is no failure of the server.
                    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Ok(Self { endpoint, access_key, secret_key, root, server, is_away })
    }

    /// Hangs up on every new connection from now on, or does so no more.
    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// The objects of a bucket by their keys, in order.
    pub fn objects(&self, bucket: &str) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let root = self.root.path().join(bucket);
        let mut objects = Vec::new();
        collect(&root, &root, &mut objects)?;
        objects.sort();
        Ok(objects)
    }

    /// How many parts of unfinished uploads the server holds.
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
