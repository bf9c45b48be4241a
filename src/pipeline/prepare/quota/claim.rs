//! The requests that a job still needs, which count against the share before they are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use salesforce::JobWatcher;

use super::{Quota, changed};

/// Creating, uploading and closing a job, and one page of the org's list of jobs.
const TO_CLOSE: u64 = 4;
/// Asking for the status of a job. Waits that grow by a fixed factor need so few for a day, at the price that the end of
/// a job is seen late by up to 80 % of its age. While more of the share is free, more are asked.
const STATUS: u64 = 20;
/// Two readings of the three results of a job that ended early; another job needs one at most.
const RESULTS: u64 = 6;
/// All requests of a job.
pub(super) const REQUESTS_OF_A_JOB: u64 = TO_CLOSE + STATUS + RESULTS;

/// The longest time for which a job is watched, and a minute.
const DAY: Duration = Duration::from_secs((24 * 60 + 1) * 60);
/// The age from which the waits grow by a factor: a job of a few rows ends within it.
const YOUNG: Duration = Duration::from_secs(2);

/// The claims of all jobs.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// The requests that are claimed.
    pub(super) requests: u64,
    /// The jobs that have a claim.
    jobs: u64,
    /// The jobs that have a claim and wait for the end of another job.
    idle: u64,
    /// The batches that wait for a claim.
    waiting: u64,
}

impl Claims {
    /// Whether a batch waits for a claim, and no job goes on that would give its claim back.
    pub(super) fn is_stuck(&self) -> bool {
        self.waiting > 0 && self.jobs == self.idle
    }
}

/// The requests that are set aside for one job until it is judged. Without a share it is empty and sets no limit.
#[derive(Debug)]
pub(crate) struct Claim {
    quota: Option<Arc<Quota>>,
    to_close: AtomicU64,
    status: AtomicU64,
    results: u64,
    /// Whether a request of the free share is set aside for the next question.
    has_extra: AtomicBool,
    is_idle: AtomicBool,
}

impl Claim {
    /// Waits until the requests of one more job fit.
    pub(crate) async fn new(quota: Option<Arc<Quota>>) -> Self {
        set_aside(quota.as_ref(), REQUESTS_OF_A_JOB).await;
        Self::of(quota, TO_CLOSE, RESULTS)
    }

    /// Waits until the questions for one more job fit: one that an earlier sync left. They are not those of the own job,
    /// which needs its own when that job has ended.
    pub(crate) async fn of_earlier_job(&self) -> Self {
        set_aside(self.quota.as_ref(), STATUS).await;
        Self::of(self.quota.clone(), 0, 0)
    }

    /// The claim of a batch that makes no request of the org.
    pub(crate) fn none() -> Self {
        Self::of(None, 0, 0)
    }

    fn of(quota: Option<Arc<Quota>>, to_close: u64, results: u64) -> Self {
        Self {
            quota,
            to_close: AtomicU64::new(to_close),
            results,
            status: AtomicU64::new(STATUS),
            has_extra: AtomicBool::new(false),
            is_idle: AtomicBool::new(false),
        }
    }

    /// Says whether the job waits for the end of another one.
    pub(crate) fn set_idle(&self, is_idle: bool) {
        if self.is_idle.swap(is_idle, Ordering::Relaxed) != is_idle {
            self.modify(|claims| if is_idle { claims.idle += 1 } else { claims.idle -= 1 });
        }
    }

    /// The job is closed.
    pub(crate) fn closed(&self) {
        self.give_back(self.to_close.swap(0, Ordering::Relaxed));
    }

    fn give_back(&self, requests: u64) {
        self.modify(|claims| claims.requests -= requests);
    }

    fn modify(&self, change: impl FnOnce(&mut Claims)) {
        if let Some(quota) = &self.quota {
            quota.claims.send_modify(change);
        }
    }
}

/// The wait between two questions is longer than usual when so few requests are left for the job that they must last for
/// a day. A question takes one of the free requests, and only then one of the job's own.
impl JobWatcher for Claim {
    fn progressed(&self, _: u64) {}

    fn wait(&self, age: Duration, usual: Duration) -> Duration {
        let Some(quota) = &self.quota else { return usual };
        let claims = quota.claims.borrow();
        let Some(free) = quota.free(&claims) else { return usual };
        let left = self.status.load(Ordering::Relaxed) + free / (claims.jobs - claims.idle).max(1);
        usual.max(wait_for_a_day(age, left))
    }

    fn asks(&self) {
        let Some(quota) = &self.quota else { return };
        // The request before is answered, so the org counts it.
        if self.has_extra.swap(false, Ordering::Relaxed) {
            self.give_back(1);
        }
        let has_extra = quota.claims.send_if_modified(|claims| {
            let is_free = quota.free(claims).is_none_or(|free| free > 0);
            claims.requests += u64::from(is_free);
            is_free
        });
        self.has_extra.store(has_extra, Ordering::Relaxed);
        let own = self.status.load(Ordering::Relaxed);
        if !has_extra && own > 0 {
            self.status.store(own - 1, Ordering::Relaxed);
            // Given back at the next question only: until then the org may not count it.
            self.has_extra.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.set_idle(false);
        let extra = u64::from(self.has_extra.load(Ordering::Relaxed));
        let own = self.to_close.load(Ordering::Relaxed) + self.status.load(Ordering::Relaxed) + self.results;
        self.modify(|claims| {
            claims.requests -= own + extra;
            claims.jobs -= 1;
        });
    }
}

/// Waits until so many requests for one more job fit.
async fn set_aside(quota: Option<&Arc<Quota>>, requests: u64) {
    let Some(quota) = quota else { return };
    let _waiting = Waiting::new(quota);
    let (mut usage, mut claims) = (quota.usage.clone(), quota.claims.subscribe());
    loop {
        let _ = (usage.borrow_and_update(), claims.borrow_and_update());
        let is_claimed = quota.claims.send_if_modified(|claims| {
            let fits = quota.free(claims).is_none_or(|free| free >= requests);
            if fits {
                claims.requests += requests;
                claims.jobs += 1;
            }
            fits
        });
        if is_claimed {
            return;
        }
        changed(&mut usage, &mut claims).await;
    }
}

/// A batch that waits for a claim.
struct Waiting<'q>(&'q Quota);

impl<'q> Waiting<'q> {
    fn new(quota: &'q Quota) -> Self {
        quota.claims.send_modify(|claims| claims.waiting += 1);
        Self(quota)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.claims.send_modify(|claims| claims.waiting -= 1);
    }
}

/// The wait after which `left` requests last until a job of this age is a day old, when each wait is a fixed share of
/// the age.
fn wait_for_a_day(age: Duration, left: u64) -> Duration {
    let age = age.max(YOUNG);
    #[expect(clippy::cast_precision_loss)]
    let growth = (DAY.as_secs_f64() / age.as_secs_f64()).max(1.0).powf(1.0 / left.max(1) as f64);
    age.mul_f64(growth - 1.0)
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;
    use salesforce::ApiUsage;
    use tokio::sync::watch;
    use tokio::time::timeout;

    use super::*;

    const USUAL: Duration = Duration::from_millis(150);

    /// A share of `share` requests, and what the org counts.
    fn quota(share: u64) -> (Arc<Quota>, watch::Sender<Option<ApiUsage>>) {
        let (org, usage) = watch::channel(Some(ApiUsage { used: 0, max: share }));
        (Arc::new(Quota::new(100.0, usage)), org)
    }

    fn count(org: &watch::Sender<Option<ApiUsage>>, requests: u64) {
        org.send_modify(|usage| usage.as_mut().unwrap().used += requests);
    }

    fn used(org: &watch::Sender<Option<ApiUsage>>) -> u64 {
        org.borrow().unwrap().used
    }

    /// A job that is closed: the org has counted the requests before.
    async fn closed_job(quota: &Arc<Quota>, org: &watch::Sender<Option<ApiUsage>>) -> Claim {
        let claim = Claim::new(Some(Arc::clone(quota))).await;
        count(org, TO_CLOSE);
        claim.closed();
        claim
    }

    #[tokio::test]
    async fn jobs_of_any_length_stay_within_the_share() {
        for (share, jobs) in [(5 * REQUESTS_OF_A_JOB, 5), (200, 5), (1_000, 25), (20_000, 3), (REQUESTS_OF_A_JOB, 1)] {
            for lasts in [1, 40, 600, 10_000, 86_400] {
                let (quota, org) = quota(share);
                let mut running = Vec::new();
                for _ in 0..jobs {
                    running.push((closed_job(&quota, &org).await, Duration::ZERO));
                }
                // The job whose question is due first asks. Its answer is counted when it asks again.
                while let Some(next) = (0..running.len()).min_by_key(|job| running[*job].1) {
                    let (claim, age) = &mut running[next];
                    if age.as_secs() >= lasts {
                        count(&org, RESULTS);
                        running.remove(next);
                        continue;
                    }
                    *age += claim.wait(*age, USUAL);
                    claim.asks();
                    count(&org, 1);
                }
                assert!(used(&org) <= share, "{} of {share} for {jobs} jobs of {lasts} s", used(&org));
                assert_eq!(quota.claims.borrow().requests, 0);
            }
        }
    }

    #[tokio::test]
    async fn the_end_of_a_job_is_seen_late_by_eighty_per_cent_at_most() {
        let (quota, org) = quota(REQUESTS_OF_A_JOB);
        let claim = closed_job(&quota, &org).await;
        let (mut age, mut questions) = (Duration::ZERO, 0);
        while age < DAY {
            let wait = claim.wait(age, USUAL);
            assert!(wait <= age.max(YOUNG).mul_f64(0.8), "{wait:?} at {age:?}");
            (age, questions) = (age + wait, questions + 1);
            claim.asks();
            count(&org, 1);
        }
        assert!(questions <= STATUS + 1, "{questions}");
    }

    #[tokio::test]
    async fn the_waits_are_the_usual_ones_while_there_are_many_requests() {
        let (quota, org) = quota(100_000);
        let claim = closed_job(&quota, &org).await;
        for seconds in [0, 1, 60, 3_600] {
            assert_eq!(claim.wait(Duration::from_secs(seconds), Duration::from_secs(20)).as_secs(), 20);
        }
        assert_eq!(Claim::new(None).await.wait(DAY, USUAL), USUAL);
    }

    #[tokio::test]
    async fn the_jobs_that_ask_share_the_free_requests() {
        let (quota, org) = quota(3 * REQUESTS_OF_A_JOB + 120);
        let assert_left = |claim: &Claim, jobs: u64| {
            let free = quota.free(&quota.claims.borrow()).unwrap();
            let age = Duration::from_secs(3_600);
            assert_eq!(claim.wait(age, Duration::ZERO), wait_for_a_day(age, STATUS + free / jobs), "{jobs} jobs");
        };
        let first = closed_job(&quota, &org).await;
        assert_left(&first, 1);
        let second = closed_job(&quota, &org).await;
        let third = closed_job(&quota, &org).await;
        assert_left(&first, 3);
        second.set_idle(true);
        assert_left(&first, 2);
        first.set_idle(true);
        third.set_idle(true);
        // All wait for other jobs, and the next that asks is alone.
        assert_left(&first, 1);
    }

    /// Whether the share is reached within a minute.
    async fn is_reached(quota: &Quota) -> Option<airbyte::Error> {
        timeout(Duration::from_secs(60), quota.reached()).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_waits_for_the_requests_of_others() {
        let (quota, org) = quota(REQUESTS_OF_A_JOB + TO_CLOSE + 10);
        let first = closed_job(&quota, &org).await;
        let mut second = Box::pin(Claim::new(Some(Arc::clone(&quota))));
        assert!(poll_immediate(&mut second).await.is_none(), "the first job needs them");
        assert!(is_reached(&quota).await.is_none(), "the first job will end");
        drop(first);
        assert!(poll_immediate(&mut second).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_share_is_reached_when_no_job_goes_on_that_would_make_room() {
        let (quota, org) = quota(REQUESTS_OF_A_JOB + 10);
        let first = closed_job(&quota, &org).await;
        let mut second = Box::pin(Claim::new(Some(Arc::clone(&quota))));
        assert!(poll_immediate(&mut second).await.is_none());
        assert!(is_reached(&quota).await.is_none());
        first.set_idle(true);
        let error = is_reached(&quota).await.expect("a job that waits for another one frees nothing");
        assert!(error.message().contains("no more than 40. 26 are set aside for jobs"), "{error}");
        first.set_idle(false);
        assert!(is_reached(&quota).await.is_none());
        count(&org, 30);
        drop(first);
        assert!(poll_immediate(&mut second).await.is_none(), "other programs have used the requests");
        let error = is_reached(&quota).await.unwrap();
        assert!(error.message().contains("has used 34 of its 40"), "{error}");
        assert!(!error.message().contains("set aside"), "{error}");
        drop(second);
        assert!(is_reached(&quota).await.is_none(), "nothing needs a job any more");
    }

    #[tokio::test(start_paused = true)]
    async fn the_questions_for_earlier_jobs_are_not_those_of_the_own_job() {
        let (quota, org) = quota(REQUESTS_OF_A_JOB + 2 * STATUS);
        let own = Claim::new(Some(Arc::clone(&quota))).await;
        own.set_idle(true);
        for _ in 0..2 {
            let earlier = own.of_earlier_job().await;
            assert!(is_reached(&quota).await.is_none());
            for _ in 0..STATUS {
                earlier.asks();
                count(&org, 1);
            }
        }
        assert_eq!(quota.claims.borrow().requests, REQUESTS_OF_A_JOB);
        assert_eq!(own.status.load(Ordering::Relaxed), STATUS);
        let mut third = Box::pin(own.of_earlier_job());
        assert!(poll_immediate(&mut third).await.is_none());
        assert!(is_reached(&quota).await.is_some(), "nothing makes room for the questions");
    }

    #[tokio::test]
    async fn a_question_takes_a_free_request_before_one_of_its_own() {
        let (quota, org) = quota(REQUESTS_OF_A_JOB + 2);
        let claim = Claim::new(Some(Arc::clone(&quota))).await;
        let mut left = Vec::new();
        for _ in 0..5 {
            claim.asks();
            count(&org, 1);
            left.push(claim.status.load(Ordering::Relaxed));
        }
        assert_eq!(left, [20, 20, 19, 18, 17]);
        drop(claim);
        assert_eq!(quota.claims.borrow().requests, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_whose_turn_comes_is_given_a_moment() {
        let (quota, org) = quota(REQUESTS_OF_A_JOB + 10);
        let next = closed_job(&quota, &org).await;
        next.set_idle(true);
        let mut waiting = Box::pin(Claim::new(Some(Arc::clone(&quota))));
        assert!(poll_immediate(&mut waiting).await.is_none());
        let mut reached = Box::pin(quota.reached());
        assert!(poll_immediate(&mut reached).await.is_none());
        next.set_idle(false);
        assert!(timeout(Duration::from_secs(60), reached).await.is_err());
    }
}
