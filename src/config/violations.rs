//! The rules that a configuration breaks, gathered so that the user reads all of them at once.

use std::fmt::Display;

use airbyte::Error;

/// Broken rules, each under the key that breaks it.
#[derive(Debug, Default)]
pub(super) struct Violations {
    found: Vec<(String, String)>,
}

impl Violations {
    /// Notes that `key` breaks a rule. `rule` goes on from the name of the key and ends without a full stop.
    ///
    /// Only the first problem of a key is kept: a value of the wrong type is not missing as well.
    pub(super) fn add(&mut self, key: impl Into<String>, rule: impl Display) {
        let key = key.into();
        if !self.has(&key) {
            self.found.push((key, rule.to_string()));
        }
    }

    /// Whether `key` is known to break a rule.
    pub(super) fn has(&self, key: &str) -> bool {
        self.found.iter().any(|(found, _)| found == key)
    }

    /// The error that tells every problem, or nothing when no rule is broken.
    pub(super) fn into_result(self) -> Result<(), Error> {
        if self.found.is_empty() {
            return Ok(());
        }
        let sentences: Vec<_> = self.found.iter().map(|(key, rule)| format!("`{key}` {rule}.")).collect();
        Err(Error::config(format!("The configuration is not valid. {}", sentences.join(" "))))
    }
}
