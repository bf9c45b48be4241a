//! How many rejected records a sync may have.

use airbyte::{Error, Result};

/// A share says little about fewer records, while more follow.
const FEWEST_FOR_SHARE: u64 = 1_000;

/// More rejected records than these end the sync.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::pipeline) struct RejectionLimits {
    pub(in crate::pipeline) records: Option<u64>,
    /// The share of the records that are settled.
    pub(in crate::pipeline) percent: Option<f64>,
    /// Whether the records are the rows of a file that a person loads.
    pub(in crate::pipeline) is_for_file: bool,
}

/// Records that are settled, and those of them that are rejected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub(super) all: u64,
    pub(super) rejected: u64,
}

impl RejectionLimits {
    /// Checks the limits while more records follow.
    ///
    /// # Errors
    /// Too many records are rejected.
    pub(super) fn check(self, judged: Judged) -> Result<()> {
        self.check_count(judged)?;
        if judged.all < FEWEST_FOR_SHARE { Ok(()) } else { self.check_share(judged) }
    }

    /// Checks the limits at the end, when the share of any number of records counts.
    ///
    /// # Errors
    /// Too many records are rejected.
    pub(super) fn check_all(self, judged: Judged) -> Result<()> {
        self.check_count(judged)?;
        self.check_share(judged)
    }

    fn check_count(self, Judged { rejected, .. }: Judged) -> Result<()> {
        let Some(max) = self.records.filter(|max| rejected > *max) else { return Ok(()) };
        Err(Error::config(format!(
            "The number of rejected records is {rejected}, and `max_rejected_records` allows {max}. {}",
            self.advice()
        )))
    }

    fn check_share(self, Judged { all, rejected }: Judged) -> Result<()> {
        // Exact up to nine thousand million million records.
        #[expect(clippy::cast_precision_loss)]
        let (count, share) = (rejected as f64, |percent: f64| percent / 100.0 * all as f64);
        let Some(max) = self.percent.filter(|percent| count > share(*percent)) else { return Ok(()) };
        Err(Error::config(format!(
            "The number of rejected records is {rejected} of {all}, and `max_rejected_percent` allows {max} %. {}",
            self.advice()
        )))
    }

    fn advice(self) -> &'static str {
        match self.is_for_file {
            true => {
                "The error file has them with the reasons. The limit counts the rows of one run: if the rest of the file \
                 is as bad, repair it or raise the limit first."
            }
            false => {
                "The log says why, and the records are in the bucket, if one is configured. Fix the records or raise the \
                 limit, and run the sync again."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<()>) -> Option<String> {
        result.err().map(|error| error.message().to_owned())
    }

    #[test]
    fn a_share_counts_from_a_thousand_records_on_and_at_the_end() {
        // The limit of the number is not reached.
        let limits = |percent, records| RejectionLimits { percent: Some(percent), records, is_for_file: false };
        for (percent, all, rejected, on_the_way, at_the_end) in [
            (10.0, 999, 999, false, true),
            (10.0, 1_000, 100, false, false),
            (10.0, 1_000, 101, true, true),
            (0.0, 1_000, 0, false, false),
            (0.0, 5_000, 1, true, true),
            (0.0, 1, 1, false, true),
            (0.5, 1_000, 5, false, false),
            (0.5, 1_000, 6, true, true),
            (100.0, 2_000, 2_000, false, false),
            (50.0, 0, 0, false, false),
        ] {
            let judged = Judged { all, rejected };
            for limits in [None, Some(5_000)].map(|records| limits(percent, records)) {
                assert_eq!(limits.check(judged).is_err(), on_the_way, "{limits:?} {judged:?}");
                assert_eq!(limits.check_all(judged).is_err(), at_the_end, "{limits:?} {judged:?}");
            }
        }
    }

    #[test]
    fn the_error_names_the_limit_and_what_there_was() {
        let limits = RejectionLimits { records: Some(150), percent: Some(12.5), is_for_file: false };
        let few = message(limits.check(Judged { all: 1_000, rejected: 126 })).unwrap();
        assert!(
            few.starts_with("The number of rejected records is 126 of 1000, and `max_rejected_percent` allows 12.5 %."),
            "{few}"
        );
        let many = message(limits.check(Judged { all: 200, rejected: 151 })).unwrap();
        assert!(
            many.starts_with("The number of rejected records is 151, and `max_rejected_records` allows 150."),
            "{many}"
        );
        assert_eq!(message(RejectionLimits::default().check_all(Judged { all: 5_000, rejected: 5_000 })), None);
    }

    #[test]
    fn a_number_of_rejected_records_is_allowed_to_its_last_one() {
        for (max, rejected, is_too_many) in
            [(0, 0, false), (0, 1, true), (5, 5, false), (5, 6, true), (1_000, 1_000, false), (1_000, 1_001, true)]
        {
            let (limits, judged) = (
                RejectionLimits { records: Some(max), ..RejectionLimits::default() },
                Judged { all: rejected, rejected },
            );
            assert_eq!(limits.check(judged).is_err(), is_too_many, "{max} {rejected}");
            assert_eq!(limits.check_all(judged).is_err(), is_too_many, "{max} {rejected}");
        }
    }
}
