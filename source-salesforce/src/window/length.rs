//! How long a window may be: shorter ones are read where Salesforce fails the query of a long one.

use jiff::SignedDuration;

use super::Window;
use crate::moment::Moment;

/// Salesforce began in 1999, so no record of it is older (a `CreatedDate` that someone has set may be, and is a part of
/// the first window, which has no beginning).
const FIRST: &str = "1999-01-01";

/// Half of a window whose records before a point in time are read, in whole minutes. None for the shortest window: its
/// ends are whole minutes, because `/deleted` knows no seconds.
pub(crate) fn half(window: Window, begin: Option<Moment>) -> Option<i64> {
    let length = minutes(window.to.since(or_first(begin)));
    (length > 1).then_some(length.div_euclid(2) + length.rem_euclid(2))
}

/// The end of a window from a point in time on that has so many minutes, and ends with a whole one.
pub(crate) fn end_after(begin: Option<Moment>, minutes: i64) -> Moment {
    or_first(begin).minus(-SignedDuration::from_mins(minutes)).whole_minute()
}

/// The next length to try after a window could be read. None if it is longer than everything up to a point in time.
pub(crate) fn doubled(length: i64, through: Moment) -> Option<i64> {
    Some(length.saturating_mul(2)).filter(|length| *length < minutes(through.since(or_first(None))))
}

/// A part of a minute counts as one.
fn minutes(time: SignedDuration) -> i64 {
    (time.as_secs() + 59).div_euclid(60)
}

fn or_first(begin: Option<Moment>) -> Moment {
    let first = || Moment::parse(FIRST);
    begin.or_else(first).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn a_window_is_halved_down_to_a_minute_and_every_half_ends_with_a_whole_minute() {
        for (begin, to, expected) in [
            ("2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z", Some("2026-01-02T03:30:00Z")),
            ("2026-01-02T03:00:00Z", "2026-01-02T03:03:00Z", Some("2026-01-02T03:02:00Z")),
            ("2026-01-02T03:00:00Z", "2026-01-02T03:02:00Z", Some("2026-01-02T03:01:00Z")),
            ("2026-01-02T03:00:00Z", "2026-01-02T03:01:00Z", None),
            ("2026-01-02T03:00:30Z", "2026-01-02T03:02:00Z", Some("2026-01-02T03:01:00Z")),
            ("2026-01-02T03:00:30Z", "2026-01-02T03:01:00Z", None),
        ] {
            let (begin, window) = (Some(moment(begin)), Window { from: None, to: moment(to) });
            let half = half(window, begin).map(|half| end_after(begin, half));
            assert_eq!(half, expected.map(moment), "{begin:?} {to}");
        }
    }

    #[test]
    fn a_window_without_a_beginning_is_halved_too() {
        let to = moment("2026-01-02T03:00:00Z");
        let window = Window { from: None, to };
        let (mut minutes, mut halves) = (half(window, None).unwrap(), 0);
        assert_eq!(end_after(None, minutes).to_string(), "2012-07-02T13:30:00Z");
        while let Some(next) = half(Window { from: None, to: end_after(None, minutes) }, None) {
            (minutes, halves) = (next, halves + 1);
        }
        assert_eq!((minutes, halves), (1, 23));
        assert_eq!(half(Window { from: None, to: moment("1998-01-01") }, None), None);
    }

    #[test]
    fn the_length_doubles_until_it_covers_everything() {
        let through = moment("1999-01-01T02:00:00Z");
        assert_eq!([doubled(1, through), doubled(59, through), doubled(60, through)], [Some(2), Some(118), None]);
        assert_eq!(doubled(i64::MAX, through), None);
    }
}
