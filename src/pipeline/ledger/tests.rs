use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use airbyte::Message;

fn settle(ledger: &mut Ledger, stream: usize, segment: SegmentId, (written, rejected): (u64, u64)) {
    ledger.settle(stream, SettledSegment { segment, written, rejected });
}

fn stream(number: usize) -> StreamName {
    StreamName { namespace: None, name: format!("s{number}") }
}

fn state_of(scope: Option<usize>, id: usize) -> State {
    let body = match scope {
        Some(number) => {
            json!({"type": "STREAM", "stream": {"stream_descriptor": {"name": format!("s{number}")}}, "id": id})
        }
        None => json!({"type": "GLOBAL", "global": {}, "id": id}),
    };
    match Message::parse(&json!({"type": "STATE", "state": body}).to_string()) {
        Ok(Message::State(state)) => state,
        other => panic!("{other:?}"),
    }
}

/// The id and the counts of a state.
fn id_and_counts(line: &str) -> (usize, u64, u64) {
    let message: Value = serde_json::from_str(line).unwrap();
    let state = &message["state"];
    let count = |name: &str| state["destinationStats"][name].as_f64().unwrap() as u64;
    (state["id"].as_u64().unwrap() as usize, count("recordCount"), count("rejectedRecordCount"))
}

fn acknowledged(ledger: &mut Ledger) -> Vec<(usize, u64, u64)> {
    ledger.acknowledge().iter().map(|state| id_and_counts(&state.line)).collect()
}

#[test]
fn a_state_waits_for_every_record_before_it() {
    let s = stream(0);
    let mut ledger = Ledger::new([&s]);
    let first = ledger.add_record(0);
    ledger.add_record(0);
    ledger.add_state(state_of(Some(0), 1));
    let second = ledger.add_record(0);
    ledger.add_state(state_of(Some(0), 2));
    settle(&mut ledger, 0, second, (1, 0));
    assert_eq!(acknowledged(&mut ledger), []);
    settle(&mut ledger, 0, first, (1, 0));
    assert_eq!(acknowledged(&mut ledger), []);
    settle(&mut ledger, 0, first, (0, 1));
    assert_eq!(acknowledged(&mut ledger), [(1, 1, 1), (2, 1, 0)]);
    assert_eq!((ledger.waiting_states(), ledger.size()), (0, 0));
}

#[test]
fn a_state_without_records_is_acknowledged_at_once() {
    let s = stream(0);
    let mut ledger = Ledger::new([&s]);
    for (scope, id) in [(Some(0), 1), (Some(7), 2), (None, 3)] {
        assert!(ledger.add_state(state_of(scope, id)), "{id}");
    }
    assert_eq!(acknowledged(&mut ledger), [(1, 0, 0), (2, 0, 0), (3, 0, 0)]);
}

#[test]
fn a_state_with_unsettled_records_waits_and_counts() {
    let (a, b) = (stream(0), stream(1));
    let mut ledger = Ledger::new([&a, &b]);
    let records = [ledger.add_record(0), ledger.add_record(1)];
    let sizes = [(Some(0), 1), (Some(1), 2), (None, 3)].map(|(scope, id)| {
        assert!(!ledger.add_state(state_of(scope, id)), "{id}");
        assert_eq!((ledger.acknowledge().len(), ledger.waiting_states()), (0, id));
        ledger.size()
    });
    assert!(sizes[0] > 0 && sizes.windows(2).all(|two| two[0] < two[1]), "{sizes:?}");
    settle(&mut ledger, 1, records[1], (0, 1));
    assert_eq!((acknowledged(&mut ledger), ledger.waiting_states()), (vec![(2, 0, 1)], 2));
    settle(&mut ledger, 0, records[0], (1, 0));
    assert_eq!((acknowledged(&mut ledger), ledger.waiting_states()), (vec![(1, 1, 0), (3, 0, 0)], 0));
}

#[test]
fn a_record_that_is_removed_is_not_waited_for() {
    let s = stream(0);
    let mut ledger = Ledger::new([&s]);
    let first = ledger.add_record(0);
    assert_eq!(ledger.add_record(0), first);
    ledger.remove_last_record(0);
    ledger.add_state(state_of(Some(0), 1));
    assert_eq!(acknowledged(&mut ledger), []);
    settle(&mut ledger, 0, first, (1, 0));
    assert_eq!(acknowledged(&mut ledger), [(1, 1, 0)]);
}

#[test]
fn no_state_overtakes_a_global_one_that_waits() {
    let s = stream(0);
    let mut ledger = Ledger::new([&s]);
    let record = ledger.add_record(0);
    ledger.add_state(state_of(None, 1));
    // The catalog lacks this stream, so the global state closed no segment of it.
    ledger.add_state(state_of(Some(7), 2));
    assert_eq!(acknowledged(&mut ledger), []);
    settle(&mut ledger, 0, record, (1, 0));
    assert_eq!(acknowledged(&mut ledger), [(1, 1, 0), (2, 0, 0)]);
}

#[test]
fn records_that_are_settled_before_their_state_are_in_its_counts() {
    let s = stream(0);
    let mut ledger = Ledger::new([&s]);
    let segment = ledger.add_record(0);
    ledger.add_record(0);
    settle(&mut ledger, 0, segment, (1, 0));
    settle(&mut ledger, 0, segment, (0, 1));
    assert!(ledger.add_state(state_of(Some(0), 1)));
    assert_eq!(acknowledged(&mut ledger), [(1, 1, 1)]);
    let next = ledger.add_record(0);
    assert_ne!(next, segment);
    assert!(!ledger.add_state(state_of(Some(0), 2)));
}

#[test]
fn the_size_includes_the_segments_of_a_state_of_many_streams() {
    let names: Vec<_> = (0..1_000).map(stream).collect();
    let mut ledger = Ledger::new(&names);
    let record = ledger.add_record(0);
    ledger.add_state(state_of(None, 1));
    assert!(ledger.size() > 1_000 * size_of::<Segment>(), "{}", ledger.size());
    settle(&mut ledger, 0, record, (1, 0));
    assert_eq!((acknowledged(&mut ledger).len(), ledger.size()), (1, 0));
}

#[test]
fn streams_do_not_wait_for_each_other_but_a_global_state_waits_for_all() {
    let (a, b) = (stream(0), stream(1));
    let mut ledger = Ledger::new([&a, &b]);
    let in_a = ledger.add_record(0);
    ledger.add_state(state_of(Some(0), 1));
    let in_b = ledger.add_record(1);
    ledger.add_state(state_of(Some(1), 2));
    settle(&mut ledger, 1, in_b, (1, 0));
    assert_eq!(acknowledged(&mut ledger), [(2, 1, 0)]);
    let more_b = ledger.add_record(1);
    ledger.add_state(state_of(None, 3));
    ledger.add_state(state_of(Some(1), 4));
    settle(&mut ledger, 1, more_b, (0, 1));
    assert_eq!(acknowledged(&mut ledger), []);
    settle(&mut ledger, 0, in_a, (1, 0));
    assert_eq!(acknowledged(&mut ledger), [(1, 1, 0), (3, 0, 1), (4, 0, 0)]);
}

/// One thing that can happen to a ledger.
#[derive(Debug, Clone)]
enum Step {
    Record(usize),
    State(Option<usize>),
    /// Settles one of the unsettled records.
    Settle(prop::sample::Index, bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..3_usize).prop_map(Step::Record),
        2 => prop::option::weighted(0.8, 0..3_usize).prop_map(Step::State),
        5 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(index, written)| Step::Settle(index, written)),
    ]
}

proptest! {
    /// In whatever order records are settled: no state is acknowledged before its records, each is acknowledged once
    /// and in order, and its counts are the records since the state before.
    #[test]
    fn no_state_is_ahead_of_its_records(steps in prop::collection::vec(any_step(), 1..200)) {
        let names: Vec<_> = (0..3).map(stream).collect();
        let mut ledger = Ledger::new(&names);
        let mut open: Vec<(usize, SegmentId, usize)> = Vec::new();
        let mut read = 0;
        let mut unsettled: HashSet<usize> = HashSet::new();
        // For each state: its scope, and the records since the state before.
        let mut states: Vec<(Option<usize>, Vec<usize>)> = Vec::new();
        let mut since: [Vec<usize>; 3] = Default::default();
        let mut acknowledged: Vec<usize> = Vec::new();
        let check = |ledger: &mut Ledger, states: &[(Option<usize>, Vec<usize>)], unsettled: &HashSet<usize>, acknowledged: &mut Vec<usize>| {
            for Acknowledged { line, .. } in ledger.acknowledge() {
                let (id, written, rejected) = id_and_counts(&line);
                let (scope, covered) = &states[id];
                prop_assert_eq!(written + rejected, covered.len() as u64);
                for (earlier, (other, records)) in states[..=id].iter().enumerate() {
                    if other.is_none() || scope.is_none() || other == scope {
                        prop_assert!(records.iter().all(|record| !unsettled.contains(record)));
                        prop_assert!(earlier == id || acknowledged.contains(&earlier));
                    }
                }
                prop_assert!(!acknowledged.contains(&id));
                acknowledged.push(id);
            }
            Ok(())
        };
        for step in steps {
            match step {
                Step::Record(number) => {
                    let segment = ledger.add_record(number);
                    open.push((number, segment, read));
                    unsettled.insert(read);
                    since[number].push(read);
                    read += 1;
                }
                Step::State(scope) => {
                    ledger.add_state(state_of(scope, states.len()));
                    let covered = match scope {
                        Some(number) => std::mem::take(&mut since[number]),
                        None => since.iter_mut().flat_map(std::mem::take).collect(),
                    };
                    states.push((scope, covered));
                }
                Step::Settle(index, written) if !open.is_empty() => {
                    let (number, segment, record) = open.swap_remove(index.index(open.len()));
                    unsettled.remove(&record);
                    settle(&mut ledger, number, segment, (u64::from(written), u64::from(!written)));
                }
                Step::Settle(..) => {}
            }
            check(&mut ledger, &states, &unsettled, &mut acknowledged)?;
        }
        for (number, segment, record) in open {
            unsettled.remove(&record);
            settle(&mut ledger, number, segment, (1, 0));
        }
        check(&mut ledger, &states, &unsettled, &mut acknowledged)?;
        prop_assert_eq!(acknowledged.len(), states.len());
        prop_assert_eq!(ledger.waiting_states(), 0);
    }
}
