//! How a dry run ends.

use serde_json::{Value, json};

use super::counts;
use crate::connector::{Run, RunningConnector, Signal};
use crate::world::{World, blocking, catalog, complete, contact_catalog, record, state, stream};

const NOTHING_SENT: &str = " This was a dry run: nothing was sent, and nothing counts as done.";

fn person(number: usize) -> String {
    record("c", json!({"LastName": format!("L{number}")}))
}

fn refused() -> String {
    record("c", json!({"LastName": "#N/A"}))
}

fn global(id: u64) -> String {
    json!({"type": "STATE", "state": {"type": "GLOBAL", "id": id, "global": {"shared_state": {}, "stream_states": []}}})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_state_comes_back_of_any_kind() {
    let legacy = json!({"type": "STATE", "state": {"data": {"cursor": 1}}}).to_string();
    for last in [state("c", 2), global(2), legacy] {
        let world = World::new().await;
        let lines = vec![person(1), last.clone(), person(2), last, complete("c")];
        let run = world.dry_run(json!({}), contact_catalog(), lines).await;
        run.assert_success();
        assert_eq!(counts(&run, "c").created, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_ends_the_sync_with_an_error_that_has_the_counts() {
    let world = World::new().await;
    let lines = vec![person(1), person(2), refused(), state("c", 1), complete("c")];
    let run = world.write(json!({"dry_run": true}), contact_catalog(), lines).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(
        message.starts_with("The dry run is complete: 3 records, 2 to create, 1 refused. Nothing was sent"),
        "{message}"
    );
    assert!(message.contains("Set `dry_run` to false"), "{message}");
    assert!(run.states().is_empty());
    let said = run.log("WARN");
    assert!(!said.iter().any(|line| line.contains("is rejected")), "a summary says what is refused: {said:?}");
    world.assert_nothing_sent();
    assert!(world.rejected().is_empty() && world.journal().is_empty());
    assert_eq!(counts(&run, "c").created, 2);
}

/// A person who asks for a dry run reads what it says; a platform reads the exit code.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_decides_over_the_setting() {
    let world = World::new().await;
    for setting in [false, true] {
        let run = world.dry_run(json!({"dry_run": setting}), contact_catalog(), vec![person(1), complete("c")]).await;
        run.assert_success();
    }
    let run = world.write(json!({"dry_run": false}), contact_catalog(), vec![person(1), complete("c")]).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 1);
}

/// The bucket of this configuration cannot be reached.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_needs_no_bucket() {
    let world = World::new().await;
    world.store.set_away(true);
    let config = world.config(json!({}));
    let lines = vec![person(1), refused(), state("c", 1), complete("c")];
    let run = blocking(move || crate::connector::dry_run(&config, &contact_catalog(), &[], lines)).await.0;
    run.assert_success();
    assert_eq!(counts(&run, "c").refused, [("NULL_MARKER_AS_TEXT".to_owned(), 1)].into());
}

/// Runs the same lines as a dry run and as a sync. Both must fail in the same way.
async fn both_fail(config: Value, lines: Vec<String>) -> (Run, String) {
    let (dry, real) = (World::new().await, World::new().await);
    let dry_run = dry.dry_run(config.clone(), contact_catalog(), lines.clone()).await;
    let run = real.write(config, contact_catalog(), lines).await;
    let ((dry_type, dry_message), (real_type, real_message)) = (dry_run.failure(), run.failure());
    assert_eq!(dry_type, real_type);
    let dry_message = dry_message.strip_suffix(NOTHING_SENT).unwrap_or_else(|| panic!("{dry_message}"));
    assert_eq!(dry_message.split(". ").next(), real_message.split(". ").next());
    let message = dry_message.to_owned();
    (dry_run, message)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_breaks_the_protocol_fails_like_a_sync_after_what_came_before_is_counted() {
    for broken in ["no JSON".to_owned(), record("d", json!({"LastName": "x"})), record("c", json!({"Shoe__c": 1}))] {
        let (run, _) = both_fail(json!({}), vec![person(1), refused(), broken]).await;
        assert_eq!((counts(&run, "c").created, counts(&run, "c").records), (1, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_ends_early_fails_like_a_sync() {
    let (run, message) = both_fail(json!({}), vec![person(1)]).await;
    assert_eq!(counts(&run, "c").created, 1);
    assert_eq!(message, "The source ended before it had sent all records of c. What it sent is counted.");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rejected_records_than_allowed_end_it_like_a_sync() {
    let lines = |refusals: usize| -> Vec<String> {
        std::iter::once(person(1)).chain((0..refusals).map(|_| refused())).chain([complete("c")]).collect()
    };
    let (run, message) = both_fail(json!({"max_rejected_records": 2}), lines(3)).await;
    assert!(message.starts_with("The number of rejected records is 3, "), "{message}");
    assert_eq!(counts(&run, "c").records, 4);
    let (_, message) = both_fail(json!({"max_rejected_percent": 70}), lines(3)).await;
    assert!(message.starts_with("The number of rejected records is 3 of 4, "), "{message}");
    let world = World::new().await;
    world.dry_run(json!({"max_rejected_records": 3}), contact_catalog(), lines(3)).await.assert_success();
    world.dry_run(json!({"max_rejected_percent": 75}), contact_catalog(), lines(3)).await.assert_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_of_the_streams_are_found_before_the_first_record() {
    let world = World::new().await;
    let catalog = catalog(&[stream("c", "Contact", &[("Shoe__c", "string")]), stream("x", "Nothing__c", &[])]);
    let run = world.dry_run(json!({}), catalog, Vec::new()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("Shoe__c") && message.contains("Nothing__c"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_needs_no_org() {
    let world = World::new().await;
    let mut reset = stream("c", "Contact", &[("LastName", "string")]);
    reset["destination_sync_mode"] = json!("overwrite");
    let run = world.dry_run(json!({}), catalog(&[reset]), vec![state("c", 1), complete("c")]).await;
    run.assert_success();
    assert_eq!(world.org.token_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_stops_it_like_a_sync() {
    let world = World::new().await;
    let mut connector = RunningConnector::start_dry_run(&world.config(json!({})), &contact_catalog());
    blocking(move || {
        connector.send(&person(1));
        connector.wait_for_log("allowances left");
        connector.signal(Signal::Terminate);
        let run = connector.wait();
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "transient_error");
        assert!(message.starts_with("The run was stopped") && message.ends_with(NOTHING_SENT), "{message}");
        assert!(run.states().is_empty());
    })
    .await;
    world.assert_nothing_sent();
}
