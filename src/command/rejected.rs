//! `rejected`: the way back of rejected records, for a person beside the platform.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tokio::runtime::Handle;

use super::{read_config, stdout_closed, stop_on_signal};
use crate::config::{Config, NullHandling};
use crate::display::Display;
use crate::journal;
use crate::rejected::{Findings, Found, Progress, RecordSink, RejectedReader, Selection, Summary};
use crate::stop::{Stop, stopped};
use airbyte::{Error, Output, RecordMessage, Result};

/// Prints the selected records of the bucket as RECORD messages, or a table of them. It signs in nowhere.
///
/// # Errors
/// There is no bucket, it cannot be read, or an object of rejected records cannot be read whole. What could be read is
/// printed before.
pub(crate) async fn run(
    config: &Path,
    selection: Selection,
    summary: bool,
    output: &Output,
    display: &Display,
) -> Result<()> {
    let config = read_config(config)?;
    let (stop, _running) = stop_on_signal(output, display)?;
    if summary {
        return Box::pin(print_summary(&config, &selection, output, &Watch { display, stop: &stop })).await;
    }
    Box::pin(print_records(&config, &selection, output, &Watch { display, stop: &stop })).await
}

/// What watches the reading: a person, and the signals.
struct Watch<'a> {
    display: &'a Display,
    stop: &'a Stop,
}

async fn print_records(config: &Config, selection: &Selection, output: &Output, watch: &Watch<'_>) -> Result<()> {
    let printer = Printer { output: output.clone(), runtime: Handle::current(), warnings: warnings(config) };
    let (_, findings) = watch.read(config, selection, printer).await?;
    for note in findings.notes(selection) {
        tracing::warn!("{note}");
    }
    tracing::info!(
        records = findings.records,
        objects = findings.objects,
        other_files = findings.others,
        "rejected records printed"
    );
    findings.problem(selection).map_or(Ok(()), Err)
}

/// What `write` with this configuration may do to the records that the source did not ask for.
fn warnings(config: &Config) -> Vec<&'static str> {
    let clears = (config.null_handling() == NullHandling::Clear).then_some(
        "null_handling is clear, so write clears a field for each null; flattened objects, and rows that Salesforce \
         rejected, have null for what was missing: take out the nulls of fields that must stay as they are",
    );
    let cuts = config.truncate_text().then_some(
        "truncate_text is set, so write cuts a text that is too long; a number of flattened CSV is such a text, also if \
         it was rejected because it is too long",
    );
    clears.into_iter().chain(cuts).collect()
}

async fn print_summary(config: &Config, selection: &Selection, output: &Output, watch: &Watch<'_>) -> Result<()> {
    let (summary, findings) = watch.read(config, selection, Summary::default()).await?;
    let mut text = summary.table();
    for note in findings.notes(selection) {
        text.push_str(&note);
        text.push('\n');
    }
    text.push_str(&format!(
        "{} in {}; skipped, because they are not rejected records: {}",
        count(findings.records, "record"),
        count(findings.objects, "object"),
        count(findings.others, "other file"),
    ));
    output.text(&text).map_err(stdout_closed)?;
    findings.problem(selection).map_or(Ok(()), Err)
}

fn count(number: u64, name: &str) -> String {
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

impl Watch<'_> {
    /// Reads the bucket, and shows how far it is.
    async fn read<S: RecordSink>(&self, config: &Config, selection: &Selection, sink: S) -> Result<(S, Findings)> {
        let Some(settings) = config.rejected_storage() else {
            return Err(Error::config(
                "No bucket and no folder is configured, so there are no rejected records to read. Set object_storage_config.",
            ));
        };
        let progress = Arc::new(Progress::default());
        let read = async {
            let reader = RejectedReader::open(settings, journal::FOLDER).await?;
            reader.read(selection, sink, &progress).await
        };
        tokio::select! {
            read = read => read,
            () = self.show(&progress) => Err(stopped()),
            () = self.stop.requested() => Err(stopped()),
        }
    }

    /// Shows the progress on a terminal, for ever.
    async fn show(&self, progress: &Progress) {
        let line = self.display.line();
        while let (Some(line), Some(interval)) = (&line, self.display.interval()) {
            line.show(progress.line());
            tokio::time::sleep(interval).await;
        }
        std::future::pending().await
    }
}

/// Prints each record as a RECORD message.
struct Printer {
    output: Output,
    runtime: Handle,
    /// Logged before the first record, which `write` may already be loading when the last one is read.
    warnings: Vec<&'static str>,
}

/// Why a record was rejected, beside its values. Readers of the protocol skip what they do not know there.
#[derive(Serialize)]
struct Meta<'a> {
    #[serde(rename = "sf__Id")]
    salesforce_id: &'a str,
    #[serde(rename = "sf__Error")]
    error: &'a str,
    rejected_reason: &'a str,
    rejected_field: &'a str,
    rejected_message: &'a str,
}

impl RecordSink for Printer {
    const NEEDS_NAMES: bool = true;

    fn take(&mut self, found: &Found<'_>) -> Result<()> {
        for warning in self.warnings.drain(..) {
            tracing::warn!("{warning}");
        }
        // Records that nobody reads would fill the memory.
        self.runtime.block_on(self.output.room());
        let rejection = found.rejection;
        let meta = Meta {
            salesforce_id: &rejection.salesforce_id,
            error: &rejection.error,
            rejected_reason: &rejection.reason,
            rejected_field: &rejection.field,
            rejected_message: &rejection.message,
        };
        let meta = serde_json::value::to_raw_value(&meta).ok();
        let record = RecordMessage {
            namespace: found.stream.namespace.as_deref(),
            stream: &found.stream.name,
            data: found.data,
            emitted_at: found.extracted_at_ms,
            meta: meta.as_deref(),
        };
        self.output.record(&record).map_err(stdout_closed)
    }
}
