//! What the seeds of every test run cover between them.

use std::collections::HashSet;

use salesforce_sim::Nature;

use super::scenario::{Operation, Scenario};
use super::{SEEDS, values};
use crate::connector::Signal;

/// Whether an org has a habit.
type Habit = fn(&Nature) -> bool;

#[test]
fn the_seeds_of_every_test_run_cover_every_operation_signal_and_habit_of_the_org() {
    let scenarios: Vec<Scenario> = SEEDS.map(Scenario::from_seed).collect();
    let streams = || scenarios.iter().flat_map(|scenario| &scenario.streams);

    use Operation::{Delete, FindOrCreate, Insert, Update, Upsert};
    for operation in [Insert, Upsert, Update, Delete, FindOrCreate] {
        assert!(streams().any(|stream| stream.operation == operation), "no stream with {operation:?}");
    }
    for operation in [Upsert, Update, FindOrCreate] {
        let with_deletes = streams().any(|stream| stream.operation == operation && !stream.deleted.is_empty());
        assert!(with_deletes, "no {operation:?} with deleted records");
    }

    let signals: Vec<Signal> =
        scenarios.iter().flat_map(|scenario| &scenario.interruptions).map(|stop| stop.signal).collect();
    assert!(signals.iter().any(|signal| matches!(signal, Signal::Kill)), "no kill");
    assert!(signals.iter().any(|signal| !matches!(signal, Signal::Kill)), "no stop by another signal");

    let habits: [(&str, Habit); 12] = [
        ("blanks_echoes", |nature| nature.blanks_echoes),
        ("respells_results", |nature| nature.respells_results),
        ("pages_results", |nature| nature.pages_results),
        ("mixes_records", |nature| nature.mixes_records),
        ("cuts_query_pages", |nature| nature.cuts_query_pages > 0),
        ("compresses_results", |nature| nature.compresses_results),
        ("results_lag", |nature| nature.results_lag > 0),
        ("status_lag", |nature| nature.status_lag > 0),
        ("counts_lag", |nature| nature.counts_lag > 0),
        ("saves_late", |nature| nature.saves_late > 0),
        ("varies_lost_sessions", |nature| nature.varies_lost_sessions),
        ("slows_answers", |nature| nature.slows_answers),
    ];
    for (name, has) in habits {
        assert!(scenarios.iter().any(|scenario| has(&scenario.nature)), "no org with {name}");
    }
    for keeps in [true, false] {
        assert!(scenarios.iter().any(|scenario| scenario.keeps_successes == keeps), "keep_successes: {keeps}");
    }

    for (place, (field, _)) in values::FIELDS.iter().enumerate() {
        let mut drawn = HashSet::new();
        for stream in streams() {
            let versions = 1..=stream.keys.len();
            drawn.extend(versions.map(|version| values::of_version(stream, version)[place].json.to_string()));
        }
        // A text that the connector rejects is one more.
        let others = usize::from(*field == "Description");
        assert_eq!(drawn.len(), values::choices(field).len() + others, "{field}: {drawn:?}");
    }
}
