//! Chooses a part of the mutants, the same in each run.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Another seed would choose other mutants.
const SEED: u64 = 7;

/// Whether a mutant with this name is in the part, from 0 to 1. Changes elsewhere in the code do not matter.
pub(crate) fn is_in(name: &str, part: f64) -> bool {
    let mut hash = DefaultHasher::new();
    (SEED, name).hash(&mut hash);
    (hash.finish() as f64) < part * u64::MAX as f64 || part >= 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_about_its_size_and_is_in_a_larger_part() {
        let names: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
        let count = |part| names.iter().filter(|name| is_in(name, part)).count();
        assert_eq!(count(1.0), 10_000);
        assert!((900..1100).contains(&count(0.1)), "{}", count(0.1));
        assert!(names.iter().all(|name| !is_in(name, 0.1) || is_in(name, 0.2)));
    }
}
