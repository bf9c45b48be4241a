//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Tries mutants of a workspace: mutants/run [OPTION...] [PREFIX...]

PREFIX                  tries the mutants of files whose path begins with it, all mutants without one
--breaks FILE           tries the breaks that a file lists, and none that the tool finds
--sample PART           tries a part of them, for instance 0.1; it is always the same part
--tests-per-mutant N    tries at most N tests that run a program for each mutant (20)
--workers N             runs N tests at the same time (the number of cores and one)
--tests TEXT            uses only tests whose name contains TEXT
";

/// What to try, and how.
#[derive(Debug, PartialEq)]
pub(crate) struct Arguments {
    /// The beginnings of the paths of files whose mutants are tried. Without one it is all files.
    pub(crate) prefixes: Vec<String>,
    /// The file with breaks that are tried instead of those that the tool finds.
    pub(crate) breaks: Option<PathBuf>,
    /// The part of the mutants that is tried, from 0 to 1.
    pub(crate) sample: f64,
    /// How many tests that run a program are tried for each mutant.
    pub(crate) tests_per_mutant: usize,
    /// How many tests run at the same time.
    pub(crate) workers: usize,
    /// A part of the names of tests that are used.
    pub(crate) tests: String,
}

impl Arguments {
    /// Reads the arguments, or returns none if the user asks for help.
    ///
    /// # Errors
    /// An option is not known, or its value cannot be used.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut read = Self {
            prefixes: vec![],
            breaks: None,
            sample: 1.0,
            tests_per_mutant: 20,
            workers: cores + 1,
            tests: String::new(),
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--breaks" => read.breaks = Some(value(&argument, arguments.next())?),
                "--sample" => read.sample = value(&argument, arguments.next())?,
                "--tests-per-mutant" => read.tests_per_mutant = value(&argument, arguments.next())?,
                "--workers" => read.workers = value(&argument, arguments.next())?,
                "--tests" => read.tests = value(&argument, arguments.next())?,
                option if option.starts_with('-') => {
                    return Err(Error::new(format!("There is no option {option}. `--help` names the options.")));
                }
                prefix => read.prefixes.push(prefix.trim_start_matches("./").to_owned()),
            }
        }
        if !(read.sample > 0.0 && read.sample <= 1.0) {
            return Err(Error::new("--sample needs a number above 0 and up to 1, such as 0.1."));
        }
        if read.workers == 0 {
            return Err(Error::new("--workers needs a number from 1 on."));
        }
        Ok(Some(read))
    }

    /// Whether the mutants of a file are tried.
    pub(crate) fn cover(&self, file: &str) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| file.starts_with(prefix.as_str()))
    }
}

fn value<T: FromStr>(option: &str, value: Option<String>) -> Result<T> {
    let value = value.ok_or_else(|| Error::new(format!("{option} needs a value.")))?;
    value.parse().map_err(|_| Error::new(format!("{option} cannot be {value}. `--help` explains it.")))
}
