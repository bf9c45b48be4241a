//! A table of the rejected records by stream, reason and field.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::reader::{Found, RecordSink};
use airbyte::Result;

/// The most lines. Reasons and fields are those of Salesforce, which are few; this keeps objects with texts of someone
/// else from filling the memory.
const MOST_LINES: usize = 1_000;

/// What stands for the streams, reasons and fields beyond that.
const OTHERS: &str = "(others)";

/// How much of a message is shown, in characters.
const MESSAGE_LENGTH: usize = 100;

const HEADINGS: [&str; 8] = ["stream", "reason", "field", "records", "newest", "row", "object", "message"];

/// The place of the column that is aligned to the right.
const RECORDS: usize = 3;

/// Counts records.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    lines: BTreeMap<[String; 3], Line>,
}

#[derive(Debug, Default)]
struct Line {
    records: u64,
    newest: Option<Example>,
}

#[derive(Debug)]
struct Example {
    rejected_at: Timestamp,
    row: String,
    object: String,
    message: String,
}

impl RecordSink for Summary {
    const NEEDS_NAMES: bool = false;

    fn take(&mut self, found: &Found<'_>) -> Result<()> {
        let rejection = found.rejection;
        let mut group = [found.stream.to_string(), rejection.reason.clone(), rejection.field.clone()];
        if self.lines.len() >= MOST_LINES && !self.lines.contains_key(&group) {
            group = [OTHERS; 3].map(str::to_owned);
        }
        let line = self.lines.entry(group).or_default();
        line.records += 1;
        if line.newest.as_ref().is_none_or(|newest| newest.rejected_at <= found.rejected_at) {
            line.newest = Some(Example {
                rejected_at: found.rejected_at,
                row: found.id.to_owned(),
                object: found.key.to_owned(),
                message: shortened(&rejection.message),
            });
        }
        Ok(())
    }
}

impl Summary {
    /// The table, the streams by name and their most frequent reasons first. Empty without records.
    pub(crate) fn table(&self) -> String {
        if self.lines.is_empty() {
            return String::new();
        }
        let mut lines: Vec<(&[String; 3], &Line)> = self.lines.iter().collect();
        lines.sort_by_key(|(group, line)| (&group[0], std::cmp::Reverse(line.records)));
        let cells = |(group, line): &(&[String; 3], &Line)| {
            let [stream, reason, field] = (*group).clone();
            let (newest, row, object, message) = line.newest.as_ref().map_or_else(Default::default, |example| {
                let at = example.rejected_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                (at, example.row.clone(), example.object.clone(), example.message.clone())
            });
            [stream, reason, field, line.records.to_string(), newest, row, object, message].map(|cell| plain(&cell))
        };
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(lines.iter().map(cells));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; HEADINGS.len()] = std::array::from_fn(width);
        let mut table = String::new();
        for row in &rows {
            let mut text = String::new();
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                let _ = match column {
                    RECORDS => write!(text, "{cell:>width$}  "),
                    _ => write!(text, "{cell:<width$}  "),
                };
            }
            table.push_str(text.trim_end());
            table.push('\n');
        }
        table
    }
}

/// The beginning of a message. The mark of what is left out counts too.
fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_LENGTH) {
        None => message.to_owned(),
        Some(_) => message.chars().take(MESSAGE_LENGTH - 1).chain(['…']).collect(),
    }
}

/// A text that moves no cursor and breaks no line of a terminal. An empty one is a hyphen.
fn plain(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use airbyte::StreamName;
    use serde_json::value::RawValue;

    use super::*;
    use crate::rejected::RejectionDetails;

    fn add(summary: &mut Summary, stream: &str, details: (&str, &str, &str), second: i64) {
        let (reason, message, field) = details;
        let found = Found {
            stream: &StreamName { namespace: None, name: stream.to_owned() },
            key: "rejected/o.csv",
            id: "an-id",
            rejected_at: Timestamp::from_second(second).unwrap(),
            extracted_at_ms: 0,
            data: RawValue::NULL,
            rejection: &RejectionDetails::local(reason, message, field),
        };
        summary.take(&found).unwrap();
    }

    #[test]
    fn each_stream_reason_and_field_has_a_line_with_the_newest_message() {
        let mut summary = Summary::default();
        assert_eq!(summary.table(), "");
        for (second, message) in [(60, "first"), (180, "newest\nof \u{1b}[31mall"), (120, "between")] {
            add(&mut summary, "contacts", ("INVALID_EMAIL_ADDRESS", message, "Email"), second);
        }
        add(&mut summary, "contacts", ("REQUIRED_FIELD_MISSING", "m", "LastName"), 0);
        add(&mut summary, "accounts", ("NO_FIELD", &"é".repeat(200), ""), 0);
        let table = summary.table();
        let lines: Vec<&str> = table.lines().collect();
        let expected = [
            "stream    reason                  field     records  newest                row    object          message",
            "accounts  NO_FIELD                -               1  1970-01-01T00:00:00Z  an-id  rejected/o.csv  é",
            "contacts  INVALID_EMAIL_ADDRESS   Email           3  1970-01-01T00:03:00Z  an-id  rejected/o.csv  newest of  [31mall",
            "contacts  REQUIRED_FIELD_MISSING  LastName        1  1970-01-01T00:00:00Z  an-id  rejected/o.csv  m",
        ];
        assert_eq!(lines.len(), expected.len());
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.starts_with(expected), "{line}\n{expected}");
        }
        assert!(lines[1].ends_with("é…"), "{}", lines[1]);
    }

    #[test]
    fn a_message_has_a_hundred_characters_at_most() {
        assert_eq!(shortened(&"é".repeat(100)), "é".repeat(100));
        assert_eq!(shortened(&"é".repeat(101)), "é".repeat(99) + "…");
    }

    #[test]
    fn the_lines_are_bounded_and_count_every_record() {
        let mut summary = Summary::default();
        for number in 0..MOST_LINES + 5 {
            add(&mut summary, "s", (&format!("CODE_{number}"), "m", "f"), 0);
        }
        // A line that is there goes on counting.
        (0..2).for_each(|_| add(&mut summary, "s", ("CODE_0", "m", "f"), 0));
        let table = summary.table();
        assert_eq!(table.lines().count(), 1 + MOST_LINES + 1);
        let count = |begins: [&str; 2]| {
            let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            table.lines().map(cells).find(|cells| cells[..2] == begins).unwrap()[3].clone()
        };
        let counts = [[OTHERS, OTHERS], ["s", "CODE_0"], ["s", "CODE_1"]].map(count);
        assert_eq!(counts, ["5", "3", "1"]);
    }
}
