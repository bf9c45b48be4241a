//! Which calls a job takes, and which of them are made while another one runs.

use std::collections::BTreeMap;

use salesforce_sim::{Effect, Endpoint, Hold, JobFault, JobState, RequestFault, RowFault};
use serde_json::{Value, json};

use crate::connector;
use crate::world::{World, blocking, catalog, complete, record, state, stream, until};

/// So many contacts of about 1 kB each, their state and the end of their stream.
fn contacts(count: u64) -> Vec<String> {
    let contact = |number| json!({"LastName": format!("L{number}"), "External_Id__c": format!("E{number}"), "Description": "x".repeat(990)});
    let records = (0..count).map(|number| record("c", contact(number)));
    records.chain([state("c", count), complete("c")]).collect()
}

fn contact_stream() -> Value {
    stream("c", "Contact", &[("LastName", "string"), ("External_Id__c", "string"), ("Description", "string")])
}

/// How often each call was made. How often a job is asked for depends on how long it takes, so that is left out.
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
    let start = [("Token", 1), ("Limits", 1), ("Describe", 1)];
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
    let world = World::new().await;
    world.org.inject(
        RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:--")
            .when(|row| row.get("LastName").is_some_and(|name| name.ends_with('7'))),
    );
    let run = world.write(json!({}), catalog(&[contact_stream()]), contacts(30)).await;
    run.assert_success();
    assert_eq!(run.states()[0].counts(), (27, 3));
    let job = [("JobCreate", 1), ("JobUpload", 1), ("JobPatch", 1), ("FailedResults", 1)];
    assert_eq!(calls(&world), expected(&job));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_downloads_each_result_once() {
    let world = World::new().await;
    world.org.inject(JobFault::failed("Contact", 1, "TooManyLockFailure : Too many lock failures"));
    let run = world.write(json!({}), catalog(&[contact_stream()]), contacts(300)).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 300);
    // The second job is that of the rows which the first left unprocessed.
    let jobs = [("JobCreate", 2), ("JobUpload", 2), ("JobPatch", 2)];
    let results = [("SuccessfulResults", 1), ("FailedResults", 1), ("UnprocessedRecords", 1)];
    assert_eq!(calls(&world), expected(&[jobs, results].concat()));
}

/// Lets an answer go when the test is over, however it ends: the connector waits for it.
struct LetGo(Hold);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_batch_is_uploaded_while_the_previous_job_runs() {
    let world = World::new().await;
    // To the connector the first job runs for as long as the answer about it does not come.
    let answer = LetGo(Hold::default());
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(answer.0.clone())));
    let mut upserts = contact_stream();
    upserts["destination_sync_mode"] = json!("append_dedup");
    upserts["primary_key"] = json!([["External_Id__c"]]);
    let config = world.config(json!({"batch_size_mb": 0.01}));
    let lines = contacts(40);
    let sync = tokio::spawn(blocking(move || connector::write(&config, &catalog(&[upserts]), lines)));
    answer.0.reached().await;
    let uploads = || world.org.jobs().iter().filter(|job| job.uploaded_bytes.is_some()).count();
    until(|| uploads() == 2).await;
    let jobs = world.org.jobs();
    drop(answer);
    let run = sync.await.unwrap();
    // The two are created side by side, so either can be the first of the list.
    let waiting = jobs.iter().filter(|job| job.state == JobState::Open).count();
    assert_eq!((jobs.len(), waiting), (2, 1), "it waits for its turn, and takes no effect before: {jobs:?}");
    run.assert_success();
    assert!(world.org.jobs().len() >= 4);
}
