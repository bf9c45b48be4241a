//! Tries a mutant: runs the tests that reach it until one fails.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use crate::error::Result;
use crate::folders::Folders;
use crate::mutant::{Mutant, Number};
use crate::process::{self, End};
use crate::programs::Program;
use crate::trace::Test;
use crate::workers::locked;

/// What a process may take besides its tests, and how often the time that they took without a mutant.
const TO_START: Duration = Duration::from_secs(12);
const TIMES: u32 = 4;

/// Unit tests are fast: many run in one process.
const UNIT_TESTS: [usize; 2] = [12, 60];

/// Tests that run programs are slow: the likely ones run alone, and later ones together.
const INTEGRATION_TESTS: [usize; 10] = [1, 1, 2, 2, 2, 4, 4, 4, 8, 8];

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A test failed.
    Killed,
    /// Tests did not end in their time.
    TimedOut,
    /// All tests passed that were tried.
    Survived {
        /// How many that was.
        tried: usize,
        /// How many tests reach the mutant.
        of: usize,
    },
    /// No test reaches the mutant.
    NotReached,
    /// The list of those that cannot matter has it. It was not tried.
    Known,
}

/// What is the same for all trials, and what they learn.
pub(crate) struct Trials<'a> {
    programs: &'a [Program],
    tests: &'a [Test],
    folders: &'a Folders,
    tests_per_mutant: usize,
    reaching: HashMap<Number, Vec<usize>>,
    /// How many mutants of a file, and of a function in it, a test killed: it likely kills the next one.
    kills: Mutex<HashMap<(String, String, usize), usize>>,
}

impl<'a> Trials<'a> {
    /// Prepares trials with the tests that pass without a mutant.
    pub(crate) fn new(
        programs: &'a [Program],
        tests: &'a [Test],
        folders: &'a Folders,
        tests_per_mutant: usize,
    ) -> Self {
        let mut reaching: HashMap<Number, Vec<usize>> = HashMap::new();
        for (place, test) in tests.iter().enumerate().filter(|(_, test)| test.passed) {
            for number in &test.reached {
                reaching.entry(*number).or_default().push(place);
            }
        }
        Self { programs, tests, folders, tests_per_mutant, reaching, kills: Mutex::default() }
    }

    /// Tries a mutant.
    ///
    /// # Errors
    /// A test cannot be started.
    pub(crate) fn run(&self, number: Number, mutant: &Mutant, worker: usize) -> Result<Outcome> {
        let Some(reaching) = self.reaching.get(&number) else { return Ok(Outcome::NotReached) };
        let is_integration = |place: &&usize| self.programs[self.tests[**place].program].is_integration;
        let (integration, unit): (Vec<usize>, Vec<usize>) = reaching.iter().partition(is_integration);
        let integration = self.most_likely_first(integration, mutant);
        let integration = &integration[..integration.len().min(self.tests_per_mutant)];
        let batches =
            self.of_each_program(&unit).into_iter().flat_map(|tests| batches(&tests, &UNIT_TESTS)).chain(
                batches(integration, &INTEGRATION_TESTS).into_iter().flat_map(|tests| self.of_each_program(&tests)),
            );
        for tests in batches {
            match self.run_batch(number, &tests, worker)? {
                End::Passed => {}
                End::TimedOut => return Ok(Outcome::TimedOut),
                End::Failed(name) => {
                    let killer = tests.iter().copied().find(|place| self.tests[*place].name == name);
                    self.learn(mutant, killer.unwrap_or(tests[0]));
                    return Ok(Outcome::Killed);
                }
            }
        }
        Ok(Outcome::Survived { tried: unit.len() + integration.len(), of: reaching.len() })
    }

    /// Runs tests of one program.
    fn run_batch(&self, number: Number, tests: &[usize], worker: usize) -> Result<End> {
        let took: Duration = tests.iter().map(|place| self.tests[*place].took).sum();
        let program = &self.programs[self.tests[tests[0]].program];
        let names: Vec<&str> = tests.iter().map(|place| self.tests[*place].name.as_str()).collect();
        let variable = (mutant_switch::ON, &*number.to_string());
        let folder = self.folders.temporary.join(worker.to_string());
        process::run(program, &names, variable, &folder, TO_START + took * TIMES)
    }

    /// Sorts tests: those that killed mutants nearby, then those that are about little else and fast.
    fn most_likely_first(&self, mut tests: Vec<usize>, mutant: &Mutant) -> Vec<usize> {
        let kills = locked(&self.kills);
        let kills_of = |function: &str, place: usize| {
            kills.get(&(mutant.file.clone(), function.to_owned(), place)).copied().unwrap_or_default()
        };
        tests.sort_by_cached_key(|place| {
            let test = &self.tests[*place];
            let near = kills_of(&mutant.function, *place) * 10 + kills_of("", *place).min(20);
            (Reverse(near), test.reached.len() as u128 * test.took.as_millis())
        });
        tests
    }

    fn learn(&self, mutant: &Mutant, killer: usize) {
        let mut kills = locked(&self.kills);
        for function in [&mutant.function, ""] {
            *kills.entry((mutant.file.clone(), function.to_owned(), killer)).or_default() += 1;
        }
    }

    /// Divides tests by their programs. Tests that reach few mutants come first, as they are about these.
    fn of_each_program(&self, tests: &[usize]) -> Vec<Vec<usize>> {
        let mut divided: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for place in tests {
            divided.entry(self.tests[*place].program).or_default().push(*place);
        }
        let mut divided: Vec<_> = divided.into_values().collect();
        for tests in &mut divided {
            tests.sort_by_key(|place| self.tests[*place].reached.len());
        }
        divided
    }
}

/// Divides tests into batches of these sizes. The last one has the rest.
fn batches(tests: &[usize], sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut batches = vec![];
    let mut rest = tests;
    for size in sizes.iter().copied().chain([usize::MAX]) {
        let (batch, after) = rest.split_at(size.min(rest.len()));
        if !batch.is_empty() {
            batches.push(batch.to_vec());
        }
        rest = after;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_batch_has_the_rest() {
        assert_eq!(batches(&[1, 2, 3, 4, 5, 6], &[1, 2]), [vec![1], vec![2, 3], vec![4, 5, 6]]);
        assert_eq!(batches(&[1], &[1, 2]), [vec![1]]);
        assert!(batches(&[], &[1]).is_empty());
    }
}
