//! `spec`: what can be configured.

use crate::config;
use airbyte::{Error, Output, Result};

/// Answers with one SPEC message. It needs nothing, so that it works where nothing else does.
///
/// # Errors
/// Standard output is closed.
pub fn run(output: &Output) -> Result<()> {
    let spec = config::spec()?;
    output.spec(&spec).map_err(|error| Error::system("Standard output was closed.").internal(error))
}
