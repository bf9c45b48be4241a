//! What a seed decides.

use std::time::Duration;

use salesforce_sim::{Effect, Endpoint, Fault, JobFault, Random, RandomFaults, RequestFault};

/// Decides by the numbers of a seed.
struct Dice(Random);

impl Dice {
    /// One of the numbers from `first` to before `end`.
    fn within(&mut self, first: usize, end: usize) -> usize {
        first + usize::try_from(self.0.below((end - first) as u64)).unwrap()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.within(0, choices.len())]
    }

    /// True in one of so many cases.
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
}

/// An object, and what its fields are used for here.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) object: &'static str,
    /// Holds the key of a record.
    pub(super) key: &'static str,
    /// Holds which of the entries of the stream was the last to say something of the record.
    pub(super) version: &'static str,
    /// Holds which sync wrote the record.
    pub(super) sync: &'static str,
}

pub(super) const TARGETS: [Target; 2] = [
    Target { object: "Contact", key: "LastName", version: "Title", sync: "Department" },
    Target { object: "Account", key: "Name", version: "AccountNumber", sync: "Sic" },
];

/// A stream with its entries; their place, counted from 1, is their version.
#[derive(Debug)]
pub(super) struct StreamOf {
    pub(super) name: String,
    pub(super) operation: Operation,
    pub(super) target: &'static Target,
    pub(super) keys: Vec<String>,
}

/// What the source sends, in this order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item {
    /// The next entry of a stream.
    Entry(usize),
    /// A state of a stream, or of all.
    State(Option<usize>),
}

/// How a sync is ended from outside, when the org has seen so many of its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) signal: &'static str,
    pub(super) requests: usize,
}

#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) seed: u64,
    pub(super) streams: Vec<StreamOf>,
    pub(super) items: Vec<Item>,
    /// In 10,000 bytes, so that some entries fill a batch.
    pub(super) batch_size: usize,
    pub(super) max_parallel_jobs: usize,
    pub(super) flush_interval_minutes: f64,
    pub(super) time_per_chunk: Duration,
    /// How long the bucket is away when the first sync begins.
    pub(super) bucket_away: Duration,
    fault_rate: f64,
    ends_sessions_at: Option<usize>,
    /// Which answers are lost for certain: those to the calls on which it depends that nothing is done twice.
    lost: Vec<(Endpoint, usize)>,
    job_faults: Vec<JobFault>,
    /// How the first syncs are ended.
    pub(super) ends: Vec<End>,
}

impl Scenario {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice(Random::new(seed));
        let is_global = dice.one_in(4);
        let streams: Vec<_> = (0..dice.within(1, 5)).map(|index| StreamOf::decided(index, &mut dice)).collect();
        let items = interleaved(&streams, is_global, &mut dice);
        let ends = (0..dice.one_of(&[0, 1, 1, 2, 3])).map(|_| {
            let signal = dice.one_of(&["-KILL", "-KILL", "-KILL", "-TERM", "-INT"]);
            let before = dice.one_of(&[15, 40, 80]);
            End { signal, requests: dice.within(2, before) }
        });
        let ends = ends.collect();
        // With more than one an object, rows wait for minutes before they are sent again.
        let job_faults = TARGETS.iter().filter_map(|target| job_fault(target.object, &mut dice)).collect();
        Self {
            seed,
            batch_size: dice.one_of(&[1, 1, 1, 2, 100]),
            max_parallel_jobs: dice.within(1, 7),
            flush_interval_minutes: dice.one_of(&[0.001, 15.0]),
            time_per_chunk: Duration::from_millis(dice.one_of(&[0, 20, 200])),
            bucket_away: Duration::from_millis(dice.one_of(&[0, 0, 0, 2_000])),
            fault_rate: dice.one_of(&[0.0, 0.05, 0.1, 0.2]),
            lost: (0..dice.within(0, 4)).map(|_| lost(&mut dice)).collect(),
            ends_sessions_at: dice.one_in(2).then(|| dice.within(1, 20)),
            job_faults,
            ends,
            streams,
            items,
        }
    }

    /// What goes wrong with requests and jobs; with rows it does so always.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.job_faults.iter().cloned().map(Fault::from).collect();
        if let Some(nth) = self.ends_sessions_at {
            faults.push(RequestFault::new(Endpoint::JobInfo, Effect::SessionsEnded).starting_at(nth).into());
        }
        let lost = |(endpoint, nth): &(Endpoint, usize)| {
            RequestFault::new(*endpoint, Effect::LostAnswer).starting_at(*nth).into()
        };
        faults.extend(self.lost.iter().map(lost));
        faults.push(RandomFaults::new(self.fault_rate, self.seed).into());
        faults
    }
}

impl StreamOf {
    fn decided(index: usize, dice: &mut Dice) -> Self {
        use Operation::{Delete, Insert, Update, Upsert};
        let operation = dice.one_of(&[Insert, Insert, Upsert, Update, Delete]);
        let entries = dice.within(40, 240);
        // An entry of an upsert or an update means a record that others mean as well.
        let records = if matches!(operation, Upsert | Update) { entries.div_ceil(3) } else { entries };
        let key = |number: usize| format!("s{index}-{number:03}");
        let keys = match operation {
            Upsert | Update => (0..entries).map(|_| key(dice.within(0, records))).collect(),
            Insert | Delete => (0..entries).map(key).collect(),
        };
        Self { name: format!("s{index}"), operation, target: &TARGETS[dice.within(0, TARGETS.len())], keys }
    }
}

/// The entries of the streams in a mixed order, with states among them and at the end.
fn interleaved(streams: &[StreamOf], is_global: bool, dice: &mut Dice) -> Vec<Item> {
    let mut left: Vec<usize> = streams.iter().map(|stream| stream.keys.len()).collect();
    let mut items = Vec::new();
    let state_of = |stream: usize| Item::State((!is_global).then_some(stream));
    let states_are_far = dice.within(5, 60);
    while left.iter().any(|entries| *entries > 0) {
        let stream = dice.within(0, streams.len());
        if left[stream] == 0 {
            continue;
        }
        left[stream] -= 1;
        items.push(Item::Entry(stream));
        if dice.one_in(states_are_far) {
            items.push(state_of(stream));
        }
    }
    items.extend((0..if is_global { 1 } else { streams.len() }).map(state_of));
    items
}

fn lost(dice: &mut Dice) -> (Endpoint, usize) {
    (dice.one_of(&[Endpoint::JobCreate, Endpoint::JobUpload, Endpoint::JobPatch]), dice.within(1, 8))
}

fn job_fault(object: &str, dice: &mut Dice) -> Option<JobFault> {
    Some(match dice.within(0, 8) {
        0 => JobFault::failed(object, dice.within(0, 2), "TooManyLockFailure : Too many lock failures"),
        1 => JobFault::aborted(object, dice.within(0, 2)),
        2 => JobFault::completed(object, 0),
        3 => JobFault::miscounted(object, 1, 0),
        4 => JobFault::failed(object, 0, "Timeout : took too long").omit_unprocessed_rows(),
        _ => return None,
    })
}
