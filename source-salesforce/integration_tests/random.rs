//! Random faults and kills: whatever happens, no record is missing, and a kill repeats at most one page.

use salesforce_sim::{Nature, RandomFaults, Settings};
use serde_json::json;

use crate::world::{World, blocking, contacts, distinct, in_sync, names};

/// The syncs of a test run. More are tried with `SOURCE_SALESFORCE_SEEDS=1000`.
const SEEDS: u64 = 6;

/// The attempts of a sync before its faults end.
const ATTEMPTS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_missing_after_random_faults_and_kills() {
    let seeds = std::env::var("SOURCE_SALESFORCE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        sync(seed).await;
    }
}

async fn sync(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let nature = if seed.is_multiple_of(3) { Nature::kind() } else { Nature::harsh() };
    let world = World::with(Settings { nature, seed, ..Settings::default() }).await;
    let rows = random.usize(1..120);
    let page = random.usize(1..40);
    world.add_contacts(rows);
    let rate = [0.0, 0.05, 0.15][random.usize(..3)];
    world.org.inject(RandomFaults::new(rate, seed));
    let api = ["bulk", "bulk", "rest"][random.usize(..3)];
    let changes = json!({"api": api, "max_page_rows": page});
    let (mut states, mut all, mut kills) = (json!([]), Vec::new(), 0);
    for attempt in 0..=ATTEMPTS {
        if attempt == ATTEMPTS / 2 {
            world.org.clear_faults();
        }
        let connector = world.start_read(changes.clone(), &in_sync(contacts(), 7, 3), &states);
        let nth_state = if attempt < 4 { random.usize(1..5) } else { usize::MAX };
        let run = blocking(move || connector.kill_at_state(nth_state)).await;
        all.extend(run.column("Contact", "LastName"));
        let last = run.last_states();
        if last != json!([]) {
            states = last;
        }
        let is_complete = run.statuses("Contact").last() == Some(&"COMPLETE");
        let has_failed = run.exit_code == 1;
        assert!(attempt < ATTEMPTS || is_complete, "seed {seed}: never complete");
        if is_complete {
            break;
        }
        // A failure may begin the stream anew; a kill repeats a page.
        kills += if has_failed { 1_000 } else { 1 };
    }
    assert_eq!(distinct(all.clone()), names(rows), "seed {seed}");
    let page = if api == "rest" { rows } else { page };
    assert!(all.len() <= rows + kills * page, "seed {seed}: {} of {rows} records after {kills} kills", all.len());
}
