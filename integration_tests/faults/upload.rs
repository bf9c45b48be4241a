//! Faults while the connector uploads the records.

use salesforce_sim::{Answer, Effect, Endpoint, JobState, RequestFault};

use super::{assert_all_in_org, assert_nothing_acknowledged, insert_contacts, job_states, keys_in_org};
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

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_keep_failing_leave_the_org_unchanged() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::LostAnswer).always());
    let run = insert_contacts(&world, 20).await;
    assert_nothing_acknowledged(&run, "uploading records of Contact");
    assert_eq!(keys_in_org(&world), Vec::<String>::new());
    assert!(job_states(&world).iter().all(|state| *state == JobState::Aborted));
    // The next sync sends the same records, and each is there once.
    world.org.clear_faults();
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
}
