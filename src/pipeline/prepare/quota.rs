//! What the sync may use up of the org's allowances, which it shares with every other program of the org.

use crate::user_error::IntoUserError;
use tokio::sync::watch;

use airbyte::{Error, Result};
use salesforce::{ApiUsage, Org};

/// Requests that are kept back when the sync stops at its share: jobs that run are watched to their end, and their
/// results are read. Twenty-five jobs at once, each looked at twice and with its results read once, make 75.
const KEPT_BACK: u64 = 75;

/// The share of the org's daily API requests that may be used up, by whomever.
#[derive(Debug)]
pub(in crate::pipeline) struct Quota {
    most_percent: f64,
    usage: watch::Receiver<Option<ApiUsage>>,
}

impl Quota {
    /// Looks at the allowances before the first record is sent, and watches the requests from now on where the user
    /// has set a share.
    ///
    /// # Errors
    /// `transient_error`s: there is no bulk batch left, or the share is used up already.
    pub(in crate::pipeline) async fn open(org: &Org, most_percent: Option<f64>) -> Result<Option<Self>> {
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
            // A user without "View Setup and Configuration" can load all the same.
            Err(fault) if !fault.is_transient() && fault.status() == Some(403) => {
                tracing::info!("the org does not tell this user its limits");
            }
            Err(fault) => return Err(fault.into_error("asking for the org's limits")),
        }
        let Some(most_percent) = most_percent else { return Ok(None) };
        let quota = Self { most_percent, usage: org.watch_api_usage() };
        match org.api_usage().and_then(|usage| quota.reached(usage)) {
            Some(error) => Err(error),
            None => Ok(Some(quota)),
        }
    }

    /// Waits until the share is reached.
    pub(in crate::pipeline) async fn reach(&mut self) -> Error {
        loop {
            let usage = *self.usage.borrow_and_update();
            if let Some(error) = usage.and_then(|usage| self.reached(usage)) {
                return error;
            }
            if self.usage.changed().await.is_err() {
                // Nobody makes requests any more.
                std::future::pending::<()>().await;
            }
        }
    }

    fn reached(&self, usage: ApiUsage) -> Option<Error> {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let most = (usage.max as f64 * self.most_percent / 100.0) as u64;
        (usage.used + KEPT_BACK.min(most / 2) >= most).then(|| {
            Error::transient(format!(
                "The org has used {} of its {} API requests of the last 24 hours, and `max_api_usage_percent` leaves \
                 this sync {}. Nothing more is sent; what was acknowledged is in Salesforce. Run the sync again later, \
                 or raise the share.",
                usage.used,
                usage.max,
                format_args!("no more than {most}"),
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sync_stops_before_the_share_is_passed() {
        for (percent, used, max, expected) in [
            (50.0, 0, 1_000, false),
            (50.0, 424, 1_000, false),
            (50.0, 425, 1_000, true),
            (50.0, 900, 1_000, true),
            (100.0, 924, 1_000, false),
            (100.0, 925, 1_000, true),
            (1.0, 4, 1_000, false),
            (1.0, 5, 1_000, true),
        ] {
            let quota = Quota { most_percent: percent, usage: watch::channel(None).1 };
            assert_eq!(quota.reached(ApiUsage { used, max }).is_some(), expected, "{percent} {used}");
        }
    }
}
