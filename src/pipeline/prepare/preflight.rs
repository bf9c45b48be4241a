//! Every stream is held against the org before the first record is sent.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::pipeline::prepare::field::nearest;
use crate::pipeline::prepare::plan::{StreamPlan, StreamRequest};
use crate::user_error::IntoUserError;
use airbyte::{Error, Result};
use salesforce::{Describe, Fault, FaultKind, Org};

/// The plans of all streams that bring records, in their order.
///
/// # Errors
/// A `config_error` that tells everything that is wrong with every stream.
pub(in crate::pipeline) async fn plans(
    org: &Org,
    requests: &[StreamRequest<'_>],
    config: &Config,
) -> Result<Vec<StreamPlan>> {
    let mut objects: Vec<String> = Vec::new();
    for request in requests.iter().filter(|request| request.operation.is_some()) {
        if !objects.iter().any(|object| object.eq_ignore_ascii_case(&request.object)) {
            objects.push(request.object.clone());
        }
    }
    let describes = describe(org, &objects).await?;
    let mut problems = Vec::new();
    let mut plans = Vec::new();
    let mut all_objects = None;
    for request in requests {
        let Some(operation) = request.operation else { continue };
        let found = describes.get(&request.object.to_ascii_lowercase()).and_then(Option::as_ref);
        let outcome = match found {
            Some(describe) => request.plan(operation, Arc::clone(describe), config),
            None => Err(vec![missing(org, &request.object, &mut all_objects).await?]),
        };
        match outcome {
            Ok(plan) => plans.push(plan),
            Err(found) => {
                problems.extend(found.into_iter().map(|problem| format!("Stream {}: {problem}.", request.name())))
            }
        }
    }
    match &*problems {
        [] => Ok(plans),
        [problem] => Err(Error::config(format!("Nothing has been sent. {problem}"))),
        problems => Err(Error::config(format!(
            "Nothing has been sent, for {} reasons.\n- {}",
            problems.len(),
            problems.join("\n- ")
        ))),
    }
}

/// The descriptions by the name of the object in lower case; none for an object that is not there.
async fn describe(org: &Org, objects: &[String]) -> Result<HashMap<String, Option<Arc<Describe>>>> {
    let answers = match objects {
        // One call is one call; a batch of one would cost two.
        [object] => vec![org.describe(object).await],
        objects => org.describe_many(objects).await,
    };
    objects
        .iter()
        .zip(answers)
        .map(|(object, answer)| Ok((object.to_ascii_lowercase(), present(object, answer)?)))
        .collect()
}

fn present(object: &str, answer: Result<Describe, Fault>) -> Result<Option<Arc<Describe>>> {
    match answer {
        Ok(describe) => Ok(Some(Arc::new(describe))),
        Err(fault) if fault.kind() == FaultKind::NotFound => Ok(None),
        Err(fault) => Err(fault.into_error(&format!("asking what fields {object} has"))),
    }
}

/// What to say of an object that is not there. The list of all objects is asked for once, and only now.
async fn missing(org: &Org, object: &str, all: &mut Option<Vec<String>>) -> Result<String> {
    let all = match all {
        Some(all) => all,
        none => {
            let objects =
                org.describe_global().await.map_err(|fault| fault.into_error("asking which objects the org has"))?;
            none.insert(objects.into_iter().map(|object| object.name).collect())
        }
    };
    let near = nearest(object, all.iter().map(String::as_str))
        .map_or_else(String::new, |near| format!("; the nearest name is {near}"));
    Ok(format!(
        "there is no object {object} that the signed-in user may see{near}. Choose the object as the stream's name, as its \
         destination object, or with `object` in its entry under `streams`"
    ))
}
