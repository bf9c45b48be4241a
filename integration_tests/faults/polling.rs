//! Faults while the connector polls the state of a job.

use std::time::Duration;

use salesforce_sim::{Answer, Effect, Endpoint, JobState, RequestFault, Settings, Truncation};

use super::session::STEPS;
use super::{
    assert_all_in_org, assert_all_in_org_or_bucket, assert_nothing_acknowledged, insert_contacts, job_states, keys,
    keys_in_org, reject_some_rows, request_count,
};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn polling_continues_through_every_kind_of_failed_answer() {
    let world = World::with(Settings { time_per_batch: Duration::from_secs(8), ..Settings::default() }).await;
    let effects = [
        Answer::status(503).into(),
        Answer::html(503).into(),
        Answer::html(502).into(),
        Answer::html(420).into(),
        Answer::html(200).into(),
        Answer::empty(500).into(),
        Answer::empty(200).into(),
        Answer::empty(429).retry_after(0).into(),
        Effect::Cut,
        Effect::LostAnswer,
        Effect::Truncated(40, Truncation::Chunked),
        Effect::Truncated(40, Truncation::Length),
        Effect::Truncated(40, Truncation::Unnoticed),
    ];
    let faults = effects.len();
    for (effect, nth) in effects.into_iter().zip((1..).step_by(2)) {
        world.org.inject(RequestFault::new(Endpoint::JobInfo, effect).starting_at(nth));
    }
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world), [JobState::JobComplete]);
    assert!(request_count(&world, Endpoint::JobInfo) > 2 * faults, "the connector saw every fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_a_missing_or_wrong_content_type_is_read() {
    let types = [None, Some("text/plain"), Some("application/json"), Some("text/html; charset=iso-8859-1")];
    for content_type in types {
        let world = World::new().await;
        reject_some_rows(&world);
        for endpoint in [Endpoint::Token].into_iter().chain(STEPS) {
            let effect = Effect::ContentType(content_type.map(str::to_owned));
            world.org.inject(RequestFault::new(endpoint, effect).always());
        }
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org_or_bucket(&world, &run, 20);
        assert_eq!(job_states(&world), [JobState::JobComplete], "{content_type:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_job_is_not_acknowledged() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Answer::status(404)));
    let run = insert_contacts(&world, 20).await;
    assert_nothing_acknowledged(&run, "is gone");
    assert_eq!(job_states(&world), [JobState::JobComplete], "nothing is sent again in this sync");
    assert_eq!(keys_in_org(&world), keys(1..=20));
}
