//! Records that refer by a key to records of the same sync.

use std::time::Duration;

use salesforce_sim::{Effect, Endpoint, Hold, RequestFault, RowFault, Settings, UploadedRow};
use serde_json::{Value, json};

use crate::connector::Run;
use crate::protocol_model::Counts;
use crate::world::{World, blocking, catalog, complete, keyed, record, state, stream, wait_until};

const PARENT: &str = "Parent.External_Id__c";

fn accounts(mode: &str) -> Value {
    let fields = [("External_Id__c", "string"), ("Name", "string"), (PARENT, "string")];
    keyed(stream("a", "Account", &fields), mode, "External_Id__c")
}

fn upserts() -> Value {
    catalog(&[accounts("append_dedup")])
}

/// An account with the key of its parent.
fn account(key: &str, parent: Option<&str>) -> String {
    record("a", json!({"External_Id__c": key, "Name": key, PARENT: parent}))
}

/// A chain of accounts, the deepest first: each is the child of the next.
fn chain(levels: usize) -> Vec<String> {
    let key = |level: usize| format!("K{level}");
    (0..levels).rev().map(|level| account(&key(level), level.checked_sub(1).map(key).as_deref())).collect()
}

fn with_end(mut lines: Vec<String>) -> Vec<String> {
    lines.extend([state("a", lines.len() as u64), complete("a")]);
    lines
}

/// The number of rows of each job of an object, oldest first.
fn rows_of_jobs(world: &World, object: &str) -> Vec<usize> {
    world.org.jobs().iter().filter(|job| job.object == object).map(|job| job.rows).collect()
}

/// The key of each account with the key of its parent, sorted.
fn hierarchy(world: &World) -> Vec<(String, Option<String>)> {
    let records = world.org.records("Account");
    let key_of = |id: &String| {
        let parent = records.iter().find(|record| record["Id"].as_ref() == Some(id)).unwrap();
        parent["External_Id__c"].clone().unwrap()
    };
    let mut pairs: Vec<_> = records
        .iter()
        .map(|record| (record["External_Id__c"].clone().unwrap(), record["ParentId"].as_ref().map(key_of)))
        .collect();
    pairs.sort();
    pairs
}

fn assert_chain(world: &World, run: &Run, levels: usize) {
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: levels as u64, rejected: 0 }]);
    let mut expected: Vec<_> =
        (0..levels).map(|level| (format!("K{level}"), level.checked_sub(1).map(|level| format!("K{level}")))).collect();
    expected.sort();
    assert_eq!(hierarchy(world), expected);
    assert!(world.rejected().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_written_after_its_parent_whatever_their_order() {
    for mode in ["append_dedup", "append"] {
        for is_reversed in [false, true] {
            let world = World::new().await;
            let mut lines = chain(2);
            if is_reversed {
                lines.reverse();
            }
            let run = world.write(json!({}), catalog(&[accounts(mode)]), with_end(lines)).await;
            assert_chain(&world, &run, 2);
            assert_eq!(rows_of_jobs(&world, "Account"), [2, 1], "{mode}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_of_a_hierarchy_is_sent_after_the_one_above_it() {
    let world = World::new().await;
    let run = world.write(json!({}), upserts(), with_end(chain(6))).await;
    assert_chain(&world, &run, 6);
    assert_eq!(rows_of_jobs(&world, "Account"), [6, 5, 4, 3, 2, 1]);
}

/// The rows of a chunk see those of the chunks before.
#[tokio::test(flavor = "multi_thread")]
async fn a_hierarchy_in_the_order_of_its_levels_needs_no_job_for_each_level() {
    let world = World::new().await;
    let parents = (0..200).map(|number| account(&format!("P{number:03}"), None));
    let children = (0..200).map(|number| account(&format!("R{number:03}"), Some(&format!("P{number:03}"))));
    let run = world.write(json!({}), upserts(), with_end(parents.chain(children).collect())).await;
    run.assert_success();
    assert_eq!(rows_of_jobs(&world, "Account"), [400]);
}

/// `Orphan` and its child are sent again once, as the first job writes others.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_without_a_parent_is_rejected_once_nothing_more_is_written() {
    let world = World::new().await;
    let mut lines = chain(2);
    lines.extend([account("Orphan", Some("Nowhere")), account("Below", Some("Orphan"))]);
    let run = world.write(json!({}), upserts(), with_end(lines)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 2 }]);
    assert_eq!(rows_of_jobs(&world, "Account"), [4, 3, 2]);
    let rejected = world.rejected();
    let mut reasons: Vec<_> = rejected
        .iter()
        .map(|row| {
            let data = &row["_airbyte_data"];
            (data["External_Id__c"].as_str().unwrap(), data[PARENT].as_str().unwrap(), &data["rejected_reason"])
        })
        .collect();
    reasons.sort_by_key(|reason| reason.0);
    let reason = json!("INVALID_FIELD");
    assert_eq!(reasons, [("Below", "Orphan", &reason), ("Orphan", "Nowhere", &reason)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn children_of_a_rejected_parent_are_rejected_without_another_job_when_nothing_is_written() {
    let world = World::new().await;
    let is_root = |row: &UploadedRow<'_>| row.get("Name") == Some("K0");
    world.org.inject(RowFault::new("Account", "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:--").when(is_root));
    let run = world.write(json!({}), upserts(), with_end(chain(3))).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 0, rejected: 3 }]);
    assert_eq!(rows_of_jobs(&world, "Account"), [3]);
    assert_eq!(world.rejected().len(), 3, "each is kept once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_children_of_a_locked_parent_wait_for_it() {
    let world = World::new().await;
    let is_root = |row: &UploadedRow<'_>| row.get("Name") == Some("K0");
    let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    world.org.inject(RowFault::new("Account", lock).when(is_root).times(2));
    let run = world.write(json!({}), upserts(), with_end(chain(3))).await;
    assert_chain(&world, &run, 3);
    assert_eq!(rows_of_jobs(&world, "Account"), [3, 3, 3, 2, 1]);
}

/// The first job has the children with their old names, the second the new name of one of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_sent_again_does_not_replace_a_later_record_of_its_key() {
    let world = World::new().await;
    let fields = [("External_Id__c", "string"), ("Name", "string"), (PARENT, "string"), ("Description", "string")];
    let catalog = catalog(&[keyed(stream("a", "Account", &fields), "append_dedup", "External_Id__c")]);
    let row = |key: &str, name: &str, parent: Option<&str>| {
        let filler = "x".repeat(4_000);
        record("a", json!({"External_Id__c": key, "Name": name, PARENT: parent, "Description": filler}))
    };
    let lines = vec![row("C", "old", Some("P")), row("P", "P", None), row("C", "new", None), row("D", "D", None)];
    let run = world.write(json!({"batch_size_mb": 0.01}), catalog, with_end(lines)).await;
    run.assert_success();
    let mut rows = rows_of_jobs(&world, "Account");
    rows.sort_unstable();
    assert_eq!(rows, [1, 2, 2], "the child is sent again");
    assert_eq!(world.values("Account", "Name"), ["D", "P", "new"].map(|name| Some(name.to_owned())));
    assert_eq!(run.counts(), [Counts { written: 4, rejected: 0 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_in_an_earlier_upload_than_its_parent_is_rejected() {
    let world = World::new().await;
    let filler: String = "x".repeat(200);
    let name = |number: usize| format!("{filler}{number}");
    let others =
        (0..60).map(|number| record("a", json!({"External_Id__c": format!("X{number}"), "Name": name(number)})));
    let mut lines = vec![account("C", Some("P"))];
    lines.extend(others);
    lines.push(account("P", None));
    let run = world.write(json!({"batch_size_mb": 0.01}), upserts(), with_end(lines)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 61, rejected: 1 }]);
    assert_eq!(world.rejected()[0]["_airbyte_data"]["External_Id__c"], "C");
}

/// The first job writes the parent. The process is killed before the child is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn no_state_leaves_before_a_child_is_decided() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobCreate, Effect::Held(hold.clone())).starting_at(2));
    let mut connector = world.start_write(json!({}), &upserts());
    let lines = [account("P", None), state("a", 1), account("C", Some("P")), state("a", 2), complete("a")];
    let connector = blocking(move || {
        lines.iter().for_each(|line| connector.send(line));
        connector.close_stdin();
        connector
    });
    let connector = connector.await;
    tokio::time::timeout(Duration::from_secs(60), hold.reached()).await.expect("the child is sent again");
    let run = blocking(move || connector.kill()).await;
    hold.release();
    assert_eq!(run.ids_and_counts(), [(1, Counts { written: 1, rejected: 0 })]);
}

fn accounts_and_contacts() -> Value {
    let contact = stream("c", "Contact", &[("LastName", "string"), ("Account.External_Id__c", "string")]);
    catalog(&[contact, accounts("append_dedup")])
}

fn contact(account: &str) -> String {
    record("c", json!({"LastName": "Doe", "Account.External_Id__c": account}))
}

/// The job of the accounts takes longer than that of the contact.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_waits_for_its_parent_in_a_job_of_another_stream() {
    let time_per_chunk = Duration::from_millis(60);
    let world = World::with(Settings { time_per_chunk, ..Settings::default() }).await;
    let mut lines = vec![contact("A899"), state("c", 1), complete("c")];
    lines.extend(with_end((0..900).map(|number| account(&format!("A{number}"), None)).collect()));
    let run = world.write(json!({}), accounts_and_contacts(), lines).await;
    run.assert_success();
    assert_eq!(world.org.records("Contact").len(), 1, "{:?}", world.rejected());
    assert!(world.org.records("Contact")[0]["AccountId"].is_some());
}

/// For the connector, the first job of accounts runs. The contact waits for it three times, and then it is locked.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_waited_for_its_parent_is_still_sent_again_when_it_is_locked() {
    let world = World::new().await;
    let missing = "INVALID_FIELD:Foreign key external ID: a not found for field External_Id__c in entity Account:--";
    let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    for (error, times) in [(missing, 3), (lock, 3)] {
        world.org.inject(RowFault::new("Contact", error).times(times));
    }
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(hold.clone())));
    let mut connector = world.start_write(json!({"batch_size_mb": 0.01}), &accounts_and_contacts());
    let row = |number| record("a", json!({"External_Id__c": format!("A{number}"), "Name": "x".repeat(200)}));
    let accounts: Vec<_> = (0..60).map(row).collect();
    let connector = blocking(move || {
        with_end(accounts).iter().for_each(|line| connector.send(line));
        connector
    });
    let mut connector = connector.await;
    tokio::time::timeout(Duration::from_secs(60), hold.reached()).await.expect("the accounts have a job");
    let run = tokio::spawn(blocking(move || {
        [contact("A0"), state("c", 1), complete("c")].iter().for_each(|line| connector.send(line));
        connector.close_stdin();
        connector.wait()
    }));
    wait_until(|| rows_of_jobs(&world, "Contact").len() == 4).await;
    hold.release();
    let run = run.await.unwrap();
    run.assert_success();
    assert_eq!(rows_of_jobs(&world, "Contact"), [1; 7]);
    assert_eq!(world.org.records("Contact").len(), 1, "{:?}", world.rejected());
}

/// For the connector, the first job of the other stream runs. Salesforce does not find the parent at first.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_waits_for_its_parent_in_another_stream_of_the_same_object() {
    for mode in ["append", "append_dedup"] {
        let world = World::new().await;
        let missing =
            "INVALID_FIELD:Foreign key external ID: a0 not found for field External_Id__c in entity Account:--";
        let is_child = |row: &UploadedRow<'_>| row.get("Name") == Some("child");
        world.org.inject(RowFault::new("Account", missing).when(is_child).times(1));
        let hold = Hold::default();
        world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(hold.clone())));
        let children = stream("b", "Account", &[("Name", "string"), (PARENT, "string")]);
        let catalog = catalog(&[children, accounts(mode)]);
        let mut connector = world.start_write(json!({"batch_size_mb": 0.01}), &catalog);
        let row = |number| record("a", json!({"External_Id__c": format!("A{number}"), "Name": "x".repeat(200)}));
        let parents: Vec<_> = (0..60).map(row).collect();
        let connector = blocking(move || {
            with_end(parents).iter().for_each(|line| connector.send(line));
            connector
        });
        let mut connector = connector.await;
        tokio::time::timeout(Duration::from_secs(60), hold.reached()).await.expect("the parents have a job");
        let run = tokio::spawn(blocking(move || {
            let child = record("b", json!({"Name": "child", PARENT: "A0"}));
            [child, state("b", 1), complete("b")].iter().for_each(|line| connector.send(line));
            connector.close_stdin();
            connector.wait()
        }));
        wait_until(|| rows_of_jobs(&world, "Account").contains(&1)).await;
        wait_until(|| world.org.jobs().iter().any(|job| job.rows == 1 && job.state.is_final())).await;
        hold.release();
        run.await.unwrap().assert_success();
        assert_eq!(world.org.records("Account").len(), 61, "{mode}: {:?}", world.rejected());
    }
}

/// No job of accounts is on its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_parent_no_job_of_another_stream_can_bring_is_rejected_at_once() {
    let world = World::new().await;
    let lines = vec![contact("Nowhere"), state("c", 1), complete("c"), complete("a")];
    let run = world.write(json!({}), accounts_and_contacts(), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 0, rejected: 1 }]);
    assert_eq!(rows_of_jobs(&world, "Contact"), [1]);
}
