//! `discover`: the objects and fields that records can be loaded into.

use std::path::Path;

use super::{LostToken, NewRefreshToken, read_config, sign_in, stdout_closed, stop_on_signal};
use crate::config::Config;
use crate::discover::{self, Catalog};
use crate::display::{Display, discover_answer};
use airbyte::{Output, Result};

/// Answers with one DESTINATION_CATALOG, or a person with a table of the objects.
///
/// # Errors
/// The configuration is not valid, the org does not answer, or standard output is closed.
pub(crate) async fn run(config: &Path, output: &Output, display: &Display) -> Result<()> {
    let config = read_config(config)?;
    let lost_token = LostToken::default();
    let catalog = discover(&config, output, display, &lost_token).await.map_err(|error| lost_token.explain(error))?;
    if display.answers_a_person() {
        return output.text(discover_answer(catalog.overview()).trim_end()).map_err(stdout_closed);
    }
    output.destination_catalog(catalog.operations()).map_err(stdout_closed)
}

async fn discover(config: &Config, output: &Output, display: &Display, lost_token: &LostToken) -> Result<Catalog> {
    let (stop, _running) = stop_on_signal(output, display)?;
    // The platform treats every configuration from discover as the configuration of a source, and fails.
    let org = sign_in(config, NewRefreshToken::Lose(lost_token.clone()), &stop).await?;
    stop.unless_requested(&org, discover::discover(&org)).await?
}
