//! Faults while a job is created.

use salesforce_sim::{Answer, Effect, Endpoint, JobState, RequestFault, Truncation};

use super::{assert_all_in_org, insert_contacts, job_states};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_stays_empty_and_another_is_loaded_after_a_lost_create() {
    for effect in
        [Effect::LostAnswer, Effect::Truncated(30, Truncation::Chunked), Effect::Truncated(30, Truncation::Length)]
    {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobCreate, effect.clone()));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(job_states(&world), [JobState::Open, JobState::JobComplete], "{effect:?}");
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
        // A proxy returns a page instead of JSON.
        Answer::html(200).into(),
        Answer::empty(200).into(),
        Answer::json(200, r#"{"id":"../../sobjects"}"#).into(),
        Answer::json(200, r#"{"id":"750Sim000000009AAA","state":"JobComplete"}"#).into(),
        Effect::Cut,
    ] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobCreate, effect));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(job_states(&world), [JobState::JobComplete]);
    }
}
