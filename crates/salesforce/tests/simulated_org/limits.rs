use salesforce::{Allowance, FaultKind, Limit};
use salesforce_sim::Settings;

use crate::start;

#[tokio::test]
async fn limits_say_what_is_left() {
    let (sim, org) = start(Settings { daily_requests: 5_000, daily_batches: 70, ..Settings::default() }).await;
    sim.set_remaining_batches(7);
    let limits = org.limits().await.unwrap();
    assert_eq!(limits.daily_api_requests.unwrap().max, 5_000);
    assert_eq!(limits.daily_bulk_batches, Some(Allowance { max: 70, remaining: 7 }));
}

#[tokio::test]
async fn every_answer_counts_the_api_requests() {
    let (_sim, org) = start(Settings { daily_requests: 5_000, ..Settings::default() }).await;
    let mut usage = org.watch_api_usage();
    assert_eq!(org.api_usage(), None);
    org.limits().await.unwrap();
    let first = org.api_usage().unwrap();
    assert_eq!(first.max, 5_000);
    org.limits().await.unwrap();
    usage.changed().await.unwrap();
    assert_eq!(usage.borrow_and_update().unwrap().used, first.used + 1);
}

#[tokio::test]
async fn a_used_up_limit_is_not_transient() {
    let (sim, org) = start(Settings::default()).await;
    sim.set_remaining_requests(0);
    let fault = org.describe("Contact").await.unwrap_err();
    assert_eq!((fault.kind(), fault.is_transient()), (FaultKind::LimitReached(Limit::DailyRequests), false));
}
