//! The commands of the Airbyte protocol and `compare`, one in each file.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod discover;
pub(crate) mod read;
pub(crate) mod spec;

use std::path::Path;

use airbyte::{Output, Result};
use connector::access::{self, NewRefreshToken, read_file};
use connector::config::DEPRECATED_FLOW;
use connector::haste::test_haste;
use connector::signal;
use connector::stop::Stop;
use salesforce::{Org, OrgAccess};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::user_error::{error_of, stdout_closed};

/// How the connector names itself to the org.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

fn read_config(path: &Path) -> Result<Config> {
    let config = Config::parse(&read_file(path, "--config")?)?;
    for unknown in config.unknown_keys() {
        tracing::warn!("{unknown} It is ignored.");
    }
    if config.uses_password_flow() {
        tracing::warn!("{DEPRECATED_FLOW}");
    }
    if let Some(unused) = config.unused() {
        tracing::warn!("{unused}");
    }
    Ok(config)
}

/// Signs in to the org of the configuration, and hands each new refresh token to the platform. `is_patient` is for a
/// sync, which nobody waits for.
async fn sign_in(config: &Config, output: &Output, stop: &Stop, is_patient: bool) -> Result<Org> {
    let new_refresh_token = NewRefreshToken::SendToPlatform(config.text().clone(), output.clone());
    sign_in_with(config, new_refresh_token, stop, is_patient).await
}

/// Signs in to the org of the configuration.
async fn sign_in_with(
    config: &Config,
    new_refresh_token: NewRefreshToken,
    stop: &Stop,
    is_patient: bool,
) -> Result<Org> {
    let access = OrgAccess {
        sign_in: config.sign_in().clone(),
        user_agent: USER_AGENT.to_owned(),
        on_new_refresh_token: new_refresh_token.handler(),
        is_patient,
        haste: test_haste(),
    };
    access::sign_in(access, stop, |fault| error_of(&fault, "signing in")).await
}

/// A stop that is requested by each signal that ends a process. A stopped run ends although nobody reads its output,
/// once the sender is dropped.
fn stop_on_signal(output: &Output) -> Result<(Stop, oneshot::Sender<()>)> {
    signal::stop_on_signal(output, |_| {})
}
