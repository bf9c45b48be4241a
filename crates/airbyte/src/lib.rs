//! The Airbyte protocol: lines in, messages out. Synchronous throughout.

pub mod catalog;
pub mod error;
pub mod input;
pub mod json;
pub mod line;
pub mod log;
pub mod output;
pub mod record;
pub mod state;

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
