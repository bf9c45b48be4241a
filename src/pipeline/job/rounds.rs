//! Which rows of a batch are sent again, and how often.

use std::time::Duration;

use super::parents::ParentSources;
use salesforce::{Operation, RowError};

/// How often rows are sent again whose parent was missing. Each time, the next level of a hierarchy finds its parents.
const PARENT_ROUNDS: usize = 50;

/// The retries that a batch has left.
#[derive(Debug)]
pub(super) struct Rounds<'w> {
    waits: std::slice::Iter<'w, Duration>,
    parent_rounds: usize,
}

/// Which rows of a job may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryRules {
    /// Rows that failed for a reason that passes.
    pub(super) transient: bool,
    /// Rows whose parent may come from other rows of the batch.
    pub(super) children: bool,
}

/// Why a failed row is sent again. The first of several reasons counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RetryReason {
    /// It may succeed after a wait.
    Transient,
    /// Its parent may come from other rows of the batch.
    MissingParent,
}

impl RetryRules {
    /// Why a row with these errors is sent again. `None` if it is rejected. `parents` says from where its parents may
    /// come.
    pub(super) fn reason(
        self,
        errors: &[RowError],
        operation: Operation,
        parents: impl Fn() -> ParentSources,
    ) -> Option<RetryReason> {
        let reason_of = |error: &RowError| {
            if error.may_retry(operation) {
                return self.transient.then_some(RetryReason::Transient);
            }
            let parents = error.may_lack_related_record().then(&parents)?;
            if parents.batch && self.children {
                return Some(RetryReason::MissingParent);
            }
            // The jobs of another stream need time, as the holder of a lock does.
            (parents.other_stream && self.transient).then_some(RetryReason::Transient)
        };
        let reasons: Option<Vec<RetryReason>> = errors.iter().map(reason_of).collect();
        reasons?.into_iter().min()
    }
}

impl<'w> Rounds<'w> {
    /// `waits` are the waits before rows are sent again that failed for a reason that passes.
    pub(super) fn new(waits: &'w [Duration]) -> Self {
        Self { waits: waits.iter(), parent_rounds: PARENT_ROUNDS }
    }

    /// Which rows of the next job may be sent again.
    pub(super) fn rules(&self) -> RetryRules {
        RetryRules { transient: self.waits.len() > 0, children: self.parent_rounds > 0 }
    }

    /// Begins another round, and returns the wait before it. Without rows that need a wait, only children of rows that
    /// are written by now are sent again, at once. `None` if the rows that need a wait have been sent often enough.
    pub(super) fn next(&mut self, needs_wait: bool) -> Option<Duration> {
        self.parent_rounds = self.parent_rounds.saturating_sub(1);
        if needs_wait { self.waits.next().copied() } else { Some(Duration::ZERO) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_sent_again_fifty_times_and_all_others_as_often_as_there_are_waits() {
        let waits = [1, 2].map(Duration::from_secs);
        let mut rounds = Rounds::new(&waits);
        assert_eq!(rounds.rules(), RetryRules { transient: true, children: true });
        assert_eq!(rounds.next(false), Some(Duration::ZERO));
        assert_eq!([rounds.next(true), rounds.next(true)], waits.map(Some));
        assert_eq!(rounds.rules(), RetryRules { transient: false, children: true });
        assert_eq!(rounds.next(true), None);
        for _ in 4..50 {
            assert!(rounds.rules().children);
            assert_eq!(rounds.next(false), Some(Duration::ZERO));
        }
        assert_eq!(rounds.rules(), RetryRules { transient: false, children: false });
    }

    #[test]
    fn a_row_is_sent_again_only_if_each_of_its_errors_allows_it() {
        use RetryReason::{MissingParent, Transient};
        let (lock, parent, other) = ("UNABLE_TO_LOCK_ROW:a:--", "INVALID_FIELD:b:--", "X_Y:c:--");
        let sources = |batch, other_stream| ParentSources { batch, other_stream };
        let all = RetryRules { transient: true, children: true };
        let no_children = RetryRules { children: false, ..all };
        let no_waits = RetryRules { transient: false, ..all };
        for (text, sources, rules, expected) in [
            (lock, sources(true, true), all, Some(Transient)),
            (lock, sources(true, true), no_waits, None),
            (other, sources(true, true), all, None),
            (parent, sources(false, false), all, None),
            (parent, sources(true, false), all, Some(MissingParent)),
            (parent, sources(true, false), no_waits, Some(MissingParent)),
            (parent, sources(true, false), no_children, None),
            (parent, sources(true, true), no_children, Some(Transient)),
            (parent, sources(false, true), all, Some(Transient)),
            (parent, sources(false, true), no_waits, None),
            (&format!("{lock}{parent}"), sources(true, false), all, Some(Transient)),
            (&format!("{lock}{parent}"), sources(true, false), no_waits, None),
            (&format!("{parent}{other}"), sources(true, true), all, None),
        ] {
            let errors = RowError::parse(text);
            assert_eq!(rules.reason(&errors, Operation::Insert, || sources), expected, "{text} {sources:?} {rules:?}");
        }
    }
}
