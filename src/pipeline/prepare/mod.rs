//! Before the first record: what each stream asks for is checked against the org and becomes a plan.

pub(super) mod field;
pub(super) mod plan;
pub(super) mod preflight;
pub(super) mod quota;
