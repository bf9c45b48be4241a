//! Builds all mutants of a workspace at once, and names those that no test notices.
//!
//! The steps: find the mutants in the sources, write a copy of the workspace in which each is switched on by its
//! number, compile it, trace which tests reach which mutants, and try each mutant with the tests that reach it.

mod arguments;
mod blame;
mod by_hand;
mod compile;
mod copy;
mod error;
mod find;
mod folders;
mod known;
mod modules;
mod mutant;
mod process;
mod programs;
mod progress;
mod report;
mod sample;
mod trace;
mod trial;
mod workers;
mod workspace;
mod write;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use arguments::Arguments;
use compile::Source;
use error::{Error, Result};
use find::Found;
use find::constants::Constants;
use folders::Folders;
use known::Known;
use mutant::{Mutant, Number};
use progress::Progress;
use trial::{Outcome, Trials};
use workers::locked;
use workspace::Workspace;

fn main() -> ExitCode {
    let all_are_killed = match Arguments::read(std::env::args().skip(1)) {
        Ok(Some(arguments)) => run(&arguments),
        Ok(None) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => Err(error),
    };
    match all_are_killed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether a test noticed each mutant.
fn run(arguments: &Arguments) -> Result<bool> {
    let workspace = Workspace::find()?;
    let folders = Folders::make(&workspace.root)?;
    let known = Known::read(&fs::read_to_string(workspace.root.join("mutants/known.txt")).unwrap_or_default())?;
    let sources = read_sources(&workspace)?;
    let (sources, mutants) = match &arguments.breaks {
        Some(list) => written_by_hand(list, sources)?,
        None => find_all(sources),
    };
    check_count(&mutants)?;
    for line in known.stale(&mutants).iter().filter(|_| arguments.breaks.is_none()) {
        println!("known.txt has a line that matches no mutant; remove it: {line}");
    }
    // A misspelt name is said before the long work.
    if !mutants.iter().any(|mutant| arguments.cover(&mutant.file)) {
        return Err(nothing_chosen());
    }
    println!("{} mutants in {} files. They are compiled in {}.", mutants.len(), sources.len(), folders.copy.display());
    let compiled = compile::compile(&workspace, &folders, &sources, &mutants)?;
    for number in compiled.dropped.iter().filter(|_| arguments.breaks.is_some()) {
        let Mutant { file, line, what, .. } = &mutants[*number as usize];
        println!("{file}:{line}: {what} (does not compile)");
    }
    let programs = programs::programs(&compiled.messages, &workspace, &folders);
    let tests = trace::trace(&programs, &folders, compiled.hash, &arguments.tests, arguments.workers)?;
    for test in tests.iter().filter(|test| !test.passed) {
        println!("{} of {} fails without a mutant, and is not used.", test.name, programs[test.program].name);
    }
    let chosen = choose(&mutants, &compiled.dropped, arguments)?;
    let trials = Trials::new(&programs, &tests, &folders, arguments.tests_per_mutant);
    let shared = Mutex::new((vec![], Progress::new("mutants tried", chosen.len()), 0));
    workers::each(arguments.workers, &chosen, |worker, number| {
        let mutant = &mutants[*number as usize];
        let outcome = if known.contains(mutant) { Outcome::Known } else { trials.run(*number, mutant, worker)? };
        let (outcomes, progress, survivors) = &mut *locked(&shared);
        if report::is_survivor(&outcome) {
            *survivors += 1;
            // A run can take hours, and the first survivors are work.
            println!("{}", report::line(mutant, &outcome));
        }
        outcomes.push((mutant, outcome));
        progress.step(&format!(", {survivors} survivors"));
        Ok(())
    })?;
    let outcomes = std::mem::take(&mut locked(&shared).0);
    print!("\n{}", report::report(&outcomes));
    Ok(!outcomes.iter().any(|(_, outcome)| report::is_survivor(outcome)))
}

/// The source files of all packages, each with its path from the root. A library and a program may have a module in
/// common.
fn read_sources(workspace: &Workspace) -> Result<Vec<(String, modules::Source)>> {
    let mut sources = vec![];
    for root in workspace.packages.iter().flat_map(|package| &package.roots) {
        modules::read(root, &mut sources)?;
    }
    let mut names = BTreeSet::new();
    let named = sources.into_iter().map(|source| (workspace.name_of(&source.path), source));
    Ok(named.filter(|(name, _)| names.insert(name.clone())).collect())
}

/// Finds the mutants of all sources.
fn find_all(sources: Vec<(String, modules::Source)>) -> (Vec<Source>, Vec<Mutant>) {
    let mut constants = Constants::default();
    for (file, source) in &sources {
        constants.add(file, &source.tree);
    }
    let mut found = Found::default();
    let with_sites = sources.into_iter().map(|(file, source)| {
        let sites = find::find(&file, &source.text, &source.tree, &constants, &mut found);
        Source { file, text: source.text, sites }
    });
    let with_sites = with_sites.collect();
    (with_sites, found.mutants)
}

/// The mutants that a person wrote.
fn written_by_hand(list: &Path, sources: Vec<(String, modules::Source)>) -> Result<(Vec<Source>, Vec<Mutant>)> {
    let text = fs::read_to_string(list).map_err(|error| Error::of_file(list, "read", &error))?;
    let breaks = by_hand::read(&text)?;
    by_hand::check_files(&breaks, |file| sources.iter().any(|(name, _)| name == file))?;
    let mut mutants = vec![];
    let mut with_sites = vec![];
    for (file, source) in sources {
        let sites = by_hand::sites(&breaks, &file, &source.text, &mut mutants)?;
        with_sites.push(Source { file, text: source.text, sites });
    }
    Ok((with_sites, mutants))
}

fn check_count(mutants: &[Mutant]) -> Result<()> {
    if mutants.len() <= mutant_switch::MOST {
        return Ok(());
    }
    Err(Error::new(format!(
        "There are {} mutants, and the switch knows {}. Raise `MOST` in mutants/switch/src/lib.rs.",
        mutants.len(),
        mutant_switch::MOST
    )))
}

fn nothing_chosen() -> Error {
    Error::new("No mutant is in the files that you named. Name them as git does, such as src/convert.")
}

/// The mutants that are tried.
fn choose(mutants: &[Mutant], dropped: &BTreeSet<Number>, arguments: &Arguments) -> Result<Vec<Number>> {
    let names = mutant::names(mutants);
    let is_chosen = |number: &Number| {
        let place = *number as usize;
        !dropped.contains(number)
            && arguments.cover(&mutants[place].file)
            && sample::is_in(&names[place], arguments.sample)
    };
    let chosen: Vec<Number> = (0..mutants.len() as Number).filter(is_chosen).collect();
    if chosen.is_empty() {
        return Err(nothing_chosen());
    }
    Ok(chosen)
}
