//! The HTTP client, and what can go wrong below an answer.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, redirect};
use tokio::time::timeout;
use url::Url;

use super::fault::{Fault, FaultKind, Limit};
use super::host::is_loopback;
use retry::{Policy, random_jitter};

/// The most that is read of the body of an error; Salesforce's own are a few hundred bytes.
const LONGEST_ERROR_BODY: usize = 64 * 1024;

/// The waits of every kind. Only tests choose other ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// How a call is repeated.
    pub(super) retry: Policy,
    /// How long a connection may take.
    pub(super) connect: Duration,
    /// How long a call without much data may take. A describe of a large object takes some seconds.
    pub(super) control: Duration,
    /// The slowest upload that is waited for, in bytes a second. Salesforce ends a call after ten minutes (Limits
    /// Quick Reference, "API Request Limits"), which 100 MB reach at 167 kB/s; slower is for Salesforce to refuse.
    pub(super) upload_rate: u64,
    /// How long a download may stand still, before its first byte and between two.
    pub(super) stall: Duration,
    /// How long the state of a closed job may be out of reach: longer than a release takes an instance away.
    pub(super) ride_out: Duration,
    /// After so long a job is not waited for any more. Salesforce retries a batch 20 times for at most five minutes each
    /// (Bulk API 2.0 guide, "How Requests Are Processed"); a day is what a queue may take on top.
    pub(super) longest_job: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            retry: Policy {
                attempts: 8,
                first_wait: Duration::from_millis(250),
                longest_wait: Duration::from_secs(30),
                total: Duration::from_secs(3 * 60),
                jitter: random_jitter,
            },
            connect: Duration::from_secs(30),
            control: Duration::from_secs(2 * 60),
            upload_rate: 100_000,
            stall: Duration::from_secs(5 * 60),
            ride_out: Duration::from_secs(30 * 60),
            longest_job: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// What went wrong.
    pub(super) fault: Fault,
    /// Whether Salesforce has certainly done nothing: it was not reached, or it turned the call away unread.
    pub(super) untouched: bool,
}

/// Builds the one client of an org.
///
/// It follows no redirect, which would carry credentials elsewhere, and repeats nothing by itself. HTTP/1.1 gives each
/// upload a connection of its own: one that breaks takes no other call with it.
pub(super) fn client(login_url: &Url, user_agent: &str, timing: &Timing) -> Result<Client, Fault> {
    let mut builder = Client::builder()
        .user_agent(user_agent)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .connect_timeout(timing.connect);
    if is_loopback(login_url) {
        // Plain http within this machine: no proxy stands between, and the machine's certificates need not be loaded.
        builder = builder.no_proxy().tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        Fault::new(FaultKind::Unexpected, format!("the HTTP client cannot be built: {}", root_cause(&error)))
    })
}

/// Sends a request and waits for the head of the answer.
pub(super) async fn send(request: RequestBuilder, limit: Duration) -> Result<Response, Failed> {
    match timeout(limit, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(Failed { untouched: error.is_connect(), fault: broken(error) }),
        Err(_) => Err(Failed { untouched: false, fault: silent(limit) }),
    }
}

/// Reads the whole body of an answer.
pub(super) async fn body(response: Response, limit: Duration) -> Result<Bytes, Fault> {
    match timeout(limit, response.bytes()).await {
        Ok(read) => read.map_err(broken),
        Err(_) => Err(silent(limit)),
    }
}

/// Reads the next piece of a body.
pub(super) async fn piece(response: &mut Response, limit: Duration) -> Result<Option<Bytes>, Fault> {
    match timeout(limit, response.chunk()).await {
        Ok(read) => read.map_err(broken),
        Err(_) => Err(silent(limit)),
    }
}

/// Reads and classifies an answer whose status is not a success.
pub(super) async fn refusal(response: Response, limit: Duration) -> Failed {
    let (status, retry_after, body) = error_parts(response, limit).await;
    let fault = Fault::of_answer(status, retry_after, &body);
    // Salesforce turns these away before it looks at what the call wants.
    let turned_away = matches!(status, 401 | 429) || fault.kind() == FaultKind::LimitReached(Limit::ConcurrentRequests);
    Failed { fault, untouched: turned_away }
}

/// The status of an error, the wait that it asks for, and as much of its body as can be had.
pub(super) async fn error_parts(mut response: Response, limit: Duration) -> (u16, Option<Duration>, Vec<u8>) {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| wait_of(value.to_str().ok()?));
    let mut body = Vec::new();
    while body.len() < LONGEST_ERROR_BODY {
        let Ok(Some(bytes)) = piece(&mut response, limit).await else { break };
        body.extend_from_slice(&bytes);
    }
    body.truncate(LONGEST_ERROR_BODY);
    (status, retry_after, body)
}

/// `Retry-After`: seconds, or a date.
fn wait_of(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
    Some(until.duration_since(jiff::Timestamp::now()).try_into().unwrap_or(Duration::ZERO))
}

fn broken(error: reqwest::Error) -> Fault {
    let host = error.url().and_then(Url::host_str).unwrap_or("the host").to_owned();
    // Neither the error nor its causes may carry the URL on: it is not needed, and a proxy's may hold a password.
    let error = error.without_url();
    let cause = root_cause(&error);
    let message = if error.is_builder() {
        return Fault::new(FaultKind::Unexpected, format!("the request cannot be built: {cause}"));
    } else if error.is_dns() {
        format!("the host {host} cannot be found: {cause}")
    } else if error.is_connect() {
        format!("no connection to {host}: {cause}")
    } else {
        format!("the connection to {host} broke: {cause}")
    };
    Fault::new(FaultKind::Transient, message)
}

fn silent(limit: Duration) -> Fault {
    Fault::new(FaultKind::Transient, format!("no answer within {} seconds", limit.as_secs_f64()))
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(deeper) = cause {
        text = deeper.to_string();
        cause = deeper.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_as_a_date() {
        assert_eq!(wait_of("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait_of(" 0 "), Some(Duration::ZERO));
        assert_eq!(wait_of("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO), "a date that has passed");
        let in_an_hour = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&in_an_hour).unwrap();
        let wait = wait_of(&date).unwrap();
        assert!((3590..=3600).contains(&wait.as_secs()), "{wait:?}");
        for none in ["", "soon", "-1", "1.5"] {
            assert_eq!(wait_of(none), None, "{none}");
        }
    }
}
