//! Tests of windows that become shorter.

use airbyte::{Error, Output};
use serde_json::{Value, json};

use super::*;
use crate::plan::StreamPlan;
use crate::plan::tests::plan_of;
use crate::window::incremental;

fn moment(text: &str) -> Moment {
    Moment::parse(&format!("2026-01-02T{text}:00Z")).unwrap()
}

/// A run of a stream, of whose window records are written or not.
pub(in crate::query) fn run_of<'a>(plan: &'a StreamPlan, output: &'a Output, has_records: bool) -> StreamRun<'a> {
    StreamRun {
        plan,
        output,
        window: None,
        is_divisible: true,
        is_reduced: false,
        uncounted: 0,
        has_records,
        is_running: true,
    }
}

/// Shortens the window up to `to` after a failure. Returns the error, the state, and the states that were written.
fn shortened(
    before: &IncrementalState,
    to: &str,
    remedy: Option<Remedy>,
    has_records: bool,
) -> (Option<String>, IncrementalState, Vec<Value>) {
    let plan = plan_of("Account", &json!([{"name": "Id", "type": "id"}]), false, json!({}));
    let (reader, writer) = std::io::pipe().unwrap();
    let output = Output::new(writer).unwrap();
    let mut state = before.clone();
    let unread = Unread { error: Error::transient("It took too long."), remedy };
    let span = Window { from: state.through, to: moment(to) };
    let mut run = run_of(&plan, &output, has_records);
    let result = shorten(&mut run, &incremental(None, 0), &mut state, span, unread);
    output.flush().unwrap();
    drop(output);
    let lines = std::io::read_to_string(reader).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let written = lines.map(|line| line["state"]["stream"]["stream_state"].clone()).collect();
    (result.err().map(|error| error.message().to_owned()), state, written)
}

#[test]
fn a_window_that_is_too_large_is_followed_by_half_of_it() {
    let through = Some(moment("10:00"));
    let open = OpenWindow {
        span: Window { from: through, to: moment("11:00") },
        progress: Progress::Deletions(None),
        read_by: None,
    };
    let mut state = IncrementalState::new(&incremental(None, 0));
    (state.through, state.window) = (through, Some(open));
    for (to, minutes) in [("11:00", 30), ("10:03", 2), ("10:02", 1)] {
        for has_records in [false, true] {
            let (error, found, written) = shortened(&state, to, Some(Remedy::ShorterWindow), has_records);
            // No sync writes a record twice.
            assert_eq!(error.as_deref(), has_records.then_some("It took too long."), "{to}");
            let mut expected = state.clone();
            (expected.longest, expected.window) = (Some(minutes), None);
            assert_eq!(found, expected, "{to}");
            assert_eq!(written, [expected.to_json()], "{to}");
        }
    }
}

#[test]
fn what_no_shorter_window_heals_stays_as_it_is() {
    let mut state = IncrementalState::new(&incremental(None, 0));
    state.through = Some(moment("10:00"));
    for (to, remedy, part) in [
        ("11:00", None, None),
        ("11:00", Some(Remedy::FewerColumns), None),
        ("10:01", Some(Remedy::ShorterWindow), Some("between 2026-01-02T10:00:00Z and 2026-01-02T10:01:00Z")),
    ] {
        let (error, found, written) = shortened(&state, to, remedy, false);
        let error = error.unwrap();
        assert!(error.starts_with("It took too long."), "{error}");
        assert_eq!(error.contains("a window cannot be shorter"), part.is_some(), "{error}");
        assert!(part.is_none_or(|part| error.contains(part)), "{error}");
        assert_eq!((found, written), (state.clone(), Vec::new()), "{to} {remedy:?}");
    }
}
