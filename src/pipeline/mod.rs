//! The way of a record from the line that was read to the state that is given back.

mod batch;
mod budget;
mod intake;
mod job;
mod ledger;
mod prepare;
mod report;

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::display::Display;
use crate::rejected::{RejectedStore, SyncIdentity};
use airbyte::{ConfiguredStream, Error, Output, Result};
use salesforce::Org;

use budget::{Budget, capacity};
use intake::{Intake, Rules, reader, stream::Stream};
use job::lane::Lanes;
use job::load::Loader;
use prepare::plan::StreamRequest;
use prepare::preflight;
use prepare::quota::Quota;
use report::Report;

pub use batch::compressed_csv::{CompressedCsv, PIECE_SIZE};
pub use intake::stop::Stop;

/// Writes the records of `input` to Salesforce and gives its states back on `output`.
///
/// `sign_in` is called once, and only where records may come: a reset succeeds without an org.
///
/// # Errors
/// The first thing that ended the sync. What could be acknowledged has been.
pub async fn write(
    config: &Config,
    catalog: &[ConfiguredStream],
    sign_in: impl AsyncFnOnce() -> Result<Org>,
    input: impl Read + Send + 'static,
    output: Output,
    display: &Display,
    stop: Stop,
) -> Result<()> {
    let requests: Vec<StreamRequest<'_>> = catalog.iter().map(|stream| StreamRequest::of(stream, config)).collect();
    let budget = Budget::new(capacity(requests.len()));
    let halt = CancellationToken::new();
    let mut plans = Vec::new();
    let mut quota = None;
    let (lanes, events) = if requests.iter().any(|request| request.operation.is_some()) {
        let prepare = async {
            let org = sign_in().await?;
            let plans = preflight::plans(&org, &requests, config).await?;
            let quota = Quota::open(&org, config.max_api_usage_percent()).await?;
            let store = open_store(config, catalog).await?;
            Ok((plans, quota, Loader::new(org, store, Arc::clone(&budget), halt.clone())))
        };
        let loader;
        (plans, quota, loader) = tokio::select! {
            prepared = prepare => prepared?,
            () = stop.asked() => return Err(intake::stopped()),
        };
        let (lanes, events) = Lanes::new(loader, config.max_parallel_jobs());
        (Some(lanes), events)
    } else {
        (None, mpsc::unbounded_channel().1)
    };
    let mut plans = plans.into_iter();
    let streams = requests
        .iter()
        .map(|request| {
            let plan = request.operation.and_then(|_| plans.next());
            Stream::new(request.name().clone(), plan, config.null_handling())
        })
        .collect();
    let rules = Rules {
        batch_size: config.batch_size(),
        flush_interval: config.flush_interval(),
        max_rejected_records: config.max_rejected_records(),
        expects_completion: catalog.iter().any(|stream| stream.generation_id.is_some()),
    };
    let input = reader::read(input)
        .map_err(|error| Error::system("The thread that reads standard input cannot be started.").internal(error))?;
    let report = Report::new(requests.len(), display);
    let mut intake = Intake::new(streams, lanes, budget, halt, output, report, rules);
    let outcome = intake.run(input, events, quota, stop).await;
    intake.report.conclude(&intake.streams);
    outcome
}

async fn open_store(config: &Config, catalog: &[ConfiguredStream]) -> Result<Option<RejectedStore>> {
    let Some(settings) = config.rejected_storage() else {
        tracing::warn!("no bucket is configured: rejected records are counted, but not stored");
        return Ok(None);
    };
    let sync =
        SyncIdentity { sync_id: catalog.iter().find_map(|stream| stream.sync_id), started: jiff::Timestamp::now() };
    Box::pin(RejectedStore::open(settings, sync)).await.map(Some)
}
