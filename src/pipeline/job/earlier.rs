//! Jobs that an earlier attempt left running: the first job of an object waits for them, so that an older value does
//! not replace a newer one.

use std::collections::HashSet;

use tokio::sync::Mutex;

use crate::pipeline::prepare::Claim;
use crate::user_error::IntoUserError;
use airbyte::Result;
use salesforce::{FaultKind, Operation, Org, UnfinishedJobs};

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
    /// The same with the jobs of all users, for a search that comes before any own job.
    list_of_all_users: Option<UnfinishedJobs>,
    /// The objects whose earlier jobs have ended, in lower case, and whether inserts are among the jobs.
    ended: HashSet<(String, bool)>,
}

/// Which earlier jobs are meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which<'o> {
    pub(super) object: &'o str,
    /// Whether inserts are meant too: they may create what is looked for.
    pub(super) with_inserts: bool,
    /// A job of this sync that is not closed. Without it the user is unknown, and the jobs of all users count.
    pub(super) own: Option<&'o str>,
}

impl Which<'_> {
    fn key(self) -> (String, bool) {
        (self.object.to_ascii_lowercase(), self.with_inserts)
    }
}

impl EarlierJobs {
    pub(super) fn new(org: Org) -> Self {
        Self { org, found: Mutex::default() }
    }

    /// The jobs that may still change records of an object.
    ///
    /// # Errors
    /// The list of jobs cannot be read.
    pub(super) async fn of_object(&self, which: Which<'_>, claim: &Claim) -> Result<Vec<String>> {
        let mut found = self.found.lock().await;
        let (object, with_inserts) = which.key();
        // Where inserts have ended too, all have.
        if found.ended.contains(&(object.clone(), true)) || found.ended.contains(&(object, with_inserts)) {
            return Ok(Vec::new());
        }
        let list = match which.own {
            Some(_) => &mut found.list,
            None => &mut found.list_of_all_users,
        };
        let list = match list {
            Some(list) => list,
            none => none.insert(self.list(which.own.unwrap_or_default(), claim).await?),
        };
        let of_object = list.jobs.iter().filter(|job| job.object.eq_ignore_ascii_case(which.object));
        let meant = of_object.filter(|job| with_inserts || job.operation != Operation::Insert.api_name());
        Ok(meant.map(|job| job.id.clone()).collect())
    }

    /// Waits until all these jobs have ended. `claim` is that of the own job, which is idle.
    ///
    /// # Errors
    /// The status of one cannot be read, or it runs for more than a day.
    pub(super) async fn wait(&self, which: Which<'_>, jobs: &[String], claim: &Claim) -> Result<()> {
        let object = which.object;
        for job in jobs {
            let watcher = claim.of_earlier_job().await;
            let log = || {
                tracing::info!(
                    job,
                    object,
                    "waiting for a job of an earlier sync, so that records take \
                                                      effect in order"
                )
            };
            match self.org.earlier_job(job, &watcher, log).await {
                // It is none of an earlier attempt: the user may read the own jobs.
                Err(fault) if which.own.is_none() && fault.kind() == FaultKind::Permission => {
                    tracing::warn!(
                        job,
                        object,
                        "a job of another user cannot be read, so the sync does not wait for \
                                                 it"
                    );
                }
                ended => {
                    ended.map_err(|fault| fault.into_error(&format!("waiting for job {job} of {object}")))?;
                }
            }
        }
        self.found.lock().await.ended.insert(which.key());
        Ok(())
    }

    async fn list(&self, own: &str, claim: &Claim) -> Result<UnfinishedJobs> {
        let doing = "looking for jobs that an earlier sync left running";
        let list = self.org.unfinished_jobs(own, MAX_PAGES, claim).await.map_err(|fault| fault.into_error(doing))?;
        if list.is_cut {
            tracing::warn!(
                pages = MAX_PAGES,
                "the org has more jobs than this sync lists: a job of an earlier sync may still be running"
            );
        }
        Ok(list)
    }
}
