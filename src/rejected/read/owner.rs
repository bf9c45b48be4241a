//! Which stream an object belongs to.

use crate::rejected::key::{KeyFormats, NamesInKey, prefix};
use crate::rejected::settings::StorageSettings;
use crate::rejected::stream_header;
use airbyte::StreamName;

/// The stream of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// The object names it.
    Named(StreamName),
    /// Its key has the name, with some characters replaced.
    InKey(StreamName),
    /// Nothing says which it is.
    Unknown,
}

/// Finds the streams of objects.
#[derive(Debug)]
pub(super) struct Owners {
    prefix: String,
    formats: KeyFormats,
}

impl Owners {
    pub(super) fn new(settings: &StorageSettings) -> Self {
        Self { prefix: prefix(settings), formats: KeyFormats::new(settings) }
    }

    /// The folder that all objects are in, with its slash; empty for the whole bucket.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The stream of the object with this key and this metadata, whose rows are of the sync `sync_id`. A sync without a
    /// number has the number 0.
    pub(super) fn of(&self, key: &str, header: Option<&str>, sync_id: Option<i64>) -> Owner {
        if let Some(stream) = header.and_then(stream_header::decode) {
            return Owner::Named(stream);
        }
        let key = key.strip_prefix(&self.prefix).unwrap_or(key);
        for ways in self.formats.names_in(key) {
            // The number of the sync tells which of several ways is right, and whether this was the format at all.
            let mut fitting = ways.iter().filter(|way| fits(way, sync_id));
            if let Some(way) = fitting.next() {
                let is_only = fitting.all(|other| (&other.namespace, &other.name) == (&way.namespace, &way.name));
                let stream = StreamName { namespace: way.namespace.clone(), name: way.name.clone() };
                return if is_only { Owner::InKey(stream) } else { Owner::Unknown };
            }
        }
        Owner::Unknown
    }
}

fn fits(way: &NamesInKey, sync_id: Option<i64>) -> bool {
    match (way.sync_id, sync_id) {
        (Some(in_key), Some(sync_id)) => in_key.unwrap_or_default() == sync_id,
        _ => true,
    }
}
