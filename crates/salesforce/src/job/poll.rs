//! How long to wait before the status of a job is asked for again.

use std::time::Duration;

/// The first wait: a job of a few rows may have ended by then.
const FIRST: Duration = Duration::from_millis(150);
/// Three requests a minute in the long run; each counts against the org's daily API requests.
const LONGEST: Duration = Duration::from_secs(20);
/// A wait is a share of the time since the close, so a job is noticed late by that share of its duration at most. This
/// share (4.2 %) is used while the speed of the job is unknown.
const SHARE_IF_UNKNOWN: u32 = 24;
/// The share (3 %) when the speed says that the end is near.
const SHARE_IF_NEAR: u32 = 32;
/// The share (5 %) when the speed says that the end is far. It is no larger, because counts in steps of 10,000 rows can
/// be wrong about the end of a job of a few steps.
const SHARE_IF_FAR: u32 = 20;

/// When to ask for the status of one job.
pub(crate) struct PollSchedule {
    rows: u64,
    first_count: Option<FirstCount>,
}

/// The first number of processed rows that Salesforce reported.
struct FirstCount {
    /// The time since the close.
    elapsed: Duration,
    processed: u64,
}

impl PollSchedule {
    /// A schedule for a job of `rows` rows.
    pub(crate) fn new(rows: u64) -> Self {
        Self { rows, first_count: None }
    }

    /// The next wait. `elapsed` is the time since the close, `processed` the newest number of processed rows.
    pub(crate) fn next_wait(&mut self, elapsed: Duration, processed: Option<u64>) -> Duration {
        let wait = match processed.and_then(|processed| self.time_left(elapsed, processed)) {
            Some(left) => left.clamp(elapsed / SHARE_IF_NEAR, elapsed / SHARE_IF_FAR),
            None => elapsed / SHARE_IF_UNKNOWN,
        };
        wait.clamp(FIRST, LONGEST)
    }

    /// How long the rest takes at the speed since the first count.
    fn time_left(&mut self, elapsed: Duration, processed: u64) -> Option<Duration> {
        let first = self.first_count.get_or_insert(FirstCount { elapsed, processed });
        let done = processed.checked_sub(first.processed).filter(|done| *done > 0)?;
        let left = self.rows.saturating_sub(processed);
        let seconds = elapsed.saturating_sub(first.elapsed).as_secs_f64() * left as f64 / done as f64;
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Polls a job that takes `lasts` and counts as `processed` says. Returns the polls, and how late the last was.
    fn watch(lasts: Duration, rows: u64, processed: impl Fn(Duration) -> Option<u64>) -> (u32, Duration) {
        let mut schedule = PollSchedule::new(rows);
        let (mut now, mut polls, mut count) = (Duration::ZERO, 0, None);
        while now < lasts {
            now += schedule.next_wait(now, count);
            polls += 1;
            count = processed(now);
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
    fn there_are_few_polls() {
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
            let mut schedule = PollSchedule::new(10);
            for _ in 0..3 {
                let wait = schedule.next_wait(elapsed, processed);
                assert!((FIRST..=LONGEST).contains(&wait), "{elapsed:?} {processed:?}: {wait:?}");
            }
        }
        assert_eq!(PollSchedule::new(10).next_wait(Duration::ZERO, None), FIRST);
        assert_eq!(PollSchedule::new(10).next_wait(day, None), LONGEST);
    }

    #[test]
    fn counts_that_fall_give_no_speed() {
        let mut schedule = PollSchedule::new(100);
        schedule.next_wait(Duration::from_secs(10), Some(50));
        assert_eq!(schedule.next_wait(Duration::from_secs(48), Some(40)), Duration::from_secs(2));
    }
}
