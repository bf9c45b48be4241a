//! Faults while the connector uploads the records.

use std::time::Duration;

use salesforce_sim::{Answer, Effect, Endpoint, JobState, RequestFault};

use super::{assert_all_in_org, insert_contacts, job_states};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_upload_is_aborted_and_another_job_is_loaded() {
    for effect in [Effect::LostAnswer, Effect::Cut, Answer::status(503).into(), Answer::html(502).into()] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobUpload, effect.clone()));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(job_states(&world), [JobState::Aborted, JobState::JobComplete], "{effect:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_cannot_be_aborted_is_never_closed() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::LostAnswer));
    // The first PATCH is the abort.
    world.org.inject(RequestFault::new(Endpoint::JobPatch, Answer::status(404)));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world), [JobState::Open, JobState::JobComplete]);
    assert!(world.org.jobs()[0].uploaded_bytes.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_an_abort_does_not_close_the_upload() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::LostAnswer));
    world.org.inject(RequestFault::new(Endpoint::JobPatch, Effect::LostAnswer));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world), [JobState::Aborted, JobState::JobComplete]);
}

/// The first PATCH is the abort.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_answers_an_abort_the_upload_is_never_closed() {
    let closed = r#"{"id":"750Sim000000001AAA","state":"UploadComplete"}"#;
    for effect in [
        Effect::Delayed(Duration::from_millis(300)),
        Answer::html(200).into(),
        Answer::empty(200).into(),
        Answer::json(200, closed).into(),
        Answer::status(503).into(),
    ] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::LostAnswer));
        world.org.inject(RequestFault::new(Endpoint::JobPatch, effect.clone()));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(job_states(&world), [JobState::Aborted, JobState::JobComplete], "{effect:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_answered_by_something_else_is_aborted_and_another_job_is_loaded() {
    for answer in [Answer::html(200), Answer::html(201), Answer::empty(200), Answer::json(200, "{}")] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobUpload, answer));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(job_states(&world), [JobState::Aborted, JobState::JobComplete]);
    }
}

/// Four failures in a row: more than the three uploads of a few seconds would survive.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_fail_several_times_are_waited_out() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Answer::status(503)).times(4));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    let states = job_states(&world);
    assert_eq!(states[..4], [JobState::Aborted; 4]);
    assert_eq!(states[4..], [JobState::JobComplete]);
}
