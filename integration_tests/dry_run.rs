//! A dry run says what a sync would do, and does none of it.

mod agreement;
mod doubts;
mod ends;
mod long_stream;
mod pairs;
mod shown_rows;

use std::collections::BTreeMap;

use crate::connector::Run;

/// The counts that the log of a dry run gives for a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StreamCounts {
    pub(crate) records: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) skipped: u64,
    pub(crate) merged: u64,
    pub(crate) jobs: u64,
    pub(crate) bulk_batches: u64,
    /// The number of refused records by their reason.
    pub(crate) refused: BTreeMap<String, u64>,
}

/// The counts of a stream in the log of a dry run.
#[track_caller]
pub(crate) fn counts(run: &Run, stream: &str) -> StreamCounts {
    let log = run.log("INFO");
    let of_stream = |line: &&&str| field(line, "stream") == Some(stream);
    assert_eq!(unclear(run, stream), 0, "{}", run.stdout);
    let line = log.iter().filter(|line| line.starts_with("dry run: what a sync would do")).find(of_stream);
    let line = line.unwrap_or_else(|| panic!("no counts of {stream}: {}", run.stdout));
    let number = |name| number(line, name);
    let reasons = log.iter().filter(|line| line.starts_with("dry run: refused")).filter(of_stream);
    let refused: BTreeMap<_, _> = reasons.map(|line| reason(line)).collect();
    assert_eq!(number("refused"), refused.values().sum::<u64>(), "{line}");
    let counts = StreamCounts {
        records: number("records"),
        created: number("created"),
        updated: number("updated"),
        deleted: number("deleted"),
        skipped: number("skipped"),
        merged: number("merged"),
        jobs: number("jobs"),
        bulk_batches: number("bulk_batches"),
        refused,
    };
    let StreamCounts { created, updated, deleted, skipped, merged, .. } = counts;
    // A record that updates several counts for each of them.
    assert!(counts.records <= created + updated + deleted + skipped + merged + number("refused"), "{line}");
    counts
}

/// How many rows of a stream are unclear in the log of a dry run.
#[track_caller]
pub(crate) fn unclear(run: &Run, stream: &str) -> u64 {
    let log = run.log("INFO");
    let mut lines = log.iter().filter(|line| line.starts_with("dry run: what a sync would do"));
    let line = lines.find(|line| field(line, "stream") == Some(stream));
    number(line.unwrap_or_else(|| panic!("no counts of {stream}: {}", run.stdout)), "unclear")
}

/// The reason and the count of a line about refused records.
pub(crate) fn reason(line: &str) -> (String, u64) {
    (field(line, "reason").unwrap().to_owned(), number(line, "count"))
}

/// The number of a field of a line of the log.
#[track_caller]
pub(crate) fn number(line: &str, name: &str) -> u64 {
    field(line, name).unwrap_or_else(|| panic!("no {name}: {line}")).parse().unwrap()
}

/// The value of a field of a line of the log.
pub(crate) fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (_, value) = line.split_once(&format!(" {name}="))?;
    Some(value.split(' ').next()?.trim_matches('"'))
}
