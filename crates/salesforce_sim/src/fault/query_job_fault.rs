//! Query jobs that end wrongly, or never.

/// What goes wrong with the next query job of an object that begins. Each fault acts on one job.
///
/// ```
/// use salesforce_sim::QueryJobFault;
///
/// let silent = QueryJobFault::failed("Contact", "");
/// let miscounted = QueryJobFault::miscounted("Contact", -1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryJobFault {
    pub(crate) object: String,
    pub(crate) end: QueryJobEnd,
    /// What the job adds to its count of rows.
    pub(crate) rows_error: isize,
    /// Whether the job does not say how many rows it has.
    pub(crate) omits_count: bool,
}

/// How a query job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueryJobEnd {
    Completed,
    /// With this `errorMessage`, or without one.
    Failed(Option<String>),
    Aborted,
    /// The job stays `InProgress`.
    Never,
}

impl QueryJobFault {
    fn new(object: &str, end: QueryJobEnd) -> Self {
        Self { object: object.to_owned(), end, rows_error: 0, omits_count: false }
    }

    /// The job becomes `Failed`, with this `errorMessage`. With an empty one it does not say why, as a comment in jsforce
    /// says of real jobs.
    pub fn failed(object: &str, message: &str) -> Self {
        let message = (!message.is_empty()).then(|| message.to_owned());
        Self::new(object, QueryJobEnd::Failed(message))
    }

    /// The job becomes `Aborted`, as if an administrator had aborted it.
    pub fn aborted(object: &str) -> Self {
        Self::new(object, QueryJobEnd::Aborted)
    }

    /// The job stays `InProgress`.
    pub fn never_ends(object: &str) -> Self {
        Self::new(object, QueryJobEnd::Never)
    }

    /// The job's count of rows is wrong by this number.
    pub fn miscounted(object: &str, rows: isize) -> Self {
        Self { rows_error: rows, ..Self::new(object, QueryJobEnd::Completed) }
    }

    /// The job does not say how many rows it has.
    pub fn uncounted(object: &str) -> Self {
        Self { omits_count: true, ..Self::new(object, QueryJobEnd::Completed) }
    }
}
