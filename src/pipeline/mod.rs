//! The way of a record from the line that was read to the state that is given back.

mod batch;
mod budget;
mod field;
mod intake;
mod judge;
mod keyed;
mod lane;
mod ledger;
mod load;
mod mark;
mod news;
pub mod packed;
mod per_row;
mod plan;
mod preflight;
mod quota;
mod reader;
mod reason;
mod report;
mod stop;
mod stream;

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
use intake::{Intake, Rules};
use lane::Lanes;
use load::Loader;
use plan::Wish;
use quota::Quota;
use report::Report;
use stream::Stream;

pub use stop::Stop;

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
    let wishes: Vec<Wish<'_>> = catalog.iter().map(|stream| Wish::of(stream, config)).collect();
    let budget = Budget::new(capacity(wishes.len()));
    let halt = CancellationToken::new();
    let mut plans = Vec::new();
    let mut quota = None;
    let (lanes, news) = if wishes.iter().any(|wish| wish.operation.is_some()) {
        let prepare = async {
            let org = sign_in().await?;
            let plans = preflight::plans(&org, &wishes, config).await?;
            let quota = Quota::open(&org, config.max_api_usage_percent()).await?;
            let store = open_store(config, catalog).await?;
            Ok((plans, quota, Loader::new(org, store, Arc::clone(&budget), halt.clone())))
        };
        let loader;
        (plans, quota, loader) = tokio::select! {
            prepared = prepare => prepared?,
            () = stop.asked() => return Err(intake::stopped()),
        };
        let (lanes, news) = Lanes::new(loader, config.max_parallel_jobs());
        (Some(lanes), news)
    } else {
        (None, mpsc::unbounded_channel().1)
    };
    let mut plans = plans.into_iter();
    let streams = wishes
        .iter()
        .map(|wish| {
            let plan = wish.operation.and_then(|_| plans.next());
            Stream::new(wish.name().clone(), plan, config.null_handling())
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
    let report = Report::new(wishes.len(), display);
    let mut intake = Intake::new(streams, lanes, budget, halt, output, report, rules);
    let outcome = intake.run(input, news, quota, stop).await;
    intake.report.conclude(&intake.streams);
    outcome
}

async fn open_store(config: &Config, catalog: &[ConfiguredStream]) -> Result<Option<RejectedStore>> {
    let Some(settings) = config.rejected_storage() else {
        tracing::warn!("no bucket is configured: rejected records are counted, and not kept");
        return Ok(None);
    };
    let sync =
        SyncIdentity { sync_id: catalog.iter().find_map(|stream| stream.sync_id), started: jiff::Timestamp::now() };
    Box::pin(RejectedStore::open(settings, sync)).await.map(Some)
}
