//! Writes the copy of the workspace: sources with switches, and manifests that depend on the crate of the switch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::folders::Folders;
use crate::workspace::Workspace;

const SWITCH_MANIFEST: &str = include_str!("../switch/Cargo.toml");
const SWITCH: &str = include_str!("../switch/src/lib.rs");

/// Writes the copy. `switched` has the texts of the sources with switches. Returns a hash of all that is in the copy.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn write(workspace: &Workspace, folders: &Folders, switched: &BTreeMap<String, String>) -> Result<u64> {
    write_file(&folders.switch.join("Cargo.toml"), SWITCH_MANIFEST.as_bytes())?;
    write_file(&folders.switch.join("src/lib.rs"), SWITCH.as_bytes())?;
    let mut hash = DefaultHasher::new();
    let mut kept = BTreeSet::new();
    for file in &workspace.files {
        let from = workspace.root.join(file);
        // A file that git knows and that is gone, or a folder of another repository.
        let Ok(metadata) = fs::metadata(&from) else { continue };
        if !metadata.is_file() {
            continue;
        }
        let bytes = match switched.get(file) {
            Some(text) => text.clone().into_bytes(),
            None => changed(workspace, folders, file, read(&from)?),
        };
        (file, &bytes).hash(&mut hash);
        let to = folders.copy.join(file);
        write_file(&to, &bytes)?;
        fs::set_permissions(&to, metadata.permissions()).map_err(|error| Error::of_file(&to, "changed", &error))?;
        kept.insert(to);
    }
    // What tests left in the folder must not change what they do. Cargo adds the switch to its lock file.
    kept.insert(folders.copy.join("Cargo.lock"));
    remove_others(&folders.copy, &kept)?;
    Ok(hash.finish())
}

/// A file that has no switches, as it is in the copy.
fn changed(workspace: &Workspace, folders: &Folders, file: &str, bytes: Vec<u8>) -> Vec<u8> {
    let Some(package) = workspace.package_of(file) else { return bytes };
    let name = Path::new(file);
    let of_package =
        name.file_name().is_some_and(|name| name == "Cargo.toml") && name.parent() == Some(Path::new(&package.folder));
    let Ok(text) = String::from_utf8(bytes.clone()) else { return bytes };
    if of_package {
        manifest(&text, &folders.switch, package.folder.is_empty()).into_bytes()
    } else if name.extension().is_some_and(|extension| extension == "rs") {
        // A test that starts a program with an empty environment would start it without the mutant.
        text.replace(".env_clear()", ".env_clear().envs(::mutant_switch::environment())").into_bytes()
    } else {
        bytes
    }
}

/// A manifest with the switch as a dependency.
fn manifest(text: &str, switch: &Path, is_root: bool) -> String {
    let dependency = format!("mutant_switch = {{ path = {:?} }}", switch.display().to_string());
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.iter().position(|line| line.trim() == "[dependencies]") {
        Some(place) => lines.insert(place + 1, &dependency),
        None => lines.extend(["", "[dependencies]", &dependency]),
    }
    // The switch is asked in every loop.
    if is_root {
        lines.extend(["", "[profile.dev.package.mutant_switch]", "opt-level = 3"]);
    }
    lines.join("\n") + "\n"
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::of_file(path, "read", &error))
}

/// Writes a file unless it is the same: cargo compiles again what is newer.
fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| Error::of_file(folder, "made", &error))?;
    fs::write(path, bytes).map_err(|error| Error::of_file(path, "written", &error))
}

fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|error| Error::of_file(folder, "read", &error))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if !is_folder {
            if kept.contains(&path) { Ok(()) } else { fs::remove_file(&path) }
        } else if kept.range(path.clone()..).next().is_some_and(|next| next.starts_with(&path)) {
            remove_others(&path, kept)?;
            Ok(())
        } else {
            fs::remove_dir_all(&path)
        };
        removed.map_err(|error| Error::of_file(&path, "removed", &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_depends_on_the_switch() {
        let switch = Path::new("/switch");
        for (text, is_root, expected) in [
            (
                "[dependencies]\na = \"1\"\n",
                false,
                "[dependencies]\nmutant_switch = { path = \"/switch\" }\na = \"1\"\n",
            ),
            ("[package]\n", false, "[package]\n\n[dependencies]\nmutant_switch = { path = \"/switch\" }\n"),
            (
                "[dependencies]\n",
                true,
                "[dependencies]\nmutant_switch = { path = \"/switch\" }\n\n[profile.dev.package.mutant_switch]\nopt-level = 3\n",
            ),
        ] {
            assert_eq!(manifest(text, switch, is_root), expected, "{text}");
        }
    }
}
