//! Rows in the results of a job that differ from the rows that were sent, or equal several of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use salesforce_sim::{Answer, Effect, Endpoint, Hold, JobFault, RequestFault, RowFault, Settings};
use serde_json::{Value, json};

use super::keys_in_org;
use crate::connector::Run;
use crate::protocol_model::Counts;
use crate::world::{World, blocking, catalog, complete, record, state, stream};

const LOCK: &str = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
const INVALID: &str = "FIELD_CUSTOM_VALIDATION_EXCEPTION:not this one:LastName --";

/// An org with the account `A-1` and the contact `asked@example.com`.
async fn world() -> World {
    with_related_records(World::new().await)
}

/// Related objects of a stream without a schema cannot be described.
fn with_related_records(world: World) -> World {
    let refusal = Answer::error(403, "INSUFFICIENT_ACCESS", "The user may not describe objects.");
    world.org.inject(RequestFault::new(Endpoint::Composite, refusal).always());
    world.org.insert("Account", &[("Name", "Example"), ("External_Id__c", "A-1")]).unwrap();
    world.org.insert("Contact", &[("LastName", "Asked"), ("Email", "asked@example.com")]).unwrap();
    world
}

/// A contact whose account is named in the column `Account.external_id__c`. If only the records show it, and accounts
/// cannot be described, the connector cannot know how the org spells it, and the org returns empty cells.
fn contact(name: &str) -> String {
    record("s", json!({"LastName": name, "Account.external_id__c": "A-1"}))
}

fn contacts_without_schema() -> Value {
    catalog(&[stream("s", "Contact", &[])])
}

/// Starts a sync whose retry is held before its job is created, kills it there, and returns what it acknowledged.
async fn kill_before_the_retry(world: &World, catalog: &Value, lines: Vec<String>) -> Run {
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobCreate, Effect::Held(hold.clone())).starting_at(2));
    let mut connector = world.start_write(json!({}), catalog);
    let connector = blocking(move || {
        lines.iter().for_each(|line| connector.send(line));
        connector.close_stdin();
        connector
    });
    let connector = connector.await;
    hold.reached().await;
    let run = blocking(move || connector.kill()).await;
    hold.release();
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_keeps_its_related_record_however_its_column_is_spelt() {
    for (object, column, value) in [
        ("Contact", "Account.external_id__c", json!("A-1")),
        ("Contact", "account.EXTERNAL_ID__C", json!("A-1")),
        ("Contact", "account", json!({"external_id__c": "A-1"})),
        ("Task", "contact:who.email", json!("asked@example.com")),
    ] {
        let world = world().await;
        let (text, reference) = if object == "Task" { ("subject", "WhoId") } else { ("lastname", "AccountId") };
        let condition = move |row: &salesforce_sim::UploadedRow<'_>| row.get(text) == Some("Locked");
        world.org.inject(RowFault::new(object, LOCK).when(condition).times(1));
        let kind = if value.is_object() { "object" } else { "string" };
        let catalog = catalog(&[stream("s", object, &[(text, "string"), (column, kind)])]);
        let row = |name: &str| record("s", json!({text: name, column: value}));
        let run = world.write(json!({}), catalog, vec![row("Locked"), row("Free"), state("s", 2), complete("s")]).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }], "{column}");
        let references: Vec<_> =
            world.org.records(object).iter().filter_map(|record| record[reference].clone()).collect();
        assert_eq!(references.len(), 2, "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_of_a_stream_without_a_schema_keeps_its_related_record() {
    let world = world().await;
    world.org.clear_faults();
    world.org.inject(RowFault::new("Contact", LOCK).when(|row| row.get("LastName") == Some("Locked")).times(1));
    let lines = vec![contact("Locked"), contact("Free"), state("s", 2), complete("s")];
    let run = world.write(json!({}), contacts_without_schema(), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }]);
    let accounts = world.org.records("Contact").iter().filter(|record| record["AccountId"].is_some()).count();
    assert_eq!(accounts, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_came_back_in_another_form_is_rejected_and_not_sent_again() {
    let world = world().await;
    world.org.inject(RowFault::new("Contact", LOCK).when(|row| row.get("LastName") == Some("Locked")).times(1));
    let lines = vec![contact("Locked"), contact("Free"), state("s", 2), complete("s")];
    let run = world.write(json!({}), contacts_without_schema(), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 1 }]);
    assert_eq!(keys_in_org(&world), ["Asked", "Free"]);
    let rejected = world.rejected();
    let data = &rejected[0]["_airbyte_data"];
    assert_eq!((&data["LastName"], &data["sf__Error"]), (&json!("Locked"), &json!(LOCK)));
    let warnings = run.warnings();
    assert!(warnings.iter().any(|line| line.contains("in another form")), "{warnings:?}");
}

/// Two rows that differ in their accounts only come back without them. One is invalid for good, and one is locked.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_came_back_in_one_other_form_are_each_kept_with_their_own_reason() {
    for seed in 0..4 {
        let settings = Settings { seed, ..Settings::default() };
        let world = with_related_records(World::with(settings).await);
        world.org.insert("Account", &[("Name", "Example"), ("External_Id__c", "A-2")]).unwrap();
        let of_account =
            |account| move |row: &salesforce_sim::UploadedRow<'_>| row.get("Account.External_Id__c") == Some(account);
        world.org.inject(RowFault::new("Contact", INVALID).when(of_account("A-1")));
        world.org.inject(RowFault::new("Contact", LOCK).when(of_account("A-2")).times(1));
        let row = |account: &str| record("s", json!({"LastName": "Same", "Account.external_id__c": account}));
        let lines = vec![row("A-1"), state("s", 1), row("A-2"), state("s", 2), complete("s")];
        let run = world.write(json!({}), contacts_without_schema(), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 0, rejected: 1 }, Counts { written: 0, rejected: 1 }]);
        assert_eq!(world.org.jobs().len(), 1, "nothing is sent again in another form");
        let rejected = world.rejected();
        let mut reasons: Vec<_> =
            rejected.iter().map(|row| row["_airbyte_data"]["rejected_reason"].as_str().unwrap()).collect();
        reasons.sort_unstable();
        assert_eq!(reasons, ["FIELD_CUSTOM_VALIDATION_EXCEPTION", "UNABLE_TO_LOCK_ROW"], "seed {seed}");
    }
}

/// Nobody knows which of the three first records was rejected. The last one is certain, and waits for its retry.
#[tokio::test(flavor = "multi_thread")]
async fn no_state_leaves_while_a_rejected_row_cannot_be_found_and_another_row_waits_for_its_retry() {
    let lines = || {
        vec![
            contact("Good"),
            state("s", 1),
            contact("Invalid"),
            state("s", 2),
            record("s", json!({"LastName": "Locked"})),
            state("s", 3),
            complete("s"),
        ]
    };
    let faults = |world: &World| {
        let named = |name| move |row: &salesforce_sim::UploadedRow<'_>| row.get("LastName") == Some(name);
        world.org.inject(RowFault::new("Contact", INVALID).when(named("Invalid")));
        world.org.inject(RowFault::new("Contact", LOCK).when(named("Locked")).times(1));
    };
    let killed = world().await;
    faults(&killed);
    let run = kill_before_the_retry(&killed, &contacts_without_schema(), lines()).await;
    assert_eq!(run.ids_and_counts(), []);

    let world = world().await;
    faults(&world);
    let run = world.write(json!({}), contacts_without_schema(), lines()).await;
    run.assert_success();
    assert_eq!(keys_in_org(&world), ["Asked", "Good", "Locked"]);
    assert_eq!(world.rejected().len(), 1);
    let counts = run.counts();
    assert_eq!(counts.iter().map(|it| it.written).sum::<u64>(), 2, "{counts:?}");
    assert_eq!(counts.iter().map(|it| it.rejected).sum::<u64>(), 1, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unprocessed_row_that_came_back_in_another_form_is_neither_sent_again_nor_acknowledged() {
    let world = with_related_records(World::saving_nothing_late().await);
    world.org.inject(JobFault::failed("Contact", 0, "Timeout : took too long"));
    let lines = vec![contact("One"), contact("Two"), state("s", 2), complete("s")];
    let run = world.write(json!({}), contacts_without_schema(), lines).await;
    super::assert_nothing_acknowledged(&run, "in another form");
    assert_eq!(world.org.jobs().len(), 1);
    assert_eq!(keys_in_org(&world), ["Asked"]);
}

/// One of two equal rows is rejected, and the other one waits for its retry.
#[tokio::test(flavor = "multi_thread")]
async fn no_state_leaves_while_one_of_two_equal_rows_waits_for_its_retry() {
    for seed in 0..4 {
        let world = World::with(Settings { seed, ..Settings::default() }).await;
        world.org.inject(RowFault::new("Contact", INVALID).times(1));
        world.org.inject(RowFault::new("Contact", LOCK).times(1));
        let same = || record("s", json!({"LastName": "Same"}));
        let lines = vec![same(), state("s", 1), same(), state("s", 2), complete("s")];
        let catalog = catalog(&[stream("s", "Contact", &[("LastName", "string")])]);
        let run = kill_before_the_retry(&world, &catalog, lines).await;
        assert_eq!(run.ids_and_counts(), [], "seed {seed}");
    }
}

/// Two names whose rows have the same low half of their hashes.
fn names_with_half_a_hash_in_common() -> (String, String) {
    let mut seen = HashMap::new();
    for number in 0_u64.. {
        let name = format!("{number:07}");
        let mut hasher = foldhash::quality::FixedState::default().build_hasher();
        hasher.write(format!("{name}\n").as_bytes());
        if let Some(other) = seen.insert(hasher.finish() as u32, name.clone()) {
            return (other, name);
        }
    }
    unreachable!()
}

/// The first record waits for its retry, and the second one is rejected.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_distinguished_by_their_whole_hashes() {
    let (locked, rejected) = names_with_half_a_hash_in_common();
    for seed in 0..4 {
        let world = World::with(Settings { seed, ..Settings::default() }).await;
        let named = |name: &str| {
            let name = name.to_owned();
            move |row: &salesforce_sim::UploadedRow<'_>| row.get("LastName") == Some(&*name)
        };
        world.org.inject(RowFault::new("Contact", LOCK).when(named(&locked)).times(1));
        world.org.inject(RowFault::new("Contact", INVALID).when(named(&rejected)));
        let row = |name: &str| record("s", json!({"LastName": name}));
        let lines = vec![row(&locked), state("s", 1), row(&rejected), state("s", 2), complete("s")];
        let catalog = catalog(&[stream("s", "Contact", &[("LastName", "string")])]);
        let run = kill_before_the_retry(&world, &catalog, lines).await;
        assert_eq!(run.ids_and_counts(), [], "seed {seed}");
    }
}
