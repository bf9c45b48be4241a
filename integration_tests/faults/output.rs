//! The reader of the output stalls or is slow.

use std::time::Duration;

use salesforce_sim::{Effect, Endpoint, Hold, JobState, RequestFault};
use serde_json::{Value, json};

use super::{insert_catalog, insert_record, job_states, keys, keys_in_org};
use crate::connector::{RunningConnector, Signal};
use crate::world::{World, blocking, complete, state, wait_until};

/// A state of a kilobyte. It comes back at once, because its stream has no records.
fn long_state(id: u64) -> String {
    let mut message: Value = serde_json::from_str(&state("without_records", id)).unwrap();
    message["state"]["stream"]["stream_state"]["text"] = "x".repeat(1_000).into();
    message.to_string()
}

/// Stops a sync that uploads a batch, and again when it has aborted the upload. Then it must end, though nobody reads.
async fn assert_stops(world: &World, connector: RunningConnector, upload: Hold) {
    let upload_runs = tokio::time::timeout(Duration::from_secs(60), upload.reached());
    upload_runs.await.expect("records are read while the pipe is full");
    connector.signal(Signal::Terminate);
    wait_until(|| job_states(world) == [JobState::Aborted]).await;
    connector.signal(Signal::Terminate);
    let exit_code = tokio::time::timeout(Duration::from_secs(60), blocking(move || connector.wait_for_exit_code()));
    assert_eq!(exit_code.await.expect("the connector ends"), 1);
    upload.release();
}

/// An org that holds the first upload, and a sync that sends a batch as soon as the source pauses.
async fn start_held_upload() -> (World, RunningConnector, Hold) {
    let world = World::new().await;
    let upload = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(upload.clone())));
    let connector = world.start_write(json!({"flush_interval_minutes": 0.001}), &insert_catalog());
    (world, connector, upload)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sync_ends_although_nobody_reads_its_output() {
    let (world, mut connector, upload) = start_held_upload().await;
    // A pipe holds 64 KiB. Input is read as long as less than 256 KiB wait in the connector.
    let lines: Vec<String> = (1..=150).map(long_state).chain((1..=20).map(insert_record)).collect();
    let connector = blocking(move || {
        lines.iter().for_each(|line| connector.send(line));
        connector
    });
    assert_stops(&world, connector.await, upload).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sync_ends_although_its_input_waits_for_the_reader() {
    let (world, mut connector, upload) = start_held_upload().await;
    let sender = connector.send_in_background((1..=20).map(insert_record).chain((1..=5_000).map(long_state)).collect());
    assert_stops(&world, connector, upload).await;
    blocking(move || sender.join().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_every_message_in_order_and_the_input_waits_for_it() {
    const STATES: u64 = 5_000;
    let world = World::new().await;
    let mut connector = world.start_write(json!({}), &insert_catalog());
    let states = (1..=STATES).map(long_state);
    let lines: Vec<String> = states.chain((1..=20).map(insert_record)).chain([complete("s")]).collect();
    let sender = connector.send_in_background(lines);
    let run = blocking(move || {
        // Nobody reads for a second, so the connector must not take all of the input.
        std::thread::sleep(Duration::from_secs(1));
        assert!(!sender.is_finished(), "the connector held back its whole output");
        for _ in 0..100 {
            std::thread::sleep(Duration::from_millis(2));
            connector.read_available();
        }
        let run = connector.wait();
        sender.join().unwrap();
        run
    })
    .await;
    run.assert_success();
    let ids: Vec<u64> = run.states().iter().map(|state| state.id()).collect();
    assert_eq!(ids, (1..=STATES).collect::<Vec<_>>());
    assert_eq!(keys_in_org(&world), keys(1..=20));
}
