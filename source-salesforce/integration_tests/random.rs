//! Random faults, kills and stops: whatever happens, no record is missing or changed, and a kill repeats at most one page.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use salesforce_sim::{Effect, Endpoint, Nature, QueryJobFault, RandomFaults, RequestFault, Settings};
use serde_json::{Value, json};

use crate::connector::{Connector, Run, Signal};
use crate::platform::Platform;
use crate::sample::{SAMPLES, Sample, Sampled, is_equal};
use crate::sign_in::{credentials, flows, with};
use crate::world::{World, blocking, catalog, in_sync};

/// The syncs of a test run. More are tried with `SOURCE_SALESFORCE_SEEDS=1000`, and others with `1000..2000`.
const SEEDS: Range<u64> = 0..12;

/// The attempts of a sync: those that are ended at a random moment, those with faults, and all.
const ENDED: usize = 6;
const FAULTY: usize = 9;
const ATTEMPTS: usize = 12;

/// The shares of requests with a fault.
const RATES: [f64; 4] = [0.0, 0.03, 0.1, 0.2];

fn seeds() -> Range<u64> {
    let text = std::env::var("SOURCE_SALESFORCE_SEEDS").unwrap_or_default();
    let number = |text: &str| text.parse::<u64>().ok();
    match text.split_once("..") {
        Some((first, end)) => number(first).zip(number(end)).map_or(SEEDS, |(first, end)| first..end),
        None => number(&text).map_or(SEEDS, |end| 0..end),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_missing_or_changed_after_random_faults_kills_and_stops() {
    for seed in seeds() {
        Sync::new(seed).await.run().await;
    }
}

/// A stream of a sync.
struct Stream {
    sample: &'static Sample,
    /// The selected columns; none for all.
    columns: Vec<String>,
    /// Its entry in the configuration.
    settings: Option<Value>,
    expected: BTreeMap<String, Sampled>,
}

/// A sync of several streams, in attempts.
struct Sync {
    seed: u64,
    random: Rng,
    world: World,
    streams: Vec<Stream>,
    changes: Value,
    /// The most records of a page.
    page: usize,
    has_faults: bool,
    /// Whether an answer with a new refresh token can have been lost.
    may_lose_token: bool,
}

impl Sync {
    async fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let nature = match random.u8(..4) {
            0 => Nature::kind(),
            1 => Nature::harsh(),
            // Status answers that lag take a second of waiting each.
            _ => Nature { status_lag: 0, ..Nature::harsh() },
        };
        let page = random.usize(1..40);
        let flow = flows()[random.usize(..4)].clone();
        let rotate_refresh_tokens = random.bool();
        let settings = Settings {
            nature,
            seed,
            query_page: page,
            rotate_refresh_tokens,
            credentials: credentials(),
            ..Settings::default()
        };
        let world = World::with(settings).await.hastened(300);
        let streams: Vec<Stream> = random
            .choose_multiple(SAMPLES.iter(), 3)
            .into_iter()
            .map(|sample| Stream::new(sample, &world, &mut random))
            .collect();
        let settings_of_streams: Vec<&Value> = streams.iter().filter_map(|stream| stream.settings.as_ref()).collect();
        let api = ["bulk", "bulk", "rest", "auto"][random.usize(..4)];
        let changes = with(
            flow,
            json!({
                "api": api,
                "max_parallel_streams": random.usize(1..=3),
                "streams": settings_of_streams,
            }),
        );
        // The pages that the org lists have this size too, so they are read at the same time.
        let listed = json!({"max_page_rows": page, "max_parallel_pages": random.usize(2..=5)});
        let (changes, page) = match random.u8(..3) {
            // A page can have all records.
            0 => (changes, usize::MAX),
            1 => (with(changes, listed), page),
            _ => (with(changes, json!({"max_page_rows": page})), page),
        };
        let mut sync = Self { seed, random, world, streams, changes, page, has_faults: false, may_lose_token: false };
        sync.inject_faults();
        sync
    }

    fn inject_faults(&mut self) {
        let rate = RATES[self.random.usize(..RATES.len())];
        if rate > 0.0 {
            self.has_faults = true;
            self.may_lose_token = true;
            self.world.org.inject(RandomFaults::new(rate, self.seed).of_reading());
        }
        for stream in &self.streams {
            if self.random.u8(..3) == 0 {
                self.has_faults = true;
                self.world.org.inject(job_fault(stream.sample.object, &mut self.random));
            }
        }
        if self.random.bool() {
            let nth = self.random.usize(1..10);
            let endpoint =
                [Endpoint::QueryJobResults, Endpoint::QueryMore, Endpoint::QueryJobInfo][self.random.usize(..3)];
            self.world.org.inject(RequestFault::new(endpoint, Effect::SessionsEnded).starting_at(nth));
        }
    }

    async fn run(mut self) {
        let mut platform = Platform::default();
        for attempt in 0..ATTEMPTS {
            if attempt == FAULTY {
                self.world.org.clear_faults();
            }
            let what = format!("seed {}, attempt {attempt}", self.seed);
            let run = self.attempt(attempt, &platform.states()).await;
            let beginnings = platform.take(&run, self.page, &what);
            assert!(beginnings == 0 || self.has_faults, "{what}: begins anew without a fault");
            self.keep_refresh_token(&run, &what);
            if run.exit_code == 0 {
                return self.check(&platform);
            }
        }
        panic!("seed {}: never complete", self.seed);
    }

    /// Runs the connector, maybe not to its end.
    async fn attempt(&mut self, attempt: usize, states: &Value) -> Run {
        let streams: Vec<(&str, Vec<&str>)> = self
            .streams
            .iter()
            .map(|stream| (stream.sample.object, stream.columns.iter().map(String::as_str).collect()))
            .collect();
        let streams: Vec<(&str, &[&str])> = streams.iter().map(|(name, columns)| (*name, &columns[..])).collect();
        let connector = self.world.start_read(self.changes.clone(), &in_sync(catalog(&streams), 7, 3), states);
        let end = if attempt < ENDED { self.random.u8(..5) } else { 0 };
        if end == 0 {
            return blocking(move || connector.wait()).await;
        }
        let signal = if self.random.bool() { Signal::Kill } else { Signal::Terminate };
        self.may_lose_token |= signal == Signal::Kill;
        let (records, states) = (self.random.usize(1..60), self.random.usize(1..8));
        let time = Duration::from_millis(self.random.u64(..400));
        let end = move || match end {
            1 => connector.end_at("RECORD", records, signal),
            2 => end_after(connector, time, signal),
            _ => connector.end_at("STATE", states, signal),
        };
        blocking(end).await
    }

    /// Passes a new refresh token to the next attempt. A user connects the account again if it got lost.
    fn keep_refresh_token(&mut self, run: &Run, what: &str) {
        if let Some(config) = run.configs().last() {
            self.changes["refresh_token"] = config["refresh_token"].clone();
        }
        let is_refused = run.errors().any(|error| {
            error["failure_type"] == "config_error" && error["message"].as_str().unwrap().contains("refresh token")
        });
        if is_refused {
            assert!(self.may_lose_token, "{what}: the refresh token is lost without a kill and without a fault");
            self.changes = with(self.changes.clone(), flows()[1].clone());
        }
    }

    /// Compares each field of each record with the org.
    fn check(&self, platform: &Platform) {
        for stream in &self.streams {
            let (seed, object, key) = (self.seed, stream.sample.object, stream.sample.key);
            assert!(platform.is_complete(object), "seed {seed}: {object} is not complete");
            let records = platform.records(object);
            let mut keys: Vec<&str> = records.iter().map(|record| record[key].as_str().unwrap()).collect();
            keys.sort_unstable();
            let expected: Vec<&str> = stream.expected.keys().map(String::as_str).collect();
            assert_eq!(keys, expected, "seed {seed}: the records of {object}");
            for record in records {
                stream.check(record, &format!("seed {seed}: {object}"));
            }
        }
    }
}

impl Stream {
    fn new(sample: &'static Sample, world: &World, random: &mut Rng) -> Self {
        let count = [0, 1, random.usize(2..20), random.usize(20..120), random.usize(20..120)][random.usize(..5)];
        let mut expected = sample.insert(&world.org, count, random);
        let mut columns = Vec::new();
        // A few columns, or all.
        if random.u8(..4) > 0 {
            let known = sample.columns();
            let most = random.usize(..=known.len());
            columns = random.choose_multiple(known, most);
            columns.push(sample.key.to_owned());
        }
        if sample.object == "Attachment" {
            // The Bulk API refuses it, whatever the configuration says of all streams.
            return Self { sample, columns, settings: Some(json!({"stream": sample.object, "api": "auto"})), expected };
        }
        let settings = sample.flag.filter(|_| random.u8(..3) == 0).map(|flag| {
            expected.retain(|_, record| record.is_flagged);
            json!({"stream": sample.object, "filter": format!("{flag} = true")})
        });
        Self { sample, columns, settings, expected }
    }

    fn check(&self, record: &Value, what: &str) {
        let key = record[self.sample.key].as_str().unwrap();
        let sampled = &self.expected[key].expected;
        for (name, expected) in sampled {
            if self.columns.is_empty() || self.columns.contains(name) {
                assert!(is_equal(&record[name], expected), "{what} {key} {name}: {} of {expected}", record[name]);
            }
        }
        let count = record.as_object().unwrap().len();
        assert!(self.columns.is_empty() || count == self.columns.len(), "{what} {key}: {count} columns");
    }
}

/// Lets the connector run for a time.
fn end_after(connector: Connector, time: Duration, signal: Signal) -> Run {
    std::thread::sleep(time);
    connector.end(signal)
}

/// A fault of the next query job of an object.
fn job_fault(object: &str, random: &mut Rng) -> QueryJobFault {
    let wrong = if random.bool() { 1 } else { -1 };
    match random.u8(..8) {
        0 => QueryJobFault::failed(object, "InternalServerError : try again"),
        1 => QueryJobFault::failed(object, "").after_rows(1),
        2 => QueryJobFault::aborted(object),
        3 => QueryJobFault::uncounted(object),
        4 => QueryJobFault::miscounted(object, wrong),
        5 => QueryJobFault::miscounted_pages(object, wrong),
        6 => QueryJobFault::row_repeated(object),
        _ => QueryJobFault::row_left_out(object),
    }
}
