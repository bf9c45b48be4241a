//! The way of a record: from a line of the input to the acknowledged state.
//!
//! `prepare` plans the streams, `intake` reads records into a `batch`, `job` loads the batch, and `ledger` says which
//! states may be acknowledged.

mod batch;
mod dry_run;
mod history;
mod intake;
mod job;
mod ledger;
mod prepare;
mod progress;
mod purpose;
mod rejections;
mod report;

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::Config;
use crate::display::Display;
use crate::rejected::{RejectedStore, SyncIdentity};
use crate::stop::Stop;
use airbyte::{ConfiguredStream, Error, Output, Result};
use salesforce::{Limits, Org};

use crate::budget::{Budget, capacity_for};
use crate::journal::{Journal, Patience, TakenOver, Target, take_over};
pub(crate) use dry_run::DryRun;
use intake::{BatchLimits, Intake, IntakeSettings, RejectionLimits, Signals, Stream, read_on_thread};
use job::{Event, JobJournal, Jobs, KNOWN_BYTES, Loader, Stores, Waits, keep_earlier_successes};
use prepare::{PlannedStream, Quota, StreamPlan, StreamRequest, plan_streams};
pub(crate) use prepare::{SettingsFindings, catalog_problems, check_settings};
use progress::Progress;
use purpose::Purpose;
use report::Reporter;

pub use batch::{CompressedCsv, PIECE_SIZE};

/// What connects a sync with its user and platform.
pub(crate) struct Connections<'d, R> {
    /// Messages of the source.
    pub(crate) input: R,
    /// Messages to the platform.
    pub(crate) output: Output,
    /// The progress on a terminal.
    pub(crate) display: &'d Display,
    /// A request to stop.
    pub(crate) stop: Stop,
}

/// What a sync needs before it reads.
struct Prepared {
    streams: Vec<PlannedStream>,
    jobs: Jobs,
    events: mpsc::UnboundedReceiver<Event>,
    quota: Option<Arc<Quota>>,
    org: Option<Org>,
    /// None if no report is left.
    reporter: Option<Reporter>,
    journal: Option<Arc<Journal>>,
    taken_over: TakenOver,
}

impl Prepared {
    /// Nothing but the streams.
    fn without_jobs(streams: Vec<PlannedStream>, budget: &Arc<Budget>) -> Self {
        let (jobs, events) = Jobs::none();
        let taken_over = TakenOver::nothing(budget);
        Self { streams, jobs, events, quota: None, org: None, reporter: None, journal: None, taken_over }
    }
}

/// Writes the records of the input to Salesforce and acknowledges its states on the output.
///
/// `sign_in` is called at most once, and is not dropped when the sync is asked to stop. A sync that only resets streams
/// needs no org, so it does not call it. With `dry_run` the records are only counted.
///
/// # Errors
/// The first error that ended the sync. All states that are proven are acknowledged.
pub(crate) async fn write(
    config: &Config,
    catalog: &[ConfiguredStream],
    sign_in: impl AsyncFnOnce() -> Result<Org>,
    connections: Connections<'_, impl Read + Send + 'static>,
    dry_run: Option<DryRun>,
) -> Result<()> {
    let Connections { input, output, display, stop } = connections;
    let sync_id = catalog.iter().find_map(|stream| stream.sync_id);
    let (sync, began) = (SyncIdentity { sync_id, started: jiff::Timestamp::now() }, Instant::now());
    let requests: Vec<StreamRequest<'_>> = catalog.iter().map(|stream| StreamRequest::new(stream, config)).collect();
    // What a dry run keeps must not make its batches smaller than those of a sync.
    let budget = Budget::new(capacity_for(requests.len()) + if dry_run.is_some() { KNOWN_BYTES } else { 0 });
    let purpose = if dry_run.is_some() { Purpose::DryRun } else { Purpose::Sync };
    let prepared = if requests.iter().any(StreamRequest::brings_records) {
        let org = sign_in().await?;
        let prepare = async {
            let streams = plan_streams(&org, &requests, config).await?;
            let (limits, quota) = Quota::check(&org, config.max_api_usage_percent()).await?;
            match &dry_run {
                Some(dry_run) => Ok(dry_run.prepare(streams, &org, &budget, display)),
                None => {
                    let checked = Checked { streams, quota, limits, begun: (sync, began) };
                    prepare_sync(config, catalog, &org, checked, &budget).await
                }
            }
        };
        stop.unless_requested(&org, Box::pin(prepare)).await??
    } else {
        let streams = requests.iter().map(|request| PlannedStream { name: request.name().clone(), plan: None });
        Prepared::without_jobs(streams.collect(), &budget)
    };
    let Prepared { streams, jobs, events, quota, org, reporter, journal, mut taken_over } = prepared;
    let settings = IntakeSettings {
        limits: BatchLimits { batch_size: config.batch_size(), budget },
        flush_interval: config.flush_interval(),
        rejection_limits: RejectionLimits {
            records: config.max_rejected_records(),
            percent: config.max_rejected_percent(),
            is_for_file: config.is_for_file(),
        },
        began,
        expects_completion: catalog.iter().any(|stream| stream.generation_id.is_some()),
        journal,
        earlier_lease: taken_over.lease,
        purpose,
    };
    let input = read_on_thread(input)
        .map_err(|error| Error::system("The thread that reads standard input cannot be started.").internal(error))?;
    let progress = Progress::new(streams.iter().map(|stream| stream.name.clone()), purpose, display);
    let streams = streams.into_iter().map(|stream| {
        let earlier = taken_over.rows.remove(&stream.name).unwrap_or_default();
        Stream::new(stream, config.null_handling(), earlier)
    });
    let streams = streams.collect();
    let intake = Intake::new(streams, jobs, settings, output, progress);
    let ended = intake.run(Signals { input, events, quota, stop: stop.clone() }).await;
    let last_words = if dry_run.is_some() { Vec::new() } else { rejections::last_words(&ended.streams) };
    let outcome = match (dry_run, reporter) {
        (Some(dry_run), _) => dry_run.conclude(ended.outcome, org.as_ref(), &stop, display).await,
        (None, Some(reporter)) => Box::pin(reporter.leave(ended, &stop)).await,
        (None, None) => ended.outcome,
    };
    if let Some(org) = org {
        stop.finish_renewal(&org).await;
    }
    last_words.iter().for_each(|words| tracing::warn!("{words}"));
    outcome
}

/// What is known of a sync after the checks.
struct Checked {
    streams: Vec<PlannedStream>,
    quota: Option<Arc<Quota>>,
    limits: Limits,
    /// Which sync it is, and when it began.
    begun: (SyncIdentity, Instant),
}

/// What a sync needs that writes.
async fn prepare_sync(
    config: &Config,
    catalog: &[ConfiguredStream],
    org: &Org,
    Checked { streams, quota, limits, begun }: Checked,
    budget: &Arc<Budget>,
) -> Result<Prepared> {
    let stores = open_stores(config, begun.0, budget).await?;
    if stores.successes.is_some() {
        streams.iter().filter_map(|stream| stream.plan.as_ref()).for_each(StreamPlan::warn_of_unsent_primary_key);
    }
    let reporter = stores.rejected.clone().filter(|_| config.leaves_report());
    let reporter = reporter.map(|store| Reporter::new(store, org.clone(), begun, limits, &streams));
    let journal = open_journal(config, catalog).await?;
    let taken_over = match &journal {
        Some(journal) => take_over_jobs(journal, org, &streams, budget).await?,
        None => TakenOver::nothing(budget),
    };
    if let Some(store) = &stores.successes {
        let plans = streams.iter().filter_map(|stream| stream.plan.as_ref());
        Box::pin(keep_earlier_successes(store, plans, &taken_over)).await?;
    }
    let job_journal = JobJournal::new(journal.clone(), Arc::clone(budget));
    let loader = Loader::new(org.clone(), stores, job_journal, Arc::clone(budget), quota.clone());
    let (jobs, events) = Jobs::new(Arc::new(loader), config.max_parallel_jobs());
    Ok(Prepared { streams, jobs, events, quota, org: Some(org.clone()), reporter, journal, taken_over })
}

async fn open_stores(config: &Config, sync: SyncIdentity, budget: &Arc<Budget>) -> Result<Stores> {
    let Some(settings) = config.rejected_storage() else {
        tracing::warn!("no bucket is configured: rejected records are counted, but not stored");
        return Ok(Stores::default());
    };
    let store = Box::pin(RejectedStore::open(settings, sync, Arc::clone(budget))).await?;
    // A load says itself where its files are.
    if let Some(warning) = store.warning().filter(|_| !config.is_for_file()) {
        tracing::warn!("{warning}");
    }
    let successes = config.keeps_successes().then(|| store.for_successes(settings, Arc::clone(budget))).transpose()?;
    Ok(Stores { rejected: Some(store), successes })
}

/// The journal of the sync. Without a number of the sync, a later attempt could not tell whose entries it finds.
async fn open_journal(config: &Config, catalog: &[ConfiguredStream]) -> Result<Option<Arc<Journal>>> {
    let Some(settings) = config.journal_storage() else { return Ok(None) };
    let Some(sync_id) = catalog.iter().find_map(|stream| stream.sync_id) else {
        tracing::info!("the platform sends no sync_id, so there is no journal");
        return Ok(None);
    };
    Ok(Some(Arc::new(Journal::open(settings, sync_id).await?)))
}

async fn take_over_jobs(
    journal: &Journal,
    org: &Org,
    streams: &[PlannedStream],
    budget: &Arc<Budget>,
) -> Result<TakenOver> {
    let plans = streams.iter().filter_map(|stream| stream.plan.as_ref());
    let of_stream = |plan: &StreamPlan| [Some(plan.target()), plan.of_deletes().as_ref().map(StreamPlan::target)];
    let targets: Vec<Target> = plans.flat_map(of_stream).flatten().collect();
    let Waits { standstill, results, .. } = Waits::of_sync();
    take_over(journal, org, &targets, budget, Patience { standstill, results }).await
}
