//! The order of records, and records that one batch or an earlier one creates.

use std::time::Duration;

use salesforce_sim::{Answer, Effect, Endpoint, Hold, JobState, Operation, RequestFault, Settings};
use serde_json::{Value, json};

use super::{contact, contacts, lines, logs, reasons, settings};
use crate::connector::RunningConnector;
use crate::operations::values;
use crate::protocol_model::Counts;
use crate::world::{World, complete, kill, record, state, wait_until};

/// A batch for every few records.
const SMALL_BATCHES: f64 = 0.01;

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_new_key_become_one_record() {
    let world = World::new().await;
    let records = [
        json!({"Email": "new@example.com", "LastName": "first", "Title": "1"}),
        json!({"Email": "NEW@example.com ", "LastName": "second"}),
        json!({"Email": "new@example.com", "Department": "3"}),
    ];
    let catalog = contacts(&["Email", "LastName", "Title", "Department"]);
    let run = world.write(settings("upsert", json!({"fields": ["Email"]})), catalog, lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 3, rejected: 0 }]);
    assert_eq!(values(&world, "Contact", &["LastName", "Title", "Department"]), [["second", "1", "3"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_key_are_merged_into_the_record_that_is_there() {
    let world = World::new().await;
    contact(&world, &[("LastName", "old"), ("Email", "ann@example.com")]);
    let records = [
        json!({"Email": "ann@example.com", "LastName": "first", "Title": "1"}),
        json!({"Email": "Ann@Example.com", "LastName": "second"}),
    ];
    for operation in ["update", "upsert"] {
        let catalog = contacts(&["Email", "LastName", "Title"]);
        let run = world.write(settings(operation, json!({"fields": ["Email"]})), catalog, lines(&records)).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }]);
        assert_eq!(values(&world, "Contact", &["LastName", "Title"]), [["second", "1"]]);
        assert_eq!(world.org.jobs().last().unwrap().rows, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_that_may_be_the_same_are_looked_up_again_after_the_first_is_created() {
    let world = World::new().await;
    let records = ["m\u{fc}ller", "M\u{dc}LLER"].map(|name| json!({"LastName": name, "Title": name}));
    let run = world
        .write(settings("upsert", json!({"fields": ["LastName"]})), contacts(&["LastName", "Title"]), lines(&records))
        .await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }]);
    // The org says that the second key names the record of the first.
    assert_eq!(values(&world, "Contact", &["LastName", "Title"]), [["m\u{fc}ller", "M\u{dc}LLER"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_batch_before_creates_is_found() {
    let world = World::with(Settings { time_per_batch: Duration::from_millis(200), ..Settings::default() }).await;
    let long = "x".repeat(100);
    let records: Vec<Value> = (0..400)
        .map(|number| json!({"Email": format!("person-{}@example.com", number % 100), "LastName": format!("{number:03}"), "Title": long}))
        .collect();
    let mut config = settings("upsert", json!({"fields": ["Email"]}));
    config["batch_size_mb"] = json!(SMALL_BATCHES);
    let run = world.write(config, contacts(&["Email", "LastName", "Title"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 400, rejected: 0 }]);
    let names = values(&world, "Contact", &["LastName"]);
    let expected: Vec<Vec<String>> = (300..400).map(|number| vec![number.to_string()]).collect();
    assert_eq!(names, expected, "each contact is there once, with its last name");
    let jobs = world.org.jobs();
    assert!(jobs.len() > 4, "several batches");
    assert_eq!(jobs.iter().filter(|job| job.operation == Operation::Insert).map(|job| job.rows).sum::<usize>(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_record_is_not_found() {
    let world = World::new().await;
    let id = contact(&world, &[("LastName", "gone"), ("Email", "gone@example.com")]);
    let matching = json!({"fields": ["Email"]});
    let delete = settings("delete", matching.clone());
    let records = [json!({"Email": "gone@example.com", "LastName": "again"})];
    let run = world.write(delete, contacts(&["Email", "LastName"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 0);
    let run =
        world.write(settings("update", matching.clone()), contacts(&["Email", "LastName"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(reasons(&world), ["NO_MATCH"]);
    let run = world.write(settings("upsert", matching), contacts(&["Email", "LastName"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(values(&world, "Contact", &["LastName"]), [["again"]]);
    assert_ne!(world.org.records("Contact")[0]["Id"].as_deref(), Some(id.as_str()));
}

/// Kills a sync of these lines when its jobs have ended, before it learns of that.
async fn kill_after_the_jobs(world: &World, config: Value, catalog: &Value, lines: Vec<String>, jobs: usize) {
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(hold.clone())));
    let mut connector: RunningConnector = world.start_write(config, catalog);
    let writer = connector.send_in_background(lines);
    wait_until(|| world.org.jobs().iter().filter(|job| job.state.is_final()).count() == jobs).await;
    kill(connector, writer).await;
    hold.release();
    world.org.clear_faults();
}

/// Kills a sync of these lines while its job runs.
async fn kill_while_the_job_runs(world: &World, config: Value, catalog: &Value, lines: Vec<String>) {
    let mut connector = world.start_write(config, catalog);
    let writer = connector.send_in_background(lines);
    wait_until(|| world.org.jobs().iter().any(|job| job.state == JobState::InProgress)).await;
    kill(connector, writer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_attempt_created_is_found_by_the_next_and_not_doubled() {
    for journal in [true, false] {
        let world = World::new().await;
        let records: Vec<Value> = (0..50)
            .map(|number| json!({"Email": format!("person-{number}@example.com"), "LastName": "Example"}))
            .collect();
        let config = || {
            let mut config = settings("upsert", json!({"fields": ["Email"]}));
            config["journal"] = json!(journal);
            config
        };
        let catalog = contacts(&["Email", "LastName"]);
        kill_after_the_jobs(&world, config(), &catalog, lines(&records), 1).await;
        assert_eq!((world.org.count("Contact"), world.journal().len()), (50, usize::from(journal)));
        let run = world.write(config(), catalog, lines(&records)).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 50, rejected: 0 }]);
        assert_eq!(world.org.count("Contact"), 50);
        let operations: Vec<Operation> = world.org.jobs().iter().map(|job| job.operation).collect();
        assert_eq!(operations, [Operation::Insert, Operation::Update]);
        assert!(world.journal().is_empty());
        assert!(!logs(&run, "WARN", &["may be written twice"]), "{}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_a_killed_attempt_left_running_is_waited_for_before_the_search() {
    let world = World::with(Settings { time_per_batch: Duration::from_secs(2), ..Settings::default() }).await;
    let records: Vec<Value> =
        (0..20).map(|number| json!({"Email": format!("person-{number}@example.com"), "LastName": "Example"})).collect();
    let config = || {
        let mut config = settings("upsert", json!({"fields": ["Email"]}));
        config["journal"] = json!(false);
        config
    };
    let catalog = contacts(&["Email", "LastName"]);
    kill_while_the_job_runs(&world, config(), &catalog, lines(&records)).await;
    assert_eq!(world.org.count("Contact"), 0);
    let run = world.write(config(), catalog, lines(&records)).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 20, "the insert that ran is waited for");
    assert!(logs(&run, "INFO", &["waiting for a job of an earlier sync"]), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_another_user_that_may_not_be_read_does_not_end_the_sync() {
    let world = World::with(Settings { time_per_batch: Duration::from_secs(2), ..Settings::default() }).await;
    contact(&world, &[("LastName", "Example"), ("Email", "person@example.com")]);
    let records = [json!({"Email": "person@example.com", "LastName": "New"})];
    let config = || {
        let mut config = settings("update", json!({"fields": ["Email"]}));
        config["journal"] = json!(false);
        config
    };
    let catalog = contacts(&["Email", "LastName"]);
    kill_while_the_job_runs(&world, config(), &catalog, lines(&records)).await;
    let answer = Answer::error(403, "INSUFFICIENT_ACCESS", "insufficient access rights on this job");
    world.org.inject(RequestFault::new(Endpoint::JobInfo, answer));
    let run = world.write(config(), catalog, lines(&records)).await;
    run.assert_success();
    assert!(logs(&run, "WARN", &["a job of another user cannot be read"]), "{}", run.stdout);
    assert_eq!(values(&world, "Contact", &["LastName"]), [["New"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_journal_a_delete_that_a_killed_attempt_did_counts_as_written() {
    let world = World::new().await;
    for number in 0..5 {
        contact(&world, &[("LastName", "Example"), ("Email", &format!("person-{number}@example.com"))]);
    }
    let records: Vec<Value> = (0..7).map(|number| json!({"Email": format!("person-{number}@example.com")})).collect();
    let config = || settings("delete", json!({"fields": ["Email"]}));
    kill_after_the_jobs(&world, config(), &contacts(&["Email"]), lines(&records), 1).await;
    assert_eq!(world.org.count("Contact"), 0);
    let run = world.write(config(), contacts(&["Email"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 5, rejected: 2 }], "the first attempt kept no rejected record either");
}

#[tokio::test(flavor = "multi_thread")]
async fn states_between_the_records_of_a_batch_count_each_record_once() {
    let world = World::new().await;
    for _ in 0..3 {
        contact(&world, &[("LastName", "same"), ("Email", "same@example.com")]);
    }
    let one = |email: &str| record("a", json!({"Email": email, "LastName": "new"}));
    let lines = vec![
        one("same@example.com"),
        one("new@example.com"),
        state("a", 1),
        one("NEW@example.com"),
        state("a", 2),
        one("same@example.com"),
        one(" "),
        state("a", 3),
        complete("a"),
    ];
    let matching = json!({"fields": ["Email"], "on_several": "update_all"});
    let run = world.write(settings("upsert", matching), contacts(&["Email", "LastName"]), lines).await;
    run.assert_success();
    let expected = [(1, 2, 0), (2, 1, 0), (3, 1, 1)];
    assert_eq!(run.ids_and_counts(), expected.map(|(id, written, rejected)| (id, Counts { written, rejected })));
    assert_eq!(values(&world, "Contact", &["LastName"]), vec![["new"]; 4]);
}
