//! The journal keeps an insert from being repeated by the next attempt of a sync.

use std::ops::RangeInclusive;
use std::thread::JoinHandle;
use std::time::Duration;

use salesforce_sim::{Answer, Effect, Endpoint, Hold, JobFault, JobState, RequestFault, RowFault, Settings};
use serde_json::{Value, json};

use super::{
    assert_all_in_org, input_lines, input_range, insert_catalog, insert_contacts, insert_record, job_states, key, keys,
    keys_in_org, request_count,
};
use crate::connector::{Run, RunningConnector};
use crate::protocol_model::Counts;
use crate::world::{World, blocking, catalog, complete, keyed, kill, record, state, stream, wait_until};

/// Starts a sync that inserts the records 1 to `count`, and a thread that sends them.
fn start_insert(world: &World, count: u64) -> (RunningConnector, JoinHandle<()>) {
    let mut connector = world.start_write(json!({}), &insert_catalog());
    let writer = connector.send_in_background(input_lines(count, insert_record));
    (connector, writer)
}

fn take_bucket_away(world: &World) {
    world.store.set_away(true);
    world.store.hang_up();
}

/// Kills a sync that inserts the records 1 to `count`, at the moment when `is_due`.
async fn kill_insert(world: &World, count: u64, is_due: impl Fn(&World) -> bool) -> Run {
    let (connector, writer) = start_insert(world, count);
    wait_until(|| is_due(world)).await;
    kill(connector, writer).await
}

/// Kills a sync of these lines when its jobs have ended.
async fn kill_after_the_jobs(world: &World, settings: Value, catalog: &Value, lines: Vec<String>) {
    let mut connector = world.start_write(settings, catalog);
    let writer = connector.send_in_background(lines);
    wait_until(|| has_ended(world)).await;
    kill(connector, writer).await;
}

fn has_ended(world: &World) -> bool {
    !job_states(world).is_empty() && job_states(world).iter().all(|state| state.is_final())
}

/// Keeps the connector from learning that a job has ended.
fn hold_the_status(world: &World) -> Hold {
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(hold.clone())));
    hold
}

fn logs(run: &Run, level: &str, text: &str) -> bool {
    run.log(level).iter().any(|line| line.contains(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_that_a_killed_attempt_wrote_is_not_sent_again() {
    repeat_a_killed_insert(&World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_that_a_killed_attempt_wrote_is_not_sent_again_with_a_journal_in_a_folder() {
    repeat_a_killed_insert(&World::new().await.in_a_folder()).await;
}

/// Kills a sync when its job has ended, and checks that the next attempt sends nothing.
async fn repeat_a_killed_insert(world: &World) {
    let hold = hold_the_status(world);
    let killed = kill_insert(world, 400, has_ended).await;
    hold.release();
    assert_eq!((killed.ids_and_counts(), keys_in_org(world)), (vec![], keys(1..=400)));
    let run = insert_contacts(world, 400).await;
    assert_all_in_org(world, &run, 400);
    assert_eq!(job_states(world).len(), 1, "nothing is sent");
    assert!(logs(&run, "INFO", "a job of an earlier attempt has written were not sent again"), "{}", run.stdout);
    assert!(world.journal().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_still_runs_is_waited_for() {
    let world = World::with(Settings { time_per_chunk: Duration::from_millis(500), ..Settings::default() }).await;
    kill_insert(&world, 400, |world| world.org.jobs().iter().any(|job| job.processed == 200)).await;
    let run = insert_contacts(&world, 400).await;
    assert_all_in_org(&world, &run, 400);
    assert!(logs(&run, "INFO", "waiting for a running job of an earlier attempt"), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_not_closed_is_aborted_and_its_records_are_sent() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobPatch, Effect::Cut).times(1));
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(hold.clone())));
    kill_insert(&world, 20, |world| request_count(world, Endpoint::JobPatch) == 1).await;
    hold.release();
    assert_eq!((job_states(&world), world.journal().len()), (vec![JobState::Open], 1));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world), [JobState::Aborted, JobState::JobComplete]);
    assert!(world.journal().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_failed_or_were_left_unprocessed_are_sent_again() {
    let world = World::saving_nothing_late().await;
    world.org.inject(
        RowFault::new("Contact", "UNABLE_TO_LOCK_ROW:locked:--")
            .times(1)
            .when(|row| row.get("LastName").is_some_and(|name| name.ends_with('3'))),
    );
    world.org.inject(JobFault::failed("Contact", 1, "Timeout : took too long"));
    let hold = hold_the_status(&world);
    kill_insert(&world, 300, has_ended).await;
    hold.release();
    assert_eq!(keys_in_org(&world).len(), 180);
    let run = insert_contacts(&world, 300).await;
    assert_all_in_org(&world, &run, 300);
    assert_eq!(world.org.jobs()[1].rows, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_records_are_taken_as_often_as_they_were_written() {
    let world = World::new().await;
    let equal = |count: u64| -> Vec<String> {
        let records = (0..count).map(|_| record("s", json!({"LastName": "equal"})));
        records.chain([state("s", count), complete("s")]).collect()
    };
    let hold = hold_the_status(&world);
    kill_after_the_jobs(&world, json!({}), &insert_catalog(), equal(5)).await;
    hold.release();
    let run = world.write(json!({}), insert_catalog(), equal(8)).await;
    run.assert_success();
    assert_eq!(run.ids_and_counts(), [(8, Counts { written: 8, rejected: 0 })]);
    assert_eq!(world.org.count("Contact"), 8);
}

/// A stream of contacts with `changes` in the catalog.
fn changed_catalog(changes: &[(&str, Value)]) -> Value {
    let mut catalog = insert_catalog();
    for (key, value) in changes {
        catalog["streams"][0][*key] = value.clone();
    }
    catalog
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_another_record_is_sent() {
    for changes in [
        vec![("sync_id", json!(43))],
        vec![("generation_id", json!(2))],
        vec![("destination_object_name", json!("Lead"))],
    ] {
        let world = World::new().await;
        let hold = hold_the_status(&world);
        kill_insert(&world, 20, has_ended).await;
        hold.release();
        let is_lead = changes[0].1 == "Lead";
        let mut catalog = changed_catalog(&changes);
        if is_lead {
            catalog["streams"][0]["stream"]["json_schema"]["properties"]["Company"] = json!({"type": "string"});
        }
        let lines = input_range(1..=20, if is_lead { lead_record } else { insert_record });
        let run = world.write(json!({}), catalog, lines).await;
        run.assert_success();
        let sent = world.org.count("Contact") + world.org.count("Lead");
        assert_eq!(sent, 40, "{changes:?}");
        let is_reported = logs(&run, "WARN", "may be written twice");
        assert_eq!(is_reported, changes[0].0 != "sync_id", "{changes:?}: {}", run.stdout);
    }
}

fn lead_record(number: u64) -> String {
    record("s", json!({"LastName": key(number), "Company": "Example Ltd"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_mapping_takes_only_what_has_the_same_values() {
    // From which record on they come again, and how many rows do not.
    for (first, missing) in [(1, "rows=10"), (11, "rows=20")] {
        let world = World::new().await;
        let hold = hold_the_status(&world);
        kill_insert(&world, 20, has_ended).await;
        hold.release();
        let two = catalog(&[stream("s", "Contact", &[("FirstName", "string"), ("LastName", "string")])]);
        let row = |number: u64| match number {
            1..=10 => record("s", json!({"LastName": key(number), "FirstName": null})),
            _ => record("s", json!({"LastName": key(number), "FirstName": "Ada"})),
        };
        let lines = (first..=20).map(row).chain([state("s", 20), complete("s")]).collect();
        let run = world.write(json!({}), two, lines).await;
        run.assert_success();
        assert_eq!(world.org.count("Contact"), 30);
        let warnings = run.log("WARN");
        let warning = warnings.iter().find(|line| line.contains("did not come again unchanged"));
        assert!(warning.is_some_and(|line| line.contains(missing)), "{missing} {warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_or_the_number_of_the_sync_nothing_is_entered() {
    for (setting, catalog) in
        [(json!({"journal": false}), insert_catalog()), (json!({}), changed_catalog(&[("sync_id", Value::Null)]))]
    {
        let world = World::new().await;
        let hold = hold_the_status(&world);
        let mut connector = world.start_write(setting.clone(), &catalog);
        let writer = connector.send_in_background(input_lines(20, insert_record));
        wait_until(|| has_ended(&world)).await;
        assert!(world.journal().is_empty());
        kill(connector, writer).await;
        hold.release();
        world.write(setting, catalog, input_lines(20, insert_record)).await.assert_success();
        assert_eq!(world.org.count("Contact"), 40);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_cannot_be_read_or_whose_job_is_gone_is_reported() {
    for is_gone in [true, false] {
        let world = World::new().await;
        let hold = hold_the_status(&world);
        kill_insert(&world, 20, has_ended).await;
        hold.release();
        let (entry, _) = world.journal().remove(0);
        world.org.clear_faults();
        if is_gone {
            world.org.inject(RequestFault::new(Endpoint::JobInfo, Answer::status(404)));
        } else {
            world.store.put(crate::world::BUCKET, &entry, b"not an entry").unwrap();
        }
        let folder = entry.rsplit_once('/').unwrap().0.to_owned();
        world.store.put(crate::world::BUCKET, &format!("{folder}/notes.txt"), b"of someone else").unwrap();
        let run = insert_contacts(&world, 20).await;
        run.assert_success();
        assert_eq!(world.org.count("Contact"), 40, "{is_gone} {}", run.stdout);
        assert!(logs(&run, "WARN", "may be written twice"), "{}", run.stdout);
        let left: Vec<String> = world.journal().into_iter().map(|(key, _)| key).collect();
        assert_eq!(left, [format!("{folder}/notes.txt")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_between_the_rows_of_a_job_is_not_forgotten() {
    let world = World::new().await;
    // The second job is never seen to end, so the rows of the first job after the state 150 are not acknowledged.
    let config = json!({"batch_size_mb": 0.01, "max_parallel_jobs": 1});
    let row = |number: u64| record("s", json!({"LastName": key(number), "Description": "x".repeat(50)}));
    let lines = |first: u64| -> Vec<String> {
        let first_half = (first..=100).map(row).chain((first <= 100).then(|| state("s", 100)));
        first_half.chain((first.max(101)..=300).map(row)).chain([state("s", 300), complete("s")]).collect()
    };
    let descriptions = catalog(&[stream("s", "Contact", &[("LastName", "string"), ("Description", "string")])]);
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(hold.clone())).starting_at(2));
    let mut connector = world.start_write(config.clone(), &descriptions);
    let writer = connector.send_in_background(lines(1));
    let killed = blocking(move || {
        let state = connector.next_state();
        assert_eq!(state.id(), 100);
        let run = connector.kill();
        writer.join().unwrap();
        run
    })
    .await;
    hold.release();
    assert_eq!(killed.ids_and_counts().len(), 1);
    let written = keys_in_org(&world).len();
    assert!((101..300).contains(&written), "{written}");
    let run = world.write(config, descriptions, lines(101)).await;
    run.assert_success();
    assert_eq!(keys_in_org(&world), keys(1..=300));
    assert_eq!(run.ids_and_counts(), [(300, Counts { written: 200, rejected: 0 })]);
    assert!(world.journal().is_empty());
}

fn deletes(ids: &[String]) -> Vec<String> {
    ids.iter().map(|id| record("s", json!({"Id": id}))).chain([state("s", 3), complete("s")]).collect()
}

fn delete_catalog() -> Value {
    let mut deletes = stream("s", "Contact", &[("Id", "string")]);
    deletes["destination_sync_mode"] = json!("soft_delete");
    catalog(&[deletes])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_an_earlier_attempt_did_counts_as_written() {
    for (settings, counts) in [
        (json!({}), Counts { written: 3, rejected: 1 }),
        (json!({"journal": false}), Counts { written: 0, rejected: 4 }),
    ] {
        let world = World::new().await;
        let insert = |number| world.org.insert("Contact", &[("LastName", &key(number))]).unwrap();
        let mut ids: Vec<String> = (1..=3).map(insert).collect();
        let hold = hold_the_status(&world);
        kill_after_the_jobs(&world, settings.clone(), &delete_catalog(), deletes(&ids)).await;
        hold.release();
        // Another delete is refused because someone else has deleted the record.
        let other = insert(4);
        world.org.inject(RowFault::new("Contact", "ENTITY_IS_DELETED:entity is deleted:--").when({
            let other = other.clone();
            move |row| row.get("Id") == Some(other.as_str())
        }));
        ids.push(other);
        let run = world.write(settings, delete_catalog(), deletes(&ids)).await;
        run.assert_success();
        assert_eq!(run.ids_and_counts(), [(3, counts)]);
        assert_eq!(world.rejected().len() as u64, counts.rejected);
    }
}

/// The second attempt finds no record.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_record_that_a_killed_attempt_deleted_counts_as_written() {
    // By its id it is deleted again, and only the journal knows who deleted it first.
    for (name, mode, journal, skipped) in [
        ("Id", "update", true, 0),
        ("Id", "update", false, 2),
        ("External_Id__c", "append_dedup", true, 2),
        ("External_Id__c", "append_dedup", false, 2),
    ] {
        let world = World::new().await;
        let insert = |number| {
            let external_id = key(number);
            let values = [("LastName", &*external_id), ("External_Id__c", &*external_id)];
            let id = world.org.insert("Contact", &values).unwrap();
            if name == "Id" { id } else { external_id }
        };
        let (deleted, kept) = ([insert(1), insert(2)], insert(3));
        let deletes = deleted.iter().map(|value| record("s", json!({name: value, "_ab_cdc_deleted_at": "2026-01-01"})));
        let write = record("s", json!({name: kept, "LastName": "new"}));
        let lines: Vec<String> = deletes.chain([write, state("s", 3), complete("s")]).collect();
        let fields = [(name, "string"), ("LastName", "string"), ("_ab_cdc_deleted_at", "string")];
        let catalog = catalog(&[keyed(stream("s", "Contact", &fields), mode, name)]);
        let settings = json!({"journal": journal});
        let hold = hold_the_status(&world);
        let mut connector = world.start_write(settings.clone(), &catalog);
        let writer = connector.send_in_background(lines.clone());
        wait_until(|| world.org.count("Contact") == 1).await;
        kill(connector, writer).await;
        hold.release();
        assert_eq!(world.values("Contact", "LastName"), [Some(key(3))], "what is written waits for the delete");
        let run = world.write(settings, catalog, lines).await;
        run.assert_success();
        assert_eq!(run.ids_and_counts(), [(3, Counts { written: 3, rejected: 0 })], "{name}");
        assert_eq!(world.values("Contact", "LastName"), [Some("new".to_owned())], "{name}");
        assert!(logs(&run, "INFO", &format!("skipped={skipped}")), "{name} {}", run.stdout);
        assert!(world.journal().is_empty() && world.rejected().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_is_closed_while_the_bucket_is_out_of_reach() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(hold.clone())));
    let (mut connector, writer) = start_insert(&world, 20);
    hold.reached().await;
    take_bucket_away(&world);
    hold.release();
    let connector = blocking(move || {
        connector.wait_for_log("the bucket for rejected records cannot be reached");
        connector
    })
    .await;
    assert_eq!(job_states(&world), [JobState::Open]);
    world.store.set_away(false);
    let run = blocking(move || {
        writer.join().unwrap();
        connector.wait()
    })
    .await;
    assert_all_in_org(&world, &run, 20);
    assert!(world.journal().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_state_leaves_before_the_entries_that_it_covers_are_gone() {
    let world = World::new().await;
    let hold = hold_the_status(&world);
    let (mut connector, writer) = start_insert(&world, 20);
    hold.reached().await;
    take_bucket_away(&world);
    hold.release();
    let killed = blocking(move || {
        connector.wait_for_log("the bucket for rejected records cannot be reached");
        let run = connector.kill();
        writer.join().unwrap();
        run
    })
    .await;
    world.store.set_away(false);
    assert_eq!((killed.ids_and_counts(), keys_in_org(&world), world.journal().len()), (vec![], keys(1..=20), 1));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world).len(), 1, "nothing is sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_sync_leaves_no_entry() {
    let world = World::new().await;
    let config = json!({"batch_size_mb": 0.01});
    // The last records have no state.
    let no_state = (1..=2_000).map(insert_record).chain([complete("s")]).collect();
    world.write(config.clone(), insert_catalog(), no_state).await.assert_success();
    assert!(job_states(&world).len() > 1);
    assert!(world.journal().is_empty());
    let run = world.write(config, insert_catalog(), input_lines(2_000, insert_record)).await;
    run.assert_success();
    assert_eq!((world.org.count("Contact"), world.journal().len()), (4_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_has_no_value_of_a_record() {
    let world = World::new().await;
    let hold = hold_the_status(&world);
    kill_insert(&world, 20, has_ended).await;
    hold.release();
    let entries = world.journal();
    let [(entry, bytes)] = &*entries else { panic!("{} entries", entries.len()) };
    assert!(entry.starts_with("rejected_records/_salesforce_journal/42/750"), "{entry}");
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains("LastName") && !text.contains("L0001"), "{text}");
    let numbers: RangeInclusive<u64> = 1..=20;
    assert!(numbers.into_iter().all(|number| !text.contains(&key(number))));
}
