//! The intake alone: streams of contacts, and no jobs. Batches that are complete are dropped.

mod ends;

use std::sync::Mutex;

use salesforce::{JobSpec, Operation, Org};
use salesforce_sim::{Credentials, Settings, SimulatedOrg};
use serde_json::{Value, json};

use super::*;
use crate::budget::Budget;
use crate::config::Config;
use crate::config::test_configs::{client, valid};
use crate::convert::row_hash;
use crate::display::Display;
use crate::journal::{EarlierRows, Entry, Target};
use crate::pipeline::prepare::{PlannedStream, StreamRequest, plan_streams};
use airbyte::{FailureType, parse_catalog};

const INTERVAL: Duration = Duration::from_secs(600);

/// What is written to standard output.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Bench {
    intake: Intake,
    budget: Arc<Budget>,
    written: Written,
}

impl Bench {
    /// The intake of the streams `a`, `b` and `c` with a budget of so many bytes.
    async fn new(capacity: usize) -> Self {
        Self::with(capacity, |settings| settings).await
    }

    async fn with(capacity: usize, change: impl FnOnce(IntakeSettings) -> IntakeSettings) -> Self {
        let properties = json!({"LastName": {"type": "string"}, "Description": {"type": "string"}});
        let stream = |name: &str| {
            json!({
                "stream": {"name": name, "json_schema": {"properties": properties}},
                "destination_sync_mode": "append", "destination_object_name": "Contact",
            })
        };
        let (planned, config) = planned(json!({}), &["a", "b", "c"].map(stream)).await;
        let budget = Budget::new(capacity);
        let (written, purpose) = (Written::default(), Purpose::Sync);
        let settings = change(IntakeSettings {
            limits: BatchLimits { batch_size: 1_000_000, budget: Arc::clone(&budget) },
            flush_interval: INTERVAL,
            rejection_limits: RejectionLimits::default(),
            began: Instant::now(),
            expects_completion: false,
            journal: None,
            earlier_lease: budget.lease(),
            purpose,
        });
        let progress = Progress::new(planned.iter().map(|it| it.name.clone()), purpose, &Display::hidden());
        let streams = planned.into_iter().map(|it| Stream::new(it, config.null_handling(), Vec::new())).collect();
        let output = Output::new(written.clone()).unwrap();
        let intake = Intake::new(streams, Jobs::none().0, settings, output, progress);
        Self { intake, budget, written }
    }

    fn read(&mut self, message: &Value) -> Result<(), LineError> {
        self.intake.read_line(message.to_string().as_bytes())
    }

    fn record(&mut self, stream: &str, data: Value) {
        self.read(&record(stream, data)).unwrap();
    }

    fn state(&mut self, stream: &str, id: u64) {
        let state = json!({"type": "STREAM", "stream": {"stream_descriptor": {"name": stream}}, "id": id});
        self.read(&json!({"type": "STATE", "state": state})).unwrap();
    }

    fn complete(&mut self, stream: &str) {
        let status = json!({"stream_descriptor": {"name": stream}, "status": "COMPLETE"});
        let trace = json!({"type": "STREAM_STATUS", "emitted_at": 0.0, "stream_status": status});
        self.read(&json!({"type": "TRACE", "trace": trace})).unwrap();
    }

    /// Records of a stream's first segment are settled.
    fn settle(&mut self, stream: usize, written: u64, rejected: u64, skipped: u64) {
        let segments = vec![SettledSegment { segment: 0, written, rejected }];
        self.happens(stream, EventKind::Settled(SettledRecords { segments, skipped, ..SettledRecords::default() }));
    }

    fn happens(&mut self, stream: usize, kind: EventKind) {
        self.intake.apply(Event { stream, at: Instant::now(), kind });
    }

    /// Whether each stream has an open batch.
    fn open(&self) -> [bool; 3] {
        [0, 1, 2].map(|index| self.intake.streams[index].open_batch().is_some())
    }

    /// The states that have come back, with their counts.
    fn states(&self) -> Vec<(u64, u64, u64)> {
        self.intake.output.flush().unwrap();
        let written = self.written.text();
        let messages = written.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let states = messages.filter(|message| message["type"] == "STATE").map(|message| {
            let count = |name: &str| message["state"]["destinationStats"][name].as_f64().unwrap() as u64;
            (message["state"]["id"].as_u64().unwrap(), count("recordCount"), count("rejectedRecordCount"))
        });
        states.collect()
    }
}

fn record(stream: &str, data: Value) -> Value {
    json!({"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1}})
}

fn contact() -> Value {
    json!({"LastName": "Example"})
}

fn error(text: &str) -> Error {
    Error::transient(text)
}

fn message(outcome: Result<()>) -> Option<String> {
    outcome.err().map(|error| error.message().to_owned())
}

#[tokio::test(flavor = "current_thread")]
async fn a_batch_is_sent_at_its_age_although_younger_ones_are_open() {
    let mut bench = Bench::new(usize::MAX).await;
    tokio::time::pause();
    assert_eq!(bench.intake.next_flush(), None);
    let first = Instant::now();
    for stream in ["b", "a", "c"] {
        bench.record(stream, contact());
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(bench.intake.next_flush(), Some(first + INTERVAL));
    tokio::time::advance(first + INTERVAL - Duration::from_millis(1) - Instant::now()).await;
    bench.intake.flush_due();
    assert_eq!(bench.open(), [true, true, true]);
    tokio::time::advance(Duration::from_millis(1)).await;
    bench.intake.flush_due();
    assert_eq!(bench.open(), [true, false, true]);
    assert_eq!(bench.intake.next_flush(), Some(first + INTERVAL + Duration::from_secs(1)));
    tokio::time::advance(Duration::from_secs(2)).await;
    bench.intake.flush_due();
    assert_eq!(bench.open(), [false; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_batches_are_sent_until_the_budget_recovers() {
    let lengths = [("a", 50), ("b", 400), ("c", 150)];
    let fill = |bench: &mut Bench| {
        for (stream, rows) in lengths {
            for row in 0..rows {
                bench.record(stream, json!({"LastName": format!("{row:0>60}"), "Description": "x".repeat(500)}));
            }
        }
    };
    let mut bench = Bench::new(usize::MAX).await;
    fill(&mut bench);
    let held = [0, 1, 2].map(|index| bench.intake.streams[index].open_batch().unwrap().held());
    let used = bench.budget.used();
    bench.intake.relieve_budget();
    assert_eq!(bench.open(), [true, true, true], "there is room");
    assert!(held[1] > held[2] && held[2] > held[0] && held.iter().sum::<usize>() <= used, "{held:?} of {used}");
    for (capacity, open) in [
        (used, [true, true, true]),
        (used - 1, [true, false, true]),
        (used - held[1], [true, false, true]),
        (used - held[1] - 1, [true, false, false]),
        (0, [false, false, false]),
    ] {
        let mut bench = Bench::new(capacity).await;
        fill(&mut bench);
        bench.intake.relieve_budget();
        assert_eq!(bench.open(), open, "{capacity} of {used}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_wrong_leaves_no_record() {
    let mut bench = Bench::new(usize::MAX).await;
    for (wrong, part) in [
        (record("a", json!("text")), "not an object"),
        (record("unknown", contact()), "the catalog has no stream unknown"),
        (json!({"type": "RECORD", "record": {"data": {}}}), ""),
        (json!("text"), ""),
    ] {
        let Err(LineError::Invalid(reason)) = bench.read(&wrong) else { panic!("{wrong}") };
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!((bench.intake.streams[0].counts.read, bench.open()), (0, [false; 3]));
    bench.state("a", 1);
    assert_eq!(bench.states(), [(1, 0, 0)]);
}

/// Signs in to a simulated org, and plans streams there, with changes in the configuration.
pub(super) async fn planned(changes: Value, streams: &[Value]) -> (Vec<PlannedStream>, Config) {
    let org = SimulatedOrg::start(Settings::default()).await.unwrap();
    let Credentials { client_id, client_secret, refresh_token, .. } = Credentials::default();
    let mut config = client(changes);
    for (key, value) in [("client_id", client_id), ("client_secret", client_secret), ("refresh_token", refresh_token)] {
        config[key] = json!(value);
    }
    config["domain_url"] = json!(org.url());
    let config: Config = valid(&config);
    let signed_in = Org::sign_in(config.sign_in().clone(), "intake/1.0", Arc::new(|_| {})).await.unwrap();
    let catalog = parse_catalog(&json!({"streams": streams}).to_string()).unwrap();
    let requests: Vec<_> = catalog.iter().map(|stream| StreamRequest::new(stream, &config)).collect();
    let planned = plan_streams(&signed_in, &requests, &config).await.unwrap();
    (planned, config)
}

/// The entry of a job that inserted contacts of the stream `a` in an earlier attempt.
pub(super) fn entry_of(columns: &[&str], rows: &[&str]) -> Entry {
    let name = StreamName { namespace: None, name: "a".to_owned() };
    let (object, operation) = ("Contact".into(), Operation::Insert);
    let job = JobSpec { object, operation, external_id_field: None, assignment_rule_id: None };
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    let mut entry = Entry::new("750Sim000000001AAA", Target::new(&name, None, &job), columns, rows.len() as u64);
    entry.set_rows(rows.iter().map(|row| (0, row_hash(row.as_bytes()))));
    entry
}

/// The rows of such a job, which has written the first.
pub(super) fn earlier_rows(columns: &[&str], rows: &[&str]) -> EarlierRows {
    let mut earlier = EarlierRows::new(entry_of(columns, rows));
    earlier.begin();
    assert!(earlier.written(rows[0].as_bytes()));
    earlier
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_an_earlier_attempt_wrote_is_not_sent_again_however_its_line_is_written() {
    let plain = r#"{"type":"RECORD","record":{"stream":"a","data":{"LastName":"NAME"},"emitted_at":1}}"#;
    let data_first = r#"{"type":"RECORD","record":{"data":{"LastName":"NAME"},"stream":"a","emitted_at":1}}"#;
    for line in [plain, data_first] {
        let mut bench = Bench::new(usize::MAX).await;
        bench.intake.streams[0].earlier.push(earlier_rows(&["LastName", "Description"], &["Example,\n", "Other,\n"]));
        let mut read = |name: &str| {
            bench.intake.read_line(line.replace("NAME", name).as_bytes()).unwrap();
            let counts = bench.intake.streams[0].counts;
            assert_eq!((counts.skipped, counts.rejected), (0, 0), "{line}");
            (counts.read, counts.written, bench.open()[0])
        };
        assert_eq!(read("Example"), (1, 1, false), "{line}");
        assert_eq!(read("Other"), (2, 1, true), "it was not written");
        assert_eq!(read("Example"), (3, 1, true), "it was written once");
        assert_eq!(bench.intake.streams[0].open_batch().unwrap().rows(), 2, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_settles_is_counted_and_lets_its_states_leave() {
    let mut bench = Bench::new(usize::MAX).await;
    for stream in ["a", "a", "a", "b"] {
        bench.record(stream, contact());
    }
    bench.state("a", 1);
    bench.state("b", 2);
    bench.settle(0, 1, 1, 1);
    assert_eq!(bench.states(), []);
    bench.settle(0, 1, 0, 0);
    assert_eq!(bench.states(), [(1, 2, 1)]);
    let counts = RecordCounts { read: 3, written: 2, skipped: 1, rejected: 1, truncated: 0 };
    assert_eq!((bench.intake.streams[0].counts, bench.intake.rejected), (counts, 1));
    let Judged { all, rejected } = bench.intake.judged();
    assert_eq!((all, rejected), (3, 1));
    bench.settle(1, 0, 1, 0);
    assert_eq!(bench.states(), [(1, 2, 1), (2, 0, 1)]);
    assert_eq!((bench.intake.rejected, bench.intake.counts()[1].rejected), (2, 1));
    assert!(bench.intake.outcome().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_lets_no_state_leave() {
    let mut bench = Bench::with(usize::MAX, |settings| IntakeSettings { purpose: Purpose::DryRun, ..settings }).await;
    bench.record("a", contact());
    bench.state("a", 1);
    bench.settle(0, 1, 0, 0);
    bench.state("b", 2);
    assert_eq!(bench.states(), []);
    assert!(bench.intake.outcome().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_failure_or_too_many_rejected_records_halt_the_sync() {
    let limits = RejectionLimits { records: Some(1), ..RejectionLimits::default() };
    let halted_by = async |kind: EventKind| {
        let mut bench =
            Bench::with(usize::MAX, |settings| IntakeSettings { rejection_limits: limits, ..settings }).await;
        for _ in 0..3 {
            bench.record("a", contact());
        }
        bench.happens(0, kind);
        let is_halted = bench.intake.jobs.is_halted();
        assert_eq!(bench.intake.ending.is_some(), is_halted);
        is_halted.then(|| message(bench.intake.outcome()).unwrap())
    };
    let settled = |written, rejected| {
        let segments = vec![SettledSegment { segment: 0, written, rejected }];
        EventKind::Settled(SettledRecords { segments, ..SettledRecords::default() })
    };
    assert_eq!(halted_by(EventKind::BatchEnded(Ok(()))).await, None);
    assert_eq!(halted_by(EventKind::BatchEnded(Err(LoadError::Halted))).await, None);
    assert_eq!(halted_by(settled(2, 1)).await, None);
    assert!(halted_by(settled(1, 2)).await.unwrap().contains("`max_rejected_records` allows 1"));
    let failed = EventKind::BatchEnded(Err(LoadError::Failed(error("it failed"))));
    assert_eq!(halted_by(failed).await.unwrap(), "it failed");
}

/// What ends the reading.
#[derive(Debug, Clone, Copy)]
enum End {
    Complete,
    Finish,
    Halt,
    Interrupt,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_reason_ends_the_sync_and_a_failure_replaces_the_end_of_the_input() {
    use End::{Complete, Finish, Halt, Interrupt};
    // What the outcome is if all is settled, and if something is not: the number of an end, or none.
    for (ends, settled, unsettled) in [
        (&[][..], None, Some("unknown")),
        (&[Complete], None, Some("unknown")),
        (&[Finish], Some("0"), Some("0")),
        (&[Halt], Some("0"), Some("0")),
        (&[Interrupt], Some("0"), Some("0")),
        (&[Complete, Finish], None, Some("unknown")),
        (&[Complete, Halt], Some("1"), Some("1")),
        (&[Complete, Interrupt], None, Some("1")),
        (&[Complete, Interrupt, Interrupt], None, Some("1")),
        (&[Complete, Interrupt, Halt], Some("2"), Some("2")),
        (&[Finish, Complete], Some("0"), Some("0")),
        (&[Finish, Halt], Some("0"), Some("0")),
        (&[Finish, Interrupt], Some("0"), Some("0")),
        (&[Halt, Complete], Some("0"), Some("0")),
        (&[Halt, Halt], Some("0"), Some("0")),
        (&[Interrupt, Halt], Some("0"), Some("0")),
    ] {
        for is_settled in [true, false] {
            let mut bench = Bench::new(usize::MAX).await;
            bench.record("a", contact());
            if is_settled {
                bench.settle(0, 1, 0, 0);
            }
            for (number, end) in ends.iter().enumerate() {
                let error = error(&number.to_string());
                match end {
                    Complete => bench.intake.end(Ending::Complete),
                    Finish => bench.intake.end(Ending::Finish(error)),
                    Halt => bench.intake.halt(error),
                    Interrupt => bench.intake.interrupt(error),
                }
            }
            let stops = ends.iter().any(|end| matches!(end, Halt | Interrupt));
            assert_eq!(bench.intake.jobs.is_halted(), stops, "{ends:?}");
            let outcome = message(bench.intake.outcome());
            let expected = if is_settled { settled } else { unsettled };
            match (&outcome, expected) {
                (None, None) => {}
                (Some(message), Some("unknown")) => assert!(message.contains("is unknown"), "{ends:?}: {message}"),
                (Some(message), Some(expected)) => assert_eq!(message, expected, "{ends:?} {is_settled}"),
                _ => panic!("{ends:?} {is_settled}: {outcome:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_announces_no_end_of_a_stream_has_ended_early() {
    for (expects_completion, complete, incomplete) in [
        (false, &[][..], None),
        (true, &["a", "b", "c"], None),
        (true, &["a", "c"], Some("all records of b.")),
        (true, &["b", "unknown"], Some("all records of a, c.")),
    ] {
        let mut bench = Bench::with(usize::MAX, |settings| IntakeSettings { expects_completion, ..settings }).await;
        complete.iter().for_each(|stream| bench.complete(stream));
        bench.intake.end(Ending::Complete);
        match (bench.intake.outcome(), incomplete) {
            (Ok(()), None) => {}
            (Err(error), Some(part)) => {
                assert!(error.message().contains(part), "{error}");
                assert_eq!(error.failure_type(), FailureType::Transient);
            }
            (outcome, _) => panic!("{complete:?}: {outcome:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_has_not_left_fails_the_sync() {
    let mut bench = Bench::new(usize::MAX).await;
    bench.record("a", contact());
    bench.state("a", 1);
    // As if the record had been counted and its segment had not.
    bench.intake.streams[0].counts.written = 1;
    bench.intake.end(Ending::Complete);
    assert!(message(bench.intake.outcome()).unwrap().contains("is unknown"));
}
