//! The Airbyte protocol: lines in, messages out. Synchronous throughout.

pub mod json;
pub mod log;

mod catalog;
mod error;
mod input;
mod output;
mod state;

pub use catalog::{ConfiguredStream, JsonTypes, SchemaField, SyncMode, parse_catalog};
pub use error::{Error, FailureType, Result};
pub use input::{
    Block, BlockReader, InputError, LONGEST_LINE, Message, MessageError, OpenRecord, RawStreamName, Record,
    RecordReader, decode_line,
};
pub use output::{LogLevel, Output};
pub use state::{State, StateScope};

use serde::Deserialize;

/// Names a stream. An empty namespace is the same as none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct StreamName {
    /// The schema or database that the stream comes from.
    #[serde(default, deserialize_with = "namespace")]
    pub namespace: Option<String>,
    /// The stream's own name.
    pub name: String,
}

fn namespace<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

impl std::fmt::Display for StreamName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
