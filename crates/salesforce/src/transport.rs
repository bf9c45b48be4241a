//! The HTTP client, and the faults that happen without an answer.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, redirect};
use tokio::time::{Instant, timeout};
use url::Url;

use crate::fault::{Fault, FaultKind, Limit, Outcome};
use crate::host::LoginUrl;

/// The most that is read of the body of an error; Salesforce's own are a few hundred bytes.
const LONGEST_ERROR_BODY: usize = 64 * 1024;

/// The longest wait that an answer can ask for. No limit of Salesforce that passes takes longer: the allowances count
/// the last 24 hours. A longer wait is a mistake of a server on the way, and is read as no request at all.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Builds the one client of an org.
///
/// It follows no redirect, which would carry credentials elsewhere, and retries nothing. With HTTP/1.1
/// each upload has a connection of its own, so a connection that breaks affects no other call.
pub(crate) fn client(login_url: &LoginUrl, user_agent: &str, connect_timeout: Duration) -> Result<Client, Fault> {
    let mut builder = Client::builder()
        .user_agent(user_agent)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .connect_timeout(connect_timeout);
    if login_url.is_loopback() {
        // Plain http within this machine needs neither a proxy nor the machine's certificates.
        builder = builder.no_proxy().tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        Fault::new(FaultKind::Unexpected, format!("the HTTP client cannot be built: {}", root_cause(&error)))
    })
}

/// Sends a request and waits for the head of the answer. The outcome of a fault is unknown, unless no connection was
/// made.
pub(crate) async fn send(request: RequestBuilder, limit: Duration) -> Result<Response, Fault> {
    match timeout(limit, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => {
            let is_sent = !error.is_connect() && !error.is_builder();
            let fault = connection_fault(error);
            Err(if is_sent { fault.with_outcome(Outcome::Unknown) } else { fault })
        }
        Err(_) => Err(timeout_fault(limit).with_outcome(Outcome::Unknown)),
    }
}

/// The time since a request began, for the log.
pub(crate) fn milliseconds_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Reads the whole body of an answer.
pub(crate) async fn body(response: Response, limit: Duration) -> Result<Bytes, Fault> {
    match timeout(limit, response.bytes()).await {
        Ok(read) => read.map_err(connection_fault),
        Err(_) => Err(timeout_fault(limit)),
    }
}

/// Reads the next piece of a body.
pub(crate) async fn piece(response: &mut Response, limit: Duration) -> Result<Option<Bytes>, Fault> {
    match timeout(limit, response.chunk()).await {
        Ok(read) => read.map_err(connection_fault),
        Err(_) => Err(timeout_fault(limit)),
    }
}

/// Reads and classifies an answer whose status is not a success. The outcome is unknown where the trouble is transient
/// and the answer does not say that the call was turned away.
pub(crate) async fn answer_fault(response: Response, limit: Duration) -> Fault {
    let ErrorAnswer { status, retry_after, body } = error_answer(response, limit).await;
    let fault = Fault::of_answer(status, retry_after, &body);
    // Salesforce turns these away before it looks at the call.
    let is_turned_away =
        matches!(status, 401 | 429) || fault.kind() == FaultKind::LimitReached(Limit::ConcurrentRequests);
    if fault.is_transient() && !is_turned_away { fault.with_outcome(Outcome::Unknown) } else { fault }
}

/// An answer whose status is not a success.
pub(crate) struct ErrorAnswer {
    pub(crate) status: u16,
    /// The wait that the answer asks for.
    pub(crate) retry_after: Option<Duration>,
    /// As much of the body as could be read.
    pub(crate) body: Vec<u8>,
}

/// Reads an answer whose status is not a success.
pub(crate) async fn error_answer(mut response: Response, limit: Duration) -> ErrorAnswer {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
    let mut body = Vec::new();
    while body.len() < LONGEST_ERROR_BODY {
        let Ok(Some(bytes)) = piece(&mut response, limit).await else { break };
        body.extend_from_slice(&bytes);
    }
    body.truncate(LONGEST_ERROR_BODY);
    ErrorAnswer { status, retry_after, body }
}

/// Reads `Retry-After`: seconds, or a date. A date that has passed asks for no wait. What cannot be read, or is longer
/// than [`LONGEST_RETRY_AFTER`], asks for nothing, so the policy of the call decides.
fn retry_after(value: &str) -> Option<Duration> {
    let wait = match value.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
            until.duration_since(jiff::Timestamp::now()).try_into().unwrap_or(Duration::ZERO)
        }
    };
    (wait <= LONGEST_RETRY_AFTER).then_some(wait)
}

fn connection_fault(error: reqwest::Error) -> Fault {
    let host = error.url().and_then(Url::host_str).unwrap_or("the host").to_owned();
    // The text must not repeat the URL: it is not needed, and the URL of a proxy may hold a password.
    let error = error.without_url();
    let cause = root_cause(&error);
    let is_unconnected = error.is_dns() || error.is_connect();
    let message = if error.is_builder() {
        return Fault::new(FaultKind::Unexpected, format!("the request cannot be built: {cause}"));
    } else if error.is_dns() {
        format!("the host {host} cannot be found: {cause}")
    } else if error.is_connect() {
        format!("no connection to {host}: {cause}")
    } else {
        format!("the connection to {host} broke: {cause}")
    };
    let fault = Fault::new(FaultKind::Transient, message);
    if is_unconnected { fault.unconnected() } else { fault }
}

fn timeout_fault(limit: Duration) -> Fault {
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
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("120"), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(" 0 "), Some(Duration::ZERO));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO), "a date that has passed");
        let in_an_hour = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&in_an_hour).unwrap();
        let wait = retry_after(&date).unwrap();
        assert!((3590..=3600).contains(&wait.as_secs()), "{wait:?}");
        for none in ["", "soon", "-1", "1.5"] {
            assert_eq!(retry_after(none), None, "{none}");
        }
    }

    #[test]
    fn a_retry_after_of_more_than_a_day_is_no_request() {
        assert_eq!(retry_after("86400"), Some(LONGEST_RETRY_AFTER));
        for absurd in [
            "86401",
            "18446744073709551615",
            "18446744073709551616",
            "-18446744073709551615",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Fri, 31 Dec 99999 23:59:59 GMT",
        ] {
            assert_eq!(retry_after(absurd), None, "{absurd}");
        }
        assert_eq!(retry_after("Mon, 01 Jan 0001 00:00:00 GMT"), Some(Duration::ZERO), "a date that has passed");
    }
}
