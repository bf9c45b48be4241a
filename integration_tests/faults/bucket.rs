//! The bucket is out of reach.

use serde_json::{Value, json};

use super::{
    assert_all_in_org, assert_all_in_org_or_bucket, assert_nothing_acknowledged, input_lines, insert_catalog,
    insert_record, reject_some_rows, upsert_catalog, upsert_contacts, upsert_record,
};
use crate::connector::{Run, RunningConnector};
use crate::world::{World, blocking};

/// Starts a sync with rejected records while the bucket is out of reach, and waits until it notices.
async fn start_without_bucket(catalog: &Value, lines: Vec<String>) -> (World, RunningConnector) {
    let world = World::new().await;
    reject_some_rows(&world);
    world.store.set_away(true);
    let mut connector = world.start_write(json!({}), catalog);
    let connector = blocking(move || {
        lines.iter().for_each(|line| connector.send(line));
        connector.close_stdin();
        connector.wait_for_log("the bucket for rejected records cannot be reached");
        connector
    });
    (world, connector.await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_outage_is_waited_out() {
    let (world, connector) = start_without_bucket(&insert_catalog(), input_lines(20, insert_record)).await;
    world.store.set_away(false);
    let run = blocking(move || connector.wait()).await;
    assert_all_in_org_or_bucket(&world, &run, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn unstored_rejected_records_are_not_acknowledged_and_the_next_sync_stores_them() {
    let (world, mut connector) = start_without_bucket(&upsert_catalog(), input_lines(20, upsert_record)).await;
    let run = blocking(move || {
        connector.terminate_twice();
        connector.wait()
    });
    assert_nothing_acknowledged(&run.await, "stopped before it was complete");
    world.store.set_away(false);
    let run = upsert_contacts(&world, 20).await;
    assert_all_in_org_or_bucket(&world, &run, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_a_sync_without_rejected_records_does_not_need_the_bucket() {
    let world = World::new().await;
    world.store.set_away(true);
    let journal_off = json!({"journal": false});
    let run = world.write(journal_off, insert_catalog(), input_lines(20, insert_record)).await;
    world.store.set_away(false);
    assert_all_in_org(&world, &run, 20);
}

/// Inserts records without a journal, so that the bucket is needed for rejected records alone.
async fn insert_without_journal(world: &World) -> Run {
    world.write(json!({"journal": false}), insert_catalog(), input_lines(20, insert_record)).await
}

const PAGE: &str = "<html><body>All is well.</body></html>";

fn error_document(code: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>")
}

/// A proxy answers the put with a page and the status 200, and the object is nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_is_answered_by_something_else_is_made_again() {
    for (body, content_type) in [(PAGE, "text/html"), ("", "text/plain")] {
        let world = World::new().await;
        reject_some_rows(&world);
        world.store.answer_next(1, 200, content_type, body);
        let run = insert_without_journal(&world).await;
        assert_all_in_org_or_bucket(&world, &run, 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_bucket_that_passes_is_waited_out() {
    let world = World::new().await;
    reject_some_rows(&world);
    world.store.answer_next(2, 503, "application/xml", &error_document("SlowDown"));
    let run = insert_without_journal(&world).await;
    assert_all_in_org_or_bucket(&world, &run, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_bucket_that_stays_ends_the_sync_and_acknowledges_nothing_rejected() {
    let world = World::new().await;
    reject_some_rows(&world);
    world.store.answer_next(1_000, 403, "application/xml", &error_document("AccessDenied"));
    let run = world.write(json!({"journal": false}), upsert_catalog(), input_lines(20, upsert_record)).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error", "{message}");
    assert!(message.contains("bucket"), "{message}");
    assert_eq!(run.ids_and_counts(), []);
    world.store.clear_answers();
    let run = world.write(json!({"journal": false}), upsert_catalog(), input_lines(20, upsert_record)).await;
    assert_all_in_org_or_bucket(&world, &run, 20);
}
