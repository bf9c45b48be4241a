//! The list of mutants that cannot matter.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::mutant::Mutant;

/// A list of known mutants.
#[derive(Debug)]
pub(crate) struct Known(BTreeSet<(String, String, String)>);

impl Known {
    /// Reads lines of `file | function | what | why`. Lines that begin with `#` are left out.
    ///
    /// # Errors
    /// A line has too few parts.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|line| {
                // What is broken may be a pattern with `|`.
                let (file, rest) = line.split_once('|')?;
                let (function, rest) = rest.split_once('|')?;
                let (what, why) = rest.rsplit_once('|')?;
                let part = |part: &str| part.trim().to_owned();
                (!why.trim().is_empty()).then(|| (part(file), part(function), part(what)))
            })
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| Error::new("A line of known.txt has another form than `file | function | what | why`."))
    }

    /// Whether a mutant is in the list.
    pub(crate) fn contains(&self, mutant: &Mutant) -> bool {
        self.0.contains(&(mutant.file.clone(), mutant.function.clone(), mutant.what.clone()))
    }

    /// The lines that match no mutant.
    pub(crate) fn stale(&self, mutants: &[Mutant]) -> Vec<String> {
        let mut rest = self.0.clone();
        for mutant in mutants {
            rest.remove(&(mutant.file.clone(), mutant.function.clone(), mutant.what.clone()));
        }
        rest.into_iter().map(|(file, function, what)| format!("{file} | {function} | {what}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_mutant_and_a_stale_one_is_named() {
        let known =
            Known::read("# a comment\n\na.rs | f | `A | B` -> `A` | they are the same\nb.rs | g | x | y\n").unwrap();
        let mutant = |what: &str| Mutant { file: "a.rs".into(), line: 1, function: "f".into(), what: what.into() };
        assert!(known.contains(&mutant("`A | B` -> `A`")));
        assert!(!known.contains(&mutant("`A | B` -> `B`")));
        assert_eq!(known.stale(&[mutant("`A | B` -> `A`")]), ["b.rs | g | x"]);
        assert!(Known::read("a.rs | f | without a reason |").is_err());
        assert!(Known::read("a.rs | f").is_err());
    }

    #[test]
    fn the_list_of_the_repository_can_be_read() {
        assert!(!Known::read(include_str!("../known.txt")).unwrap().0.is_empty());
    }
}
