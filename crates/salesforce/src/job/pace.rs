//! How long jobs of one object and operation take, by the jobs before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::JobSpec;
use crate::Operation;

/// When a job is expected to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forecast {
    /// The age up to which it probably runs.
    pub(super) earliest: Duration,
    /// The age at which it has probably ended.
    pub(super) latest: Duration,
}

/// How long the last job took.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<(u64, Forecast)>,
}

impl Pace {
    /// When a job of `rows` rows ends. A part of the time is the same for jobs of any size and nobody knows which, so a
    /// job of another size has a wider forecast.
    pub(super) fn forecast(&self, rows: u64) -> Option<Forecast> {
        let (last_rows, Forecast { earliest, latest }) = self.last?;
        let ratio = rows.max(1) as f64 / last_rows.max(1) as f64;
        let scaled = |time: Duration| Duration::try_from_secs_f64(time.as_secs_f64() * ratio).unwrap_or(Duration::MAX);
        Some(if ratio < 1.0 {
            Forecast { earliest: scaled(earliest), latest }
        } else {
            Forecast { earliest, latest: scaled(latest) }
        })
    }

    /// A job of `rows` rows has ended. It still ran at the age `ran`, if it was asked before, and had ended at `ended`.
    pub(super) fn ended(&mut self, rows: u64, ran: Option<Duration>, ended: Duration) {
        let earliest = ran.unwrap_or_else(|| {
            // It ended before the first question, perhaps long before. An earlier one the next time finds that out.
            self.forecast(rows).map_or(Duration::ZERO, |forecast| forecast.earliest / 2)
        });
        self.last = Some((rows, Forecast { earliest: earliest.min(ended), latest: ended }));
    }
}

/// The pace of one kind of job, which all jobs of the kind share.
pub(super) type SharedPace = Arc<Mutex<Pace>>;

/// The paces of all kinds of jobs of an org.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<HashMap<(String, Operation), SharedPace>>);

impl Paces {
    /// The pace of jobs like `spec`.
    pub(super) fn of(&self, spec: &JobSpec) -> SharedPace {
        let kind = (spec.object.to_ascii_lowercase(), spec.operation);
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(paces.entry(kind).or_default())
    }
}

/// Uses a pace.
pub(super) fn with<T>(pace: &SharedPace, use_it: impl FnOnce(&mut Pace) -> T) -> T {
    use_it(&mut pace.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(earliest: u64, latest: u64) -> Forecast {
        Forecast { earliest: Duration::from_secs(earliest), latest: Duration::from_secs(latest) }
    }

    #[test]
    fn a_job_of_another_size_has_a_wider_forecast() {
        let mut pace = Pace::default();
        assert_eq!(pace.forecast(100), None);
        pace.ended(100, Some(Duration::from_secs(8)), Duration::from_secs(10));
        assert_eq!(pace.forecast(100), Some(seconds(8, 10)));
        assert_eq!(pace.forecast(50), Some(seconds(4, 10)));
        assert_eq!(pace.forecast(300), Some(seconds(8, 30)));
        assert!(pace.forecast(0).is_some());
    }

    #[test]
    fn a_job_that_ended_before_the_first_question_is_expected_earlier_the_next_time() {
        let mut pace = Pace::default();
        pace.ended(100, Some(Duration::from_secs(20)), Duration::from_secs(30));
        pace.ended(100, None, Duration::from_secs(25));
        assert_eq!(pace.forecast(100), Some(seconds(10, 25)));
    }

    #[test]
    fn each_object_and_operation_has_a_pace_of_its_own() {
        let spec = |object: &str, operation| JobSpec {
            object: object.to_owned(),
            operation,
            external_id_field: None,
            assignment_rule_id: None,
        };
        let paces = Paces::default();
        let contacts = paces.of(&spec("Contact", Operation::Insert));
        assert!(Arc::ptr_eq(&contacts, &paces.of(&spec("contact", Operation::Insert))));
        assert!(!Arc::ptr_eq(&contacts, &paces.of(&spec("Contact", Operation::Update))));
        assert!(!Arc::ptr_eq(&contacts, &paces.of(&spec("Account", Operation::Insert))));
    }
}
