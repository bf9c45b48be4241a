//! The first rows of each stream, as they would be sent. They are for a person, on standard error: neither a message
//! nor the log holds a value of a record.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::convert::{Column, write_row};
use crate::display::Display;
use crate::pipeline::batch::Batch;
use crate::pipeline::prepare::StreamPlan;

/// How many characters of a row a terminal shows. A row may have 400,000.
const LONGEST_ON_TERMINAL: usize = 2_000;

/// Shows the first rows of each stream.
pub(crate) struct Samples {
    display: Display,
    /// How many rows of each stream are still to be shown.
    left: Mutex<Vec<usize>>,
}

impl Samples {
    /// Shows so many rows of each of the streams.
    pub(crate) fn new(display: &Display, streams: usize, rows: usize) -> Self {
        Self { display: display.clone(), left: Mutex::new(vec![rows; streams]) }
    }

    /// Shows rows of a batch, if not enough rows of its stream are shown yet.
    pub(super) async fn show(&self, stream: usize, plan: &StreamPlan, batch: &Batch) {
        let rows = self.take(stream, batch.rows());
        if rows == 0 {
            return;
        }
        let text = text(plan, batch, rows, self.display.is_visible());
        let display = self.display.clone();
        // A pipe blocks while nobody reads it. Text that nobody takes is not a failure of the run.
        let _ = tokio::task::spawn_blocking(move || display.print(&text)).await;
    }

    /// How many of so many rows are shown.
    fn take(&self, stream: usize, rows: u64) -> usize {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = left.get_mut(stream) else { return 0 };
        let taken = (*left).min(usize::try_from(rows).unwrap_or(usize::MAX));
        *left -= taken;
        taken
    }
}

/// The header and the first rows of a batch. On a terminal what could change its look is spelled out, and long rows are
/// cut; elsewhere it is the CSV as it is.
fn text(plan: &StreamPlan, batch: &Batch, rows: usize, is_terminal: bool) -> String {
    let (stream, job) = (&plan.name, &plan.job);
    let by = job.external_id_field.as_ref().map_or_else(String::new, |key| format!(" by {key}"));
    let mut text = format!("{stream}: first rows for {} ({}{by})\n", job.object, job.operation);
    let mut header = Vec::new();
    write_row(&mut header, batch.columns.iter().map(Column::header));
    text.push_str(&String::from_utf8_lossy(&header));
    batch.csv_rows().take(rows).for_each(|csv| push_row(&mut text, &csv, is_terminal));
    text.push('\n');
    text
}

fn push_row(text: &mut String, csv: &[u8], is_terminal: bool) {
    let csv = String::from_utf8_lossy(csv);
    if !is_terminal {
        return text.push_str(&csv);
    }
    let csv = csv.trim_end_matches('\n');
    for character in csv.chars().take(LONGEST_ON_TERMINAL) {
        match character {
            '\n' | '\t' => text.push(character),
            other if other.is_control() => text.extend(other.escape_unicode()),
            other => text.push(other),
        }
    }
    let left = csv.chars().skip(LONGEST_ON_TERMINAL).count();
    if left > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, "... and {left} more characters");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(csv: &str, is_terminal: bool) -> String {
        let mut text = String::new();
        push_row(&mut text, csv.as_bytes(), is_terminal);
        text
    }

    #[test]
    fn a_terminal_gets_no_control_character_and_a_file_gets_the_csv() {
        for (csv, on_terminal) in [
            ("A,B\n", "A,B\n"),
            ("\"two\nlines\",\tB\n", "\"two\nlines\",\tB\n"),
            ("\u{1b}[2J\n", "\\u{1b}[2J\n"),
            ("\u{7}\r\u{8}\u{7f}\n", "\\u{7}\\u{d}\\u{8}\\u{7f}\n"),
            // The terminal takes one character for the two of an escape.
            ("\u{9b}2J\u{90}\u{85}\n", "\\u{9b}2J\\u{90}\\u{85}\n"),
            ("M\u{fc}ller \u{6771}\n", "M\u{fc}ller \u{6771}\n"),
        ] {
            assert_eq!((shown(csv, true), shown(csv, false)), (on_terminal.to_owned(), csv.to_owned()), "{csv:?}");
        }
    }

    #[test]
    fn a_terminal_shows_2000_characters_of_a_row_and_says_how_many_are_left() {
        for (length, left) in [(1_999, None), (2_000, None), (2_001, Some(1)), (5_000, Some(3_000))] {
            let csv = "\u{e4}".repeat(length) + "\n";
            let left = left.map_or_else(String::new, |left| format!("... and {left} more characters"));
            assert_eq!(shown(&csv, true), format!("{}{left}\n", "\u{e4}".repeat(length.min(2_000))), "{length}");
            assert_eq!(shown(&csv, false), csv, "{length}");
        }
    }

    #[test]
    fn each_stream_shows_as_many_rows_as_are_asked_for() {
        let samples = Samples::new(&Display::hidden(), 2, 3);
        let taken =
            [(0, 2), (1, 1), (0, 5), (0, 1), (1, 2), (1, 9), (2, 4)].map(|(stream, rows)| samples.take(stream, rows));
        assert_eq!(taken, [2, 1, 1, 0, 2, 0, 0]);
        assert_eq!(Samples::new(&Display::hidden(), 1, 0).take(0, 5), 0);
    }
}
