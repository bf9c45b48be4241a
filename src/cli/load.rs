//! The arguments of `load`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::config::{OnMissing, OnSeveral};
use crate::load::FileFormat;

/// What becomes of the rows of a file.
#[derive(Debug, Clone, Args, PartialEq, Eq)]
pub(crate) struct LoadArguments {
    /// The configuration, a JSON file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The object, by its API name.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) object: String,
    /// What is done with the rows.
    #[arg(long, value_enum)]
    pub(crate) operation: LoadOperation,
    /// The field that finds the records: an external id for upsert; for update and delete any field, and Id by default.
    /// Several fields find them together.
    #[arg(long, value_name = "FIELD", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key: Vec<String>,
    /// What becomes of a row whose record is not there. With it, the key of an upsert may be any field.
    #[arg(long, value_enum, value_name = "CHOICE", requires = "key")]
    pub(crate) on_missing: Option<OnMissing>,
    /// What becomes of a row whose record is there several times.
    #[arg(long, value_enum, value_name = "CHOICE", requires = "key")]
    pub(crate) on_several: Option<OnSeveral>,
    /// Load a column of the file into a field of another name. May be given several times.
    #[arg(long, value_name = "COLUMN=FIELD", value_parser = rename)]
    pub(crate) rename: Vec<(String, String)>,
    /// What the file is, where its extension does not say so.
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormat>,
    /// The folder for the success and error files, instead of that of the input.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) results: Option<PathBuf>,
    /// Check, convert and count the rows, and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// In a dry run: print the first N rows on standard error. On a terminal it is 3 by default.
    #[arg(long, value_name = "N", requires = "dry_run")]
    pub(crate) show: Option<usize>,
    /// The file: CSV with a header, or JSON with one object a line, also with gzip. - is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// An operation of the Bulk API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum LoadOperation {
    Insert,
    Update,
    Upsert,
    Delete,
    HardDelete,
}

impl From<LoadOperation> for salesforce::Operation {
    fn from(operation: LoadOperation) -> Self {
        match operation {
            LoadOperation::Insert => Self::Insert,
            LoadOperation::Update => Self::Update,
            LoadOperation::Upsert => Self::Upsert,
            LoadOperation::Delete => Self::Delete,
            LoadOperation::HardDelete => Self::HardDelete,
        }
    }
}

/// `COLUMN=FIELD`; the name of a column may have an equals sign, and that of a field has none.
fn rename(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((column, field)) if !column.is_empty() && !field.trim().is_empty() => {
            Ok((column.to_owned(), field.trim().to_owned()))
        }
        _ => {
            Err("it must be the name of a column, an equals sign and the name of a field, such as mail=Email"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::command;
    use super::super::{Command, LoadArguments};
    use super::*;

    const LEAST: [&str; 4] = ["load", "--config=c", "--object=Account", "f.csv"];

    fn load(more: &[&str]) -> Result<LoadArguments, String> {
        match command(&[&LEAST[..], more].concat()) {
            Ok(Command::Load(arguments)) => Ok(*arguments),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn every_option_of_a_load_is_read() {
        let all = [
            "--operation=hard_delete",
            "--key=a",
            "--key",
            "b",
            "--on-missing=skip",
            "--on-several=update_all",
            "--rename=x=y=Z",
            "--rename",
            "m= Email ",
            "--format=jsonl",
            "--results=r",
            "--dry-run",
            "--show=2",
        ];
        let expected = LoadArguments {
            config: "c".into(),
            object: "Account".to_owned(),
            operation: LoadOperation::HardDelete,
            key: vec!["a".to_owned(), "b".to_owned()],
            on_missing: Some(OnMissing::Skip),
            on_several: Some(OnSeveral::UpdateAll),
            rename: vec![("x=y".to_owned(), "Z".to_owned()), ("m".to_owned(), "Email".to_owned())],
            format: Some(FileFormat::Jsonl),
            results: Some("r".into()),
            dry_run: true,
            show: Some(2),
            file: "f.csv".into(),
        };
        assert_eq!(load(&all).unwrap(), expected);
        assert_eq!(load(&["--operation", "insert"]).unwrap().key, Vec::<String>::new());
    }

    #[test]
    fn an_argument_that_means_nothing_is_named() {
        for (more, part) in [
            (&[][..], "--operation"),
            (&["--operation=merge"], "upsert"),
            (&["--operation=upsert", "--key="], "--key"),
            (&["--operation=upsert", "--on-missing=skip"], "--key"),
            (&["--operation=insert", "--rename=mail"], "mail=Email"),
            (&["--operation=insert", "--rename==Email"], "mail=Email"),
            (&["--operation=insert", "--rename=mail="], "mail=Email"),
            (&["--operation=insert", "--rename=mail= "], "mail=Email"),
            (&["--operation=insert", "--format=xml"], "jsonl"),
            (&["--operation=insert", "--show=1"], "--dry-run"),
            (&["--operation=insert", "g.csv"], "g.csv"),
        ] {
            let error = load(more).unwrap_err();
            assert!(error.contains(part), "{more:?}: {error}");
        }
    }
}
