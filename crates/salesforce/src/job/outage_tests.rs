//! Outages of one step, with the waits of a real load and a paused clock.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::*;
use crate::stub_org::{Then, ok, org_with, patient_org_at, raw_server, raw_server_with_outage};
use crate::timing::Timing;

const ID: &str = "7503h00000CV7GpAAL";
const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const CREATED: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The calls of a job, in order.
const CALLS: [&str; 4] = ["POST", "PUT", "PATCH", "GET"];

fn status(state: &str) -> Vec<u8> {
    ok(&format!(r#"{{"id":"{ID}","state":"{state}"}}"#))
}

/// An org that answers one call with 503 for so many minutes.
async fn org_without(call: &'static str, minutes: u64) -> (Org, Arc<AtomicBool>) {
    let (started, closed) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let (is_closed, is_uploaded) = (Arc::clone(&closed), AtomicBool::new(false));
    let uri = raw_server(Then::Close, move |head| {
        let verb = head.split(' ').next().unwrap();
        if verb == call && started.elapsed() < Duration::from_secs(60 * minutes) {
            return UNAVAILABLE.to_vec();
        }
        match verb {
            "POST" => status("Open"),
            "PUT" => {
                is_uploaded.store(true, Ordering::Relaxed);
                CREATED.to_vec()
            }
            "PATCH" => {
                // Before the upload it is an abort.
                is_closed.fetch_or(is_uploaded.load(Ordering::Relaxed), Ordering::Relaxed);
                status("UploadComplete")
            }
            _ => status(if is_closed.load(Ordering::Relaxed) { "JobComplete" } else { "Open" }),
        }
    });
    (org_with(&uri.await, Timing::default()).await, closed)
}

fn spec() -> JobSpec {
    JobSpec {
        object: "Contact".into(),
        operation: Operation::Insert,
        external_id_field: None,
        assignment_rule_id: None,
    }
}

fn csv() -> Arc<Bytes> {
    Arc::new(Bytes::from("LastName\nA\n"))
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_twenty_five_minutes_is_waited_out_at_every_step() {
    for call in CALLS {
        let started = Instant::now();
        let (org, _) = org_without(call, 25).await;
        let uploaded = org.upload_job(&spec(), csv(), pending()).await.unwrap();
        let job = uploaded.close(pending()).await.unwrap().wait(1, &|_: u64| {}).await.unwrap();
        assert_eq!(job.end(), &JobEnd::Complete, "{call}");
        let minutes = started.elapsed().as_secs() / 60;
        assert!((25..30).contains(&minutes), "{call}: {minutes} minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn after_half_an_hour_a_step_is_given_up_and_only_a_closed_job_is_in_doubt() {
    for call in CALLS {
        let started = Instant::now();
        let (org, closed) = org_without(call, 120).await;
        let fault = match org.upload_job(&spec(), csv(), pending()).await {
            Err(UploadError::NotCreated(fault) | UploadError::NotUploaded(fault)) => fault,
            Err(UploadError::Stopped) => panic!("stopped"),
            Ok(uploaded) => match uploaded.close(pending()).await {
                Ok(running) => match running.wait(1, &|_: u64| {}).await {
                    Err(CloseError::OutcomeUnknown(fault)) => fault,
                    _ => panic!("{call}: known"),
                },
                Err(CloseError::NotClosed(fault)) => fault,
                Err(error) => panic!("{error}"),
            },
        };
        let outcome = if call == "GET" { Outcome::Unknown } else { Outcome::Known };
        assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Transient, outcome), "{call}: {fault}");
        let minutes = started.elapsed().as_secs() / 60;
        assert!((29..35).contains(&minutes), "{call}: {minutes} minutes");
        assert_eq!(closed.load(Ordering::Relaxed), call == "GET", "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_before_the_commit_point() {
    for call in ["POST", "PUT", "PATCH"] {
        let started = Instant::now();
        let (org, closed) = org_without(call, 120).await;
        let stop = || sleep(Duration::from_secs(5 * 60));
        match org.upload_job(&spec(), csv(), stop()).await {
            Err(UploadError::Stopped) => {}
            Ok(uploaded) => assert!(matches!(uploaded.close(stop()).await, Err(CloseError::Stopped)), "{call}"),
            Err(error) => panic!("{call}: {error}"),
        }
        let seconds = started.elapsed().as_secs();
        assert!((300..340).contains(&seconds), "{call}: {seconds} seconds");
        assert!(!closed.load(Ordering::Relaxed), "{call}");
    }
}

/// Closes a job that has this state after so many closes. Returns it when it has ended, and how often it was closed.
async fn closed_job(state: impl Fn(u32) -> &'static str + Send + Sync + 'static) -> (FinishedJob, u32) {
    let closes = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&closes);
    let uri = raw_server(Then::Close, move |head| match head.split(' ').next().unwrap() {
        "POST" => status("Open"),
        "PUT" => CREATED.to_vec(),
        "PATCH" => {
            count.fetch_add(1, Ordering::Relaxed);
            status("UploadComplete")
        }
        _ => status(state(count.load(Ordering::Relaxed))),
    });
    let org = org_with(&uri.await, Timing::default()).await;
    let uploaded = org.upload_job(&spec(), csv(), pending()).await.unwrap();
    let job = uploaded.close(pending()).await.unwrap().wait(1, &|_: u64| {}).await.unwrap();
    (job, closes.load(Ordering::Relaxed))
}

/// The first close is answered as if it were done, and the job stays open.
#[tokio::test(start_paused = true)]
async fn a_job_seen_open_after_its_close_is_closed_again() {
    let (_, closes) = closed_job(|closes| if closes > 1 { "JobComplete" } else { "Open" }).await;
    assert_eq!(closes, 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_stays_open_after_its_close_is_in_doubt_after_half_an_hour() {
    let uri = raw_server(Then::Close, move |head| match head.split(' ').next().unwrap() {
        "PUT" => CREATED.to_vec(),
        "PATCH" => status("UploadComplete"),
        _ => status("Open"),
    });
    let org = org_with(&uri.await, Timing::default()).await;
    let started = Instant::now();
    let uploaded = org.upload_job(&spec(), csv(), pending()).await.unwrap();
    let running = uploaded.close(pending()).await.unwrap();
    let Err(CloseError::OutcomeUnknown(fault)) = running.wait(1, &|_: u64| {}).await else { panic!("known") };
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Transient, Outcome::Unknown));
    assert!(fault.message().contains("stays open"), "{fault}");
    assert_eq!(started.elapsed().as_secs() / 60, 30);
}

/// It is open after its close, runs for so many minutes, and is open again.
#[tokio::test(start_paused = true)]
async fn a_job_that_ran_in_between_has_half_an_hour_again_to_be_closed() {
    let started = Instant::now();
    let state = move |closes| match (closes, started.elapsed() > Duration::from_secs(60 * 60)) {
        (1, _) => "Open",
        (_, false) => "InProgress",
        // It stays open for more than one look.
        (2..5, true) => "Open",
        (_, true) => "JobComplete",
    };
    let (job, closes) = closed_job(state).await;
    assert_eq!((job.end(), closes), (&JobEnd::Complete, 5));
}

#[tokio::test(start_paused = true)]
async fn a_job_in_an_unknown_state_is_watched() {
    let polls = AtomicU32::new(0);
    let uri = raw_server(Then::Close, move |head| match head.split(' ').next().unwrap() {
        "POST" => status("Open"),
        "PUT" => CREATED.to_vec(),
        "PATCH" => status("UploadComplete"),
        _ => status(if polls.fetch_add(1, Ordering::Relaxed) < 20 { "Resting" } else { "JobComplete" }),
    });
    let org = org_with(&uri.await, Timing::default()).await;
    let uploaded = org.upload_job(&spec(), csv(), pending()).await.unwrap();
    let job = uploaded.close(pending()).await.unwrap().wait(1, &|_: u64| {}).await.unwrap();
    assert_eq!(job.end(), &JobEnd::Complete);
}

/// Each call of a load before its first job, and the sign-in.
#[tokio::test(start_paused = true)]
async fn an_outage_before_the_first_job_is_waited_out_by_a_patient_program() {
    for is_sign_in in [true, false] {
        let started = Instant::now();
        let is_out = move || started.elapsed() < Duration::from_secs(25 * 60);
        let uri = raw_server_with_outage(
            Then::Close,
            move || is_sign_in && is_out(),
            move |head| match head {
                _ if is_out() => UNAVAILABLE.to_vec(),
                head if head.contains("/limits") => ok("{}"),
                head if head.contains("/composite") => ok(r#"{"compositeResponse":[]}"#),
                head if head.contains("/Account/") => ok(r#"{"name":"Account","fields":[]}"#),
                _ => ok(r#"{"name":"Contact","fields":[]}"#),
            },
        );
        let org = patient_org_at(&uri.await).await;
        if is_sign_in {
            assert!(!is_out(), "the sign-in has waited");
        }
        let names = ["Contact".to_owned(), "Account".to_owned()];
        let calls = tokio::join!(org.limits(), org.describe("Contact"), org.describe_many(&names));
        assert!(calls.0.is_ok(), "{:?}", calls.0);
        assert!(calls.1.is_ok(), "{:?}", calls.1);
        assert!(calls.2.iter().all(Result::is_ok), "{:?}", calls.2);
        let minutes = started.elapsed().as_secs() / 60;
        assert!((25..30).contains(&minutes), "{minutes} minutes");
    }
}
