//! The process is killed or stopped, or nobody reads its output.

use std::ops::RangeInclusive;
use std::time::Duration;

use salesforce_sim::{Effect, Endpoint, Hold, JobState, RequestFault, Settings};
use serde_json::{Value, json};

use super::{
    assert_all_in_org, input_range, insert_catalog, insert_contacts, insert_record, job_states, key, keys, keys_in_org,
    reject_some_rows, upsert_catalog, upsert_record,
};
use crate::connector::{RunningConnector, Signal};
use crate::protocol_model::Counts;
use crate::world::{World, blocking, state, wait_until};

/// Starts a sync that sends a batch as soon as the source pauses.
fn start(world: &World, catalog: &Value) -> RunningConnector {
    world.start_write(json!({"flush_interval_minutes": 0.001}), catalog)
}

/// Sends the records of a range, then a state.
async fn send(
    mut connector: RunningConnector,
    numbers: RangeInclusive<u64>,
    record: fn(u64) -> String,
) -> RunningConnector {
    blocking(move || {
        let last = *numbers.end();
        numbers.for_each(|number| connector.send(&record(number)));
        connector.send(&state("s", last));
        connector
    })
    .await
}

/// Waits for the next state and returns its id.
async fn next_state_id(mut connector: RunningConnector) -> (RunningConnector, u64) {
    blocking(move || {
        let state = connector.next_state();
        (connector, state.id())
    })
    .await
}

/// Acknowledges the records 1 to 100, kills the process while the job of 101 to 400 runs, and waits for that job.
async fn kill_while_a_job_runs(catalog: &Value, record: fn(u64) -> String) -> World {
    let world = World::with(Settings { time_per_chunk: Duration::from_millis(400), ..Settings::default() }).await;
    let connector = send(start(&world, catalog), 1..=100, record).await;
    let (connector, last) = next_state_id(connector).await;
    assert_eq!(last, 100);
    let connector = send(connector, 101..=400, record).await;
    wait_until(|| world.org.jobs().len() == 2 && world.org.jobs()[1].processed == 200).await;
    let run = blocking(move || connector.kill()).await;
    assert_eq!(
        run.ids_and_counts(),
        [(100, Counts { written: 100, rejected: 0 })],
        "nothing of the second job is acknowledged"
    );
    wait_until(|| job_states(&world).iter().all(|state| state.is_final())).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_next_upsert_completes_the_sync() {
    let world = kill_while_a_job_runs(&upsert_catalog(), upsert_record).await;
    let run = world.write(json!({}), upsert_catalog(), input_range(101..=500, upsert_record)).await;
    run.assert_success();
    assert_eq!(keys_in_org(&world), keys(1..=500));
    assert_eq!(run.ids_and_counts(), [(500, Counts { written: 400, rejected: 0 })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_an_insert_doubles_only_unacknowledged_records_after_a_kill() {
    let world = kill_while_a_job_runs(&insert_catalog(), insert_record).await;
    let journal_off = json!({"journal": false});
    let run = world.write(journal_off, insert_catalog(), input_range(101..=500, insert_record)).await;
    run.assert_success();
    let mut expected: Vec<String> = (1..=500).chain(101..=400).map(key).collect();
    expected.sort();
    assert_eq!(keys_in_org(&world), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_before_the_close_an_insert_doubles_nothing() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(hold.clone())));
    let connector = send(start(&world, &insert_catalog()), 1..=20, insert_record).await;
    hold.reached().await;
    let run = blocking(move || connector.kill()).await;
    assert_eq!(run.ids_and_counts(), []);
    hold.release();
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(
        job_states(&world),
        [JobState::Open, JobState::JobComplete],
        "the upload is complete and the job is never closed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_reads_the_states_the_sync_ends_and_closes_no_more_jobs() {
    let world = World::new().await;
    let connector = send(start(&world, &insert_catalog()), 1..=20, insert_record).await;
    let (mut connector, _) = next_state_id(connector).await;
    connector.close_stdout();
    let connector = send(connector, 21..=40, insert_record).await;
    // The input stays open, and the connector ends all the same.
    let exit_code = tokio::time::timeout(Duration::from_secs(60), blocking(move || connector.wait_for_exit_code()));
    assert_ne!(exit_code.await.expect("the connector ends"), 0);
    assert_eq!(keys_in_org(&world), keys(1..=40));
    assert_eq!(job_states(&world), [JobState::JobComplete; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sync_aborts_the_running_upload() {
    // A platform sends the one, a terminal the other.
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let world = World::new().await;
        let hold = Hold::default();
        world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(hold.clone())));
        let connector = send(start(&world, &insert_catalog()), 1..=20, insert_record).await;
        hold.reached().await;
        connector.signal(signal);
        let run = blocking(move || connector.wait()).await;
        assert!(run.failure().1.contains("stopped before it was complete"), "{signal:?}: {:?}", run.failure());
        assert_eq!((run.ids_and_counts(), job_states(&world)), (vec![], vec![JobState::Aborted]), "{signal:?}");
        hold.release();
    }
}

/// The one batch is sent at the end of the input, so the connector knows of the end at each of these requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_after_the_end_of_the_input_fails_only_a_sync_with_unacknowledged_records() {
    for (endpoint, succeeds) in [
        (Endpoint::JobCreate, false),
        (Endpoint::JobUpload, false),
        (Endpoint::JobPatch, true),
        (Endpoint::JobInfo, true),
        (Endpoint::FailedResults, true),
    ] {
        let world = World::new().await;
        reject_some_rows(&world);
        let hold = Hold::default();
        world.org.inject(RequestFault::new(endpoint, Effect::Held(hold.clone())));
        let mut connector = world.start_write(json!({}), &insert_catalog());
        let lines = input_range(1..=20, insert_record);
        let connector = blocking(move || {
            lines.iter().for_each(|line| connector.send(line));
            connector.close_stdin();
            connector
        });
        let mut connector = connector.await;
        hold.reached().await;
        let connector = blocking(move || {
            connector.signal(Signal::Terminate);
            connector.wait_for_log("stopping: ");
            connector
        });
        let connector = connector.await;
        hold.release();
        let run = blocking(move || connector.wait()).await;
        if succeeds {
            run.assert_success();
            assert_eq!(run.ids_and_counts().len(), 1, "{endpoint:?}");
        } else {
            assert!(run.failure().1.contains("stopped before it was complete"), "{endpoint:?}: {:?}", run.failure());
            assert_eq!((run.ids_and_counts(), world.org.count("Contact")), (vec![], 0), "{endpoint:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_stopped_twice_does_not_wait_for_a_running_job() {
    let hour = Duration::from_secs(60 * 60);
    let world = World::with(Settings { time_per_batch: hour, ..Settings::default() }).await;
    let mut connector = send(start(&world, &insert_catalog()), 1..=20, insert_record).await;
    wait_until(|| job_states(&world) == [JobState::InProgress]).await;
    let run = blocking(move || {
        connector.terminate_twice();
        connector.wait()
    });
    let run = run.await;
    assert!(run.failure().1.contains("stopped before it was complete"), "{:?}", run.failure());
    assert_eq!(run.ids_and_counts(), [], "the outcome of the job is unknown");
}
