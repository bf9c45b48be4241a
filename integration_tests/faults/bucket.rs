//! A bucket that is out of reach.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    assert_all_in_org, assert_nothing_acknowledged, assert_refused_ones_in_bucket, input, inserted, inserts,
    refuse_some, upserted, upserts,
};
use crate::world::World;

/// A configuration whose bucket is at an address where nobody listens.
async fn unreachable_bucket() -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    json!({"object_storage_config": {"s3_endpoint": endpoint}})
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_that_cannot_be_stored_are_not_acknowledged_and_are_stored_by_the_next_sync() {
    let world = World::new().await;
    refuse_some(&world);
    let run = world.write(unreachable_bucket().await, upserts(), input(20, upserted)).await;
    assert_nothing_acknowledged(&run, "rejected-records bucket");
    let run = world.write(json!({}), upserts(), input(20, upserted)).await;
    assert_refused_ones_in_bucket(&world, &run, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_without_rejected_records_does_not_need_the_bucket() {
    let world = World::new().await;
    let run = world.write(unreachable_bucket().await, inserts(), input(20, inserted)).await;
    assert_all_in_org(&world, &run, 20);
}
