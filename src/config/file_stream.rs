//! The one stream of a file that a person loads, in place of the entries of `streams`.

use std::path::PathBuf;

use super::matching::MatchSettings;
use super::renames::Renames;
use super::streams::StreamSettings;
use super::{Config, OnMissing, OnSeveral};
use crate::rejected::{
    Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, FileNameFormat, Flattening, Format, Place,
    StorageSettings,
};
use salesforce::Operation;

/// What becomes of the rows of a file.
#[derive(Debug, Clone)]
pub(crate) struct FileStream {
    /// The name of the stream.
    pub(crate) name: String,
    pub(crate) object: String,
    pub(crate) operation: Operation,
    /// The fields by which records are found.
    pub(crate) keys: Vec<String>,
    pub(crate) on_missing: Option<OnMissing>,
    pub(crate) on_several: Option<OnSeveral>,
    /// Columns of the file with the fields that they go to.
    pub(crate) renames: Vec<(String, String)>,
    /// Where the pipeline stores what the load needs. None in a dry run, which stores nothing.
    pub(crate) folder: Option<PathBuf>,
    /// Whether a later run goes on with the file.
    pub(crate) is_resumable: bool,
}

impl FileStream {
    /// The entry of `streams`. One key is that of an upsert, or finds the records of an update or delete. More than one, or
    /// a choice about records that are missing or there several times, is a `match`.
    fn settings(&self) -> StreamSettings {
        let is_match = self.keys.len() > 1 || self.on_missing.is_some() || self.on_several.is_some();
        let matching = is_match
            .then(|| MatchSettings::new(self.keys.clone(), self.on_missing, self.on_several.unwrap_or_default()));
        let key = if is_match { None } else { self.keys.first() };
        // An `Id` needs no search.
        let key = key.filter(|key| self.operation == Operation::Upsert || !key.eq_ignore_ascii_case("Id"));
        StreamSettings::of_file(&self.name, &self.object, self.operation)
            .found_by(key.cloned(), matching)
            .with_renames(Renames::of(&self.renames))
    }
}

impl Config {
    /// The configuration of a load of one file. What the pipeline stores goes into a folder of the load, and there is no
    /// report.
    pub(crate) fn for_file(self, stream: &FileStream) -> Self {
        let storage = stream.folder.clone().and_then(|folder| {
            Some(StorageSettings {
                place: Place::Folder(folder),
                bucket_path: None,
                format: Format::Jsonl,
                flattening: Flattening::None,
                compression: Compression::None,
                path_format: DEFAULT_PATH_FORMAT.to_owned(),
                file_name_format: FileNameFormat::parse(DEFAULT_FILE_NAME_FORMAT)?,
            })
        });
        self.with_stream(stream.settings(), storage, stream.is_resumable)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::test_configs::{client, valid};

    fn file(operation: Operation, keys: &[&str]) -> FileStream {
        FileStream {
            name: "f.csv".to_owned(),
            object: "Account".to_owned(),
            operation,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            on_missing: None,
            on_several: None,
            renames: vec![("mail".to_owned(), "Email".to_owned())],
            folder: None,
            is_resumable: true,
        }
    }

    /// The configuration of this load, where the file of the user has another one.
    fn config(stream: &FileStream) -> Config {
        valid(&client(json!({"streams": [{"stream": "f.csv", "object": "Lead"}]}))).for_file(stream)
    }

    fn settings(stream: &FileStream) -> StreamSettings {
        config(stream).stream(None, "f.csv").unwrap().clone()
    }

    #[test]
    fn one_key_is_an_external_id_and_more_are_a_match() {
        let one = settings(&file(Operation::Upsert, &["Key__c"]));
        assert_eq!((one.external_id_field(), one.matching()), (Some("Key__c"), None));
        assert_eq!((one.object(), one.renames().column("mail")), (Some("Account"), "Email"));
        assert_eq!((one.operation(), one.namespace()), (Some(Operation::Upsert), None));
        let two = settings(&file(Operation::Update, &["Email", "LastName"]));
        assert_eq!(two.external_id_field(), None);
        assert_eq!(two.matching().unwrap().fields(), ["Email", "LastName"]);
        assert_eq!(
            (two.matching().unwrap().on_missing(), two.matching().unwrap().on_several()),
            (None, OnSeveral::Reject)
        );
    }

    #[test]
    fn a_choice_about_the_records_that_are_found_makes_one_key_a_match() {
        for (on_missing, on_several) in [(Some(OnMissing::Insert), None), (None, Some(OnSeveral::UpdateAll))] {
            let choice = settings(&FileStream { on_missing, on_several, ..file(Operation::Upsert, &["Email"]) });
            let matching = choice.matching().unwrap();
            assert_eq!((matching.fields(), choice.external_id_field()), (&["Email".to_owned()][..], None));
            assert_eq!(matching.on_missing(), on_missing);
            assert_eq!(matching.on_several(), on_several.unwrap_or(OnSeveral::Reject));
        }
    }

    #[test]
    fn an_id_needs_no_search() {
        assert_eq!(settings(&file(Operation::Update, &["id"])).external_id_field(), None);
        assert_eq!(settings(&file(Operation::Update, &["Email"])).external_id_field(), Some("Email"));
        assert_eq!(settings(&file(Operation::Delete, &[])).external_id_field(), None);
        assert_eq!(settings(&file(Operation::Upsert, &["Id"])).external_id_field(), Some("Id"));
    }

    #[test]
    fn what_a_load_must_keep_goes_into_its_folder() {
        let folder = PathBuf::from("/data/load");
        let config_in = |folder: Option<PathBuf>, is_resumable| {
            config(&FileStream { folder, is_resumable, ..file(Operation::Insert, &[]) })
        };
        let load = config_in(Some(folder.clone()), true);
        let storage = load.rejected_storage().unwrap();
        assert!(matches!(&storage.place, Place::Folder(place) if *place == folder));
        assert_eq!((storage.format, storage.flattening), (Format::Jsonl, Flattening::None));
        assert_eq!((storage.compression, storage.bucket_path.as_deref()), (Compression::None, None));
        assert_eq!(storage.path_format, "{sync_id}/{namespace}/{stream_name}/");
        assert_eq!(storage.file_name_format.as_str(), "{date}_{timestamp}_{part_number}{format_extension}");
        assert!(load.journal_storage().is_some() && load.keeps_successes() && load.is_for_file());
        assert!(!load.leaves_report());
        assert!(config_in(Some(folder), false).journal_storage().is_none(), "nobody goes on with it");
        let dry = config_in(None, true);
        assert!(dry.rejected_storage().is_none() && !dry.keeps_successes() && dry.is_for_file());
    }
}
