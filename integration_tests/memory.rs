//! Many streams fit into little memory.

use std::time::Duration;

use object_store::ObjectStore;
use salesforce_sim::RowFault;
use serde_json::json;

use crate::connector::{MeasuredRun, write_with_memory_limit};
use crate::protocol_model::Counts;
use crate::world::{World, blocking, catalog, complete, record, state, stream};

/// The memory of the smallest container that must load any catalog.
const LIMIT: u64 = 256_000_000;
const STREAMS: usize = 200;
const ROUNDS: usize = 10;

fn name(stream: usize) -> String {
    format!("s{stream:03}")
}

/// A text that compresses badly: 64 letters in a random order.
fn noise(seed: usize, length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(seed as u64).fill(&mut bytes);
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 64)])).collect()
}

/// In each round each stream sends a record with 30,000 letters, a record that the connector rejects and holds as text,
/// and a state. Together they are larger than the memory.
fn lines() -> impl Iterator<Item = String> + Send {
    let rounds = (0..ROUNDS).flat_map(|round| (0..STREAMS).map(move |stream| (round, stream)));
    let rounds = rounds.flat_map(|(round, stream)| {
        let name = name(stream);
        let row =
            json!({"LastName": format!("{name}-{round}"), "Description": noise(round * STREAMS + stream, 30_000)});
        let rejected = json!({"LastName": "#N/A", "Description": "x".repeat(110_000)});
        [record(&name, row), record(&name, rejected), state(&name, round as u64 + 1)]
    });
    rounds.chain((0..STREAMS).map(|stream| complete(&name(stream))))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_streams_fit_into_256_megabytes() {
    let world = World::new().await;
    let fields = [("LastName", "string"), ("Description", "string")];
    let streams: Vec<_> = (0..STREAMS).map(|it| stream(&name(it), "Contact", &fields)).collect();
    // Without a bucket rejected records are only counted.
    let config = world.config(json!({"object_storage_config": null, "max_parallel_jobs": 25}));
    let write = move || write_with_memory_limit(LIMIT, &config, &catalog(&streams), lines());
    let MeasuredRun { run, peak_memory } = blocking(write).await;
    run.assert_success();
    assert!((1..LIMIT).contains(&peak_memory), "{peak_memory} bytes were resident");

    assert_eq!(world.org.count("Contact"), STREAMS * ROUNDS);
    let rows: Vec<usize> = world.org.jobs().iter().map(|job| job.rows).collect();
    assert_eq!(rows.iter().sum::<usize>(), STREAMS * ROUNDS);
    assert!(rows.len() > STREAMS, "batches were sent before they were full: {}", rows.len());
    for stream in 0..STREAMS {
        let name = name(stream);
        let expected: Vec<_> = (1..=ROUNDS as u64).map(|round| (round, Counts { written: 1, rejected: 1 })).collect();
        assert_eq!(run.ids_and_counts_of(&name), expected, "{name}");
    }
}

/// One job for each stream, all at once, and every row of them is rejected.
const REJECTED_JOBS: usize = 25;
const REJECTED_ROWS: usize = 125;

/// A text that is small in the results of a job, and twelve times as large in a rejected record: JSON writes each of
/// these letters with six bytes, and the record has the text twice. So 125 of them are 15 MB.
fn long_error() -> String {
    format!("FIELD_CUSTOM_VALIDATION_EXCEPTION:{}:--", "\u{1}".repeat(10_000))
}

fn lines_to_reject() -> impl Iterator<Item = String> + Send {
    let rows = (0..REJECTED_ROWS).flat_map(|row| (0..REJECTED_JOBS).map(move |stream| (row, stream)));
    let records = rows.map(|(row, stream)| {
        let name = name(stream);
        record(&name, json!({"LastName": format!("{name}-{row}")}))
    });
    let end = |stream| [state(&name(stream), 1), complete(&name(stream))];
    records.chain((0..REJECTED_JOBS).flat_map(end))
}

/// Takes the bucket away for a second, again and again.
async fn take_away_sometimes(store: &ObjectStore) {
    loop {
        for is_away in [true, false] {
            store.set_away(is_away);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// The bucket is away for half of the time.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_five_jobs_with_megabytes_of_rejected_records_each_fit_into_256_megabytes() {
    let world = World::new().await;
    world.org.inject(RowFault::new("Contact", &long_error()));
    let streams: Vec<_> =
        (0..REJECTED_JOBS).map(|it| stream(&name(it), "Contact", &[("LastName", "string")])).collect();
    let config = world.config(json!({"max_parallel_jobs": REJECTED_JOBS}));
    let write = move || write_with_memory_limit(LIMIT, &config, &catalog(&streams), lines_to_reject());
    let MeasuredRun { run, peak_memory } = tokio::select! {
        measured = blocking(write) => measured,
        () = take_away_sometimes(&world.store) => unreachable!("it has no end"),
    };
    run.assert_success();
    assert!((1..LIMIT).contains(&peak_memory), "{peak_memory} bytes were resident");

    assert_eq!(world.org.jobs().iter().map(|job| job.rows).collect::<Vec<_>>(), [REJECTED_ROWS; REJECTED_JOBS]);
    for stream in 0..REJECTED_JOBS {
        let expected = Counts { written: 0, rejected: REJECTED_ROWS as u64 };
        assert_eq!(run.ids_and_counts_of(&name(stream)), [(1, expected)], "{}", name(stream));
    }
    let objects = world.rejected_objects();
    assert_eq!(objects.len(), REJECTED_JOBS);
    for (key, bytes) in objects {
        assert!(bytes.len() > 15_000_000, "{key} has {} bytes", bytes.len());
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), REJECTED_ROWS, "{key}");
    }
}
