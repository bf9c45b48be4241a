//! Prints what happens.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{Stdout, Write, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use salesforce_sim::SimulatedOrg;
use serde_json::Value;

use crate::audit::{Outcome, Rejected};
use crate::warehouse::{StateCounts, Stream, Sync};

/// The length of a line in a paragraph.
const WIDTH: usize = 100;

/// Prints to standard output while the sync runs.
pub(crate) struct Report {
    out: Stdout,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { out: stdout() }
    }

    pub(crate) fn servers(&mut self, org: &SimulatedOrg, endpoint: &str) -> Result<()> {
        writeln!(
            self.out,
            "An invented shop loads its warehouse into Salesforce. This process simulates the org and the bucket:"
        )?;
        writeln!(self.out, "  org      {}", org.url())?;
        writeln!(self.out, "  bucket   {endpoint}/{}", crate::BUCKET)?;
        Ok(())
    }

    pub(crate) fn spec(&mut self, spec: &Value) -> Result<()> {
        let settings = spec["connectionSpecification"]["properties"].as_object().map_or(0, serde_json::Map::len);
        let modes: Vec<&str> = spec["supported_destination_sync_modes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        self.section("destination-salesforce spec")?;
        writeln!(self.out, "  {settings} settings; sync modes {}", modes.join(", "))?;
        Ok(())
    }

    pub(crate) fn check(&mut self, message: &str) -> Result<()> {
        self.section("destination-salesforce check --config config.json")?;
        self.paragraph(&format!("SUCCEEDED: {message}"))
    }

    pub(crate) fn begin_write(&mut self, sync: &Sync) -> Result<()> {
        self.section("destination-salesforce write --config config.json --catalog catalog.json < write_sent.jsonl")?;
        writeln!(
            self.out,
            "  {} messages are sent, {} of them states",
            with_commas(sync.messages.len()),
            sync.states.len()
        )?;
        Ok(())
    }

    pub(crate) fn state(&mut self, state: &StateCounts) -> Result<()> {
        let StateCounts { id, stream, written, rejected } = state;
        writeln!(self.out, "  state {id:>2} came back: {stream}, {written:>3} written, {rejected:>2} rejected")?;
        Ok(())
    }

    pub(crate) fn outcome(
        &mut self,
        streams: &[Stream],
        outcome: &Outcome,
        folder: &Path,
        elapsed: Duration,
    ) -> Result<()> {
        self.section("Created in the org")?;
        for stream in streams {
            let (created, read) = (with_commas(outcome.created(stream.object)), with_commas(stream.records.len()));
            writeln!(self.out, "  {:<8} {created:>6}   of {read} {}", stream.object, stream.name)?;
        }
        self.section("Rejected, and stored in the bucket")?;
        writeln!(self.out, "  {:<10} {:<39} {:>5}   example", "stream", "reason", "count")?;
        for stream in streams {
            self.rejections(stream, outcome)?;
        }
        let by_reason = streams.iter().flat_map(|stream| rejected_by_reason(stream, outcome));
        if let Some((_, rejected)) = by_reason.max_by_key(|(_, rejected)| rejected.len()) {
            self.section("One of them, as it is in the bucket")?;
            for line in format!("{:#}", rejected[0].row).lines() {
                writeln!(self.out, "  {line}")?;
            }
        }
        self.section("In total")?;
        let records: usize = streams.iter().map(|stream| stream.records.len()).sum();
        let rows: usize = outcome.jobs.iter().map(|job| job.rows).sum();
        let (jobs, unsent) = (outcome.jobs.len(), records.saturating_sub(rows));
        writeln!(self.out, "  {} states came back", outcome.states.len())?;
        writeln!(
            self.out,
            "  {jobs} jobs with {} rows; {unsent} records were rejected before they were sent",
            with_commas(rows)
        )?;
        writeln!(self.out, "  {} API requests", outcome.requests)?;
        writeln!(self.out, "  {:.1} seconds", elapsed.as_secs_f64())?;
        writeln!(self.out, "  rejected records: {}", relative(&folder.join("rejected")))?;
        writeln!(self.out, "  all messages:     {}", relative(folder))?;
        Ok(())
    }

    /// A line for each reason, with one record as an example.
    fn rejections(&mut self, stream: &Stream, outcome: &Outcome) -> Result<()> {
        for (reason, rejected) in rejected_by_reason(stream, outcome) {
            let count = rejected.len();
            let Rejected { number, field, .. } = rejected[0];
            let field = if field.is_empty() { String::new() } else { format!(", field {field}") };
            writeln!(self.out, "  {:<10} {reason:<39} {count:>5}   {number}{field}", stream.name)?;
        }
        Ok(())
    }

    pub(crate) fn next_steps(&mut self, folder: &Path) -> Result<()> {
        self.section("Next steps")?;
        let received = relative(&folder.join("write_received.jsonl"));
        writeln!(self.out, "  Read {received}: all messages of the connector, with its log.")?;
        let page = relative(&folder.join("rejected/1/report.html"));
        writeln!(self.out, "  Open {page} in a browser: the report that the sync left in the bucket.")?;
        writeln!(self.out, "  Load a file of your own: see \"Try it by hand\" in README.md.")?;
        Ok(())
    }

    fn section(&mut self, title: &str) -> Result<()> {
        writeln!(self.out, "\n{title}")?;
        Ok(())
    }

    fn paragraph(&mut self, text: &str) -> Result<()> {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.len() + word.len() > WIDTH {
                writeln!(self.out, " {line}")?;
                line.clear();
            }
            line.push(' ');
            line.push_str(word);
        }
        writeln!(self.out, " {line}")?;
        Ok(())
    }
}

/// The rejected records of a stream by reason. The most frequent reason comes first.
fn rejected_by_reason<'a>(stream: &'a Stream, outcome: &'a Outcome) -> Vec<(&'a str, Vec<&'a Rejected>)> {
    let mut by_reason: BTreeMap<&str, Vec<&Rejected>> = BTreeMap::new();
    for rejected in outcome.rejected_of(stream) {
        by_reason.entry(&rejected.reason).or_default().push(rejected);
    }
    let mut reasons: Vec<_> = by_reason.into_iter().collect();
    reasons.iter_mut().for_each(|(_, rejected)| rejected.sort_by_key(|rejected| &rejected.number));
    reasons.sort_by_key(|(_, rejected)| Reverse(rejected.len()));
    reasons
}

/// A number with commas between the thousands.
fn with_commas(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", with_commas(number / 1_000), number % 1_000),
    }
}

/// A path relative to the current folder.
fn relative(path: &Path) -> String {
    let current: PathBuf = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}
