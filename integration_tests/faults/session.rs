//! Faults of the session, of the token endpoint, and of the daily requests.

use salesforce_sim::{Answer, Effect, Endpoint, RequestFault, Settings};
use serde_json::json;

use super::{
    assert_nothing_acknowledged, assert_refused_ones_in_bucket, in_org, input, inserted, inserts, refuse_some, states,
    upserted, upserts,
};
use crate::world::World;

/// The calls of a sync, in their order.
pub(super) const STEPS: [Endpoint; 6] = [
    Endpoint::Describe,
    Endpoint::JobCreate,
    Endpoint::JobUpload,
    Endpoint::JobPatch,
    Endpoint::JobInfo,
    Endpoint::FailedResults,
];

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_renewed_at_any_step_and_nothing_is_sent_twice() {
    for step in STEPS {
        let world = World::new().await;
        refuse_some(&world);
        world.org.inject(RequestFault::new(step, Effect::SessionsEnded));
        let run = world.write(json!({}), inserts(), input(20, inserted)).await;
        assert_refused_ones_in_bucket(&world, &run, 20);
        assert_eq!((world.org.sign_ins(), world.org.jobs().len()), (2, 1), "{step:?}");
    }
}

/// The org grants tokens and refuses all of them, as with an app whose sessions are blocked.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_refused_again_after_renewal_ends_the_sync() {
    for step in STEPS {
        let world = World::new().await;
        refuse_some(&world);
        world.org.inject(RequestFault::new(step, Answer::status(401)).always());
        let run = world.write(json!({}), inserts(), input(20, inserted)).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{step:?}: {message}");
        assert!(message.contains("session"), "{step:?}: {message}");
        assert_eq!(states(&run), [], "{step:?}");
        assert!(world.org.sign_ins() <= 3, "{step:?}: {} sign-ins", world.org.sign_ins());
        assert_eq!(super::in_bucket(&world), Vec::<String>::new(), "{step:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_token_request_is_retried() {
    let world = World::new().await;
    refuse_some(&world);
    let effects = [Answer::html(503).into(), Answer::empty(500).into(), Effect::LostAnswer];
    for (effect, nth) in effects.into_iter().zip(1..) {
        world.org.inject(RequestFault::new(Endpoint::Token, effect).starting_at(nth));
    }
    // In the middle of the run, too.
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::SessionsEnded));
    world.org.inject(RequestFault::new(Endpoint::Token, Effect::Cut).starting_at(5));
    let run = world.write(json!({}), inserts(), input(20, inserted)).await;
    assert_refused_ones_in_bucket(&world, &run, 20);
    assert_eq!(super::asked(&world, Endpoint::Token), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_new_refresh_token_is_a_config_error_and_nothing_is_sent() {
    let world = World::with(Settings { rotate_refresh_tokens: true, ..Settings::default() }).await;
    world.org.inject(RequestFault::new(Endpoint::Token, Effect::LostAnswer));
    let run = world.write(json!({}), inserts(), input(20, inserted)).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.starts_with("The refresh_token is expired, revoked, or replaced"), "{message}");
    assert!(states(&run).is_empty() && world.org.jobs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_revoked_at_any_step_acknowledges_nothing_unproven() {
    for step in STEPS {
        let world = World::new().await;
        refuse_some(&world);
        world.org.inject(RequestFault::new(step, Effect::ConnectionRevoked));
        let run = world.write(json!({}), inserts(), input(20, inserted)).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{step:?}: {message}");
        assert!(message.contains("refresh_token is expired, revoked"), "{step:?}: {message}");
        assert_eq!(states(&run), [], "{step:?}");
        assert!(world.org.jobs().len() <= 1, "{step:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_requests_ends_the_sync_and_the_next_upsert_completes_it() {
    for step in STEPS {
        let world = World::new().await;
        refuse_some(&world);
        world.org.inject(RequestFault::new(step, Answer::status(403)).always());
        let run = world.write(json!({}), upserts(), input(20, upserted)).await;
        assert_nothing_acknowledged(&run, "the API requests that the org may make in 24 hours are used up");
        let is_closed = matches!(step, Endpoint::JobInfo | Endpoint::FailedResults);
        assert_eq!(in_org(&world).is_empty(), !is_closed, "{step:?}");

        world.org.clear_faults();
        refuse_some(&world);
        let run = world.write(json!({}), upserts(), input(20, upserted)).await;
        assert_refused_ones_in_bucket(&world, &run, 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_requests_midway_is_named_in_the_error() {
    let world = World::new().await;
    // Enough to describe the object and to create the job.
    world.org.set_remaining_requests(2);
    let run = world.write(json!({}), inserts(), input(20, inserted)).await;
    assert_nothing_acknowledged(&run, "the API requests that the org may make in 24 hours are used up");
    assert_eq!(in_org(&world), Vec::<String>::new());
}
