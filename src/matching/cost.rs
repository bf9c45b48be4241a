//! What it costs to find records, in requests: by lists of keys, or by one query job.

/// The requests of a query job: one creates it, about ten ask for its state in the minutes that it takes, and the rest read
/// its results, a page for some hundred thousand records.
pub(super) const REQUESTS_OF_A_QUERY_JOB: usize = 16;

/// The most requests that find out which key of a list is the cause where an answer cannot be used: its lists are halved
/// until one key is left.
pub(super) const REQUESTS_OF_DOUBTS: usize = 64;

/// The most conditions of a list of keys of several fields. No document has a limit but the length of the query, and a
/// query with hundreds of conditions can be refused as too complicated.
pub(super) const MOST_CONDITIONS: usize = 100;
