//! Compiles the copy, and drops the mutants that do not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::blame::blame;
use crate::copy;
use crate::error::{Error, Result};
use crate::folders::Folders;
use crate::mutant::{Mutant, Number, Site, names};
use crate::workspace::{Workspace, list, text};
use crate::write::{self, Region};

/// What cargo compiles. The integration tests need the programs.
const TARGETS: [&str; 5] = ["--workspace", "--lib", "--bins", "--tests", "--message-format=json"];

/// A source with the sites of its mutants.
pub(crate) struct Source {
    /// The path from the root.
    pub(crate) file: String,
    /// The text.
    pub(crate) text: String,
    /// The sites.
    pub(crate) sites: Vec<Site>,
}

/// The copy as it compiles.
pub(crate) struct Compiled {
    /// The mutants that do not compile.
    pub(crate) dropped: BTreeSet<Number>,
    /// A hash of all that is in the copy.
    pub(crate) hash: u64,
    /// The messages of cargo about what it built.
    pub(crate) messages: Vec<Value>,
}

/// Writes and compiles the copy until it has only mutants that compile.
///
/// # Errors
/// An error of the compiler is about no mutant, or a file cannot be written.
pub(crate) fn compile(
    workspace: &Workspace,
    folders: &Folders,
    sources: &[Source],
    mutants: &[Mutant],
) -> Result<Compiled> {
    let names = names(mutants);
    let known = fs::read_to_string(&folders.dropped).unwrap_or_default();
    let known: BTreeSet<&str> = known.lines().collect();
    let is_known = |(number, name): (usize, &String)| known.contains(name.as_str()).then_some(number as Number);
    let mut dropped: BTreeSet<Number> = names.iter().enumerate().filter_map(is_known).collect();
    loop {
        let mut regions: BTreeMap<&str, Vec<Region>> = BTreeMap::new();
        let mut texts = BTreeMap::new();
        for Source { file, text, sites } in sources {
            let written = write::write(text, sites, &dropped);
            regions.insert(file, written.regions);
            texts.insert(file.clone(), written.text);
        }
        let hash = copy::write(workspace, folders, &texts)?;
        // A check finds most errors, and takes a part of the time of a build.
        let mut output = cargo(folders, &["check", "--keep-going"])?;
        if output.succeeded {
            output = cargo(folders, &["test", "--no-run"])?;
        }
        if output.succeeded {
            return Ok(Compiled { dropped, hash, messages: output.messages });
        }
        let before = dropped.len();
        let errors = output.messages.iter().map(|message| &message["message"]);
        let errors: Vec<&Value> = errors.filter(|message| text(&message["level"]) == "error").collect();
        for error in &errors {
            dropped.extend(blame(error, &regions, mutants, &dropped));
        }
        if dropped.len() == before {
            let shown = errors.iter().find(|error| !list(&error["spans"]).is_empty());
            let shown = shown.map_or(output.complaint.as_str(), |error| text(&error["rendered"]));
            return Err(Error::new(format!(
                "The copy in {} does not compile, and no mutant is the reason. Does the workspace compile? {shown}",
                folders.copy.display()
            )));
        }
        println!("{} mutants do not compile.", dropped.len());
        let lines: String = dropped.iter().map(|number| format!("{}\n", names[*number as usize])).collect();
        fs::write(&folders.dropped, lines).map_err(|error| Error::of_file(&folders.dropped, "written", &error))?;
    }
}

struct Output {
    succeeded: bool,
    messages: Vec<Value>,
    complaint: String,
}

fn cargo(folders: &Folders, arguments: &[&str]) -> Result<Output> {
    let output = Command::new("cargo")
        .args(arguments)
        .args(TARGETS)
        .arg("--target-dir")
        .arg(&folders.build)
        .current_dir(&folders.copy)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::new(format!("`cargo` could not be started: {error}. Install it.")))?;
    let lines = String::from_utf8_lossy(&output.stdout);
    Ok(Output {
        succeeded: output.status.success(),
        messages: lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
        complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
