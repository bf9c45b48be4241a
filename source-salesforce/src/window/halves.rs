//! Shorter spans of time for calls that have too much to answer.

use super::SHORTEST_SPAN;
use crate::moment::Moment;

/// The two parts of a span of whole minutes, the older one last. Those of three minutes overlap, because a call takes no
/// less than two. None for a span that has no shorter ones.
pub(crate) fn halves(start: Moment, end: Moment) -> Option<[(Moment, Moment); 2]> {
    let length = end.since(start);
    if length <= SHORTEST_SPAN {
        return None;
    }
    let half = (length / 2).max(SHORTEST_SPAN);
    let (older_end, newer_start) = (end.minus(length - half).whole_minute(), end.minus(half).whole_minute());
    // Of an odd number of minutes the middle is rounded, and the parts still touch.
    let newer_start = newer_start.min(older_end);
    Some([(newer_start, end), (start, older_end)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_halved_as_long_as_a_call_takes_its_parts() {
        let moment = |minute: i64| Moment::parse(&format!("2026-01-02T03:{minute:02}:00Z")).unwrap();
        for (length, expected) in [
            (1, None),
            (2, None),
            (3, Some([(1, 3), (0, 2)])),
            (4, Some([(2, 4), (0, 2)])),
            (5, Some([(2, 5), (0, 2)])),
            (7, Some([(3, 7), (0, 3)])),
            (20, Some([(10, 20), (0, 10)])),
        ] {
            let expected = expected.map(|parts| parts.map(|(start, end)| (moment(start), moment(end))));
            assert_eq!(halves(moment(0), moment(length)), expected, "{length}");
        }
    }
}
