//! States come back once, in order, with the right counts, and never before their records are safe.

use salesforce_sim::Settings;
use serde_json::{Value, json};

use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, record, state, stream};

const NAME: &[(&str, &str)] = &[("LastName", "string")];

fn contacts(name: &str) -> Value {
    stream(name, "Contact", NAME)
}

fn global(id: u64) -> String {
    json!({"type": "STATE", "state": {"type": "GLOBAL", "id": id, "global": {
        "shared_state": {"lsn": id}, "stream_states": [{"stream_descriptor": {"name": "a"}, "stream_state": {}}],
    }}})
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_global_state_counts_the_records_of_all_streams() {
    let world = World::new().await;
    let lines = vec![
        record("a", json!({"LastName": "A1"})),
        record("b", json!({"LastName": "B1"})),
        record("b", json!({"LastName": null})),
        global(1),
        global(2),
        record("b", json!({"LastName": "B2"})),
        global(3),
        complete("a"),
        complete("b"),
    ];
    let run = world.write(json!({}), catalog(&[contacts("a"), contacts("b")]), lines).await;
    run.assert_success();
    let first = Counts { written: 2, rejected: 1 };
    let empty = Counts { written: 0, rejected: 0 };
    let last = Counts { written: 1, rejected: 0 };
    assert_eq!(run.ids_and_counts(), [(1, first), (2, empty), (3, last)]);
    assert_eq!(run.states()[0].rest["global"]["shared_state"], json!({"lsn": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_state_counts_the_records_of_all_streams() {
    let world = World::new().await;
    let legacy = json!({"type": "STATE", "state": {"data": {"cursor": 1}, "id": 1}}).to_string();
    let lines = vec![record("a", json!({"LastName": "A1"})), record("b", json!({"LastName": "B1"})), legacy];
    let without_generation = |name| {
        let mut stream = contacts(name);
        for key in ["generation_id", "minimum_generation_id", "sync_id"] {
            stream.as_object_mut().unwrap().remove(key);
        }
        stream
    };
    let run = world.write(json!({}), catalog(&[without_generation("a"), without_generation("b")]), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stream_has_its_own_states() {
    let world = World::new().await;
    let lines = vec![
        record("a", json!({"LastName": "A1"})),
        state("a", 1),
        record("b", json!({"LastName": "B1"})),
        record("a", json!({"LastName": null})),
        state("b", 2),
        state("a", 3),
        state("a", 4),
        complete("a"),
        complete("b"),
    ];
    let run = world.write(json!({}), catalog(&[contacts("a"), contacts("b")]), lines).await;
    run.assert_success();
    let written = Counts { written: 1, rejected: 0 };
    let rejected = Counts { written: 0, rejected: 1 };
    let empty = Counts { written: 0, rejected: 0 };
    assert_eq!(run.ids_and_counts_of("a"), [(1, written), (3, rejected), (4, empty)]);
    assert_eq!(run.ids_and_counts_of("b"), [(2, written)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_comes_back_unchanged_but_for_the_counts() {
    let world = World::new().await;
    let sent = r#"{"type":"STATE","log":null,"state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"a","namespace":""},"stream_state":{"big":12345678901234567890.10}},"global_":null,"data":null,"sourceStats":{"recordCount":2.0,"rejectedRecordCount":null},"destinationStats":null,"global_":null,"id":7},"trace":null}"#;
    let lines = vec![record("a", json!({"LastName": "A1"})), sent.to_owned(), complete("a")];
    let run = world.write(json!({}), catalog(&[contacts("a")]), lines).await;
    assert_eq!(run.exit_code, 0);
    let expected = sent
        .replace(r#""destinationStats":null"#, r#""destinationStats":{"recordCount":1.0,"rejectedRecordCount":0.0}"#);
    assert!(run.stdout.lines().any(|line| line == expected), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_ends_early_is_acknowledged_and_fails_as_transient() {
    let world = World::new().await;
    let lines = vec![
        record("a", json!({"LastName": "A1"})),
        state("a", 1),
        record("a", json!({"LastName": "A2"})),
        complete("b"),
    ];
    let run = world.write(json!({}), catalog(&[contacts("a"), contacts("b")]), lines).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("all records of a."), "{message}");
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
    assert_eq!(world.org.count("Contact"), 2, "what came is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_makes_no_request_and_a_record_in_it_is_an_error() {
    let world = World::new().await;
    let mut reset = contacts("a");
    reset["destination_sync_mode"] = json!("overwrite");
    let catalog = catalog(&[reset]);
    let run = world.write(json!({}), catalog.clone(), vec![state("a", 1), complete("a")]).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 0, rejected: 0 }]);
    assert_eq!(world.org.requests().len(), 0);

    let run = world.write(json!({}), catalog, vec![record("a", json!({"LastName": "A1"}))]).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("stream a") && message.contains("overwrite"), "{message}");
    assert_eq!(world.org.count("Contact"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_rejected_records_end_the_sync_after_they_are_stored_and_acknowledged() {
    let world = World::new().await;
    let lines = vec![
        record("a", json!({"LastName": "A1"})),
        record("a", json!({"LastName": null})),
        state("a", 1),
        record("a", json!({"LastName": null})),
        state("a", 2),
        complete("a"),
    ];
    let config = json!({"max_rejected_records": 1});
    let run = world.write(config, catalog(&[contacts("a")]), lines.clone()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("rejected records is 2,") && message.contains("max_rejected_records"), "{message}");
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 1 }, Counts { written: 0, rejected: 1 }]);
    assert_eq!(world.rejected().len(), 2);

    let run = world.write(json!({"max_rejected_records": 2}), catalog(&[contacts("a")]), lines).await;
    run.assert_success();
}

/// At the end the share of few records counts too.
#[tokio::test(flavor = "multi_thread")]
async fn too_large_a_share_of_rejected_records_ends_the_sync_after_they_are_acknowledged() {
    let lines = |good: usize, bad: usize| {
        let records = (0..good).map(|_| json!("Good")).chain((0..bad).map(|_| json!("#N/A")));
        let records = records.map(|name| record("a", json!({"LastName": name})));
        records.chain([state("a", 1), complete("a")]).collect::<Vec<_>>()
    };
    let config = json!({"max_rejected_percent": 25});
    for (good, bad) in [(2, 1), (900, 301)] {
        let world = World::kind().await;
        let run = world.write(config.clone(), catalog(&[contacts("a")]), lines(good, bad)).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error");
        let expected = format!(
            "The number of rejected records is {bad} of {}, and `max_rejected_percent` allows 25 %.",
            good + bad
        );
        assert!(message.starts_with(&expected), "{message}");
        assert_eq!(run.counts(), [Counts { written: good as u64, rejected: bad as u64 }]);
        assert_eq!(world.rejected().len(), bad);
    }
    let world = World::kind().await;
    world.write(config, catalog(&[contacts("a")]), lines(3, 1)).await.assert_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_are_only_counted_without_a_bucket() {
    let world = World::new().await;
    let lines = vec![
        record("a", json!({"LastName": "A1"})),
        record("a", json!({"LastName": null})),
        record("a", json!({"LastName": "#N/A"})),
        state("a", 1),
        complete("a"),
    ];
    let config = json!({"object_storage_config": null});
    let run = world.write(config, catalog(&[contacts("a")]), lines).await;
    run.assert_success();
    assert_eq!(run.states()[0].counts(), Counts { written: 1, rejected: 2 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_held_back_when_rejected_records_cannot_be_stored() {
    let world = World::new().await;
    let lines = vec![
        record("a", json!({"LastName": "A1"})),
        record("a", json!({"LastName": null})),
        state("a", 1),
        complete("a"),
    ];
    let config = json!({"object_storage_config": {"secret_access_key": "another"}});
    let run = world.write(config, catalog(&[contacts("a")]), lines).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("secret_access_key"), "{message}");
    assert_eq!(run.states(), Vec::<&crate::protocol_model::State>::new());
}

/// Three streams of 100,000 records with a state every 5,000. Some records are rejected.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_sync_loses_nothing_and_doubles_nothing() {
    const STREAMS: u64 = 3;
    const RECORDS: u64 = 100_000;
    const STATE_EVERY: u64 = 5_000;
    let world = World::with(Settings { daily_requests: 1_000_000, ..Settings::default() }).await;
    let name = |stream: u64| format!("stream_{stream}");
    let is_rejected = |number: u64| number.is_multiple_of(997);
    let mut lines = Vec::new();
    let mut next_id = 1;
    for number in 1..=RECORDS {
        for stream in 0..STREAMS {
            let last_name = (!is_rejected(number)).then(|| format!("S{stream}-{number:06}"));
            lines.push(record(&name(stream), json!({"LastName": last_name, "Title": format!("{stream}/{number}")})));
            if number % STATE_EVERY == 0 {
                lines.push(state(&name(stream), next_id));
                next_id += 1;
            }
        }
    }
    lines.extend((0..STREAMS).map(|stream| complete(&name(stream))));
    let fields = [("LastName", "string"), ("Title", "string")];
    let streams: Vec<Value> = (0..STREAMS).map(|number| stream(&name(number), "Contact", &fields)).collect();
    let run = world.write(json!({"batch_size_mb": 0.4}), catalog(&streams), lines).await;
    run.assert_success();

    for stream in 0..STREAMS {
        let name = name(stream);
        let expected: Vec<_> = (1..=RECORDS / STATE_EVERY)
            .map(|state| {
                let numbers = ((state - 1) * STATE_EVERY + 1)..=(state * STATE_EVERY);
                let rejected = numbers.filter(|number| is_rejected(*number)).count() as u64;
                ((state - 1) * STREAMS + stream + 1, Counts { written: STATE_EVERY - rejected, rejected })
            })
            .collect();
        assert_eq!(run.ids_and_counts_of(&name), expected, "{name}");
    }
    let mut titles: Vec<String> = world.values("Contact", "Title").into_iter().flatten().collect();
    let rejected = world.rejected();
    titles.extend(rejected.iter().map(|row| row["_airbyte_data"]["Title"].as_str().unwrap().to_owned()));
    titles.sort();
    let mut expected: Vec<String> =
        (1..=RECORDS).flat_map(|number| (0..STREAMS).map(move |stream| format!("{stream}/{number}"))).collect();
    expected.sort();
    assert!(titles == expected, "every record is in the org or in the bucket, and none twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_loaded_beside_one_that_is_reset() {
    for reset_is_first in [true, false] {
        let world = World::new().await;
        let mut reset = contacts("reset");
        reset["destination_sync_mode"] = json!("overwrite");
        let streams = if reset_is_first { [reset, contacts("a")] } else { [contacts("a"), reset] };
        let lines = vec![
            state("reset", 1),
            record("a", json!({"LastName": "A1"})),
            state("a", 2),
            complete("reset"),
            complete("a"),
        ];
        let run = world.write(json!({}), catalog(&streams), lines).await;
        run.assert_success();
        assert_eq!(run.ids_and_counts_of("reset"), [(1, Counts { written: 0, rejected: 0 })]);
        assert_eq!(run.ids_and_counts_of("a"), [(2, Counts { written: 1, rejected: 0 })]);
        assert_eq!(world.org.count("Contact"), 1, "{reset_is_first}");
    }
}

/// A platform that numbers the generation of any stream also announces the end of each.
#[tokio::test(flavor = "multi_thread")]
async fn one_stream_with_a_generation_suffices_to_miss_the_end_of_any() {
    for (with_generation, complete_streams, missing) in [
        (&["a"][..], &["a", "b"][..], None),
        (&["a"], &["b"], Some("all records of a.")),
        (&["a"], &["a"], Some("all records of b.")),
        (&["b"], &["b"], Some("all records of a.")),
        (&["a", "b"], &[], Some("all records of a, b.")),
        (&[], &[], None),
    ] {
        let world = World::new().await;
        let streams = ["a", "b"].map(|name| {
            let mut stream = contacts(name);
            if !with_generation.contains(&name) {
                stream["generation_id"] = Value::Null;
                stream["minimum_generation_id"] = Value::Null;
            }
            stream
        });
        let lines = ["a", "b"].iter().map(|name| record(name, json!({"LastName": "A1"})));
        let lines = lines.chain(complete_streams.iter().map(|name| complete(name))).collect();
        let run = world.write(json!({}), catalog(&streams), lines).await;
        match missing {
            None => run.assert_success(),
            Some(part) => {
                let (failure_type, message) = run.failure();
                assert_eq!(failure_type, "transient_error", "{with_generation:?} {complete_streams:?}");
                assert!(message.contains(part), "{with_generation:?} {complete_streams:?}: {message}");
            }
        }
        assert_eq!(world.org.count("Contact"), 2, "what came is written");
    }
}
