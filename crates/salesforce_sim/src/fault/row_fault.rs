//! Rows that are refused: validation rules, duplicate rules, locked rows.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// A row as the client sent it.
#[derive(Debug)]
pub struct UploadedRow<'a> {
    pub(crate) names: &'a [String],
    pub(crate) cells: &'a [Cow<'a, str>],
}

impl UploadedRow<'_> {
    /// The text of a column by its name in the header; an empty cell is an empty text.
    pub fn get(&self, column: &str) -> Option<&str> {
        let at = self.names.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.cells.get(at).map(AsRef::as_ref)
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.cells.hash(&mut hasher);
        hasher.finish()
    }
}

type Matcher = Box<dyn Fn(&UploadedRow<'_>) -> bool + Send + Sync>;

/// Rows that the org refuses although their values are right.
///
/// ```
/// use salesforce_sim::RowFault;
///
/// let locked = RowFault::new("Account", "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--")
///     .when(|row| row.get("Name") == Some("Example Ltd"))
///     .times(2);
/// let too_young = RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:Contacts need a phone:--")
///     .when(|row| row.get("Phone").is_none_or(str::is_empty));
/// ```
pub struct RowFault {
    object: String,
    error: String,
    matches: Matcher,
    times: Option<u32>,
    refused: HashMap<u64, u32>,
}

impl fmt::Debug for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, error, times, .. } = self;
        f.debug_struct("RowFault")
            .field("object", object)
            .field("error", error)
            .field("times", times)
            .finish_non_exhaustive()
    }
}

impl RowFault {
    /// Refuses every row of an object; `error` is the whole `sf__Error`.
    pub fn new(object: &str, error: &str) -> Self {
        Self {
            object: object.to_owned(),
            error: error.to_owned(),
            matches: Box::new(|_| true),
            times: None,
            refused: HashMap::new(),
        }
    }

    /// Refuses only the rows that the predicate picks.
    #[must_use]
    pub fn when(self, matches: impl Fn(&UploadedRow<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self { matches: Box::new(matches), ..self }
    }

    /// Refuses each row only that many times; rows with the same cells are the same row.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The error of a row, if the rule refuses it now.
    pub(crate) fn refuse(&mut self, object: &str, row: &UploadedRow<'_>) -> Option<&str> {
        if !self.object.eq_ignore_ascii_case(object) || !(self.matches)(row) {
            return None;
        }
        if let Some(times) = self.times {
            let refused = self.refused.entry(row.fingerprint()).or_default();
            if *refused == times {
                return None;
            }
            *refused += 1;
        }
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_refuses_each_row_its_number_of_times() {
        let names = ["Name".to_owned(), "Phone".to_owned()];
        let mut rule = RowFault::new("Account", "E:e:--").when(|row| row.get("name") != Some("fine")).times(2);
        let mut refuse = |object: &str, name: &'static str| {
            let cells = [Cow::Borrowed(name), Cow::Borrowed("1")];
            rule.refuse(object, &UploadedRow { names: &names, cells: &cells }).is_some()
        };
        assert_eq!([refuse("account", "a"), refuse("Account", "b"), refuse("Contact", "a")], [true, true, false]);
        assert!(!refuse("Account", "fine"));
        assert_eq!([refuse("Account", "a"), refuse("Account", "a"), refuse("Account", "b")], [true, false, true]);
    }
}
