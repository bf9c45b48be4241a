use std::future::{pending, ready};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use salesforce::{
    CloseError, Fault, FaultKind, FinishedJob, JobEnd, JobSpec, Operation, Org, ResultRows, RowError, UploadError,
    UploadedJob,
};
use salesforce_sim::{Answer, Effect, Endpoint, JobFault, JobState, Object, RequestFault, RowFault, Settings};

use crate::start;

fn insert(object: &str) -> JobSpec {
    JobSpec { object: object.into(), operation: Operation::Insert, external_id_field: None, assignment_rule_id: None }
}

/// Accounts with the names `A0`, `A1` and on.
fn accounts(rows: u64) -> Arc<Bytes> {
    let names: String = (0..rows).map(|row| format!("A{row}\n")).collect();
    Arc::new(Bytes::from(format!("Name\n{names}")))
}

async fn uploaded(org: &Org, rows: u64) -> UploadedJob {
    org.create_job(&insert("Account")).await.unwrap().upload(accounts(rows), pending()).await.unwrap()
}

async fn finished(org: &Org, rows: u64) -> FinishedJob {
    uploaded(org, rows).await.close(pending()).await.unwrap().wait(rows, &|_: u64| {}).await.unwrap()
}

/// The rows below the header.
async fn read(rows: Result<ResultRows, Fault>) -> Vec<Vec<String>> {
    let mut rows = rows.unwrap();
    let mut read = Vec::new();
    while let Some(row) = rows.next().await.unwrap() {
        read.push(row.iter().map(str::to_owned).collect());
    }
    read
}

#[tokio::test]
async fn a_job_accounts_for_every_row() {
    let (sim, org) = start(Settings::default()).await;
    let locked = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    sim.inject(RowFault::new("Account", locked).when(|row| row.get("Name").is_some_and(|name| name.ends_with('7'))));
    let counts = Mutex::new(Vec::new());
    let running = uploaded(&org, 1_000).await.close(pending()).await.unwrap();
    let job = running.wait(1_000, &|processed: u64| counts.lock().unwrap().push(processed)).await.unwrap();

    assert_eq!((job.end(), job.rows_processed(), job.rows_failed()), (&JobEnd::Complete, Some(1_000), Some(100)));
    assert!(counts.lock().unwrap().is_sorted());
    assert_eq!(sim.count("Account"), 900);
    let header = |rows: &Result<ResultRows, Fault>| rows.as_ref().ok().map(|rows| rows.header().join(","));
    let failed = job.failed_rows().await;
    assert_eq!(header(&failed).unwrap(), "sf__Id,sf__Error,Name");
    let failed = read(failed).await;
    assert_eq!(failed.len(), 100);
    for row in failed {
        let error = RowError::parse(&row[1]).remove(0);
        assert!(row[2].ends_with('7') && error.code == "UNABLE_TO_LOCK_ROW" && error.may_retry(Operation::Insert));
    }
    let successful = job.successful_rows().await;
    assert_eq!(header(&successful).unwrap(), "sf__Id,sf__Created,Name");
    assert_eq!(read(successful).await.len(), 900);
    assert_eq!(read(job.unprocessed_rows().await).await.len(), 0);
}

#[tokio::test]
async fn an_upsert_finds_records_by_an_external_id() {
    let object =
        Object::custom("Shipment__c").field(salesforce_sim::Field::text("Number__c", 40).external_id().unique());
    let (sim, org) = start(Settings { objects: vec![object], ..Settings::default() }).await;
    let spec =
        JobSpec { operation: Operation::Upsert, external_id_field: Some("Number__c".into()), ..insert("Shipment__c") };
    for name in ["first", "second"] {
        let csv = Arc::new(Bytes::from(format!("Number__c,Name\n1,{name}\n")));
        let uploaded = org.create_job(&spec).await.unwrap().upload(csv, pending()).await.unwrap();
        uploaded.close(pending()).await.unwrap().wait(1, &|_: u64| {}).await.unwrap();
    }
    let records = sim.records("Shipment__c");
    assert_eq!((records.len(), records[0]["Name"].as_deref()), (1, Some("second")));
}

#[tokio::test]
async fn a_failed_job_returns_its_unprocessed_rows() {
    let (sim, org) = start(Settings::default()).await;
    sim.inject(JobFault::failed("Account", 1, "InvalidBatch : Field name not found : Nmae"));
    let job = finished(&org, 500).await;
    let JobEnd::Failed { message } = job.end() else { panic!("{:?}", job.end()) };
    let fault = Fault::of_failed_job(message);
    assert_eq!((fault.kind(), fault.code()), (FaultKind::Configuration, Some("InvalidBatch")));
    assert_eq!(read(job.successful_rows().await).await.len(), 200);
    assert_eq!(read(job.unprocessed_rows().await).await.len(), 300);
}

#[tokio::test]
async fn an_abort_by_someone_else_is_an_end() {
    let (sim, org) = start(Settings::default()).await;
    sim.inject(JobFault::aborted("Account", 1));
    assert_eq!(finished(&org, 500).await.end(), &JobEnd::Aborted);
}

#[tokio::test]
async fn an_aborted_job_has_no_effect() {
    let (sim, org) = start(Settings::default()).await;
    org.create_job(&insert("Account")).await.unwrap().abort().await;
    uploaded(&org, 3).await.abort().await;
    assert!(sim.jobs().iter().all(|job| job.state == JobState::Aborted));
    assert_eq!((sim.jobs().len(), sim.count("Account")), (2, 0));
}

#[tokio::test]
async fn a_stopped_upload_aborts_the_job() {
    let (sim, org) = start(Settings::default()).await;
    let open = org.create_job(&insert("Account")).await.unwrap();
    sim.inject(RequestFault::new(Endpoint::JobUpload, Effect::Delayed(std::time::Duration::from_secs(60))));
    let stopped = open.upload(accounts(3), ready(())).await;
    assert!(matches!(stopped, Err(UploadError::Stopped)));
    assert_eq!(sim.jobs()[0].state, JobState::Aborted);
}

#[tokio::test]
async fn a_refused_job_is_reported_at_once() {
    let settings = Settings {
        objects: vec![Object::custom("Closed__c").without_bulk()],
        hard_delete: false,
        ..Settings::default()
    };
    let (sim, org) = start(settings).await;
    let hard_delete = JobSpec { operation: Operation::HardDelete, ..insert("Account") };
    for (spec, kind) in [(insert("Closed__c"), FaultKind::Configuration), (hard_delete, FaultKind::Permission)] {
        let fault = org.create_job(&spec).await.err().unwrap();
        assert_eq!(fault.kind(), kind, "{fault}");
    }
    let creations = sim.requests().iter().filter(|request| request.endpoint == Endpoint::JobCreate).count();
    assert_eq!((creations, sim.jobs().len()), (2, 0));
}

#[tokio::test]
async fn a_close_whose_answer_is_lost_is_not_made_twice() {
    let (sim, org) = start(Settings::default()).await;
    sim.inject(RequestFault::new(Endpoint::JobPatch, Effect::LostAnswer));
    assert_eq!(finished(&org, 3).await.rows_processed(), Some(3));
    let closes = sim.requests().iter().filter(|request| request.endpoint == Endpoint::JobPatch).count();
    assert_eq!((closes, sim.count("Account")), (1, 3));
}

#[tokio::test]
async fn a_refused_close_has_no_effect() {
    let (sim, org) = start(Settings::default()).await;
    let disabled = Answer::error(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner");
    sim.inject(RequestFault::new(Endpoint::JobPatch, disabled));
    let Err(CloseError::NotClosed(fault)) = uploaded(&org, 3).await.close(pending()).await else { panic!("closed") };
    assert_eq!((fault.kind(), sim.count("Account")), (FaultKind::Permission, 0));
    assert_eq!(sim.jobs()[0].state, JobState::Aborted);
}

#[tokio::test]
async fn results_that_break_off_are_read_again_by_the_caller() {
    let (sim, org) = start(Settings::default()).await;
    let job = finished(&org, 300).await;
    sim.inject(RequestFault::new(
        Endpoint::SuccessfulResults,
        Effect::Truncated(2_000, salesforce_sim::Truncation::Length),
    ));
    let mut rows = job.successful_rows().await.unwrap();
    let fault = loop {
        match rows.next().await {
            Ok(row) => assert!(row.is_some(), "the end of the rows"),
            Err(fault) => break fault,
        }
    };
    assert!(fault.is_transient(), "{fault}");
    assert_eq!(read(job.successful_rows().await).await.len(), 300);
}
