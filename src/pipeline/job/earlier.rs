//! Jobs that an earlier attempt left running: the first job of an object waits for them, so that an older value does
//! not replace a newer one.

use std::collections::HashSet;

use tokio::sync::Mutex;

use crate::pipeline::prepare::Claim;
use crate::user_error::IntoUserError;
use airbyte::Result;
use salesforce::{Operation, Org, UnfinishedJobs};

/// How many pages of the org's list of jobs are read, with a thousand jobs each. The list has the jobs of seven days.
const MAX_PAGES: usize = 10;

/// The jobs that ran before the first job of this sync was closed.
pub(super) struct EarlierJobs {
    org: Org,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    /// Read once, for all objects: jobs that begin later are not of an earlier attempt.
    list: Option<UnfinishedJobs>,
    /// The objects whose earlier jobs have ended, in lower case.
    ended: HashSet<String>,
}

impl EarlierJobs {
    pub(super) fn new(org: Org) -> Self {
        Self { org, found: Mutex::default() }
    }

    /// The jobs that may still change records of `object`. `own` is a job of this sync that is not closed.
    ///
    /// # Errors
    /// The list of jobs cannot be read.
    pub(super) async fn of_object(&self, object: &str, own: &str, claim: &Claim) -> Result<Vec<String>> {
        let mut found = self.found.lock().await;
        if found.ended.contains(&object.to_ascii_lowercase()) {
            return Ok(Vec::new());
        }
        let list = match &found.list {
            Some(list) => list,
            None => {
                let list = self.list(own, claim).await?;
                found.list.insert(list)
            }
        };
        let of_object = list.jobs.iter().filter(|job| job.object.eq_ignore_ascii_case(object));
        let ordered = of_object.filter(|job| job.operation != Operation::Insert.api_name());
        Ok(ordered.map(|job| job.id.clone()).collect())
    }

    /// Waits until all these jobs of `object` have ended. `claim` is that of the own job, which is idle.
    ///
    /// # Errors
    /// The status of one cannot be read, or it runs for more than a day.
    pub(super) async fn wait(&self, object: &str, jobs: &[String], claim: &Claim) -> Result<()> {
        for job in jobs {
            let watcher = claim.of_earlier_job().await;
            let log = || tracing::info!(job, object, "a job that an earlier sync left is waited for: order matters");
            self.org
                .earlier_job(job, &watcher, log)
                .await
                .map_err(|fault| fault.into_error(&format!("waiting for job {job} of {object}")))?;
        }
        self.found.lock().await.ended.insert(object.to_ascii_lowercase());
        Ok(())
    }

    async fn list(&self, own: &str, claim: &Claim) -> Result<UnfinishedJobs> {
        let doing = "looking for jobs that an earlier sync left running";
        let list = self.org.unfinished_jobs(own, MAX_PAGES, claim).await.map_err(|fault| fault.into_error(doing))?;
        if list.is_cut {
            tracing::warn!(
                pages = MAX_PAGES,
                "the org's list of jobs is longer than what is read of it: a job of an earlier sync may still run"
            );
        }
        Ok(list)
    }
}
