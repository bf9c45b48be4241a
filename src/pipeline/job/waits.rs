//! How long a batch waits: before rows are sent again, and before the results of its job are believed.

use std::time::Duration;

use retry::Policy;

/// The waits of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// Before rows are retried that failed for a transient reason or were left unprocessed. A lock is held as long as
    /// another transaction runs: seconds as a rule, and ten minutes at most. They grow faster than those of a policy,
    /// which double.
    pub(crate) rows: [Duration; 3],
    /// How long the counts of a job that ended early must stand still. "If the job associated with the batch is
    /// aborted, the batch is still processed to completion" (Bulk API guide, batch states). Salesforce gives an
    /// internal batch five minutes ("How Requests Are Processed"), so one that still runs is counted within them.
    pub(crate) standstill: Duration,
    /// Between two readings of the results of such a job. They are believed when both have the same counts.
    pub(crate) between_readings: Duration,
    /// Results that cannot be read or prove nothing yet. Nothing is sent again meanwhile, and a batch that is given up
    /// here may be written twice by the next sync, so they get the half hour that the status of a job gets.
    pub(crate) results: Policy,
    /// How long a job may wait for its turn: a job stays open for 24 hours (Limits Quick Reference, "Bulk API 2.0"), and
    /// closing it may take half an hour.
    pub(crate) open_job: Duration,
    /// How many times faster the waits between two questions for the status of a job pass. Only tests hurry, and less
    /// than elsewhere, because some count the questions.
    pub(crate) question_haste: u32,
}

impl Waits {
    /// The waits of a sync.
    pub(crate) fn of_sync() -> Self {
        let haste = connector::haste::test_haste();
        let seconds = |seconds| Duration::from_secs(seconds) / haste;
        Self {
            rows: [seconds(2), seconds(15), seconds(90)],
            standstill: seconds(5 * 60),
            between_readings: seconds(15),
            results: Policy {
                attempts: u32::MAX,
                first_wait: seconds(2),
                longest_wait: seconds(60),
                total: seconds(30 * 60),
                jitter: retry::random_jitter,
            },
            open_job: seconds(23 * 60 * 60),
            question_haste: haste.min(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retry::ReadingPatience;

    /// How many readings of this length there are, and how long they and the waits take.
    fn readings(length: Duration) -> (u32, Duration) {
        let waits = Waits::of_sync();
        let mut patience = ReadingPatience::new(&waits.results);
        let (mut readings, mut elapsed) = (1, length);
        while let Some(wait) = patience.next_wait(length) {
            (readings, elapsed) = (readings + 1, elapsed + wait + length);
        }
        (readings, elapsed)
    }

    #[test]
    fn results_get_half_an_hour() {
        let (readings, elapsed) = readings(Duration::ZERO);
        let minutes = elapsed.as_secs() / 60;
        assert!((28..=30).contains(&minutes), "{minutes} minutes");
        assert!((30..80).contains(&readings), "{readings} readings");
    }

    #[test]
    fn a_slow_reading_does_not_use_up_the_half_hour() {
        let (readings, _) = readings(Duration::from_secs(40 * 60));
        assert!((15..40).contains(&readings), "{readings} readings");
    }

    #[test]
    fn a_batch_waits_as_long_as_the_pages_say() {
        let seconds = Duration::from_secs;
        let waits = Waits::of_sync();
        assert_eq!(waits.rows, [seconds(2), seconds(15), seconds(90)]);
        assert_eq!((waits.standstill, waits.between_readings), (seconds(300), seconds(15)));
        assert_eq!((waits.results.total, waits.results.attempts), (seconds(30 * 60), u32::MAX));
        assert_eq!((waits.open_job, waits.question_haste), (seconds(23 * 60 * 60), 1));
    }
}
