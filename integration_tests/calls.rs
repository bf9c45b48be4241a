//! Which calls a job makes, and which of them overlap with the job before.

use std::collections::BTreeMap;

use salesforce_sim::{Effect, Endpoint, Hold, JobFault, JobState, RequestFault, RowFault};
use serde_json::{Value, json};

use crate::connector;
use crate::protocol_model::Counts;
use crate::world::{World, blocking, catalog, complete, keyed, record, state, stream, wait_until};

/// Contacts of about 1 kB each, a state, and the end of the stream.
fn contacts(count: u64) -> Vec<String> {
    let contact = |number| json!({"LastName": format!("L{number}"), "External_Id__c": format!("E{number}"), "Description": "x".repeat(990)});
    let records = (0..count).map(|number| record("c", contact(number)));
    records.chain([state("c", count), complete("c")]).collect()
}

fn contact_stream() -> Value {
    stream("c", "Contact", &[("LastName", "string"), ("External_Id__c", "string"), ("Description", "string")])
}

/// How often each call was made, without polling, whose number depends on timing.
fn calls(world: &World) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for request in world.org.requests() {
        if request.endpoint != Endpoint::JobInfo {
            *calls.entry(format!("{:?}", request.endpoint)).or_default() += 1;
        }
    }
    calls
}

fn expected(calls: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let has_several_jobs = calls.iter().any(|(endpoint, count)| *endpoint == "JobCreate" && *count > 1);
    // After several jobs the report has what is left then, too.
    let start = [("Token", 1), ("Limits", 1 + usize::from(has_several_jobs)), ("Describe", 1)];
    start.iter().chain(calls).map(|(endpoint, count)| ((*endpoint).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_job_downloads_no_results() {
    let world = World::new().await;
    let run = world.write(json!({"batch_size_mb": 0.01}), catalog(&[contact_stream()]), contacts(40)).await;
    run.assert_success();
    let jobs = world.org.jobs().len();
    assert!(jobs >= 4, "{jobs}");
    assert_eq!(calls(&world), expected(&[("JobCreate", jobs), ("JobUpload", jobs), ("JobPatch", jobs)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_failed_rows_downloads_only_the_failed_results() {
    let world = World::kind().await;
    world.org.inject(
        RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:--")
            .when(|row| row.get("LastName").is_some_and(|name| name.ends_with('7'))),
    );
    let run = world.write(json!({}), catalog(&[contact_stream()]), contacts(30)).await;
    run.assert_success();
    assert_eq!(run.states()[0].counts(), Counts { written: 27, rejected: 3 });
    let job = [("JobCreate", 1), ("JobUpload", 1), ("JobPatch", 1), ("FailedResults", 1)];
    assert_eq!(calls(&world), expected(&job));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_downloads_each_result_twice() {
    let world = World::kind().await;
    world.org.inject(JobFault::failed("Contact", 1, "TooManyLockFailure : Too many lock failures"));
    let run = world.write(json!({}), catalog(&[contact_stream()]), contacts(300)).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 300);
    // The second job has the rows that the first left unprocessed.
    let jobs = [("JobCreate", 2), ("JobUpload", 2), ("JobPatch", 2)];
    let results = [("SuccessfulResults", 2), ("FailedResults", 2), ("UnprocessedRecords", 2)];
    assert_eq!(calls(&world), expected(&[jobs, results].concat()));
}

/// An answer that is held back until this is dropped. A test that fails releases it too.
struct HeldAnswer(Hold);

impl Drop for HeldAnswer {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_batch_is_uploaded_while_the_previous_job_runs() {
    let world = World::new().await;
    // For the connector the first job runs until its state is answered.
    let answer = HeldAnswer(Hold::default());
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(answer.0.clone())));
    let upserts = keyed(contact_stream(), "append_dedup", "External_Id__c");
    let config = world.config(json!({"batch_size_mb": 0.01}));
    let lines = contacts(40);
    let sync = tokio::spawn(blocking(move || connector::write(&config, &catalog(&[upserts]), lines)));
    answer.0.reached().await;
    let uploads = || world.org.jobs().iter().filter(|job| job.uploaded_bytes.is_some()).count();
    wait_until(|| uploads() == 2).await;
    let jobs = world.org.jobs();
    drop(answer);
    let run = sync.await.unwrap();
    // The two jobs are created in parallel, so either can be the first of the list.
    let waiting = jobs.iter().filter(|job| job.state == JobState::Open).count();
    assert_eq!((jobs.len(), waiting), (2, 1), "the second job is not closed yet: {jobs:?}");
    run.assert_success();
    assert!(world.org.jobs().len() >= 4);
}
