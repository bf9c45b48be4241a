//! The verbs of the Airbyte protocol, one a file.

pub mod check;
pub mod discover;
pub mod spec;
pub mod write;

use crate::user_error::IntoUserError;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use airbyte::{Error, Output, Result};
use salesforce::{FaultKind, OnNewRefreshToken, Org};

/// How the connector names itself to the org.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Whether a refresh token that Salesforce replaced may be handed to the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rotation {
    /// The platform stores it.
    HandOver,
    /// The platform would take the configuration for that of a source and fail.
    Keep,
}

/// Reads a file that the platform wrote.
fn read(path: &Path, option: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::config(format!("The file given with {option}, {}, cannot be read: {error}.", path.display()))
    })
}

fn read_config(path: &Path) -> Result<Config> {
    let config = Config::parse(&read(path, "--config")?)?;
    if config.uses_password_flow() {
        tracing::warn!(
            "auth_type Password uses a flow that Salesforce has deprecated and blocks in new orgs; choose another"
        );
    }
    Ok(config)
}

/// Signs in to the org of the configuration.
async fn sign_in(config: &Config, output: &Output, rotation: Rotation) -> Result<Org> {
    let (typed, output) = (config.clone(), output.clone());
    let on_new_refresh_token: OnNewRefreshToken = Arc::new(move |token| match rotation {
        Rotation::HandOver => match typed.with_refresh_token(token) {
            // A reader that is gone is noticed at the next state.
            Ok(config) => drop(output.connector_config(&config)),
            Err(error) => tracing::error!("the new refresh token cannot be handed over: {error}"),
        },
        Rotation::Keep => tracing::warn!(
            "Salesforce replaced the refresh token, and this command may not hand the new one over; authenticate again \
             if the next sign-in fails"
        ),
    });
    Org::sign_in(config.sign_in().clone(), USER_AGENT, on_new_refresh_token).await.map_err(|fault| {
        let (kind, error) = (fault.kind(), fault.into_error("signing in"));
        if kind != FaultKind::Transient {
            return error;
        }
        // A mistyped address looks like a server that is down.
        error.and("If it lasts, check domain_url and the way through the network.")
    })
}
