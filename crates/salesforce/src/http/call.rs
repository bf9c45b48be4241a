//! One API call: what it asks for, and how patiently.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use url::Url;

use crate::API_VERSION;
use crate::patience::CallPatience;
use crate::timing::Timing;
use crate::upload::CsvBody;

/// The records on a page of a query for which no other number is asked for.
const MOST_PAGE_ROWS: usize = 2_000;

/// When a call that failed for a transient reason is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryWhen {
    /// Always: the call changes nothing, or has the same result twice.
    Always,
    /// Only when it is known that Salesforce did nothing. Otherwise the outcome of the call is unknown.
    NothingDone,
}

/// What a call sends.
pub(super) enum Payload {
    None,
    Json(serde_json::Value),
    Csv(Arc<dyn CsvBody>),
}

/// What a call wants back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accept {
    Json,
    Csv,
}

/// One API call.
pub(crate) struct Call {
    pub(super) method: Method,
    /// The segments after `/services/data/vNN.N`.
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    pub(super) payload: Payload,
    pub(super) retry_when: RetryWhen,
    pub(super) patience: CallPatience,
    pub(super) accept: Accept,
    /// Whether Salesforce may take minutes for the answer.
    is_slow: bool,
    /// The records on a page of a query, if it is to have fewer than the most.
    pub(super) batch_size: Option<usize>,
    /// Counts the requests of the call, retries included.
    pub(super) requests: RequestCount,
}

/// A number of API requests, which calls share.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestCount(Arc<AtomicU64>);

impl RequestCount {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Call {
    /// A call that reads JSON.
    pub(crate) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path, Payload::None, RetryWhen::Always)
    }

    /// A call that reads CSV.
    pub(crate) fn get_csv(path: &[&str]) -> Self {
        Self { accept: Accept::Csv, ..Self::get(path) }
    }

    /// A call that sends JSON.
    pub(crate) fn json(method: Method, path: &[&str], body: serde_json::Value, retry_when: RetryWhen) -> Self {
        Self::new(method, path, Payload::Json(body), retry_when)
    }

    /// A call that uploads CSV. Salesforce takes one upload a job, so it is not made twice.
    pub(crate) fn upload(path: &[&str], body: Arc<dyn CsvBody>) -> Self {
        Self::new(Method::PUT, path, Payload::Csv(body), RetryWhen::NothingDone)
    }

    /// A call that deletes. It has the same result twice.
    pub(crate) fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, path, Payload::None, RetryWhen::Always)
    }

    /// The same call, whose requests are added to this number.
    pub(crate) fn counted(self, requests: &RequestCount) -> Self {
        Self { requests: requests.clone(), ..self }
    }

    /// The same call, for which Salesforce may take minutes.
    pub(crate) fn slow(self) -> Self {
        Self { is_slow: true, ..self }
    }

    /// The same call of a query, with at most so many records on a page.
    pub(crate) fn batch_size(self, rows: usize) -> Self {
        Self { batch_size: (rows < MOST_PAGE_ROWS).then_some(rows), ..self }
    }

    /// The same call with another patience.
    pub(crate) fn patience(self, patience: CallPatience) -> Self {
        Self { patience, ..self }
    }

    /// The same call with one more pair in the query of its URL.
    pub(crate) fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    fn new(method: Method, path: &[&str], payload: Payload, retry_when: RetryWhen) -> Self {
        let path = path.iter().map(|segment| (*segment).to_owned()).collect();
        Self {
            method,
            path,
            query: Vec::new(),
            payload,
            retry_when,
            patience: CallPatience::Brief,
            accept: Accept::Json,
            is_slow: false,
            batch_size: None,
            requests: RequestCount::default(),
        }
    }

    /// The path after `/services/data/vNN.N`, for the log. The query of the address is left out: it may hold the values of
    /// records.
    pub(super) fn path(&self) -> String {
        self.path.join("/")
    }

    /// The id of the job that the call is about.
    pub(super) fn job(&self) -> Option<&str> {
        match &self.path[..] {
            [jobs, _, id, ..] if jobs == "jobs" => Some(id),
            _ => None,
        }
    }

    pub(super) fn url(&self, instance: &Url) -> Url {
        let mut url = instance.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(["services", "data"]);
            if !self.path.is_empty() {
                path.push(&format!("v{API_VERSION}")).extend(&self.path);
            }
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    /// How long to wait for the head of the answer.
    pub(super) fn limit(&self, timing: &Timing) -> Duration {
        match (&self.payload, self.accept) {
            (Payload::Csv(body), _) => timing.answer + Duration::from_secs(body.len() / timing.upload_rate),
            (_, Accept::Csv) => timing.stall,
            _ if self.is_slow => timing.stall,
            (_, Accept::Json) => timing.answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_takes_longer_is_waited_for_longer() {
        let timing = Timing::default();
        let get = || Call::get(&["query"]);
        let limits = [get().limit(&timing), get().slow().limit(&timing), Call::get_csv(&["x"]).limit(&timing)];
        assert_eq!(limits, [timing.answer, timing.stall, timing.stall]);
        assert!(timing.stall > timing.answer);
    }
}
