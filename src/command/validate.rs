//! `validate`: checks a configuration without the org, for a person.

use std::path::Path;

use super::{DEPRECATED_FLOW, read_file, stdout_closed};
use crate::config::Config;
use crate::display::Display;
use crate::pipeline::catalog_problems;
use airbyte::{Error, Output, Result, parse_catalog};

const VALID: &str = "The configuration is valid. Run `check` to see whether it fits the org.";
const VALID_AND_FITS: &str =
    "The configuration is valid and fits the catalog. Run `check` to see whether it fits the org.";

/// Says that the configuration is valid, and that it fits the catalog.
///
/// # Errors
/// Everything that is wrong, also what `write` only logs.
pub(crate) fn run(config: &Path, catalog: Option<&Path>, output: &Output, display: &Display) -> Result<()> {
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
        return answer(VALID, output, display);
    };
    match &*catalog_problems(&config, &streams) {
        [] => answer(VALID_AND_FITS, output, display),
        problems => Err(Error::config(format!("The configuration does not fit the catalog. {}", problems.join(" ")))),
    }
}

/// Answers a person on the terminal, and in the log elsewhere.
fn answer(sentence: &str, output: &Output, display: &Display) -> Result<()> {
    if display.answers_a_person() {
        return output.text(sentence).map_err(stdout_closed);
    }
    tracing::info!("{sentence}");
    Ok(())
}
