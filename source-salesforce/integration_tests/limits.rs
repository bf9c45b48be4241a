//! Limits of the org that are reached amid an incremental sync: nothing is lost, and the status says why. And signs of
//! life.

use salesforce_sim::{Answer, Endpoint, RequestFault};
use serde_json::{Value, json};

use crate::changes::{accounts, add, ago, pass, sync, world};
use crate::connector::Run;

/// Checks that a limit is the reason of the end.
#[track_caller]
fn assert_limited(run: &Run, what: &str) {
    let (kind, message) = run.failure();
    assert!(kind == "transient_error" && message.contains("A Salesforce limit was reached"), "{what}: {message}");
    let last = run.messages.iter().rfind(|message| message["trace"]["type"] == "STREAM_STATUS").unwrap();
    let status = &last["trace"]["stream_status"];
    let expected = (&json!("INCOMPLETE"), &json!([{"type": "RATE_LIMITED"}]));
    assert_eq!((&status["status"], &status["reasons"]), expected, "{what}");
}

/// An org with changes and deletions since the last sync, and its state.
async fn changed() -> (crate::world::World, Value) {
    let world = world().await;
    let gone: Vec<String> = (0..5).map(|number| add(&world, &format!("gone {number}"))).collect();
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    (0..5).for_each(|number| drop(add(&world, &format!("new {number}"))));
    gone.iter().for_each(|id| assert!(world.org.erase("Account", id)));
    pass(&world, 5);
    (world, states)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_at_any_call_of_a_window_ends_the_stream_as_limited_and_loses_nothing() {
    const PAGE: usize = 2;
    let changes = json!({"api": "bulk", "max_page_rows": PAGE});
    let daily = || Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    // The first queryAll tries the condition of the stream before any stream begins, and the second counts the window. The
    // third asks which of the deleted records are in the recycle bin.
    for (endpoint, first) in [
        (Endpoint::Updated, 1),
        (Endpoint::QueryAll, 2),
        (Endpoint::QueryJobCreate, 1),
        (Endpoint::QueryJobInfo, 1),
        (Endpoint::QueryJobResults, 1),
        (Endpoint::QueryJobResults, 2),
        (Endpoint::Deleted, 1),
        (Endpoint::QueryAll, 3),
        (Endpoint::QueryAll, 4),
    ] {
        let what = format!("{endpoint:?} {first}");
        let (world, states) = changed().await;
        let began = ago(&world, 6);
        world.org.inject(RequestFault::new(endpoint, daily()).starting_at(first).always());
        let limited = world.read_on(changes.clone(), &accounts(), &states).await;
        assert_limited(&limited, &what);
        world.org.clear_faults();
        // Without a state of its own, the platform passes the one of the sync before.
        let last = limited.last_states();
        let mut states = if last == json!([]) { states } else { last };
        assert_eq!(states[0]["stream"]["stream_state"]["through"], json!(began), "{what}: the state is kept");
        let next = sync(&world, changes.clone(), &accounts(), &mut states).await;
        let mut ids = limited.column("Account", "Id");
        ids.extend(next.column("Account", "Id"));
        assert!(ids.len() <= 10 + PAGE, "{what}: {} rows", ids.len());
        assert_eq!(crate::world::distinct(ids).len(), 10, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_query_jobs_ends_a_window_as_limited() {
    let (world, mut states) = changed().await;
    world.org.set_remaining_query_jobs(0);
    let limited = world.read_on(json!({"api": "bulk"}), &accounts(), &states).await;
    assert_limited(&limited, "query jobs");
    assert!(limited.records("Account").is_empty());
    world.org.set_remaining_query_jobs(5);
    assert_eq!(sync(&world, json!({"api": "bulk"}), &accounts(), &mut states).await.records("Account").len(), 10);
}

/// Each page takes some thirty calls. The platform sees a state in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_follows_ten_thousand_deletions_at_most() {
    const GONE: usize = 10_500;
    let world = world().await;
    let gone: Vec<String> = (0..GONE).map(|_| add(&world, "gone")).collect();
    pass(&world, 5);
    let mut states = json!([]);
    sync(&world, json!({}), &accounts(), &mut states).await;
    gone.iter().for_each(|id| assert!(world.org.erase("Account", id)));
    pass(&world, 5);
    let run = sync(&world, json!({}), &accounts(), &mut states).await;
    let counts: Vec<f64> =
        run.states("Account").into_iter().map(|(_, count)| count).filter(|count| *count > 0.0).collect();
    assert_eq!(counts, [10_000.0, 500.0]);
}

/// The first queryAll tries the condition of the stream, and the second counts the window.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_whose_records_are_not_counted_is_read_all_the_same() {
    for refusal in [
        Answer::error(400, "MALFORMED_QUERY", "count() is not supported"),
        Answer::error(403, "INSUFFICIENT_ACCESS", "no"),
        Answer::error(404, "NOT_FOUND", "no"),
    ] {
        let (world, mut states) = changed().await;
        world.org.inject(RequestFault::new(Endpoint::QueryAll, refusal).starting_at(2));
        let run = sync(&world, json!({"api": "bulk"}), &accounts(), &mut states).await;
        assert_eq!(run.records("Account").len(), 10);
        assert!(run.log().iter().any(|line| line.starts_with("Salesforce does not count the records of Account")));
        assert!(sync(&world, json!({}), &accounts(), &mut states).await.records("Account").is_empty());
    }
}
