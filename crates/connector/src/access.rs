//! Signs a command in to the org of its configuration.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airbyte::{Error, Output, Result};
use salesforce::{Fault, FaultKind, OnNewRefreshToken, Org, OrgAccess};

use crate::config::raw_text::RawText;
use crate::stop::{Stop, stopped, warn_of_lost_token};

/// What a command does with a new refresh token, where Salesforce replaces the token at each sign-in.
#[derive(Debug)]
pub enum NewRefreshToken {
    /// Sends it to the platform in this configuration, which the platform stores for the next sign-in.
    SendToPlatform(RawText, Output),
    /// Notes and logs the loss, because the platform accepts no configuration from this command.
    Lose(LostToken),
}

/// Whether Salesforce replaced the refresh token in a command that cannot send the new one to the platform. Clones
/// belong to the same command.
#[derive(Debug, Clone, Default)]
pub struct LostToken(Arc<AtomicBool>);

impl LostToken {
    const SENTENCES: &str = "Salesforce replaced the refresh token, and this command has no way to hand the new one to \
                             the platform, so the stored one no longer works. Connect the Salesforce account again before \
                             the next sync. To end this, turn refresh token rotation off in the app, or sign in with \
                             ClientCredentials or JwtBearer.";

    fn report(&self) {
        self.0.store(true, Ordering::Relaxed);
        tracing::error!("{}", Self::SENTENCES);
    }

    /// Adds the loss to the error of the command.
    pub fn explain(&self, error: Error) -> Error {
        if self.0.load(Ordering::Relaxed) { error.and(Self::SENTENCES) } else { error }
    }
}

impl NewRefreshToken {
    /// What is called with each new token.
    pub fn handler(self) -> OnNewRefreshToken {
        Arc::new(move |token| match &self {
            Self::SendToPlatform(text, output) => match text.with_refresh_token(token) {
                // If standard output is closed, the next message fails.
                Ok(config) => drop(output.connector_config(&config)),
                Err(error) => tracing::error!("the new refresh token cannot be sent to the platform: {error}"),
            },
            Self::Lose(lost) => lost.report(),
        })
    }
}

/// Signs in. A stop ends it, but never between a new refresh token and the platform. `explain` makes the error of a
/// fault.
///
/// # Errors
/// Salesforce refuses the sign-in or cannot be reached, or the command is asked to stop.
pub async fn sign_in(access: OrgAccess, stop: &Stop, explain: impl FnOnce(Fault) -> Error) -> Result<Org> {
    let login_url = access.sign_in.login_url.clone();
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
        let (kind, error) = (fault.kind(), explain(fault));
        if kind != FaultKind::Transient {
            return error;
        }
        // A wrong address looks like a server that is down.
        let host = login_url.as_url().host_str().unwrap_or_default();
        let proxy = proxy_variable(|name| std::env::var(name).ok());
        error.and(&format!(
            "The sign-in was sent to {host}{}. If it keeps failing, check domain_url and the network.",
            proxy.map_or_else(String::new, |name| format!(", through the proxy of {name}"))
        ))
    })
}

/// The environment variable that names a proxy for https, if one does.
fn proxy_variable(value_of: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let is_set = |name: &&str| value_of(name).is_some_and(|value| !value.is_empty());
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find(is_set)
}

/// Reads the file of the command line option `option`.
///
/// # Errors
/// The file cannot be read.
pub fn read_file(path: &Path, option: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::config(format!("The file given with {option}, {}, cannot be read: {error}.", path.display()))
    })?;
    // Some editors put a byte order mark before UTF-8, and it is no JSON.
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_before_a_file_is_no_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for (content, expected) in [
            ("\u{feff}{\"a\": 1}\n", "{\"a\": 1}\n"),
            ("{\"a\": \"\u{feff}\"}", "{\"a\": \"\u{feff}\"}"),
            (" {}\r\n", " {}\r\n"),
            ("\u{feff}", ""),
            ("", ""),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read_file(&path, "--config").unwrap(), expected, "{content:?}");
        }
        for (content, what) in [(&b"\xff\xfe{\0}\0"[..], "UTF-16"), (b"{\"a\": \"\xe9\"}", "Latin-1")] {
            std::fs::write(&path, content).unwrap();
            let error = read_file(&path, "--config").unwrap_err();
            assert!(error.message().contains("--config") && error.message().contains("config.json"), "{what}");
        }
        assert!(read_file(&folder.path().join("none.json"), "--catalog").unwrap_err().message().contains("--catalog"));
    }

    #[test]
    fn the_first_variable_that_names_a_proxy_for_https_is_told() {
        let url = "http://proxy.example:3128";
        for (set, expected) in [
            (&[("HTTPS_PROXY", url)][..], Some("HTTPS_PROXY")),
            (&[("https_proxy", url)], Some("https_proxy")),
            (&[("ALL_PROXY", url)], Some("ALL_PROXY")),
            (&[("all_proxy", url)], Some("all_proxy")),
            (&[("all_proxy", url), ("ALL_PROXY", url)], Some("ALL_PROXY")),
            (&[("ALL_PROXY", url), ("https_proxy", url)], Some("https_proxy")),
            (&[("https_proxy", url), ("HTTPS_PROXY", url)], Some("HTTPS_PROXY")),
            (&[], None),
            // Where a variable is empty, it names none.
            (&[("HTTPS_PROXY", ""), ("all_proxy", url)], Some("all_proxy")),
            (&[("HTTPS_PROXY", ""), ("https_proxy", ""), ("ALL_PROXY", ""), ("all_proxy", "")], None),
            (&[("HTTP_PROXY", url), ("http_proxy", url), ("NO_PROXY", "*")], None),
        ] {
            let value_of = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(proxy_variable(value_of), expected, "{set:?}");
        }
    }
}
