//! Runs a scenario: syncs that are ended from outside, each beginning after the last state of the one before, and one
//! that comes to its end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use salesforce_sim::{JobState, RowFault, Settings};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::scenario::{End, Item, Operation, Scenario, StreamOf, TARGETS};
use super::snapshot::Snapshot;
use crate::connector::Connection;
use crate::protocol_model::State;
use crate::world::{World, blocking, catalog, complete, merged, record, state, stream, until};

/// After so many syncs nothing goes wrong any more, so that the next one comes to its end.
const TROUBLED_SYNCS: usize = 4;

/// Longer than any sync of these takes; the longest waits are those before rows are sent again, 107 s together.
const PATIENCE: Duration = Duration::from_secs(400);

struct Syncs {
    scenario: Scenario,
    world: World,
    /// The ids of records that are updated and deleted, by their keys, and the other way round.
    ids: HashMap<String, String>,
    keys: HashMap<String, String>,
}

/// Runs a scenario; tells how many syncs it took.
pub(super) async fn run(scenario: Scenario) -> usize {
    let settings = Settings { time_per_chunk: scenario.time_per_chunk, seed: scenario.seed, ..Settings::default() };
    let world = World::with(settings).await;
    let (ids, keys) = (HashMap::new(), HashMap::new());
    let mut syncs = Syncs { scenario, world, ids, keys };
    syncs.prepare();
    let syncs = Arc::new(syncs);
    let mut acknowledged = vec![0; syncs.scenario.streams.len()];
    for sync in 1..TROUBLED_SYNCS + 2 {
        if sync > TROUBLED_SYNCS {
            syncs.world.org.clear_faults();
            syncs.refuse_rows();
        }
        let at = format!("seed {}, sync {sync}", syncs.scenario.seed);
        let end = syncs.scenario.ends.get(sync - 1).copied();
        let one = Arc::clone(&syncs).sync(sync, acknowledged.clone(), end, at.clone());
        let outcome = tokio::time::timeout(PATIENCE, one).await.unwrap_or_else(|_| panic!("{at}: no end"));
        let is_done = |state: JobState| state == JobState::Open || state.is_final();
        until(|| syncs.world.org.jobs().iter().all(|job| is_done(job.state))).await;

        let snapshot = Snapshot::of(&syncs.world, &syncs.keys);
        for stream in &syncs.scenario.streams {
            let doubled = snapshot.doubled(stream, sync);
            assert!(doubled.is_empty(), "{at}: {} {:?}: {doubled:?}", stream.name, stream.operation);
        }
        acknowledged = outcome.acknowledged;
        if outcome.is_complete {
            for (stream, acknowledged) in syncs.scenario.streams.iter().zip(&acknowledged) {
                assert_eq!(*acknowledged, stream.keys.len(), "{at}: the last state of {}", stream.name);
                let missing: Vec<usize> =
                    (1..=stream.keys.len()).filter(|version| !snapshot.has(stream, *version)).collect();
                assert!(missing.is_empty(), "{at}: {} {:?} lacks {missing:?}", stream.name, stream.operation);
            }
            return sync;
        }
    }
    panic!("seed {}: without faults the sync does not come to its end", syncs.scenario.seed);
}

struct Outcome {
    /// How many entries of each stream are acknowledged.
    acknowledged: Vec<usize>,
    is_complete: bool,
}

fn is_refused(key: &str) -> bool {
    key.ends_with('7')
}

impl Syncs {
    /// Puts the records that are updated and deleted into the org, and sets its faults.
    fn prepare(&mut self) {
        for stream in &self.scenario.streams {
            if !matches!(stream.operation, Operation::Update | Operation::Delete) {
                continue;
            }
            for key in stream.keys.iter().collect::<HashSet<_>>() {
                let id = self.world.org.insert(stream.target.object, &[(stream.target.key, key)]).unwrap();
                self.keys.insert(id.clone(), key.clone());
                self.ids.insert(key.clone(), id);
            }
        }
        self.refuse_rows();
        self.scenario.faults().into_iter().for_each(|fault| self.world.org.inject(fault));
    }

    /// Refuses some records for good, and some once because they are locked.
    fn refuse_rows(&self) {
        for target in &TARGETS {
            let keys = self.keys.clone();
            let key_of = move |row: &salesforce_sim::UploadedRow<'_>| {
                row.get(target.key).map(str::to_owned).or_else(|| keys.get(row.get("Id")?).cloned())
            };
            let of = key_of.clone();
            let rule = RowFault::new(target.object, "FIELD_CUSTOM_VALIDATION_EXCEPTION:The \"seventh\", too:Name --");
            self.world.org.inject(rule.when(move |row| of(row).is_some_and(|key| is_refused(&key))));
            let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
            let is_locked =
                move |row: &salesforce_sim::UploadedRow<'_>| key_of(row).is_some_and(|key| key.ends_with("04"));
            self.world.org.inject(RowFault::new(target.object, lock).when(is_locked).times(1));
        }
    }

    /// One sync, which begins after the entries that are acknowledged.
    async fn sync(self: Arc<Self>, sync: usize, begin: Vec<usize>, end: Option<End>, at: String) -> Outcome {
        let scenario = &self.scenario;
        let config = self.world.config(json!({
            "batch_size_mb": scenario.batch_size as f64 / 100.0,
            "max_parallel_jobs": scenario.max_parallel_jobs,
            "flush_interval_minutes": scenario.flush_interval_minutes,
        }));
        let streams: Vec<Value> = scenario.streams.iter().map(configured).collect();
        let lines = self.lines(sync, &begin);
        let before = self.world.org.requests().len();
        let begun = Instant::now();
        self.world.store.set_away(sync == 1 && !scenario.bucket_away.is_zero());

        let mut connection = Connection::open(&config, &catalog(&streams));
        let process = connection.process_id();
        let syncs = Arc::clone(&self);
        let reader = tokio::spawn(blocking(move || {
            let writer = connection.feed(lines);
            let mut acknowledged = begin;
            while let Some(state) = connection.next_state_if_any() {
                syncs.hold(&state, &mut acknowledged, &at);
            }
            (connection, writer, acknowledged, at)
        }));
        let is_due = |end: End| self.world.org.requests().len() >= before + end.requests;
        while !reader.is_finished() && !end.is_some_and(is_due) {
            if begun.elapsed() >= scenario.bucket_away {
                self.world.store.set_away(false);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.world.store.set_away(false);
        if let Some(End { signal, .. }) = end {
            // Nobody has asked for its end yet, so it has its number still.
            let killed = std::process::Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
            assert!(killed.success());
        }
        let (connection, writer, acknowledged, at) = reader.await.unwrap();
        let run = blocking(move || {
            writer.join().unwrap();
            connection.wait()
        });
        let run = run.await;
        // Of a process that was killed there is no exit code.
        if run.exit_code > 0 {
            assert_eq!(run.failure().0, "transient_error", "{at}: {}", run.failure().1);
        }
        Outcome { acknowledged, is_complete: run.exit_code == 0 }
    }

    /// Holds a state that has just come against the org and the bucket.
    fn hold(&self, state: &State, acknowledged: &mut [usize], at: &str) {
        let snapshot = Snapshot::of(&self.world, &self.keys);
        let (scope, sent) = self.before(state.id() as usize);
        let mut records = 0;
        for (index, stream) in self.scenario.streams.iter().enumerate() {
            if scope.is_some_and(|scope| scope != index) {
                continue;
            }
            assert!(acknowledged[index] <= sent[index], "{at}: {} goes back", stream.name);
            records += sent[index] - acknowledged[index];
            acknowledged[index] = sent[index];
            for version in 1..=sent[index] {
                let (name, operation) = (&stream.name, stream.operation);
                assert!(snapshot.has(stream, version), "{at}: {name} {operation:?} {version} is acknowledged and lost");
            }
        }
        let (written, rejected) = state.counts();
        assert_eq!(written + rejected, records as u64, "{at}: the counts of {:?}", state.rest);
    }

    /// The scope of the state that is the given item, and how many entries of each stream come before it.
    fn before(&self, item: usize) -> (Option<usize>, Vec<usize>) {
        let Item::State(scope) = self.scenario.items[item] else { panic!("no state: {item}") };
        let mut sent = vec![0; self.scenario.streams.len()];
        for item in &self.scenario.items[..item] {
            if let Item::Entry(stream) = item {
                sent[*stream] += 1;
            }
        }
        (scope, sent)
    }

    /// What the source sends when so many entries of each stream are acknowledged.
    fn lines(&self, sync: usize, begin: &[usize]) -> Vec<String> {
        let mut sent = vec![0; self.scenario.streams.len()];
        let mut lines = Vec::new();
        for (number, item) in self.scenario.items.iter().enumerate() {
            match *item {
                Item::Entry(stream) => {
                    sent[stream] += 1;
                    if sent[stream] > begin[stream] {
                        let (of, version) = (&self.scenario.streams[stream], sent[stream]);
                        lines.push(record(&of.name, self.entry(of, version, sync)));
                    }
                }
                Item::State(Some(stream)) if sent[stream] >= begin[stream] => {
                    lines.push(state(&self.scenario.streams[stream].name, number as u64));
                }
                Item::State(None) if sent.iter().zip(begin).all(|(sent, begin)| sent >= begin) => {
                    lines.push(global_state(number));
                }
                Item::State(_) => {}
            }
        }
        lines.extend(self.scenario.streams.iter().map(|stream| complete(&stream.name)));
        lines
    }

    fn entry(&self, stream: &StreamOf, version: usize, sync: usize) -> Value {
        let (target, key) = (stream.target, &stream.keys[version - 1]);
        let id = self.ids.get(key);
        let own = match stream.operation {
            Operation::Delete => return json!({"Id": id}),
            // Salesforce cannot take this text, so the record is refused before it is sent.
            Operation::Insert if key.ends_with('3') => json!({target.key: key, "Description": "#N/A"}),
            Operation::Insert => json!({target.key: key, "Description": "x".repeat(400)}),
            Operation::Upsert => json!({target.key: key, "External_Id__c": key, "Description": "x".repeat(400)}),
            Operation::Update => json!({"Id": id, "Description": "x".repeat(400)}),
        };
        merged(own, json!({target.version: version.to_string(), target.sync: sync.to_string()}))
    }
}

/// A stream of the catalog.
fn configured(of: &StreamOf) -> Value {
    let target = of.target;
    let (mode, key, own): (_, _, &[&str]) = match of.operation {
        Operation::Insert => ("append", None, &[target.key]),
        Operation::Upsert => ("append_dedup", Some("External_Id__c"), &[target.key, "External_Id__c"]),
        Operation::Update => ("update", Some("Id"), &["Id"]),
        Operation::Delete => ("soft_delete", Some("Id"), &["Id"]),
    };
    let more: &[&str] =
        if of.operation == Operation::Delete { &[] } else { &["Description", target.version, target.sync] };
    let fields: Vec<(&str, &str)> = own.iter().chain(more).map(|field| (*field, "string")).collect();
    let mut stream = stream(&of.name, target.object, &fields);
    let keys: Map<String, Value> = key.map(|key| ("primary_key".to_owned(), json!([[key]]))).into_iter().collect();
    merged(stream.take(), merged(json!({"destination_sync_mode": mode}), Value::Object(keys)))
}

fn global_state(number: usize) -> String {
    let state = json!({"type": "GLOBAL", "global": {"stream_states": []}, "id": number});
    json!({"type": "STATE", "state": state}).to_string()
}
