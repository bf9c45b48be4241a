//! Which streams are compared, by which keys.

use airbyte::{Error, Result, StreamName};
use connector::nearest_name::nearest_name;

use super::copies::Repeats;
use crate::plan::CatalogStream;

/// The key of every object.
const ID: &str = "Id";

/// What the command line says of a stream: `STREAM=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfStream {
    stream: String,
    value: String,
}

impl OfStream {
    /// Reads `STREAM=VALUE`.
    ///
    /// # Errors
    /// It has another form.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || "it must be the name of a stream, an equals sign and the name of a field or an object".to_owned();
        let (stream, value) = text.split_once('=').ok_or_else(wrong)?;
        let (stream, value) = (stream.trim(), value.trim());
        let is_whole = !stream.is_empty() && value.split(':').all(|name| !name.trim().is_empty());
        if is_whole { Ok(Self { stream: stream.to_owned(), value: value.to_owned() }) } else { Err(wrong()) }
    }
}

/// A stream that is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ComparedStream {
    pub(super) name: StreamName,
    /// The object in the org where the records should be.
    pub(super) object: String,
    /// The field, or the column of what was sent, by which records are compared, on each side.
    pub(super) first_key: String,
    pub(super) second_key: String,
    /// What several records with one key are that were sent.
    pub(super) repeats: Repeats,
    /// Whether each record that was sent is to be gone.
    pub(super) deletes: bool,
}

impl ComparedStream {
    /// Whether both sides have the ids of their own records as keys.
    pub(super) fn is_by_id(&self) -> bool {
        [&self.first_key, &self.second_key].iter().all(|key| key.eq_ignore_ascii_case(ID))
    }
}

/// The streams of a catalog with the keys and objects of the command line. The key of a stream is the primary key of the
/// catalog if that is one column, else `Id`.
///
/// # Errors
/// There is no stream, or the command line names one that there is not, or one twice.
pub(super) fn compared_streams(
    catalog: Vec<CatalogStream>,
    keys: &[OfStream],
    objects: &[OfStream],
) -> Result<Vec<ComparedStream>> {
    if catalog.is_empty() {
        return Err(Error::config("The catalog has no stream, so there is nothing to compare."));
    }
    if u16::try_from(catalog.len()).is_err() {
        return Err(Error::config("The catalog has too many streams: compare 65,535 of them at most."));
    }
    for (option, choices) in [("--key", keys), ("--object", objects)] {
        for (number, choice) in choices.iter().enumerate() {
            let names = || catalog.iter().map(|stream| &*stream.name.name);
            if !names().any(|name| name == choice.stream) {
                let nearest = nearest_name(&choice.stream, names());
                let nearest = nearest.map_or_else(String::new, |name| format!("; the nearest name is {name}"));
                return Err(Error::config(format!(
                    "{option} names the stream {}, which the catalog does not have{nearest}.",
                    choice.stream
                )));
            }
            if choices[..number].iter().any(|before| before.stream == choice.stream) {
                return Err(Error::config(format!("{option} names the stream {} twice.", choice.stream)));
            }
        }
    }
    let choice = |choices: &[OfStream], stream: &StreamName| {
        choices.iter().find(|choice| choice.stream == stream.name).map(|choice| choice.value.clone())
    };
    let streams = catalog.into_iter().map(|stream| {
        let (first_key, second_key) = match (choice(keys, &stream.name), &*stream.primary_key) {
            (Some(key), _) => match key.rsplit_once(':') {
                Some((first, second)) => (first.trim().to_owned(), second.trim().to_owned()),
                None => (key.clone(), key),
            },
            (None, [path]) if path.len() == 1 => (path[0].clone(), path[0].clone()),
            (None, _) => (ID.to_owned(), ID.to_owned()),
        };
        let mode = stream.destination_mode.as_deref();
        ComparedStream {
            object: choice(objects, &stream.name).unwrap_or_else(|| stream.name.name.clone()),
            first_key,
            second_key,
            repeats: match mode {
                Some("append_dedup" | "update") => Repeats::Versions,
                _ => Repeats::Records,
            },
            deletes: mode == Some("soft_delete"),
            name: stream.name,
        }
    });
    Ok(streams.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::parse_catalog;

    fn streams(keys: &[&str], objects: &[&str]) -> Result<Vec<ComparedStream>> {
        let catalog = r#"{"streams":[
            {"stream":{"name":"Account"},"primary_key":[["External_Id__c"]],"destination_sync_mode":"append_dedup"},
            {"stream":{"name":"Contact"},"primary_key":[["Id"],["Email"]],"destination_sync_mode":"append"},
            {"stream":{"name":"Lead"},"destination_sync_mode":"soft_delete"}]}"#;
        let read = |choices: &[&str]| choices.iter().map(|it| OfStream::parse(it).unwrap()).collect::<Vec<_>>();
        compared_streams(parse_catalog(catalog).unwrap(), &read(keys), &read(objects))
    }

    #[test]
    fn the_key_is_that_of_the_command_line_or_of_the_catalog_or_the_id() {
        let keys = |choices: &[&str]| -> Vec<(String, String)> {
            let streams = streams(choices, &[]).unwrap();
            streams.into_iter().map(|stream| (stream.first_key, stream.second_key)).collect()
        };
        let pair = |first: &str, second: &str| (first.to_owned(), second.to_owned());
        let (external, id) = (pair("External_Id__c", "External_Id__c"), pair("Id", "Id"));
        assert_eq!(keys(&[]), [external.clone(), id.clone(), id.clone()]);
        for key in ["Contact=Email", "Contact = Email "] {
            assert_eq!(keys(&[key]), [external.clone(), pair("Email", "Email"), id.clone()]);
        }
        assert_eq!(keys(&["Contact = Id : Old_Id__c"]), [external, pair("Id", "Old_Id__c"), id]);
        let streams = streams(&[], &["Lead=Contact"]).unwrap();
        assert_eq!(streams.iter().map(|stream| &*stream.object).collect::<Vec<_>>(), ["Account", "Contact", "Contact"]);
        assert_eq!(streams.iter().map(|stream| stream.deletes).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(
            streams.iter().map(|stream| stream.repeats).collect::<Vec<_>>(),
            [Repeats::Versions, Repeats::Records, Repeats::Records]
        );
        assert_eq!(streams.iter().map(ComparedStream::is_by_id).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn a_stream_that_the_catalog_does_not_have_is_named_with_the_nearest_one() {
        for (keys, objects, part) in [
            (
                &["Acount=Id"][..],
                &[][..],
                "--key names the stream Acount, which the catalog does not have; the nearest",
            ),
            (&["Lead=Id", "Lead=Email"], &[], "--key names the stream Lead twice"),
            (&["Lead=Id", "Contact=Id", "Lead=Email"], &[], "--key names the stream Lead twice"),
            (&[], &["Lead=Contact", "Contact=Lead", "Lead=Lead"], "--object names the stream Lead twice"),
            (&[], &["Case=Lead"], "--object names the stream Case"),
        ] {
            let error = streams(keys, objects).unwrap_err();
            assert!(error.message().contains(part), "{}", error.message());
        }
        for wrong in ["Account", "=Id", "Account=", "Account=a:", "Account=:b", "Account=a: :b", " =Id", "Account= "] {
            assert!(OfStream::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_stream_may_be_named_by_each_option_once() {
        let (both, one) = (["Contact=Email", "Lead=Email"], ["Lead=Person__c"]);
        let streams = streams(&both, &one).unwrap();
        let keys: Vec<&str> = streams.iter().map(|stream| &*stream.second_key).collect();
        assert_eq!(keys, ["External_Id__c", "Email", "Email"]);
        let objects: Vec<&str> = streams.iter().map(|stream| &*stream.object).collect();
        assert_eq!(objects, ["Account", "Contact", "Person__c"]);
    }

    #[test]
    fn what_a_destination_writes_over_is_one_record_however_often_it_was_sent() {
        for (mode, expected, deletes) in [
            (Some("append_dedup"), Repeats::Versions, false),
            (Some("update"), Repeats::Versions, false),
            (Some("append"), Repeats::Records, false),
            (Some("overwrite"), Repeats::Records, false),
            (Some("soft_delete"), Repeats::Records, true),
            (None, Repeats::Records, false),
        ] {
            let mut catalog = parse_catalog(r#"{"streams":[{"stream":{"name":"Account"}}]}"#).unwrap();
            catalog[0].destination_mode = mode.map(str::to_owned);
            let streams = compared_streams(catalog, &[], &[]).unwrap();
            assert_eq!((streams[0].repeats, streams[0].deletes), (expected, deletes), "{mode:?}");
        }
    }

    #[test]
    fn a_primary_key_within_a_column_is_none() {
        for (key, expected) in [(r#"[["Parent","Key__c"]]"#, "Id"), (r#"[["Key__c"]]"#, "Key__c"), ("[]", "Id")] {
            let catalog = format!(r#"{{"streams":[{{"stream":{{"name":"Account"}},"primary_key":{key}}}]}}"#);
            let streams = compared_streams(parse_catalog(&catalog).unwrap(), &[], &[]).unwrap();
            assert_eq!((&*streams[0].first_key, &*streams[0].second_key), (expected, expected), "{key}");
        }
    }

    #[test]
    fn a_catalog_has_a_stream_and_no_more_than_can_be_numbered() {
        let stream = parse_catalog(r#"{"streams":[{"stream":{"name":"Account"}}]}"#).unwrap().remove(0);
        for (count, expected) in [(0, "has no stream"), (65_536, "compare 65,535 of them at most")] {
            let error = compared_streams(vec![stream.clone(); count], &[], &[]).unwrap_err();
            assert!(error.message().contains(expected), "{}", error.message());
        }
        assert_eq!(compared_streams(vec![stream; 65_535], &[], &[]).unwrap().len(), 65_535);
    }

    #[test]
    fn only_ids_on_both_sides_are_those_of_records_of_an_org() {
        for (key, expected) in [
            ("Account=id", true),
            ("Account=Id:ID", true),
            ("Account=Id:Old_Id__c", false),
            ("Account=Old_Id__c:Id", false),
        ] {
            assert_eq!(streams(&[key], &[]).unwrap()[0].is_by_id(), expected, "{key}");
        }
    }
}
