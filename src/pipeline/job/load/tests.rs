//! Loads a batch into a simulated org, with short waits.

mod earlier;
mod entered;
mod judged;
mod lanes;
mod parents;

use salesforce_sim::{Credentials, JobFault, RowFault, Settings, SimulatedOrg};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::*;
use crate::config::Config;
use crate::convert::{Converted, Converter};
use crate::pipeline::batch::{OpenBatch, Origin, SegmentId};
use crate::pipeline::job::turn::Slot;
use crate::pipeline::prepare::{StreamRequest, plan_streams};
use airbyte::{ConfiguredStream, FailureType, json::Cursor, parse_catalog};

/// Three readings of results.
const SHORT_WAITS: Waits = Waits {
    rows: [Duration::from_millis(1); 3],
    standstill: Duration::from_millis(15),
    between_readings: Duration::from_millis(1),
    results: retry::Policy {
        attempts: 3,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(1),
        total: Duration::MAX,
        jitter: || 1.0,
    },
    open_job: Duration::from_millis(300),
    question_haste: 1,
};

struct Bench {
    org: SimulatedOrg,
    plan: StreamPlan,
    config: Config,
    loader: Loader,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let org = SimulatedOrg::start(settings).await.unwrap();
        let credentials = Credentials::default();
        let config = json!({
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
            "domain_url": org.url(),
        });
        let config = Config::parse(&config.to_string()).unwrap();
        let signed_in = Org::sign_in(config.sign_in().clone(), "loader/1.0", Arc::new(|_| {})).await.unwrap();
        let streams = contacts();
        let requests = [StreamRequest::new(&streams[0], &config)];
        let plan = plan_streams(&signed_in, &requests, &config).await.unwrap().remove(0).plan.unwrap();
        let budget = Budget::new(usize::MAX);
        let journal = JobJournal::new(None, Arc::clone(&budget));
        let mut loader = Loader::new(signed_in, Stores::default(), journal, budget, None);
        loader.waits = SHORT_WAITS;
        Self { org, plan, config, loader }
    }

    /// Makes the stream an upsert, whose jobs wait for those of an earlier sync.
    async fn upsert(&mut self) {
        let streams = upserted_contacts();
        let requests = [StreamRequest::new(&streams[0], &self.config)];
        self.plan = plan_streams(&self.loader.org, &requests, &self.config).await.unwrap().remove(0).plan.unwrap();
    }

    /// Makes the stream an upsert, of which an earlier sync left a closed job. Returns the one place for jobs, which a batch
    /// that starts now has.
    async fn behind_an_earlier_job(&mut self) -> (Arc<Semaphore>, Start) {
        self.upsert().await;
        // To the org the jobs of two syncs look alike.
        let batch = self.batch(&["A"]);
        let earlier = self.loader.upload(&self.plan, &batch).await.ok().unwrap();
        self.loader.close(&self.plan, &batch, earlier, &no_receiver()).await.ok().unwrap();
        let slots = Arc::new(Semaphore::new(1));
        let turn = Turn::new(None, Slot::new(Arc::clone(&slots)).await);
        (slots, Start { turn, claim: Claim::new(None).await })
    }

    /// A batch of contacts, each in a segment of its own.
    fn batch(&self, names: &[&str]) -> Batch {
        let record = |name: &&str| {
            let mut data = json!({ "LastName": name });
            if let Some(key) = &self.plan.job.external_id_field {
                data[key] = json!(name);
            }
            data
        };
        self.batch_of(names.iter().map(record))
    }

    /// A batch of these records, each in a segment of its own.
    fn batch_of(&self, records: impl IntoIterator<Item = serde_json::Value>) -> Batch {
        let mut converter = Converter::new(Arc::clone(&self.plan.columns), self.config.null_handling());
        let mut batch = OpenBatch::new(Arc::clone(&self.plan.columns), self.loader.budget.lease());
        for (segment, data) in records.into_iter().enumerate() {
            let data = data.to_string();
            let Ok(Converted::Row) = converter.convert(&mut Cursor::new(&data)) else { panic!("no row: {data}") };
            batch.push(converter.row(), Origin { segment: segment as u64, extracted_at_ms: 0 });
        }
        batch.seal()
    }

    /// Loads a batch. Returns the segments of each event that settles records, in order, and the outcome.
    async fn load(&self, names: &[&str]) -> (Vec<Vec<(SegmentId, u64, u64)>>, Result<(), LoadError>) {
        let (sender, mut received) = mpsc::unbounded_channel();
        let start = self::start(None).await;
        let outcome = self.loader.load(&self.plan, self.batch(names), start, &EventSender::new(0, sender)).await;
        let mut settled = Vec::new();
        while let Some(event) = received.recv().await {
            if let EventKind::Settled(SettledRecords { segments, .. }) = event.kind {
                let mut segments: Vec<_> = segments.iter().map(|it| (it.segment, it.written, it.rejected)).collect();
                segments.sort_unstable();
                settled.push(segments);
            }
        }
        (settled, outcome)
    }
}

/// A turn, with a place of its own and without a share of the requests.
async fn start(previous: Option<oneshot::Receiver<()>>) -> Start {
    let turn = Turn::new(previous, Slot::new(Arc::new(Semaphore::new(1))).await);
    Start { turn, claim: Claim::new(None).await }
}

/// A sender without a receiver.
fn no_receiver() -> EventSender {
    EventSender::new(0, mpsc::unbounded_channel().0)
}

fn contacts() -> Vec<ConfiguredStream> {
    let catalog = json!({"streams": [{
        "stream": {"name": "Contact", "json_schema": {"properties": {"LastName": {"type": "string"}}}},
        "destination_sync_mode": "append",
    }]});
    parse_catalog(&catalog.to_string()).unwrap()
}

fn upserted_contacts() -> Vec<ConfiguredStream> {
    let text = json!({"type": "string"});
    let catalog = json!({"streams": [{
        "stream": {
            "name": "Contact",
            "json_schema": {"properties": {"LastName": text, "External_Id__c": text}},
        },
        "destination_sync_mode": "append_dedup",
        "primary_key": [["External_Id__c"]],
    }]});
    parse_catalog(&catalog.to_string()).unwrap()
}

#[tokio::test]
async fn rows_that_keep_failing_for_a_transient_reason_are_rejected() {
    let bench = Bench::new().await;
    let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    bench.org.inject(RowFault::new("Contact", lock).when(|row| row.get("LastName") == Some("Locked")));
    bench.org.inject(RowFault::new("Contact", lock).when(|row| row.get("LastName") == Some("Late")).times(3));
    let (settled, outcome) = bench.load(&["Free", "Locked", "Late", "Locked"]).await;
    outcome.unwrap();
    let first = vec![(0, 1, 0)];
    assert_eq!(settled, [first, vec![], vec![], vec![(1, 0, 1), (2, 1, 0), (3, 0, 1)]]);
    assert_eq!(bench.org.jobs().iter().map(|job| job.rows).collect::<Vec<_>>(), [4, 3, 3, 3]);
    assert_eq!(bench.org.count("Contact"), 2);
    assert_eq!(bench.loader.budget.used(), 0);
}

#[tokio::test]
async fn unprocessed_rows_are_not_settled() {
    let bench = Bench::new().await;
    for _ in 0..4 {
        bench.org.inject(JobFault::failed("Contact", 0, "Timeout : took too long"));
    }
    let (settled, Err(LoadError::Failed(error))) = bench.load(&["A", "B"]).await else { panic!("loaded") };
    assert!(settled.iter().all(Vec::is_empty), "{settled:?}");
    assert_eq!(error.failure_type(), FailureType::Transient);
    assert!(error.message().starts_with("Salesforce left 2 of the 2 rows of job 750"), "{error}");
    assert!(error.message().contains("(\"Timeout : took too long\")"), "{error}");
    assert_eq!(bench.org.jobs().len(), 4);
}

#[tokio::test]
async fn a_halted_batch_takes_no_effect() {
    let bench = Bench::new().await;
    bench.loader.halt.cancel();
    assert!(matches!(bench.load(&["A"]).await.1, Err(LoadError::Halted)));
    assert_eq!(bench.org.jobs().len(), 0);
}

#[tokio::test]
async fn a_job_whose_turn_never_comes_is_aborted() {
    let bench = Bench::new().await;
    let (previous, turn) = oneshot::channel();
    drop(previous);
    let start = self::start(Some(turn)).await;
    let outcome = bench.loader.load(&bench.plan, bench.batch(&["A"]), start, &no_receiver()).await;
    assert!(matches!(outcome, Err(LoadError::Halted)));
    assert_eq!(bench.org.jobs()[0].state, salesforce_sim::JobState::Aborted);
    assert_eq!(bench.org.count("Contact"), 0);
}

#[tokio::test]
async fn after_a_batch_without_rows_the_next_one_does_not_overtake() {
    let bench = Bench::new().await;
    let (previous, turn) = oneshot::channel();
    let events = no_receiver();
    let start = self::start(Some(turn)).await;
    let mut load = Box::pin(bench.loader.load(&bench.plan, bench.batch(&[]), start, &events));
    assert!(futures_util::future::poll_immediate(&mut load).await.is_none(), "its end is the turn of the next one");
    previous.send(()).unwrap();
    assert!(load.await.is_ok());
    let (previous, turn) = oneshot::channel();
    drop(previous);
    let start = self::start(Some(turn)).await;
    let outcome = bench.loader.load(&bench.plan, bench.batch(&[]), start, &no_receiver()).await;
    assert!(matches!(outcome, Err(LoadError::Halted)), "after a failure nothing of the lane takes effect");
}

#[tokio::test]
async fn a_job_that_waits_for_its_turn_too_long_is_replaced_by_another_one() {
    let bench = Bench::new().await;
    let (previous, turn) = oneshot::channel();
    let start = self::start(Some(turn)).await;
    let events = no_receiver();
    let load = bench.loader.load(&bench.plan, bench.batch(&["A", "B"]), start, &events);
    let third_job = async {
        while bench.org.jobs().len() < 3 {
            tokio::task::yield_now().await;
        }
        previous.send(()).unwrap();
    };
    let (outcome, ()) = tokio::join!(load, third_job);
    outcome.unwrap();
    let states: Vec<_> = bench.org.jobs().iter().map(|job| job.state).collect();
    let given_up = salesforce_sim::JobState::Aborted;
    assert_eq!(states, [given_up, given_up, salesforce_sim::JobState::JobComplete]);
    assert_eq!(bench.org.count("Contact"), 2);
    assert_eq!(bench.loader.budget.used(), 0);
}

#[tokio::test]
async fn a_job_that_gets_its_place_back_too_late_is_replaced_by_another_one() {
    let bench = Bench::new().await;
    let slots = Arc::new(Semaphore::new(1));
    let (previous, turn) = oneshot::channel();
    let turn = Turn::new(Some(turn), Slot::new(Arc::clone(&slots)).await);
    let (start, events) = (Start { turn, claim: Claim::new(None).await }, no_receiver());
    let load = bench.loader.load(&bench.plan, bench.batch(&["A"]), start, &events);
    let other = async {
        let place = Slot::new(slots).await;
        previous.send(()).unwrap();
        tokio::time::sleep(SHORT_WAITS.open_job).await;
        drop(place);
    };
    let (outcome, ()) = tokio::join!(load, other);
    outcome.unwrap();
    let states: Vec<_> = bench.org.jobs().iter().map(|job| job.state).collect();
    assert_eq!(states, [salesforce_sim::JobState::Aborted, salesforce_sim::JobState::JobComplete]);
    assert_eq!(bench.org.count("Contact"), 1);
}

#[tokio::test]
async fn another_batch_has_the_place_while_a_job_of_an_earlier_sync_is_awaited() {
    let an_hour = Duration::from_secs(60 * 60);
    let mut bench = Bench::with(Settings { time_per_batch: an_hour, ..Settings::default() }).await;
    bench.loader.waits.open_job = an_hour;
    let (slots, start) = bench.behind_an_earlier_job().await;
    let events = no_receiver();
    tokio::select! {
        outcome = bench.loader.load(&bench.plan, bench.batch(&["B"]), start, &events) => panic!("{:?}", outcome.is_ok()),
        _place = Slot::new(slots) => {}
    }
    assert_eq!(bench.org.jobs()[1].state, salesforce_sim::JobState::Open);
}

/// The error of the job is one that another job would not help, and it comes before the first row.
#[tokio::test]
async fn a_job_that_is_refused_before_its_first_row_is_not_waited_for() {
    let bench = Bench::new().await;
    bench.org.inject(JobFault::failed("Contact", 0, "InvalidBatch : Field name not found : Nmae"));
    let started = Instant::now();
    let (settled, Err(LoadError::Failed(error))) = bench.load(&["A", "B"]).await else { panic!("loaded") };
    assert_eq!((settled.len(), error.failure_type()), (0, FailureType::Config));
    assert!(error.message().contains("Field name not found"), "{error}");
    assert!(!bench.org.requests().iter().any(|request| request.path.contains("Results")), "no results are read");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn what_results_prove_is_settled_when_they_never_have_the_rest() {
    for (fault, message) in [
        (JobFault::completed("Contact", 1), "do not add up"),
        (JobFault::failed("Contact", 1, "Timeout : took too long"), "do not add up"),
        (JobFault::aborted("Contact", 1), "Someone aborted"),
    ] {
        let bench = Bench::new().await;
        bench.org.inject(fault.omit_unprocessed_rows());
        let names: Vec<String> = (0..201).map(|number| format!("N{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (settled, Err(LoadError::Failed(error))) = bench.load(&names).await else { panic!("loaded") };
        assert!(error.message().contains(message) && error.message().contains("1 of "), "{error}");
        let expected: Vec<_> = (0..200).map(|segment| (segment, 1, 0)).collect();
        assert_eq!(settled, [expected]);
        assert_eq!(bench.org.jobs().len(), 1, "nothing is sent again");
    }
}
