//! The workspace whose mutants are tried: its packages and its files.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::error::{Error, Result};

/// Folders of packages that only serve tests and measurements. Nothing tests what is wrong in them but the tests of the
/// connectors, which would take a wrong simulated org for a wrong connector.
const NOT_MUTATED: [&str; 3] = ["benches", "crates/salesforce_sim", "integration_tests/object_store"];

/// A workspace of cargo in a repository of git.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Its folder.
    pub(crate) root: PathBuf,
    /// The packages whose mutants are tried and whose tests are run.
    pub(crate) packages: Vec<Package>,
    /// The paths of all files that git knows, from the root.
    pub(crate) files: Vec<String>,
    /// The folders of all packages, from the root.
    folders: Vec<String>,
}

/// A package whose mutants are tried.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its folder, from the root; nothing for the root itself.
    pub(crate) folder: String,
    /// The first file of its library and of each program.
    pub(crate) roots: Vec<PathBuf>,
}

impl Workspace {
    /// Finds the workspace of the current folder.
    ///
    /// # Errors
    /// There is none, or cargo or git cannot describe it.
    pub(crate) fn find() -> Result<Self> {
        let metadata = output(Command::new("cargo").args(["metadata", "--no-deps", "--format-version=1"]))?;
        let metadata: Value = serde_json::from_str(&metadata)
            .map_err(|error| Error::new(format!("`cargo metadata` returned no JSON: {error}.")))?;
        let root = PathBuf::from(text(&metadata["workspace_root"]));
        let files = output(Command::new("git").args(["ls-files", "-z"]).current_dir(&root))?;
        let files = files.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect();
        let mut packages = vec![];
        let mut folders = vec![];
        for package in list(&metadata["packages"]) {
            let manifest = Path::new(text(&package["manifest_path"]));
            let folder = manifest.parent().and_then(|folder| folder.strip_prefix(&root).ok());
            let folder = folder.unwrap_or(Path::new("")).to_string_lossy().into_owned();
            folders.push(folder.clone());
            if NOT_MUTATED.contains(&folder.as_str()) {
                continue;
            }
            let is_mutated =
                |target: &&Value| list(&target["kind"]).iter().any(|kind| ["lib", "bin"].contains(&text(kind)));
            let targets = list(&package["targets"]).iter().filter(is_mutated);
            let roots = targets.map(|target| PathBuf::from(text(&target["src_path"]))).collect();
            packages.push(Package { folder, roots });
        }
        Ok(Self { root, packages, files, folders })
    }

    /// The package that a file belongs to, if its mutants are tried.
    pub(crate) fn package_of(&self, file: &str) -> Option<&Package> {
        let contains = |folder: &&String| folder.is_empty() || Path::new(file).starts_with(folder);
        let folder = self.folders.iter().filter(contains).max_by_key(|folder| folder.len())?;
        self.packages.iter().find(|package| package.folder == *folder)
    }

    /// The path of a file from the root.
    pub(crate) fn name_of(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }
}

/// The text of a JSON value, or nothing if it is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The list of a JSON value, or nothing if it is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| Error::new(format!("`{program}` could not be started: {error}. Install it.")))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::new(format!("`{program}` could not describe the workspace: {reason}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
