//! The messages of the connector, parsed by a model of its own that rejects every unknown key.

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
    /// The text of a LOG message.
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
    /// What the source sent.
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
    /// The id that the platform gave the state.
    pub(crate) fn id(&self) -> u64 {
        self.rest["id"].as_u64().unwrap()
    }

    pub(crate) fn counts(&self) -> Counts {
        let stats = self.destination_stats;
        Counts { written: stats.record_count as u64, rejected: stats.rejected_record_count as u64 }
    }
}

/// How many records were written and rejected since the state before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) written: u64,
    pub(crate) rejected: u64,
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

/// Parses the lines of standard output. Fails at a line that is not a message.
pub(crate) fn parse(stdout: &str) -> Vec<Message> {
    stdout.lines().map(parse_line).collect()
}

fn parse_line(line: &str) -> Message {
    let mut message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
    if message["type"] == "STATE" {
        // Other keys that the source put into the message come back unchanged.
        message.as_object_mut().unwrap().retain(|key, _| ["type", "state"].contains(&key.as_str()));
    }
    serde_json::from_value(message).unwrap_or_else(|error| panic!("not a message ({error}): {line}"))
}
