//! `write`: loads records into Salesforce.

use std::io::Read;
use std::path::Path;

use super::signal::stop_on_signal;
use super::{read_config, read_file, sign_in_patiently};
use crate::display::Display;
use crate::pipeline::{self, Connections};
use airbyte::{Output, Result, parse_catalog};

/// Loads the records of `input`, and returns each state of `input` once the records before it are safe.
///
/// # Errors
/// The first failure that ended the sync. Everything proven until then is acknowledged.
pub(crate) async fn run(
    config: &Path,
    catalog: &Path,
    input: impl Read + Send + 'static,
    output: &Output,
    display: &Display,
) -> Result<()> {
    let config = read_config(config)?;
    let catalog = parse_catalog(&read_file(catalog, "--catalog")?)?;
    let (stop, _running) = stop_on_signal(output)?;
    let org = async || sign_in_patiently(&config, output, &stop).await;
    let connections = Connections { input, output: output.clone(), display, stop: stop.clone() };
    Box::pin(pipeline::write(&config, &catalog, org, connections)).await
}
