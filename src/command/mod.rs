//! The commands of the Airbyte protocol, and those for a person beside it, one in each file.

pub(crate) mod check;
pub(crate) mod discover;
pub(crate) mod load;
pub(crate) mod rejected;
pub(crate) mod spec;
pub(crate) mod validate;
pub(crate) mod write;

use std::io;
use std::path::Path;

use crate::config::Config;
use crate::display::Display;
use crate::stop::Stop;
use crate::user_error::IntoUserError;
use airbyte::{Error, Output, Result};
use connector::access::{self, LostToken, NewRefreshToken, read_file};
use connector::config::DEPRECATED_FLOW;
use connector::signal;
use salesforce::{Org, OrgAccess};
use tokio::sync::oneshot;

/// How the connector names itself to the org.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

fn read_config(path: &Path) -> Result<Config> {
    let config = read_config_for_check(path)?;
    for unknown in config.unknown_keys() {
        tracing::warn!("{unknown} It is ignored.");
    }
    Ok(config)
}

/// The same for a check, whose answer names the unknown keys.
fn read_config_for_check(path: &Path) -> Result<Config> {
    let config = Config::parse(&read_file(path, "--config")?)?;
    if config.uses_password_flow() {
        tracing::warn!("{DEPRECATED_FLOW}");
    }
    Ok(config)
}

/// Signs in to the org of the configuration. A stop ends it, but never between a new refresh token and the platform.
async fn sign_in(config: &Config, new_refresh_token: NewRefreshToken, stop: &Stop) -> Result<Org> {
    sign_in_with(config, new_refresh_token, stop, false).await
}

/// The same with the patience of a step of a job, for a sync, which nobody waits for.
async fn sign_in_patiently(config: &Config, output: &Output, stop: &Stop) -> Result<Org> {
    sign_in_with(config, send_to_platform(config, output), stop, true).await
}

/// Sends each new refresh token to the platform.
fn send_to_platform(config: &Config, output: &Output) -> NewRefreshToken {
    NewRefreshToken::SendToPlatform(config.text().clone(), output.clone())
}

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
        // Batches have waits of their own, which tests hasten.
        haste: 1,
    };
    access::sign_in(access, stop, |fault| fault.into_error("signing in")).await
}

/// A stop that is requested by each signal that ends a process. A stopped run ends although nobody reads its output,
/// once the sender is dropped.
fn stop_on_signal(output: &Output, display: &Display) -> Result<(Stop, oneshot::Sender<()>)> {
    let display = display.clone();
    signal::stop_on_signal(output, move |text| display.notice(text))
}

/// The error of a command that cannot write its answer.
fn stdout_closed(error: io::Error) -> Error {
    Error::system("Standard output was closed.").internal(error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::net::TcpSocket;
    use tokio::time::Instant;

    use super::*;
    use crate::config::test_configs::{client, valid};

    /// A person waits for the answer of a check, and nobody waits for a sync.
    #[tokio::test(start_paused = true)]
    async fn a_sync_waits_for_an_org_that_is_away_and_a_check_says_it_soon() {
        // Bound, so that no server of another test gets the port, and nobody listens there.
        let reserved = TcpSocket::new_v4().unwrap();
        reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", reserved.local_addr().unwrap());
        let config = valid(&client(json!({"domain_url": url})));
        let (output, stop) = (Output::new(io::sink()).unwrap(), Stop::default());
        let started = Instant::now();
        assert!(sign_in(&config, NewRefreshToken::Lose(LostToken::default()), &stop).await.is_err());
        let of_check = started.elapsed();
        let started = Instant::now();
        assert!(sign_in_patiently(&config, &output, &stop).await.is_err());
        let of_sync = started.elapsed();
        let (soon, long) = (Duration::from_mins(1), Duration::from_mins(20));
        assert!(of_check < soon && of_sync > long, "{of_check:?} {of_sync:?}");
    }
}
