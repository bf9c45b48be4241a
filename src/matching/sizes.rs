//! How many records there are to read, as far as a sync knows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use salesforce::Soql;

/// The number of records that each query finds. It decides what a search costs and nothing else, so an old number does no
/// harm.
#[derive(Debug, Default)]
pub(crate) struct QuerySizes(Mutex<HashMap<String, Option<u64>>>);

impl QuerySizes {
    /// What is known of a query: `None` if nobody has asked, and `Some(None)` if Salesforce does not say it.
    pub(super) fn get(&self, query: &Soql) -> Option<Option<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&query.to_string()).copied()
    }

    pub(super) fn set(&self, query: &Soql, size: Option<u64>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(query.to_string(), size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_counted_once_also_where_the_count_failed() {
        let sizes = QuerySizes::default();
        let [one, other, third] = ["Contact", "Lead", "Case"].map(|object| Soql::select(object, ["Id"]));
        sizes.set(&one, Some(5));
        sizes.set(&other, None);
        assert_eq!([sizes.get(&one), sizes.get(&other), sizes.get(&third)], [Some(Some(5)), Some(None), None]);
        sizes.set(&one, Some(7));
        assert_eq!(sizes.get(&one), Some(Some(7)));
    }
}
