//! What follows the reading of a query.

use airbyte::Result;
use salesforce::{JobWatcher, QueryPage};

use super::remedy::Remedy;
use crate::state::ReadingState;

/// Takes the pages of a query, and knows what they are for.
pub(crate) trait Follower {
    /// The stream has begun to be read.
    ///
    /// # Errors
    /// Nobody reads what is written.
    fn runs(&mut self) -> Result<()>;

    /// Reading can go on from this place in another run.
    ///
    /// # Errors
    /// Nobody reads what is written.
    fn reaches(&mut self, place: &ReadingState) -> Result<()>;

    /// Whether the query can be read again from its start in this run, without a record twice.
    fn can_begin_again(&self) -> bool;

    /// What was read so far does not count: the query is read again from its start, or not at all.
    ///
    /// # Errors
    /// Nobody reads what is written.
    fn begins_again(&mut self) -> Result<()>;

    /// Whether another query can take the place of one that fails.
    fn takes(&self, _remedy: Remedy) -> bool {
        false
    }

    /// Takes every record of a page, which is whole.
    ///
    /// # Errors
    /// The records have no place.
    async fn take(&mut self, page: &mut QueryPage) -> Result<()>;

    /// Sees the job of the query run.
    fn watcher(&self, place: &ReadingState) -> impl JobWatcher;
}
