//! The messages of the connector, read by a model of its own that knows no other key and no other spelling.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A message on standard output.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub(crate) enum Message {
    Spec {
        spec: Value,
    },
    ConnectionStatus {
        #[serde(rename = "connectionStatus")]
        connection_status: ConnectionStatus,
    },
    State {
        state: State,
    },
    Log {
        log: Log,
    },
    Trace {
        trace: Trace,
    },
    Control {
        control: Control,
    },
    DestinationCatalog {
        destination_catalog: DestinationCatalog,
    },
}

impl Message {
    /// The line of the log, where it is one.
    pub(crate) fn log(&self) -> Option<&str> {
        if let Self::Log { log } = self { Some(&log.message) } else { None }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionStatus {
    pub(crate) status: String,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trace {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) emitted_at: f64,
    pub(crate) error: TraceError,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TraceError {
    pub(crate) message: String,
    pub(crate) internal_message: String,
    pub(crate) failure_type: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Control {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) emitted_at: f64,
    #[serde(rename = "connectorConfig")]
    pub(crate) connector_config: ConnectorConfig,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectorConfig {
    pub(crate) config: Value,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct State {
    #[serde(rename = "destinationStats")]
    pub(crate) destination_stats: DestinationStats,
    /// Everything that the source sent.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestinationStats {
    #[serde(rename = "recordCount")]
    pub(crate) record_count: f64,
    #[serde(rename = "rejectedRecordCount")]
    pub(crate) rejected_record_count: f64,
}

impl State {
    /// The number that the platform gave the state.
    pub(crate) fn id(&self) -> u64 {
        self.rest["id"].as_u64().unwrap()
    }

    /// Written and rejected.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let stats = self.destination_stats;
        (stats.record_count as u64, stats.rejected_record_count as u64)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestinationCatalog {
    pub(crate) operations: Vec<DestinationOperation>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestinationOperation {
    pub(crate) object_name: String,
    pub(crate) sync_mode: SyncMode,
    pub(crate) json_schema: ObjectSchema,
    pub(crate) matching_keys: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncMode {
    Append,
    AppendDedup,
    Update,
    SoftDelete,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ObjectSchema {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) properties: BTreeMap<String, PropertySchema>,
    pub(crate) required: Vec<String>,
    pub(crate) additional_properties: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PropertySchema {
    #[serde(rename = "type")]
    pub(crate) kind: Value,
    pub(crate) format: Option<String>,
    pub(crate) airbyte_type: Option<String>,
    pub(crate) items: Option<Value>,
    #[serde(rename = "maxLength")]
    pub(crate) max_length: Option<u32>,
    pub(crate) description: Option<String>,
}

/// Reads everything that was written to standard output; a line that is no message is a failure.
pub(crate) fn read(stdout: &str) -> Vec<Message> {
    stdout.lines().map(read_line).collect()
}

fn read_line(line: &str) -> Message {
    let mut message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
    if message["type"] == "STATE" {
        // What a source puts beside the state comes back with it.
        message.as_object_mut().unwrap().retain(|key, _| ["type", "state"].contains(&key.as_str()));
    }
    serde_json::from_value(message).unwrap_or_else(|error| panic!("not a message ({error}): {line}"))
}
