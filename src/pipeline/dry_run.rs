//! A dry run: all of a sync but the jobs. It ends with a summary of what a sync would do.
//!
//! The records go the same way as in a sync, into the same batches. Instead of loading these, `job::Counter` counts them.
//! Nothing is sent, stored or entered in the journal, and the states are dropped.

mod summary;
mod table;

use std::sync::{Arc, OnceLock};

use super::Prepared;
use super::job::{Counter, Jobs, KNOWN_BYTES, Samples, Tally, Ways};
use super::prepare::PlannedStream;
use crate::budget::Budget;
use crate::display::Display;
use crate::journal::TakenOver;
use crate::stop::Stop;
use airbyte::{Error, Result};
use salesforce::{Limits, Org};
use summary::{StreamSummary, Summary};

/// How many rows of each stream a terminal shows.
const ROWS_ON_TERMINAL: usize = 3;

/// What every error of a dry run adds.
const NOTHING_SENT: &str = "This was a dry run: nothing was sent, and nothing counts as done.";

/// A dry run.
pub(crate) struct DryRun {
    wanted_by: WantedBy,
    /// How many rows of each stream are shown. `None` leaves it to whether there is a terminal.
    show: Option<usize>,
    /// Set when it begins.
    counts: OnceLock<Counts>,
}

/// Who wants the dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WantedBy {
    /// A person who reads the summary.
    CommandLine,
    /// A platform, which takes a sync without an error for one that has written its records.
    Configuration,
}

/// What is counted.
struct Counts {
    tally: Arc<Tally>,
    counter: Arc<Counter>,
    /// The streams in the order of the catalog.
    streams: Vec<StreamSummary>,
}

impl DryRun {
    /// A dry run that the command line asks for, with so many rows of each stream.
    pub(crate) fn asked_for(show: Option<usize>) -> Self {
        Self { wanted_by: WantedBy::CommandLine, show, counts: OnceLock::new() }
    }

    /// A dry run that the configuration asks for.
    pub(crate) fn configured() -> Self {
        Self { wanted_by: WantedBy::Configuration, show: None, counts: OnceLock::new() }
    }

    /// What a dry run needs before it reads.
    pub(super) fn prepare(
        &self,
        streams: Vec<PlannedStream>,
        org: &Org,
        budget: &Arc<Budget>,
        display: &Display,
    ) -> Prepared {
        let tally = Arc::new(Tally::new(streams.len()));
        let summaries = streams.iter().map(StreamSummary::of).collect();
        let show = self.show.unwrap_or(if display.is_visible() { ROWS_ON_TERMINAL } else { 0 });
        let samples = Samples::new(display, streams.len(), show);
        let ways = Ways::of(streams.iter().filter_map(|stream| stream.plan.as_ref()));
        let counter = Arc::new(Counter::new(org.clone(), Arc::clone(&tally), samples, ways));
        // Set once: a run is prepared once.
        self.counts.get_or_init(|| Counts { tally, counter: Arc::clone(&counter), streams: summaries });
        let (jobs, events) = Jobs::new(counter, 1);
        let mut taken_over = TakenOver::nothing(budget);
        taken_over.lease.set(KNOWN_BYTES);
        Prepared {
            streams,
            jobs,
            events,
            quota: None,
            org: Some(org.clone()),
            reporter: None,
            journal: None,
            taken_over,
        }
    }

    /// Shows the summary, and returns the outcome of the run.
    ///
    /// # Errors
    /// The error that ended the run. A dry run of the configuration always fails: a platform would take its end for that
    /// of a sync which has written everything.
    pub(super) async fn conclude(
        &self,
        outcome: Result<()>,
        org: Option<&Org>,
        stop: &Stop,
        display: &Display,
    ) -> Result<()> {
        let limits = match org {
            Some(org) => limits(org, stop).await,
            None => Limits::default(),
        };
        let summary = match self.counts.get() {
            Some(Counts { tally, counter, streams }) => {
                Summary::new(streams, &tally.streams(), limits).with_forgotten(counter.has_forgotten())
            }
            None => Summary::default(),
        };
        summary.log();
        if display.is_visible() {
            display.print(&table::table(&summary));
        }
        match (outcome, self.wanted_by) {
            (Err(error), _) => Err(error.and(NOTHING_SENT)),
            (Ok(()), WantedBy::CommandLine) => Ok(()),
            (Ok(()), WantedBy::Configuration) => Err(Error::config(format!(
                "The dry run is complete: {}. Nothing was sent, and nothing counts as done. A platform would take a \
                 success for records that are written, so this sync ends with an error. Set `dry_run` to false to write \
                 the records.",
                summary.in_words()
            ))),
        }
    }
}

/// The allowances of the org. Without them the summary has no shares.
async fn limits(org: &Org, stop: &Stop) -> Limits {
    tokio::select! {
        limits = org.limits() => limits.unwrap_or_default(),
        () = stop.requested() => Limits::default(),
    }
}
