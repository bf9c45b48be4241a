//! The rules that a configuration breaks, collected so that the user reads all of them together.

use std::fmt::Display;

use airbyte::Error;

/// The broken rules of a configuration.
#[derive(Debug, Default)]
pub struct Violations {
    found: Vec<Violation>,
}

#[derive(Debug)]
struct Violation {
    key: String,
    rule: String,
}

impl Violations {
    /// Adds a rule that `key` breaks. `rule` completes a sentence that begins with the key: "must be text".
    ///
    /// Keeps only the first violation of a key: a value of the wrong type is not missing as well.
    pub fn add(&mut self, key: impl Into<String>, rule: impl Display) {
        let key = key.into();
        if !self.has(&key) {
            self.found.push(Violation { key, rule: rule.to_string() });
        }
    }

    /// Whether `key` breaks a rule.
    pub fn has(&self, key: &str) -> bool {
        self.found.iter().any(|violation| violation.key == key)
    }

    /// Fails if a rule is broken, with an error that lists all violations.
    pub fn into_result(self) -> Result<(), Error> {
        if self.found.is_empty() {
            return Ok(());
        }
        let sentences: Vec<_> = self.found.iter().map(|Violation { key, rule }| format!("`{key}` {rule}.")).collect();
        Err(Error::config(format!("The configuration is not valid. {}", sentences.join(" "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_first_violation_alone_and_others_with_its_beginning_have_their_own() {
        let mut violations = Violations::default();
        violations.add("auth_type_of_app", "is odd");
        assert!(violations.has("auth_type_of_app") && !violations.has("auth_type") && !violations.has(""));
        violations.add("auth_type", "must be text");
        violations.add("auth_type", "is missing");
        let error = violations.into_result().unwrap_err();
        assert_eq!(
            error.message(),
            "The configuration is not valid. `auth_type_of_app` is odd. `auth_type` must be text."
        );
        assert!(Violations::default().into_result().is_ok());
    }
}
