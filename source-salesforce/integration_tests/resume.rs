//! Attempts that go on where an earlier one was killed.

use serde_json::{Value, json};

use crate::connector::Run;
use crate::world::{World, blocking, catalog, contacts, distinct, names};

/// Reads contacts, and is killed after a state. Returns what it had written.
async fn read_and_kill(world: &World, changes: Value, states: &Value, nth_state: usize) -> Run {
    let connector = world.start_read(changes, &contacts(), states);
    blocking(move || connector.kill_at_state(nth_state)).await
}

/// What the platform has stored of a run: the records before its last state.
fn before_last_state(run: &Run) -> usize {
    run.states("Contact").iter().map(|(_, count)| *count as usize).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_after_any_page_repeats_at_most_one_page() {
    const ROWS: usize = 45;
    const PAGE: usize = 10;
    let world = World::new().await;
    world.add_contacts(ROWS);
    let changes = json!({"api": "bulk", "max_page_rows": PAGE});
    for nth_state in 1..=5 {
        let killed = read_and_kill(&world, changes.clone(), &json!([]), nth_state).await;
        let resumed = world.read_on(changes.clone(), &contacts(), &killed.last_states()).await;
        resumed.assert_success();
        let stored = before_last_state(&killed);
        let mut all = killed.column("Contact", "LastName");
        all.extend(resumed.column("Contact", "LastName"));
        assert!(all.len() <= ROWS + PAGE, "{nth_state}: {} records", all.len());
        assert_eq!(
            resumed.records("Contact").len(),
            ROWS - stored,
            "{nth_state}: nothing is read twice from a state on"
        );
        assert_eq!(distinct(all), names(ROWS), "{nth_state}");
        assert_eq!(resumed.statuses("Contact").last(), Some(&"COMPLETE"));
    }
    let jobs = world.org.query_jobs();
    assert_eq!(jobs.len(), 5, "each pair of attempts has one job: {jobs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_pages_are_read_on_too() {
    let settings = salesforce_sim::Settings { query_page: 10, ..salesforce_sim::Settings::default() };
    let world = World::with(settings).await;
    world.add_contacts(35);
    let changes = json!({"api": "rest"});
    let killed = read_and_kill(&world, changes.clone(), &json!([]), 2).await;
    let resumed = world.read_on(changes, &contacts(), &killed.last_states()).await;
    resumed.assert_success();
    assert_eq!(resumed.records("Contact").len(), 35 - before_last_state(&killed));
    let mut all = killed.column("Contact", "LastName");
    all.extend(resumed.column("Contact", "LastName"));
    assert_eq!(distinct(all), names(35));
}

/// What cannot be read on is read from its start, also if the platform has some of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_gone_and_expired_pages_are_read_again() {
    let world = World::kind().await;
    world.add_contacts(25);
    let changes = json!({"api": "bulk", "max_page_rows": 10});
    let killed = read_and_kill(&world, changes.clone(), &json!([]), 2).await;
    let mut states = killed.last_states();
    assert!(states[0]["stream"]["stream_state"]["job"].is_string());
    // Another org, or seven days later.
    for (key, value) in
        [("job", "7503h00000CV7GqAAL"), ("version", "61.0"), ("query", "0123456789abcdef"), ("job", "?")]
    {
        let mut changed = states.clone();
        changed[0]["stream"]["stream_state"][key] = json!(value);
        let run = world.read_on(changes.clone(), &contacts(), &changed).await;
        run.assert_success();
        assert_eq!(distinct(run.column("Contact", "LastName")), names(25), "{key}");
        assert_eq!(run.records("Contact").len(), 25, "{key}");
    }
    world.org.expire_locators();
    states[0]["stream"]["stream_state"]["rows"] = json!(10);
    let run = world.read_on(changes, &contacts(), &states).await;
    run.assert_success();
    assert_eq!(run.records("Contact").len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_selection_is_another_query() {
    let world = World::kind().await;
    world.add_contacts(25);
    let changes = json!({"api": "bulk", "max_page_rows": 10});
    let killed = read_and_kill(&world, changes.clone(), &json!([]), 2).await;
    let more = catalog(&[("Contact", &["LastName", "Title"])]);
    let run = world.read_on(changes.clone(), &more, &killed.last_states()).await;
    run.assert_success();
    assert_eq!(run.records("Contact").len(), 25);
    let filter = json!({"api": "bulk", "streams": [{"stream": "Contact", "filter": "LastName != 'Person 3'"}]});
    let run = world.read_on(filter, &contacts(), &killed.last_states()).await;
    run.assert_success();
    assert_eq!(run.records("Contact").len(), 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_complete_is_not_read_again_within_a_sync() {
    let world = World::kind().await;
    world.add_contacts(5);
    let run = world.read(json!({}), &contacts()).await;
    let again = world.read_on(json!({}), &contacts(), &run.last_states()).await;
    again.assert_success();
    assert!(again.records("Contact").is_empty());
    assert_eq!(again.statuses("Contact").last(), Some(&"COMPLETE"));
    assert_eq!(again.states("Contact").len(), 1);
    assert!(again.log().iter().any(|line| line.contains("was read whole before, 5 records: its state says so")));
    // A state of Airbyte's own connector says nothing of this.
    let foreign = json!([{"type": "STREAM", "stream": {
        "stream_descriptor": {"name": "Contact"},
        "stream_state": {"slices": [{"start": "2026-01-01T00:00:00.000Z", "end": "2026-02-01T00:00:00.000Z"}]},
    }}]);
    assert_eq!(world.read_on(json!({}), &contacts(), &foreign).await.records("Contact").len(), 5);
}
