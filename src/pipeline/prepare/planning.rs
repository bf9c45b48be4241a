//! Checks every stream against the org before the first record, and plans it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::entries::{EntryFinding, check_entries};
use super::packed::PackedObject;
use super::plan::StreamPlan;
use super::related::{RelatedObject, RelatedObjects};
use super::request::StreamRequest;
use super::written_objects::WrittenObjects;
use crate::config::Config;
use crate::nearest_name::nearest_name;
use crate::user_error::IntoUserError;
use airbyte::{Error, Result, StreamName};
use salesforce::{Describe, Fault, FaultKind, ObjectSummary, Operation, Org};

/// A stream of the catalog with its plan.
#[derive(Debug)]
pub(crate) struct PlannedStream {
    pub(crate) name: StreamName,
    /// `None` for a reset, which brings no records.
    pub(crate) plan: Option<StreamPlan>,
}

/// The most problems that an error lists: a person reads no more, and a catalog may have any number of fields.
const MOST_PROBLEMS: usize = 200;

/// Plans all streams, in their order.
///
/// # Errors
/// A `config_error` with all problems of all streams.
pub(crate) async fn plan_streams(
    org: &Org,
    requests: &[StreamRequest<'_>],
    config: &Config,
) -> Result<Vec<PlannedStream>> {
    let mut objects: Vec<String> = Vec::new();
    for request in requests.iter().filter(|request| request.brings_records()) {
        if !objects.iter().any(|object| object.eq_ignore_ascii_case(&request.object)) {
            objects.push(request.object.clone());
        }
    }
    let (problems, warnings): (Vec<EntryFinding>, Vec<EntryFinding>) =
        check_entries(requests, config).into_iter().partition(|finding| finding.changes_records);
    warnings.iter().for_each(|finding| tracing::warn!("{}", finding.sentence));
    let mut problems: Vec<String> = problems.into_iter().map(|finding| finding.sentence).collect();
    warn_of_removals(requests);
    warn_of_doubles(requests);
    let describes = describe(org, &objects).await?;
    let related = Arc::new(related_objects(org, requests, &describes).await?);
    let described = |object: &str| describes.get(&object.to_ascii_lowercase()).and_then(Option::as_ref);
    let name = |object| described(object).map(|describe| describe.name.as_str());
    let written_objects = Arc::new(WrittenObjects::of(requests, name));
    let mut streams = Vec::new();
    let mut packed: HashMap<&str, Arc<PackedObject>> = HashMap::new();
    let mut missing = MissingObjects::new(org, config);
    let subject = if config.is_for_file() { "File" } else { "Stream" };
    for request in requests {
        let name = request.name().clone();
        let Some(operation) = request.operation else {
            streams.push(PlannedStream { name, plan: None });
            continue;
        };
        let outcome = match described(&request.object) {
            Some(describe) => {
                let packed = packed.entry(&describe.name).or_insert_with(|| Arc::new(PackedObject::of(describe)));
                request.plan(operation, Arc::clone(describe), Arc::clone(packed), &related, config)
            }
            None => Err(vec![missing.problem(request).await?]),
        };
        match outcome {
            Ok(plan) => {
                let plan = StreamPlan { written_objects: Arc::clone(&written_objects), ..plan };
                streams.push(PlannedStream { name, plan: Some(plan) });
            }
            Err(found) => problems.extend(found.into_iter().map(|problem| format!("{subject} {name}: {problem}."))),
        }
    }
    match &*problems {
        [] => Ok(streams),
        [problem] => Err(Error::config(format!("Nothing has been sent. {problem}"))),
        problems => {
            let shown = &problems[..problems.len().min(MOST_PROBLEMS)];
            let more = match problems.len() - shown.len() {
                0 => String::new(),
                more => format!("\n- and {more} more"),
            };
            let list = shown.join("\n- ");
            Err(Error::config(format!("Nothing has been sent, for {} reasons.\n- {list}{more}", problems.len())))
        }
    }
}

/// Says that records are inserted again and again where an entry makes an insert of a full refresh.
fn warn_of_doubles(requests: &[StreamRequest<'_>]) {
    for request in requests.iter().filter(|request| request.doubles()) {
        tracing::warn!(
            stream = %request.name(),
            "the stream is set to overwrite, and its entry under `streams` makes it an insert: nothing is deleted, so \
             each full refresh inserts every record again; an upsert with an external id would not"
        );
    }
}

/// Says that nothing is removed where the user chose "Refresh and remove". The platform sends that as a minimum
/// generation equal to the current one.
fn warn_of_removals(requests: &[StreamRequest<'_>]) {
    let streams: Vec<String> = requests
        .iter()
        .filter(|request| request.asks_for_removal())
        .map(|request| request.name().to_string())
        .collect();
    if !streams.is_empty() {
        tracing::warn!(
            streams = streams.join(", "),
            "the platform asks to remove earlier records: nothing is removed, and an insert adds every record again"
        );
    }
}

/// The describes by the object's name in lower case. An object that does not exist has `None`.
pub(super) async fn describe(org: &Org, objects: &[String]) -> Result<HashMap<String, Option<Arc<Describe>>>> {
    objects
        .iter()
        .zip(org.describe_many(objects).await)
        .map(|(object, answer)| Ok((object.to_ascii_lowercase(), if_exists(object, answer)?.map(Arc::new))))
        .collect()
}

/// All related objects that columns name. Objects of streams are not described again; of the others little is kept.
pub(super) async fn related_objects(
    org: &Org,
    requests: &[StreamRequest<'_>],
    describes: &HashMap<String, Option<Arc<Describe>>>,
) -> Result<RelatedObjects> {
    let mut related = RelatedObjects::default();
    let mut unknown: Vec<String> = Vec::new();
    let described = |request: &StreamRequest<'_>| describes.get(&request.object.to_ascii_lowercase())?.as_deref();
    let matches = requests.iter().filter_map(|request| request.match_request(request.operation?, described(request)?));
    let found_by: HashSet<String> = matches.flat_map(|it| it.related_fields().collect::<Vec<_>>()).collect();
    let related_object = |describe: &Describe| RelatedObject::of(describe).with_details(describe, &found_by);
    for request in requests {
        let Some(Some(describe)) = describes.get(&request.object.to_ascii_lowercase()) else { continue };
        for object in request.related_objects(describe) {
            match describes.get(&object.to_ascii_lowercase()) {
                Some(Some(describe)) => related.insert(object, related_object(describe)),
                _ if unknown.iter().any(|other| other == object) => {}
                _ => unknown.push(object.to_owned()),
            }
        }
    }
    let answers = org.describe_each(&unknown, |describe| related_object(&describe)).await;
    for (object, answer) in unknown.iter().zip(answers) {
        match answer {
            Ok(found) => related.insert(object, found),
            // Its columns are sent as they are typed, which the org may accept.
            Err(fault) => tracing::warn!(object, %fault, "the fields of a related object are unknown"),
        }
    }
    Ok(related)
}

fn if_exists<T>(object: &str, answer: Result<T, Fault>) -> Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.kind() == FaultKind::NotFound => Ok(None),
        Err(fault) => Err(fault.into_error(&format!("asking what fields {object} has"))),
    }
}

/// The problems of objects that do not exist.
pub(super) struct MissingObjects<'o> {
    org: &'o Org,
    /// All objects of the org. They are fetched once, for the first that is missing.
    all: Option<Vec<ObjectSummary>>,
    /// What the user can do.
    advice: &'static str,
}

impl<'o> MissingObjects<'o> {
    pub(super) fn new(org: &'o Org, config: &Config) -> Self {
        let advice = match config.is_for_file() {
            true => "Correct --object",
            false => {
                "Choose the object as the stream's name, as its destination object, or with `object` in its entry under \
                 `streams`"
            }
        };
        Self { org, all: None, advice }
    }

    /// The problem of a stream whose object does not exist. The nearest name is one that its operation can write.
    pub(super) async fn problem(&mut self, request: &StreamRequest<'_>) -> Result<String> {
        let all = match &self.all {
            Some(all) => all,
            None => {
                let objects = self.org.describe_global().await;
                let objects = objects.map_err(|fault| fault.into_error("asking which objects the org has"))?;
                self.all.insert(objects)
            }
        };
        let object = &request.object;
        let writable = all.iter().filter(|it| request.operation.is_none_or(|operation| may(operation, it)));
        let nearest = nearest_name(object, writable.map(|it| it.name.as_str()))
            .map_or_else(String::new, |name| format!("; the nearest name is {name}"));
        Ok(format!("there is no object {object} that the signed-in user can see{nearest}. {}", self.advice))
    }
}

/// Whether the user may do an operation with an object.
fn may(operation: Operation, object: &ObjectSummary) -> bool {
    match operation {
        Operation::Insert => object.createable,
        Operation::Update => object.updateable,
        Operation::Upsert => object.createable && object.updateable,
        Operation::Delete | Operation::HardDelete => object.deletable,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::test_configs::{client, valid};
    use airbyte::parse_catalog;

    /// Asks a stream with this mode and these generations, and an entry with this operation.
    fn ask(
        mode: &str,
        generations: [Value; 2],
        operation: Option<&str>,
        question: fn(&StreamRequest<'_>) -> bool,
    ) -> bool {
        let [generation, minimum] = generations;
        let catalog = json!({"streams": [{
            "stream": {"name": "Contact", "json_schema": {}},
            "destination_sync_mode": mode, "sync_id": 1, "generation_id": generation, "minimum_generation_id": minimum,
        }]});
        let catalog = parse_catalog(&catalog.to_string()).unwrap();
        let entries = operation.map(|operation| json!({"stream": "Contact", "operation": operation}));
        let config = valid(&client(json!({"streams": entries.into_iter().collect::<Vec<_>>()})));
        question(&StreamRequest::new(&catalog[0], &config))
    }

    #[test]
    fn an_insert_of_a_full_refresh_doubles_its_records() {
        for (mode, operation, doubles) in [
            ("overwrite", Some("insert"), true),
            ("overwrite_dedup", Some("insert"), true),
            ("overwrite", Some("update"), false),
            ("overwrite", None, false),
            ("append", Some("insert"), false),
            ("append_dedup", Some("insert"), false),
        ] {
            let asked = ask(mode, [json!(0), json!(0)], operation, |request| request.doubles());
            assert_eq!(asked, doubles, "{mode} {operation:?}");
        }
    }

    #[test]
    fn a_new_generation_that_is_the_oldest_asks_for_the_removal_of_the_others() {
        for (mode, generation, minimum, asks) in [
            ("append", json!(2), json!(2), true),
            ("append", json!(1), json!(1), true),
            // The first generation has none before it.
            ("append", json!(0), json!(0), false),
            ("append", json!(2), json!(0), false),
            ("append", json!(2), json!(1), false),
            ("append", json!(null), json!(null), false),
            ("overwrite", json!(2), json!(2), false),
        ] {
            let shown = format!("{mode} {generation} {minimum}");
            assert_eq!(ask(mode, [generation, minimum], None, |request| request.asks_for_removal()), asks, "{shown}");
        }
    }

    #[test]
    fn an_operation_needs_what_the_user_may_do_with_the_object() {
        let may_do = |flags: [bool; 3]| {
            let [createable, updateable, deletable] = flags;
            let object = json!({
                "name": "Contact", "createable": createable, "updateable": updateable, "deletable": deletable,
            });
            let object: ObjectSummary = serde_json::from_value(object).unwrap();
            let all =
                [Operation::Insert, Operation::Update, Operation::Upsert, Operation::Delete, Operation::HardDelete];
            all.map(|operation| may(operation, &object))
        };
        for (flags, expected) in [
            ([true, false, false], [true, false, false, false, false]),
            ([false, true, false], [false, true, false, false, false]),
            ([true, true, false], [true, true, true, false, false]),
            ([false, false, true], [false, false, false, true, true]),
        ] {
            assert_eq!(may_do(flags), expected, "{flags:?}");
        }
    }
}
