//! The next sync sends records again that the first one wrote and could not acknowledge.

use std::ops::RangeInclusive;

use salesforce_sim::{Answer, Endpoint, JobFault, RequestFault};
use serde_json::json;

use super::{
    assert_all_in_org, assert_nothing_acknowledged, input_lines, input_range, insert_catalog, insert_contacts,
    insert_record, is_rejected, key, keys, keys_in_bucket, keys_in_org, reject_some_rows, upsert_catalog,
    upsert_contacts, upsert_record,
};
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, record, state, stream};

/// Lets the org run every job, and the connector never learn the outcome.
fn lose_the_outcome(world: &World) {
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Answer::status(404)).always());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_upsert_changes_nothing() {
    let world = World::new().await;
    lose_the_outcome(&world);
    assert_nothing_acknowledged(&upsert_contacts(&world, 20).await, "is gone");
    assert_eq!(keys_in_org(&world), keys(1..=20));
    world.org.clear_faults();
    let run = upsert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_with_a_lost_outcome_is_not_repeated_by_the_next_attempt() {
    let world = World::new().await;
    lose_the_outcome(&world);
    assert_nothing_acknowledged(&insert_contacts(&world, 20).await, "with the operation insert");
    world.org.clear_faults();
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_an_insert_with_a_lost_outcome_is_doubled_by_the_next_sync() {
    let world = World::new().await;
    let insert = || world.write(json!({"journal": false}), insert_catalog(), input_lines(20, insert_record));
    lose_the_outcome(&world);
    assert_nothing_acknowledged(&insert().await, "with the operation insert");
    world.org.clear_faults();
    let run = insert().await;
    run.assert_success();
    let twice: Vec<String> = (1..=20).flat_map(|number| [key(number), key(number)]).collect();
    assert_eq!(keys_in_org(&world), twice);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_repeated_deletes_are_rejected_because_the_records_are_gone() {
    let world = World::new().await;
    let ids: Vec<String> =
        (1..=3).map(|number| world.org.insert("Contact", &[("LastName", &key(number))]).unwrap()).collect();
    let mut deletes = stream("s", "Contact", &[("Id", "string")]);
    deletes["destination_sync_mode"] = json!("soft_delete");
    let deletes = catalog(&[deletes]);
    let lines: Vec<String> =
        ids.iter().map(|id| record("s", json!({"Id": id}))).chain([state("s", 3), complete("s")]).collect();
    lose_the_outcome(&world);
    let journal_off = json!({"journal": false});
    assert_nothing_acknowledged(&world.write(journal_off.clone(), deletes.clone(), lines.clone()).await, "is gone");
    assert_eq!(keys_in_org(&world), Vec::<String>::new());
    world.org.clear_faults();
    let run = world.write(journal_off, deletes, lines).await;
    run.assert_success();
    assert_eq!(run.ids_and_counts(), [(3, Counts { written: 0, rejected: 3 })]);
    let rejected = world.rejected();
    assert_eq!(rejected.len(), 3);
    assert!(rejected.iter().all(|row| row["_airbyte_data"]["rejected_reason"] == "ENTITY_IS_DELETED"), "{rejected:?}");
}

/// The first 200 of 300 rows are processed. The next sync starts after the state at 150, so it rejects the records 151
/// to 200 a second time.
#[tokio::test(flavor = "multi_thread")]
async fn the_proven_part_of_a_failed_job_is_acknowledged_and_the_next_sync_sends_the_rest() {
    let world = World::saving_nothing_late().await;
    reject_some_rows(&world);
    world.org.inject(JobFault::failed("Contact", 1, "Timeout : took too long"));
    world.org.inject(RequestFault::new(Endpoint::JobCreate, Answer::status(403)).starting_at(2));
    let run = upsert_contacts(&world, 300).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("the API requests that the org may make in 24 hours are used up"), "{message}");
    assert_eq!(
        run.ids_and_counts(),
        [(150, Counts { written: 135, rejected: 15 })],
        "200 records were processed, and the last state before them is at 150"
    );
    let rejected_keys =
        |numbers: RangeInclusive<u64>| numbers.filter(|number| is_rejected(*number)).map(key).collect::<Vec<_>>();
    assert_eq!(keys_in_bucket(&world), rejected_keys(1..=200));

    world.org.clear_faults();
    reject_some_rows(&world);
    let rest = input_range(151..=300, upsert_record);
    let run = world.write(json!({}), upsert_catalog(), rest).await;
    run.assert_success();
    let mut both = [rejected_keys(1..=200), rejected_keys(151..=300)].concat();
    both.sort();
    assert_eq!(keys_in_bucket(&world), both);
    assert_eq!(keys_in_org(&world).len(), 270);
}
