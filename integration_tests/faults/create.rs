//! Faults while a job is created.

use salesforce_sim::{Answer, Effect, Endpoint, JobState, RequestFault, Truncation};
use serde_json::json;

use super::{assert_all_in_org, input, inserted, inserts, jobs};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_stays_empty_and_another_is_loaded_after_a_lost_create() {
    for effect in
        [Effect::LostAnswer, Effect::Truncated(30, Truncation::Chunked), Effect::Truncated(30, Truncation::Length)]
    {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobCreate, effect.clone()));
        let run = world.write(json!({}), inserts(), input(20, inserted)).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(jobs(&world), [JobState::Open, JobState::JobComplete], "{effect:?}");
        assert_eq!(world.org.jobs()[0].uploaded_bytes, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_create_is_retried() {
    for effect in [
        Answer::status(503).into(),
        Answer::html(503).into(),
        Answer::empty(406).into(),
        Answer::empty(429).retry_after(1).into(),
        // A page where JSON should be, as a proxy gives it.
        Answer::html(200).into(),
        Answer::empty(200).into(),
        Effect::Cut,
    ] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobCreate, effect));
        let run = world.write(json!({}), inserts(), input(20, inserted)).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(jobs(&world), [JobState::JobComplete]);
    }
}
