//! `write`: records in, records in Salesforce.

use std::io::Read;
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Rotation, read, read_config, sign_in};
use crate::error::{Error, Result};
use crate::pipeline;
use crate::protocol::catalog;
use crate::protocol::output::Output;

/// Writes the records of `input` and gives its states back.
///
/// # Errors
/// The first thing that ended the sync. What could be acknowledged has been.
pub async fn run(config: &Path, catalog: &Path, input: impl Read + Send + 'static, output: &Output) -> Result<()> {
    let config = read_config(config)?;
    let catalog = catalog::parse(&read(catalog, "--catalog")?)?;
    let stop = stop_on_signal()?;
    let org = async || sign_in(&config, output, Rotation::HandOver).await;
    Box::pin(pipeline::write(&config, &catalog, org, input, output.clone(), stop)).await
}

/// A token that is cancelled when the process is asked to end.
fn stop_on_signal() -> Result<CancellationToken> {
    let listen = |kind| {
        signal(kind).map_err(|error| Error::system("Signals of the system cannot be listened to.").internal(error))
    };
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopped.cancel();
    });
    Ok(stop)
}
