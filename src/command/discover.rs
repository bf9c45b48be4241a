//! `discover`: what records can be loaded into.

use std::path::Path;

use super::{Rotation, read_config, sign_in};
use crate::discover;
use airbyte::{Error, Output, Result};

/// Answers with one DESTINATION_CATALOG.
///
/// # Errors
/// The configuration is wrong, the org cannot be asked, or standard output is closed.
pub async fn run(config: &Path, output: &Output) -> Result<()> {
    let config = read_config(config)?;
    // The platform takes a configuration that comes out of discover for that of a source.
    let org = sign_in(&config, output, Rotation::Keep).await?;
    let catalog = discover::discover(&org).await?;
    output
        .destination_catalog(catalog.operations())
        .map_err(|error| Error::system("Standard output was closed.").internal(error))
}
