//! What is different between two sides, key by key.

use std::cmp::Ordering;

use serde::Serialize;

use super::copies::Copies;

/// What is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// The first side has a record, and the second has none with its key.
    Missing,
    /// The second side has a record, and the first has none with its key.
    Extra,
    /// The record of the first side changed after that of the second.
    Older,
    /// A side has several records with one key.
    Doubled,
    /// A side has records without a key, which cannot be compared.
    Keyless,
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Side {
    First,
    Second,
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) kind: Kind,
    pub(super) key: Option<String>,
    /// The side that has several records, or records without a key, and how many.
    pub(super) records: Option<(Side, u64)>,
    /// When the records changed, in seconds since 1970.
    pub(super) stamps: (Option<i64>, Option<i64>),
    /// Whether a record changed after the comparison began, so that another comparison may find no difference.
    pub(super) is_recent: bool,
}

/// When the comparison began by the clock of each side, in seconds since 1970. None for a side that does not change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Begin {
    pub(super) first: Option<i64>,
    pub(super) second: Option<i64>,
}

/// What is known of a key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) differences: Vec<Difference>,
    /// Whether both sides have a record.
    pub(super) is_in_both: bool,
    /// Whether both have, and it is not known of both when they changed.
    pub(super) is_undated: bool,
}

impl Begin {
    /// Compares the records that both sides have with one key.
    pub(super) fn judge(self, first: Option<&Copies>, second: Option<&Copies>) -> Judgement {
        let mut judgement = Judgement::default();
        let is_recent =
            |stamp: Option<i64>, begin: Option<i64>| stamp.zip(begin).is_some_and(|(stamp, at)| stamp >= at);
        let newest = |copies: Option<&Copies>| copies.and_then(|copies| copies.newest);
        let is_recent = is_recent(newest(first), self.first) || is_recent(newest(second), self.second);
        let difference = |kind, copies: &Copies| Difference {
            kind,
            key: copies.key(),
            records: None,
            stamps: (None, None),
            is_recent,
        };
        for (side, copies) in [(Side::First, first), (Side::Second, second)] {
            let Some(copies) = copies else { continue };
            let kind = match copies.key.is_empty() {
                true => Kind::Keyless,
                false if copies.records > 1 => Kind::Doubled,
                false => continue,
            };
            let several = Difference { records: Some((side, copies.records)), ..difference(kind, copies) };
            judgement.differences.push(several);
        }
        match (first, second) {
            // Nobody can say which records without a key belong together.
            (Some(one), _) | (_, Some(one)) if one.key.is_empty() => {}
            (Some(one), None) => judgement.differences.push(difference(Kind::Missing, one)),
            (None, Some(one)) => judgement.differences.push(difference(Kind::Extra, one)),
            (Some(first), Some(second)) => {
                judgement.is_in_both = true;
                match first.newest.zip(second.oldest) {
                    Some((newest, oldest)) if oldest < newest => {
                        let older = difference(Kind::Older, first);
                        let stamps = (Some(newest), Some(oldest));
                        judgement.differences.push(Difference { stamps, ..older });
                    }
                    Some(_) => {}
                    None => judgement.is_undated = true,
                }
            }
            (None, None) => {}
        }
        judgement
    }
}

/// Which of the next keys of two sides comes first; none if neither side has one.
pub(super) fn earlier(first: Option<&Copies>, second: Option<&Copies>) -> Option<Ordering> {
    Some(match (first, second) {
        (Some(first), Some(second)) => first.order.cmp(&second.order),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(key: &str, stamps: &[i64]) -> Copies {
        Copies {
            order: key.as_bytes().to_vec(),
            key: key.as_bytes().to_vec(),
            records: stamps.len() as u64,
            oldest: stamps.iter().min().copied(),
            newest: stamps.iter().max().copied(),
        }
    }

    #[test]
    fn a_key_is_missing_extra_older_doubled_or_the_same() {
        use Kind::{Doubled, Extra, Keyless, Missing, Older};
        for (key, first, second, expected) in [
            ("a", &[5][..], &[5][..], &[][..]),
            ("a", &[5], &[9], &[]),
            ("a", &[5], &[], &[Missing]),
            ("a", &[], &[5], &[Extra]),
            ("a", &[5], &[4], &[Older]),
            ("a", &[5, 5], &[5], &[Doubled]),
            ("a", &[5], &[5, 6], &[Doubled]),
            ("a", &[5], &[4, 6], &[Doubled, Older]),
            ("a", &[1, 9], &[5, 5], &[Doubled, Doubled, Older]),
            ("a", &[5, 5], &[], &[Doubled, Missing]),
            ("", &[5], &[], &[Keyless]),
            ("", &[], &[5, 5], &[Keyless]),
            ("", &[9], &[5], &[Keyless, Keyless]),
        ] {
            let side = |stamps: &[i64]| (!stamps.is_empty()).then(|| copies(key, stamps));
            let judgement = Begin::default().judge(side(first).as_ref(), side(second).as_ref());
            let kinds: Vec<Kind> = judgement.differences.iter().map(|difference| difference.kind).collect();
            assert_eq!(kinds, expected, "{key:?} {first:?} {second:?}");
            for difference in &judgement.differences {
                let stamps = (first.iter().max().copied(), second.iter().min().copied());
                let expected = if difference.kind == Older { stamps } else { (None, None) };
                assert_eq!(difference.stamps, expected, "{key:?} {first:?} {second:?}");
            }
            assert_eq!(judgement.is_in_both, !key.is_empty() && !first.is_empty() && !second.is_empty());
        }
    }

    #[test]
    fn without_a_time_nothing_is_older_and_that_is_said() {
        let undated = Copies { oldest: None, newest: None, ..copies("a", &[5]) };
        for (first, second) in [(&undated, &copies("a", &[1])), (&copies("a", &[9]), &undated)] {
            let judgement = Begin::default().judge(Some(first), Some(second));
            assert!(judgement.differences.is_empty() && judgement.is_undated);
        }
    }

    #[test]
    fn a_difference_of_a_record_that_changed_since_the_comparison_began_says_so() {
        let begin = Begin { first: Some(10), second: Some(20) };
        for (first, second, expected) in [
            (&[9][..], &[][..], false),
            (&[10], &[], true),
            (&[], &[19], false),
            (&[], &[20], true),
            (&[9], &[8], false),
            (&[11], &[8], true),
        ] {
            let side = |stamps: &[i64]| (!stamps.is_empty()).then(|| copies("a", stamps));
            let judgement = begin.judge(side(first).as_ref(), side(second).as_ref());
            assert_eq!(judgement.differences[0].is_recent, expected, "{first:?} {second:?}");
        }
    }
}
