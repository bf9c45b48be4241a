//! The names of the files that a load makes.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::unwritable;
use super::file::{FileFormat, InputFile};
use airbyte::Result;

/// Where a load puts its files.
#[derive(Debug, Clone)]
pub(crate) struct FileNames {
    folder: PathBuf,
    /// The name of the input without its extension.
    base: String,
    work_folder: PathBuf,
}

/// The names of the result files of one load, which are beside its work folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResultNames {
    pub(crate) success: PathBuf,
    pub(crate) error: PathBuf,
}

impl FileNames {
    /// The files are beside the input, or in `results`. Those of standard input are in the current folder.
    pub(crate) fn new(file: &InputFile, results: Option<&Path>) -> Self {
        let beside = match file {
            InputFile::Path(path) => path.parent().filter(|parent| !parent.as_os_str().is_empty()),
            InputFile::Stdin => None,
        };
        let folder = results.or(beside).unwrap_or(Path::new(".")).to_owned();
        let name = match file {
            InputFile::Path(_) => file.name(),
            InputFile::Stdin => "stdin".to_owned(),
        };
        let work_folder = folder.join(format!("{name}.load"));
        Self { base: base(&name).to_owned(), work_folder, folder }
    }

    /// The folder for what the load must remember until its end.
    pub(crate) fn work_folder(&self) -> &Path {
        &self.work_folder
    }

    /// Makes empty result files with the first names that no file has, so that no other load takes them.
    ///
    /// # Errors
    /// A file cannot be made.
    pub(crate) fn reserve_results(&self, format: FileFormat) -> Result<ResultNames> {
        let mut number = 1;
        loop {
            let names = self.results(format, number);
            let (success, error) = (self.folder.join(&names.success), self.folder.join(&names.error));
            if reserve(&success)? {
                if reserve(&error)? {
                    return Ok(names);
                }
                fs::remove_file(&success).map_err(|error| unwritable(&success, &error))?;
            }
            number += 1;
        }
    }

    fn results(&self, format: FileFormat, number: u32) -> ResultNames {
        let number = if number == 1 { String::new() } else { format!("_{number}") };
        let name = |kind: &str| PathBuf::from(format!("{}_{kind}{number}.{}", self.base, format.extension()));
        ResultNames { success: name("success"), error: name("error") }
    }
}

/// Makes a file, unless there is one.
fn reserve(path: &Path) -> Result<bool> {
    match File::create_new(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// The name without its extension.
fn base(name: &str) -> &str {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_files_have_the_whole_name_of_the_file_whose_rows_they_number() {
        for (name, expected) in [
            ("accounts.csv", "accounts"),
            ("accounts.v2.csv.gz", "accounts.v2"),
            ("accounts_2.csv", "accounts_2"),
            ("accounts_error.csv", "accounts_error"),
            ("accounts_error_2.csv", "accounts_error_2"),
            ("accounts", "accounts"),
            ("stdin", "stdin"),
        ] {
            assert_eq!(base(name), expected, "{name}");
        }
    }

    #[test]
    fn files_that_exist_keep_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = InputFile::new(folder.path().join("accounts.csv"));
        let names = FileNames::new(&file, None);
        std::fs::write(folder.path().join("accounts_error.csv"), "").unwrap();
        let second = names.reserve_results(FileFormat::Csv).unwrap();
        assert!(!folder.path().join("accounts_success.csv").exists());
        assert_eq!(second.success, Path::new("accounts_success_2.csv"));
        assert_eq!(second.error, Path::new("accounts_error_2.csv"));
        assert_eq!(names.work_folder(), folder.path().join("accounts.csv.load"));

        let elsewhere = FileNames::new(&file, Some(Path::new("results")));
        assert_eq!(elsewhere.results(FileFormat::Jsonl, 1).error, Path::new("accounts_error.jsonl"));
        assert_eq!(elsewhere.work_folder(), Path::new("results/accounts.csv.load"));
        let here = FileNames::new(&InputFile::new("accounts.csv".into()), None);
        assert_eq!(here.work_folder(), Path::new("./accounts.csv.load"));
        let stdin = FileNames::new(&InputFile::Stdin, None);
        assert_eq!(stdin.work_folder(), Path::new("./stdin.load"));
    }

    #[test]
    fn two_loads_that_begin_at_once_have_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let names = FileNames::new(&InputFile::new(folder.path().join("accounts.csv")), None);
        let loads = [(); 2].map(|()| names.reserve_results(FileFormat::Csv).unwrap());
        assert_eq!(loads[0].success, Path::new("accounts_success.csv"));
        assert_eq!(loads[1].success, Path::new("accounts_success_2.csv"));
        assert_eq!(loads[1].error, Path::new("accounts_error_2.csv"));
    }
}
