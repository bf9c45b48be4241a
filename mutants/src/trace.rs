//! Finds out which tests reach which mutants: each test runs once, in a process of its own, without a mutant.
//!
//! What is found is kept in a file, a line for each test, until the sources change. So a run that was interrupted goes
//! on where it was.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::folders::Folders;
use crate::mutant::Number;
use crate::process::{self, End};
use crate::programs::Program;
use crate::progress::Progress;
use crate::workers::{self, locked};
use crate::workspace::{list, text};

/// No test takes longer than this, on a busy machine either.
const LIMIT: Duration = Duration::from_secs(300);

/// A test, and what it did without a mutant.
#[derive(Debug)]
pub(crate) struct Test {
    /// The place of its program in the list of programs.
    pub(crate) program: usize,
    /// Its name.
    pub(crate) name: String,
    /// Whether it passed.
    pub(crate) passed: bool,
    /// How long it took.
    pub(crate) took: Duration,
    /// The mutants that it reached.
    pub(crate) reached: Vec<Number>,
}

/// Traces the tests of the programs whose name contains `part`.
///
/// # Errors
/// A program does not run, or the file cannot be written.
pub(crate) fn trace(
    programs: &[Program],
    folders: &Folders,
    hash: u64,
    part: &str,
    workers: usize,
) -> Result<Vec<Test>> {
    let mut kept = read(folders, hash);
    let mut tests = vec![];
    let mut missing = vec![];
    for (place, program) in programs.iter().enumerate() {
        for name in program.tests()?.into_iter().filter(|name| name.contains(part)) {
            match kept.remove(&(program.name.clone(), name.clone())) {
                Some(test) => tests.push(Test { program: place, name, ..test }),
                None => missing.push((place, name)),
            }
        }
    }
    println!("{} tests are traced, {} were before.", missing.len(), tests.len());
    let writes = |error: std::io::Error| Error::of_file(&folders.trace, "written", &error);
    let file = File::options().append(true).open(&folders.trace).map_err(writes)?;
    let shared = Mutex::new((file, tests, Progress::new("tests traced", missing.len())));
    workers::each(workers, &missing, |worker, (place, name)| {
        let test = run(programs, *place, name, folders, worker)?;
        let line = json!({
            "program": programs[*place].name, "test": name, "passed": test.passed, "ms": test.took.as_millis() as u64,
            "reached": test.reached,
        });
        let mut shared = locked(&shared);
        writeln!(shared.0, "{line}").map_err(writes)?;
        shared.1.push(test);
        shared.2.step("");
        Ok(())
    })?;
    let (_, mut tests, _) = shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    tests.sort_by(|a, b| (a.program, &a.name).cmp(&(b.program, &b.name)));
    Ok(tests)
}

fn run(programs: &[Program], place: usize, name: &str, folders: &Folders, worker: usize) -> Result<Test> {
    let trace = folders.temporary.join(format!("trace-{worker}"));
    // It may be there from a run that was interrupted.
    let _ = fs::remove_file(&trace);
    let folder = folders.temporary.join(format!("{worker}"));
    let variable = (mutant_switch::TRACE, &*trace.to_string_lossy());
    let started = Instant::now();
    let end = process::run(&programs[place], &[name], variable, &folder, LIMIT)?;
    let took = started.elapsed();
    let bytes = fs::read(&trace).unwrap_or_default();
    let mut reached: Vec<Number> =
        bytes.chunks_exact(4).map(|bytes| Number::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect();
    reached.sort_unstable();
    reached.dedup();
    let _ = fs::remove_file(&trace);
    Ok(Test { program: place, name: name.to_owned(), passed: end == End::Passed, took, reached })
}

/// Reads the tests of the file if it is about these sources; otherwise begins it anew.
fn read(folders: &Folders, hash: u64) -> BTreeMap<(String, String), Test> {
    let text_of_file = fs::read_to_string(&folders.trace).unwrap_or_default();
    let mut lines = text_of_file.lines();
    let first = json!({ "sources": hash.to_string() }).to_string();
    if lines.next() != Some(first.as_str()) {
        // If this fails, so does the opening of the file, with an error that says why.
        let _ = fs::write(&folders.trace, first + "\n");
        return BTreeMap::new();
    }
    let tests = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    tests
        .map(|test| {
            let name = text(&test["test"]).to_owned();
            let key = (text(&test["program"]).to_owned(), name.clone());
            let numbers = list(&test["reached"]).iter().filter_map(Value::as_u64);
            let traced = Test {
                program: 0,
                name,
                passed: test["passed"].as_bool() == Some(true),
                took: Duration::from_millis(test["ms"].as_u64().unwrap_or_default()),
                reached: numbers.map(|number| number as Number).collect(),
            };
            (key, traced)
        })
        .collect()
}
