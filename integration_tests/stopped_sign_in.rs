//! A command is stopped while Salesforce answers a sign-in that replaces the refresh token.

use salesforce_sim::{Effect, Endpoint, Hold, RequestFault, Settings};
use serde_json::{Value, json};

use crate::connector::{self, Run, RunningConnector, Signal};
use crate::sign_in::client_credentials;
use crate::world::{World, blocking, complete, contact_catalog, record, state};

/// An org that replaces the refresh token at each sign-in.
async fn rotating_world() -> World {
    World::with(Settings { rotate_refresh_tokens: true, ..Settings::default() }).await
}

/// Holds the answer to the n-th of the next token requests back.
fn hold_token_answer(world: &World, number: usize) -> Hold {
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::Token, Effect::Held(hold.clone())).starting_at(number));
    hold
}

/// Stops a connector that waits for an answer, releases the answer once the connector knows, and waits for the end.
pub(crate) async fn stop_while_held(mut connector: RunningConnector, hold: &Hold) -> Run {
    hold.reached().await;
    connector.signal(Signal::Terminate);
    let connector = blocking(move || {
        connector.wait_for_log("stopping: ");
        connector
    })
    .await;
    hold.release();
    blocking(move || connector.wait()).await
}

/// The command ended as stopped, and the platform has the refresh token that works.
async fn assert_handed_over(world: &World, run: &Run) {
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("stopped before it was complete"), "{message}");
    let config = (*run.configs().last().expect("the new refresh token")).clone();
    assert_eq!(config["refresh_token"].as_str(), world.org.refresh_token().as_deref());
    assert!(world.org.jobs().is_empty());

    let lines = vec![record("c", json!({"LastName": "Example"})), state("c", 1), complete("c")];
    let run = blocking(move || connector::write(&config, &contact_catalog(), lines)).await;
    run.assert_success();
    assert_eq!(run.states().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_stopped_while_it_signs_in_hands_the_new_refresh_token_over() {
    let world = rotating_world().await;
    let hold = hold_token_answer(&world, 1);
    let run = stop_while_held(world.start_write(json!({}), &contact_catalog()), &hold).await;
    assert_handed_over(&world, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_stopped_while_its_session_is_renewed_hands_the_new_refresh_token_over() {
    for endpoint in [Endpoint::Limits, Endpoint::Describe] {
        let world = rotating_world().await;
        world.org.inject(RequestFault::new(endpoint, Effect::SessionsEnded));
        let hold = hold_token_answer(&world, 2);
        let run = stop_while_held(world.start_write(json!({}), &contact_catalog()), &hold).await;
        assert_eq!(run.configs().len(), 2, "{endpoint:?}");
        assert_handed_over(&world, &run).await;
    }
}

/// The calls of a job do not outlive the stop, but the sign-in that they began does.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_stopped_while_a_job_renews_its_session_hands_the_new_refresh_token_over() {
    let world = rotating_world().await;
    world.org.inject(RequestFault::new(Endpoint::JobCreate, Effect::SessionsEnded));
    let hold = hold_token_answer(&world, 2);
    let mut connector = world.start_write(json!({"flush_interval_minutes": 0.001}), &contact_catalog());
    connector.send(&record("c", json!({"LastName": "Example"})));
    let run = stop_while_held(connector, &hold).await;
    assert_eq!(run.configs().len(), 2);
    assert_handed_over(&world, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_check_hands_the_new_refresh_token_over() {
    for (number, ended_at) in [(1, None), (2, Some(Endpoint::Objects))] {
        let world = rotating_world().await;
        if let Some(endpoint) = ended_at {
            world.org.inject(RequestFault::new(endpoint, Effect::SessionsEnded));
        }
        let hold = hold_token_answer(&world, number);
        let run = stop_while_held(RunningConnector::start_check(&world.config(json!({}))), &hold).await;
        assert_eq!(run.configs().len(), number);
        assert_handed_over(&world, &run).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_discover_says_that_the_stored_refresh_token_is_replaced() {
    for (number, ended_at) in [(1, None), (2, Some(Endpoint::Objects))] {
        let world = rotating_world().await;
        if let Some(endpoint) = ended_at {
            world.org.inject(RequestFault::new(endpoint, Effect::SessionsEnded));
        }
        let hold = hold_token_answer(&world, number);
        let run = stop_while_held(RunningConnector::start_discover(&world.config(json!({}))), &hold).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "transient_error");
        for part in [
            "stopped before it was \
                      complete",
            "replaced the refresh token",
            "Connect the Salesforce account again",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(run.configs().is_empty(), "discover sends no configuration");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_wait_for_the_sign_in() {
    let commands: [fn(&World) -> RunningConnector; 3] = [
        |world| world.start_write(json!({}), &contact_catalog()),
        |world| RunningConnector::start_check(&world.config(json!({}))),
        |world| RunningConnector::start_discover(&world.config(json!({}))),
    ];
    for start in commands {
        let world = rotating_world().await;
        let hold = hold_token_answer(&world, 1);
        let mut connector = start(&world);
        hold.reached().await;
        let run = blocking(move || {
            connector.terminate_twice();
            connector.wait()
        })
        .await;
        assert!(run.failure().1.contains("stopped before it was complete"), "{:?}", run.failure());
        assert!(run.stdout.contains("a new refresh token may be lost"), "{}", run.stdout);
        assert!(run.configs().is_empty());
        hold.release();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_replaces_no_token_is_not_waited_for() {
    let changes: Value = client_credentials();
    let starts: [fn(&World, &Value) -> RunningConnector; 3] = [
        |world, changes| world.start_write(changes.clone(), &contact_catalog()),
        |world, changes| RunningConnector::start_check(&world.config(changes.clone())),
        |world, changes| RunningConnector::start_discover(&world.config(changes.clone())),
    ];
    for start in starts {
        let world = World::new().await;
        let hold = hold_token_answer(&world, 1);
        let connector = start(&world, &changes);
        hold.reached().await;
        connector.signal(Signal::Terminate);
        let run = blocking(move || connector.wait()).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "transient_error");
        assert!(message.contains("stopped before it was complete"), "{message}");
        hold.release();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_another_try_to_sign_in() {
    let world = rotating_world().await;
    world.org.inject(RequestFault::new(Endpoint::Token, Effect::Cut).always());
    let connector = world.start_write(json!({}), &contact_catalog());
    crate::world::wait_until(|| world.org.requests().len() >= 4).await;
    let stopped = tokio::time::Instant::now();
    connector.signal(Signal::Terminate);
    let run = blocking(move || connector.wait()).await;
    assert!(run.failure().1.contains("stopped before it was complete"), "{:?}", run.failure());
    assert!(stopped.elapsed().as_secs() < 10, "the waits of a sign-in take three minutes");
}
