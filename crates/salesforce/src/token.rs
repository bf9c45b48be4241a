//! Signing in: four OAuth 2.0 flows, and the access token that each of them returns.

mod grant;
mod jwt;
mod private_key;
mod refusal;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use reqwest::Client;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

pub use private_key::{PrivateKey, PrivateKeyError};

use crate::fault::{Fault, FaultKind, Outcome};
use crate::host::LoginUrl;
use crate::patience::CallPatience;
use crate::timing::Timing;
use crate::transport::{self, ErrorAnswer};

/// Logs a token request with its time and its status. What it sends and gets is secret.
fn log_sign_in(answer: Result<&reqwest::Response, &Fault>, began: Instant) {
    let status = answer.ok().map(|response| response.status().as_u16());
    let milliseconds = transport::milliseconds_since(began);
    tracing::debug!(status, fault = answer.err().map(Fault::message), milliseconds, "sign-in request");
}

/// Called with every refresh token that takes the place of the one before.
pub type OnNewRefreshToken = Arc<dyn Fn(&SecretString) + Send + Sync>;

/// Where and how to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The host of the token endpoint: My Domain, or the host that all orgs share.
    pub login_url: LoginUrl,
    /// The OAuth 2.0 flow with its credentials.
    pub flow: OAuthFlow,
}

/// How a program signs in to an org and is known there.
pub struct OrgAccess {
    /// Where and how to sign in.
    pub sign_in: SignIn,
    /// The `User-Agent` of every request, by which the org's event logs name the program, such as `loader/1.0`.
    pub user_agent: String,
    /// Called with every refresh token that takes the place of the one before. The call that renewed the token
    /// continues only after that.
    pub on_new_refresh_token: OnNewRefreshToken,
    /// Whether the sign-in, describes and limits wait for half an hour for what may pass, as each step of a job does. A
    /// person who waits for an answer has less patience.
    pub is_patient: bool,
    /// How many times faster the waits before a call is made again pass. More than 1 is for tests of a whole program.
    pub haste: u32,
}

/// An OAuth 2.0 flow with its credentials.
#[derive(Debug, Clone)]
pub enum OAuthFlow {
    /// A refresh token, which Salesforce issued when a user approved the app.
    RefreshToken {
        /// The consumer key.
        client_id: String,
        /// The consumer secret, if the app requires one.
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
        /// The private half of the certificate in the app.
        private_key: PrivateKey,
    },
    /// The username-password flow, which Salesforce has deprecated.
    Password {
        /// The consumer key.
        client_id: String,
        /// The consumer secret.
        client_secret: SecretString,
        /// The user to sign in as.
        username: String,
        /// The password, directly followed by the security token.
        password: SecretString,
    },
}

/// The result of a token request.
pub(super) struct Session {
    pub(super) access_token: SecretString,
    pub(super) instance_url: Url,
    /// The id of the org, if the answer names it.
    pub(super) organization_id: Option<String>,
    /// Counts the sessions, from 1.
    serial: u64,
}

type Renewal = Shared<BoxFuture<'static, Result<Arc<Session>, Fault>>>;

/// The access token of an org. All calls share it, and one request renews it, however many calls find it refused.
pub(super) struct Tokens {
    endpoint: Arc<Endpoint>,
    session: Arc<Mutex<Arc<Session>>>,
    /// The renewal in progress, or the last one. It stays when the call that began it is dropped: its answer may hold
    /// the only refresh token that still works, so the next call continues it.
    renewal: Mutex<Option<Renewal>>,
}

/// The token endpoint, and the refresh token that it issued last.
struct Endpoint {
    client: Client,
    sign_in: SignIn,
    timing: Timing,
    on_new_refresh_token: OnNewRefreshToken,
    new_refresh_token: Mutex<Option<SecretString>>,
    /// Whether an answer is awaited that may hold the only refresh token that works from then on.
    awaits_refresh_token: watch::Sender<bool>,
}

/// The answer to a token request (Help, "OAuth 2.0 Refresh Token Flow"). It names no lifetime, so a token is used until
/// it is refused.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    instance_url: String,
    refresh_token: Option<String>,
    /// The identity URL, such as `https://login.salesforce.com/id/00Dx0000000BV7z/005x00000012Q9P`.
    #[serde(default)]
    id: serde_json::Value,
}

impl Tokens {
    /// Signs in for the first time, unless `stop` completes first. An answer that may hold a new refresh token is
    /// awaited even then.
    pub(super) async fn sign_in(
        client: Client,
        access: OrgAccess,
        timing: Timing,
        stop: impl Future<Output = ()>,
    ) -> Result<Self, Fault> {
        let OrgAccess { sign_in, on_new_refresh_token, is_patient, .. } = access;
        let endpoint = Arc::new(Endpoint {
            client,
            sign_in,
            timing,
            on_new_refresh_token,
            new_refresh_token: Mutex::new(None),
            awaits_refresh_token: watch::Sender::new(false),
        });
        let session = {
            let patience = if is_patient { CallPatience::Long("signing in") } else { CallPatience::Brief };
            let mut request = pin!(endpoint.request(1, patience));
            let session = tokio::select! {
                biased;
                session = &mut request => Some(session),
                () = stop => endpoint.finish(request).await,
            };
            session.unwrap_or_else(|| Err(Fault::new(FaultKind::Transient, "the sign-in was stopped")))?
        };
        Ok(Self { endpoint, session: Arc::new(Mutex::new(Arc::new(session))), renewal: Mutex::new(None) })
    }

    /// The session for the next call.
    pub(super) fn session(&self) -> Arc<Session> {
        Arc::clone(&lock(&self.session))
    }

    /// Returns a session newer than the one that was refused.
    pub(super) async fn renew(&self, refused: &Session) -> Result<Arc<Session>, Fault> {
        let renewal = {
            let mut slot = lock(&self.renewal);
            let current = self.session();
            if current.is_newer_than(refused) {
                return Ok(current);
            }
            let usable = slot.take().filter(|renewal| match renewal.peek() {
                None => true,
                // Refused credentials stay refused, and asking again may lock the user out.
                Some(Err(fault)) => fault.kind() == FaultKind::SignIn,
                Some(Ok(_)) => false,
            });
            slot.insert(usable.unwrap_or_else(|| self.begin_renewal(current.serial + 1))).clone()
        };
        renewal.await
    }

    /// Lets the next renewal ask again, although the last one was refused.
    pub(super) fn forget_failed_renewal(&self) {
        lock(&self.renewal).take_if(|renewal| matches!(renewal.peek(), Some(Err(_))));
    }

    /// Waits for an answer that may hold a new refresh token, if a renewal has asked for one.
    pub(super) async fn finish_renewal(&self) {
        let renewal = lock(&self.renewal).clone();
        if let Some(renewal) = renewal {
            self.endpoint.finish(renewal).await;
        }
    }

    fn begin_renewal(&self, serial: u64) -> Renewal {
        let (endpoint, current) = (Arc::clone(&self.endpoint), Arc::clone(&self.session));
        let renewal = async move {
            let session = Arc::new(endpoint.request(serial, CallPatience::Brief).await?);
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
    async fn request(&self, serial: u64, patience: CallPatience) -> Result<Session, Fault> {
        let session = patience.run(&self.timing, Fault::is_transient, || async {
            let _awaited = self.await_refresh_token();
            self.accept(self.ask().await?, serial)
        });
        let session = session.await?;
        tracing::info!(instance = session.instance_url.as_str(), "signed in to Salesforce");
        Ok(session)
    }

    /// Continues a sign-in while it awaits an answer that may hold a new refresh token. `None` if it awaits none.
    async fn finish<T>(&self, sign_in: impl Future<Output = T>) -> Option<T> {
        let mut awaits = self.awaits_refresh_token.subscribe();
        tokio::select! {
            biased;
            outcome = sign_in => Some(outcome),
            _ = awaits.wait_for(|awaits| !awaits) => None,
        }
    }

    /// Marks that an answer is awaited, until the guard is dropped. Only one flow has refresh tokens.
    fn await_refresh_token(&self) -> Option<Awaited<'_>> {
        let may_replace = matches!(self.sign_in.flow, OAuthFlow::RefreshToken { .. });
        may_replace.then(|| {
            self.awaits_refresh_token.send_replace(true);
            Awaited(&self.awaits_refresh_token)
        })
    }

    /// Sends one token request. A lost answer may have replaced the refresh token. Then Salesforce refuses the next
    /// request with the old one, as it would refuse it in the next run of the program.
    async fn ask(&self) -> Result<Answer, Fault> {
        let newest = lock(&self.new_refresh_token).clone();
        let form = grant::form(&self.sign_in.flow, newest.as_ref(), jiff::Timestamp::now().as_second())?;
        let mut url = self.sign_in.login_url.as_url().clone();
        url.set_path("/services/oauth2/token");
        let request = self.client.post(url).header(ACCEPT, "application/json").form(&form);
        let limit = self.timing.answer;
        let began = Instant::now();
        let answer = transport::send(request, limit).await;
        log_sign_in(answer.as_ref(), began);
        let response = answer.map_err(|fault| fault.with_outcome(Outcome::Known))?;
        let status = response.status();
        if status.is_success() {
            let body = transport::body(response, limit).await?;
            return serde_json::from_slice(&body).map_err(|_| {
                Fault::new(FaultKind::Transient, "the answer to the token request is not the expected JSON")
            });
        }
        if status.is_redirection() {
            return Err(self.redirected());
        }
        let ErrorAnswer { status, retry_after, body } = transport::error_answer(response, limit).await;
        match serde_json::from_slice(&body) {
            Ok(refusal) if status < 500 => Err(refusal::fault_of(&refusal)),
            _ => Err(Fault::of_answer(status, retry_after, &body).with_kind(FaultKind::Transient)),
        }
    }

    fn redirected(&self) -> Fault {
        let host = self.sign_in.login_url.as_url().host_str().unwrap_or_default();
        Fault::new(
            FaultKind::SignIn,
            format!(
                "{host} redirects the sign-in to another address, and credentials are not sent there. Set domain_url to \
                 the My Domain URL of the org, such as https://example.my.salesforce.com."
            ),
        )
    }

    /// Makes a session of an answer. Its refresh token is reported first, because the old one no longer works.
    fn accept(&self, answer: Answer, serial: u64) -> Result<Session, Fault> {
        if let Some(token) = answer.refresh_token {
            self.report(SecretString::from(token));
        }
        let instance_url = self.sign_in.login_url.check_instance(&answer.instance_url).map_err(|rule| {
            Fault::new(
                FaultKind::SignIn,
                format!(
                    "The sign-in answer names an instance that must not receive the access token: {rule}. Check that \
                     domain_url is the address of your org."
                ),
            )
        })?;
        let organization_id = answer.id.as_str().and_then(organization_id);
        Ok(Session { access_token: answer.access_token.into(), instance_url, organization_id, serial })
    }

    /// Uses a refresh token from now on, and reports it if it is new.
    fn report(&self, token: SecretString) {
        let OAuthFlow::RefreshToken { refresh_token: first, .. } = &self.sign_in.flow else { return };
        let previous = lock(&self.new_refresh_token).replace(token.clone());
        if previous.as_ref().unwrap_or(first).expose_secret() != token.expose_secret() {
            (self.on_new_refresh_token)(&token);
        }
    }
}

/// The id of the org in an identity URL, `https://login.salesforce.com/id/orgID/userID` (Help, "Identity URLs"): its 15
/// characters, whichever form the URL has.
fn organization_id(identity: &str) -> Option<String> {
    let (_, ids) = identity.split_once("/id/")?;
    let id = ids.split('/').next()?;
    let is_id =
        matches!(id.len(), 15 | 18) && id.starts_with("00D") && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_id.then(|| id[..15].to_owned())
}

/// An answer that may hold a new refresh token is awaited while this lives.
struct Awaited<'e>(&'e watch::Sender<bool>);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

/// Nothing panics while it holds one of these locks, so the data of a poisoned one is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
