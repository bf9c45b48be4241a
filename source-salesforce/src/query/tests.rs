//! Tests of a stream that is read.

use serde_json::json;

use super::windows::shorten_tests::run_of;
use super::*;
use crate::plan::tests::plan_of;
use crate::window::incremental;

fn plan() -> StreamPlan {
    plan_of("Account", &json!([{"name": "Id", "type": "id"}]), false, json!({}))
}

#[test]
fn another_query_takes_the_place_of_one_of_which_no_record_is_written() {
    use Remedy::{FewerColumns, ShorterWindow};
    let plan = plan();
    let output = Output::new(std::io::sink()).unwrap();
    for (remedy, is_divisible, is_reduced, has_records, expected) in [
        (ShorterWindow, true, false, false, true),
        (ShorterWindow, true, true, false, true),
        (ShorterWindow, false, false, false, false),
        (ShorterWindow, true, false, true, false),
        (FewerColumns, false, false, false, true),
        (FewerColumns, true, true, false, false),
        (FewerColumns, true, false, true, false),
    ] {
        let run = StreamRun { is_divisible, is_reduced, ..run_of(&plan, &output, has_records) };
        assert_eq!(run.takes(remedy), expected, "{remedy:?} {is_divisible} {is_reduced} {has_records}");
        assert_eq!(run.can_begin_again(), !has_records);
    }
}

/// What each message says: a status, or a state with the number of its records.
fn told(window: Option<(&IncrementalState, Window)>, write: impl FnOnce(&mut StreamRun<'_>)) -> Vec<(Value, Value)> {
    let plan = plan();
    let (reader, writer) = std::io::pipe().unwrap();
    let output = Output::new(writer).unwrap();
    let mut run = StreamRun { window, is_running: false, uncounted: 5, ..run_of(&plan, &output, false) };
    write(&mut run);
    output.flush().unwrap();
    drop(output);
    let lines = std::io::read_to_string(reader).unwrap();
    let messages = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = messages.map(|message| match message["type"].as_str() {
        Some("STATE") => (
            message["state"]["stream"]["stream_state"].clone(),
            json!(message["state"]["sourceStats"]["recordCount"].as_f64().unwrap()),
        ),
        _ => (message["trace"]["stream_status"]["status"].clone(), Value::Null),
    });
    told.collect()
}

#[test]
fn a_state_follows_the_status_and_counts_each_record_once() {
    let place = ReadingState::new("a1", Some("750".into()));
    let states = told(None, |run| {
        run.reaches(&place).unwrap();
        run.begins_again().unwrap();
        run.runs().unwrap();
    });
    let running = (json!("RUNNING"), Value::Null);
    assert_eq!(states, [running, (json!(place), json!(5.0)), (json!({}), json!(0.0))]);
}

#[test]
fn a_state_within_a_window_is_one_of_the_stream() {
    let place = ReadingState::new("a1", Some("750".into()));
    let to = crate::moment::Moment::parse("2026-01-02").unwrap();
    let (window, changes) = (Window { from: None, to }, IncrementalState::new(&incremental(None, 0)));
    let states = told(Some((&changes, window)), |run| {
        run.reaches(&place).unwrap();
        run.begins_again().unwrap();
    });
    let reading = changes.at(window, &StreamState::Reading(place)).to_json();
    assert_eq!(states[1..], [(reading, json!(5.0)), (changes.to_json(), json!(0.0))]);
}

/// Takes pages, and has no other query.
struct Plain;

impl Follower for Plain {
    fn runs(&mut self) -> Result<()> {
        Ok(())
    }

    fn reaches(&mut self, _: &ReadingState) -> Result<()> {
        Ok(())
    }

    fn can_begin_again(&self) -> bool {
        true
    }

    fn begins_again(&mut self) -> Result<()> {
        Ok(())
    }

    async fn take(&mut self, _: &mut QueryPage) -> Result<()> {
        Ok(())
    }

    fn watcher(&self, _: &ReadingState) -> impl JobWatcher {
        |_: u64| {}
    }
}

/// Otherwise a comparison would end where the same query can succeed.
#[test]
fn who_names_no_other_query_has_none() {
    for remedy in [Remedy::ShorterWindow, Remedy::FewerColumns] {
        assert!(!Plain.takes(remedy), "{remedy:?}");
    }
}

#[test]
fn a_page_of_which_a_record_was_not_read_is_an_error() {
    for (records, read, is_read) in [(0, 0, true), (5, 5, true), (5, 4, false), (5, 0, false)] {
        assert_eq!(check_unpacked(&plan().stream, records, read).is_ok(), is_read, "{records} {read}");
    }
}
