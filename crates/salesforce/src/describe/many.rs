//! Many describes in few calls.

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Describe;
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, Repeat};
use crate::{API_VERSION, Org};

/// The most requests in one batch (REST API guide, "Composite Batch"). Each still counts as a request of its own.
const BATCH: usize = 25;
/// Batches under way at once; an org allows few long requests at the same time, five in the smallest.
const AT_ONCE: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status_code: u16,
    #[serde(borrow)]
    result: &'a RawValue,
}

impl Org {
    /// Describes many objects; what fails for one is given for that one only. The answers are in the order of the
    /// names.
    pub async fn describe_many(&self, objects: &[String]) -> Vec<Result<Describe, Fault>> {
        self.describe_each(objects, |describe| describe).await
    }

    /// Describes many objects and keeps of each only what `keep` makes of it, at once: the describes of a large org
    /// do not fit into memory together.
    pub async fn describe_each<T>(&self, objects: &[String], keep: impl Fn(Describe) -> T) -> Vec<Result<T, Fault>> {
        let keep = &keep;
        let batches: Vec<Vec<String>> = objects.chunks(BATCH).map(<[String]>::to_vec).collect();
        let answers = stream::iter(batches).map(|batch| self.describe_batch(batch, keep)).buffered(AT_ONCE);
        answers.collect::<Vec<_>>().await.into_iter().flatten().collect()
    }

    async fn describe_batch<T>(&self, objects: Vec<String>, keep: &impl Fn(Describe) -> T) -> Vec<Result<T, Fault>> {
        let requests: Vec<_> = objects.iter().map(|object| json!({"method": "GET", "url": path(object)})).collect();
        let body = json!({"haltOnError": false, "batchRequests": requests});
        // The batch only reads, so it may be repeated although it is a POST.
        let call = Call::json(Method::POST, &["composite", "batch"], body, Repeat::Safe);
        let answers = match self.http.json_elements(&call, |answer| read(answer).map(keep)).await {
            Ok(answers) => answers,
            Err(fault) => return objects.iter().map(|_| Err(fault.clone())).collect(),
        };
        let mut described = Vec::with_capacity(objects.len());
        let mut answers = answers.into_iter();
        for object in &objects {
            described.push(match answers.next() {
                // Passing trouble of one request is not seen by the loop that repeats calls.
                Some(Err(fault)) if fault.is_passing() => self.describe(object).await.map(keep),
                Some(read) => read,
                None => Err(Fault::new(FaultKind::Unexpected, "a batch of requests was not answered in full")),
            });
        }
        described
    }
}

/// The address of a describe, as a batch names it. An API name needs no escape; another text must not lead elsewhere.
fn path(object: &str) -> String {
    let safe: String = object.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("v{API_VERSION}/sobjects/{safe}/describe")
}

/// Reads the answer to one request of a batch.
fn read(answer: &[u8]) -> Result<Describe, Fault> {
    let unreadable = |error| Fault::new(FaultKind::Unexpected, format!("a describe cannot be read: {error}"));
    let Answer { status_code, result } = serde_json::from_slice(answer).map_err(unreadable)?;
    let body = result.get();
    if !(200..300).contains(&status_code) {
        return Err(Fault::of_answer(status_code, None, body.as_bytes()));
    }
    serde_json::from_str(body).map_err(unreadable)
}
