//! A small client for the tests.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, header};
use salesforce_sim::{Settings, SimulatedOrg};
use serde_json::{Value, json};

/// An answer of the org.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) headers: header::HeaderMap,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The status, code and message of a REST API error.
    pub(crate) fn api_error(&self) -> (u16, String, String) {
        let body = self.json();
        let text = |key: &str| body[0][key].as_str().unwrap().to_owned();
        (self.status, text("errorCode"), text("message"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The rows of a CSV answer, sorted after the header.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let mut lines: Vec<&str> = self.text.lines().collect();
        if let Some((_, rows)) = lines.split_first_mut() {
            rows.sort_unstable();
        }
        lines
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// An org with a client that is signed in.
pub(crate) struct Client {
    pub(crate) org: SimulatedOrg,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

impl Client {
    pub(crate) async fn start(settings: Settings) -> Self {
        let org = SimulatedOrg::start(settings).await.unwrap();
        // Answers stay packed, also where another crate of the build lets clients unpack them.
        let http = reqwest::Client::builder().no_gzip().timeout(Duration::from_secs(120)).build().unwrap();
        let token = org.sign_in();
        Self { org, http, token }
    }

    /// A request below `/services/data/v62.0/`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/services/data/v62.0/{path}", self.org.url());
        self.http.request(method, url).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let request = self.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        send(request.body(body.to_string())).await
    }

    pub(crate) async fn create(&self, job: Value) -> String {
        let answer = self.post("jobs/ingest", job).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn upload(&self, id: &str, csv: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::PUT, &format!("jobs/ingest/{id}/batches"));
        send(request.header(header::CONTENT_TYPE, "text/csv").body(csv)).await
    }

    pub(crate) async fn set_state(&self, id: &str, state: &str) -> Answer {
        let request = self.request(Method::PATCH, &format!("jobs/ingest/{id}"));
        let body = json!({"state": state}).to_string();
        send(request.header(header::CONTENT_TYPE, "application/json").body(body)).await
    }

    /// Waits for the end of a job and returns the job.
    pub(crate) async fn finish(&self, id: &str) -> Value {
        loop {
            let job = self.get(&format!("jobs/ingest/{id}")).await.json();
            if matches!(job["state"].as_str().unwrap(), "JobComplete" | "Failed" | "Aborted") {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Loads a CSV with a new job, waits for its end, and returns its id and the job.
    pub(crate) async fn load(&self, job: Value, csv: impl Into<reqwest::Body>) -> (String, Value) {
        let id = self.create(job).await;
        assert_eq!(self.upload(&id, csv).await.status, 201);
        assert_eq!(self.set_state(&id, "UploadComplete").await.status, 200);
        let job = self.finish(&id).await;
        (id, job)
    }

    pub(crate) async fn results(&self, id: &str, set: &str) -> Answer {
        self.get(&format!("jobs/ingest/{id}/{set}")).await
    }
}
