//! The name of a stream.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// The name of a stream, which the protocol calls its descriptor. An empty namespace is the same as none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct StreamName {
    /// The schema or database of the stream at its source.
    #[serde(default, deserialize_with = "namespace")]
    pub namespace: Option<String>,
    /// The stream's own name.
    pub name: String,
}

fn namespace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
