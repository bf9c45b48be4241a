//! The allowances of the org, and the share of its API requests that a sync may leave used.

use crate::user_error::IntoUserError;
use tokio::sync::watch;

use airbyte::{Error, Result};
use salesforce::{ApiUsage, FaultKind, Org};

/// Requests that are left when the sync stops at its share, to watch running jobs to their end and read their results.
/// Twenty-five jobs at once, each polled twice and with its results read once, need 75. It is a margin, no guarantee: a
/// long job is polled more often, and a small share reserves less.
const RESERVED_REQUESTS: u64 = 75;

/// Stops a sync when the org has used a share of its daily API requests, no matter which program made them.
#[derive(Debug)]
pub(crate) struct Quota {
    max_percent: f64,
    usage: watch::Receiver<Option<ApiUsage>>,
}

impl Quota {
    /// Checks the allowances before the first record is sent. If the user has set a share, watches the API requests
    /// from then on.
    ///
    /// # Errors
    /// A `transient_error` if no bulk batch is left, or if the share is already used.
    pub(crate) async fn check(org: &Org, max_percent: Option<f64>) -> Result<Option<Self>> {
        match org.limits().await {
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
            }
            // A user without "View Setup and Configuration" may still load records.
            Err(fault) if fault.kind() == FaultKind::Permission => {
                tracing::info!("this user may not see the limits of the org");
            }
            Err(fault) => return Err(fault.into_error("asking for the org's limits")),
        }
        let Some(max_percent) = max_percent else { return Ok(None) };
        let quota = Self { max_percent, usage: org.watch_api_usage() };
        match org.api_usage().and_then(|usage| quota.check_usage(usage)) {
            Some(error) => Err(error),
            None => Ok(Some(quota)),
        }
    }

    /// Waits until the share is used.
    pub(crate) async fn reached(&mut self) -> Error {
        loop {
            let usage = *self.usage.borrow_and_update();
            if let Some(error) = usage.and_then(|usage| self.check_usage(usage)) {
                return error;
            }
            if self.usage.changed().await.is_err() {
                // No request follows.
                std::future::pending::<()>().await;
            }
        }
    }

    fn check_usage(&self, usage: ApiUsage) -> Option<Error> {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let max_requests = (usage.max as f64 * self.max_percent / 100.0) as u64;
        (usage.used.saturating_add(RESERVED_REQUESTS.min(max_requests / 2)) >= max_requests).then(|| {
            Error::transient(format!(
                "The org has used {} of its {} API requests of the last 24 hours, and `max_api_usage_percent` leaves \
                 this sync no more than {max_requests}. Nothing more is sent; what was acknowledged is in Salesforce. Run \
                 the sync again later, or raise the share.",
                usage.used,
                usage.max,
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sync_stops_before_it_exceeds_the_share() {
        for (percent, used, max, expected) in [
            (50.0, 0, 1_000, false),
            (50.0, 424, 1_000, false),
            (50.0, 425, 1_000, true),
            (50.0, 900, 1_000, true),
            (100.0, 924, 1_000, false),
            (100.0, 925, 1_000, true),
            (1.0, 4, 1_000, false),
            (1.0, 5, 1_000, true),
            // The org counts, so any number can come.
            (50.0, u64::MAX, 1_000, true),
            (50.0, u64::MAX, u64::MAX, true),
            (50.0, 0, u64::MAX, false),
        ] {
            let quota = Quota { max_percent: percent, usage: watch::channel(None).1 };
            assert_eq!(quota.check_usage(ApiUsage { used, max }).is_some(), expected, "{percent} {used}");
        }
    }
}
