//! How long to wait before the status of a job is asked for again.
//!
//! Every question is one of the org's daily API requests. So the next one comes when the job has probably ended: as long
//! as nothing is known about it, after a third of its age; else when its own progress, or the jobs before it, say so.

use std::time::Duration;

use super::pace::Forecast;

/// The first wait: a job of a few rows may have ended by then.
const FIRST: Duration = Duration::from_millis(150);
/// The age of a job at the second question. From here on a third more each time makes eleven questions in 20 seconds.
const SECOND: Duration = Duration::from_millis(900);
/// Three requests a minute in the long run.
const LONGEST: Duration = Duration::from_secs(20);
/// The share of the age that a wait has at most. The end of a job is noticed late by at most as much.
const LARGEST_SHARE: u32 = 3;
/// The share of the age at the first question after a forecast was wrong. It doubles each time, so a job that is stuck
/// just before its end is asked no more often than any other.
const SMALLEST_SHARE: u32 = 24;
/// A forecast is asked about in its middle if it is wider than this share of its end.
const NARROW_SHARE: u32 = 20;

/// When to ask for the status of one job.
pub(crate) struct PollSchedule {
    rows: u64,
    forecast: Option<Forecast>,
    is_halved: bool,
    first_count: Option<FirstCount>,
    /// How often the job went on although it was expected to have ended.
    misses: u32,
    /// The age at which the speed of the job says that it ends.
    expected_end: Option<Duration>,
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
        Self { rows, forecast: None, is_halved: false, first_count: None, misses: 0, expected_end: None }
    }

    /// The jobs before it say when the job ends.
    pub(super) fn expecting(self, forecast: Option<Forecast>) -> Self {
        Self { forecast, ..self }
    }

    /// The next wait. `elapsed` is the time since the close, `processed` the newest number of processed rows.
    pub(crate) fn next_wait(&mut self, elapsed: Duration, processed: Option<u64>) -> Duration {
        let left = processed.and_then(|processed| self.time_left(elapsed, processed));
        let wait = self.until_forecast(elapsed).unwrap_or_else(|| self.after_forecast(elapsed, left));
        wait.clamp(FIRST, LONGEST)
    }

    /// The wait until the middle of the forecast, once, and then until its end.
    fn until_forecast(&mut self, elapsed: Duration) -> Option<Duration> {
        let Forecast { earliest, latest } = self.forecast.filter(|forecast| elapsed < forecast.latest)?;
        let middle = (earliest + latest) / 2;
        if !self.is_halved && elapsed < middle && latest - earliest > latest / NARROW_SHARE {
            // A wait that is cut to the longest one does not reach it.
            self.is_halved = middle - elapsed <= LONGEST;
            return Some(middle - elapsed);
        }
        Some(latest - elapsed)
    }

    fn after_forecast(&mut self, elapsed: Duration, left: Option<Duration>) -> Duration {
        let is_known = self.forecast.is_some() || left.is_some();
        if self.expected_end.take().is_some_and(|end| elapsed >= end) {
            self.misses += 1;
        }
        let until_second = if elapsed < FIRST { FIRST } else { SECOND.saturating_sub(elapsed) };
        let longest = (elapsed / LARGEST_SHARE).max(until_second);
        if !is_known {
            return longest;
        }
        let shortest = elapsed.saturating_mul(1 << self.misses.min(5)) / SMALLEST_SHARE;
        let wait = left.unwrap_or_default().max(shortest).min(longest);
        if wait < longest {
            self.expected_end = Some(elapsed + wait);
        }
        wait
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
    use super::super::pace::Pace;
    use super::*;

    const ROWS: u64 = 100_000;

    /// Asks for a job that takes `lasts` and counts as `processed` says. Returns the number of questions, and the age at
    /// the last one.
    fn watch(pace: &mut Pace, lasts: Duration, processed: impl Fn(Duration) -> Option<u64>) -> (u32, Duration) {
        let mut schedule = PollSchedule::new(ROWS).expecting(pace.forecast(ROWS));
        let (mut now, mut before, mut questions, mut count) = (Duration::ZERO, None, 0, None);
        loop {
            now += schedule.next_wait(now, count);
            questions += 1;
            if now >= lasts {
                pace.ended(ROWS, before, now);
                return (questions, now);
            }
            before = Some(now);
            count = processed(now);
        }
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn the_first_job_is_noticed_within_a_third_with_few_questions() {
        for (lasts, most) in [(0.1, 1), (0.9, 2), (5.0, 8), (20.0, 13), (60.0, 17), (600.0, 45), (36_000.0, 1_820)] {
            let steady = |now: Duration| Some((ROWS as f64 * now.as_secs_f64() / lasts).min(ROWS as f64) as u64);
            let stepping = |now: Duration| steady(now).map(|rows| rows - rows % 20_000);
            let stuck = |now: Duration| steady(now).map(|rows| rows.min(ROWS - 10));
            let shapes: [&dyn Fn(Duration) -> Option<u64>; 4] = [&|_| None, &steady, &stepping, &stuck];
            for (shape, processed) in shapes.into_iter().enumerate() {
                let (questions, noticed) = watch(&mut Pace::default(), seconds(lasts), processed);
                let late = noticed - seconds(lasts);
                assert!(late <= seconds(lasts / 3.0).max(SECOND), "{lasts} s, {shape}: {late:?} late");
                // Counts let it ask again shortly after the expected end.
                let more = if shape == 0 { 0 } else { 4 };
                assert!(questions <= most + more, "{lasts} s, {shape}: {questions} questions");
            }
        }
    }

    #[test]
    fn a_job_that_is_stuck_before_its_end_is_asked_ever_more_rarely() {
        let mut schedule = PollSchedule::new(ROWS);
        schedule.next_wait(seconds(1.0), Some(0));
        let (mut now, mut questions) = (seconds(6.0), 0);
        while now < seconds(60.0) {
            now += schedule.next_wait(now, Some(ROWS - 1));
            questions += 1;
        }
        assert!(questions <= 12, "{questions}");
    }

    #[test]
    fn jobs_of_one_kind_are_noticed_soon_with_two_questions_each() {
        for lasts in [1.0, 5.0, 5.9, 6.7, 19.0] {
            let mut pace = Pace::default();
            let (mut questions, mut total) = (0, Duration::ZERO);
            for _ in 0..10 {
                let (asked, noticed) = watch(&mut pace, seconds(lasts), |_| None);
                questions += asked;
                total += noticed;
            }
            let over = total.as_secs_f64() / (10.0 * lasts) - 1.0;
            assert!(over <= 0.10, "{lasts} s: {over}");
            // The first job is asked as if nothing were known.
            assert!(questions <= 9 * 2 + 13, "{lasts} s: {questions}");
        }
    }

    #[test]
    fn jobs_of_changing_length_are_followed() {
        let mut pace = Pace::default();
        watch(&mut pace, seconds(5.0), |_| None);
        for lasts in [4.0, 6.0, 3.0, 9.0, 2.0, 30.0, 5.0] {
            for round in 0..6 {
                let (questions, noticed) = watch(&mut pace, seconds(lasts), |_| None);
                assert!(questions <= 15, "{lasts} s, {round}: {questions}");
                // A job that is faster than expected is noticed as late as it was expected.
                let late = (noticed - seconds(lasts)).as_secs_f64() / lasts;
                assert!(round < 5 || late <= 0.34, "{lasts} s: {late}");
            }
        }
    }

    #[test]
    fn a_wait_is_never_too_short_or_too_long() {
        let day = Duration::from_secs(24 * 60 * 60);
        let far = Some(Forecast { earliest: day, latest: 2 * day });
        for forecast in [None, far] {
            for (elapsed, processed) in
                [(Duration::ZERO, None), (Duration::ZERO, Some(5)), (day, None), (day, Some(0)), (day, Some(u64::MAX))]
            {
                let mut schedule = PollSchedule::new(10).expecting(forecast);
                for _ in 0..40 {
                    let wait = schedule.next_wait(elapsed, processed);
                    assert!((FIRST..=LONGEST).contains(&wait), "{elapsed:?} {processed:?}: {wait:?}");
                }
            }
        }
        assert_eq!(PollSchedule::new(10).next_wait(day, None), LONGEST);
    }

    #[test]
    fn a_job_is_asked_in_the_middle_of_a_wide_forecast_and_at_the_end_of_a_narrow_one() {
        for (earliest, elapsed, wait) in [
            (10.0, 0.0, 15.0),
            (10.0, 4.0, 11.0),
            (10.0, 15.0, 5.0),
            (18.9, 0.0, 19.45),
            (18.9, 9.0, 10.45),
            (19.1, 0.0, 20.0),
            (19.1, 9.0, 11.0),
        ] {
            let forecast = Forecast { earliest: seconds(earliest), latest: seconds(20.0) };
            let mut schedule = PollSchedule::new(ROWS).expecting(Some(forecast));
            assert_eq!(schedule.next_wait(seconds(elapsed), None), seconds(wait), "{earliest} {elapsed}");
        }
    }

    /// A question may come later than the schedule says, and sooner.
    #[test]
    fn the_middle_of_a_long_forecast_is_asked_about_once() {
        let forecast = Forecast { earliest: seconds(30.0), latest: seconds(90.0) };
        let mut schedule = PollSchedule::new(ROWS).expecting(Some(forecast));
        for (elapsed, wait) in [(0.0, 20.0), (45.0, 15.0), (50.0, 20.0), (80.0, 10.0)] {
            assert_eq!(schedule.next_wait(seconds(elapsed), None), seconds(wait), "{elapsed}");
        }
    }

    #[test]
    fn the_counts_of_a_job_say_when_it_is_asked() {
        let mut schedule = PollSchedule::new(100);
        schedule.next_wait(seconds(20.0), Some(40));
        // The rest takes thirty seconds, which is more than a third of the age.
        assert_eq!(schedule.next_wait(seconds(50.0), Some(70)), seconds(50.0) / 3);
        let mut schedule = PollSchedule::new(100);
        schedule.next_wait(seconds(20.0), Some(40));
        assert_eq!(schedule.next_wait(seconds(40.0), Some(90)), seconds(4.0));
    }

    #[test]
    fn counts_that_fall_give_no_speed() {
        let mut schedule = PollSchedule::new(100);
        schedule.next_wait(Duration::from_secs(10), Some(50));
        assert_eq!(schedule.next_wait(Duration::from_secs(48), Some(40)), Duration::from_secs(16));
    }
}
