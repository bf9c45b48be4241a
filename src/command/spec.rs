//! `spec`: the keys of the configuration.

use super::stdout_closed;
use crate::config;
use airbyte::{Output, Result};

/// Answers with one SPEC message. Needs no configuration and no network.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn run(output: &Output) -> Result<()> {
    let spec = config::spec()?;
    output.spec(&spec).map_err(stdout_closed)
}
