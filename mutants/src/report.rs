//! Lists the survivors, and counts by folder.

use std::collections::BTreeMap;
use std::path::Path;

use crate::mutant::Mutant;
use crate::trial::Outcome;

/// The counts of a folder.
#[derive(Debug, Default)]
struct Counts {
    killed: usize,
    timed_out: usize,
    survived: usize,
    not_reached: usize,
    known: usize,
}

/// The report about mutants with what became of them.
pub(crate) fn report(outcomes: &[(&Mutant, Outcome)]) -> String {
    let mut sorted: Vec<_> = outcomes.iter().collect();
    sorted.sort_by_key(|(mutant, _)| *mutant);
    let mut text = String::new();
    let mut folders: BTreeMap<String, Counts> = BTreeMap::new();
    for (mutant, outcome) in sorted {
        let folder = Path::new(&mutant.file).parent().unwrap_or(Path::new("")).display().to_string();
        let counts = folders.entry(folder).or_default();
        let count = match outcome {
            Outcome::Killed => &mut counts.killed,
            Outcome::TimedOut => &mut counts.timed_out,
            Outcome::Known => &mut counts.known,
            Outcome::Survived { .. } => &mut counts.survived,
            Outcome::NotReached => &mut counts.not_reached,
        };
        *count += 1;
        if is_survivor(outcome) {
            text += &(line(mutant, outcome) + "\n");
        }
    }
    text += "\nkilled  by a time-out  survived  not reached  known  folder\n";
    for (folder, counts) in folders {
        let Counts { killed, timed_out, survived, not_reached, known } = counts;
        text += &format!("{killed:6}  {timed_out:13}  {survived:8}  {not_reached:11}  {known:5}  {folder}\n");
    }
    text
}

/// A mutant, and how many tests did not notice it.
pub(crate) fn line(mutant: &Mutant, outcome: &Outcome) -> String {
    let Mutant { file, line, function, what } = mutant;
    let function = if function.is_empty() { String::new() } else { format!(" {function}") };
    let tests = match outcome {
        Outcome::Survived { tried, of } if tried == of => format!("tests that reach it: {of}"),
        Outcome::Survived { tried, of } => format!("tests that reach it: {of}, tried: {tried}"),
        _ => "no test reaches it".to_owned(),
    };
    format!("{file}:{line}{function}: {what} ({tests})")
}

/// Whether a mutant is one that no test notices.
pub(crate) fn is_survivor(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Survived { .. } | Outcome::NotReached)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_are_listed_and_all_are_counted() {
        let mutant = |file: &str, line| Mutant { file: file.into(), line, function: "f".into(), what: "w".into() };
        let mutants: Vec<_> = [("a/b.rs", 10), ("a/b.rs", 9), ("a/c.rs", 1), ("a/c.rs", 2), ("d/e.rs", 3)]
            .map(|(file, line)| mutant(file, line))
            .into();
        let outcomes = [
            Outcome::Survived { tried: 2, of: 3 },
            Outcome::NotReached,
            Outcome::Killed,
            Outcome::TimedOut,
            Outcome::Known,
        ];
        let outcomes: Vec<_> = mutants.iter().zip(outcomes).collect();
        assert_eq!(
            report(&outcomes),
            "a/b.rs:9 f: w (no test reaches it)\n\
             a/b.rs:10 f: w (tests that reach it: 3, tried: 2)\n\
             \n\
             killed  by a time-out  survived  not reached  known  folder\n     \
                  1              1         1            1      0  a\n     \
                  0              0         0            0      1  d\n"
        );
    }
}
