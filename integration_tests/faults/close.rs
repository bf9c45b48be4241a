//! Faults at the commit point: the request that closes a job.

use std::time::Duration;

use salesforce_sim::{Answer, Effect, Endpoint, JobState, RequestFault};

use super::{
    assert_all_in_org, assert_nothing_acknowledged, insert_contacts, job_states, keys, keys_in_org, request_count,
};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_is_not_doubled_after_a_lost_close() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobPatch, Effect::LostAnswer));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world), [JobState::JobComplete]);
    assert_eq!(request_count(&world, Endpoint::JobPatch), 1, "the state says that the job is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_close_is_retried_and_nothing_is_sent_twice() {
    for effect in [Effect::Cut, Answer::status(503).into(), Answer::html(502).into(), Answer::empty(500).into()] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobPatch, effect).times(2));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(job_states(&world), [JobState::JobComplete]);
        assert_eq!(request_count(&world, Endpoint::JobPatch), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_close_is_settled_after_an_outage() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobPatch, Effect::LostAnswer));
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Cut).times(2));
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Answer::html(503)).starting_at(3));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world), [JobState::JobComplete]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_with_unknown_outcome_is_not_acknowledged_and_the_error_says_so() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobPatch, Effect::LostAnswer));
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Answer::status(404)).always());
    let run = insert_contacts(&world, 20).await;
    assert_nothing_acknowledged(&run, "it may have happened or not");
    assert_eq!(job_states(&world).len(), 1, "nothing is sent again in this sync");
    assert_eq!(keys_in_org(&world), keys(1..=20), "the job ran");
}

/// The id of the first job of a simulated org.
const FIRST_JOB: &str = "750Sim000000001AAA";

/// Answers of a proxy, and of another job, to a request that the org never saw.
#[tokio::test(flavor = "multi_thread")]
async fn a_close_answered_by_something_else_is_settled_by_the_status() {
    let another = r#"{"id":"750Sim000000009AAA","state":"UploadComplete"}"#;
    let still_open = format!(r#"{{"id":"{FIRST_JOB}","state":"Open"}}"#);
    for answer in [
        Answer::html(200),
        Answer::empty(200),
        Answer::json(200, "{}"),
        Answer::json(200, another),
        Answer::json(200, &still_open),
    ] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobPatch, answer));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(job_states(&world), [JobState::JobComplete]);
        assert_eq!(request_count(&world, Endpoint::JobPatch), 2, "the job was seen open, and closed again");
    }
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobPatch, Effect::Replaced(Answer::html(200))));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(request_count(&world, Endpoint::JobPatch), 1, "the state says that the job is closed");
}

/// The close is answered as if it had been done, and the job stays open.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_open_after_its_close_is_closed_again() {
    let world = World::new().await;
    let closed = format!(r#"{{"id":"{FIRST_JOB}","state":"UploadComplete"}}"#);
    world.org.inject(RequestFault::new(Endpoint::JobPatch, Answer::json(200, &closed)));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world), [JobState::JobComplete]);
    assert_eq!(request_count(&world, Endpoint::JobPatch), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_answers_are_waited_for_and_nothing_is_sent_twice() {
    let world = World::new().await;
    for endpoint in [Endpoint::JobCreate, Endpoint::JobUpload, Endpoint::JobPatch, Endpoint::JobInfo] {
        world.org.inject(RequestFault::new(endpoint, Effect::Delayed(Duration::from_millis(1_500))));
    }
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world), [JobState::JobComplete]);
    assert_eq!(request_count(&world, Endpoint::JobPatch), 1);
}
