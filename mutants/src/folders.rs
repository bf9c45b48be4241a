//! Where the tool keeps what it makes, below the folder of the builds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folders and files of the tool.
#[derive(Debug)]
pub(crate) struct Folders {
    /// The copy of the workspace, with switches.
    pub(crate) copy: PathBuf,
    /// The crate that the copy depends on.
    pub(crate) switch: PathBuf,
    /// The builds of the copy.
    pub(crate) build: PathBuf,
    /// The temporary files of tests.
    pub(crate) temporary: PathBuf,
    /// The names of the mutants that do not compile.
    pub(crate) dropped: PathBuf,
    /// Which tests reach which mutants.
    pub(crate) trace: PathBuf,
}

impl Folders {
    /// Makes the folders for a workspace.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub(crate) fn make(root: &Path) -> Result<Self> {
        let folder = root.join("target/mutants");
        let folders = Self {
            copy: folder.join("copy"),
            switch: folder.join("switch"),
            build: folder.join("build"),
            temporary: folder.join("temporary"),
            dropped: folder.join("dropped.txt"),
            trace: folder.join("trace.jsonl"),
        };
        for folder in [&folders.copy, &folders.switch.join("src"), &folders.build, &folders.temporary] {
            fs::create_dir_all(folder).map_err(|error| Error::of_file(folder, "made", &error))?;
        }
        Ok(folders)
    }
}
