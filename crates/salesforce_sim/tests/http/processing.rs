//! The processing of jobs: time, faults, allowances.

use std::time::Duration;

use salesforce_sim::{JobFault, JobState, RowFault, Settings};
use serde_json::{Value, json};

use crate::client::Client;

fn accounts(range: std::ops::Range<usize>) -> String {
    let rows: String = range.map(|row| format!("Example {row},K-{row}\n")).collect();
    format!("Name,External_Id__c\n{rows}")
}

fn insert() -> Value {
    json!({"object": "Account", "operation": "insert"})
}

fn counts(job: &Value) -> (u64, u64) {
    let count = |key: &str| job[key].as_u64().unwrap();
    (count("numberRecordsProcessed"), count("numberRecordsFailed"))
}

#[tokio::test]
async fn counters_grow_while_a_job_is_in_progress() {
    let client = Client::start(Settings { time_per_chunk: Duration::from_millis(20), ..Settings::default() }).await;
    let id = client.create(insert()).await;
    client.upload(&id, accounts(0..2_000)).await;
    assert_eq!(client.set_state(&id, "UploadComplete").await.json()["state"], "UploadComplete");
    let mut seen = Vec::new();
    loop {
        let job = client.get(&format!("jobs/ingest/{id}")).await.json();
        if job["state"] == "InProgress" {
            seen.push(counts(&job).0);
        } else if job["state"] == "JobComplete" {
            assert_eq!(counts(&job), (2_000, 0));
            assert!(job["totalProcessingTime"].as_u64().unwrap() >= 200);
            break;
        }
    }
    assert!(seen.is_sorted() && seen.iter().any(|count| (1..2_000).contains(count)), "{seen:?}");
    assert!(seen.iter().all(|count| count % 200 == 0), "{seen:?}");
}

#[tokio::test]
async fn a_forgetful_org_keeps_counts_and_failed_rows() {
    let client = Client::start(Settings { forgetful: true, ..Settings::default() }).await;
    let (id, job) = client.load(insert(), accounts(0..500)).await;
    assert_eq!((job["state"].as_str(), counts(&job)), (Some("JobComplete"), (500, 0)));
    let summary = &client.org.jobs()[0];
    assert_eq!((summary.uploaded_bytes, summary.rows, client.org.count("Account")), (Some(0), 500, 0));
    assert_eq!(client.results(&id, "successfulResults").await.status, 200);

    client.org.inject(RowFault::new("Account", "SOME_CODE:no:--").when(|row| row.get("Name") == Some("Example 7")));
    let (id, job) = client.load(insert(), accounts(0..500)).await;
    assert_eq!((counts(&job), client.org.count("Account")), ((500, 1), 499));
    assert_eq!(client.results(&id, "failedResults").await.lines().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn waits_use_tokios_clock() {
    let settings = Settings { time_per_batch: Duration::from_secs(2), ..Settings::default() };
    let org = salesforce_sim::SimulatedOrg::start(settings).await.unwrap();
    let http = reqwest::Client::builder().build().unwrap();
    let started = tokio::time::Instant::now();
    let client = Client { token: org.sign_in(), org, http };
    let (_, job) = client.load(insert(), accounts(0..10_001)).await;
    assert_eq!(job["state"], "JobComplete");
    assert!((4..20).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_interrupted_job_leaves_rows_unprocessed() {
    for (fault, state, message) in [
        (
            JobFault::failed("Account", 2, "TooManyLockFailure : Too many lock failure 20"),
            JobState::Failed,
            json!("TooManyLockFailure : Too many lock failure 20"),
        ),
        (JobFault::aborted("Account", 2), JobState::Aborted, Value::Null),
    ] {
        let client = Client::start(Settings::default()).await;
        client.org.inject(fault);
        client.org.inject(
            RowFault::new("Account", "FIELD_CUSTOM_VALIDATION_EXCEPTION:not this one:--")
                .when(|row| row.get("Name") == Some("Example 7")),
        );
        let (id, job) = client.load(insert(), accounts(0..1_000)).await;
        assert_eq!((job["state"].as_str().unwrap(), counts(&job)), (state.as_str(), (400, 1)));
        assert_eq!(job.get("errorMessage").cloned().unwrap_or_default(), message);
        assert_eq!(client.org.count("Account"), 399, "saved rows stay");
        let rows = async |set: &str| client.results(&id, set).await.lines().len() - 1;
        assert_eq!((rows("successfulResults").await, rows("failedResults").await), (399, 1));
        let unprocessed = client.results(&id, "unprocessedrecords").await;
        assert_eq!(unprocessed.lines().len(), 601);
        assert_eq!(unprocessed.lines()[1], "Example 400,K-400", "as it was uploaded");

        let (_, job) = client.load(insert(), accounts(2_000..2_001)).await;
        assert_eq!(job["state"], "JobComplete", "the fault affects one job");
    }
}

#[tokio::test]
async fn a_running_job_can_be_aborted_but_not_deleted() {
    let client = Client::start(Settings { time_per_batch: Duration::from_secs(3_600), ..Settings::default() }).await;
    let id = client.create(insert()).await;
    client.upload(&id, accounts(0..300)).await;
    client.set_state(&id, "UploadComplete").await;
    while client.org.jobs()[0].state != JobState::InProgress {
        tokio::task::yield_now().await;
    }
    let delete = client.request(reqwest::Method::DELETE, &format!("jobs/ingest/{id}"));
    assert_eq!(crate::client::send(delete).await.api_error().1, "INVALIDJOBSTATE");
    assert_eq!(client.set_state(&id, "Aborted").await.json()["state"], "Aborted");
    assert_eq!(client.results(&id, "unprocessedrecords").await.lines().len(), 301);
    let again = client.set_state(&id, "Aborted").await.api_error();
    let text = "Aborting already Completed Job not allowed";
    assert_eq!(again, (400, "INVALIDJOBSTATE".to_owned(), text.to_owned()));
}

#[tokio::test]
async fn each_10_000_rows_use_one_daily_batch() {
    let client = Client::start(Settings::default()).await;
    client.org.set_remaining_batches(3);
    let (_, job) = client.load(insert(), accounts(0..10_001)).await;
    assert_eq!(counts(&job), (10_001, 0));
    assert_eq!(client.get("limits").await.json()["DailyBulkApiBatches"]["Remaining"], 1);

    let (id, job) = client.load(insert(), accounts(20_000..30_500)).await;
    assert_eq!((&job["state"], counts(&job)), (&json!("Failed"), (10_000, 0)));
    assert_eq!(job["errorMessage"], "ExceededQuota : ApiBatchItems Limit exceeded");
    assert_eq!(client.results(&id, "unprocessedrecords").await.lines().len(), 501);
}

#[tokio::test]
async fn a_key_may_repeat_in_another_chunk() {
    let client = Client::start(Settings::default()).await;
    let mut csv = accounts(0..200);
    csv.push_str("Changed,K-0\n");
    let job = json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "External_Id__c"});
    let (id, done) = client.load(job, csv).await;
    assert_eq!(counts(&done), (201, 0));
    assert_eq!(client.org.count("Account"), 200);
    assert_eq!(client.org.records("Account")[0]["Name"].as_deref(), Some("Changed"));
    let successful = client.results(&id, "successfulResults").await;
    assert_eq!(successful.text.matches("\"false\"").count(), 1);
}

#[tokio::test]
async fn results_have_the_same_order_for_the_same_seed() {
    let order = async |seed: u64| {
        let client = Client::start(Settings { seed, ..Settings::default() }).await;
        let (id, _) = client.load(insert(), accounts(0..50)).await;
        let first = client.results(&id, "successfulResults").await.text;
        assert_eq!(first, client.results(&id, "successfulResults").await.text);
        first
    };
    let (first, again, other) = (order(1).await, order(1).await, order(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(!first.lines().skip(1).is_sorted());
}

#[tokio::test]
async fn jobs_share_the_records() {
    let client = Client::start(Settings::default()).await;
    let contact = json!({"object": "Contact", "operation": "insert"});
    let (_, accounts) = tokio::join!(client.load(contact, "LastName\nDoe\n"), client.load(insert(), accounts(0..600)),);
    assert_eq!(counts(&accounts.1), (600, 0));
    let (_, job) = client
        .load(json!({"object": "Contact", "operation": "insert"}), "LastName,Account.External_Id__c\nRoe,K-599\n")
        .await;
    assert_eq!(counts(&job), (1, 0));
    let account = client.org.records("Account")[599]["Id"].clone();
    assert_eq!(client.org.records("Contact")[1]["AccountId"], account);
}
