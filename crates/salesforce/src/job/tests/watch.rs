//! A job is watched to its end.

use super::*;

#[tokio::test]
async fn a_running_job_that_is_open_and_may_not_be_closed_is_aborted() {
    let stub = stub().await;
    stub.answer_once("PATCH", JOB, status("UploadComplete")).await;
    stub.answer("PATCH", JOB, refusal(403, "API_DISABLED_FOR_ORG")).await;
    stub.answer("GET", JOB, status("Open")).await;
    let running = uploaded(&stub.org().await).await.close(pending()).await.unwrap();
    let Err(CloseError::NotClosed(fault)) = running.wait(2, &|_: u64| {}).await else { panic!("closed") };
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Permission, Outcome::Known));
    assert_eq!(set_states(&stub).await, ["UploadComplete", "UploadComplete", "Aborted"]);
}

#[tokio::test]
async fn a_watcher_learns_each_count_of_processed_rows_while_the_job_runs() {
    let stub = stub().await;
    stub.answer("PATCH", JOB, status("UploadComplete")).await;
    let count = |state: &str, rows: u64| {
        ResponseTemplate::new(200).set_body_json(json!({ "id": ID, "state": state, "numberRecordsProcessed": rows }))
    };
    stub.answer_once("GET", JOB, status("UploadComplete")).await;
    stub.answer_once("GET", JOB, count("InProgress", 3)).await;
    stub.answer_once("GET", JOB, count("InProgress", 7)).await;
    stub.answer("GET", JOB, count("JobComplete", 9)).await;
    let seen = std::sync::Mutex::new(Vec::new());
    let running = uploaded(&stub.org().await).await.close(pending()).await.unwrap();
    assert_eq!(running.id(), ID);
    let job = running.wait(9, &|rows: u64| seen.lock().unwrap().push(rows)).await.unwrap();
    assert_eq!((&seen.into_inner().unwrap()[..], job.rows_processed()), (&[3, 7][..], Some(9)));
}

#[test]
fn each_end_of_a_job_has_its_words() {
    for (end, words) in [
        (JobEnd::Complete, "complete"),
        (JobEnd::Failed { message: "InvalidBatch : no".into() }, "failed (InvalidBatch : no)"),
        (JobEnd::Aborted, "aborted"),
    ] {
        assert_eq!(end.to_string(), words);
    }
}

/// A watcher of a sync that is halted.
struct Halted;

impl JobWatcher for Halted {
    fn progressed(&self, _: u64) {}

    fn is_halted(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_running_job_that_is_open_after_a_halt_is_aborted_and_not_closed_again() {
    let stub = stub().await;
    stub.answer_once("PATCH", JOB, status("UploadComplete")).await;
    stub.answer("GET", JOB, status("Open")).await;
    let running = uploaded(&stub.org().await).await.close(pending()).await.unwrap();
    assert!(matches!(running.wait(2, &Halted).await, Err(CloseError::Stopped)));
    assert_eq!(set_states(&stub).await, ["UploadComplete", "Aborted"]);
}

/// A watcher with few requests left.
struct Patient(AtomicU32);

impl JobWatcher for Patient {
    fn progressed(&self, _: u64) {}

    fn wait(&self, _: Duration, usual: Duration) -> Duration {
        usual.max(Duration::from_millis(300))
    }

    fn asks(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_watcher_decides_how_often_the_status_is_asked_for() {
    let stub = stub().await;
    stub.answer("PATCH", JOB, status("UploadComplete")).await;
    stub.answer_once("GET", JOB, status("InProgress")).await;
    stub.answer("GET", JOB, status("Aborted")).await;
    let running = uploaded(&stub.org().await).await.close(pending()).await.unwrap();
    let (watcher, started) = (Patient(AtomicU32::new(0)), tokio::time::Instant::now());
    let mut job = running.wait(2, &watcher).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(600), "{:?}", started.elapsed());
    let before = watcher.0.load(Ordering::Relaxed);
    assert_eq!(before as usize, stub.requests("GET", JOB).await.len());
    job.wait_for_standstill(Duration::from_millis(600), &watcher).await.unwrap();
    assert_eq!(watcher.0.load(Ordering::Relaxed) - before, 2, "one reading a wait, and not fifteen");
    assert_eq!(stub.requests("GET", JOB).await.len() as u32, before + 2);
}

#[tokio::test]
async fn trouble_while_a_job_runs_is_waited_out() {
    let stub = stub().await;
    stub.answer("PATCH", JOB, status("UploadComplete")).await;
    // More than the retries of one call.
    for _ in 0..quick().calls.attempts + 2 {
        stub.answer_once("GET", JOB, ResponseTemplate::new(503)).await;
    }
    stub.answer_once("GET", JOB, ResponseTemplate::new(404).set_body_raw("<html>", "text/html")).await;
    stub.answer("GET", JOB, status("JobComplete")).await;
    let job =
        uploaded(&stub.patient_org().await).await.close(pending()).await.unwrap().wait(2, &|_: u64| {}).await.unwrap();
    assert_eq!(job.end(), &JobEnd::Complete);
}

#[tokio::test]
async fn every_end_of_a_job_is_reported() {
    for (body, end) in [
        (json!({ "id": ID, "state": "Aborted", "numberRecordsProcessed": 1 }), JobEnd::Aborted),
        (
            json!({ "id": ID, "state": "Failed", "errorMessage": "InvalidBatch : Field name not found : Nmae" }),
            JobEnd::Failed { message: "InvalidBatch : Field name not found : Nmae".into() },
        ),
    ] {
        let stub = stub().await;
        stub.answer("PATCH", JOB, status("UploadComplete")).await;
        stub.answer("GET", JOB, ResponseTemplate::new(200).set_body_json(body)).await;
        let job =
            uploaded(&stub.org().await).await.close(pending()).await.unwrap().wait(2, &|_: u64| {}).await.unwrap();
        assert_eq!(job.end(), &end);
    }
}

#[tokio::test]
async fn a_running_job_out_of_reach_has_an_unknown_outcome() {
    for (answer, kind, word) in [
        (refusal(404, "NOT_FOUND"), FaultKind::NotFound, "is gone"),
        (ResponseTemplate::new(503), FaultKind::Transient, "empty answer"),
    ] {
        let stub = stub().await;
        stub.answer("PATCH", JOB, status("UploadComplete")).await;
        stub.answer("GET", JOB, answer).await;
        let running = uploaded(&stub.org().await).await.close(pending()).await.unwrap();
        let Err(CloseError::OutcomeUnknown(fault)) = running.wait(2, &|_: u64| {}).await else { panic!("known") };
        assert_eq!((fault.kind(), fault.outcome()), (kind, Outcome::Unknown));
        assert!(fault.message().contains(word), "{}", fault.message());
    }
}

#[tokio::test]
async fn a_job_that_does_not_end_within_a_day_is_a_fault() {
    let stub = stub().await;
    stub.answer("PATCH", JOB, status("UploadComplete")).await;
    stub.answer("GET", JOB, status("InProgress")).await;
    let running = uploaded(&stub.hasty_org().await).await.close(pending()).await.unwrap();
    let Err(CloseError::OutcomeUnknown(fault)) = running.wait(2, &|_: u64| {}).await else { panic!("known") };
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::StillRunning, Outcome::Unknown));
    assert!(fault.message().contains("has not ended within"), "{}", fault.message());
    assert!(stub.requests("GET", JOB).await.len() > 1, "its status was read");
    assert_eq!(set_states(&stub).await, ["UploadComplete"], "a running job is not aborted");
    assert_eq!(crate::timing::Timing::default().longest_job.as_secs(), 24 * 60 * 60);
}

#[tokio::test]
async fn the_counts_of_a_job_stand_still_before_its_results_are_believed() {
    let stub = stub().await;
    stub.answer("PATCH", JOB, status("UploadComplete")).await;
    let aborted = |rows: u64, failed: u64| {
        ResponseTemplate::new(200).set_body_json(json!({
            "id": ID, "state": "Aborted", "numberRecordsProcessed": rows, "numberRecordsFailed": failed
        }))
    };
    // The last changes are of the failed rows alone, for longer than a standstill.
    let failed = (0..20).map(|failed| (800, failed));
    for (rows, failed) in [(200, 0), (200, 0), (200, 0), (400, 0), (400, 0), (600, 0)].into_iter().chain(failed) {
        stub.answer_once("GET", JOB, aborted(rows, failed)).await;
    }
    stub.answer("GET", JOB, aborted(800, 20)).await;
    let mut job =
        uploaded(&stub.org().await).await.close(pending()).await.unwrap().wait(800, &|_: u64| {}).await.unwrap();
    assert_eq!(job.rows_processed(), Some(200));
    job.wait_for_standstill(Duration::from_millis(150), &|_: u64| {}).await.unwrap();
    assert_eq!((job.rows_processed(), job.rows_failed()), (Some(800), Some(20)));
    let requests = stub.requests("GET", JOB).await.len();
    assert!(requests > 30, "the last counts were read several times: {requests}");
}

#[tokio::test]
async fn counts_that_change_for_a_day_are_a_fault() {
    let stub = stub().await;
    stub.answer("PATCH", JOB, status("UploadComplete")).await;
    let rows = AtomicU32::new(0);
    let aborted = move |_: &wiremock::Request| {
        let rows = rows.fetch_add(1, Ordering::Relaxed);
        ResponseTemplate::new(200)
            .set_body_json(json!({ "id": ID, "state": "Aborted", "numberRecordsProcessed": rows }))
    };
    Mock::given(method("GET"))
        .and(path(format!("/services/data{JOB}")))
        .respond_with(aborted)
        .mount(&stub.server)
        .await;
    let mut job =
        uploaded(&stub.hasty_org().await).await.close(pending()).await.unwrap().wait(2, &|_: u64| {}).await.unwrap();
    let fault = job.wait_for_standstill(Duration::from_secs(1), &|_: u64| {}).await.unwrap_err();
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::StillRunning, Outcome::Unknown));
    assert!(fault.message().contains("still change"), "{}", fault.message());
}
