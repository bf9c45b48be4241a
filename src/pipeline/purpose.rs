//! What a run is for.

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Records are written, and states acknowledged.
    Sync,
    /// Records are counted, and no state is acknowledged.
    DryRun,
}
