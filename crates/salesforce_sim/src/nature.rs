//! What an org does all the time that a loader may not expect.

use std::time::Duration;

/// The time between two answers that a slow org gives late, counted in answers.
const ANSWERS_PER_SLOW_ONE: usize = 10;

/// How late a slow answer is.
const SLOW: Duration = Duration::from_millis(50);

/// What an org does all the time, without a fault: what Salesforce's documents allow, what other loaders report, or
/// what nobody rules out. The README names the source of each, and marks the guesses. The lags are counted in requests,
/// so that a test does not wait for them.
///
/// ```
/// use salesforce_sim::{Nature, Settings};
///
/// let harsh = Settings { nature: Nature::harsh(), ..Settings::default() };
/// let pages_only = Settings { nature: Nature { pages_results: true, ..Nature::kind() }, ..Settings::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nature {
    /// Result sets have empty cells in every column whose name is not spelt as the org spells it.
    pub blanks_echoes: bool,
    /// Result sets have their columns in another order and their names in capitals.
    pub respells_results: bool,
    /// A result set of several rows has two pages.
    pub pages_results: bool,
    /// Queries return records in no useful order, and each reading of a page of a query job has its own.
    pub mixes_records: bool,
    /// How many readings of each page of the results of a query job break off.
    pub cuts_query_pages: usize,
    /// The results of query jobs are packed with GZIP for a client that takes it.
    pub compresses_results: bool,
    /// How many requests for a result set of a job that has ended get something else: an error, nothing, or a page.
    pub results_lag: usize,
    /// How many requests for the status of a job that has ended still show it in progress.
    pub status_lag: usize,
    /// How many requests for the status of a job that has ended show its end, but none of its rows.
    pub counts_lag: usize,
    /// How many chunks of 200 rows are saved after a job has failed or is aborted.
    pub saves_late: usize,
    /// A lost session is reported in several forms: with the status 401, 403 or 400.
    pub varies_lost_sessions: bool,
    /// Every tenth answer is late by 50 ms.
    pub slows_answers: bool,
}

impl Nature {
    /// An org that does nothing unexpected.
    pub fn kind() -> Self {
        Self::default()
    }

    /// An org that does all of it, but for counts that lag: a loader waits for minutes until they stand still.
    pub fn harsh() -> Self {
        Self {
            blanks_echoes: true,
            respells_results: true,
            pages_results: true,
            mixes_records: true,
            cuts_query_pages: 1,
            compresses_results: true,
            results_lag: 1,
            status_lag: 1,
            counts_lag: 0,
            saves_late: 1,
            varies_lost_sessions: true,
            slows_answers: true,
        }
    }

    /// How late the n-th answer of the org is.
    pub(crate) fn lateness(self, number: usize) -> Option<Duration> {
        let is_slow = self.slows_answers && number % ANSWERS_PER_SLOW_ONE == ANSWERS_PER_SLOW_ONE - 1;
        is_slow.then_some(SLOW)
    }
}
