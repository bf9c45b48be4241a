//! For how long a call is made again. What is waited out for half an hour is in the log once a minute.

use std::time::Duration;

use retry::{Policy, Retry};
use tokio::time::{Instant, sleep};

use crate::fault::Fault;
use crate::timing::Timing;

/// For how long a call that failed for a transient reason is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallPatience {
    /// Not at all: the caller tries again.
    None,
    /// For some minutes.
    Brief,
    /// For half an hour, with the reason in the log. The text says what is done, as in "creating a job".
    Long(&'static str),
}

impl CallPatience {
    /// Makes a call, and makes it again as long as its faults allow.
    pub(crate) async fn run<T, F>(
        self,
        timing: &Timing,
        may_retry: impl Fn(&Fault) -> bool,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        match self {
            Self::None => call().await,
            Self::Brief => {
                let (started, mut tries) = (Instant::now(), 0);
                let is_hopeless = |fault: &Fault| fault.is_unconnected() && started.elapsed() >= timing.unconnected;
                let classify = |fault: &Fault| {
                    if may_retry(fault) && !is_hopeless(fault) { Retry::After(fault.retry_after()) } else { Retry::No }
                };
                let counted = || {
                    tries += 1;
                    call()
                };
                let result = retry::run(&timing.calls, classify, counted).await;
                result.map_err(|fault| with_tries(fault, tries, started.elapsed()))
            }
            Self::Long(doing) => {
                let mut patience = Patience::new(&timing.patience, doing);
                loop {
                    match call().await {
                        Err(fault) if may_retry(&fault) && patience.wait(&fault).await => {}
                        result => break result,
                    }
                }
            }
        }
    }
}

/// Adds to a fault without a connection what was tried.
fn with_tries(fault: Fault, tries: u32, elapsed: Duration) -> Fault {
    if !fault.is_unconnected() || tries < 2 {
        return fault;
    }
    let message = format!("{}; {tries} tries in {} seconds", fault.message(), elapsed.as_secs());
    fault.with_message(message)
}

/// How often the log says what is waited for.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The patience with one step of a load.
pub(crate) struct Patience<'a> {
    policy: &'a Policy,
    /// The step, as in "creating a job".
    doing: &'static str,
    started: Instant,
    attempt: u32,
    logged: Option<Instant>,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(policy: &'a Policy, doing: &'static str) -> Self {
        Self { policy, doing, started: Instant::now(), attempt: 1, logged: None }
    }

    /// Waits before the step is tried again. Returns `false` if the fault is not transient, or if it has lasted
    /// too long.
    pub(crate) async fn wait(&mut self, fault: &Fault) -> bool {
        let elapsed = self.started.elapsed();
        let wait = self.policy.next_wait(self.attempt, elapsed, fault.retry_after());
        let Some(wait) = wait.filter(|_| fault.is_transient()) else { return false };
        if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
            self.logged = Some(Instant::now());
            let minutes = self.policy.total.as_secs() / 60;
            tracing::warn!(
                doing = self.doing,
                fault = %fault,
                waited_seconds = elapsed.as_secs(),
                "Salesforce gives no usable answer: trying again for up to {minutes} minutes"
            );
        }
        sleep(wait).await;
        self.attempt += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{FaultKind, Limit};

    #[test]
    fn a_fault_without_a_connection_says_what_was_tried() {
        let fault = || Fault::new(FaultKind::Transient, "no connection");
        for (fault, tries, message) in [
            (fault().unconnected(), 1, "no connection"),
            (fault().unconnected(), 2, "no connection; 2 tries in 7 seconds"),
            (fault(), 2, "no connection"),
        ] {
            assert_eq!(with_tries(fault, tries, Duration::from_secs(7)).message(), message);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_waited_out_for_half_an_hour() {
        let timing = Timing::default();
        let fault = Fault::new(FaultKind::Transient, "HTTP 503");
        let (started, mut tries) = (Instant::now(), 0);
        let mut patience = Patience::new(&timing.patience, "creating a job");
        while patience.wait(&fault).await {
            tries += 1;
        }
        let minutes = started.elapsed().as_secs() / 60;
        assert!((29..=30).contains(&minutes), "{minutes} minutes");
        assert!((60..140).contains(&tries), "{tries} tries");
    }

    /// What a person waits for is a wrong address, and what a step of a job waits for may be a short outage.
    #[tokio::test(start_paused = true)]
    async fn a_host_without_a_connection_is_reported_to_a_person_within_seconds() {
        for (timing, seconds) in [(Timing::default().for_person(), 3..=10), (Timing::default(), 12..=90)] {
            let started = Instant::now();
            let call = || async { Err::<(), _>(Fault::new(FaultKind::Transient, "no connection").unconnected()) };
            let fault = CallPatience::Brief.run(&timing, Fault::is_transient, call).await.unwrap_err();
            assert!(seconds.contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
            let tried = format!(" tries in {} seconds", started.elapsed().as_secs());
            assert!(fault.message().starts_with("no connection; ") && fault.message().ends_with(&tried), "{fault}");
        }
        let timing = Timing::default().for_person();
        assert!(timing.connect <= Duration::from_secs(5));
        let started = Instant::now();
        let call = || async { Err::<(), _>(Fault::new(FaultKind::Transient, "HTTP 503")) };
        let fault = CallPatience::Brief.run(&timing, Fault::is_transient, call).await.unwrap_err();
        assert!(
            fault.message() == "HTTP 503" && started.elapsed() > Duration::from_secs(12),
            "an answer is no wrong address"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_is_not_waited_for() {
        let timing = Timing::default();
        for kind in [FaultKind::Permission, FaultKind::SignIn, FaultKind::LimitReached(Limit::DailyRequests)] {
            let started = Instant::now();
            assert!(!Patience::new(&timing.patience, "creating a job").wait(&Fault::new(kind, "no")).await, "{kind:?}");
            assert_eq!(started.elapsed(), Duration::ZERO);
        }
    }
}
