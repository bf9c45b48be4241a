//! Runs a scenario: syncs until one succeeds, each from the last state that came back.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use destination_salesforce::convert::{row_hash, write_row};
use salesforce_sim::{RowFault, Settings, UploadedRow};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::scenario::{Interruption, Operation, PlannedStream, Scenario, SourceMessage, TARGETS};
use super::snapshot::{MARK, Origin, Snapshot};
use super::{contents, kept_ids, values};
use crate::connector::{Signal, send_signal};
use crate::protocol_model::{Counts, State};
use crate::world::{World, blocking, catalog, complete, merge, record, state, stream};

/// The syncs after these run without faults, so that the next one succeeds.
const SYNCS_WITH_FAULTS: usize = 4;

/// Longer than the longest sync, which waits 107 s in all before it sends rows again.
const SYNC_TIMEOUT: Duration = Duration::from_secs(400);

/// The number of the sync in every insert.
const INSERT_SYNC: &str = "0";

struct ScenarioRun {
    scenario: Scenario,
    world: World,
    /// The ids of the records that the org has before the first sync, by key.
    ids_by_key: HashMap<String, String>,
    keys_by_id: HashMap<String, String>,
}

/// How many records of each stream are acknowledged.
type Acknowledged = Vec<usize>;

/// A sync of a scenario.
struct Sync {
    /// Counted from 1.
    number: usize,
    /// What earlier syncs acknowledged.
    start: Acknowledged,
    interruption: Option<Interruption>,
    /// The seed and the number, for failures.
    label: String,
}

struct Outcome {
    acknowledged: Acknowledged,
    has_succeeded: bool,
}

/// What a scenario took.
pub(super) struct Summary {
    pub(super) syncs: usize,
    /// Inserts that are there twice after a kill between the removal of their entry and their state.
    pub(super) excused: usize,
}

/// Runs a scenario.
pub(super) async fn run(scenario: Scenario) -> Summary {
    let settings = Settings { time_per_chunk: scenario.time_per_chunk, seed: scenario.seed, ..Settings::default() };
    let world = World::of_nature(scenario.nature, settings).await;
    let mut run = ScenarioRun { scenario, world, ids_by_key: HashMap::new(), keys_by_id: HashMap::new() };
    run.prepare();
    let run = Arc::new(run);
    let mut acknowledged = vec![0; run.scenario.streams.len()];
    let mut in_doubt = HashSet::new();
    for number in 1..SYNCS_WITH_FAULTS + 2 {
        if number > SYNCS_WITH_FAULTS {
            run.world.org.clear_faults();
            run.reject_rows();
        }
        let label = format!("seed {}, sync {number}", run.scenario.seed);
        let interruption = run.scenario.interruptions.get(number - 1).copied();
        let sync = Sync { number, start: acknowledged, interruption, label: label.clone() };
        let outcome = tokio::time::timeout(SYNC_TIMEOUT, Arc::clone(&run).sync(sync)).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("{label}: no end"));
        acknowledged = outcome.acknowledged;
        if outcome.has_succeeded {
            run.world.wait_for_jobs().await;
            let entries = run.world.journal();
            assert!(entries.is_empty(), "{label}: {} entries are left", entries.len());
        } else if interruption.is_some_and(|interruption| matches!(interruption.signal, Signal::Kill)) {
            in_doubt.extend(run.without_entry(&acknowledged));
        }

        contents::check_org(&run.world, &run.scenario.streams, &label);
        contents::check_bucket(&run.world, &run.scenario.streams, &run.keys_by_id, &label);
        let snapshot = Snapshot::take(&run.world, &run.keys_by_id);
        for stream in &run.scenario.streams {
            let doubled = snapshot.doubled(stream, number, &in_doubt);
            assert!(doubled.is_empty(), "{label}: {} {:?}: {doubled:?}", stream.name, stream.operation);
        }
        if outcome.has_succeeded {
            for (stream, acknowledged) in run.scenario.streams.iter().zip(&acknowledged) {
                assert_eq!(*acknowledged, stream.keys.len(), "{label}: the last state of {}", stream.name);
                let missing: Vec<usize> =
                    (1..=stream.keys.len()).filter(|version| !snapshot.has(stream, *version)).collect();
                assert!(missing.is_empty(), "{label}: {} {:?} lacks {missing:?}", stream.name, stream.operation);
            }
            if run.scenario.keeps_successes {
                kept_ids::check(&run.world, &run.scenario.streams, &run.keys_by_id, &label);
            }
            let streams = run.scenario.streams.iter();
            let excused = streams.map(|stream| snapshot.inserted_twice(stream)).sum();
            return Summary { syncs: number, excused };
        }
    }
    panic!("seed {}: the sync without faults does not succeed", run.scenario.seed);
}

impl ScenarioRun {
    /// Inserts the records into the org that it has before the first sync, and injects its faults.
    fn prepare(&mut self) {
        for target in &TARGETS {
            values::custom_fields().into_iter().for_each(|field| self.world.org.add_field(target.object, field));
        }
        for stream in &self.scenario.streams {
            for key in stream.keys_before().collect::<HashSet<_>>() {
                let mut values = vec![(stream.target.key, key.as_str())];
                values.extend((stream.operation == Operation::Upsert).then_some(("External_Id__c", key.as_str())));
                let id = self.world.org.insert(stream.target.object, &values).unwrap();
                self.keys_by_id.insert(id.clone(), key.clone());
                self.ids_by_key.insert(key.clone(), id);
            }
        }
        self.reject_rows();
        self.scenario.faults().into_iter().for_each(|fault| self.world.org.inject(fault));
    }

    /// Rejects the keys that end in 7, and locks those that end in 04 once.
    fn reject_rows(&self) {
        for target in &TARGETS {
            let keys_by_id = self.keys_by_id.clone();
            let key_of = move |row: &UploadedRow<'_>| {
                row.get(target.key).map(str::to_owned).or_else(|| keys_by_id.get(row.get("Id")?).cloned())
            };
            let is_rejected = {
                let key_of = key_of.clone();
                move |row: &UploadedRow<'_>| key_of(row).is_some_and(|key| key.ends_with('7'))
            };
            let rejection = "FIELD_CUSTOM_VALIDATION_EXCEPTION:The \"seventh\", too:Name --";
            self.world.org.inject(RowFault::new(target.object, rejection).when(is_rejected));
            let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
            let is_locked = move |row: &UploadedRow<'_>| key_of(row).is_some_and(|key| key.ends_with("04"));
            self.world.org.inject(RowFault::new(target.object, lock).when(is_locked).times(1));
        }
    }

    /// The keys of the inserts after the acknowledged records that no entry of the journal has. If the org has one of
    /// them, its entry went away, and the process was killed before the state left.
    fn without_entry(&self, acknowledged: &Acknowledged) -> Vec<String> {
        let entries = self.world.journal();
        let hashes = entries.iter().flat_map(|(_, bytes)| {
            let rows = bytes.iter().position(|byte| *byte == b'\n').map_or(&[][..], |end| &bytes[end + 1..]);
            rows.as_chunks::<8>().0.iter().map(|hash| u64::from_le_bytes(*hash))
        });
        let hashes: HashSet<u64> = hashes.collect();
        let mut keys = Vec::new();
        for (stream, acknowledged) in self.scenario.streams.iter().zip(acknowledged) {
            if stream.operation != Operation::Insert {
                continue;
            }
            for version in acknowledged + 1..=stream.keys.len() {
                let key = &stream.keys[version - 1];
                let mut row = Vec::new();
                let values = values::of_version(stream, version);
                let values = values.iter().map(|sent| sent.held.as_str());
                write_row(
                    &mut row,
                    [key.as_str()].into_iter().chain(values).chain([&*version.to_string(), INSERT_SYNC]),
                );
                if !hashes.contains(&row_hash(&row)) {
                    keys.push(key.clone());
                }
            }
        }
        keys
    }

    async fn sync(self: Arc<Self>, sync: Sync) -> Outcome {
        let Sync { number, start, interruption, label } = sync;
        let scenario = &self.scenario;
        let config = json!({
            "batch_size_mb": scenario.batch_size as f64 / 100.0,
            "max_parallel_jobs": scenario.max_parallel_jobs,
            "keep_successes": scenario.keeps_successes,
            "flush_interval_minutes": scenario.flush_interval_minutes,
            "streams": scenario.streams.iter().filter_map(entry).collect::<Vec<_>>(),
        });
        let streams: Vec<Value> = scenario.streams.iter().map(configured_stream).collect();
        let lines = self.lines(number, &start);
        let requests_before = self.world.org.requests().len();
        let started = Instant::now();
        self.world.store.set_away(number == 1 && !scenario.bucket_outage.is_zero());

        let mut connector = self.world.start_write(config, &catalog(&streams));
        let process = connector.process_id();
        let run = Arc::clone(&self);
        let reader = tokio::spawn(blocking(move || {
            let writer = connector.send_in_background(lines);
            let mut acknowledged = start;
            while let Some(state) = connector.next_state_or_end() {
                run.check_state(&state, &mut acknowledged, &label);
            }
            (connector, writer, acknowledged, label)
        }));
        let is_due = |interruption: Interruption| {
            self.world.org.requests().len() >= requests_before + interruption.after_requests
        };
        while !reader.is_finished() && !interruption.is_some_and(is_due) {
            if started.elapsed() >= scenario.bucket_outage {
                self.world.store.set_away(false);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.world.store.set_away(false);
        if let Some(Interruption { signal, .. }) = interruption {
            // Nobody has waited for the process yet, so its id is still its own.
            send_signal(process, signal);
        }
        let (connector, writer, acknowledged, label) = reader.await.unwrap();
        let run = blocking(move || {
            writer.join().unwrap();
            connector.wait()
        });
        let run = run.await;
        // The last request of a killed process may still change the journal.
        while self.world.store.is_connected() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // A killed process has no exit code.
        if run.exit_code > 0 {
            assert_eq!(run.failure().0, "transient_error", "{label}: {}", run.failure().1);
        }
        Outcome { acknowledged, has_succeeded: run.exit_code == 0 }
    }

    /// Checks a state that just came back: every record before it is in the org or in the bucket.
    fn check_state(&self, state: &State, acknowledged: &mut Acknowledged, label: &str) {
        let snapshot = Snapshot::take(&self.world, &self.keys_by_id);
        let place = state.id() as usize;
        let sent = self.records_before(place);
        let mut records = 0;
        for (index, stream) in self.scenario.streams.iter().enumerate() {
            match self.scenario.messages[place] {
                SourceMessage::Record(_) => panic!("{label}: message {place} is not a state"),
                SourceMessage::StreamState(scope) if scope != index => continue,
                SourceMessage::StreamState(_) | SourceMessage::GlobalState => {}
            }
            assert!(acknowledged[index] <= sent[index], "{label}: {} goes back", stream.name);
            records += sent[index] - acknowledged[index];
            acknowledged[index] = sent[index];
            for version in 1..=sent[index] {
                let (name, operation) = (&stream.name, stream.operation);
                assert!(
                    snapshot.has(stream, version),
                    "{label}: {name} {operation:?} {version} is acknowledged and lost"
                );
            }
        }
        let Counts { written, rejected } = state.counts();
        assert_eq!(written + rejected, records as u64, "{label}: the counts of {:?}", state.rest);
    }

    /// How many records of each stream the source sends before a message.
    fn records_before(&self, message: usize) -> Vec<usize> {
        let mut sent = vec![0; self.scenario.streams.len()];
        for message in &self.scenario.messages[..message] {
            if let SourceMessage::Record(stream) = message {
                sent[*stream] += 1;
            }
        }
        sent
    }

    /// What the source sends in a sync that starts after the acknowledged records.
    fn lines(&self, sync: usize, acknowledged: &Acknowledged) -> Vec<String> {
        let mut sent = vec![0; self.scenario.streams.len()];
        let mut lines = Vec::new();
        for (place, message) in self.scenario.messages.iter().enumerate() {
            match *message {
                SourceMessage::Record(index) => {
                    sent[index] += 1;
                    if sent[index] > acknowledged[index] {
                        let stream = &self.scenario.streams[index];
                        lines.push(record(&stream.name, self.record_data(stream, sent[index], sync)));
                    }
                }
                SourceMessage::StreamState(index) if sent[index] >= acknowledged[index] => {
                    lines.push(state(&self.scenario.streams[index].name, place as u64));
                }
                SourceMessage::GlobalState if sent.iter().zip(acknowledged).all(|(sent, start)| sent >= start) => {
                    lines.push(global_state(place));
                }
                SourceMessage::StreamState(_) | SourceMessage::GlobalState => {}
            }
        }
        lines.extend(self.scenario.streams.iter().map(|stream| complete(&stream.name)));
        lines
    }

    fn record_data(&self, stream: &PlannedStream, version: usize, sync: usize) -> Value {
        let (target, key) = (stream.target, &stream.keys[version - 1]);
        let id = self.ids_by_key.get(key);
        if stream.is_deleted(version) {
            let mark = Origin::mark(version, sync);
            return match stream.operation {
                Operation::Upsert => json!({"External_Id__c": key, MARK: mark}),
                Operation::FindOrCreate => json!({target.key: key, MARK: mark}),
                _ => json!({"Id": id, MARK: mark}),
            };
        }
        let data = match stream.operation {
            Operation::Delete => return json!({"Id": id}),
            Operation::Insert | Operation::FindOrCreate => json!({target.key: key}),
            Operation::Upsert => json!({target.key: key, "External_Id__c": key}),
            Operation::Update => json!({"Id": id}),
        };
        let sent = values::FIELDS.iter().zip(values::of_version(stream, version));
        let values: Map<String, Value> = sent.map(|((field, _), sent)| ((*field).to_owned(), sent.json)).collect();
        // A source sends an insert again with the same values.
        let sync = if stream.operation == Operation::Insert { INSERT_SYNC.to_owned() } else { sync.to_string() };
        let data = merge(data, Value::Object(values));
        merge(data, json!({target.version: version.to_string(), target.sync: sync}))
    }
}

/// The entry of a stream in the catalog.
fn configured_stream(planned: &PlannedStream) -> Value {
    let target = planned.target;
    let (mode, key, key_fields): (_, _, &[&str]) = match planned.operation {
        Operation::Insert => ("append", None, &[target.key]),
        Operation::Upsert => ("append_dedup", Some("External_Id__c"), &[target.key, "External_Id__c"]),
        Operation::Update => ("update", Some("Id"), &["Id"]),
        Operation::Delete => ("soft_delete", Some("Id"), &["Id"]),
        Operation::FindOrCreate => ("append", None, &[target.key]),
    };
    let mut fields: Vec<(&str, &str)> = key_fields.iter().map(|field| (*field, "string")).collect();
    if planned.operation != Operation::Delete {
        fields.extend(values::FIELDS);
        fields.extend([(target.version, "string"), (target.sync, "string")]);
    }
    fields.extend((!planned.deleted.is_empty()).then_some((MARK, "string")));
    let mut stream = stream(&planned.name, target.object, &fields);
    let keys: Map<String, Value> = key.map(|key| ("primary_key".to_owned(), json!([[key]]))).into_iter().collect();
    merge(stream.take(), merge(json!({"destination_sync_mode": mode}), Value::Object(keys)))
}

/// The entry of a stream in the configuration.
fn entry(planned: &PlannedStream) -> Option<Value> {
    let is_needed = planned.operation == Operation::FindOrCreate;
    let matching = json!({"fields": [planned.target.key]});
    is_needed.then(|| json!({"stream": planned.name, "operation": "upsert", "match": matching}))
}

fn global_state(id: usize) -> String {
    let state = json!({"type": "GLOBAL", "global": {"stream_states": []}, "id": id});
    json!({"type": "STATE", "state": state}).to_string()
}
