//! The commands of the Airbyte protocol, one in each file.

pub(crate) mod check;
pub(crate) mod discover;
pub(crate) mod spec;
pub(crate) mod write;

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::user_error::IntoUserError;
use airbyte::{Error, Output, Result};
use salesforce::{FaultKind, OnNewRefreshToken, Org};

/// How the connector names itself to the org.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// What a command does with a new refresh token, where Salesforce replaces the token at each sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NewRefreshToken {
    /// Sends it to the platform, which stores it for the next sign-in.
    SendToPlatform,
    /// Warns only, because the platform accepts no configuration from this command.
    Warn,
}

/// Reads the file of the command line option `option`.
fn read_file(path: &Path, option: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::config(format!("The file given with {option}, {}, cannot be read: {error}.", path.display()))
    })
}

fn read_config(path: &Path) -> Result<Config> {
    let config = Config::parse(&read_file(path, "--config")?)?;
    if config.uses_password_flow() {
        tracing::warn!(
            "auth_type Password uses a flow that Salesforce deprecates and blocks in new orgs; choose another"
        );
    }
    Ok(config)
}

/// Signs in to the org of the configuration.
async fn sign_in(config: &Config, output: &Output, new_refresh_token: NewRefreshToken) -> Result<Org> {
    let (user_config, output) = (config.clone(), output.clone());
    let on_new_refresh_token: OnNewRefreshToken = Arc::new(move |token| match new_refresh_token {
        NewRefreshToken::SendToPlatform => match user_config.with_refresh_token(token) {
            // If standard output is closed, the next state fails.
            Ok(config) => drop(output.connector_config(&config)),
            Err(error) => tracing::error!("the new refresh token cannot be sent to the platform: {error}"),
        },
        NewRefreshToken::Warn => tracing::warn!(
            "Salesforce replaced the refresh token, and this command cannot send the new one to the platform; \
             authenticate again if the next sign-in fails"
        ),
    });
    Org::sign_in(config.sign_in().clone(), USER_AGENT, on_new_refresh_token).await.map_err(|fault| {
        let (kind, error) = (fault.kind(), fault.into_error("signing in"));
        if kind != FaultKind::Transient {
            return error;
        }
        // A wrong address looks like a server that is down.
        error.and("If it keeps failing, check domain_url and the network.")
    })
}

/// The error of a command that cannot write its answer.
fn stdout_closed(error: io::Error) -> Error {
    Error::system("Standard output was closed.").internal(error)
}
