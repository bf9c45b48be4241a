//! Reads all records of one query, with proof.

use airbyte::{Error, Result};
use salesforce::Org;

use super::follower::Follower;
use super::pages::{self, Failure, Opened};
use super::proof;
use super::remedy::Remedy;
use crate::plan::StreamPlan;
use crate::state::ReadingState;

/// How often a stream begins within a run, if its job is gone or has failed before a record of it is written.
const BEGINNINGS: u32 = 3;

/// Why a query is not read to its end.
pub(super) struct Unread {
    pub(super) error: Error,
    /// The query that may do better.
    pub(super) remedy: Option<Remedy>,
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self { error, remedy: None }
    }
}

/// Reads all records of a query, from its start or from a place on, and begins again where that may help. Returns their
/// number.
///
/// # Errors
/// The query is not read whole, or it is not proven that it is.
pub(crate) async fn read_query<F: Follower>(
    org: &Org,
    plan: &StreamPlan,
    follower: &mut F,
    from: Option<ReadingState>,
) -> Result<u64> {
    try_query(org, plan, follower, from).await.map_err(|unread| unread.error)
}

/// The same, with the query that may do better.
pub(super) async fn try_query<F: Follower>(
    org: &Org,
    plan: &StreamPlan,
    follower: &mut F,
    mut from: Option<ReadingState>,
) -> Result<u64, Unread> {
    let mut beginning = 0;
    loop {
        beginning += 1;
        let failure = match read_once(org, plan, follower, from.take()).await {
            Ok(rows) => return Ok(rows),
            Err(failure) => failure,
        };
        let (remedy, failure) = failure.split();
        if remedy.is_some_and(|remedy| follower.takes(remedy)) {
            return Err(Unread { error: failure.into_error(), remedy });
        }
        match failure {
            // This run has written nothing of it. What an earlier attempt wrote is repeated rather than lost.
            Failure::Dead { begins_again: true, error } if follower.can_begin_again() && beginning < BEGINNINGS => {
                tracing::warn!("{} is read again from its start: {}", plan.stream, error.message());
                follower.begins_again()?;
            }
            Failure::Alive(error) => return Err(Unread { error, remedy }),
            dead => {
                follower.begins_again()?;
                return Err(Unread { error: dead.into_error(), remedy });
            }
        }
    }
}

/// Reads a query from its start or from a place on. Returns the number of its records.
async fn read_once<F: Follower>(
    org: &Org,
    plan: &StreamPlan,
    follower: &mut F,
    from: Option<ReadingState>,
) -> Result<u64, Failure> {
    let mut is_resumed = from.is_some();
    let mut rows = from.as_ref().map_or(0, |from| from.rows);
    let Opened { mut pages, mut reading } = pages::open(org, plan, follower, from).await?;
    if reading.locator.is_none() {
        reading.count = proof::settle_count(org, plan, reading.count, &mut pages).await?;
    }
    while let Some(mut page) = pages.next().await.map_err(|fault| pages::failure(&fault, plan, is_resumed))? {
        is_resumed = false;
        rows += page.rows();
        let point = page.point().cloned();
        follower.take(&mut page).await?;
        if let Some(point) = point {
            (reading.locator, reading.rows) = (Some(point.locator), point.rows);
            follower.reaches(&reading)?;
        }
    }
    proof::check_missing(org, plan, pages.missing(), rows).await?;
    proof::check_count(org, plan, reading.count, rows).await?;
    Ok(rows)
}
