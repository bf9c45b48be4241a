//! The one way through which every API call goes.

mod elements;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Client, Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use url::Url;

use self::elements::Elements;
use super::API_VERSION;
use super::fault::{Fault, FaultKind};
use super::token::{OnRotation, Session, SignIn, Tokens};
use super::upload::CsvBody;
use super::usage::{self, ApiUsage};
use super::wire::{self, Failed, Timing};
use retry::Retry;

/// Whether a call may be made again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It changes nothing, or twice is as good as once.
    Safe,
    /// Only where Salesforce has certainly done nothing.
    Once,
}

/// What a call carries.
enum Payload {
    None,
    Json(serde_json::Value),
    Csv(Arc<dyn CsvBody>),
}

/// One API call.
pub(super) struct Call {
    method: Method,
    /// The segments behind `/services/data/vNN.N`.
    path: Vec<String>,
    query: Option<(&'static str, String)>,
    payload: Payload,
    repeat: Repeat,
    accept: &'static str,
}

impl Call {
    /// A call that reads; it may always be repeated.
    pub(super) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path, Payload::None, Repeat::Safe)
    }

    /// A call that sends JSON.
    pub(super) fn json(method: Method, path: &[&str], body: serde_json::Value, repeat: Repeat) -> Self {
        Self::new(method, path, Payload::Json(body), repeat)
    }

    /// A call that uploads a CSV.
    pub(super) fn upload(path: &[&str], body: Arc<dyn CsvBody>) -> Self {
        Self::new(Method::PUT, path, Payload::Csv(body), Repeat::Once)
    }

    /// The same call for an answer in CSV.
    pub(super) fn accept_csv(mut self, query: Option<(&'static str, String)>) -> Self {
        self.accept = "text/csv";
        self.query = query;
        self
    }

    fn new(method: Method, path: &[&str], payload: Payload, repeat: Repeat) -> Self {
        let path = path.iter().map(|segment| (*segment).to_owned()).collect();
        Self { method, path, query: None, payload, repeat, accept: "application/json" }
    }

    fn url(&self, instance: &Url) -> Url {
        let mut url = instance.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(["services", "data"]);
            if !self.path.is_empty() {
                path.push(&format!("v{API_VERSION}")).extend(&self.path);
            }
        }
        if let Some((key, value)) = &self.query {
            url.query_pairs_mut().append_pair(key, value);
        }
        url
    }

    /// How long to wait for the head of the answer.
    fn limit(&self, timing: &Timing) -> Duration {
        match &self.payload {
            Payload::Csv(body) => timing.control + Duration::from_secs(body.len() / timing.upload_rate),
            _ if self.accept == "text/csv" => timing.stall,
            _ => timing.control,
        }
    }
}

/// The calls of one org.
pub(super) struct Http {
    client: Client,
    tokens: Tokens,
    timing: Timing,
    usage: watch::Sender<Option<ApiUsage>>,
}

impl Http {
    /// Signs in.
    pub(super) async fn sign_in(sign_in: SignIn, on_rotation: OnRotation, timing: Timing) -> Result<Self, Fault> {
        let client = wire::client(&sign_in.login_url, &sign_in.user_agent, &timing)?;
        let tokens = Tokens::sign_in(client.clone(), sign_in, timing, on_rotation).await?;
        Ok(Self { client, tokens, timing, usage: watch::Sender::new(None) })
    }

    pub(super) fn timing(&self) -> &Timing {
        &self.timing
    }

    pub(super) fn instance_url(&self) -> Url {
        self.tokens.session().instance_url.clone()
    }

    /// What the org last said of its API requests.
    pub(super) fn usage(&self) -> &watch::Sender<Option<ApiUsage>> {
        &self.usage
    }

    /// Makes a call whose answer is JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Fault> {
        let attempt = || async move {
            let response = self.attempt(call).await?;
            let read = wire::body(response, self.timing.control).await.and_then(|body| {
                serde_json::from_slice(&body).map_err(|error| {
                    Fault::new(FaultKind::Transient, format!("the answer is not the JSON that it should be: {error}"))
                })
            });
            read.map_err(|fault| Failed { fault, untouched: false })
        };
        self.repeat(call, attempt).await
    }

    /// Makes a call whose answer is a JSON object with a long list, and gives what `read` makes of the list's elements.
    /// No more than one element is held as text.
    pub(super) async fn json_elements<T>(&self, call: &Call, read: impl Fn(&[u8]) -> T) -> Result<Vec<T>, Fault> {
        let (read, limit) = (&read, self.timing.control);
        let attempt = || async move {
            let mut response = self.attempt(call).await?;
            let mut elements = Elements::default();
            let mut list = Vec::new();
            loop {
                match wire::piece(&mut response, limit).await {
                    Ok(Some(piece)) => elements.push(&piece, |element| list.push(read(element))),
                    Ok(None) if elements.is_complete() => return Ok(list),
                    Ok(None) => {
                        let fault = Fault::new(FaultKind::Transient, "the answer is not the JSON that it should be");
                        return Err(Failed { fault, untouched: false });
                    }
                    Err(fault) => return Err(Failed { fault, untouched: false }),
                }
            }
        };
        self.repeat(call, attempt).await
    }

    /// Makes a call whose answer is its status.
    pub(super) async fn done(&self, call: &Call) -> Result<(), Fault> {
        self.repeat(call, || self.attempt(call)).await.map(drop)
    }

    /// Makes a call whose answer is read bit by bit.
    pub(super) async fn stream(&self, call: &Call) -> Result<Response, Fault> {
        self.repeat(call, || self.attempt(call)).await
    }

    /// Repeats a call as far as that may be done.
    async fn repeat<T, F>(&self, call: &Call, attempt: impl FnMut() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Failed>>,
    {
        let classify = |failed: &Failed| {
            tracing::debug!(method = %call.method, fault = failed.fault.message(), "a call to salesforce failed");
            let allowed = call.repeat == Repeat::Safe || failed.untouched;
            if allowed && failed.fault.is_passing() { Retry::After(failed.fault.retry_after()) } else { Retry::No }
        };
        retry::run(&self.timing.retry, classify, attempt).await.map_err(|failed| {
            let doubtful = call.repeat == Repeat::Once && failed.fault.is_passing() && !failed.untouched;
            if doubtful { failed.fault.with_kind(FaultKind::Lost) } else { failed.fault }
        })
    }

    /// Makes a call once, with a new token where the one at hand is refused, and gives an answer that is a success.
    async fn attempt(&self, call: &Call) -> Result<Response, Failed> {
        let mut renewed = false;
        let mut session = self.tokens.session();
        loop {
            let response = wire::send(self.request(call, &session), call.limit(&self.timing)).await?;
            if let Some(usage) = usage::api_usage(response.headers()) {
                self.usage.send_replace(Some(usage));
            }
            if response.status().is_success() {
                return Ok(response);
            }
            let unauthorized = response.status() == 401;
            let failed = wire::refusal(response, self.timing.control).await;
            if !unauthorized {
                return Err(failed);
            }
            let current = self.tokens.session();
            if current.is_newer_than(&session) {
                session = current;
                continue;
            }
            if renewed {
                return Err(refused_again(failed));
            }
            renewed = true;
            session = self.tokens.renew(&session).await.map_err(|fault| Failed { fault, untouched: true })?;
        }
    }

    fn request(&self, call: &Call, session: &Session) -> RequestBuilder {
        let request = self
            .client
            .request(call.method.clone(), call.url(&session.instance_url))
            .header(ACCEPT, call.accept)
            .bearer_auth(session.access_token.expose_secret());
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

/// Some tokens are good for nothing from the start, so another renewal would not help.
fn refused_again(failed: Failed) -> Failed {
    let message = format!(
        "Salesforce refuses the access token that it issued a moment ago: {}. Check that the connected app grants \
         access to the API (scope \"api\"), that the user has the permission \"API Enabled\", and that no policy of \
         the org ends sessions from this address.",
        failed.fault.message()
    );
    Failed { fault: Fault::new(FaultKind::SignIn, message), untouched: true }
}

#[cfg(test)]
mod tests;
