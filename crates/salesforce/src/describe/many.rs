//! Describes of many objects in few API requests.

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Describe, is_described_as};
use crate::fault::{Fault, FaultKind};
use crate::http::{Call, RetryWhen};
use crate::{API_VERSION, Org};

/// The composite requests at the same time.
const AT_ONCE: usize = 4;
/// The fewest objects of a composite request, if there are as many. The org describes them one after another.
const FEWEST: usize = 5;
/// The most objects of a composite request. Salesforce takes 25, but a request that lasts 20 seconds is a "long" one,
/// and an org allows few of them at the same time.
const MOST: usize = 10;

/// The answer to one describe of a composite request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    http_status_code: u16,
    /// Which request of the composite it answers.
    #[serde(alias = "referenceID")]
    reference_id: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl Org {
    /// Describes many objects, in their order. A fault of one object does not affect the others.
    pub async fn describe_many(&self, objects: &[String]) -> Vec<Result<Describe, Fault>> {
        self.describe_each(objects, |describe| describe).await
    }

    /// Describes many objects, and keeps only what `keep` makes of each describe as it arrives: the describes of a
    /// large org do not fit into memory together.
    ///
    /// A composite request counts as one API request, however many parts it has (REST API guide, "Send Multiple
    /// Requests Using Composite"; "Execute Dependent Requests in a Single API Call" has a describe as a part). The
    /// parts of a composite batch count one by one ("Composite Batch").
    pub async fn describe_each<T>(&self, objects: &[String], keep: impl Fn(Describe) -> T) -> Vec<Result<T, Fault>> {
        let keep = &keep;
        let size = objects.len().div_ceil(AT_ONCE).clamp(FEWEST, MOST);
        let calls: Vec<Vec<String>> = objects.chunks(size).map(<[String]>::to_vec).collect();
        let answers = stream::iter(calls).map(|objects| self.describe_together(objects, keep)).buffered(AT_ONCE);
        answers.collect::<Vec<_>>().await.into_iter().flatten().collect()
    }

    async fn describe_together<T>(&self, objects: Vec<String>, keep: &impl Fn(Describe) -> T) -> Vec<Result<T, Fault>> {
        if let [object] = &*objects {
            return vec![self.describe(object).await.map(keep)];
        }
        // The call only reads, although it is a POST.
        let call = Call::json(Method::POST, &["composite"], composite(&objects), RetryWhen::Always);
        let call = call.patience(self.http.preparing("describing objects"));
        // Whatever is kept of a describe, its name says whether it is the answer to its request.
        let named = |describe: Describe| (describe.name.clone(), keep(describe));
        let parts = match self.http.json_elements(&call, |part| read(part, named)).await {
            Ok(parts) => parts,
            // What refuses the call may be a proxy that knows only describes.
            Err(fault) if matches!(fault.kind(), FaultKind::NotFound | FaultKind::Unexpected) => Vec::new(),
            Err(fault) => return objects.iter().map(|_| Err(fault.clone())).collect(),
        };
        let mut answers: Vec<Option<_>> = objects.iter().map(|_| None).collect();
        for (reference, answer) in parts {
            if let Some(slot) = position(&reference).and_then(|position| answers.get_mut(position)) {
                *slot = Some(answer);
            }
        }
        let mut described = Vec::with_capacity(objects.len());
        for (object, answer) in objects.iter().zip(answers) {
            described.push(match answer {
                Some(Ok((name, kept))) if is_described_as(&name, object) => Ok(kept),
                // What has no code of Salesforce may not be its answer, such as a page for an address that it does not know.
                Some(Err(fault)) if fault.code().is_some() && !fault.is_transient() && !fault.is_session_lost() => {
                    Err(fault)
                }
                // The call itself succeeded, so its retries do not cover its parts.
                _ => self.describe(object).await.map(keep),
            });
        }
        described
    }
}

/// The body of a composite request that describes objects.
fn composite(objects: &[String]) -> serde_json::Value {
    let parts = objects
        .iter()
        .enumerate()
        .map(|(position, object)| json!({"method": "GET", "url": path(object), "referenceId": reference(position)}));
    json!({"allOrNone": false, "collateSubrequests": false, "compositeRequest": parts.collect::<Vec<_>>()})
}

/// The address of a describe in a composite request. API names need no escape; other characters are replaced, because
/// they could make another address, or refer to another part.
fn path(object: &str) -> String {
    let safe: String = object.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("/services/data/v{API_VERSION}/sobjects/{safe}/describe")
}

fn reference(position: usize) -> String {
    format!("object{position}")
}

/// The position of the object whose part has this reference.
fn position(reference: &str) -> Option<usize> {
    reference.strip_prefix("object")?.parse().ok()
}

/// Reads a part, and returns its reference with what `keep` makes of its describe. A part that cannot be read at all
/// has no reference, so its object is asked for alone.
fn read<T>(part: &[u8], keep: impl Fn(Describe) -> T) -> (String, Result<T, Fault>) {
    let unreadable = |error| Fault::new(FaultKind::Unexpected, format!("a describe cannot be read: {error}"));
    let Part { http_status_code, reference_id, body } = match serde_json::from_slice(part) {
        Ok(part) => part,
        Err(error) => return (String::new(), Err(unreadable(error))),
    };
    let body = body.get();
    let answer = match http_status_code {
        200..300 => serde_json::from_str(body).map(keep).map_err(unreadable),
        status => Err(Fault::of_answer(status, None, body.as_bytes())),
    };
    (reference_id, answer)
}
