//! Attempts that go on where an earlier one was killed.

use std::time::Duration;

use salesforce_sim::{Answer, Endpoint, QueryJobFault, RequestFault, Settings};
use serde_json::{Value, json};

use crate::connector::Run;
use crate::world::{World, blocking, catalog, contacts, distinct, in_sync, names};

/// The contacts of a sync whose attempts these tests make.
fn one_sync() -> Value {
    in_sync(contacts(), 7, 3)
}

/// Reads contacts, and is killed after a state. Returns what it had written.
async fn read_and_kill(world: &World, changes: Value, states: &Value, nth_state: usize) -> Run {
    let connector = world.start_read(changes, &one_sync(), states);
    blocking(move || connector.kill_at_state(nth_state)).await
}

/// The states of a run that ended after its second state.
fn second_state(run: &Run) -> Value {
    let mut states = run.last_states();
    states[0]["stream"]["stream_state"] = run.states("Contact")[1].0.clone();
    states
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
        let resumed = world.read_on(changes.clone(), &one_sync(), &killed.last_states()).await;
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
    let settings = Settings { query_page: 10, ..Settings::default() };
    let world = World::with(settings).await;
    world.add_contacts(35);
    let changes = json!({"api": "rest"});
    let killed = read_and_kill(&world, changes.clone(), &json!([]), 2).await;
    let resumed = world.read_on(changes, &one_sync(), &killed.last_states()).await;
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
        let run = world.read_on(changes.clone(), &one_sync(), &changed).await;
        run.assert_success();
        assert_eq!(distinct(run.column("Contact", "LastName")), names(25), "{key}");
        assert_eq!(run.records("Contact").len(), 25, "{key}");
    }
    world.org.expire_locators();
    states[0]["stream"]["stream_state"]["rows"] = json!(10);
    let run = world.read_on(changes, &one_sync(), &states).await;
    run.assert_success();
    assert_eq!(run.records("Contact").len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_selection_is_another_query() {
    let world = World::kind().await;
    world.add_contacts(25);
    let changes = json!({"api": "bulk", "max_page_rows": 10});
    let killed = read_and_kill(&world, changes.clone(), &json!([]), 2).await;
    let more = in_sync(catalog(&[("Contact", &["LastName", "Title"])]), 7, 3);
    let run = world.read_on(changes.clone(), &more, &killed.last_states()).await;
    run.assert_success();
    assert_eq!(run.records("Contact").len(), 25);
    let filter = json!({"api": "bulk", "streams": [{"stream": "Contact", "filter": "LastName != 'Person 3'"}]});
    let run = world.read_on(filter, &one_sync(), &killed.last_states()).await;
    run.assert_success();
    assert_eq!(run.records("Contact").len(), 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_complete_is_not_read_again_within_a_sync() {
    let world = World::kind().await;
    world.add_contacts(5);
    let sync = in_sync(contacts(), 7, 3);
    let run = world.read(json!({}), &sync).await;
    let again = world.read_on(json!({}), &sync, &run.last_states()).await;
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
    assert_eq!(world.read_on(json!({}), &sync, &foreign).await.records("Contact").len(), 5);
}

/// Platforms have passed the last state for ever, and `PyAirbyte` does it with one number for all syncs, or with none.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_sync_that_has_ended_is_never_an_empty_success() {
    let world = World::kind().await;
    world.add_contacts(5);
    for (before, now) in [
        (in_sync(contacts(), 7, 3), in_sync(contacts(), 8, 3)),
        (in_sync(contacts(), 7, 3), in_sync(contacts(), 7, 4)),
        (in_sync(contacts(), 7, 3), contacts()),
        (contacts(), in_sync(contacts(), 7, 3)),
        (contacts(), contacts()),
        (in_sync(contacts(), 1, 1), in_sync(contacts(), 1, 1)),
    ] {
        let states = world.read(json!({}), &before).await.last_states();
        let run = world.read_on(json!({}), &now, &states).await;
        run.assert_success();
        assert_eq!(run.records("Contact").len(), 5, "{now}");
    }
    // Another org, in the same sync.
    let states = world.read(json!({}), &in_sync(contacts(), 7, 3)).await.last_states();
    let other = World::kind().await;
    other.org.refresh_sandbox();
    other.add_contacts(2);
    assert_eq!(other.read_on(json!({}), &in_sync(contacts(), 7, 3), &states).await.records("Contact").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_number_of_the_sync_a_stream_is_complete_while_another_is_under_way() {
    let world = World::kind().await;
    world.add_contacts(5);
    let streams = catalog(&[("Contact", &["LastName"]), ("Lead", &["Id"])]);
    let mut states = world.read(json!({}), &streams).await.last_states();
    let run = world.read_on(json!({}), &streams, &states).await;
    assert_eq!(run.records("Contact").len(), 5, "both are complete, so the sync has ended");
    let lead = states.as_array_mut().unwrap().iter_mut().find(|it| it["stream"]["stream_descriptor"]["name"] == "Lead");
    lead.unwrap()["stream"]["stream_state"] = json!({});
    let run = world.read_on(json!({}), &streams, &states).await;
    run.assert_success();
    assert!(run.records("Contact").is_empty(), "the state says that Lead is not read whole");
}

/// Such as the state of a stream from before its sync mode changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_not_one_of_a_full_refresh_says_nothing_of_the_sync() {
    let world = World::kind().await;
    world.add_contacts(5);
    let contacts_alone = catalog(&[("Contact", &["LastName"])]);
    let contacts = world.read(json!({}), &contacts_alone).await.last_states()[0].clone();
    let both = catalog(&[("Contact", &["LastName"]), ("Lead", &["Id"])]);
    for state in [
        json!({"through": "2026-02-01T00:00:00Z", "cursor": "SystemModstamp", "org": "0123456789abcdef"}),
        json!({"slices": [{"start": "2026-01-01T00:00:00.000Z", "end": "2026-02-01T00:00:00.000Z"}]}),
        json!({"version": "62.0", "query": "0123456789abcdef", "job": "7503h00000CV7GqAAL", "rows": 5}),
    ] {
        let lead = json!({"type": "STREAM", "stream": {"stream_descriptor": {"name": "Lead"}, "stream_state": state}});
        let run = world.read_on(json!({}), &both, &json!([contacts, lead])).await;
        run.assert_success();
        assert_eq!(run.records("Contact").len(), 5, "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_another_sync_are_not_read_on() {
    let world = World::kind().await;
    world.add_contacts(25);
    let changes = json!({"api": "bulk", "max_page_rows": 10});
    let run = world.read(changes.clone(), &one_sync()).await;
    let states = second_state(&run);
    for (sync, generation, rows) in [(7, 3, 15), (8, 4, 25), (8, 3, 25), (7, 4, 25)] {
        let run = world.read_on(changes.clone(), &in_sync(contacts(), sync, generation), &states).await;
        run.assert_success();
        assert_eq!(run.records("Contact").len(), rows, "{sync} {generation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_in_another_order_are_the_same_query() {
    let world = World::kind().await;
    world.add_contacts(25);
    let changes = json!({"api": "bulk", "max_page_rows": 10});
    let columns = |columns| in_sync(catalog(&[("Contact", columns)]), 7, 3);
    let run = world.read(changes.clone(), &columns(&["LastName", "FirstName"])).await;
    let states = second_state(&run);
    let run = world.read_on(changes, &columns(&["FirstName", "LastName"]), &states).await;
    run.assert_success();
    assert_eq!(run.records("Contact").len(), 15);
    assert_eq!(world.org.query_jobs().len(), 1);
}

/// The same state would be refused in every attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_salesforce_refuses_in_any_way_is_read_again_from_its_start() {
    for (api, endpoint, status, code) in [
        ("bulk", Endpoint::QueryJobInfo, 400, "INVALIDJOB"),
        ("bulk", Endpoint::QueryJobInfo, 400, "INVALIDJOBSTATE"),
        ("bulk", Endpoint::QueryJobInfo, 400, "API_ERROR"),
        ("bulk", Endpoint::QueryJobResults, 400, "INVALIDJOB"),
        ("rest", Endpoint::QueryMore, 404, "NOT_FOUND"),
        ("rest", Endpoint::QueryMore, 400, "MALFORMED_QUERY"),
    ] {
        let world = World::with(Settings { query_page: 10, ..Settings::default() }).await;
        world.add_contacts(25);
        let changes = json!({"api": api, "max_page_rows": 10});
        let run = world.read(changes.clone(), &one_sync()).await;
        let states = second_state(&run);
        world.org.inject(RequestFault::new(endpoint, Answer::error(status, code, "refused")));
        let run = world.read_on(changes, &one_sync(), &states).await;
        run.assert_success();
        assert_eq!(run.records("Contact").len(), 25, "{code}");
    }
}

/// A page was read from the state on, so that the refusal of a later one says nothing against the state.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_a_page_was_read_leaves_the_stream_at_that_page() {
    for (is_resumed, read, state) in [(false, 20, 20), (true, 10, 30)] {
        for (status, code) in [(404, "NOT_FOUND"), (400, "MALFORMED_QUERY"), (400, "SOMETHING_NEW")] {
            let world = World::with(Settings { query_page: 10, ..Settings::default() }).await;
            world.add_contacts(35);
            let changes = json!({"api": "rest"});
            let mut states = json!([]);
            if is_resumed {
                states = second_state(&world.read(changes.clone(), &one_sync()).await);
            }
            let refusal = Answer::error(status, code, "refused");
            world.org.inject(RequestFault::new(Endpoint::QueryMore, refusal).starting_at(2));
            let run = world.read_on(changes.clone(), &one_sync(), &states).await;
            assert_eq!((run.exit_code, run.records("Contact").len()), (1, read), "{is_resumed} {code}");
            assert_eq!(run.states("Contact").last().unwrap().0["rows"], state, "{is_resumed} {code}");
            let next = world.read_on(changes, &one_sync(), &run.last_states()).await;
            next.assert_success();
            assert_eq!(next.records("Contact").len(), 35 - state, "{is_resumed} {code}: no record comes twice");
        }
    }
}

/// Its state names a job, so that REST cannot read on from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_job_that_the_bulk_api_refuses_takes_its_state_back_before_rest_reads_the_stream() {
    let world = World::kind().await;
    world.add_contacts(25);
    // Without a count, a job is tried first.
    let refusal = Answer::error(400, "MALFORMED_QUERY", "count() is not supported");
    world.org.inject(RequestFault::new(Endpoint::Query, refusal.clone()));
    world.org.inject(QueryJobFault::failed("Contact", "InvalidEntity : Entity 'Contact' is not known"));
    let killed = read_and_kill(&world, json!({}), &json!([]), 1).await;
    let states = killed.last_states();
    assert!(states[0]["stream"]["stream_state"]["job"].is_string(), "{states}");
    world.org.inject(RequestFault::new(Endpoint::Query, refusal));
    let run = world.read_on(json!({}), &one_sync(), &states).await;
    assert_eq!((run.exit_code, run.records("Contact").len()), (1, 0));
    assert_eq!(run.states("Contact").last().unwrap().0, &json!({}));
    let next = world.read_on(json!({}), &one_sync(), &run.last_states()).await;
    next.assert_success();
    assert_eq!(next.records("Contact").len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_stream_has_as_many_records_as_salesforce_counted_at_its_beginning() {
    let world = World::kind().await;
    world.add_contacts(25);
    let changes = json!({"api": "bulk", "max_page_rows": 10});
    let run = world.read(changes.clone(), &one_sync()).await;
    let mut states = second_state(&run);
    assert_eq!(states[0]["stream"]["stream_state"]["count"], 25);
    states[0]["stream"]["stream_state"]["count"] = json!(26);
    let count = Answer::json(200, r#"{"totalSize": 26, "done": true, "records": []}"#);
    world.org.inject(RequestFault::new(Endpoint::Query, count).always());
    let run = world.read_on(changes, &one_sync(), &states).await;
    assert!(run.failure().1.contains("25 records are read, and Salesforce counts 26"), "{}", run.failure().1);
    assert_eq!(run.states("Contact").last().unwrap().0, &json!({}));
}

/// Its sign of life is a state, and the platform takes a state of a stream that runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_stream_runs_while_its_job_still_runs() {
    let settings = Settings { time_per_query: Duration::from_secs(20), ..Settings::default() };
    let world = World::with(settings).await;
    world.add_contacts(5);
    let changes = json!({"api": "bulk"});
    let killed = read_and_kill(&world, changes.clone(), &json!([]), 1).await;
    let mut connector = world.start_read(changes, &one_sync(), &killed.last_states());
    let run = blocking(move || {
        connector.read_until(|message| message["trace"]["stream_status"]["status"] == "RUNNING");
        connector.terminate();
        connector.wait()
    })
    .await;
    assert!(run.records("Contact").is_empty(), "the job has not ended");
}
