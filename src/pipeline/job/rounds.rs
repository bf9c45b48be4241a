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
    /// Of their own, so that a row whose parent came late may still be locked or unprocessed.
    other_stream_waits: std::slice::Iter<'w, Duration>,
    parent_rounds: usize,
}

/// Which rows of a job may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryRules {
    /// Rows that failed for a reason that passes.
    pub(super) transient: bool,
    /// Rows whose parent may come from other rows of the batch.
    pub(super) children: bool,
    /// Rows whose parent may come from another stream.
    pub(super) other_streams: bool,
}

/// For what the next round waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AwaitedBy {
    /// There are rows that failed for a reason that passes, or were left unprocessed.
    pub(super) transient: bool,
    /// There are rows whose parent may come from another stream.
    pub(super) other_streams: bool,
}

/// Why a failed row is sent again. The first of several reasons counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RetryReason {
    /// It may succeed after a wait.
    Transient,
    /// Its parent may come from another stream.
    OtherStream,
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
            (parents.other_stream && self.other_streams).then_some(RetryReason::OtherStream)
        };
        let reasons: Option<Vec<RetryReason>> = errors.iter().map(reason_of).collect();
        reasons?.into_iter().min()
    }
}

impl<'w> Rounds<'w> {
    /// `waits` are the waits before rows are sent again that failed for a reason that passes, and as many before those
    /// whose parent may come from another stream: its jobs need time, as the holder of a lock does.
    pub(super) fn new(waits: &'w [Duration]) -> Self {
        Self { waits: waits.iter(), other_stream_waits: waits.iter(), parent_rounds: PARENT_ROUNDS }
    }

    /// Which rows of the next job may be sent again.
    pub(super) fn rules(&self) -> RetryRules {
        RetryRules {
            transient: self.waits.len() > 0,
            children: self.parent_rounds > 0,
            other_streams: self.other_stream_waits.len() > 0,
        }
    }

    /// Begins another round, and returns the wait before it, the longest that is needed. Without rows that need a wait,
    /// only children of rows that are written by now are sent again, immediately. `None` if the rows that need a wait
    /// have been sent often enough.
    pub(super) fn next(&mut self, awaited_by: AwaitedBy) -> Option<Duration> {
        self.parent_rounds = self.parent_rounds.saturating_sub(1);
        let mut wait = Duration::ZERO;
        if awaited_by.transient {
            wait = wait.max(*self.waits.next()?);
        }
        if awaited_by.other_streams {
            wait = wait.max(*self.other_stream_waits.next()?);
        }
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: AwaitedBy = AwaitedBy { transient: false, other_streams: false };
    const TRANSIENT: AwaitedBy = AwaitedBy { transient: true, other_streams: false };
    const OTHER_STREAM: AwaitedBy = AwaitedBy { transient: false, other_streams: true };

    #[test]
    fn children_are_sent_again_fifty_times_and_all_others_as_often_as_there_are_waits() {
        let waits = [1, 2].map(Duration::from_secs);
        let mut rounds = Rounds::new(&waits);
        let all = RetryRules { transient: true, children: true, other_streams: true };
        assert_eq!(rounds.rules(), all);
        assert_eq!(rounds.next(AT_ONCE), Some(Duration::ZERO));
        assert_eq!([rounds.next(TRANSIENT), rounds.next(TRANSIENT)], waits.map(Some));
        assert_eq!(rounds.rules(), RetryRules { transient: false, ..all });
        assert_eq!(rounds.next(TRANSIENT), None);
        for _ in 4..50 {
            assert!(rounds.rules().children);
            assert_eq!(rounds.next(AT_ONCE), Some(Duration::ZERO));
        }
        assert_eq!(rounds.rules(), RetryRules { transient: false, children: false, ..all });
    }

    #[test]
    fn waits_for_another_stream_use_up_none_of_those_for_locks() {
        let waits = [1, 2].map(Duration::from_secs);
        let mut rounds = Rounds::new(&waits);
        assert_eq!([rounds.next(OTHER_STREAM), rounds.next(OTHER_STREAM)], waits.map(Some));
        assert_eq!(rounds.rules(), RetryRules { transient: true, children: true, other_streams: false });
        assert_eq!([rounds.next(TRANSIENT), rounds.next(TRANSIENT)], waits.map(Some));
        assert_eq!(rounds.next(TRANSIENT), None);
    }

    #[test]
    fn a_round_for_both_waits_for_the_longer_time() {
        let waits = [1, 2].map(Duration::from_secs);
        let both = AwaitedBy { transient: true, other_streams: true };
        for first in [TRANSIENT, OTHER_STREAM] {
            let mut rounds = Rounds::new(&waits);
            assert_eq!([rounds.next(first), rounds.next(both)], waits.map(Some), "{first:?}");
        }
    }

    #[test]
    fn a_row_is_sent_again_only_if_each_of_its_errors_allows_it() {
        use RetryReason::{MissingParent, OtherStream, Transient};
        let (lock, parent, other) = ("UNABLE_TO_LOCK_ROW:a:--", "INVALID_FIELD:b:--", "X_Y:c:--");
        let sources = |batch, other_stream| ParentSources { batch, other_stream };
        let all = RetryRules { transient: true, children: true, other_streams: true };
        let no_children = RetryRules { children: false, ..all };
        let no_waits = RetryRules { transient: false, ..all };
        let no_streams = RetryRules { other_streams: false, ..all };
        for (text, sources, rules, expected) in [
            (lock, sources(true, true), all, Some(Transient)),
            (lock, sources(true, true), no_waits, None),
            (other, sources(true, true), all, None),
            (parent, sources(false, false), all, None),
            (parent, sources(true, false), all, Some(MissingParent)),
            (parent, sources(true, false), no_waits, Some(MissingParent)),
            (parent, sources(true, false), no_children, None),
            (parent, sources(true, true), no_children, Some(OtherStream)),
            (parent, sources(false, true), all, Some(OtherStream)),
            (parent, sources(false, true), no_waits, Some(OtherStream)),
            (parent, sources(false, true), no_streams, None),
            (&format!("{lock}{parent}"), sources(false, true), all, Some(Transient)),
            (&format!("{lock}{parent}"), sources(true, false), all, Some(Transient)),
            (&format!("{lock}{parent}"), sources(true, false), no_waits, None),
            (&format!("{parent}{other}"), sources(true, true), all, None),
        ] {
            let errors = RowError::parse(text);
            assert_eq!(rules.reason(&errors, Operation::Insert, || sources), expected, "{text} {sources:?} {rules:?}");
        }
    }
}
