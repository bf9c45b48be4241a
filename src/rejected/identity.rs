//! Whose records are rejected: the sync and the stream.

use airbyte::StreamName;
use jiff::Timestamp;

/// The sync that the records belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SyncIdentity {
    /// The platform's number of the sync, if the platform sends one.
    pub(crate) sync_id: Option<i64>,
    /// When the sync started. Every time in a key is this one.
    pub(crate) started: Timestamp,
}

/// The stream that the records belong to.
#[derive(Debug, Clone)]
pub(crate) struct StreamIdentity {
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// The generation of the stream, if the platform counts generations.
    pub(crate) generation_id: Option<i64>,
    /// The top-level properties of the stream's schema, in their order: the columns of flattened rows.
    pub(crate) source_columns: Vec<String>,
}

impl StreamIdentity {
    pub(super) fn stream_name(&self) -> StreamName {
        StreamName { namespace: self.namespace.clone().filter(|text| !text.is_empty()), name: self.name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_namespace_is_none() {
        for (namespace, expected) in [(None, None), (Some(""), None), (Some("crm"), Some("crm"))] {
            let stream = StreamIdentity {
                namespace: namespace.map(str::to_owned),
                name: "accounts".to_owned(),
                generation_id: None,
                source_columns: Vec::new(),
            };
            let expected = StreamName { namespace: expected.map(str::to_owned), name: "accounts".to_owned() };
            assert_eq!(stream.stream_name(), expected, "{namespace:?}");
        }
    }
}
