//! Faults: what the client sees, and what the org does.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::{Method, header};
use salesforce_sim::{
    Answer, Effect, Endpoint, Fault, Hold, JobFault, JobState, RandomFaults, RequestFault, RowFault, Settings,
    SimulatedOrg, Truncation,
};
use serde_json::{Value, json};

use crate::client::{Client, send};

const CSV: &str = "Name\nExample \"\"Ltd\"\"\nExample Inc\n";

fn insert() -> Value {
    json!({"object": "Account", "operation": "insert"})
}

async fn client() -> Client {
    Client::start(Settings::default()).await
}

/// Sends a request whose answer is cut, and returns its status and the part of its body that arrived.
async fn broken(request: reqwest::RequestBuilder) -> (Option<u16>, Vec<u8>) {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            assert!(!error.is_connect() && !error.is_timeout(), "{error:?}");
            return (None, Vec::new());
        }
    };
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => panic!("the answer is whole"),
            Err(_) => return (Some(status), body),
        }
    }
}

#[tokio::test]
async fn an_injected_answer_replaces_the_call() {
    let client = client().await;
    for (answer, status, content_type, retry_after, part) in [
        (Answer::status(503), 503, Some("application/json;charset=UTF-8"), None, "SERVER_UNAVAILABLE"),
        (Answer::status(403), 403, Some("application/json;charset=UTF-8"), None, "REQUEST_LIMIT_EXCEEDED"),
        (Answer::status(401), 401, Some("application/json;charset=UTF-8"), None, "INVALID_SESSION_ID"),
        (Answer::html(420), 420, Some("text/html; charset=utf-8"), None, "<html>"),
        (Answer::empty(406).retry_after(7), 406, None, Some("7"), ""),
        (
            Answer::oauth_error(400, "invalid_grant", "ip restricted"),
            400,
            Some("application/json;charset=UTF-8"),
            None,
            "ip",
        ),
    ] {
        client.org.inject(RequestFault::new(Endpoint::JobCreate, answer));
        let answer = client.post("jobs/ingest", insert()).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, content_type));
        assert_eq!(answer.header("retry-after"), retry_after);
        assert!(answer.text.contains(part), "{}", answer.text);
        assert!(answer.text.is_empty() == part.is_empty());
        assert!(client.org.jobs().is_empty());
    }
    client.create(insert()).await;
}

#[tokio::test]
async fn a_connection_is_cut_before_or_after_the_call() {
    let client = client().await;
    let create = || client.request(Method::POST, "jobs/ingest").header("content-type", "application/json");
    for (effect, jobs) in [(Effect::Cut, 0), (Effect::LostAnswer, 1)] {
        client.org.inject(RequestFault::new(Endpoint::JobCreate, effect));
        assert_eq!(broken(create().body(insert().to_string())).await, (None, Vec::new()));
        assert_eq!(client.org.jobs().len(), jobs);
    }
    // The org cuts a large upload before it reads the body.
    let id = client.org.jobs()[0].id.clone();
    client.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Cut));
    let upload = client.request(Method::PUT, &format!("jobs/ingest/{id}/batches")).header("content-type", "text/csv");
    assert_eq!(broken(upload.body(vec![b'x'; 20_000_000])).await.0, None);
    assert_eq!(client.org.jobs()[0].uploaded_bytes, None);
}

#[tokio::test]
async fn a_body_is_truncated() {
    let client = client().await;
    let (id, _) = client.load(insert(), CSV).await;
    let whole = client.results(&id, "successfulResults").await.text;
    let path = format!("jobs/ingest/{id}/successfulResults");
    for ending in [Truncation::Chunked, Truncation::Length] {
        for bytes in [0, 5, whole.len() - 3, whole.len()] {
            client.org.inject(RequestFault::new(Endpoint::SuccessfulResults, Effect::Truncated(bytes, ending)));
            let (status, body) = broken(client.request(Method::GET, &path)).await;
            assert_eq!((status, body.as_slice()), (Some(200), &whole.as_bytes()[..bytes]), "{ending:?}");
        }
    }
    client.org.inject(RequestFault::new(Endpoint::SuccessfulResults, Effect::Truncated(9, Truncation::Unnoticed)));
    assert_eq!(client.results(&id, "successfulResults").await.text, whole[..9]);
    assert_eq!(client.results(&id, "successfulResults").await.text, whole);
}

#[tokio::test]
async fn an_answer_is_delayed_or_held_or_has_another_content_type() {
    let client = client().await;
    let late = Duration::from_millis(300);
    client.org.inject(RequestFault::new(Endpoint::JobCreate, Effect::Delayed(late)));
    let asked = tokio::time::Instant::now();
    let id = client.create(insert()).await;
    assert!(asked.elapsed() >= late);

    let hold = Hold::default();
    client.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(hold.clone())));
    let held = async {
        hold.reached().await;
        assert_eq!(client.org.jobs()[0].uploaded_bytes, Some(CSV.len()), "the call is done");
        hold.release();
    };
    let (answer, ()) = tokio::join!(client.upload(&id, CSV), held);
    assert_eq!(answer.status, 201);

    for content_type in [Some("text/plain"), None] {
        let effect = Effect::ContentType(content_type.map(str::to_owned));
        client.org.inject(RequestFault::new(Endpoint::JobInfo, effect));
        let answer = client.get(&format!("jobs/ingest/{id}")).await;
        assert_eq!((answer.header("content-type"), answer.json()["state"].as_str()), (content_type, Some("Open")));
    }
}

#[tokio::test]
async fn sessions_end_before_the_call() {
    let client = client().await;
    client.org.inject(RequestFault::new(Endpoint::JobCreate, Effect::SessionsEnded).starting_at(2));
    client.create(insert()).await;
    let refused = client.post("jobs/ingest", insert()).await.api_error();
    assert_eq!((refused.0, refused.1.as_str()), (401, "INVALID_SESSION_ID"));
    assert!(client.org.refresh_token().is_some());

    client.org.inject(RequestFault::new(Endpoint::Limits, Effect::ConnectionRevoked));
    assert_eq!(client.get("limits").await.status, 401);
    assert!(client.org.refresh_token().is_none());
}

#[tokio::test]
async fn a_job_fault_ends_one_job() {
    let rows: String = (0..500).map(|row| format!("Example {row}\n")).collect();
    let csv = format!("Name\n{rows}");
    for (fault, state, counts, left, saved) in [
        (JobFault::completed("Account", 0), JobState::JobComplete, (0, 0), 500, 0),
        (JobFault::completed("Account", 0).omit_unprocessed_rows(), JobState::JobComplete, (0, 0), 0, 0),
        (JobFault::out_of_batches("Account", 2), JobState::Failed, (400, 0), 0, 400),
        (JobFault::aborted("Account", 1), JobState::Aborted, (200, 0), 300, 200),
        (JobFault::failed("Account", 9, "Timeout : too long"), JobState::Failed, (500, 0), 0, 500),
        (JobFault::miscounted("Account", -1, 2), JobState::JobComplete, (499, 2), 0, 500),
    ] {
        let client = client().await;
        client.org.inject(fault.clone());
        let (id, job) = client.load(insert(), csv.clone()).await;
        assert_eq!(client.org.jobs()[0].state, state, "{fault:?}");
        let count = |key: &str| job[key].as_i64().unwrap();
        assert_eq!((count("numberRecordsProcessed"), count("numberRecordsFailed")), counts, "{fault:?}");
        assert_eq!(client.results(&id, "unprocessedrecords").await.lines().len() - 1, left, "{fault:?}");
        assert_eq!(client.org.count("Account"), saved, "{fault:?}");
        let (_, next) = client.load(insert(), CSV).await;
        assert_eq!(next["numberRecordsProcessed"], 2, "the fault affects one job");
    }
}

#[tokio::test]
async fn a_job_never_ends() {
    let client = client().await;
    client.org.inject(JobFault::never_ends("Account", 0));
    let id = client.create(insert()).await;
    client.upload(&id, CSV).await;
    client.set_state(&id, "UploadComplete").await;
    while client.org.jobs()[0].state != JobState::InProgress {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(client.get(&format!("jobs/ingest/{id}")).await.json()["state"], "InProgress");
    assert_eq!(client.set_state(&id, "Aborted").await.json()["state"], "Aborted");
}

#[tokio::test]
async fn faults_are_cleared() {
    let client = client().await;
    client.org.inject(RequestFault::new(Endpoint::JobCreate, Effect::Cut).always());
    client.org.inject(JobFault::never_ends("Account", 0));
    client.org.inject(RowFault::new("Account", "E:e:--"));
    client.org.inject("limits 503".parse::<Fault>().unwrap());
    assert_eq!(client.get("limits").await.status, 503);
    client.org.inject(RandomFaults::new(1.0, 0));
    client.org.clear_faults();
    assert_eq!(client.load(insert(), CSV).await.1["numberRecordsFailed"], 0);
}

/// Runs the program with arguments and returns the status of each request to it; `None` without an answer.
async fn outcomes_with(arguments: &[&str], requests: usize) -> Vec<Option<u16>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salesforce_sim"));
    let mut program = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // The program prints more lines, so its output stays open.
    let mut stdout = BufReader::new(program.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let versions = format!("{}/services/data", line.trim().strip_prefix("url=").unwrap());
    let http = reqwest::Client::builder().build().unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..requests {
        let answer = http.get(&versions).header(header::CONNECTION, "close").send().await;
        outcomes.push(answer.map(|answer| answer.status().as_u16()).ok());
    }
    program.kill().unwrap();
    program.wait().unwrap();
    outcomes
}

#[tokio::test]
async fn the_command_line_takes_faults() {
    let faults = ["--fault", "versions@2 503 html", "--fault", "versions@3 cut"];
    assert_eq!(outcomes_with(&faults, 4).await, [Some(200), Some(503), None, Some(200)]);
    let of_seed = async |seed: &str| outcomes_with(&["--fault-rate", "0.5", "--seed", seed], 12).await;
    let first = of_seed("3").await;
    assert_eq!(first, of_seed("3").await);
    assert_ne!(first, of_seed("4").await);
}

#[tokio::test]
async fn random_faults_are_the_same_for_the_same_seed() {
    let outcomes = async |seed: u64| {
        let org = SimulatedOrg::start(Settings::default()).await.unwrap();
        org.inject(RandomFaults::new(0.5, seed));
        let http = reqwest::Client::builder().build().unwrap();
        let client = Client { token: org.sign_in(), org, http };
        let mut outcomes = Vec::new();
        for _ in 0..30 {
            let request = client.request(Method::GET, "limits").header(header::CONNECTION, "close");
            let whole =
                async { Ok::<_, reqwest::Error>(request.send().await?.error_for_status()?.text().await?.len()) };
            outcomes.push(whole.await.map(drop).map_err(|error| error.status()));
        }
        outcomes
    };
    let first = outcomes(3).await;
    assert_eq!(first, outcomes(3).await);
    assert_ne!(first, outcomes(4).await);
    assert!(first.iter().any(Result::is_ok) && first.iter().any(Result::is_err));
    let client = client().await;
    assert_eq!(send(client.request(Method::GET, "limits")).await.status, 200);
}
