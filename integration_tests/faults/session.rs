//! Faults of the session, the token endpoint and the daily requests.

use salesforce_sim::{Answer, Effect, Endpoint, RequestFault, Settings};

use super::{
    assert_all_in_org_or_bucket, assert_nothing_acknowledged, insert_contacts, keys_in_bucket, keys_in_org,
    reject_some_rows, request_count, upsert_contacts,
};
use crate::world::World;

/// The calls of a sync, in order.
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
        reject_some_rows(&world);
        world.org.inject(RequestFault::new(step, Effect::SessionsEnded));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org_or_bucket(&world, &run, 20);
        assert_eq!((world.org.sign_ins(), world.org.jobs().len()), (2, 1), "{step:?}");
    }
}

/// The old error shape of the Bulk API, and a status other than 401.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_lost_under_another_status_is_renewed_at_any_step() {
    let bulk = r#"{"exceptionCode":"InvalidSessionId","exceptionMessage":"Unable to find session id"}"#;
    for step in STEPS {
        for answer in [Answer::json(400, bulk), Answer::error(403, "INVALID_SESSION_ID", "Session expired or invalid")]
        {
            let world = World::new().await;
            reject_some_rows(&world);
            world.org.inject(RequestFault::new(step, answer));
            let run = insert_contacts(&world, 20).await;
            assert_all_in_org_or_bucket(&world, &run, 20);
            assert_eq!((world.org.sign_ins(), world.org.jobs().len()), (2, 1), "{step:?}");
        }
    }
}

/// The host of the old instance redirects or has nothing but a page. A new sign-in names the new instance.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_moves_at_any_step_is_followed_and_nothing_is_sent_twice() {
    for step in STEPS {
        for answer in [Answer::empty(302), Answer::html(404)] {
            let world = World::new().await;
            reject_some_rows(&world);
            let old = RequestFault::new(step, answer);
            world.org.inject(old);
            let run = insert_contacts(&world, 20).await;
            assert_all_in_org_or_bucket(&world, &run, 20);
            assert_eq!(world.org.sign_ins(), 2, "{step:?}");
        }
    }
}

/// The org issues tokens and refuses every one of them, as for an app whose sessions are blocked.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_refused_again_after_renewal_ends_the_sync() {
    for step in STEPS {
        let world = World::new().await;
        reject_some_rows(&world);
        world.org.inject(RequestFault::new(step, Answer::status(401)).always());
        let run = insert_contacts(&world, 20).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{step:?}: {message}");
        assert!(message.contains("session"), "{step:?}: {message}");
        assert_eq!(run.ids_and_counts(), [], "{step:?}");
        assert!(world.org.sign_ins() <= 3, "{step:?}: {} sign-ins", world.org.sign_ins());
        assert_eq!(keys_in_bucket(&world), Vec::<String>::new(), "{step:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_token_request_is_retried() {
    let world = World::new().await;
    reject_some_rows(&world);
    let effects = [Answer::html(503).into(), Answer::empty(500).into(), Effect::LostAnswer];
    for (effect, nth) in effects.into_iter().zip(1..) {
        world.org.inject(RequestFault::new(Endpoint::Token, effect).starting_at(nth));
    }
    // Faults in the middle of the sync.
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::SessionsEnded));
    world.org.inject(RequestFault::new(Endpoint::Token, Effect::Cut).starting_at(5));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org_or_bucket(&world, &run, 20);
    assert_eq!(request_count(&world, Endpoint::Token), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_new_refresh_token_is_a_config_error_and_nothing_is_sent() {
    let world = World::with(Settings { rotate_refresh_tokens: true, ..Settings::default() }).await;
    world.org.inject(RequestFault::new(Endpoint::Token, Effect::LostAnswer));
    let run = insert_contacts(&world, 20).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.starts_with("The refresh_token is expired, revoked, or replaced"), "{message}");
    assert!(run.ids_and_counts().is_empty() && world.org.jobs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_revoked_at_any_step_acknowledges_nothing_unproven() {
    for step in STEPS {
        let world = World::new().await;
        reject_some_rows(&world);
        world.org.inject(RequestFault::new(step, Effect::ConnectionRevoked));
        let run = insert_contacts(&world, 20).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{step:?}: {message}");
        assert!(message.contains("refresh_token is expired, revoked"), "{step:?}: {message}");
        assert_eq!(run.ids_and_counts(), [], "{step:?}");
        assert!(world.org.jobs().len() <= 1, "{step:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_requests_ends_the_sync_and_the_next_upsert_completes_it() {
    for step in STEPS {
        let world = World::new().await;
        reject_some_rows(&world);
        world.org.inject(RequestFault::new(step, Answer::status(403)).always());
        let run = upsert_contacts(&world, 20).await;
        assert_nothing_acknowledged(&run, "the API requests that the org may make in 24 hours are used up");
        let is_closed = matches!(step, Endpoint::JobInfo | Endpoint::FailedResults);
        assert_eq!(keys_in_org(&world).is_empty(), !is_closed, "{step:?}");

        world.org.clear_faults();
        reject_some_rows(&world);
        let run = upsert_contacts(&world, 20).await;
        assert_all_in_org_or_bucket(&world, &run, 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_requests_midway_is_named_in_the_error() {
    let world = World::new().await;
    // Enough to describe the object and create the job.
    world.org.set_remaining_requests(2);
    let run = insert_contacts(&world, 20).await;
    assert_nothing_acknowledged(&run, "the API requests that the org may make in 24 hours are used up");
    assert_eq!(keys_in_org(&world), Vec::<String>::new());
}

/// The answer of a proxy, or of a server with a bug.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_of_any_length_at_any_step_is_survived() {
    let world = World::new().await;
    reject_some_rows(&world);
    for endpoint in [Endpoint::Token].into_iter().chain(STEPS) {
        world.org.inject(RequestFault::new(endpoint, Answer::html(503).retry_after(u64::MAX)));
    }
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org_or_bucket(&world, &run, 20);
}
