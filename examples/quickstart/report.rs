//! What is told on the terminal.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{Stdout, Write, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use salesforce_sim::SimulatedOrg;
use serde_json::Value;

use crate::audit::{Outcome, Rejected};
use crate::warehouse::{Checkpoint, Stream, Sync};

/// The longest line of a paragraph.
const WIDTH: usize = 100;

/// Writes the report as the sync goes on.
pub(crate) struct Report {
    out: Stdout,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { out: stdout() }
    }

    pub(crate) fn world(&mut self, org: &SimulatedOrg, endpoint: &str) -> Result<()> {
        writeln!(
            self.out,
            "An invented shop loads its warehouse into Salesforce. Both are simulated in this process:"
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
            "  {} messages go in, {} of them states",
            grouped(sync.messages.len()),
            sync.checkpoints.len()
        )?;
        Ok(())
    }

    pub(crate) fn state(&mut self, state: &Checkpoint) -> Result<()> {
        let Checkpoint { id, stream, written, rejected } = state;
        writeln!(self.out, "  state {id:>2} is back: {stream}, {written:>3} written, {rejected:>2} refused")?;
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
            let (created, read) = (grouped(outcome.created(stream.object)), grouped(stream.records.len()));
            writeln!(self.out, "  {:<8} {created:>6}   of {read} {}", stream.object, stream.name)?;
        }
        self.section("Refused, and kept in the bucket")?;
        writeln!(self.out, "  {:<10} {:<39} {:>5}   for example", "stream", "reason", "count")?;
        for stream in streams {
            self.refused(stream, outcome)?;
        }
        let reasons = streams.iter().flat_map(|stream| reasons(stream, outcome));
        if let Some((_, rejected)) = reasons.max_by_key(|(_, rejected)| rejected.len()) {
            self.section("One of them, as it is kept")?;
            for line in format!("{:#}", rejected[0].row).lines() {
                writeln!(self.out, "  {line}")?;
            }
        }
        self.section("In all")?;
        let records: usize = streams.iter().map(|stream| stream.records.len()).sum();
        let rows: usize = outcome.jobs.iter().map(|job| job.rows).sum();
        let (jobs, unsent) = (outcome.jobs.len(), records.saturating_sub(rows));
        writeln!(self.out, "  {} states given back", outcome.states.len())?;
        writeln!(self.out, "  {jobs} jobs with {} rows; {unsent} records were refused unsent", grouped(rows))?;
        writeln!(self.out, "  {} API requests", outcome.requests)?;
        writeln!(self.out, "  {:.1} seconds", elapsed.as_secs_f64())?;
        writeln!(self.out, "  rejected records: {}", shown(&folder.join("rejected")))?;
        writeln!(self.out, "  all messages:     {}", shown(folder))?;
        Ok(())
    }

    fn refused(&mut self, stream: &Stream, outcome: &Outcome) -> Result<()> {
        for (reason, rejected) in reasons(stream, outcome) {
            let count = rejected.len();
            let Rejected { number, field, .. } = rejected[0];
            let field = if field.is_empty() { String::new() } else { format!(", field {field}") };
            writeln!(self.out, "  {:<10} {reason:<39} {count:>5}   {number}{field}", stream.name)?;
        }
        Ok(())
    }

    pub(crate) fn end(&mut self, folder: &Path) -> Result<()> {
        self.section("What next")?;
        let received = shown(&folder.join("write_received.jsonl"));
        writeln!(self.out, "  Read {received}: all that the connector said, its log included.")?;
        writeln!(self.out, "  Pipe a file of your own into it: README.md, \"Drive it by hand\".")?;
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

/// The rejected records of a stream by reason, the most frequent first, each in the order of their numbers.
fn reasons<'a>(stream: &'a Stream, outcome: &'a Outcome) -> Vec<(&'a str, Vec<&'a Rejected>)> {
    let mut by_reason: BTreeMap<&str, Vec<&Rejected>> = BTreeMap::new();
    for rejected in outcome.rejected_of(stream) {
        by_reason.entry(&rejected.reason).or_default().push(rejected);
    }
    let mut reasons: Vec<_> = by_reason.into_iter().collect();
    reasons.iter_mut().for_each(|(_, rejected)| rejected.sort_by_key(|rejected| &rejected.number));
    reasons.sort_by_key(|(_, rejected)| Reverse(rejected.len()));
    reasons
}

/// A number with commas between its thousands.
fn grouped(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}

/// A path as one types it here.
fn shown(path: &Path) -> String {
    let here: PathBuf = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
