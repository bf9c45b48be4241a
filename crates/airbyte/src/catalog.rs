//! The configured catalog: the streams of a sync, and what the user chose for each.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Error, Result, StreamName};

/// What the user chose to happen with the records of a stream, its `destination_sync_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// Add every record.
    Append,
    /// Add records, and change those that exist under the same key.
    AppendDedup,
    /// Change records that exist.
    Update,
    /// Delete records in a way that they can be restored.
    SoftDelete,
    /// Replace all records. The platform also sends a reset in this form, without records.
    Overwrite,
    /// Replace all records, one for each key. The platform sends it only to destinations without refreshes.
    OverwriteDedup,
}

/// A stream of the configured catalog.
#[derive(Debug, Clone)]
pub struct ConfiguredStream {
    /// The name of the stream.
    pub name: StreamName,
    /// The object of the destination that the user chose, on platforms with data activation.
    pub object: Option<String>,
    /// What happens with the records; append if the catalog does not say.
    pub sync_mode: SyncMode,
    /// The columns of the key, each a path into the record. With data activation this is the matching key.
    pub primary_key: Vec<Vec<String>>,
    /// The top-level properties of the stream's JSON schema, in their order.
    pub fields: Vec<SchemaField>,
    /// The generation of the data. If the catalog has one, the platform ends the stream with a COMPLETE status.
    pub generation_id: Option<i64>,
    /// The oldest generation that may stay. If it is [`generation_id`](Self::generation_id), the user chose to remove
    /// all earlier records.
    pub minimum_generation_id: Option<i64>,
    /// The platform's number of the sync.
    pub sync_id: Option<i64>,
}

/// A property of a stream's JSON schema: a top-level one, or a member of an object there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaField {
    /// The property's name.
    pub name: String,
    /// The JSON types that its value may have.
    pub types: JsonTypes,
    /// The members of its value, if that may be an object. Members have none of their own.
    pub members: Vec<SchemaField>,
}

/// The JSON types that a value may have, `null` aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JsonTypes {
    /// It may be a string; also true if the schema names no type.
    pub text: bool,
    /// It may be a number.
    pub number: bool,
    /// It may be true or false.
    pub boolean: bool,
    /// It may be an array.
    pub array: bool,
    /// It may be an object.
    pub object: bool,
}

#[derive(Deserialize)]
struct Catalog {
    streams: Vec<CatalogEntry>,
}

#[derive(Deserialize)]
struct CatalogEntry {
    stream: CatalogStream,
    #[serde(default)]
    destination_sync_mode: Option<SyncMode>,
    #[serde(default)]
    primary_key: Option<Vec<Vec<String>>>,
    #[serde(default)]
    generation_id: Option<i64>,
    #[serde(default)]
    minimum_generation_id: Option<i64>,
    #[serde(default)]
    sync_id: Option<i64>,
    #[serde(default)]
    destination_object_name: Option<String>,
}

#[derive(Deserialize)]
struct CatalogStream {
    #[serde(flatten)]
    name: StreamName,
    #[serde(default)]
    json_schema: Map<String, Value>,
}

/// Reads the streams of a configured catalog.
///
/// # Errors
/// A `config_error` if the text is not a configured catalog, or names a stream twice.
pub fn parse_catalog(text: &str) -> Result<Vec<ConfiguredStream>> {
    let catalog: Catalog = serde_json::from_str(text).map_err(|error| {
        Error::config(
            "The file given with --catalog is not a configured catalog of the Airbyte protocol. Pass the catalog that \
             the platform writes for the connection.",
        )
        .internal(error)
    })?;
    let mut seen = HashSet::new();
    let mut streams = Vec::with_capacity(catalog.streams.len());
    for entry in catalog.streams {
        let stream = entry.into_stream();
        if !seen.insert(stream.name.clone()) {
            return Err(Error::config(format!(
                "The catalog names the stream {} twice. Remove one of the two.",
                stream.name
            )));
        }
        streams.push(stream);
    }
    Ok(streams)
}

impl CatalogEntry {
    fn into_stream(self) -> ConfiguredStream {
        ConfiguredStream {
            fields: schema_fields(&self.stream.json_schema),
            name: self.stream.name,
            object: self.destination_object_name.filter(|object| !object.trim().is_empty()),
            sync_mode: self.destination_sync_mode.unwrap_or(SyncMode::Append),
            primary_key: self.primary_key.unwrap_or_default(),
            generation_id: self.generation_id,
            minimum_generation_id: self.minimum_generation_id,
            sync_id: self.sync_id,
        }
    }
}

fn schema_fields(schema: &Map<String, Value>) -> Vec<SchemaField> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let field = |(name, property): (&String, &Value)| {
        let mut members = Vec::new();
        add_members(property, &mut members);
        SchemaField { name: name.clone(), types: types_of(property), members }
    };
    properties.iter().map(field).collect()
}

fn add_members(property: &Value, members: &mut Vec<SchemaField>) {
    for (name, member) in property.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if members.iter().all(|known| known.name != *name) {
            members.push(SchemaField { name: name.clone(), types: types_of(member), members: Vec::new() });
        }
    }
    choices(property).for_each(|choice| add_members(choice, members));
}

fn types_of(property: &Value) -> JsonTypes {
    let mut types = JsonTypes::default();
    add_types(property, &mut types);
    if types == JsonTypes::default() {
        types.text = true;
    }
    types
}

fn add_types(property: &Value, types: &mut JsonTypes) {
    match property.get("type") {
        Some(Value::String(name)) => add_type(name, types),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).for_each(|name| add_type(name, types)),
        _ => {}
    }
    choices(property).for_each(|choice| add_types(choice, types));
}

/// The schemas of a property that has several.
fn choices(property: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().filter_map(|key| property.get(key)?.as_array()).flatten()
}

fn add_type(name: &str, types: &mut JsonTypes) {
    match name {
        "string" => types.text = true,
        "number" | "integer" => types.number = true,
        "boolean" => types.boolean = true,
        "array" => types.array = true,
        "object" => types.object = true,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_without_generations_or_object_names_is_enough() {
        let streams = parse_catalog(
            r#"{"streams":[{"stream":{"name":"contacts","namespace":"","json_schema":{"type":"object","properties":{
                "n":{"type":["null","number"]},"b":{"type":"boolean"},"any":{},
                "o":{"oneOf":[{"type":"integer"},{"type":"object"}]},"a":{"type":["null","array"],"items":{"type":"string"}}
            }},"supported_sync_modes":["full_refresh"]},"sync_mode":"full_refresh","destination_sync_mode":"append"}]}"#,
        )
        .unwrap();
        let stream = &streams[0];
        assert_eq!(stream.name, StreamName { namespace: None, name: "contacts".into() });
        assert_eq!(stream.sync_mode, SyncMode::Append);
        assert_eq!((&stream.object, stream.generation_id), (&None, None));
        let shown: Vec<_> = stream
            .fields
            .iter()
            .map(|field| {
                let types = field.types;
                let flags = [types.text, types.number, types.boolean, types.array, types.object];
                (field.name.as_str(), flags.map(u8::from))
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("n", [0, 1, 0, 0, 0]),
                ("b", [0, 0, 1, 0, 0]),
                ("any", [1, 0, 0, 0, 0]),
                ("o", [0, 1, 0, 0, 1]),
                ("a", [0, 0, 0, 1, 0]),
            ]
        );
    }

    #[test]
    fn members_of_objects_are_read() {
        let streams = parse_catalog(
            r#"{"streams":[{"stream":{"name":"c","json_schema":{"properties":{
                "Account":{"type":["null","object"],"properties":{"Key__c":{"type":"integer"},
                    "Owner":{"type":"object","properties":{"Email":{}}}}},
                "Parent":{"oneOf":[{"type":"null"},{"type":"object","properties":{"Key__c":{"type":"string"}}}]},
                "Name":{"type":"string"}}}}}]}"#,
        )
        .unwrap();
        let members: Vec<Vec<&str>> = streams[0]
            .fields
            .iter()
            .map(|field| field.members.iter().map(|member| member.name.as_str()).collect())
            .collect();
        assert_eq!(members, [&["Key__c", "Owner"][..], &["Key__c"], &[]]);
        assert!(streams[0].fields[0].members[0].types.number);
        assert!(streams[0].fields[0].members[1].members.is_empty());
    }

    #[test]
    fn the_properties_of_data_activation_are_read() {
        let streams = parse_catalog(
            r#"{"streams":[{"stream":{"name":"c","namespace":"n","json_schema":{}},"destination_sync_mode":"append_dedup",
                "primary_key":[["Ext__c"]],"generation_id":3,"minimum_generation_id":0,"sync_id":12,
                "destination_object_name":"Contact"}]}"#,
        )
        .unwrap();
        let stream = &streams[0];
        assert_eq!(stream.object.as_deref(), Some("Contact"));
        assert_eq!(stream.primary_key, [["Ext__c"]]);
        assert_eq!((stream.generation_id, stream.sync_id), (Some(3), Some(12)));
        assert_eq!(stream.minimum_generation_id, Some(0));
    }

    #[test]
    fn a_broken_catalog_and_a_repeated_stream_are_errors() {
        for (text, part) in [
            ("{", "not a configured catalog"),
            (r#"{"streams":[{"stream":{"json_schema":{}}}]}"#, "not a configured catalog"),
            (r#"{"streams":[{"stream":{"name":"s"}},{"stream":{"name":"s","namespace":null}}]}"#, "stream s twice"),
        ] {
            let message = parse_catalog(text).unwrap_err().message().to_owned();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn a_property_with_several_schemas_has_the_types_and_members_of_all_of_them() {
        let streams = parse_catalog(
            r#"{"streams":[{"stream":{"name":"c","json_schema":{"properties":{
                "any":{"anyOf":[{"type":"integer"},{"type":["null","boolean"]},{"oneOf":[{"type":"string"}]}]},
                "one":{"oneOf":[{"type":"array"},{"anyOf":[{"type":"object","properties":{"a":{"type":"number"}}}]}]},
                "both":{"type":"number","anyOf":[{"properties":{"b":{}}}],"oneOf":[{"properties":{"c":{},"b":{}}}]},
                "none":{"allOf":[{"type":"number"}]},
                "null":{"type":"null"}
            }}}}]}"#,
        )
        .unwrap();
        let shown: Vec<_> = streams[0]
            .fields
            .iter()
            .map(|field| {
                let JsonTypes { text, number, boolean, array, object } = field.types;
                let members: Vec<&str> = field.members.iter().map(|member| member.name.as_str()).collect();
                (field.name.as_str(), [text, number, boolean, array, object].map(u8::from), members.join(" "))
            })
            .collect();
        let expected = [
            ("any", [1, 1, 1, 0, 0], ""),
            ("one", [0, 0, 0, 1, 1], "a"),
            ("both", [0, 1, 0, 0, 0], "c b"),
            ("none", [1, 0, 0, 0, 0], ""),
            ("null", [1, 0, 0, 0, 0], ""),
        ];
        assert_eq!(shown, expected.map(|(name, types, members)| (name, types, members.to_owned())));
    }

    #[test]
    fn each_mode_has_its_name_and_append_is_the_one_without() {
        for (mode, expected) in [
            ("\"append\"", SyncMode::Append),
            ("\"append_dedup\"", SyncMode::AppendDedup),
            ("\"update\"", SyncMode::Update),
            ("\"soft_delete\"", SyncMode::SoftDelete),
            ("\"overwrite\"", SyncMode::Overwrite),
            ("\"overwrite_dedup\"", SyncMode::OverwriteDedup),
            ("null", SyncMode::Append),
        ] {
            let text = format!(r#"{{"streams":[{{"stream":{{"name":"c"}},"destination_sync_mode":{mode}}}]}}"#);
            assert_eq!(parse_catalog(&text).unwrap()[0].sync_mode, expected, "{mode}");
        }
        let text = r#"{"streams":[{"stream":{"name":"c"},"destination_sync_mode":"replace"}]}"#;
        assert!(parse_catalog(text).is_err());
    }

    #[test]
    fn a_blank_object_is_none() {
        for (object, expected) in [("\"\"", None), ("\" \"", None), ("null", None), ("\"Contact\"", Some("Contact"))] {
            let text = format!(r#"{{"streams":[{{"stream":{{"name":"c"}},"destination_object_name":{object}}}]}}"#);
            assert_eq!(parse_catalog(&text).unwrap()[0].object.as_deref(), expected, "{object}");
        }
    }
}
