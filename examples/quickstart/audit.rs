//! Whether it all adds up: what was sent, what came back, what the org holds, what the bucket holds.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use salesforce_sim::{JobState, JobSummary};
use serde_json::Value;

use crate::warehouse::{Checkpoint, Stream, Sync};

/// What the sync left behind, each thing from the place where it is.
pub(crate) struct Outcome {
    /// The states, in the order in which they came back.
    pub(crate) states: Vec<Checkpoint>,
    /// How many records each object of the org has.
    pub(crate) created: BTreeMap<&'static str, usize>,
    pub(crate) jobs: Vec<JobSummary>,
    /// The API requests of the whole run.
    pub(crate) requests: usize,
    /// What the bucket keeps.
    pub(crate) rejected: Vec<Rejected>,
}

/// A rejected record of the bucket.
pub(crate) struct Rejected {
    pub(crate) stream: &'static str,
    /// What the shop calls the record.
    pub(crate) number: String,
    /// The status code.
    pub(crate) reason: String,
    /// Salesforce's name of the field at fault; empty where none is named.
    pub(crate) field: String,
    /// All that is kept.
    pub(crate) row: Value,
}

impl Outcome {
    pub(crate) fn created(&self, object: &str) -> usize {
        self.created.get(object).copied().unwrap_or_default()
    }

    /// The rejected records of a stream.
    pub(crate) fn rejected_of<'a>(&'a self, stream: &'a Stream) -> impl Iterator<Item = &'a Rejected> {
        self.rejected.iter().filter(|rejected| rejected.stream == stream.name)
    }
}

impl Rejected {
    /// Reads a row of the bucket.
    pub(crate) fn read(stream: &Stream, row: Value) -> Result<Self> {
        let text = |name: &str| {
            let text = row["_airbyte_data"][name].as_str().map(str::to_owned);
            text.with_context(|| format!("A rejected record of {} has no {name}.", stream.name))
        };
        let (number, reason, field) = (text(stream.number_column)?, text("rejected_reason")?, text("rejected_field")?);
        Ok(Self { stream: stream.name, number, reason, field, row })
    }
}

/// What does not add up, each as a sentence.
pub(crate) fn problems(streams: &[Stream], sync: &Sync, outcome: &Outcome) -> Vec<String> {
    let mut problems = Vec::new();
    let mut hold = |holds: bool, problem: String| {
        if !holds {
            problems.push(problem);
        }
    };
    for stream in streams {
        let (name, read) = (stream.name, stream.records.len());
        let (created, rejected) = (outcome.created(stream.object), outcome.rejected_of(stream).count());
        hold(
            created + rejected == read,
            format!("Of {name}, {read} were read, but {created} created and {rejected} kept as refused."),
        );

        let (expected, actual) = (planted(stream), reasons(outcome.rejected_of(stream)));
        hold(expected == actual, format!("Of {name}, {expected:?} had to be refused, and {actual:?} were."));

        let states = |of: &[Checkpoint]| -> Vec<Checkpoint> {
            of.iter().filter(|state| state.stream == name).cloned().collect()
        };
        let (sent, back) = (states(&sync.checkpoints), states(&outcome.states));
        let (sent_ids, back_ids) = (ids(&sent), ids(&back));
        hold(sent_ids == back_ids, format!("The states {sent_ids:?} of {name} were sent, and {back_ids:?} came back."));
        for (sent, back) in sent.iter().zip(&back).filter(|(sent, back)| sent.id == back.id) {
            let (id, expected, actual) = (sent.id, (sent.written, sent.rejected), (back.written, back.rejected));
            hold(
                expected == actual,
                format!("State {id} stands for {expected:?} written and refused, and tells {actual:?}."),
            );
        }
    }
    hold(
        outcome.states.len() == sync.checkpoints.len(),
        format!("{} states were sent, and {} came back.", sync.checkpoints.len(), outcome.states.len()),
    );
    for job in &outcome.jobs {
        hold(job.state == JobState::JobComplete, format!("The job {} was left in the state {:?}.", job.id, job.state));
    }
    problems
}

fn ids(states: &[Checkpoint]) -> Vec<u64> {
    states.iter().map(|state| state.id).collect()
}

/// How many records of a stream have to be refused, by reason.
fn planted(stream: &Stream) -> BTreeMap<&str, usize> {
    count(stream.records.iter().filter_map(|record| record.flaw))
}

/// How many records were refused, by reason.
fn reasons<'a>(rejected: impl Iterator<Item = &'a Rejected>) -> BTreeMap<&'a str, usize> {
    count(rejected.map(|rejected| rejected.reason.as_str()))
}

fn count<'a>(reasons: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    reasons.for_each(|reason| *counts.entry(reason).or_default() += 1);
    counts
}
