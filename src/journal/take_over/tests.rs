//! Takes over jobs of a simulated org.

use std::future::pending;

use bytes::Bytes;
use salesforce_sim::{
    Answer, Credentials, Effect, Endpoint, JobFault, JobState, RequestFault, RowFault, Settings, SimulatedOrg,
    Truncation,
};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::config::test_configs::valid;
use crate::convert::{row_hash, write_row};
use salesforce::{JobSpec, Operation, UploadedJob};

/// Three readings of results.
const PATIENCE: Patience = Patience {
    standstill: Duration::from_millis(15),
    results: Policy {
        attempts: 3,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(1),
        total: Duration::MAX,
        jitter: || 1.0,
    },
};

fn spec(operation: Operation) -> JobSpec {
    JobSpec { object: "Contact".into(), operation, external_id_field: None, assignment_rule_id: None }
}

fn stream() -> StreamName {
    StreamName { namespace: None, name: "s".into() }
}

fn target(operation: Operation) -> Target {
    Target::new(&stream(), Some(1), &spec(operation))
}

fn csv(cell: &str) -> Vec<u8> {
    let mut row = Vec::new();
    write_row(&mut row, [cell]);
    row
}

struct Bench {
    sim: SimulatedOrg,
    org: Org,
    journal: Journal,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let sim = SimulatedOrg::start(Settings::default()).await.unwrap();
        let folder = TempDir::new().unwrap();
        let credentials = Credentials::default();
        let config = valid(&json!({
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
            "domain_url": sim.url(),
            "object_storage_config": {"storage_type": "Local", "path": folder.path()},
        }));
        let org = Org::sign_in(config.sign_in().clone(), "loader/1.0", Arc::new(|_| {})).await.unwrap();
        let journal = Journal::open(config.journal_storage().unwrap(), 1).await.unwrap();
        Self { sim, org, journal, _folder: folder }
    }

    /// Uploads these values of one column to a job, and enters the job.
    async fn entered(&self, operation: Operation, column: &str, values: &[String]) -> UploadedJob {
        let mut body = format!("{column}\n").into_bytes();
        values.iter().for_each(|value| body.extend(csv(value)));
        let open = self.org.create_job(&spec(operation)).await.unwrap();
        let uploaded = open.upload(Arc::new(Bytes::from(body)), pending()).await.unwrap();
        let mut entry = Entry::new(uploaded.id(), target(operation), vec![column.to_owned()], values.len() as u64);
        if entry.target.needs_rows() {
            entry.set_rows(values.iter().map(|value| (0, row_hash(&csv(value)))));
        } else {
            entry.segments = vec![(0, values.len() as u64)];
        }
        self.journal.enter(&entry).await.unwrap();
        uploaded
    }

    /// The same for a job that has ended. Returns its id.
    async fn ended(&self, operation: Operation, column: &str, values: &[String]) -> String {
        let uploaded = self.entered(operation, column, values).await;
        let id = uploaded.id().to_owned();
        let rows = values.len() as u64;
        uploaded.close(pending()).await.unwrap().wait(rows, &|_: u64| {}).await.unwrap();
        id
    }

    async fn insert(&self, values: &[String]) -> String {
        self.ended(Operation::Insert, "LastName", values).await
    }

    async fn take_over(&self, targets: &[Target], budget: usize, patience: Patience) -> Result<TakenOver> {
        take_over(&self.journal, &self.org, targets, &Budget::new(budget), patience).await
    }

    /// Takes over what a sync of inserts left.
    async fn taken(&self) -> TakenOver {
        self.take_over(&[target(Operation::Insert)], usize::MAX, PATIENCE).await.unwrap()
    }

    async fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = self.journal.left().await.unwrap().into_iter().map(|left| left.job).collect();
        left.sort();
        left
    }

    fn requests(&self, endpoint: Endpoint) -> usize {
        self.sim.requests().iter().filter(|request| request.endpoint == endpoint).count()
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("Example {number}")).collect()
}

/// How many rows of each job of the stream are known to be written.
fn free(taken: &TakenOver) -> Vec<u64> {
    taken.rows.get(&stream()).into_iter().flatten().map(EarlierRows::free).collect()
}

#[tokio::test]
async fn what_an_insert_has_written_is_known_after_one_reading_of_its_results() {
    for (failing, written) in [(&[][..], 4), (&["Example 1", "Example 3"], 2), (&["Example "], 0)] {
        let bench = Bench::new().await;
        for failing in failing.iter().copied() {
            let is_it = move |name: &str| name.starts_with(failing);
            let fault = RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:refused:--");
            bench.sim.inject(fault.when(move |row| row.get("LastName").is_some_and(is_it)));
        }
        let job = bench.insert(&names(4)).await;
        let taken = bench.taken().await;
        assert_eq!(free(&taken), [written]);
        assert_eq!((taken.jobs.len(), taken.lease.bytes()), (1, EarlierRows::size_of(4)));
        assert_eq!(bench.requests(Endpoint::SuccessfulResults), 1, "{failing:?}");
        assert_eq!(bench.left().await, [job], "its rows are not acknowledged yet");
    }
}

/// Salesforce may go on to save rows of a job that has ended.
#[tokio::test]
async fn a_job_that_ended_early_is_read_when_its_counts_stand_still() {
    let ends = [
        JobFault::failed("Contact", 1, "InvalidBatch : wrong"),
        JobFault::aborted("Contact", 1),
        JobFault::completed("Contact", 1),
    ];
    for ended_early in ends {
        let bench = Bench::new().await;
        bench.sim.inject(ended_early.saves_late(1, Duration::from_millis(600)));
        bench.insert(&names(500)).await;
        let patience = Patience { standstill: Duration::from_millis(1_500), ..PATIENCE };
        let taken = bench.take_over(&[target(Operation::Insert)], usize::MAX, patience).await.unwrap();
        assert_eq!((free(&taken), bench.sim.count("Contact")), (vec![400], 400));
    }
}

/// A result set without rows may have no header.
#[tokio::test]
async fn results_without_a_header_have_no_rows() {
    let bench = Bench::new().await;
    bench.sim.inject(RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:refused:--"));
    bench.insert(&names(3)).await;
    bench.sim.inject(RequestFault::new(Endpoint::SuccessfulResults, Answer::csv("", 0)).always());
    assert_eq!((free(&bench.taken().await), bench.requests(Endpoint::SuccessfulResults)), (vec![0], 1));
}

#[tokio::test]
async fn of_two_readings_only_the_last_counts() {
    let bench = Bench::new().await;
    let is_refused = |name: &str| name == "Example 1";
    let refused = RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:refused:--");
    bench.sim.inject(refused.when(move |row| row.get("LastName").is_some_and(is_refused)));
    bench.insert(&names(3)).await;
    let wrong = "sf__Id,sf__Created,LastName\n003Sim000000001AAA,true,Example 1\n";
    bench.sim.inject(RequestFault::new(Endpoint::SuccessfulResults, Answer::csv(wrong, 1)).times(1));
    assert_eq!(free(&bench.taken().await), [2]);
}

#[tokio::test]
async fn rows_take_at_most_half_of_the_memory() {
    let size = EarlierRows::size_of(3);
    for (budget, taken_over) in [(2 * size - 1, 0), (2 * size, 1), (4 * size - 1, 1), (4 * size, 2)] {
        let bench = Bench::new().await;
        let jobs = [bench.insert(&names(3)).await, bench.insert(&names(3)).await];
        let taken = bench.take_over(&[target(Operation::Insert)], budget, PATIENCE).await.unwrap();
        assert_eq!((free(&taken), taken.jobs.len()), (vec![3; taken_over], taken_over), "{budget}");
        assert_eq!(taken.lease.bytes(), taken_over * size, "{budget}");
        assert_eq!(bench.left().await, jobs, "{budget}");
    }
}

#[tokio::test]
async fn a_job_that_was_not_closed_is_aborted_and_forgotten() {
    let bench = Bench::new().await;
    let open = bench.entered(Operation::Insert, "LastName", &names(2)).await;
    let ended = bench.insert(&names(3)).await;
    let taken = bench.taken().await;
    assert_eq!((free(&taken), bench.left().await), (vec![3], vec![ended]));
    let state_of = |id: &str| bench.sim.jobs().into_iter().find(|job| job.id == id).map(|job| job.state);
    assert_eq!(state_of(open.id()), Some(JobState::Aborted));
}

#[tokio::test]
async fn the_deleted_rows_of_a_stream_are_known_and_an_update_is_only_waited_for() {
    let bench = Bench::new().await;
    let ids: Vec<String> =
        ["One", "Two", "Three"].map(|name| bench.sim.insert("Contact", &[("LastName", name)]).unwrap()).into();
    let delete = bench.ended(Operation::Delete, "Id", &ids[..2]).await;
    bench.ended(Operation::Update, "Id", &ids[2..]).await;
    let has_deleted = |id: &str| bench.journal.has_deleted(&stream(), row_hash(&csv(id)));
    // A stream that deletes no more, or deletes something else, has deleted nothing.
    let taken = bench.take_over(&[target(Operation::HardDelete)], usize::MAX, PATIENCE).await.unwrap();
    assert_eq!((taken.lease.bytes(), ids.iter().any(|id| has_deleted(id))), (0, false));
    assert_eq!(bench.left().await, [&*delete]);
    let taken = bench.take_over(&[target(Operation::Delete)], usize::MAX, PATIENCE).await.unwrap();
    assert_eq!((taken.lease.bytes(), taken.jobs.len(), taken.rows.len()), (2 * 8, 0, 0));
    assert_eq!([0, 1, 2].map(|id| has_deleted(&ids[id])), [true, true, false]);
    assert_eq!(bench.left().await, [delete]);
}

#[tokio::test]
async fn what_is_not_of_this_attempt_or_not_known_any_more_is_not_taken_over() {
    let bench = Bench::new().await;
    let job = bench.insert(&names(2)).await;
    let others = [
        target(Operation::Upsert),
        Target::new(&stream(), Some(2), &spec(Operation::Insert)),
        target(Operation::Insert).of_search(),
    ];
    let taken = bench.take_over(&others, usize::MAX, PATIENCE).await.unwrap();
    assert_eq!((taken.rows.len(), taken.jobs.len(), taken.lease.bytes()), (0, 0, 0));
    bench.sim.inject(RequestFault::new(Endpoint::JobInfo, Answer::status(404)).times(1));
    let taken = bench.taken().await;
    assert_eq!((taken.rows.len(), taken.jobs.len(), taken.lease.bytes()), (0, 0, 0), "Salesforce has forgotten it");
    assert_eq!(bench.left().await, [job]);
    assert_eq!(free(&bench.taken().await), [2]);
}

#[tokio::test]
async fn results_that_do_not_add_up_are_read_again_and_then_believed() {
    let bench = Bench::new().await;
    bench.insert(&names(3)).await;
    let part = "sf__Id,sf__Created,LastName\n003Sim000000001AAA,true,Example 1\n";
    bench.sim.inject(RequestFault::new(Endpoint::SuccessfulResults, Answer::csv(part, 1)).always());
    assert_eq!(free(&bench.taken().await), [1], "the other rows are sent again rather than lost");
    assert_eq!(bench.requests(Endpoint::SuccessfulResults), 3);
    bench.sim.clear_faults();
    bench.sim.inject(RequestFault::new(Endpoint::SuccessfulResults, Answer::csv(part, 1)).times(1));
    assert_eq!(free(&bench.taken().await), [3]);
    let of_other = "sf__Id,sf__Created,Name\n1,true,a\n2,true,b\n3,true,c\n";
    bench.sim.inject(RequestFault::new(Endpoint::SuccessfulResults, Answer::csv(of_other, 3)).times(1));
    assert_eq!(free(&bench.taken().await), [3], "these were not the results of this job");
    let broken = Effect::Truncated(40, Truncation::Length);
    bench.sim.inject(RequestFault::new(Endpoint::SuccessfulResults, broken).times(1));
    assert_eq!(free(&bench.taken().await), [3], "an answer that breaks off is read again");
}

/// Salesforce keeps no unprocessed rows of batches beyond the daily allowance.
#[tokio::test]
async fn only_of_a_job_that_was_given_up_two_equal_readings_are_believed() {
    for (end, readings) in [
        (JobFault::failed("Contact", 1, "InvalidBatch : Field name not found : Nmae"), 2),
        (JobFault::failed("Contact", 1, "Timeout : took too long"), 3),
        (JobFault::aborted("Contact", 1), 3),
    ] {
        let bench = Bench::new().await;
        bench.sim.inject(end.omit_unprocessed_rows());
        bench.insert(&names(500)).await;
        assert_eq!(free(&bench.taken().await), [200]);
        assert_eq!(bench.requests(Endpoint::SuccessfulResults), readings);
    }
}

#[tokio::test]
async fn results_that_salesforce_refuses_are_an_error_at_once() {
    let bench = Bench::new().await;
    let job = bench.insert(&names(3)).await;
    let refusal = Answer::error(403, "INSUFFICIENT_ACCESS", "not allowed");
    bench.sim.inject(RequestFault::new(Endpoint::SuccessfulResults, refusal).always());
    let Err(error) = bench.take_over(&[target(Operation::Insert)], usize::MAX, PATIENCE).await else { panic!() };
    assert!(error.message().contains(&format!("reading what job {job}, which an earlier attempt left")), "{error}");
    assert_eq!(bench.requests(Endpoint::SuccessfulResults), 1);
}
