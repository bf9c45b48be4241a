//! Rows that fail although their values are right: validation rules, duplicate rules, locked rows.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::schema::is_same_name;

/// A row as the client uploaded it.
#[derive(Debug)]
pub struct UploadedRow<'a> {
    pub(crate) columns: &'a [String],
    pub(crate) cells: &'a [Cow<'a, str>],
}

impl UploadedRow<'_> {
    /// The text of a cell by its column, without quotes; `None` if the upload has no such column. Ignores the case of
    /// the column.
    pub fn get(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| is_same_name(name, column))?;
        self.cells.get(at).map(AsRef::as_ref)
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.cells.hash(&mut hasher);
        hasher.finish()
    }
}

type Condition = Box<dyn Fn(&UploadedRow<'_>) -> bool + Send + Sync>;

/// Rows of an object that fail although their values are right.
///
/// ```
/// use salesforce_sim::RowFault;
///
/// let locked = RowFault::new("Account", "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--")
///     .when(|row| row.get("Name") == Some("Example Ltd"))
///     .times(2);
/// let invalid = RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:Contacts need a phone:--")
///     .when(|row| row.get("Phone").is_none_or(str::is_empty));
/// ```
pub struct RowFault {
    object: String,
    error: String,
    condition: Condition,
    times: Option<u32>,
    /// How often each row has failed, by its fingerprint.
    failures: HashMap<u64, u32>,
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
    /// Every row of an object fails; `error` is the complete `sf__Error`.
    pub fn new(object: &str, error: &str) -> Self {
        Self {
            object: object.to_owned(),
            error: error.to_owned(),
            condition: Box::new(|_| true),
            times: None,
            failures: HashMap::new(),
        }
    }

    /// Every row of an object is locked, because a flow that saves another record does not get its lock. The form of
    /// flow errors is as people report them; Salesforce words them in the language of the user.
    pub fn locked_in_flow(object: &str) -> Self {
        Self::new(
            object,
            "CANNOT_EXECUTE_FLOW_TRIGGER:We can't save this record because the \"Roll Up To Account\" process failed. \
             Give your Salesforce admin these details. This error occurred when the flow tried to update records: \
             UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record or 1 records: 001000000000001AAA. You \
             can look up ExceptionCode values in the SOAP API Developer Guide.:--",
        )
    }

    /// Every row of an object is locked, because a trigger of a trigger does not get its lock (the text is as in issue
    /// 847 of Declarative Lookup Rollup Summaries).
    pub fn locked_in_trigger(object: &str) -> Self {
        Self::new(
            object,
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:ContactTrigger: execution of AfterInsert\n\ncaused by: \
             System.DmlException: Update failed. First exception on row 0 with id 001000000000001AAA; first error: \
             CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY, AccountTrigger: execution of AfterUpdate\n\ncaused by: \
             System.DmlException: Upsert failed. First exception on row 2; first error: UNABLE_TO_LOCK_ROW, unable to \
             obtain exclusive access to this record or 1 records: a00000000000001AAA: []\n\nTrigger.ContactTrigger: \
             line 5, column 1:--",
        )
    }

    /// Only rows for which the condition is true fail.
    #[must_use]
    pub fn when(self, condition: impl Fn(&UploadedRow<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self { condition: Box::new(condition), ..self }
    }

    /// Each row fails only this many times. Rows with the same cells count as one row.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The error of a row; `None` if the row does not fail this time.
    pub(crate) fn error_of(&mut self, object: &str, row: &UploadedRow<'_>) -> Option<&str> {
        if !is_same_name(&self.object, object) || !(self.condition)(row) {
            return None;
        }
        if let Some(times) = self.times {
            let failures = self.failures.entry(row.fingerprint()).or_default();
            if *failures == times {
                return None;
            }
            *failures += 1;
        }
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_fails_its_number_of_times() {
        let columns = ["Name".to_owned(), "Phone".to_owned()];
        let mut fault = RowFault::new("Account", "E:e:--").when(|row| row.get("name") != Some("fine")).times(2);
        let mut fails = |object: &str, name: &'static str| {
            let cells = [Cow::Borrowed(name), Cow::Borrowed("1")];
            fault.error_of(object, &UploadedRow { columns: &columns, cells: &cells }).is_some()
        };
        assert_eq!([fails("account", "a"), fails("Account", "b"), fails("Contact", "a")], [true, true, false]);
        assert!(!fails("Account", "fine"));
        assert_eq!([fails("Account", "a"), fails("Account", "a"), fails("Account", "b")], [true, false, true]);
    }
}
