//! A bucket that is away.

use serde_json::{Value, json};

use super::{
    assert_all_in_org, assert_nothing_acknowledged, assert_refused_ones_in_bucket, input, inserted, inserts,
    refuse_some, upserted, upserts,
};
use crate::connector::Connection;
use crate::world::{World, blocking};

/// A world without its bucket, and a sync in it that has met that.
async fn away(catalog: &Value, lines: Vec<String>) -> (World, Connection) {
    let world = World::new().await;
    refuse_some(&world);
    world.store.set_away(true);
    let mut connection = Connection::open(&world.config(json!({})), catalog);
    let connection = blocking(move || {
        lines.iter().for_each(|line| connection.send(line));
        connection.close();
        connection.next_log("the bucket for rejected records is out of reach");
        connection
    });
    (world, connection.await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_outage_is_waited_out() {
    let (world, connection) = away(&inserts(), input(20, inserted)).await;
    world.store.set_away(false);
    let run = blocking(move || connection.wait()).await;
    assert_refused_ones_in_bucket(&world, &run, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn unstored_rejected_records_are_not_acknowledged_and_the_next_sync_stores_them() {
    let (world, mut connection) = away(&upserts(), input(20, upserted)).await;
    let run = blocking(move || {
        connection.terminate_at_once();
        connection.wait()
    });
    assert_nothing_acknowledged(&run.await, "stopped from outside");
    world.store.set_away(false);
    let run = world.write(json!({}), upserts(), input(20, upserted)).await;
    assert_refused_ones_in_bucket(&world, &run, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_without_rejected_records_does_not_need_the_bucket() {
    let world = World::new().await;
    world.store.set_away(true);
    let run = world.write(json!({}), inserts(), input(20, inserted)).await;
    world.store.set_away(false);
    assert_all_in_org(&world, &run, 20);
}
