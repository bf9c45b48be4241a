//! How long to wait before asking again whether a job has ended.

use std::time::Duration;

/// The first wait: a job of a few rows may be done by then.
const FIRST: Duration = Duration::from_millis(150);
/// In the long run three requests a minute; each counts against the org's daily API requests.
const LONGEST: Duration = Duration::from_secs(20);
/// The shares of the time that has passed, by what is known of the end. A wait of a share misses the end by that share
/// at most, and no job is to be noticed later than 5 % after it: 4.2 % of its duration when nothing is known, 3 % when
/// the end is foreseen. Where the job's own pace puts the end further away, up to the largest share is waited for; it is
/// no larger, because counts that come in steps of 10,000 rows can be wrong about the end of a job of a few steps.
const UNKNOWN: u32 = 24;
const NEAR: u32 = 32;
const FAR: u32 = 20;

/// The pace at which one job is watched.
pub(super) struct Pace {
    rows: u64,
    /// When the first count came, and what it was.
    first: Option<(Duration, u64)>,
}

impl Pace {
    /// For a job of so many rows.
    pub(super) fn new(rows: u64) -> Self {
        Self { rows, first: None }
    }

    /// The next wait, so long after the job was closed and with so many rows processed as it told last.
    pub(super) fn next(&mut self, elapsed: Duration, processed: Option<u64>) -> Duration {
        let wait = match processed.and_then(|processed| self.left(elapsed, processed)) {
            Some(left) => left.clamp(elapsed / NEAR, elapsed / FAR),
            None => elapsed / UNKNOWN,
        };
        wait.clamp(FIRST, LONGEST)
    }

    /// How long the rest takes at the speed from the first count to this one.
    fn left(&mut self, elapsed: Duration, processed: u64) -> Option<Duration> {
        let (since, at_first) = *self.first.get_or_insert((elapsed, processed));
        let done = processed.checked_sub(at_first).filter(|done| *done > 0)?;
        let left = self.rows.saturating_sub(processed);
        let seconds = elapsed.saturating_sub(since).as_secs_f64() * left as f64 / done as f64;
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Watches a job that lasts so long and counts as `processed` says; tells the polls, and how late the last was.
    fn watch(lasts: Duration, rows: u64, processed: impl Fn(Duration) -> Option<u64>) -> (u32, Duration) {
        let mut pace = Pace::new(rows);
        let (mut now, mut polls, mut told) = (Duration::ZERO, 0, None);
        while now < lasts {
            now += pace.next(now, told);
            polls += 1;
            told = processed(now);
        }
        (polls, now - lasts)
    }

    #[test]
    fn no_poll_is_late_by_more_than_five_per_cent() {
        for seconds in [0.01, 0.5, 1.0, 3.3, 10.0, 47.0, 60.0, 333.0, 599.0, 3600.0] {
            let lasts = Duration::from_secs_f64(seconds);
            let steady = |now: Duration| Some((1_000_000.0 * now.as_secs_f64() / seconds).min(1e6) as u64);
            let stepping = |now: Duration| steady(now).map(|rows| rows - rows % 200_000);
            let (_, blind) = watch(lasts, 1_000_000, |_| None);
            let (_, seen) = watch(lasts, 1_000_000, steady);
            let (_, steps) = watch(lasts, 1_000_000, stepping);
            assert!(blind <= FIRST.max(lasts / 24), "{seconds}: {blind:?}");
            assert!(seen <= FIRST.max(lasts / 30), "{seconds}: {seen:?}");
            assert!(steps <= FIRST.max(lasts / 20), "{seconds}: {steps:?}");
        }
    }

    #[test]
    fn polls_stay_few() {
        for (seconds, most) in [(1.0, 7), (10.0, 50), (60.0, 95), (600.0, 150), (36_000.0, 1_950)] {
            let lasts = Duration::from_secs_f64(seconds);
            let (blind, _) = watch(lasts, 10, |_| None);
            assert!(blind <= most, "{seconds}: {blind}");
            let (seen, _) = watch(lasts, 1_000_000, |now| Some((1e6 * now.as_secs_f64() / seconds) as u64));
            assert!(seen <= blind, "{seconds}: {seen} instead of {blind}");
        }
    }

    #[test]
    fn a_wait_is_never_too_short_or_too_long() {
        let day = Duration::from_secs(24 * 60 * 60);
        for (elapsed, processed) in
            [(Duration::ZERO, None), (Duration::ZERO, Some(5)), (day, None), (day, Some(0)), (day, Some(u64::MAX))]
        {
            let mut pace = Pace::new(10);
            for _ in 0..3 {
                let wait = pace.next(elapsed, processed);
                assert!((FIRST..=LONGEST).contains(&wait), "{elapsed:?} {processed:?}: {wait:?}");
            }
        }
        assert_eq!(Pace::new(10).next(Duration::ZERO, None), FIRST);
        assert_eq!(Pace::new(10).next(day, None), LONGEST);
    }

    #[test]
    fn counts_that_fall_are_no_pace() {
        let mut pace = Pace::new(100);
        pace.next(Duration::from_secs(10), Some(50));
        assert_eq!(pace.next(Duration::from_secs(48), Some(40)), Duration::from_secs(2));
    }
}
