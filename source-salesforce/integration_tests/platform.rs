//! What a platform keeps of a source over the attempts of a sync.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::connector::Run;

/// The records and states of a sync so far.
#[derive(Default)]
pub(crate) struct Platform {
    streams: BTreeMap<String, Kept>,
}

/// What is kept of a stream.
#[derive(Default)]
struct Kept {
    /// The records that the states cover, since the stream began the last time.
    records: Vec<Value>,
    /// The records after the last state, which the next attempt repeats.
    uncovered: Vec<Value>,
    state: Option<Value>,
    is_complete: bool,
}

impl Platform {
    /// Takes the messages of an attempt in their order, and checks each. `page` is the most records of a page. Returns how
    /// often a stream began anew although records of it were kept.
    pub(crate) fn take(&mut self, run: &Run, page: usize, what: &str) -> usize {
        let mut beginnings = 0;
        for message in &run.messages {
            match message["type"].as_str() {
                Some("RECORD") => {
                    let record = &message["record"];
                    assert!(record.get("meta").is_none(), "{what}: a value is not readable: {record}");
                    self.kept(&record["stream"]).uncovered.push(record["data"].clone());
                }
                Some("STATE") => {
                    let state = &message["state"];
                    let kept = self.kept(&state["stream"]["stream_descriptor"]["name"]);
                    beginnings += usize::from(kept.take_state(state, what));
                }
                _ => {}
            }
        }
        for (stream, kept) in &mut self.streams {
            let repeated = std::mem::take(&mut kept.uncovered).len();
            assert!(repeated <= page, "{what}: {repeated} records of {stream} are repeated, and a page has {page}");
            let statuses = run.statuses(stream);
            kept.check_statuses(&statuses, what);
            let has_ended = statuses.is_empty() || matches!(statuses.last(), Some(&("COMPLETE" | "INCOMPLETE")));
            assert!(has_ended || run.exit_code < 0, "{what}: {stream} has not ended: {statuses:?}");
        }
        check_errors(run, what);
        beginnings
    }

    fn kept(&mut self, stream: &Value) -> &mut Kept {
        self.streams.entry(stream.as_str().unwrap().to_owned()).or_default()
    }

    /// The records of a stream.
    pub(crate) fn records(&self, stream: &str) -> &[Value] {
        self.streams.get(stream).map_or(&[], |kept| &kept.records)
    }

    pub(crate) fn is_complete(&self, stream: &str) -> bool {
        self.streams.get(stream).is_some_and(|kept| kept.is_complete)
    }

    /// What is passed to the next attempt.
    pub(crate) fn states(&self) -> Value {
        json!(self.streams.values().filter_map(|kept| kept.state.clone()).collect::<Vec<_>>())
    }
}

impl Kept {
    /// Takes a state, which covers the records before it. Returns whether the stream begins anew.
    fn take_state(&mut self, state: &Value, what: &str) -> bool {
        let inner = &state["stream"]["stream_state"];
        let count = state["sourceStats"]["recordCount"].as_f64().unwrap() as usize;
        assert_eq!(count, self.uncovered.len(), "{what}: the records of {state}");
        self.state = Some(json!({"type": "STREAM", "stream": state["stream"]}));
        self.records.append(&mut self.uncovered);
        if *inner == json!({}) {
            self.is_complete = false;
            let has_records = !self.records.is_empty();
            self.records.clear();
            return has_records;
        }
        assert_eq!(inner["rows"].as_u64(), Some(self.records.len() as u64), "{what}: {state}");
        self.is_complete = inner["__ab_full_refresh_sync_complete"] == true;
        false
    }

    /// A stream starts, runs with its first record or state, and is complete only by its state.
    fn check_statuses(&self, statuses: &[&str], what: &str) {
        let begin = ["STARTED", "RUNNING"];
        let (last, before) = match statuses.split_last() {
            Some((last @ &("COMPLETE" | "INCOMPLETE"), before)) => (Some(*last), before),
            _ => (None, statuses),
        };
        assert!(begin.starts_with(before), "{what}: {statuses:?}");
        assert!(last != Some("COMPLETE") || (before == begin && self.is_complete), "{what}: {statuses:?}");
        assert!(last != Some("INCOMPLETE") || !self.is_complete, "{what}: {statuses:?}");
    }
}

/// An attempt fails exactly if it has an error: one for each stream that it gave up, or one for all that a stop left open.
fn check_errors(run: &Run, what: &str) {
    if run.exit_code < 0 {
        return;
    }
    let of_run = run.errors().filter(|error| error["stream_descriptor"].is_null()).count();
    assert!(of_run <= 1, "{what}: {:?}", run.errors().collect::<Vec<_>>());
    assert_eq!(run.exit_code == 0, run.errors().count() == 0, "{what}");
    if of_run == 1 {
        return;
    }
    let incomplete = |message: &&Value| message["trace"]["stream_status"]["status"] == "INCOMPLETE";
    assert_eq!(run.errors().count(), run.messages.iter().filter(incomplete).count(), "{what}");
}
