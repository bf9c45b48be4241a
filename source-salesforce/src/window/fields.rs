//! The fields that an object had at the last sync, by which new ones are known.

use serde::{Deserialize, Serialize};

use crate::state::query_hash;

/// The hexadecimal digits of a name. Two names have the same ones in one of 16 million cases; a new field is not named
/// then.
const DIGITS: usize = 6;

/// The names of fields, short enough for every state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct KnownFields(String);

impl KnownFields {
    pub(super) fn of(names: &[String]) -> Self {
        Self(names.iter().map(|name| digits(name)).collect())
    }

    /// Whether a field with this name was there.
    pub(super) fn has(&self, name: &str) -> bool {
        let digits = digits(name);
        self.0.as_bytes().chunks(DIGITS).any(|known| known == digits.as_bytes())
    }
}

fn digits(name: &str) -> String {
    query_hash(name, "").split_off(16 - DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_by_its_digits() {
        let names: Vec<String> = (0..800).map(|number| format!("Field_{number}__c")).collect();
        let known = KnownFields::of(&names);
        assert_eq!(known.0.len(), 800 * DIGITS);
        assert!(names.iter().all(|name| known.has(name)));
        let new = (0..100).filter(|number| !known.has(&format!("Other_{number}__c"))).count();
        assert!(new > 90, "{new}");
        assert!(!KnownFields::of(&[]).has("Name"));
    }
}
