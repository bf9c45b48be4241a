//! The rows of a file as the lines that a source sends: records, and states between them.

use std::io::{self, Read};

use serde_json::{Value, json};

use super::Failure;
use super::position::Position;
use super::rows::Rows;

/// How many rows a state covers. What the next run of a load that was killed sends again is less than this, and what a
/// job that was in progress held.
const ROWS_OF_STATE: u64 = 2_000;

/// The time of the row 0, in milliseconds since 1970: a smaller number could be one of seconds.
const TIME_OF_ROW_0: u64 = 1_000_000_000_000;

/// How much is made ahead of the reader.
const PENDING_BYTES: usize = 64 * 1024;

/// Reads as the lines of a source. A record has the number of its row in place of its time, so that whatever is stored
/// about it says which row it was.
pub(crate) struct RecordLines {
    rows: Rows,
    /// The name of the file, in errors.
    name: String,
    /// The beginning of each record.
    record: String,
    stream: Value,
    pending: Vec<u8>,
    read: usize,
    since_state: u64,
    end: End,
    failure: Failure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    Reached,
    Failed,
}

impl RecordLines {
    /// The lines of the rows that follow, as records of the stream `name`. `failure` gets the reason when the file cannot
    /// be read on.
    pub(crate) fn new(rows: Rows, name: &str, failure: Failure) -> Self {
        Self {
            rows,
            name: name.to_owned(),
            record: format!(r#"{{"type":"RECORD","record":{{"stream":{},"data":"#, Value::from(name)),
            stream: json!({"name": name}),
            pending: Vec::new(),
            read: 0,
            since_state: 0,
            end: End::NotYet,
            failure,
        }
    }

    fn make_lines(&mut self) {
        self.pending.clear();
        self.read = 0;
        while self.end == End::NotYet && self.pending.len() < PENDING_BYTES {
            let start = self.pending.len();
            self.pending.extend_from_slice(self.record.as_bytes());
            match self.rows.next(&mut self.pending) {
                Ok(true) => {
                    let time = TIME_OF_ROW_0 + self.rows.position().rows;
                    self.pending.extend_from_slice(format!(",\"emitted_at\":{time}}}}}\n").as_bytes());
                    self.since_state += 1;
                    if self.since_state >= ROWS_OF_STATE {
                        self.add_state();
                    }
                }
                ended => {
                    self.pending.truncate(start);
                    // What was read is loaded, and known to be.
                    if self.since_state > 0 {
                        self.add_state();
                    }
                    self.end = End::Reached;
                    if let Err(error) = ended {
                        self.end = End::Failed;
                        // The first failure stays.
                        let _ = self.failure.set(error.into_error(&self.name));
                    }
                }
            }
        }
    }

    fn add_state(&mut self) {
        let position = serde_json::to_value(self.rows.position()).unwrap_or_default();
        let state = json!({"type": "STATE", "state": {
            "type": "STREAM",
            "stream": {"stream_descriptor": self.stream, "stream_state": position},
        }});
        self.pending.extend_from_slice(format!("{state}\n").as_bytes());
        self.since_state = 0;
    }
}

impl Read for RecordLines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.pending.len() {
            self.make_lines();
        }
        if self.pending.is_empty() && self.end == End::Failed {
            return Err(io::Error::other("the file cannot be read on"));
        }
        let length = buffer.len().min(self.pending.len() - self.read);
        buffer[..length].copy_from_slice(&self.pending[self.read..self.read + length]);
        self.read += length;
        Ok(length)
    }
}

/// The number of the row of a record with this time. 0 if the pipeline does not know which row it was.
pub(super) fn row_of_time(time: u64) -> u64 {
    time.saturating_sub(TIME_OF_ROW_0)
}

/// The position of a state that has come back, and how many records are written and rejected since the one before.
pub(super) fn acknowledged(line: &[u8]) -> Option<(Position, u64, u64)> {
    let message: Value = serde_json::from_slice(line).ok()?;
    let state = &message["state"];
    let position = serde_json::from_value(state["stream"]["stream_state"].clone()).ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count with a decimal point")]
    let count = |name: &str| state["destinationStats"][name].as_f64().unwrap_or_default() as u64;
    Some((position, count("recordCount"), count("rejectedRecordCount")))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Cursor};

    use super::super::file::InputFile;
    use super::*;

    fn lines(csv: &str, from: Option<Position>) -> (Vec<Value>, Failure) {
        let failure = Failure::default();
        let mut rows = Rows::open(&InputFile::Stdin, None, &[], Cursor::new(csv.as_bytes().to_vec())).unwrap();
        if let Some(position) = from {
            assert!(rows.skip_to(&position, "f").unwrap());
        }
        let lines = BufReader::new(RecordLines::new(rows, "f.csv", Failure::clone(&failure))).lines();
        let lines = lines.map_while(Result::ok).map(|line| serde_json::from_str(&line).unwrap());
        (lines.collect(), failure)
    }

    fn position(state: &Value) -> Position {
        serde_json::from_value(state["state"]["stream"]["stream_state"].clone()).unwrap()
    }

    #[test]
    fn rows_are_records_with_their_numbers_and_a_state_follows() {
        let (lines, failure) = lines("a\n1\n2\n", None);
        assert_eq!(
            lines[1],
            json!({"type": "RECORD", "record": {"stream": "f.csv", "data": {"a": "2"}, "emitted_at": 1_000_000_000_002_u64}})
        );
        assert_eq!((lines.len(), position(&lines[2]).rows), (3, 2));
        assert!(failure.get().is_none());
    }

    #[test]
    fn a_state_comes_every_few_thousand_rows_and_the_reading_goes_on_behind_it() {
        let csv: String = "a\n".to_owned() + &(0..5_000).map(|number| format!("\"{number}\n\"\n")).collect::<String>();
        let (all, _) = lines(&csv, None);
        let states: Vec<&Value> = all.iter().filter(|line| line["type"] == "STATE").collect();
        assert_eq!(states.iter().map(|state| position(state).rows).collect::<Vec<_>>(), [2_000, 4_000, 5_000]);
        let (rest, _) = lines(&csv, Some(position(states[1])));
        assert_eq!(rest[..], all[4_002..]);
    }

    /// A file without an end, which counts what is read of it.
    struct Endless(std::sync::Arc<std::sync::atomic::AtomicUsize>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'\n');
            buffer.iter_mut().step_by(2).for_each(|byte| *byte = b'1');
            self.0.fetch_add(buffer.len(), std::sync::atomic::Ordering::Relaxed);
            Ok(buffer.len())
        }
    }

    #[test]
    fn no_more_of_a_file_is_held_than_is_asked_for() {
        let counter = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
        let file = Endless(std::sync::Arc::clone(&counter));
        let rows = Rows::open(&InputFile::Stdin, None, &[], file).unwrap();
        let mut lines = RecordLines::new(rows, "f.csv", Failure::default());
        let mut buffer = vec![0; 1024 * 1024];
        for _ in 0..20 {
            lines.read_exact(&mut buffer).unwrap();
            assert!(lines.pending.capacity() <= 4 * PENDING_BYTES, "{}", lines.pending.capacity());
        }
        // Of a record, one byte is of the file; a block is read ahead.
        let read = counter.load(std::sync::atomic::Ordering::Relaxed);
        assert!(read < 2 * 1024 * 1024, "{read}");
    }

    #[test]
    fn what_stands_before_a_broken_row_is_covered_by_a_state() {
        let (lines, failure) = lines("a,b\n1,2\n3\n4,5\n", None);
        let kinds: Vec<&str> = lines.iter().filter_map(|line| line["type"].as_str()).collect();
        assert_eq!((kinds, position(&lines[1]).rows), (vec!["RECORD", "STATE"], 1));
        assert!(failure.get().unwrap().message().starts_with("Line 3 of f.csv cannot be loaded: "));
        let rows = Rows::open(&InputFile::Stdin, None, &[], "a,b\n3\n".as_bytes()).unwrap();
        assert!(io::read_to_string(RecordLines::new(rows, "f.csv", failure)).is_err(), "it is no end of the file");
    }

    #[test]
    fn a_file_that_has_changed_up_to_the_position_is_another_one() {
        let (all, _) = lines("a\n1\n2\n", None);
        let position = position(&all[2]);
        for (csv, is_same) in [("a\n1\n2\n3\n", true), ("a\n1\n3\n", false), ("a\n1\n", false), ("b\n1\n2\n", false)] {
            let mut rows = Rows::open(&InputFile::Stdin, None, &[], Cursor::new(csv.as_bytes().to_vec())).unwrap();
            assert!(rows.skip_to(&Position::default(), "f").unwrap(), "the beginning is that of every file");
            assert_eq!(rows.skip_to(&position, "f").unwrap(), is_same, "{csv:?}");
        }
    }

    #[test]
    fn a_state_that_comes_back_has_its_position_and_counts() {
        let line = br#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"f"},
            "stream_state":{"offset":9,"lines":3,"rows":2,"checksum":7}},
            "destinationStats":{"recordCount":1.0,"rejectedRecordCount":2.0}}}"#;
        let position = Position { offset: 9, lines: 3, rows: 2, checksum: 7 };
        assert_eq!(acknowledged(line), Some((position, 1, 2)));
        assert_eq!(acknowledged(br#"{"type":"STATE","state":{}}"#), None);
    }
}
