//! A sign of life while a query job runs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use airbyte::{Output, StreamName};
use salesforce::JobWatcher;
use serde_json::Value;
use tokio::time::Instant;

/// The time between two signs. The platform ends a source from which it reads neither a record nor a state for some
/// hours.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Writes the state of a stream again while its job runs.
pub(super) struct Heartbeat<'a> {
    output: &'a Output,
    stream: &'a StreamName,
    state: Value,
    last: Mutex<Instant>,
}

impl<'a> Heartbeat<'a> {
    pub(super) fn new(output: &'a Output, stream: &'a StreamName, state: Value) -> Self {
        Self { output, stream, state, last: Mutex::new(Instant::now()) }
    }
}

impl JobWatcher for Heartbeat<'_> {
    fn progressed(&self, _rows: u64) {}

    fn asks(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= INTERVAL {
            *last = Instant::now();
            // If standard output is closed, the next record fails.
            let _ = self.output.stream_state(self.stream, &self.state, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_state_is_written_again_every_ten_minutes() {
        let (reader, writer) = std::io::pipe().unwrap();
        let output = Output::new(writer).unwrap();
        let stream = StreamName { namespace: None, name: "Account".into() };
        let heartbeat = Heartbeat::new(&output, &stream, json!({"job": "750"}));
        for _ in 0..125 {
            tokio::time::advance(Duration::from_secs(10)).await;
            heartbeat.asks();
        }
        drop(output);
        let text = std::io::read_to_string(reader).unwrap();
        let states: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(states.len(), 2);
        for state in states {
            assert_eq!(state["state"]["stream"]["stream_state"], json!({"job": "750"}));
            assert_eq!(state["state"]["sourceStats"]["recordCount"].as_f64(), Some(0.0), "no record came");
        }
    }
}
