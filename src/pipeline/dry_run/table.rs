//! The summary of a dry run for a person on a terminal.

use super::summary::{FORGOTTEN, StreamSummary, Summary, UNKNOWN, share};
use crate::pipeline::job::StreamTally;

/// The summary as lines.
pub(super) fn table(summary: &Summary) -> String {
    let mut text = String::from("\nDry run: nothing was sent, and nothing counts as done.\n\n");
    text.push_str(&aligned(&counts(summary)));
    let refused = refused(summary);
    if !refused.is_empty() {
        text.push_str("\nRefused\n");
        text.push_str(&aligned(&refused));
    }
    let StreamTally { jobs, bulk_batches, .. } = summary.total;
    text.push_str(&format!(
        "\nThe real run would take {}, {}{} and at least {}{}.\n",
        count(jobs, "job"),
        count(bulk_batches, "bulk batch"),
        in_brackets(share(bulk_batches, summary.limits.daily_bulk_batches)),
        count(summary.requests, "API request"),
        in_brackets(share(summary.requests, summary.limits.daily_api_requests)),
    ));
    if let Some(missing) = summary.missing() {
        text.push_str(&format!("Not enough for today: {missing}.\n"));
    }
    if summary.has_forgotten {
        text.push_str(&format!("Not exact: {FORGOTTEN}.\n"));
    }
    text.push_str(&format!("Not in these counts is {UNKNOWN}.\n"));
    text
}

/// A line for each stream, and one for all of them. Counts that are zero in all streams are left out.
fn counts(summary: &Summary) -> Vec<Vec<String>> {
    let totals = summary.total.counts();
    let shown: Vec<bool> = totals.iter().map(|(_, count)| *count > 0).collect();
    let line = |names: [String; 3], tally: &StreamTally| {
        let counts = tally.counts().into_iter().zip(&shown).filter(|(_, shown)| **shown).map(|((_, count), _)| count);
        let counts = std::iter::once(tally.records).chain(counts).chain([tally.jobs]);
        names.into_iter().chain(counts.map(|count| count.to_string())).collect()
    };
    let names = totals.iter().zip(&shown).filter(|(_, shown)| **shown).map(|((name, _), _)| *name);
    let header = ["stream", "object", "operation", "records"].into_iter().chain(names).chain(["jobs"]);
    let mut lines: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
    for StreamSummary { name, target, tally } in &summary.streams {
        let (object, operation) = match target {
            Some(target) => (target.object.clone(), target.operation.to_string()),
            None => ("-".to_owned(), "none".to_owned()),
        };
        lines.push(line([name.to_string(), object, operation], tally));
    }
    if summary.streams.len() > 1 {
        lines.push(line(["total".to_owned(), String::new(), String::new()], &summary.total));
    }
    lines
}

/// A line for each reason of each stream.
fn refused(summary: &Summary) -> Vec<Vec<String>> {
    let reasons = summary.streams.iter().flat_map(|stream| {
        let reasons = stream.tally.reasons.by_code().into_iter();
        reasons.map(|(reason, count)| vec![stream.name.to_string(), reason.to_owned(), count.to_string()])
    });
    reasons.collect()
}

/// Cells below each other: numbers end in one column, all others begin in one.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let of_column = |column: usize| lines.iter().filter_map(move |line| line.get(column));
    let is_number = |cell: &String| !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    let widths: Vec<usize> = (0..columns)
        .map(|column| of_column(column).map(|cell| cell.chars().count()).max().unwrap_or_default())
        .collect();
    let to_right: Vec<bool> =
        (0..columns).map(|column| lines.last().is_some_and(|last| is_number(&last[column]))).collect();
    let mut text = String::new();
    for line in lines {
        let mut cells = String::from("  ");
        for ((cell, width), to_right) in line.iter().zip(&widths).zip(&to_right) {
            let padding = " ".repeat(width - cell.chars().count());
            let cell = if *to_right { format!("{padding}{cell}") } else { format!("{cell}{padding}") };
            cells.push_str(&cell);
            cells.push_str("  ");
        }
        text.push_str(cells.trim_end());
        text.push('\n');
    }
    text
}

fn in_brackets(text: Option<String>) -> String {
    text.map_or_else(String::new, |text| format!(" ({text})"))
}

fn count(count: u64, what: &str) -> String {
    let plural = if what.ends_with('h') { "es" } else { "s" };
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}{plural}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::dry_run::summary::Target;
    use crate::pipeline::job::RejectionReasons;
    use airbyte::StreamName;
    use salesforce::{Allowance, Limits, Operation};

    fn summary(tallies: Vec<(&str, StreamTally)>, limits: Limits) -> Summary {
        let target = Target { object: "Account".into(), operation: Operation::Upsert };
        let (streams, tallies): (Vec<_>, Vec<_>) = tallies
            .into_iter()
            .map(|(name, tally)| {
                let name = StreamName { namespace: None, name: name.into() };
                (StreamSummary { name, target: Some(target.clone()), tally: StreamTally::default() }, tally)
            })
            .unzip();
        Summary::new(&streams, &tallies, limits)
    }

    #[test]
    fn numbers_end_in_one_column_and_names_begin_in_one() {
        let lines = [["name", "count"], ["a1", "7"], ["22 b", "1000"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(aligned(&lines), "  name  count\n  a1        7\n  22 b   1000\n");
    }

    #[test]
    fn each_stream_has_a_line_and_counts_that_are_zero_everywhere_are_left_out() {
        let mut reasons = RejectionReasons::default();
        reasons.add_records("MISSING_ARGUMENT", "Id", 12, || None);
        let first =
            StreamTally { records: 112, created: 100, reasons, jobs: 1, bulk_batches: 1, ..StreamTally::default() };
        let second = StreamTally { records: 1_000, updated: 7, jobs: 1, bulk_batches: 1, ..StreamTally::default() };
        let left = |remaining| Some(Allowance { max: 1_000, remaining });
        let limits = Limits { daily_api_requests: left(800), daily_bulk_batches: left(1), data_storage_mb: None };
        let text = table(&summary(vec![("accounts", first), ("b", second)], limits));
        let expected = [
            "  stream    object   operation  records  to create  to update  refused  jobs",
            "  accounts  Account  upsert         112        100          0       12     1",
            "  b         Account  upsert        1000          0          7        0     1",
            "  total                            1112        100          7       12     2",
            "  accounts  MISSING_ARGUMENT  12",
            "The real run would take 2 jobs, 2 bulk batches (0.2 % of 1000 a day, 1 left) and at least 9 API requests \
             (0.9 % of 1000 a day, 800 left).",
            "Not enough for today: a sync would take 2 bulk batches, and the org has 1 left for today.",
        ];
        for line in expected {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
