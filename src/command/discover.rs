//! `discover`: the objects and fields that records can be loaded into.

use std::path::Path;

use super::{NewRefreshToken, read_config, sign_in, stdout_closed};
use crate::discover;
use airbyte::{Output, Result};

/// Answers with one DESTINATION_CATALOG.
///
/// # Errors
/// The configuration is not valid, the org does not answer, or standard output is closed.
pub(crate) async fn run(config: &Path, output: &Output) -> Result<()> {
    let config = read_config(config)?;
    // The platform treats every configuration from discover as the configuration of a source, and fails.
    let org = sign_in(&config, output, NewRefreshToken::Warn).await?;
    let catalog = discover::discover(&org).await?;
    output.destination_catalog(catalog.operations()).map_err(stdout_closed)
}
