//! The configured catalog, as a source reads it: the streams and their selected columns.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use airbyte::{Error, Result, StreamName};

use crate::columns::DELETED_AT;
use crate::state::SyncIds;

/// The modes in which a destination keeps the newest row of each record.
const DEDUPLICATING: [&str; 2] = ["append_dedup", "overwrite_dedup"];

/// A stream of the configured catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogStream {
    pub(crate) name: StreamName,
    /// The selected columns, without those that the platform adds. None for all of the object.
    pub(crate) columns: Option<Vec<String>>,
    /// Whether only changes are read.
    pub(crate) is_incremental: bool,
    /// Whether the column with the time of a deletion is selected.
    pub(crate) tells_deletions: bool,
    /// The column by which the destination orders the rows of a record; empty if the catalog names none.
    pub(crate) cursor_field: Vec<String>,
    pub(crate) sync: SyncIds,
    /// The paths of the columns that together name a record, if the catalog has them.
    pub(crate) primary_key: Vec<Vec<String>>,
    /// What the destination does with the records, if the catalog says it.
    pub(crate) destination_mode: Option<String>,
}

impl CatalogStream {
    /// Whether the destination keeps the newest row of each record.
    pub(crate) fn is_deduplicated(&self) -> bool {
        self.destination_mode.as_deref().is_some_and(|mode| DEDUPLICATING.contains(&mode))
    }

    /// Whether the catalog may select a column that a test accepts: it names one, or selects all.
    pub(crate) fn may_select(&self, is_wanted: impl Fn(&str) -> bool) -> bool {
        self.columns.as_ref().is_none_or(|columns| columns.iter().any(|column| is_wanted(column)))
    }
}

#[derive(Deserialize)]
struct Catalog {
    streams: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    stream: Stream,
    #[serde(default)]
    sync_mode: Option<String>,
    #[serde(default)]
    cursor_field: Option<Vec<String>>,
    #[serde(flatten)]
    sync: SyncIds,
    #[serde(default)]
    primary_key: Option<Vec<Vec<String>>>,
    #[serde(default)]
    destination_sync_mode: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(flatten)]
    name: StreamName,
    #[serde(default)]
    json_schema: Map<String, Value>,
    #[serde(default)]
    supported_sync_modes: Vec<String>,
}

impl Stream {
    /// Whether the stream has no other mode. `PyAirbyte` asks for an incremental sync of every stream.
    fn is_full_refresh_only(&self) -> bool {
        self.supported_sync_modes == ["full_refresh"]
    }
}

/// Reads the streams of a configured catalog.
///
/// # Errors
/// The text is not a configured catalog, names a stream twice, or asks for a sync mode that there is not.
pub(crate) fn parse_catalog(text: &str) -> Result<Vec<CatalogStream>> {
    let catalog: Catalog = serde_json::from_str(text).map_err(|error| {
        Error::config(
            "The file given with --catalog is not a configured catalog of the Airbyte protocol. Pass the catalog that \
             the platform writes for the connection.",
        )
        .internal(error)
    })?;
    let mut seen = HashSet::new();
    let mut streams = Vec::with_capacity(catalog.streams.len());
    for Entry { stream, sync_mode, sync, primary_key, destination_sync_mode, cursor_field } in catalog.streams {
        let is_full_refresh_only = stream.is_full_refresh_only();
        let Stream { name, json_schema, .. } = stream;
        if !seen.insert(name.clone()) {
            return Err(Error::config(format!("The catalog names the stream {name} twice. Remove one of the two.")));
        }
        let is_incremental = match sync_mode.as_deref() {
            None | Some("full_refresh") => false,
            Some("incremental") if is_full_refresh_only => {
                tracing::info!("{name} has only full refreshes, and is read whole");
                false
            }
            Some("incremental") => true,
            Some(mode) => {
                return Err(Error::config(format!(
                    "The catalog asks for the sync mode {mode} of the stream {name}, which this connector does not \
                     know. Choose full refresh or incremental for the stream."
                )));
            }
        };
        let properties = json_schema.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty());
        let tells_deletions = match properties {
            Some(properties) => properties.contains_key(DELETED_AT),
            None => is_incremental,
        };
        let selected = |all: &Map<String, Value>| all.keys().filter(|name| !is_of_platform(name)).cloned().collect();
        streams.push(CatalogStream {
            name,
            columns: properties.map(selected),
            is_incremental,
            tells_deletions,
            cursor_field: cursor_field.unwrap_or_default(),
            sync,
            primary_key: primary_key.unwrap_or_default(),
            destination_mode: destination_sync_mode,
        });
    }
    Ok(streams)
}

/// Whether the platform adds the column, and not the org.
fn is_of_platform(name: &str) -> bool {
    name.starts_with("_airbyte_") || name.starts_with("_ab_")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stream_has_its_selected_columns() {
        let text = r#"{"streams":[
            {"stream":{"name":"Account","json_schema":{"properties":{"Id":{},"Name":{},"_ab_cdc_deleted_at":{}}},
                "supported_sync_modes":["full_refresh"]},"sync_mode":"full_refresh","destination_sync_mode":"overwrite"},
            {"stream":{"name":"Contact","namespace":""},"sync_mode":"incremental","sync_id":12,"generation_id":3,
                "destination_sync_mode":"append_dedup","cursor_field":["SystemModstamp"]},
            {"stream":{"name":"Lead","json_schema":{"properties":{"Id":{}}}},"cursor_field":null},
            {"stream":{"name":"Case","json_schema":{"properties":{"_ab_cdc_deleted_at":{}}}}},
            {"stream":{"name":"Task","json_schema":{"properties":{}}}}]}"#;
        let streams = parse_catalog(text).unwrap();
        let columns: Vec<_> =
            streams.iter().map(|stream| stream.columns.as_ref().map(|names| names.join(","))).collect();
        let selected = |names: &str| Some(names.to_owned());
        // Columns of the platform alone are not all columns.
        assert_eq!(columns, [selected("Id,Name"), None, selected("Id"), selected(""), None]);
        let modes: Vec<_> = streams.iter().map(|stream| (stream.is_incremental, stream.tells_deletions)).collect();
        assert_eq!(modes, [(false, true), (true, true), (false, false), (false, true), (false, false)]);
        let orders: Vec<_> =
            streams.iter().map(|stream| (stream.is_deduplicated(), stream.cursor_field.len())).collect();
        assert_eq!(orders, [(false, 0), (true, 1), (false, 0), (false, 0), (false, 0)]);
        assert_eq!(streams[0].sync, SyncIds::default());
        assert_eq!(streams[1].sync, SyncIds { sync_id: Some(12), generation_id: Some(3) });
        assert_eq!((&*streams[1].name.name, &streams[1].name.namespace), ("Contact", &None));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for (text, part) in [
            ("{", "not a configured catalog"),
            (r#"{"streams":[{"stream":{"name":"A"}},{"stream":{"name":"A"}}]}"#, "the stream A twice"),
            (r#"{"streams":[{"stream":{"name":"A"},"sync_mode":"cdc"}]}"#, "the sync mode cdc of the stream A"),
        ] {
            let error = parse_catalog(text).unwrap_err();
            assert!(error.message().contains(part), "{text}: {}", error.message());
        }
    }

    #[test]
    fn a_stream_is_incremental_only_where_it_can_be() {
        for (modes, mode, expected) in [
            (json!(["full_refresh"]), "incremental", false),
            (json!(["full_refresh", "incremental"]), "incremental", true),
            (json!(["full_refresh", "incremental"]), "full_refresh", false),
            (json!(["incremental"]), "incremental", true),
            (json!([]), "incremental", true),
        ] {
            let stream = json!({"name": "A", "supported_sync_modes": modes});
            let text = json!({"streams": [{"stream": stream, "sync_mode": mode}]}).to_string();
            let stream = parse_catalog(&text).unwrap().remove(0);
            // All columns of a full refresh are without the time of a deletion, which none of its records has.
            assert_eq!((stream.is_incremental, stream.tells_deletions), (expected, expected), "{text}");
        }
    }

    #[test]
    fn columns_that_the_platform_adds_are_not_those_of_the_org() {
        let columns = json!({
            "_airbyte_raw_id": {}, "_ab_source_file": {}, "_abc__c": {}, "_airbyte": {}, "Id": {},
            "Old_airbyte_id__c": {}, "Lab_ab_test__c": {},
        });
        let text = json!({"streams": [{
            "stream": {"name": "A", "json_schema": {"properties": columns}},
            "destination_sync_mode": "overwrite_dedup", "primary_key": [["Id"], ["Parent", "Key__c"]],
        }]});
        let stream = parse_catalog(&text.to_string()).unwrap().remove(0);
        let mut columns = stream.columns.clone().unwrap();
        columns.sort_unstable();
        assert_eq!(columns, ["Id", "Lab_ab_test__c", "Old_airbyte_id__c", "_abc__c", "_airbyte"]);
        assert!(stream.is_deduplicated() && !stream.tells_deletions);
        assert_eq!(stream.primary_key, [vec!["Id".to_owned()], vec!["Parent".to_owned(), "Key__c".to_owned()]]);
        assert!(stream.may_select(|name| name == "Id") && !stream.may_select(|name| name == "Name"));
        assert!(CatalogStream { columns: None, ..stream }.may_select(|name| name == "Name"));
    }

    #[test]
    fn streams_of_two_namespaces_may_have_one_name() {
        let text = r#"{"streams":[{"stream":{"name":"A","namespace":"b"}},{"stream":{"name":"A"}}]}"#;
        assert_eq!(parse_catalog(text).unwrap().len(), 2);
    }
}
