//! The messages of the connector. Each is checked by the rules of the protocol, unknown keys among them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Parses the lines of standard output. Fails at a line that is not a message.
pub(crate) fn parse(stdout: &str) -> Vec<Value> {
    stdout.lines().map(parse_line).collect()
}

pub(crate) fn parse_line(line: &str) -> Value {
    let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
    assert!(is_message(&message), "not a message: {line}");
    message
}

/// Whether an object has all of the first keys, maybe some of the second, and no others.
fn has_keys(value: &Value, required: &[&str], optional: &[&str]) -> bool {
    let Some(object) = value.as_object() else { return false };
    let keys: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    required.iter().all(|key| keys.contains(key))
        && keys.iter().all(|key| required.contains(key) || optional.contains(key))
}

fn is_descriptor(value: &Value) -> bool {
    has_keys(value, &["name"], &["namespace"]) && value["name"].is_string()
}

fn is_message(message: &Value) -> bool {
    match message["type"].as_str() {
        Some("RECORD") => is_record(message),
        Some("STATE") => is_state(message),
        Some("LOG") => {
            has_keys(message, &["type", "log"], &[])
                && has_keys(&message["log"], &["level", "message"], &[])
                && ["DEBUG", "INFO", "WARN", "ERROR"].contains(&message["log"]["level"].as_str().unwrap())
        }
        Some("TRACE") => has_keys(message, &["type", "trace"], &[]) && is_trace(&message["trace"]),
        Some("SPEC") => has_keys(message, &["type", "spec"], &[]),
        Some("CATALOG") => {
            has_keys(message, &["type", "catalog"], &[]) && has_keys(&message["catalog"], &["streams"], &[])
        }
        Some("CONTROL") => has_keys(message, &["type", "control"], &[]),
        Some("CONNECTION_STATUS") => {
            has_keys(message, &["type", "connectionStatus"], &[])
                && has_keys(&message["connectionStatus"], &["status", "message"], &[])
        }
        _ => false,
    }
}

fn is_record(message: &Value) -> bool {
    let record = &message["record"];
    has_keys(message, &["type", "record"], &[])
        && has_keys(record, &["stream", "data", "emitted_at"], &["namespace", "meta"])
        && record["data"].is_object()
        && record["emitted_at"].as_i64().is_some_and(|at| at > 0)
}

/// The platform reads the count as a double, so it must have a point.
fn is_state(message: &Value) -> bool {
    let state = &message["state"];
    has_keys(message, &["type", "state"], &[])
        && has_keys(state, &["type", "stream", "sourceStats"], &[])
        && state["type"] == "STREAM"
        && has_keys(&state["stream"], &["stream_descriptor", "stream_state"], &[])
        && is_descriptor(&state["stream"]["stream_descriptor"])
        && state["sourceStats"]["recordCount"].is_f64()
}

fn is_trace(trace: &Value) -> bool {
    let body = match trace["type"].as_str() {
        Some("ERROR") => {
            let (error, stream) = (&trace["error"], &trace["error"]["stream_descriptor"]);
            has_keys(error, &["message", "internal_message", "failure_type"], &["stream_descriptor"])
                && ["config_error", "transient_error", "system_error"]
                    .contains(&error["failure_type"].as_str().unwrap())
                && (stream.is_null() || is_descriptor(stream))
        }
        Some("STREAM_STATUS") => {
            let (status, reasons) = (&trace["stream_status"], &trace["stream_status"]["reasons"]);
            has_keys(status, &["stream_descriptor", "status"], &["reasons"])
                && is_descriptor(&status["stream_descriptor"])
                && ["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"].contains(&status["status"].as_str().unwrap())
                && (reasons.is_null() || *reasons == json!([{"type": "RATE_LIMITED"}]))
        }
        _ => false,
    };
    body && trace["emitted_at"].as_i64().is_some_and(|at| at > 0)
}
