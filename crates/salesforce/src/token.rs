//! Signing in: the four OAuth 2.0 flows and the access token that they give.

mod assertion;
mod grant;
mod refusal;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use reqwest::Client;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::fault::{Fault, FaultKind};
use super::host::{Reach, check_url, is_loopback};
use super::wire::{self, Timing};
use retry::Retry;

/// Told every refresh token that takes the place of the one before.
pub type OnRotation = Arc<dyn Fn(&SecretString) + Send + Sync>;

/// Where and how to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The host of the token endpoint; it has passed [`check_url`].
    pub login_url: Url,
    /// The `User-Agent` of every request, by which an org's event logs name the program.
    pub user_agent: String,
    /// The OAuth 2.0 flow with its credentials.
    pub flow: Flow,
}

/// An OAuth 2.0 flow with its credentials.
#[derive(Debug, Clone)]
pub enum Flow {
    /// A refresh token that a user's consent gave.
    RefreshToken {
        /// The consumer key.
        client_id: String,
        /// The consumer secret, unless the app does without.
        client_secret: Option<SecretString>,
        /// The refresh token.
        refresh_token: SecretString,
    },
    /// The app signs in as its "Run As" user.
    ClientCredentials {
        /// The consumer key.
        client_id: String,
        /// The consumer secret.
        client_secret: SecretString,
    },
    /// A signed assertion takes the place of a secret.
    JwtBearer {
        /// The consumer key.
        client_id: String,
        /// The user to sign in as.
        username: String,
        /// `https://login.salesforce.com` or `https://test.salesforce.com`.
        audience: String,
        /// The RSA private key in PEM form.
        private_key: SecretString,
    },
    /// The username-password flow, which Salesforce has deprecated.
    Password {
        /// The consumer key.
        client_id: String,
        /// The consumer secret.
        client_secret: SecretString,
        /// The user to sign in as.
        username: String,
        /// The password with the security token behind it.
        password: SecretString,
    },
}

/// What a token request gave, and how many came before it.
pub(super) struct Session {
    pub(super) access_token: SecretString,
    pub(super) instance_url: Url,
    serial: u64,
}

type Renewal = Shared<BoxFuture<'static, Result<Arc<Session>, Fault>>>;

/// The access token of an org: one for everyone, renewed by one request however many calls find it refused.
pub(super) struct Tokens {
    endpoint: Arc<Endpoint>,
    session: Arc<Mutex<Arc<Session>>>,
    /// The renewal under way, or the last one. A call that gives up waiting does not end it: its answer may hold the
    /// only refresh token that still works, so the next call takes it up where it was left.
    renewal: Mutex<Option<Renewal>>,
}

/// The token endpoint, and the refresh token that it gave last.
struct Endpoint {
    client: Client,
    sign_in: SignIn,
    timing: Timing,
    on_rotation: OnRotation,
    rotated: Mutex<Option<SecretString>>,
}

/// The answer to a token request (Help, "OAuth 2.0 Refresh Token Flow"). It names no lifetime: a token is used until it
/// is refused.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    instance_url: String,
    refresh_token: Option<String>,
}

impl Tokens {
    /// Signs in for the first time.
    pub(super) async fn sign_in(
        client: Client,
        sign_in: SignIn,
        timing: Timing,
        on_rotation: OnRotation,
    ) -> Result<Self, Fault> {
        let endpoint = Arc::new(Endpoint { client, sign_in, timing, on_rotation, rotated: Mutex::new(None) });
        let session = endpoint.request(1).await?;
        Ok(Self { endpoint, session: Arc::new(Mutex::new(Arc::new(session))), renewal: Mutex::new(None) })
    }

    /// The session that calls are made with.
    pub(super) fn session(&self) -> Arc<Session> {
        Arc::clone(&lock(&self.session))
    }

    /// A session newer than the one that was refused.
    pub(super) async fn renew(&self, refused: &Session) -> Result<Arc<Session>, Fault> {
        let renewal = {
            let mut slot = lock(&self.renewal);
            let current = self.session();
            if current.is_newer_than(refused) {
                return Ok(current);
            }
            let usable = slot.take().filter(|renewal| match renewal.peek() {
                None => true,
                // Refused credentials stay refused; asking again may lock the user out.
                Some(Err(fault)) => fault.kind() == FaultKind::SignIn,
                Some(Ok(_)) => false,
            });
            slot.insert(usable.unwrap_or_else(|| self.begin_renewal(current.serial + 1))).clone()
        };
        renewal.await
    }

    fn begin_renewal(&self, serial: u64) -> Renewal {
        let (endpoint, current) = (Arc::clone(&self.endpoint), Arc::clone(&self.session));
        let renewal = async move {
            let session = Arc::new(endpoint.request(serial).await?);
            *lock(&current) = Arc::clone(&session);
            Ok(session)
        };
        renewal.boxed().shared()
    }
}

impl Session {
    /// Whether it was issued after the other one.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        self.serial > other.serial
    }
}

impl Endpoint {
    async fn request(&self, serial: u64) -> Result<Session, Fault> {
        let passing = |fault: &Fault| if fault.is_passing() { Retry::After(fault.retry_after()) } else { Retry::No };
        let answer = retry::run(&self.timing.retry, passing, || self.ask()).await?;
        let session = self.accept(answer, serial)?;
        tracing::info!(instance = session.instance_url.as_str(), "signed in to salesforce");
        Ok(session)
    }

    /// Sends one token request. An answer that was lost may have replaced the refresh token; asking again with the
    /// old one is then refused, which the next sync would meet just the same.
    async fn ask(&self) -> Result<Answer, Fault> {
        let newest = lock(&self.rotated).clone();
        let form = grant::form(&self.sign_in.flow, newest.as_ref(), jiff::Timestamp::now().as_second())?;
        let mut url = self.sign_in.login_url.clone();
        url.set_path("/services/oauth2/token");
        let request = self.client.post(url).header(ACCEPT, "application/json").form(&form);
        let limit = self.timing.control;
        let response = wire::send(request, limit).await.map_err(|failed| failed.fault)?;
        let status = response.status();
        if status.is_success() {
            let body = wire::body(response, limit).await?;
            return serde_json::from_slice(&body).map_err(|_| {
                Fault::new(FaultKind::Transient, "the answer to the token request is not the JSON that it should be")
            });
        }
        if status.is_redirection() {
            return Err(self.redirected());
        }
        let (status, retry_after, body) = wire::error_parts(response, limit).await;
        match serde_json::from_slice(&body) {
            Ok(refusal) if status < 500 => Err(refusal::fault_of(&refusal)),
            _ => Err(Fault::of_answer(status, retry_after, &body).with_kind(FaultKind::Transient)),
        }
    }

    fn redirected(&self) -> Fault {
        let host = self.sign_in.login_url.host_str().unwrap_or_default();
        Fault::new(
            FaultKind::SignIn,
            format!(
                "{host} sends the sign-in on to another address, where credentials do not follow. Set domain_url to \
                 the My Domain URL of the org, such as https://example.my.salesforce.com."
            ),
        )
    }

    /// Takes an answer over; a refresh token that came with it is handed on first, because the old one is now void.
    fn accept(&self, answer: Answer, serial: u64) -> Result<Session, Fault> {
        if let Some(token) = answer.refresh_token {
            self.keep(SecretString::from(token));
        }
        let reach = if is_loopback(&self.sign_in.login_url) { Reach::Loopback } else { Reach::Salesforce };
        let instance_url = check_url(&answer.instance_url, reach).map_err(|rule| {
            Fault::new(
                FaultKind::SignIn,
                format!(
                    "The sign-in answer names an instance that must not be given the access token: {rule}. Check that \
                     domain_url is the address of your org."
                ),
            )
        })?;
        Ok(Session { access_token: answer.access_token.into(), instance_url, serial })
    }

    fn keep(&self, token: SecretString) {
        let Flow::RefreshToken { refresh_token: first, .. } = &self.sign_in.flow else { return };
        let previous = lock(&self.rotated).replace(token.clone());
        if previous.as_ref().unwrap_or(first).expose_secret() != token.expose_secret() {
            (self.on_rotation)(&token);
        }
    }
}

/// Nothing that is done under these locks panics, so a poisoned one holds sound data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
