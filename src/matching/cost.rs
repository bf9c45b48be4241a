//! What it costs to find records, in requests: by lists of keys, or by one query job.

use salesforce::QueryRows;

/// The requests of a query job besides the pages of its results: one creates it, about ten ask for its state in the
/// minutes that it takes, one asks for the number of its rows, and one deletes it.
const REQUESTS_BESIDES_PAGES: usize = 13;

/// The pages of a query job whose number of rows is unknown.
const UNKNOWN_PAGES: usize = 3;

/// The most lists that are asked for one batch: they wait in memory, and are asked for one after the other.
const MOST_LISTS: usize = 200;

/// The most requests that find out what uncertain keys name.
pub(super) const REQUESTS_OF_UNCERTAIN: usize = 16;

/// The most requests that find out which key of a list is the cause where an answer cannot be used: its lists are
/// halved until one key is left.
pub(super) const REQUESTS_OF_DOUBTS: usize = 64;

/// The most conditions of a list of keys of several fields. No document has a limit but the length of the query, and a
/// query with hundreds of conditions can be refused as too complicated.
pub(super) const MOST_CONDITIONS: usize = 100;

/// The lists that take no more requests than any query job.
pub(super) const FEW_LISTS: usize = REQUESTS_BESIDES_PAGES + 1;

/// The most lists that take no more requests than a query job of so many rows with so many columns.
pub(super) fn most_lists(rows: Option<u64>, columns: usize) -> usize {
    let per_page = QueryRows::rows_per_page(columns) as u64;
    let pages = rows.map_or(UNKNOWN_PAGES as u64, |rows| rows.div_ceil(per_page).max(1));
    usize::try_from(pages).unwrap_or(usize::MAX).saturating_add(REQUESTS_BESIDES_PAGES).min(MOST_LISTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_job_takes_a_request_more_for_each_page() {
        for (rows, columns, lists) in [
            (None, 2, 16),
            (Some(0), 2, 14),
            (Some(100_000), 2, 14),
            (Some(100_001), 2, 15),
            (Some(100_001), 4, 16),
            (Some(10_000_000), 2, 113),
            (Some(u64::MAX), 2, 200),
            (Some(18_700_000), 2, 200),
            (Some(18_600_000), 2, 199),
        ] {
            assert_eq!(most_lists(rows, columns), lists, "{rows:?} rows of {columns} columns");
        }
        assert_eq!(FEW_LISTS, 14, "a job takes no fewer requests");
    }
}
