//! The programs with the tests of the copy.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::folders::Folders;
use crate::workspace::{Workspace, list, text};

/// A program with tests.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its name and what it is, as cargo has them: there may be a library and a program of one name.
    pub(crate) name: String,
    /// The file.
    pub(crate) file: PathBuf,
    /// The folder in which its tests run.
    pub(crate) folder: PathBuf,
    /// Whether its tests may run programs, and take long.
    pub(crate) is_integration: bool,
}

/// Finds the programs in the messages of cargo.
pub(crate) fn programs(messages: &[Value], workspace: &Workspace, folders: &Folders) -> Vec<Program> {
    let is_test = |message: &&Value| message["profile"]["test"].as_bool() == Some(true);
    messages
        .iter()
        .filter(is_test)
        .filter_map(|message| {
            let file = PathBuf::from(message["executable"].as_str()?);
            let folder = Path::new(text(&message["manifest_path"])).parent()?;
            let package = folder.strip_prefix(&folders.copy).ok()?;
            workspace.packages.iter().find(|known| Path::new(&known.folder) == package)?;
            let kind = text(list(&message["target"]["kind"]).first()?);
            let name = format!("{} ({kind})", text(&message["target"]["name"]));
            Some(Program { name, file, folder: folder.to_owned(), is_integration: kind == "test" })
        })
        .collect()
}

impl Program {
    /// The names of its tests, without those that are ignored.
    ///
    /// # Errors
    /// The program does not run.
    pub(crate) fn tests(&self) -> Result<Vec<String>> {
        let names = |arguments: &[&str]| -> Result<Vec<String>> {
            let mut command = Command::new(&self.file);
            command.args(["--list", "--format", "terse"]).args(arguments).current_dir(&self.folder);
            let output = command.output().map_err(|error| Error::of_file(&self.file, "started", &error))?;
            let lines = String::from_utf8_lossy(&output.stdout);
            Ok(lines.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
        };
        let ignored = names(&["--ignored"])?;
        Ok(names(&[])?.into_iter().filter(|name| !ignored.contains(name)).collect())
    }
}
