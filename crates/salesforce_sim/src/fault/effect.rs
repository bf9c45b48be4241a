//! What happens to one request.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::watch;

use super::Answer;
use crate::{http::Reply, org::Org};

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Nothing is done, and this is answered.
    Answer(Answer),
    /// Nothing is done, and the connection ends before the request is read.
    Cut,
    /// The request is done, and the connection ends without an answer.
    LostAnswer,
    /// The request is done, and the body of its answer ends after so many bytes.
    Truncated(usize, Truncation),
    /// The request is done, and its answer has another `Content-Type`, or none.
    ContentType(Option<String>),
    /// The request is done, and its answer comes later.
    Delayed(Duration),
    /// The request is done, and its answer comes when the test says so.
    Held(Hold),
    /// All sessions end just before the request.
    SessionsEnded,
    /// All sessions end just before the request, and the refresh token is taken back.
    ConnectionRevoked,
}

/// How a body that is not whole ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// Chunked, and the connection ends without the last chunk.
    Chunked,
    /// The connection ends before as many bytes have come as `Content-Length` says.
    Length,
    /// HTTP sees nothing wrong.
    Unnoticed,
}

impl From<Answer> for Effect {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// A hold on an answer, which the test keeps a clone of.
#[derive(Debug, Clone)]
pub struct Hold {
    reached: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

impl Default for Hold {
    fn default() -> Self {
        Self { reached: watch::Sender::new(false), released: watch::Sender::new(false) }
    }
}

impl Hold {
    /// Waits until a request is done and its answer is held.
    pub async fn reached(&self) {
        // This value holds a sender, so that the channel is open.
        let _ = self.reached.subscribe().wait_for(|reached| *reached).await;
    }

    /// Lets the answer go, and every later one.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    async fn wait(&self) {
        self.reached.send_replace(true);
        let _ = self.released.subscribe().wait_for(|released| *released).await;
    }
}

impl Effect {
    /// What happens before the request is looked at.
    pub(crate) fn begin(&self, org: &mut Org) {
        match self {
            Self::SessionsEnded => org.sign_in.end_sessions(),
            Self::ConnectionRevoked => org.sign_in.revoke_connection(),
            _ => {}
        }
    }

    /// What becomes of the answer.
    pub(crate) async fn end(self, mut reply: Reply) -> Reply {
        match self {
            Self::LostAnswer => return cut(),
            Self::Truncated(bytes, ending) => return truncated(reply, bytes, ending).await,
            Self::ContentType(content_type) => {
                reply.headers_mut().remove(header::CONTENT_TYPE);
                let content_type = content_type.and_then(|text| HeaderValue::from_str(&text).ok());
                content_type.map(|value| reply.headers_mut().insert(header::CONTENT_TYPE, value));
            }
            Self::Delayed(time) => tokio::time::sleep(time).await,
            Self::Held(hold) => hold.wait().await,
            Self::Answer(_) | Self::Cut | Self::SessionsEnded | Self::ConnectionRevoked => {}
        }
        reply
    }
}

/// An answer of which nothing leaves the server: its body fails before its head has been sent.
pub(crate) fn cut() -> Reply {
    Response::new(Body::new(Broken { begin: None, is_sent: true }))
}

async fn truncated(reply: Reply, bytes: usize, ending: Truncation) -> Reply {
    let (mut parts, body) = reply.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let begin = whole.slice(..bytes.min(whole.len()));
    if ending == Truncation::Unnoticed {
        return Response::from_parts(parts, Body::from(begin));
    }
    if ending == Truncation::Length {
        parts.headers.insert(header::CONTENT_LENGTH, (whole.len() + 1).into());
    }
    Response::from_parts(parts, Body::new(Broken { begin: Some(begin), is_sent: false }))
}

/// A body that breaks off.
struct Broken {
    begin: Option<Bytes>,
    is_sent: bool,
}

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(begin) = self.begin.take().filter(|begin| !begin.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(begin))));
        }
        if !self.is_sent {
            // While nothing more comes the server sends what it has.
            self.is_sent = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("cut on purpose"))))
    }
}
