//! The file of `--state`: the states that the platform kept.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use airbyte::{Error, Result, StreamName};

/// Reads the file of `--state`: a JSON list of states. Airbyte has kept the states of all streams in one object before
/// (type LEGACY), and its source has written them so. The log says of each state that is not used why it is not.
///
/// # Errors
/// The text is not JSON, or neither a list nor an object.
pub(crate) fn parse(text: &str) -> Result<HashMap<StreamName, Value>> {
    if text.trim().is_empty() {
        return Ok(HashMap::new());
    }
    let mut found = States::default();
    match serde_json::from_str(text).map_err(|error| no_states().internal(error))? {
        Value::Null => {}
        Value::Array(list) => list.into_iter().for_each(|state| found.add(state)),
        Value::Object(state) if is_message(&state) => found.add(Value::Object(state)),
        Value::Object(states) => found.add_legacy(states),
        _ => return Err(no_states()),
    }
    // What the newer form says counts.
    found.legacy.extend(found.of_streams);
    Ok(found.legacy)
}

fn no_states() -> Error {
    Error::config(
        "The file given with --state is not a list of states of the Airbyte protocol. Pass the one that the platform \
         writes, or none to read every stream from its start.",
    )
}

/// Whether an object is a state of the protocol, and not one with a key for each stream.
fn is_message(state: &Map<String, Value>) -> bool {
    state.get("type").is_some_and(Value::is_string)
        || ["stream", "global", "data"].iter().any(|key| state.get(*key).is_some_and(Value::is_object))
}

/// The states of streams.
#[derive(Default)]
struct States {
    of_streams: HashMap<StreamName, Value>,
    legacy: HashMap<StreamName, Value>,
}

impl States {
    /// Adds a state of the protocol.
    fn add(&mut self, state: Value) {
        #[derive(Deserialize)]
        struct StreamPart {
            stream_descriptor: StreamName,
            #[serde(default)]
            stream_state: Value,
        }
        let Value::Object(mut state) = state else {
            return tell_unused("it is no object");
        };
        // The message of the protocol around it.
        if let Some(inner @ Value::Object(_)) = state.remove("state") {
            return self.add(inner);
        }
        if let Some(stream) = state.remove("stream") {
            match serde_json::from_value::<StreamPart>(stream) {
                Ok(part) => drop(self.of_streams.insert(part.stream_descriptor, part.stream_state)),
                Err(_) => tell_unused("it names no stream"),
            }
        } else if state.contains_key("global") || state.get("type").is_some_and(|kind| kind == "GLOBAL") {
            tell_unused("it is one for all streams together (GLOBAL), which sources of databases write");
        } else if let Some(Value::Object(states)) = state.remove("data") {
            self.add_legacy(states);
        } else {
            tell_unused("it has neither a stream nor data");
        }
    }

    /// Adds the states of an object with a key for each stream.
    fn add_legacy(&mut self, states: Map<String, Value>) {
        for (name, state) in states {
            if state.is_object() {
                self.legacy.insert(StreamName { namespace: None, name }, state);
            } else {
                tell_unused(&format!("what it has under {name} is no object"));
            }
        }
    }
}

fn tell_unused(why: &str) {
    tracing::warn!("a state in the file of --state is not used: {why}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn states(file: &Value) -> Vec<(String, Value)> {
        let mut states: Vec<(String, Value)> =
            parse(&file.to_string()).unwrap().into_iter().map(|(name, state)| (name.to_string(), state)).collect();
        states.sort_by(|one, other| one.0.cmp(&other.0));
        states
    }

    #[test]
    fn states_of_streams_are_found_in_every_form_that_airbyte_has_written() {
        let (one, two) = (json!({"SystemModstamp": "2026-01-01T00:00:00.000Z"}), json!({"slices": []}));
        let stream = |name: &str, state: &Value| json!({"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state}});
        let both = [("A".to_owned(), one.clone()), ("B".to_owned(), two.clone())];
        for (file, expected) in [
            (json!([stream("A", &one), stream("B", &two)]), &both[..]),
            (
                json!([{"stream": {"stream_descriptor": {"name": "A", "namespace": ""}, "stream_state": one}}]),
                &both[..1],
            ),
            (json!([{"type": "STATE", "state": stream("A", &one)}]), &both[..1]),
            (stream("A", &one), &both[..1]),
            (json!({"type": "STATE", "state": stream("A", &one)}), &both[..1]),
            (json!({"stream": {"stream_descriptor": {"name": "A"}, "stream_state": one}}), &both[..1]),
            (json!({"data": {"A": one}}), &both[..1]),
            (json!([{"type": "LEGACY", "data": {"A": one, "B": two}}]), &both),
            (json!([{"data": {"A": one}}]), &both[..1]),
            (json!({"type": "LEGACY", "data": {"A": one}}), &both[..1]),
            (json!({"A": one, "B": two}), &both),
            (json!([stream("A", &one), {"type": "LEGACY", "data": {"A": two, "B": two}}]), &both),
        ] {
            assert_eq!(states(&file), expected, "{file}");
        }
        assert_eq!(
            states(&json!([{"type": "STREAM", "stream": {"stream_descriptor": {"name": "A"}}}])),
            [("A".to_owned(), Value::Null)]
        );
    }

    #[test]
    fn what_is_no_state_of_a_stream_is_not_used() {
        let global =
            json!({"shared_state": {}, "stream_states": [{"stream_descriptor": {"name": "A"}, "stream_state": {}}]});
        for file in [
            json!([{"type": "GLOBAL", "global": global}]),
            json!({"type": "GLOBAL", "global": global}),
            json!({"global": global}),
            json!({"global": global, "data": {"A": {}}}),
            json!({"type": "GLOBAL", "data": {"A": {}}}),
            json!({"A": 7}),
            json!([{"type": "STREAM", "stream": {"stream_state": {}}}]),
            json!([{"type": "STREAM"}, {}, null, 7]),
            json!([{"type": "LEGACY", "data": null}]),
            json!({"cdc": true}),
        ] {
            assert_eq!(states(&file), [], "{file}");
        }
        for empty in ["", "[]", "{}", "null", " \n"] {
            assert!(parse(empty).unwrap().is_empty(), "{empty}");
        }
        for wrong in ["[", "7", "\"A\""] {
            assert!(parse(wrong).unwrap_err().message().contains("--state"), "{wrong}");
        }
    }
}
