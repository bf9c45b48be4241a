//! `write`: records in, records in Salesforce.

use std::io::Read;
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use super::{Rotation, read, read_config, sign_in};
use crate::display::Display;
use crate::pipeline::{self, Stop};
use airbyte::{Error, Output, Result, parse_catalog};

/// Writes the records of `input` and gives its states back.
///
/// # Errors
/// The first thing that ended the sync. What could be acknowledged has been.
pub async fn run(
    config: &Path,
    catalog: &Path,
    input: impl Read + Send + 'static,
    output: &Output,
    display: &Display,
) -> Result<()> {
    let config = read_config(config)?;
    let catalog = parse_catalog(&read(catalog, "--catalog")?)?;
    let stop = stop_on_signal()?;
    let org = async || sign_in(&config, output, Rotation::HandOver).await;
    Box::pin(pipeline::write(&config, &catalog, org, input, output.clone(), display, stop)).await
}

/// A stop that is asked for whenever the process is asked to end.
fn stop_on_signal() -> Result<Stop> {
    let listen = |kind| {
        signal(kind).map_err(|error| Error::system("Signals of the system cannot be listened to.").internal(error))
    };
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = Stop::default();
    let stopped = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stopped.ask();
            tracing::warn!("asked to stop: running jobs are waited for a minute, or until the next signal");
        }
    });
    Ok(stop)
}
