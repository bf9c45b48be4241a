//! The allowances of the org, and the share of its API requests that a sync may leave used.

mod claim;

use std::sync::Arc;
use std::time::Duration;

use crate::user_error::IntoUserError;
use tokio::sync::watch;
use tokio::time::timeout;

use airbyte::{Error, Result};
use salesforce::{ApiUsage, FaultKind, Limits, Org};

pub(crate) use claim::Claim;
use claim::{Claims, REQUESTS_OF_A_JOB};

/// How long claims must stay the same before the share counts as reached.
const SETTLING: Duration = Duration::from_secs(1);

/// Keeps a sync within its share of the org's daily API requests, no matter which program makes the others. What open
/// and running jobs still ask for counts as used, so no job is opened whose requests do not fit.
#[derive(Debug)]
pub(crate) struct Quota {
    max_percent: f64,
    usage: watch::Receiver<Option<ApiUsage>>,
    claims: watch::Sender<Claims>,
}

impl Quota {
    /// Checks the allowances before the first record is sent, and returns them. If the user has set a share, watches the
    /// API requests from then on.
    ///
    /// # Errors
    /// A `transient_error` if no bulk batch is left, or if the share is already used.
    pub(crate) async fn check(org: &Org, max_percent: Option<f64>) -> Result<(Limits, Option<Arc<Self>>)> {
        let limits = match org.limits().await {
            Ok(limits) => {
                let left = |allowance: Option<salesforce::Allowance>| allowance.map(|it| it.remaining);
                tracing::info!(
                    api_requests = left(limits.daily_api_requests),
                    bulk_batches = left(limits.daily_bulk_batches),
                    "allowances left for today"
                );
                if left(limits.daily_bulk_batches) == Some(0) {
                    return Err(Error::transient(
                        "The org has no bulk batch left for today, so no job would be processed. The limit counts the \
                         last 24 hours; run the sync again when the first batches of that time are a day old.",
                    ));
                }
                limits
            }
            // A user without "View Setup and Configuration" may still load records.
            Err(fault) if fault.kind() == FaultKind::Permission => {
                tracing::info!("the user is not allowed to see the limits of the org");
                Limits::default()
            }
            Err(fault) => return Err(fault.into_error("asking for the org's limits")),
        };
        let Some(max_percent) = max_percent else { return Ok((limits, None)) };
        let quota = Self::new(max_percent, org.watch_api_usage());
        match org.api_usage() {
            Some(usage) if !quota.fits() => Err(quota.error(usage)),
            _ => Ok((limits, Some(Arc::new(quota)))),
        }
    }

    pub(crate) fn new(max_percent: f64, usage: watch::Receiver<Option<ApiUsage>>) -> Self {
        Self { max_percent, usage, claims: watch::Sender::default() }
    }

    /// Waits until a batch needs a job that does not fit, and no job runs whose end would make room.
    pub(crate) async fn reached(&self) -> Error {
        let (mut usage, mut claims) = (self.usage.clone(), self.claims.subscribe());
        loop {
            let newest = *usage.borrow_and_update();
            let is_stuck = claims.borrow_and_update().is_stuck();
            match newest.filter(|_| is_stuck && !self.fits()) {
                None => changed(&mut usage, &mut claims).await,
                // A job whose turn has just come still counts as one that waits for it.
                Some(newest) => match timeout(SETTLING, changed(&mut usage, &mut claims)).await {
                    Ok(()) => {}
                    Err(_) => return self.error(newest),
                },
            }
        }
    }

    /// Whether the requests of one more job fit within the share.
    fn fits(&self) -> bool {
        self.free(&self.claims.borrow()).is_none_or(|free| free >= REQUESTS_OF_A_JOB)
    }

    /// The requests of the share that are neither made nor claimed. `None` while the org has not counted.
    fn free(&self, claims: &Claims) -> Option<u64> {
        let usage = (*self.usage.borrow())?;
        Some(self.share(usage).saturating_sub(usage.used).saturating_sub(claims.requests))
    }

    /// The requests of the org that are the share.
    fn share(&self, usage: ApiUsage) -> u64 {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (usage.max as f64 * self.max_percent / 100.0) as u64;
        share
    }

    fn error(&self, usage: ApiUsage) -> Error {
        let set_aside = match self.claims.borrow().requests {
            0 => String::new(),
            requests => format!(" {requests} are set aside for jobs of this sync that are open or run."),
        };
        Error::transient(format!(
            "The org has used {} of its {} API requests of the last 24 hours, and `max_api_usage_percent` leaves this \
             sync no more than {}.{set_aside} A job needs {REQUESTS_OF_A_JOB}. Nothing more is sent; what was acknowledged is in Salesforce. Run the sync again \
             later, or raise the share.",
            usage.used,
            usage.max,
            self.share(usage),
        ))
    }
}

/// Waits until the org has counted again or a claim has changed.
async fn changed(usage: &mut watch::Receiver<Option<ApiUsage>>, claims: &mut watch::Receiver<Claims>) {
    tokio::select! {
        Ok(()) = usage.changed() => {}
        Ok(()) = claims.changed() => {}
        // No request follows.
        else => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_fits_when_all_its_requests_do() {
        for (percent, used, max, expected) in [
            (50.0, 0, 1_000, true),
            (50.0, 500 - REQUESTS_OF_A_JOB, 1_000, true),
            (50.0, 501 - REQUESTS_OF_A_JOB, 1_000, false),
            (50.0, 900, 1_000, false),
            (100.0, 1_000 - REQUESTS_OF_A_JOB, 1_000, true),
            (100.0, 1_000, 1_000, false),
            (1.0, 0, 1_000, false),
            // The org counts, so any number can come.
            (50.0, u64::MAX, 1_000, false),
            (50.0, u64::MAX, u64::MAX, false),
            (50.0, 0, u64::MAX, true),
        ] {
            let quota = Quota::new(percent, watch::channel(Some(ApiUsage { used, max })).1);
            assert_eq!(quota.fits(), expected, "{percent} {used}");
        }
        assert!(Quota::new(1.0, watch::channel(None).1).fits(), "the org has not counted");
    }

    #[test]
    fn a_job_needs_thirty_requests() {
        assert_eq!(REQUESTS_OF_A_JOB, 30);
        let quota = Quota::new(100.0, watch::channel(Some(ApiUsage { used: 10, max: 40 })).1);
        assert!(quota.fits());
        quota.claims.send_modify(|claims| claims.requests += 1);
        assert!(!quota.fits(), "what is claimed counts as used");
    }
}
