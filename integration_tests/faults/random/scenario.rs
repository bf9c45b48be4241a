//! What the seed of a random sync decides.

use std::ops::Range;
use std::time::Duration;

use salesforce_sim::{Effect, Endpoint, Fault, JobFault, Nature, RandomFaults, RequestFault};

use crate::connector::Signal;

/// Makes random choices from a seed.
struct Dice(fastrand::Rng);

impl Dice {
    /// A number of `first..end`.
    fn within(&mut self, first: usize, end: usize) -> usize {
        self.0.usize(first..end)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.within(0, choices.len())]
    }

    /// True in one of `cases` cases.
    fn one_in(&mut self, cases: usize) -> bool {
        self.within(0, cases) == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Insert,
    Upsert,
    Update,
    Delete,
    /// An upsert that finds its records by `match`.
    FindOrCreate,
}

/// An object and the fields that say where its records come from.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) object: &'static str,
    /// The field for the key of a record.
    pub(super) key: &'static str,
    /// The field for the version of the record, its place in the stream.
    pub(super) version: &'static str,
    /// The field for the number of the sync that wrote the record.
    pub(super) sync: &'static str,
}

pub(super) const TARGETS: [Target; 2] = [
    Target { object: "Contact", key: "LastName", version: "Title", sync: "Department" },
    Target { object: "Account", key: "Name", version: "AccountNumber", sync: "Sic" },
];

/// A stream and the key of each of its records. The version of a record is its place in the stream, counted from 1.
#[derive(Debug)]
pub(super) struct PlannedStream {
    pub(super) name: String,
    pub(super) operation: Operation,
    pub(super) target: &'static Target,
    pub(super) keys: Vec<String>,
    /// Which records the source has deleted. Empty if its schema has no mark of them.
    pub(super) deleted: Vec<bool>,
}

/// A message of the source.
#[derive(Debug, Clone, Copy)]
pub(super) enum SourceMessage {
    /// The next record of the stream with this index.
    Record(usize),
    /// A state of the stream with this index.
    StreamState(usize),
    /// A state of all streams.
    GlobalState,
}

/// Stops a sync from outside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interruption {
    pub(super) signal: Signal,
    /// How many requests the sync makes before.
    pub(super) after_requests: usize,
}

/// The answer to the n-th request of a kind is lost.
#[derive(Debug, Clone, Copy)]
struct LostAnswer {
    endpoint: Endpoint,
    nth: usize,
}

/// How large the catalog of a seed is.
struct CatalogSize {
    streams: Range<usize>,
    /// For each stream.
    records: Range<usize>,
    /// The largest number of requests before a sync is stopped.
    last_interruption: usize,
    fault_rates: [f64; 4],
}

impl CatalogSize {
    /// Most catalogs are small. One in twelve has up to 300 streams; with many faults it would take too long.
    fn of_seed(seed: u64) -> Self {
        match seed % 12 {
            0 => {
                Self { streams: 100..301, records: 1..8, last_interruption: 600, fault_rates: [0.0, 0.0, 0.005, 0.01] }
            }
            6 => Self { streams: 20..61, records: 1..30, last_interruption: 200, fault_rates: [0.0, 0.01, 0.02, 0.05] },
            _ => Self { streams: 1..5, records: 40..240, last_interruption: 80, fault_rates: [0.0, 0.05, 0.1, 0.2] },
        }
    }
}

#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) seed: u64,
    pub(super) streams: Vec<PlannedStream>,
    /// What the source sends, in this order.
    pub(super) messages: Vec<SourceMessage>,
    /// In units of 10,000 bytes, so that few records fill a batch.
    pub(super) batch_size: usize,
    pub(super) max_parallel_jobs: usize,
    pub(super) flush_interval_minutes: f64,
    /// Whether the ids of written records are kept.
    pub(super) keeps_successes: bool,
    /// What the org does all the time.
    pub(super) nature: Nature,
    pub(super) time_per_chunk: Duration,
    /// How long the bucket is out of reach at the start of the first sync.
    pub(super) bucket_outage: Duration,
    fault_rate: f64,
    /// Which request for the state of a job ends all sessions.
    sessions_end_at: Option<usize>,
    /// Lost answers to the calls where a wrong retry writes records twice.
    lost_answers: Vec<LostAnswer>,
    job_faults: Vec<JobFault>,
    /// How the first syncs are stopped, one for each.
    pub(super) interruptions: Vec<Interruption>,
}

impl Scenario {
    pub(super) fn from_seed(seed: u64) -> Self {
        let mut dice = Dice(fastrand::Rng::with_seed(seed));
        let is_global = dice.one_in(4);
        let size = CatalogSize::of_seed(seed);
        let streams = dice.within(size.streams.start, size.streams.end);
        let streams: Vec<_> = (0..streams).map(|index| PlannedStream::random(index, &size, &mut dice)).collect();
        let messages = interleave(&streams, is_global, &mut dice);
        let interruptions = (0..dice.one_of(&[0, 1, 1, 2, 3])).map(|_| {
            use Signal::{Interrupt, Kill, Terminate};
            let signal = dice.one_of(&[Kill, Kill, Kill, Terminate, Interrupt]);
            let end = dice.one_of(&[15, 40, size.last_interruption]);
            Interruption { signal, after_requests: dice.within(2, end) }
        });
        let interruptions = interruptions.collect();
        // Each job waits until its counts stand still, so not with many streams.
        let counts_lag = dice.one_of(&[0, 0, 0, 0, 1]);
        // One fault for each object. With more, rows wait for minutes before they are sent again.
        let job_faults = TARGETS.iter().filter_map(|target| random_job_fault(target.object, &mut dice)).collect();
        Self {
            seed,
            batch_size: dice.one_of(&[1, 1, 1, 2, 100]),
            max_parallel_jobs: dice.within(1, 7),
            flush_interval_minutes: dice.one_of(&[0.001, 15.0]),
            nature: Nature { counts_lag: if streams.len() > 10 { 0 } else { counts_lag }, ..random_nature(&mut dice) },
            time_per_chunk: Duration::from_millis(dice.one_of(&[0, 20, 200])),
            bucket_outage: Duration::from_millis(dice.one_of(&[0, 0, 0, 2_000])),
            fault_rate: dice.one_of(&size.fault_rates),
            lost_answers: (0..dice.within(0, 4)).map(|_| LostAnswer::random(&mut dice)).collect(),
            sessions_end_at: dice.one_in(2).then(|| dice.within(1, 20)),
            job_faults,
            interruptions,
            streams,
            messages,
            // Without a choice, so that seeds that once failed are what they were.
            keeps_successes: seed.is_multiple_of(2),
        }
    }

    /// The faults of requests and jobs. Those of rows are the same for every seed.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.job_faults.iter().cloned().map(Fault::from).collect();
        if let Some(nth) = self.sessions_end_at {
            faults.push(RequestFault::new(Endpoint::JobInfo, Effect::SessionsEnded).starting_at(nth).into());
        }
        faults.extend(self.lost_answers.iter().map(|LostAnswer { endpoint, nth }| {
            RequestFault::new(*endpoint, Effect::LostAnswer).starting_at(*nth).into()
        }));
        faults.push(RandomFaults::new(self.fault_rate, self.seed).into());
        faults
    }
}

impl PlannedStream {
    fn random(index: usize, size: &CatalogSize, dice: &mut Dice) -> Self {
        use Operation::{Delete, FindOrCreate, Insert, Update, Upsert};
        let operation = dice.one_of(&[Insert, Insert, Upsert, Upsert, Update, Delete, FindOrCreate, FindOrCreate]);
        let records = dice.within(size.records.start, size.records.end);
        // In an upsert or an update, several records of the stream share a key, and some may be deletes.
        let repeats_keys = matches!(operation, Upsert | Update | FindOrCreate);
        let distinct_keys = if repeats_keys { records.div_ceil(3) } else { records };
        let key = |number: usize| format!("s{index}-{number:03}");
        let keys: Vec<String> = match repeats_keys {
            true => (0..records).map(|_| key(dice.within(0, distinct_keys))).collect(),
            false => (0..records).map(key).collect(),
        };
        let target = &TARGETS[dice.within(0, TARGETS.len())];
        let mut deleted: Vec<bool> = Vec::new();
        if repeats_keys && dice.one_in(2) {
            // A record that is deleted does not come back under its id.
            let may_be = |place: usize| operation != Update || !keys[place + 1..].contains(&keys[place]);
            deleted.extend((0..records).map(|place| dice.one_in(3) && may_be(place)));
        }
        Self { name: format!("s{index}"), operation, target, keys, deleted }
    }

    /// Whether the source has deleted this version of a record.
    pub(super) fn is_deleted(&self, version: usize) -> bool {
        self.deleted.get(version - 1).copied().unwrap_or_default()
    }

    /// The keys of the records that the org has before the first sync.
    pub(super) fn keys_before(&self) -> impl Iterator<Item = &String> {
        // Deletes find records that a sync has created, and others.
        let is_there = move |key: &&String| match self.operation {
            Operation::Update | Operation::Delete => true,
            Operation::Upsert | Operation::FindOrCreate => !self.deleted.is_empty() && key.ends_with(['1', '4', '7']),
            Operation::Insert => false,
        };
        self.keys.iter().filter(is_there)
    }
}

/// The records of all streams in a random order, with states between them and at the end.
fn interleave(streams: &[PlannedStream], is_global: bool, dice: &mut Dice) -> Vec<SourceMessage> {
    let mut left: Vec<usize> = streams.iter().map(|stream| stream.keys.len()).collect();
    let mut messages = Vec::new();
    let state_of = |stream| if is_global { SourceMessage::GlobalState } else { SourceMessage::StreamState(stream) };
    let records_per_state = dice.within(5, 60);
    while left.iter().any(|records| *records > 0) {
        let stream = dice.within(0, streams.len());
        if left[stream] == 0 {
            continue;
        }
        left[stream] -= 1;
        messages.push(SourceMessage::Record(stream));
        if dice.one_in(records_per_state) {
            messages.push(state_of(stream));
        }
    }
    messages.extend((0..if is_global { 1 } else { streams.len() }).map(state_of));
    messages
}

impl LostAnswer {
    fn random(dice: &mut Dice) -> Self {
        let endpoint = dice.one_of(&[Endpoint::JobCreate, Endpoint::JobUpload, Endpoint::JobPatch]);
        Self { endpoint, nth: dice.within(1, 8) }
    }
}

fn random_nature(dice: &mut Dice) -> Nature {
    Nature {
        blanks_echoes: dice.one_in(2),
        respells_results: dice.one_in(2),
        pages_results: dice.one_in(2),
        mixes_records: dice.one_in(2),
        cuts_query_pages: dice.within(0, 2),
        compresses_results: true,
        results_lag: dice.within(0, 4),
        status_lag: dice.one_of(&[0, 0, 1, 3]),
        counts_lag: 0,
        saves_late: dice.within(0, 3),
        varies_lost_sessions: dice.one_in(2),
        slows_answers: dice.one_in(2),
    }
}

/// A fault of a job, after which the org may go on to save rows.
fn random_job_fault(object: &str, dice: &mut Dice) -> Option<JobFault> {
    let late = (dice.within(0, 3), Duration::from_millis(dice.one_of(&[20, 100, 300])));
    Some(match dice.within(0, 8) {
        0 => JobFault::failed(object, dice.within(0, 2), "TooManyLockFailure : Too many lock failures")
            .saves_late(late.0, late.1),
        1 => JobFault::aborted(object, dice.within(0, 2)).saves_late(late.0, late.1),
        2 => JobFault::completed(object, 0),
        3 => JobFault::miscounted(object, 1, 0),
        4 => JobFault::failed(object, 0, "Timeout : took too long").omit_unprocessed_rows(),
        _ => return None,
    })
}
