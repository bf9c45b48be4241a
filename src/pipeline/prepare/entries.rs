//! Entries under `streams` that match nothing. A misspelt name would change what is done with the records, without a
//! word.

use super::nearest_name::{is_misspelt, nearest_name};
use super::request::StreamRequest;
use crate::config::{Config, StreamSettings};
use airbyte::StreamName;

/// Compares the entries with the catalog. An entry that matches nothing is logged, because the connection may leave out
/// a stream for a while.
///
/// Returns a sentence for each entry that probably means the only stream without an entry.
pub(super) fn check_entries(requests: &[StreamRequest<'_>], config: &Config) -> Vec<String> {
    requests.iter().for_each(warn_of_renames);
    let without_entry: Vec<&StreamName> = requests
        .iter()
        .filter(|request| !request.has_entry() && request.brings_records())
        .map(StreamRequest::name)
        .collect();
    let unmatched =
        config.streams().iter().filter(|entry| !requests.iter().any(|request| is_for(entry, request.name())));
    let mut problems = Vec::new();
    for entry in unmatched {
        let name = StreamName { namespace: entry.namespace().map(str::to_owned), name: entry.stream().to_owned() };
        match &*without_entry {
            // Connections of one destination share its entries: the same name in another namespace is no mistake.
            [stream] if name.name != stream.name && is_misspelt(&name.name, &stream.name) => problems.push(format!(
                "The entry under `streams` for {name} matches no stream; the nearest name is {stream}, which has no \
                 entry. Correct the name, or remove the entry."
            )),
            _ => {
                let nearest = nearest_name(entry.stream(), requests.iter().map(|request| request.name().name.as_str()));
                tracing::warn!(entry = %name, nearest, "an entry under `streams` matches no stream of the connection");
            }
        }
    }
    problems
}

fn is_for(entry: &StreamSettings, stream: &StreamName) -> bool {
    let is_in = |namespace| stream.namespace.as_deref() == Some(namespace);
    entry.stream() == stream.name && entry.namespace().is_none_or(is_in)
}

/// Logs the renamed columns that the schema of the stream lacks. Only records show the fields of a nested object.
fn warn_of_renames(request: &StreamRequest<'_>) {
    let columns: Vec<&str> = request.schema().iter().map(|field| field.name.as_str()).collect();
    if columns.is_empty() {
        return;
    }
    for source in request.renames().sources() {
        let object = source.split_once('.').map_or(source, |(object, _)| object);
        if !columns.contains(&source) && !columns.contains(&object) {
            let nearest = nearest_name(source, columns.iter().copied());
            tracing::warn!(
                stream = %request.name(), column = source, nearest,
                "an entry of `fields` renames a column that the schema of the stream lacks"
            );
        }
    }
}
