//! `validate`: checks a configuration without the org, for a person.

use std::path::Path;

use super::{DEPRECATED_FLOW, read_file};
use crate::config::Config;
use crate::pipeline::catalog_problems;
use airbyte::{Error, Result, parse_catalog};

/// Says that the configuration is valid, and that it fits the catalog.
///
/// # Errors
/// Everything that is wrong, also what `write` only logs.
pub(crate) fn run(config: &Path, catalog: Option<&Path>) -> Result<()> {
    let text = read_file(config, "--config")?;
    let catalog = catalog.map(|catalog| read_file(catalog, "--catalog")).transpose()?;
    let catalog = catalog.map(|text| parse_catalog(&text)).transpose();
    let config = match (Config::parse_strictly(&text), &catalog) {
        (Ok(config), _) => config,
        (Err(error), Ok(_)) => return Err(error),
        (Err(error), Err(other)) => return Err(error.and(other.message())),
    };
    if config.uses_password_flow() {
        return Err(Error::config(DEPRECATED_FLOW));
    }
    let Some(streams) = catalog? else {
        tracing::info!("The configuration is valid. Whether it fits the org is for `check` to say.");
        return Ok(());
    };
    match &*catalog_problems(&config, &streams) {
        [] => {
            tracing::info!(
                "The configuration is valid and fits the catalog. Whether it fits the org is for `check` to say."
            );
            Ok(())
        }
        problems => Err(Error::config(format!("The configuration does not fit the catalog. {}", problems.join(" ")))),
    }
}
