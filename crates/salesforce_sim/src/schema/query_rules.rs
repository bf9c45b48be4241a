//! What queries of an object may not do.

/// What the org refuses in queries of an object, and what it answers in an odd way.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueryRules {
    /// No query reads its records.
    pub(crate) is_refused: bool,
    /// `count()` is refused.
    pub(crate) is_uncounted: bool,
    /// Every query needs this filter.
    pub(crate) needed: Option<NeededFilter>,
    /// The records have an empty id.
    pub(crate) has_empty_ids: bool,
    /// The records are those of another system.
    pub(crate) is_external: bool,
}

/// A filter without which a query is refused.
#[derive(Debug, Clone)]
pub(crate) struct NeededFilter {
    /// The fields of which one must have a value.
    pub(crate) fields: Vec<String>,
    /// What the org says to a query without it.
    pub(crate) refusal: String,
}
