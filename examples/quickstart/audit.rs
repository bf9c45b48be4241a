//! Compares what was sent with what came back, what is in the org, and what is in the bucket.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use salesforce_sim::{JobState, JobSummary};
use serde_json::Value;

use crate::warehouse::{StateCounts, Stream, Sync};

/// The result of the sync, as the states, the org and the bucket show it.
pub(crate) struct Outcome {
    /// The states, in the order in which they came back.
    pub(crate) states: Vec<StateCounts>,
    /// The number of records of each object in the org.
    pub(crate) created: BTreeMap<&'static str, usize>,
    pub(crate) jobs: Vec<JobSummary>,
    /// The number of API requests.
    pub(crate) requests: usize,
    /// The records in the bucket.
    pub(crate) rejected: Vec<Rejected>,
}

/// A rejected record in the bucket.
pub(crate) struct Rejected {
    pub(crate) stream: &'static str,
    /// The number of the record in the shop.
    pub(crate) number: String,
    /// The code of the rejection.
    pub(crate) reason: String,
    /// The field that the rejection names, or empty.
    pub(crate) field: String,
    /// All that the bucket has of it.
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
    /// Parses a line of an object in the bucket.
    pub(crate) fn parse(stream: &Stream, row: Value) -> Result<Self> {
        let text = |name: &str| {
            let text = row["_airbyte_data"][name].as_str().map(str::to_owned);
            text.with_context(|| format!("A rejected record of {} has no {name}.", stream.name))
        };
        let (number, reason, field) = (text(stream.number_column)?, text("rejected_reason")?, text("rejected_field")?);
        Ok(Self { stream: stream.name, number, reason, field, row })
    }
}

/// Everything that does not add up, each as a sentence.
pub(crate) fn problems(streams: &[Stream], sync: &Sync, outcome: &Outcome) -> Vec<String> {
    let mut problems = Vec::new();
    let mut expect = |is_true: bool, problem: String| {
        if !is_true {
            problems.push(problem);
        }
    };
    for stream in streams {
        let (name, read) = (stream.name, stream.records.len());
        let (created, rejected) = (outcome.created(stream.object), outcome.rejected_of(stream).count());
        expect(
            created + rejected == read,
            format!("{name}: {read} records were read, but {created} were created and {rejected} rejected."),
        );

        let (expected, actual) = (expected_rejections(stream), rejections(outcome.rejected_of(stream)));
        expect(expected == actual, format!("{name}: the rejections are {actual:?}, but must be {expected:?}."));

        let of_stream = |states: &[StateCounts]| -> Vec<StateCounts> {
            states.iter().filter(|state| state.stream == name).cloned().collect()
        };
        let (sent, back) = (of_stream(&sync.states), of_stream(&outcome.states));
        let (sent_ids, back_ids) = (ids(&sent), ids(&back));
        expect(sent_ids == back_ids, format!("{name}: the states {sent_ids:?} were sent, but {back_ids:?} came back."));
        for (sent, back) in sent.iter().zip(&back).filter(|(sent, back)| sent.id == back.id) {
            let (id, expected, actual) = (sent.id, (sent.written, sent.rejected), (back.written, back.rejected));
            expect(
                expected == actual,
                format!("State {id} reports {actual:?} records written and rejected, but must report {expected:?}."),
            );
        }
    }
    expect(
        outcome.states.len() == sync.states.len(),
        format!("{} states were sent, but {} came back.", sync.states.len(), outcome.states.len()),
    );
    for job in &outcome.jobs {
        expect(job.state == JobState::JobComplete, format!("The job {} ended in the state {:?}.", job.id, job.state));
    }
    problems
}

fn ids(states: &[StateCounts]) -> Vec<u64> {
    states.iter().map(|state| state.id).collect()
}

/// How many records of a stream must be rejected, by reason.
fn expected_rejections(stream: &Stream) -> BTreeMap<&str, usize> {
    count(stream.records.iter().filter_map(|record| record.expected_rejection))
}

/// How many records were rejected, by reason.
fn rejections<'a>(rejected: impl Iterator<Item = &'a Rejected>) -> BTreeMap<&'a str, usize> {
    count(rejected.map(|rejected| rejected.reason.as_str()))
}

fn count<'a>(reasons: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    reasons.for_each(|reason| *counts.entry(reason).or_default() += 1);
    counts
}
