//! An S3 server for tests: it runs in the process of the test, and its buckets are folders of a temporary directory. The
//! program of the same name runs it for measurements.
//!
//! It shows what a client really stores. It checks signatures, takes objects in one request and in parts, lists and
//! deletes them, and can be [away](ObjectStore::set_away) for a time. The quickstart uses it as its bucket.
//!
//! It is not a model of S3. A put into a bucket that does not exist succeeds, the one access key may do everything,
//! lifecycle rules do not run, and no call fails unless the server is away or a test gives it
//! [other answers](ObjectStore::answer_next).

use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle};
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
    other_answers: OtherAnswers,
    cuts: Cuts,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

/// The answers to the next connections, as bytes of HTTP.
type OtherAnswers = Arc<Mutex<VecDeque<String>>>;

/// After how many bytes the connections that send more are cut, one after the other.
type Cuts = Arc<Mutex<VecDeque<usize>>>;

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
        let other_answers = OtherAnswers::default();
        let answers = Arc::clone(&other_answers);
        let cuts = Cuts::default();
        let next_cuts = Arc::clone(&cuts);
        let connections = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::clone(&connections);
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if hangs_up.load(Ordering::Relaxed) {
                    continue;
                }
                let answer = answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                if let Some(answer) = answer {
                    tokio::spawn(answer_connection(socket, answer));
                    continue;
                }
                let socket = CutSocket { socket, sent: 0, cuts: Arc::clone(&next_cuts) };
                let service = service.clone();
                let connection = tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    // A client may close the connection at any time.
                    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
                });
                open.lock().unwrap_or_else(PoisonError::into_inner).push(connection.abort_handle());
            }
        });
        Ok(Self { endpoint, access_key, secret_key, root, server, is_away, other_answers, cuts, connections })
    }

    /// Closes every new connection unanswered while `is_away` is set. Connections that are open stay so.
    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// Gives this answer on each of the next `times` new connections, and does nothing.
    pub fn answer_next(&self, times: usize, status: u16, content_type: &str, body: &str) {
        let head = format!("HTTP/1.1 {status} Any\r\nContent-Type: {content_type}\r\nConnection: close\r\n");
        let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let mut answers = self.other_answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.extend(std::iter::repeat_n(answer, times));
    }

    /// Takes back the answers that nobody has received.
    pub fn clear_answers(&self) {
        self.other_answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Cuts the next connections after these many bytes of their answers, each the first that sends as many.
    pub fn cut_answers(&self, after_bytes: &[usize]) {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner).extend(after_bytes);
    }

    /// How many of these cuts are left.
    pub fn cuts_left(&self) -> usize {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether a client is connected. When the process of a client has ended, the server may still be at its last request.
    pub fn is_connected(&self) -> bool {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.iter().any(|connection| !connection.is_finished())
    }

    /// Closes the connections that are open.
    pub fn hang_up(&self) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.drain(..).for_each(|connection| connection.abort());
    }

    /// Writes an object, as another program would.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.root.path().join(bucket).join(key);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        Ok(fs::write(path, bytes)?)
    }

    /// Removes an object, as another program would.
    ///
    /// # Errors
    ///
    /// Fails if there is no such object.
    pub fn remove(&self, bucket: &str, key: &str) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.root.path().join(bucket).join(key))?)
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

/// A connection that is closed in the middle of an answer.
struct CutSocket {
    socket: TcpStream,
    sent: usize,
    cuts: Cuts,
}

impl CutSocket {
    /// How many of `bytes` may be sent; none if the connection is cut.
    fn allowed(&mut self, bytes: usize) -> Option<usize> {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        match cuts.front() {
            Some(cut) if self.sent >= *cut => {
                cuts.pop_front();
                None
            }
            Some(cut) => Some(bytes.min(cut - self.sent)),
            None => Some(bytes),
        }
    }
}

impl AsyncRead for CutSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for CutSocket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(allowed) = self.allowed(bytes.len()) else { return Poll::Ready(Err(ErrorKind::BrokenPipe.into())) };
        let written = Pin::new(&mut self.socket).poll_write(context, &bytes[..allowed]);
        if let Poll::Ready(Ok(written)) = written {
            self.sent += written;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Answers the first request of a connection, and reads until the client closes it.
async fn answer_connection(mut socket: TcpStream, answer: String) {
    let mut piece = vec![0; 64 * 1024];
    // A client may close the connection at any time.
    if socket.read(&mut piece).await.is_ok_and(|bytes| bytes > 0) && socket.write_all(answer.as_bytes()).await.is_ok() {
        while socket.read(&mut piece).await.is_ok_and(|bytes| bytes > 0) {}
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
        // An object may be deleted meanwhile.
        match fs::read(&path) {
            Ok(bytes) => objects.push((key, bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
