//! API calls: every call of an org is made here, with its token and its retries.

mod call;
mod elements;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Client, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use url::Url;

use self::call::{Accept, Payload};
pub(crate) use self::call::{Call, RequestCount, RetryWhen};
use self::elements::Elements;
use crate::fault::{Fault, FaultKind, Outcome};
use crate::headers::{self, ApiUsage};
pub(crate) use crate::patience::CallPatience;
use crate::timing::{MOVE_INTERVAL, Timing};
use crate::token::{OrgAccess, Session, Tokens};
use crate::transport;

/// A signed-in client of one org.
pub(crate) struct Http {
    client: Client,
    tokens: Tokens,
    timing: Timing,
    /// Whether the calls before the first job have the patience of a step of a job.
    is_patient: bool,
    usage: watch::Sender<Option<ApiUsage>>,
    /// How many requests were made.
    requests: RequestCount,
    /// When a sign-in was last asked whether the instance has moved.
    move_asked: Mutex<Option<Instant>>,
}

impl Http {
    /// Signs in, unless `stop` completes first.
    pub(crate) async fn sign_in(
        access: OrgAccess,
        timing: Timing,
        stop: impl Future<Output = ()>,
    ) -> Result<Self, Fault> {
        let timing = if access.is_patient { timing } else { timing.for_person() };
        let client = transport::client(&access.sign_in.login_url, &access.user_agent, timing.connect)?;
        let is_patient = access.is_patient;
        let tokens = Tokens::sign_in(client.clone(), access, timing, stop).await?;
        let (usage, move_asked) = (watch::Sender::new(None), Mutex::new(None));
        let requests = RequestCount::default();
        Ok(Self { client, tokens, timing, is_patient, usage, requests, move_asked })
    }

    /// The patience with a call before the first job.
    pub(crate) fn preparing(&self, doing: &'static str) -> CallPatience {
        if self.is_patient { CallPatience::Long(doing) } else { CallPatience::Brief }
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }

    pub(crate) fn instance_url(&self) -> Url {
        self.tokens.session().instance_url.clone()
    }

    pub(crate) fn organization_id(&self) -> Option<String> {
        self.tokens.session().organization_id.clone()
    }

    /// The API requests of the org, as the last answer counts them.
    pub(crate) fn usage(&self) -> &watch::Sender<Option<ApiUsage>> {
        &self.usage
    }

    /// How many requests were made, those for tokens not included.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Makes a call whose answer is JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Fault> {
        self.read(call, |body| serde_json::from_slice(body).map_err(|error| error.to_string())).await
    }

    /// Makes a call whose answer is JSON, and returns the time of the server as well, if the answer has it.
    pub(crate) async fn json_with_date<T: DeserializeOwned>(
        &self,
        call: &Call,
    ) -> Result<(T, Option<Timestamp>), Fault> {
        self.read_with_date(call, |body| serde_json::from_slice(body).map_err(|error| error.to_string())).await
    }

    /// Makes a call whose answer `read` understands, or says what is wrong with it: an answer may come from a proxy.
    pub(crate) async fn read<T>(&self, call: &Call, read: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, Fault> {
        Ok(self.read_with_date(call, read).await?.0)
    }

    async fn read_with_date<T>(
        &self,
        call: &Call,
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<(T, Option<Timestamp>), Fault> {
        let read = &read;
        let attempt = || async move {
            let response = self.attempt(call).await?;
            let date = headers::date(response.headers());
            let read = transport::body(response, self.timing.answer)
                .await
                .and_then(|body| read(&body).map_err(|error| foreign_answer(&body, &error)))
                .map(|read| (read, date));
            // Salesforce took the call, and what it answered is lost.
            read.map_err(|fault| fault.with_outcome(Outcome::Unknown))
        };
        self.with_retries(call, attempt).await
    }

    /// Makes a call whose answer is a JSON object with a long list, and returns what `read` makes of the list's
    /// elements. It holds the text of one element at a time.
    pub(crate) async fn json_elements<T>(&self, call: &Call, read: impl Fn(&[u8]) -> T) -> Result<Vec<T>, Fault> {
        let (read, limit) = (&read, self.timing.answer);
        let attempt = || async move {
            let mut response = self.attempt(call).await?;
            let mut elements = Elements::default();
            let mut list = Vec::new();
            let lost = |fault: Fault| fault.with_outcome(Outcome::Unknown);
            while let Some(piece) = transport::piece(&mut response, limit).await.map_err(lost)? {
                elements.push(&piece, |element| list.push(read(element)));
            }
            if elements.is_complete() {
                return Ok(list);
            }
            Err(lost(Fault::new(FaultKind::Transient, "the answer is not the expected JSON")))
        };
        self.with_retries(call, attempt).await
    }

    /// Makes a call whose answer is a JSON object with a long list: what `read` makes of its elements, what is around them,
    /// and the time of the server. It holds the text of one element at a time. None if there are more elements than `most`.
    pub(crate) async fn list<T, F: DeserializeOwned>(
        &self,
        call: &Call,
        most: usize,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<(Vec<T>, F, Option<Timestamp>)>, Fault> {
        let (read, limit) = (&read, self.timing.answer);
        let attempt = || async move {
            let mut response = self.attempt(call).await?;
            let date = headers::date(response.headers());
            let (mut elements, mut list, mut is_known) = (Elements::default(), Vec::new(), true);
            while let Some(piece) = transport::piece(&mut response, limit).await? {
                elements.push(&piece, |element| match read(element) {
                    Some(_) if list.len() > most => {}
                    Some(read) => list.push(read),
                    None => is_known = false,
                });
                if list.len() > most {
                    return Ok(None);
                }
            }
            let is_whole = elements.is_complete() && is_known;
            let frame = elements.into_frame();
            match serde_json::from_slice(&frame) {
                Ok(around) if is_whole => Ok(Some((list, around, date))),
                Err(error) if is_whole => Err(foreign_answer(&frame, &error.to_string())),
                _ => Err(foreign_answer(&frame, "it is no complete JSON")),
            }
        };
        self.with_retries(call, attempt).await
    }

    /// Makes a call once whose answer is a JSON object with a long list. `found` reads each element as it arrives, with the
    /// bytes that reading takes, or ends the reading. Returns what is around the elements; none if `found` ended it.
    pub(crate) async fn elements(
        &self,
        call: &Call,
        mut found: impl FnMut(&[u8], usize) -> ControlFlow<()>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let mut response = self.attempt(call).await?;
        let mut elements = Elements::default();
        while let Some(piece) = transport::piece(&mut response, self.timing.stall).await? {
            let (held, mut flow) = (elements.size() + piece.len(), ControlFlow::Continue(()));
            elements.push(&piece, |element| {
                if flow.is_continue() {
                    flow = found(element, held);
                }
            });
            if flow.is_break() {
                return Ok(None);
            }
        }
        if elements.is_complete() {
            return Ok(Some(elements.into_frame()));
        }
        let frame = elements.into_frame();
        Err(foreign_answer(&frame, "it is no complete JSON"))
    }

    /// Makes a call whose answer has the status 201 and no body.
    pub(crate) async fn created(&self, call: &Call) -> Result<(), Fault> {
        let attempt = || async move {
            let response = self.attempt(call).await?;
            let status = response.status().as_u16();
            let body = transport::body(response, self.timing.answer).await;
            let checked = body.and_then(|body| match (status, body.trim_ascii()) {
                (201, []) => Ok(()),
                (201, _) => Err(foreign_answer(&body, "there must be no text")),
                _ => Err(foreign_answer(&body, &format!("the status is {status} instead of 201"))),
            });
            checked.map_err(|fault| fault.with_outcome(Outcome::Unknown))
        };
        self.with_retries(call, attempt).await
    }

    /// Makes a call whose answer the caller reads piece by piece.
    pub(crate) async fn response(&self, call: &Call) -> Result<Response, Fault> {
        self.with_retries(call, || self.attempt(call)).await
    }

    /// Makes a call, and makes it again as the call and its faults allow.
    async fn with_retries<T, F>(&self, call: &Call, attempt: impl FnMut() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let may_retry = |fault: &Fault| {
            let nothing_done = fault.outcome() == Outcome::Known;
            fault.is_transient() && (call.retry_when == RetryWhen::Always || nothing_done)
        };
        let result = call.patience.run(&self.timing, may_retry, attempt).await;
        result.map_err(|fault| match call.retry_when {
            RetryWhen::Always => fault.with_outcome(Outcome::Known),
            RetryWhen::NothingDone => fault,
        })
    }

    /// Makes a call once, with a new session if the present one has ended or belongs to an instance that has moved, and
    /// returns an answer that is a success.
    async fn attempt(&self, call: &Call) -> Result<Response, Fault> {
        let (mut renewed, mut waited) = (false, false);
        let mut session = self.tokens.session();
        loop {
            call.requests.add();
            self.requests.add();
            let began = Instant::now();
            let answer = transport::send(self.request(call, &session), call.limit(&self.timing)).await;
            log_request(call, answer.as_ref(), began);
            let response = answer?;
            if let Some(usage) = headers::api_usage(response.headers()) {
                self.usage.send_replace(Some(usage));
            }
            if response.status().is_success() {
                return Ok(response);
            }
            let fault = transport::answer_fault(response, self.timing.answer).await;
            if !fault.is_session_lost() {
                let moved = if fault.may_be_moved() { self.moved_session(&session).await? } else { None };
                match moved {
                    Some(moved) if call.retry_when == RetryWhen::Always => session = moved,
                    // What must not be made twice is for the caller to settle, in the new session.
                    _ => return Err(fault),
                }
                continue;
            }
            let current = self.tokens.session();
            if current.is_newer_than(&session) {
                session = current;
            } else if !renewed {
                renewed = true;
                session = self.tokens.renew(&session).await?;
            } else if !waited {
                waited = true;
                sleep(self.timing.new_session).await;
            } else {
                return Err(new_token_refused(&fault));
            }
        }
    }

    /// A session at another instance than the one that seems to be gone, if the org has moved. The sign-in that says so
    /// is not repeated for some minutes.
    async fn moved_session(&self, session: &Session) -> Result<Option<Arc<Session>>, Fault> {
        let mut current = self.tokens.session();
        if !current.is_newer_than(session) {
            {
                let mut asked = self.move_asked.lock().unwrap_or_else(PoisonError::into_inner);
                if asked.is_some_and(|asked| asked.elapsed() < MOVE_INTERVAL) {
                    return Ok(None);
                }
                *asked = Some(Instant::now());
            }
            tracing::warn!(
                instance = session.instance_url.as_str(),
                "the instance does not serve the API: signing in again to find where the org is now"
            );
            current = match self.tokens.renew(session).await {
                Ok(moved) => moved,
                Err(fault) => {
                    // The session may still be good: an org in maintenance redirects its sign-in too.
                    tracing::warn!(%fault, "signing in again did not say where the org is");
                    self.tokens.forget_failed_renewal();
                    return Ok(None);
                }
            };
        }
        Ok((current.instance_url != session.instance_url).then_some(current))
    }

    fn request(&self, call: &Call, session: &Session) -> RequestBuilder {
        let accept = match call.accept {
            Accept::Json => "application/json",
            Accept::Csv => "text/csv",
        };
        let request = self
            .client
            .request(call.method.clone(), call.url(&session.instance_url))
            .header(ACCEPT, accept)
            .bearer_auth(session.access_token.expose_secret());
        let request = match call.batch_size {
            Some(rows) => request.header("Sforce-Query-Options", format!("batchSize={rows}")),
            None => request,
        };
        match &call.payload {
            Payload::None => request,
            Payload::Json(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            Payload::Csv(body) => {
                let pieces = Arc::clone(body).pieces().map(Ok::<Bytes, std::convert::Infallible>);
                request
                    .header(CONTENT_TYPE, "text/csv; charset=UTF-8")
                    .header(CONTENT_LENGTH, body.len())
                    .body(Body::wrap_stream(stream::iter(pieces)))
            }
        }
    }
}

/// Logs a request with its time and its status. What it sent and got may hold values of records.
fn log_request(call: &Call, answer: Result<&Response, &Fault>, began: Instant) {
    let status = answer.ok().map(|response| response.status().as_u16());
    tracing::debug!(
        method = %call.method,
        path = %call.path(),
        job = call.job(),
        status,
        // Without an answer the words are about the connection.
        fault = answer.err().map(Fault::message),
        milliseconds = transport::milliseconds_since(began),
        "request to Salesforce"
    );
}

/// The fault of an answer that has the status of a success and is not Salesforce's.
fn foreign_answer(body: &[u8], error: &str) -> Fault {
    let message = match body.trim_ascii() {
        [] => "an empty answer".to_owned(),
        [b'<', ..] => "an HTML page instead of an answer".to_owned(),
        _ => format!("the answer is not the expected one: {error}"),
    };
    Fault::new(FaultKind::Transient, message)
}

/// Salesforce refuses some tokens from the start, so another renewal would not help.
fn new_token_refused(fault: &Fault) -> Fault {
    let message = format!(
        "Salesforce refuses the access token that it has just issued: {}. Check that the connected app grants access \
         to the API (scope \"api\"), that the user has the permission \"API Enabled\", and that no policy of the org \
         ends sessions from this address.",
        fault.message()
    );
    Fault::new(FaultKind::SignIn, message)
}

#[cfg(test)]
mod tests;
