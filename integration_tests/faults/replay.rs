//! What a second sync does with records that the first one wrote and could not acknowledge.

use std::ops::RangeInclusive;

use salesforce_sim::{Answer, Endpoint, JobFault, RequestFault};
use serde_json::json;

use super::{
    assert_nothing_acknowledged, in_bucket, in_org, input, inserted, inserts, is_refused, key, keys, refuse_some,
    states, upserted, upserts,
};
use crate::world::{World, catalog, complete, record, state, stream};

/// The org runs the job, and the connector never learns of its end.
fn lose_the_outcome(world: &World) {
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Answer::status(404)).always());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_upsert_changes_nothing() {
    let world = World::new().await;
    lose_the_outcome(&world);
    assert_nothing_acknowledged(&world.write(json!({}), upserts(), input(20, upserted)).await, "is gone");
    assert_eq!(in_org(&world), keys(1..=20));
    world.org.clear_faults();
    let run = world.write(json!({}), upserts(), input(20, upserted)).await;
    super::assert_all_in_org(&world, &run, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_with_a_lost_outcome_is_doubled_by_the_next_sync() {
    let world = World::new().await;
    lose_the_outcome(&world);
    assert_nothing_acknowledged(
        &world.write(json!({}), inserts(), input(20, inserted)).await,
        "with the operation insert",
    );
    world.org.clear_faults();
    let run = world.write(json!({}), inserts(), input(20, inserted)).await;
    run.assert_success();
    let twice: Vec<String> = (1..=20).flat_map(|number| [key(number), key(number)]).collect();
    assert_eq!(in_org(&world), twice);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_deletes_are_rejected_because_the_records_are_gone() {
    let world = World::new().await;
    let ids: Vec<String> =
        (1..=3).map(|number| world.org.insert("Contact", &[("LastName", &key(number))]).unwrap()).collect();
    let mut deletes = stream("s", "Contact", &[("Id", "string")]);
    deletes["destination_sync_mode"] = json!("soft_delete");
    let deletes = catalog(&[deletes]);
    let lines: Vec<String> =
        ids.iter().map(|id| record("s", json!({"Id": id}))).chain([state("s", 3), complete("s")]).collect();
    lose_the_outcome(&world);
    assert_nothing_acknowledged(&world.write(json!({}), deletes.clone(), lines.clone()).await, "is gone");
    assert_eq!(in_org(&world), Vec::<String>::new());
    world.org.clear_faults();
    let run = world.write(json!({}), deletes, lines).await;
    run.assert_success();
    assert_eq!(states(&run), [(3, (0, 3))]);
    let rejected = world.rejected();
    assert_eq!(rejected.len(), 3);
    assert!(rejected.iter().all(|row| row["_airbyte_data"]["rejected_reason"] == "ENTITY_IS_DELETED"), "{rejected:?}");
}

/// What is proven of a job is acknowledged before what is left of it is sent again. Where that fails, the next sync begins
/// after the last state before the first record that is left, and meets the rejected records behind it again.
#[tokio::test(flavor = "multi_thread")]
async fn the_proven_part_of_a_failed_job_is_acknowledged_and_the_next_sync_sends_the_rest() {
    let world = World::new().await;
    refuse_some(&world);
    world.org.inject(JobFault::failed("Contact", 1, "Timeout : took too long"));
    world.org.inject(RequestFault::new(Endpoint::JobCreate, Answer::status(403)).starting_at(2));
    let run = world.write(json!({}), upserts(), input(300, upserted)).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("the API requests that the org may make in 24 hours are used up"), "{message}");
    assert_eq!(states(&run), [(150, (135, 15))], "200 records were tried, and a state stands after 150");
    let refused =
        |numbers: RangeInclusive<u64>| numbers.filter(|number| is_refused(*number)).map(key).collect::<Vec<_>>();
    assert_eq!(in_bucket(&world), refused(1..=200));

    world.org.clear_faults();
    refuse_some(&world);
    let rest = (151..=300).map(upserted).chain([state("s", 300), complete("s")]).collect();
    let run = world.write(json!({}), upserts(), rest).await;
    run.assert_success();
    let mut both = [refused(1..=200), refused(151..=300)].concat();
    both.sort();
    assert_eq!(in_bucket(&world), both);
    assert_eq!(in_org(&world).len(), 270);
}
