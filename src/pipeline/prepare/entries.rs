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
