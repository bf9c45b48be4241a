//! Entries under `streams`, compared with the catalog. A misspelt name would change what is done with the records,
//! without a word.

use super::fields::nearest_name_is;
use super::request::StreamRequest;
use crate::config::{Config, StreamSettings};
use crate::nearest_name::{is_misspelt, nearest_name};
use airbyte::{ConfiguredStream, StreamName};
use salesforce::Operation;

/// Something about an entry that does not fit the catalog.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EntryFinding {
    /// Whole sentences.
    pub(super) sentence: String,
    /// Whether records would probably be written in another way than the user means.
    pub(super) changes_records: bool,
}

/// Compares the entries with the catalog. An entry that matches nothing is not always a mistake: connections of one
/// destination share its entries, and may leave out a stream for a while. If its name is nearly that of a stream that
/// has no entry, it is one.
pub(super) fn check_entries(requests: &[StreamRequest<'_>], config: &Config) -> Vec<EntryFinding> {
    let mut findings: Vec<EntryFinding> = requests.iter().flat_map(check_renames).collect();
    let is_without_entry = |request: &&StreamRequest<'_>| !request.has_entry() && request.brings_records();
    let without_entry: Vec<&StreamName> = requests.iter().filter(is_without_entry).map(StreamRequest::name).collect();
    let unmatched =
        config.streams().iter().filter(|entry| !requests.iter().any(|request| is_for(entry, request.name())));
    for entry in unmatched {
        let name = entry_name(entry);
        let nearest = nearest_name(entry.stream(), without_entry.iter().map(|stream| stream.name.as_str()));
        // The same name in another namespace is not a mistake.
        let meant = nearest.filter(|nearest| *nearest != name.name && is_misspelt(&name.name, nearest));
        let meant = meant.and_then(|meant| without_entry.iter().find(|stream| stream.name == meant));
        findings.push(match meant {
            Some(stream) => EntryFinding {
                sentence: format!(
                    "The entry under `streams` for {name} matches no stream; the nearest name is {stream}, which has \
                     no entry. Correct the name, remove the entry, or add an entry for {stream}."
                ),
                changes_records: true,
            },
            None => {
                let nearest = nearest_name(entry.stream(), requests.iter().map(|it| it.name().name.as_str()));
                EntryFinding {
                    sentence: format!(
                        "The entry under `streams` for {name} matches no stream{}.",
                        nearest_name_is(nearest)
                    ),
                    changes_records: false,
                }
            }
        });
    }
    findings
}

/// Everything in the configuration that does not fit the catalog, in whole sentences, as far as it is known without the
/// org.
pub(crate) fn catalog_problems(config: &Config, catalog: &[ConfiguredStream]) -> Vec<String> {
    let requests: Vec<StreamRequest<'_>> = catalog.iter().map(|stream| StreamRequest::new(stream, config)).collect();
    let entries = check_entries(&requests, config).into_iter().map(|finding| finding.sentence);
    entries.chain(requests.iter().filter(|request| lacks_key(request)).map(key_is_missing)).collect()
}

fn lacks_key(request: &StreamRequest<'_>) -> bool {
    request.operation == Some(Operation::Upsert)
        && request.match_settings().is_none()
        && request.external_id_field().is_none()
        && request.primary_key_column().is_none()
}

fn key_is_missing(request: &StreamRequest<'_>) -> String {
    format!(
        "Stream {}: an upsert needs a key of one field; set `external_id_field` in its entry under `streams`, or choose \
         a matching key.",
        request.name()
    )
}

/// The stream that an entry names.
pub(super) fn entry_name(entry: &StreamSettings) -> StreamName {
    StreamName { namespace: entry.namespace().map(str::to_owned), name: entry.stream().to_owned() }
}

fn is_for(entry: &StreamSettings, stream: &StreamName) -> bool {
    let is_in = |namespace| stream.namespace.as_deref() == Some(namespace);
    entry.stream() == stream.name && entry.namespace().is_none_or(is_in)
}

/// The renamed columns that the schema of the stream lacks. Only records show the fields of a nested object.
fn check_renames(request: &StreamRequest<'_>) -> Vec<EntryFinding> {
    let columns: Vec<&str> = request.schema().iter().map(|field| field.name.as_str()).collect();
    if columns.is_empty() || !request.brings_records() {
        return Vec::new();
    }
    let is_there = |source: &str| {
        let object = source.split_once('.').map_or(source, |(object, _)| object);
        columns.contains(&source) || columns.contains(&object)
    };
    let missing = request.renames().sources().filter(|source| !is_there(source));
    missing
        .map(|source| {
            let others = columns.iter().copied().filter(|column| !request.renames().has(column));
            let nearest = nearest_name(source, others);
            EntryFinding {
                sentence: format!(
                    "Stream {}: an entry of its `fields` renames {source}, which its schema lacks{}.",
                    request.name(),
                    nearest_name_is(nearest)
                ),
                changes_records: nearest.is_some_and(|nearest| is_misspelt(source, nearest)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::test_configs::{client, valid};
    use airbyte::parse_catalog;

    /// The streams of a catalog, each with its mode.
    fn catalog(streams: &[(&str, &str)]) -> Vec<ConfiguredStream> {
        let stream = |(name, mode): &(&str, &str)| {
            let (namespace, name) =
                name.split_once('/').map_or((None, *name), |(namespace, name)| (Some(namespace), name));
            let properties = json!({"LastName": {"type": "string"}, "Account": {"type": "object"}});
            json!({
                "stream": {"name": name, "namespace": namespace, "json_schema": {"properties": properties}},
                "destination_sync_mode": mode, "sync_id": 1, "generation_id": 1, "minimum_generation_id": 0,
            })
        };
        let streams: Vec<Value> = streams.iter().map(stream).collect();
        parse_catalog(&json!({ "streams": streams }).to_string()).unwrap()
    }

    fn findings(entry: Value, streams: &[(&str, &str)]) -> Vec<(bool, String)> {
        let (config, catalog) = (valid(&client(json!({ "streams": [entry] }))), catalog(streams));
        let requests: Vec<_> = catalog.iter().map(|stream| StreamRequest::new(stream, &config)).collect();
        check_entries(&requests, &config).into_iter().map(|it| (it.changes_records, it.sentence)).collect()
    }

    #[test]
    fn an_entry_is_a_mistake_if_its_name_is_nearly_that_of_a_stream_without_one() {
        let meant = |name: &str| format!("the nearest name is {name}, which has no entry.");
        for (entry, streams, expected) in [
            ("customers", &[("customers", "append")][..], None),
            ("custmers", &[("customers", "append")], Some((true, meant("customers")))),
            ("custmers", &[("crm/customers", "append")], Some((true, meant("crm.customers")))),
            // Half of the letters are too few.
            ("custody", &[("customers", "append")], Some((false, "no stream; the nearest name is customers.".into()))),
            ("orders_2025", &[("orders_2026", "append")], Some((false, "the nearest name is orders_2026.".into()))),
            ("invoices", &[("customers", "append")], Some((false, "matches no stream.".into()))),
            // A reset brings no records.
            ("custmers", &[("customers", "overwrite")], Some((false, "the nearest name is customers.".into()))),
            ("custmers", &[("customers", "overwrite"), ("customer", "append")], Some((true, meant("customer")))),
        ] {
            let found = findings(json!({"stream": entry, "object": "Contact"}), streams);
            match (&found[..], expected) {
                ([], None) => {}
                ([(changes_records, sentence)], Some((expected, end))) => {
                    assert_eq!(*changes_records, expected, "{sentence}");
                    assert!(sentence.contains(&end), "{sentence}");
                }
                (found, expected) => panic!("{entry}: {found:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn an_entry_is_for_the_stream_of_its_namespace() {
        for (namespace, streams, findings_expected) in [
            (None, &[("crm/customers", "append")][..], 0),
            (Some("crm"), &[("crm/customers", "append")], 0),
            (Some("erp"), &[("crm/customers", "append")], 1),
            (Some("erp"), &[("customers", "append")], 1),
        ] {
            let entry = json!({"stream": "customers", "namespace": namespace, "object": "Contact"});
            let entry = if namespace.is_none() { json!({"stream": "customers", "object": "Contact"}) } else { entry };
            let found = findings(entry, streams);
            assert_eq!(found.len(), findings_expected, "{namespace:?}: {found:?}");
            assert!(found.iter().all(|(changes_records, _)| !changes_records), "{found:?}");
        }
    }

    #[test]
    fn a_rename_needs_a_column_of_the_schema_or_a_member_of_one() {
        for (renamed, mode, expected) in [
            ("LastName", "append", None),
            ("Account.Code", "append", None),
            ("LastNam", "append", Some(true)),
            ("Shoe", "append", Some(false)),
            ("Shoe.Size", "append", Some(false)),
            ("LastNam", "overwrite", None),
        ] {
            let entry =
                json!({"stream": "s", "object": "Contact", "fields": [{"source": renamed, "target": "LastName"}]});
            let found = findings(entry, &[("s", mode)]);
            assert_eq!(found.first().map(|(changes_records, _)| *changes_records), expected, "{renamed}: {found:?}");
        }
    }

    #[test]
    fn an_upsert_needs_a_key_of_one_field() {
        let lacks = |entry: Value, mode: &str, key: Value| {
            let mut catalog = catalog(&[("s", mode)]);
            let with_key = json!({"streams": [{
                "stream": {"name": "s", "json_schema": {"properties": {"LastName": {"type": "string"}}}},
                "destination_sync_mode": mode, "primary_key": key,
            }]});
            catalog = if key.is_null() { catalog } else { parse_catalog(&with_key.to_string()).unwrap() };
            let mut settings = json!({"stream": "s", "object": "Contact"});
            settings.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
            let config = valid(&client(json!({ "streams": [settings] })));
            catalog_problems(&config, &catalog).len()
        };
        for (entry, mode, key, expected) in [
            (json!({}), "append_dedup", json!(null), 1),
            (json!({}), "append_dedup", json!([["LastName"]]), 0),
            (json!({}), "append_dedup", json!([["LastName"], ["Email"]]), 1),
            (json!({"external_id_field": "External_Id__c"}), "append_dedup", json!(null), 0),
            (json!({"match": {"fields": ["Email"]}}), "append_dedup", json!(null), 0),
            (json!({"operation": "upsert"}), "append", json!(null), 1),
            (json!({"operation": "insert"}), "append_dedup", json!(null), 0),
            (json!({}), "append", json!(null), 0),
            (json!({}), "update", json!(null), 0),
        ] {
            assert_eq!(lacks(entry.clone(), mode, key.clone()), expected, "{entry} {mode} {key}");
        }
    }
}
