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
    /// What the job counts before its end, and at the end if it does not complete.
    pub(crate) rows_done: usize,
    /// What each page adds to its count of rows.
    pub(crate) page_error: isize,
    pub(crate) rows: WrongRows,
    /// A field that the user may no longer see when the job begins.
    pub(crate) removed_field: Option<String>,
}

/// What is wrong with the rows of a query job. Their pages count what they have, and the job counts what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrongRows {
    None,
    /// The last row comes twice.
    Repeated,
    /// The last row is missing.
    LeftOut,
    /// The first row comes again in the place of the last.
    Exchanged,
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
        Self {
            object: object.to_owned(),
            end,
            rows_error: 0,
            omits_count: false,
            rows_done: 0,
            page_error: 0,
            rows: WrongRows::None,
            removed_field: None,
        }
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

    /// Each page's count of rows is wrong by this number.
    pub fn miscounted_pages(object: &str, rows: isize) -> Self {
        Self { page_error: rows, ..Self::new(object, QueryJobEnd::Completed) }
    }

    /// The last row of the results comes twice.
    pub fn row_repeated(object: &str) -> Self {
        Self { rows: WrongRows::Repeated, ..Self::new(object, QueryJobEnd::Completed) }
    }

    /// The results do not have their last row.
    pub fn row_left_out(object: &str) -> Self {
        Self { rows: WrongRows::LeftOut, ..Self::new(object, QueryJobEnd::Completed) }
    }

    /// The first row of the results comes again in the place of the last, so every count is right.
    pub fn row_exchanged(object: &str) -> Self {
        Self { rows: WrongRows::Exchanged, ..Self::new(object, QueryJobEnd::Completed) }
    }

    /// A field is taken away between the creation of the job and its beginning.
    pub fn field_removed(object: &str, field: &str) -> Self {
        Self { removed_field: Some(field.to_owned()), ..Self::new(object, QueryJobEnd::Completed) }
    }

    /// The job counts this many rows before its end, and at the end if it does not complete.
    #[must_use]
    pub fn after_rows(self, rows: usize) -> Self {
        Self { rows_done: rows, ..self }
    }
}
