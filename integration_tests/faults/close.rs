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

#[tokio::test(flavor = "multi_thread")]
async fn a_close_that_keeps_failing_leaves_the_org_unchanged() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::JobPatch, Answer::status(503)).times(5));
    let run = insert_contacts(&world, 20).await;
    assert_nothing_acknowledged(&run, "while closing job 750");
    assert_eq!(job_states(&world), [JobState::Aborted]);
    assert_eq!(keys_in_org(&world), Vec::<String>::new());
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
