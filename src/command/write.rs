//! `write`: loads records into Salesforce.

use std::io::Read;
use std::path::PathBuf;

use super::{read_config, read_file, sign_in_patiently, stop_on_signal};
use crate::display::Display;
use crate::pipeline::{self, Connections, DryRun};
use airbyte::{Output, Result, parse_catalog};

/// The files of the command line.
pub(crate) struct WriteFiles {
    pub(crate) config: PathBuf,
    pub(crate) catalog: PathBuf,
}

/// What the command line says of a dry run.
pub(crate) struct DryRunArguments {
    /// How many rows of each stream are shown.
    pub(crate) show: Option<usize>,
}

/// Loads the records of `input`, and returns each state of `input` once the records before it are safe. In a dry run it
/// only counts them.
///
/// # Errors
/// The first failure that ended the sync. Everything proven until then is acknowledged.
pub(crate) async fn run(
    files: &WriteFiles,
    dry_run: Option<DryRunArguments>,
    input: impl Read + Send + 'static,
    output: &Output,
    display: &Display,
) -> Result<()> {
    let config = read_config(&files.config)?;
    let catalog = parse_catalog(&read_file(&files.catalog, "--catalog")?)?;
    // A person who asks for a dry run on the command line gets it in their way, whatever the configuration says.
    let dry_run = match dry_run {
        Some(DryRunArguments { show }) => Some(DryRun::asked_for(show)),
        None => config.dry_run().then(DryRun::configured),
    };
    let (stop, _running) = stop_on_signal(output, display)?;
    let org = async || sign_in_patiently(&config, output, &stop).await;
    let connections = Connections { input, output: output.clone(), display, stop: stop.clone() };
    Box::pin(pipeline::write(&config, &catalog, org, connections, dry_run)).await
}
