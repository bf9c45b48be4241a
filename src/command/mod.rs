//! The commands of the Airbyte protocol, and those for a person beside it, one in each file.

pub(crate) mod check;
pub(crate) mod discover;
pub(crate) mod rejected;
mod signal;
pub(crate) mod spec;
pub(crate) mod validate;
pub(crate) mod write;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::Config;
use crate::stop::{Stop, stopped, warn_of_lost_token};
use crate::user_error::IntoUserError;
use airbyte::{Error, Output, Result};
use salesforce::{FaultKind, OnNewRefreshToken, Org, OrgAccess};

/// How the connector names itself to the org.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// What a command does with a new refresh token, where Salesforce replaces the token at each sign-in.
#[derive(Debug)]
enum NewRefreshToken {
    /// Sends it to the platform, which stores it for the next sign-in.
    SendToPlatform,
    /// Notes and logs the loss, because the platform accepts no configuration from this command.
    Lose(LostToken),
}

/// Whether Salesforce replaced the refresh token in a command that cannot send the new one to the platform. Clones
/// belong to the same command.
#[derive(Debug, Clone, Default)]
struct LostToken(Arc<AtomicBool>);

impl LostToken {
    const SENTENCES: &str = "Salesforce replaced the refresh token, and discover has no way to hand the new one to the \
                             platform, so the stored one no longer works. Connect the Salesforce account again before \
                             the next sync. To end this, turn refresh token rotation off in the app, or sign in with \
                             ClientCredentials or JwtBearer.";

    fn report(&self) {
        self.0.store(true, Ordering::Relaxed);
        tracing::error!("{}", Self::SENTENCES);
    }

    /// Adds the loss to the error of the command.
    fn explain(&self, error: Error) -> Error {
        if self.0.load(Ordering::Relaxed) { error.and(Self::SENTENCES) } else { error }
    }
}

/// The warning of a flow that still works.
const DEPRECATED_FLOW: &str =
    "The sign-in flow Password is one that Salesforce deprecates and blocks in new orgs: choose another.";

/// Reads the file of the command line option `option`.
fn read_file(path: &Path, option: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::config(format!("The file given with {option}, {}, cannot be read: {error}.", path.display()))
    })?;
    // Some editors put a byte order mark before UTF-8, and it is no JSON.
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// The environment variable that names a proxy for https, if one does.
fn proxy_variable() -> Option<&'static str> {
    let is_set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find(is_set)
}

fn read_config(path: &Path) -> Result<Config> {
    let config = Config::parse(&read_file(path, "--config")?)?;
    for unknown in config.unknown_keys() {
        tracing::warn!("{unknown} It is ignored.");
    }
    if config.uses_password_flow() {
        tracing::warn!("{DEPRECATED_FLOW}");
    }
    Ok(config)
}

/// Signs in to the org of the configuration. A stop ends it, but never between a new refresh token and the platform.
async fn sign_in(config: &Config, output: &Output, new_refresh_token: NewRefreshToken, stop: &Stop) -> Result<Org> {
    sign_in_with(config, output, new_refresh_token, stop, false).await
}

/// The same with the patience of a step of a job, for a sync, which nobody waits for.
async fn sign_in_patiently(config: &Config, output: &Output, stop: &Stop) -> Result<Org> {
    sign_in_with(config, output, NewRefreshToken::SendToPlatform, stop, true).await
}

async fn sign_in_with(
    config: &Config,
    output: &Output,
    new_refresh_token: NewRefreshToken,
    stop: &Stop,
    is_patient: bool,
) -> Result<Org> {
    let (user_config, output) = (config.clone(), output.clone());
    let on_new_refresh_token: OnNewRefreshToken = Arc::new(move |token| match &new_refresh_token {
        NewRefreshToken::SendToPlatform => match user_config.with_refresh_token(token) {
            // If standard output is closed, the next state fails.
            Ok(config) => drop(output.connector_config(&config)),
            Err(error) => tracing::error!("the new refresh token cannot be sent to the platform: {error}"),
        },
        NewRefreshToken::Lose(lost) => lost.report(),
    });
    let (sign_in, user_agent) = (config.sign_in().clone(), USER_AGENT.to_owned());
    let access = OrgAccess { sign_in, user_agent, on_new_refresh_token, is_patient };
    let sign_in = Org::sign_in_unless_stopped(access, stop.requested());
    let signed_in = tokio::select! {
        biased;
        signed_in = sign_in => signed_in,
        () = stop.grace_period_over() => {
            warn_of_lost_token();
            return Err(stopped());
        }
    };
    if stop.is_requested() {
        return Err(stopped());
    }
    signed_in.map_err(|fault| {
        let (kind, error) = (fault.kind(), fault.into_error("signing in"));
        if kind != FaultKind::Transient {
            return error;
        }
        // A wrong address looks like a server that is down.
        let host = config.sign_in().login_url.as_url().host_str().unwrap_or_default();
        error.and(&format!(
            "The sign-in was sent to {host}{}. If it keeps failing, check domain_url and the network.",
            proxy_variable().map_or_else(String::new, |name| format!(", through the proxy of {name}"))
        ))
    })
}

/// The error of a command that cannot write its answer.
fn stdout_closed(error: io::Error) -> Error {
    Error::system("Standard output was closed.").internal(error)
}
