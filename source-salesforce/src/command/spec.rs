//! `spec`: the specification of the configuration.

use airbyte::{Output, Result};

use super::stdout_closed;
use crate::config;

/// Answers with one SPEC.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn run(output: &Output) -> Result<()> {
    output.spec(&config::spec()?).map_err(stdout_closed)
}
