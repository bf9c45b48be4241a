//! A dry run of a long stream takes no more memory than one of a short stream.

use serde_json::json;

use super::counts;
use crate::connector::{MeasuredRun, write_with_memory_limit};
use crate::world::{World, blocking, catalog, complete, keyed, record, state, stream};

const LIMIT: u64 = 256_000_000;
const RECORDS: usize = 60_000;
const KEYS: usize = 40_000;

/// Letters that compress badly: the records together are larger than the memory that is allowed.
fn noise(seed: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = vec![0; 2_500];
    fastrand::Rng::with_seed(seed as u64).fill(&mut bytes);
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 64)])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_stays_flat_and_keys_of_earlier_batches_are_known() {
    let world = World::kind().await;
    let config = world.config(json!({"dry_run": true, "batch_size_mb": 20}));
    let fields = [("External_Id__c", "string"), ("Name", "string"), ("Description", "string")];
    let streams = catalog(&[keyed(stream("a", "Account", &fields), "append_dedup", "External_Id__c")]);
    let lines = (0..RECORDS).flat_map(|number| {
        let data = json!({"External_Id__c": format!("K-{}", number % KEYS), "Name": "n", "Description": noise(number)});
        let state = (number % 10_000 == 0).then(|| state("a", number as u64));
        std::iter::once(record("a", data)).chain(state)
    });
    let lines = lines.chain([complete("a")]);
    let write = move || write_with_memory_limit(LIMIT, &config, &streams, lines);
    let MeasuredRun { run, peak_memory } = blocking(write).await;
    let (_, message) = run.failure();
    assert!(message.starts_with("The dry run is complete: 60000 records"), "{message}");
    let counts = counts(&run, "a");
    assert_eq!((counts.created, counts.updated + counts.merged), (KEYS as u64, (RECORDS - KEYS) as u64));
    assert!(counts.jobs > 5, "{counts:?}");
    assert!((1..120_000_000).contains(&peak_memory), "{peak_memory} bytes were resident");
    world.assert_nothing_sent();
}
