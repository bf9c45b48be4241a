//! The process itself ends: killed, or without a reader.

use std::time::Duration;

use salesforce_sim::{Effect, Endpoint, Hold, JobState, RequestFault, Settings};
use serde_json::{Value, json};

use super::{assert_all_in_org, in_org, input, inserted, inserts, jobs, key, keys, states, upserted, upserts};
use crate::connector::Connection;
use crate::world::{World, blocking, complete, state, until};

/// A connection that sends a batch as soon as nothing more comes.
fn open(world: &World, catalog: &Value) -> Connection {
    Connection::open(&world.config(json!({"flush_interval_minutes": 0.001})), catalog)
}

/// Sends the records of a range and a state.
async fn send(
    mut connection: Connection,
    numbers: std::ops::RangeInclusive<u64>,
    record: fn(u64) -> String,
) -> Connection {
    blocking(move || {
        let last = *numbers.end();
        numbers.for_each(|number| connection.send(&record(number)));
        connection.send(&state("s", last));
        connection
    })
    .await
}

async fn acknowledged(mut connection: Connection) -> (Connection, u64) {
    blocking(move || {
        let state = connection.next_state();
        (connection, state.id())
    })
    .await
}

/// Records 1 to 100 are acknowledged; the process is killed while the job of 101 to 400 runs, which then ends.
async fn killed_while_a_job_runs(catalog: &Value, record: fn(u64) -> String) -> World {
    let world = World::with(Settings { time_per_chunk: Duration::from_millis(400), ..Settings::default() }).await;
    let connection = send(open(&world, catalog), 1..=100, record).await;
    let (connection, last) = acknowledged(connection).await;
    assert_eq!(last, 100);
    let connection = send(connection, 101..=400, record).await;
    until(|| world.org.jobs().len() == 2 && world.org.jobs()[1].processed == 200).await;
    let run = blocking(move || connection.kill()).await;
    assert_eq!(states(&run), [(100, (100, 0))], "nothing of the second job is acknowledged");
    until(|| jobs(&world).iter().all(|state| state.is_final())).await;
    world
}

fn replay(numbers: std::ops::RangeInclusive<u64>, record: fn(u64) -> String) -> Vec<String> {
    let last = *numbers.end();
    numbers.map(record).chain([state("s", last), complete("s")]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_next_upsert_completes_the_sync() {
    let world = killed_while_a_job_runs(&upserts(), upserted).await;
    let run = world.write(json!({}), upserts(), replay(101..=500, upserted)).await;
    run.assert_success();
    assert_eq!(in_org(&world), keys(1..=500));
    assert_eq!(states(&run), [(500, (400, 0))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_an_insert_doubles_only_unacknowledged_records() {
    let world = killed_while_a_job_runs(&inserts(), inserted).await;
    let run = world.write(json!({}), inserts(), replay(101..=500, inserted)).await;
    run.assert_success();
    let mut expected: Vec<String> = (1..=500).chain(101..=400).map(key).collect();
    expected.sort();
    assert_eq!(in_org(&world), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_before_the_close_an_insert_doubles_nothing() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(hold.clone())));
    let connection = send(open(&world, &inserts()), 1..=20, inserted).await;
    hold.reached().await;
    let run = blocking(move || connection.kill()).await;
    assert_eq!(states(&run), []);
    hold.release();
    let run = world.write(json!({}), inserts(), input(20, inserted)).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(jobs(&world), [JobState::Open, JobState::JobComplete], "the upload is there and stays inert");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_reads_the_states_the_sync_ends_and_closes_no_more_jobs() {
    let world = World::new().await;
    let connection = send(open(&world, &inserts()), 1..=20, inserted).await;
    let (mut connection, _) = acknowledged(connection).await;
    connection.hang_up();
    let connection = send(connection, 21..=40, inserted).await;
    // The source goes on, and the connector ends all the same.
    let exit_code = tokio::time::timeout(Duration::from_secs(60), blocking(move || connection.exit_code()));
    assert_ne!(exit_code.await.expect("the connector ends"), 0);
    assert_eq!(in_org(&world), keys(1..=40));
    assert_eq!(jobs(&world), [JobState::JobComplete; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sync_aborts_the_running_upload() {
    // As the platform does, and as a terminal does.
    for signal in ["-TERM", "-INT"] {
        let world = World::new().await;
        let hold = Hold::default();
        world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(hold.clone())));
        let connection = send(open(&world, &inserts()), 1..=20, inserted).await;
        hold.reached().await;
        connection.signal(signal);
        let run = blocking(move || connection.wait()).await;
        assert!(run.failure().1.contains("stopped from outside"), "{signal}: {:?}", run.failure());
        assert_eq!((states(&run), jobs(&world)), (vec![], vec![JobState::Aborted]), "{signal}");
        hold.release();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_stopped_twice_does_not_wait_for_a_running_job() {
    let hour = Duration::from_secs(60 * 60);
    let world = World::with(Settings { time_per_batch: hour, ..Settings::default() }).await;
    let mut connection = send(open(&world, &inserts()), 1..=20, inserted).await;
    until(|| jobs(&world) == [JobState::InProgress]).await;
    let run = blocking(move || {
        connection.terminate_at_once();
        connection.wait()
    });
    let run = run.await;
    assert!(run.failure().1.contains("stopped from outside"), "{:?}", run.failure());
    assert_eq!(states(&run), [], "nobody knows what becomes of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_can_be_stopped_while_it_signs_in() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::Token, Effect::Held(hold.clone())));
    let connection = open(&world, &inserts());
    hold.reached().await;
    connection.terminate();
    let run = blocking(move || connection.wait()).await;
    assert!(run.failure().1.contains("stopped from outside"), "{:?}", run.failure());
    assert_eq!(jobs(&world), []);
    hold.release();
}
