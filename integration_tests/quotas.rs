//! The limits of the org, which a sync shares with other programs.

use std::time::Duration;

use salesforce_sim::{Answer, Endpoint, RequestFault, Settings};
use serde_json::json;

use crate::connector::Run;
use crate::world::{World, catalog, complete, contact_catalog, record, state, stream};

/// Loads 200 records of 4 kB, with a state after each.
async fn write(world: &World, config: serde_json::Value) -> Run {
    let fields = [("LastName", "string"), ("Description", "string")];
    let mut lines = Vec::new();
    for number in 0..200 {
        lines.push(record("c", json!({"LastName": format!("L{number}"), "Description": "x".repeat(4_000)})));
        lines.push(state("c", number + 1));
    }
    lines.push(complete("c"));
    world.write(config, catalog(&[stream("c", "Contact", &fields)]), lines).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_stops_before_it_exceeds_max_api_usage_percent() {
    let world = World::with(Settings { daily_requests: 1_000, ..Settings::default() }).await;
    let config = json!({"batch_size_mb": 0.01, "max_parallel_jobs": 1, "max_api_usage_percent": 20});
    let run = write(&world, config).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("`max_api_usage_percent`") && message.contains("of its 1000 API requests"), "{message}");
    assert!(world.org.requests().len() <= 200, "{}", world.org.requests().len());
    let (written, states) = (world.org.count("Contact"), run.states().len());
    assert!(written > 0 && written < 200, "{written}");
    assert_eq!(states, written, "exactly the written records are acknowledged");
}

/// Also without records: the user learns of it as early as possible.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_used_up_ends_the_sync_before_it_reads() {
    for (percent, fits) in [(1, false), (50, true)] {
        let world = World::with(Settings { daily_requests: 1_000, ..Settings::default() }).await;
        let run = world.write(json!({"max_api_usage_percent": percent}), contact_catalog(), vec![complete("c")]).await;
        if fits {
            run.assert_success();
            continue;
        }
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "transient_error");
        assert!(message.contains("`max_api_usage_percent`"), "{message}");
    }
}

/// Five jobs of six seconds would be asked for their status some two hundred times.
#[tokio::test(flavor = "multi_thread")]
async fn long_jobs_stay_within_max_api_usage_percent() {
    let six_seconds = Duration::from_secs(6);
    let world = World::with(Settings { daily_requests: 1_000, time_per_batch: six_seconds, ..Settings::default() });
    let world = world.await;
    let config = json!({"batch_size_mb": 0.01, "max_parallel_jobs": 5, "max_api_usage_percent": 16});
    let run = write(&world, config).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("`max_api_usage_percent`"), "{message}");
    let (requests, jobs) = (world.org.requests().len(), world.org.jobs().len());
    assert!(requests <= 160, "{requests} requests");
    assert!(jobs >= 5, "{jobs} jobs");
    let written = world.org.count("Contact");
    assert!(written > 0 && written < 200, "{written}");
    assert_eq!(run.states().len(), written, "exactly the written records are acknowledged");
}

/// Eight jobs at a time would set aside more than the share.
#[tokio::test(flavor = "multi_thread")]
async fn a_small_share_makes_jobs_wait_for_each_other() {
    let world = World::with(Settings { daily_requests: 1_000, ..Settings::default() }).await;
    let config = json!({"batch_size_mb": 0.11, "max_parallel_jobs": 10, "max_api_usage_percent": 15});
    write(&world, config).await.assert_success();
    assert_eq!(world.org.count("Contact"), 200);
    assert!(world.org.jobs().len() >= 7, "{}", world.org.jobs().len());
    assert!(world.org.requests().len() <= 150, "{}", world.org.requests().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_limit_reported_by_salesforce_is_named() {
    let world = World::new().await;
    world.org.set_remaining_requests(30);
    let run = write(&world, json!({"batch_size_mb": 0.01, "max_parallel_jobs": 1})).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("API requests that the org may make in 24 hours are used up"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_used_up_at_the_start_are_no_missing_permission() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::Limits, Answer::status(403)));
    let run = write(&world, json!({})).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("API requests that the org may make in 24 hours are used up"), "{message}");
    assert!(world.org.jobs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_when_no_bulk_batch_is_left() {
    let world = World::new().await;
    world.org.set_remaining_batches(0);
    let run = write(&world, json!({})).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("no bulk batch left"), "{message}");
    assert!(world.org.jobs().is_empty());
}

/// The org allows 15,000 bulk batches a day, however full they are.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_many_rows_fill_their_bulk_batches() {
    let world = World::new().await;
    let mut lines: Vec<_> =
        (0..105_000).map(|number| record("c", json!({"LastName": format!("{number:08}")}))).collect();
    lines.extend([state("c", 1), complete("c")]);
    let run = world.write(json!({"batch_size_mb": 0.475}), contact_catalog(), lines).await;
    run.assert_success();
    let mut rows: Vec<_> = world.org.jobs().into_iter().map(|job| job.processed).collect();
    rows.sort_unstable();
    assert_eq!(rows, [5_000, 50_000, 50_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_one_batch_makes_at_most_eight_requests() {
    let world = World::new().await;
    let lines = vec![record("c", json!({"LastName": "A"})), state("c", 1), complete("c")];
    let run = world.write(json!({}), contact_catalog(), lines).await;
    run.assert_success();
    let paths: Vec<String> = world.org.requests().into_iter().map(|request| request.path).collect();
    assert!(paths.len() <= 8, "{paths:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_limit_after_the_close_says_the_records_may_be_written() {
    let world = World::new().await;
    let limit = Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    world.org.inject(RequestFault::new(Endpoint::JobInfo, limit).always());
    let run = write(&world, json!({})).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("API requests that the org may make in 24 hours are used up"), "{message}");
    assert!(message.contains("its records may be in Salesforce"), "{message}");
    assert!(run.states().is_empty());
    assert_eq!(world.org.count("Contact"), 200);
}
