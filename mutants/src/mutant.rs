//! A mutant, and the place in a source text where it is switched on.

use std::collections::BTreeMap;

/// The number that switches a mutant on: its place in the list of all mutants.
pub(crate) type Number = u32;

/// One small break of the code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mutant {
    /// The path of the file in the workspace.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The function with the modules and the type around it, or nothing for a constant.
    pub(crate) function: String,
    /// What is broken.
    pub(crate) what: String,
}

/// A place in a source text with the mutants that are switched on there.
#[derive(Debug)]
pub(crate) struct Site {
    /// The first byte of the code that is broken.
    pub(crate) start: usize,
    /// The byte after it.
    pub(crate) end: usize,
    /// How the switch is written.
    pub(crate) form: Form,
    /// The mutants, each with the code that stands in for the original.
    pub(crate) mutants: Vec<(Number, String)>,
}

/// How a switch is written into the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// At the beginning of a function, which then returns another value.
    Body,
    /// Behind the pattern of an arm, which then does not match.
    Arm,
    /// In front of a condition with `let`, which is then never true.
    Never,
    /// Around a statement, which is then left out.
    Statement,
    /// Around whole statements, which others then stand in for.
    Statements,
    /// Around an expression, which then has another value.
    Value,
}

/// Names every mutant so that the name outlives changes elsewhere in the code: numbers do not.
pub(crate) fn names(mutants: &[Mutant]) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let mut name = |mutant: &Mutant| {
        let name = format!("{} | {} | {}", mutant.file, mutant.function, mutant.what);
        let count: &mut usize = seen.entry(name.clone()).or_default();
        *count += 1;
        format!("{name} | {count}")
    };
    mutants.iter().map(&mut name).collect()
}

/// The line of a place in a text, from 1.
pub(crate) fn line_of(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}

/// Code on one line, as it is shown.
pub(crate) fn on_one_line(code: &str) -> String {
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}
