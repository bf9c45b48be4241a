//! What happens to a request.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use http_body::Frame;
use serde_json::Value;
use tokio::sync::watch;

use super::Answer;
use crate::reply::Reply;

/// What a [`RequestFault`](crate::RequestFault) does to a request.
#[derive(Debug, Clone)]
pub enum Effect {
    /// The org does nothing and sends this answer.
    Answer(Answer),
    /// The org does the request, and the client gets this answer instead of the org's own, as from a proxy.
    Replaced(Answer),
    /// The org does nothing and closes the connection before it reads the body.
    Cut,
    /// The org does the request and closes the connection without an answer.
    LostAnswer,
    /// The org does the request, and the body of the answer ends after this many bytes.
    Truncated(usize, Truncation),
    /// The org does the request, and the answer has this `Content-Type`, or none.
    ContentType(Option<String>),
    /// The org does the request, and the answer has this value in a header, or does not have the header.
    Header(String, Option<String>),
    /// The org does the request and answers after this time.
    Delayed(Duration),
    /// The org does the request and answers when the test releases the [`Hold`].
    Held(Hold),
    /// All sessions end just before the request.
    SessionsEnded,
    /// All sessions end and the refresh token is revoked just before the request.
    ConnectionRevoked,
    /// The locators of all pages expire just before the request.
    LocatorsExpired,
    /// The org does the request, and a page of a query by REST does not have its last record. It says the same of its
    /// records as before.
    RecordLeftOut,
}

/// How a truncated body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// The body is chunked, and the connection closes without the last chunk.
    Chunked,
    /// The connection closes before the client has the bytes that `Content-Length` promises.
    Length,
    /// The answer is complete for HTTP.
    Unnoticed,
}

impl From<Answer> for Effect {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// Holds an answer back. The test keeps a clone and releases it.
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
    /// Waits until a request is done and its answer is held back.
    pub async fn reached(&self) {
        // The wait cannot fail: `self` holds a sender, so the channel stays open.
        let _ = self.reached.subscribe().wait_for(|reached| *reached).await;
    }

    /// Releases the answer, and every later one.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    async fn wait(&self) {
        self.reached.send_replace(true);
        let _ = self.released.subscribe().wait_for(|released| *released).await;
    }
}

impl Effect {
    /// Applies the effect to the answer.
    pub(crate) async fn change_reply(self, mut reply: Reply) -> Reply {
        match self {
            Self::Replaced(answer) => return answer.reply(),
            Self::LostAnswer => return cut_connection(),
            Self::RecordLeftOut => return leave_out_record(reply).await,
            Self::Truncated(bytes, truncation) => return truncate(reply, bytes, truncation).await,
            Self::ContentType(content_type) => {
                reply.headers_mut().remove(header::CONTENT_TYPE);
                let content_type = content_type.and_then(|text| HeaderValue::from_str(&text).ok());
                content_type.map(|value| reply.headers_mut().insert(header::CONTENT_TYPE, value));
            }
            Self::Header(name, value) => {
                if let Ok(name) = HeaderName::try_from(name) {
                    reply.headers_mut().remove(&name);
                    let value = value.and_then(|text| HeaderValue::from_str(&text).ok());
                    value.map(|value| reply.headers_mut().insert(name, value));
                }
            }
            Self::Delayed(time) => tokio::time::sleep(time).await,
            Self::Held(hold) => hold.wait().await,
            Self::Answer(_) | Self::Cut | Self::SessionsEnded | Self::ConnectionRevoked | Self::LocatorsExpired => {}
        }
        reply
    }
}

/// Closes the connection without an answer: the body fails before the server has sent the head.
pub(crate) fn cut_connection() -> Reply {
    Response::new(Body::new(CutBody { beginning: None, is_flushed: true }))
}

/// The same answer without its last record, if it has any.
async fn leave_out_record(reply: Reply) -> Reply {
    let (mut parts, body) = reply.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut page: Value = serde_json::from_slice(&whole).unwrap_or_default();
    let Some(_) = page["records"].as_array_mut().and_then(Vec::pop) else {
        return Response::from_parts(parts, Body::from(whole));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(page.to_string()))
}

async fn truncate(reply: Reply, bytes: usize, truncation: Truncation) -> Reply {
    let (mut parts, body) = reply.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let beginning = whole.slice(..bytes.min(whole.len()));
    if truncation == Truncation::Unnoticed {
        return Response::from_parts(parts, Body::from(beginning));
    }
    if truncation == Truncation::Length {
        parts.headers.insert(header::CONTENT_LENGTH, (whole.len() + 1).into());
    }
    Response::from_parts(parts, Body::new(CutBody { beginning: Some(beginning), is_flushed: false }))
}

/// A body that fails after its beginning.
struct CutBody {
    beginning: Option<Bytes>,
    is_flushed: bool,
}

impl HttpBody for CutBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(beginning) = self.beginning.take().filter(|beginning| !beginning.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(beginning))));
        }
        if !self.is_flushed {
            // The server sends what it has while the body is pending.
            self.is_flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("cut on purpose"))))
    }
}
