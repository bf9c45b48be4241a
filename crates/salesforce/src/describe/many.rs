//! Describes of many objects in few calls.

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Describe, is_described_as};
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, RetryWhen};
use crate::{API_VERSION, Org};

/// The most requests in one batch (REST API guide, "Composite Batch"). Each still counts as an API request.
const BATCH_SIZE: usize = 25;
/// The batches at the same time. An org allows few long requests at the same time; the smallest allow five.
const PARALLEL_BATCHES: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchAnswer<'a> {
    status_code: u16,
    #[serde(borrow)]
    result: &'a RawValue,
}

impl Org {
    /// Describes many objects, in their order. A fault of one object does not affect the others.
    pub async fn describe_many(&self, objects: &[String]) -> Vec<Result<Describe, Fault>> {
        self.describe_each(objects, |describe| describe).await
    }

    /// Describes many objects, and keeps only what `keep` makes of each describe as it arrives: the describes of a
    /// large org do not fit into memory together.
    pub async fn describe_each<T>(&self, objects: &[String], keep: impl Fn(Describe) -> T) -> Vec<Result<T, Fault>> {
        let keep = &keep;
        let batches: Vec<Vec<String>> = objects.chunks(BATCH_SIZE).map(<[String]>::to_vec).collect();
        let answers = stream::iter(batches).map(|batch| self.describe_batch(batch, keep)).buffered(PARALLEL_BATCHES);
        answers.collect::<Vec<_>>().await.into_iter().flatten().collect()
    }

    async fn describe_batch<T>(&self, objects: Vec<String>, keep: &impl Fn(Describe) -> T) -> Vec<Result<T, Fault>> {
        let requests: Vec<_> = objects.iter().map(|object| json!({"method": "GET", "url": path(object)})).collect();
        let body = json!({"haltOnError": false, "batchRequests": requests});
        // The batch only reads, although it is a POST.
        let call = Call::json(Method::POST, &["composite", "batch"], body, RetryWhen::Always);
        let call = call.patience(self.http.preparing("describing objects"));
        // Whatever is kept of a describe, its name says whether it is the answer to its request.
        let named = |describe: Describe| (describe.name.clone(), keep(describe));
        let answers = match self.http.json_elements(&call, |answer| read(answer).map(named)).await {
            Ok(answers) => answers,
            Err(fault) => return objects.iter().map(|_| Err(fault.clone())).collect(),
        };
        let mut described = Vec::with_capacity(objects.len());
        let mut answers = answers.into_iter();
        for object in &objects {
            described.push(match answers.next() {
                // The call itself succeeded, so its retries do not cover a transient fault of one request.
                Some(Err(fault)) if fault.is_transient() => self.describe(object).await.map(keep),
                Some(Ok((name, kept))) if is_described_as(&name, object) => Ok(kept),
                Some(Ok(_)) => self.describe(object).await.map(keep),
                Some(Err(fault)) => Err(fault),
                None => Err(Fault::new(FaultKind::Unexpected, "Salesforce did not answer all requests of a batch")),
            });
        }
        described
    }
}

/// The address of a describe in a batch. API names need no escape; other characters are replaced, because they could
/// make another address.
fn path(object: &str) -> String {
    let safe: String = object.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("v{API_VERSION}/sobjects/{safe}/describe")
}

/// Reads the answer to one request of the batch.
fn read(answer: &[u8]) -> Result<Describe, Fault> {
    let unreadable = |error| Fault::new(FaultKind::Unexpected, format!("a describe cannot be read: {error}"));
    let BatchAnswer { status_code, result } = serde_json::from_slice(answer).map_err(unreadable)?;
    let body = result.get();
    if !(200..300).contains(&status_code) {
        return Err(Fault::of_answer(status_code, None, body.as_bytes()));
    }
    serde_json::from_str(body).map_err(unreadable)
}
