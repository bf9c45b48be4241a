//! A mix of faults at random.

use std::collections::BTreeSet;

use salesforce_sim::{JobFault, RandomFaults, RowRule};
use serde_json::json;
use tokio::task::JoinSet;

use super::{in_bucket, in_org, is_refused, key, refuse_some, states};
use crate::world::{World, catalog, complete, record, state, stream};

const RECORDS: u64 = 1_000;
const STATE_EVERY: u64 = 100;

/// Every tenth request goes wrong, a job fails midway, rows are locked and refused: each record ends in one place, and
/// what was acknowledged is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_through_random_faults_loses_nothing_and_doubles_nothing() {
    let mut syncs: JoinSet<u64> = (1..=4).map(sync).collect();
    let mut acknowledged = 0;
    while let Some(sync) = syncs.join_next().await {
        acknowledged += sync.unwrap();
    }
    assert!(acknowledged >= 2 * RECORDS, "most get through: {acknowledged}");
}

/// One sync; the number of records that it acknowledged.
async fn sync(seed: u64) -> u64 {
    let world = World::new().await;
    refuse_some(&world);
    let lock = RowRule::new("Contact", "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--");
    world.org.inject(lock.when(|row| row.get("LastName") == Some("L0404")).times(1));
    world.org.inject(JobFault::failed("Contact", 0, "TooManyLockFailure : Too many lock failures"));
    world.org.inject(RandomFaults::new(0.1, seed));
    let mut lines = Vec::new();
    for number in 1..=RECORDS {
        lines.push(record("s", json!({"LastName": key(number), "Description": "x".repeat(90)})));
        if number % STATE_EVERY == 0 {
            lines.push(state("s", number));
        }
    }
    lines.push(complete("s"));
    let catalog = catalog(&[stream("s", "Contact", &[("LastName", "string"), ("Description", "string")])]);
    let run = world.write(json!({"batch_size_mb": 0.01}), catalog, lines).await;

    let (org, bucket) = (in_org(&world), in_bucket(&world));
    let once: BTreeSet<&String> = org.iter().chain(&bucket).collect();
    assert_eq!(org.len() + bucket.len(), once.len(), "seed {seed}: something is there twice");
    let acknowledged = states(&run).last().map_or(0, |(number, _)| *number);
    for number in 1..=acknowledged {
        let place = if is_refused(number) { &bucket } else { &org };
        assert!(place.binary_search(&key(number)).is_ok(), "seed {seed}: {number} is acknowledged and lost");
    }
    if run.exit_code == 0 {
        assert_eq!((acknowledged, once.len() as u64), (RECORDS, RECORDS), "seed {seed}");
    } else {
        assert_eq!(run.failure().0, "transient_error", "seed {seed}");
    }
    assert!(world.org.requests().len() > 50, "seed {seed}: few requests, few faults");
    acknowledged
}
