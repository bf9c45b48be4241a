//! Records that the source has deleted: what becomes of them with each operation and setting, and in which order.

mod gone;
mod marks;
mod several;

use std::collections::BTreeMap;

use salesforce_sim::{Field, JobState, Object, Operation, RowFault, Settings};
use serde_json::{Map, Value, json};

use crate::connector::Run;
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, merge, record, state, stream};

const DELETED_AT: &str = "_ab_cdc_deleted_at";
const WHEN: &str = "2026-01-01T00:00:00Z";

fn item() -> Object {
    Object::custom("Item__c")
        .field(Field::text("Key__c", 20).external_id().unique())
        .field(Field::text("Label__c", 20))
        .field(Field::int("Amount__c", 5))
}

/// An org with items that have a key, a label and an amount.
async fn world() -> World {
    World::with(Settings { objects: vec![item()], ..Settings::default() }).await
}

/// Adds items with these keys, and returns their ids.
fn add<const N: usize>(world: &World, keys: [&str; N]) -> [String; N] {
    keys.map(|key| world.org.insert("Item__c", &[("Key__c", key), ("Label__c", "old")]).unwrap())
}

/// The labels of the items in the org, by key.
fn items(world: &World) -> Vec<(String, String)> {
    let mut items: Vec<_> = world
        .org
        .records("Item__c")
        .iter()
        .map(|item| ["Key__c", "Label__c"].map(|field| item[field].clone().unwrap_or_else(|| "null".to_owned())))
        .map(|[key, label]| (key, label))
        .collect();
    items.sort();
    items
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, label)| ((*key).to_owned(), (*label).to_owned())).collect()
}

/// A catalog with the stream `i` of items. Its schema has the mark.
fn items_by(mode: &str, key: &str) -> Value {
    let fields = [(key, "string"), ("Label__c", "string"), ("Amount__c", "number"), (DELETED_AT, "string")];
    catalog(&[keyed(stream("i", "Item__c", &fields), mode, key)])
}

fn living(key: &str, id: &str, label: &str) -> String {
    record("i", json!({key: id, "Label__c": label, DELETED_AT: null}))
}

/// As a database sends it: all other columns are null.
fn deleted(key: &str, id: &str) -> String {
    record("i", json!({key: id, "Label__c": null, "Amount__c": null, DELETED_AT: WHEN}))
}

fn ended(mut lines: Vec<String>) -> Vec<String> {
    lines.extend([state("i", 1), complete("i")]);
    lines
}

fn entry(settings: Value) -> Value {
    json!({"streams": [merge(json!({"stream": "i"}), settings)]})
}

/// The data of the rejected records.
fn rejected(world: &World) -> Vec<Map<String, Value>> {
    world.rejected().iter().map(|row| row["_airbyte_data"].as_object().unwrap().clone()).collect()
}

fn logs(run: &Run, text: &str) -> usize {
    run.stdout.lines().filter(|line| line.contains(text)).count()
}

fn counts(written: u64, rejected: u64) -> [Counts; 1] {
    [Counts { written, rejected }]
}

/// The operations and the rows of the jobs, in the order of their ends.
fn jobs(world: &World) -> Vec<(Operation, usize)> {
    let requests = world.org.requests();
    let closed = |id: &str| requests.iter().rposition(|it| it.method == "PATCH" && it.path.contains(id));
    let mut jobs: Vec<_> = world.org.jobs().into_iter().filter(|job| job.state == JobState::JobComplete).collect();
    jobs.sort_by_key(|job| closed(&job.id));
    jobs.iter().map(|job| (job.operation, job.rows)).collect()
}

/// With `clear` the nulls of a deleted record would wipe the living one.
#[tokio::test(flavor = "multi_thread")]
async fn each_setting_has_its_effect_with_an_upsert_and_with_an_update() {
    for mode in ["append_dedup", "update"] {
        for (setting, nulls) in [
            (None, "clear"),
            (None, "ignore"),
            (Some("delete"), "clear"),
            (Some("ignore"), "clear"),
            (Some("refuse"), "clear"),
        ] {
            let world = world().await;
            let [gone, kept] = add(&world, ["gone", "kept"]);
            let lines = ended(vec![deleted("Id", &gone), living("Id", &kept, "new")]);
            let settings = entry(json!({"deletes": setting}));
            let settings = merge(json!({"null_handling": nulls}), settings);
            let run = world.write(settings, items_by(mode, "Id"), lines).await;
            run.assert_success();
            let operation = if mode == "update" { Operation::Update } else { Operation::Upsert };
            let (expected, jobs_expected, log) = match setting {
                None | Some("delete") => (
                    (&[("kept", "new")][..], counts(2, 0)),
                    vec![(Operation::Delete, 1), (operation, 1)],
                    "are deleted in Salesforce",
                ),
                Some("ignore") => (
                    (&[("gone", "old"), ("kept", "new")][..], counts(2, 0)),
                    vec![(operation, 1)],
                    "records that the source has deleted are skipped",
                ),
                _ => (
                    (&[("gone", "old"), ("kept", "new")][..], counts(1, 1)),
                    vec![(operation, 1)],
                    "are rejected as DELETE_REFUSED",
                ),
            };
            assert_eq!((items(&world), run.counts()), (pairs(expected.0), expected.1.to_vec()), "{mode} {setting:?}");
            assert_eq!(jobs(&world), jobs_expected, "{mode} {setting:?}");
            assert_eq!(logs(&run, log), 1, "{}", run.stdout);
            assert_eq!(logs(&run, &format!("is_default={}", setting.is_none())), 1, "{}", run.stdout);
            let skipped = u64::from(setting == Some("ignore"));
            assert!(logs(&run, &format!("skipped={skipped}")) > 0, "{}", run.stdout);
            let rejected = rejected(&world);
            assert_eq!(rejected.len() as u64, run.counts()[0].rejected);
            for data in rejected {
                assert_eq!((&data["rejected_reason"], &data[DELETED_AT]), (&json!("DELETE_REFUSED"), &json!(WHEN)));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_refuses_deleted_records_unless_they_are_ignored() {
    for (setting, expected, skipped) in
        [(None, counts(1, 1), 0), (Some("refuse"), counts(1, 1), 0), (Some("ignore"), counts(2, 0), 1)]
    {
        let world = world().await;
        let lines = ended(vec![living("Key__c", "new", "new"), deleted("Key__c", "gone")]);
        let run = world.write(entry(json!({"deletes": setting})), items_by("append", "Key__c"), lines).await;
        run.assert_success();
        assert_eq!((items(&world), run.counts()), (pairs(&[("new", "new")]), expected.to_vec()), "{setting:?}");
        assert!(logs(&run, &format!("skipped={skipped}")) > 0, "{}", run.stdout);
    }
    let world = world().await;
    let run = world.write(entry(json!({"deletes": "delete"})), items_by("append", "Key__c"), Vec::new()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("its entry sets `deletes` to `delete`, and an insert has no key"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_deletes_takes_no_marker() {
    let world = world().await;
    let settings = entry(json!({"delete_marker": "Label__c"}));
    let run = world.write(settings, items_by("soft_delete", "Id"), Vec::new()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("a stream that deletes takes each record as a delete"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_key_take_effect_in_their_order() {
    let (u, d) = (true, false);
    for (order, expected, expected_jobs) in [
        (&[d][..], None, &[Operation::Delete][..]),
        (&[u, d], None, &[Operation::Delete]),
        (&[d, d], None, &[Operation::Delete]),
        (&[u, d, u, d], None, &[Operation::Delete]),
        (&[u, u], Some("1"), &[Operation::Update]),
    ] {
        let world = world().await;
        let [id] = add(&world, ["x"]);
        let rows = order.iter().enumerate().map(|(number, is_living)| match is_living {
            true => living("Id", &id, &number.to_string()),
            false => deleted("Id", &id[..15]),
        });
        let run = world.write(json!({}), items_by("update", "Id"), ended(rows.collect())).await;
        run.assert_success();
        assert_eq!(run.counts(), counts(order.len() as u64, 0), "{order:?}");
        let expected: Vec<_> = expected.into_iter().map(|label| ("x", label)).collect();
        assert_eq!(items(&world), pairs(&expected), "{order:?}");
        assert_eq!(jobs(&world).iter().map(|(operation, _)| *operation).collect::<Vec<_>>(), expected_jobs);
    }
}

/// By an external id, and by fields that `match` names.
fn by_other_keys(operation: &str) -> Vec<(&'static str, Value, Value)> {
    let by_match = |fields: Value| entry(json!({"operation": operation, "match": {"fields": fields}}));
    let mode = if operation == "update" { "update" } else { "append_dedup" };
    vec![
        ("an external id", json!({}), items_by(mode, "Key__c")),
        ("one field", by_match(json!(["Key__c"])), items_by(mode, "Key__c")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn records_take_effect_in_their_order_by_any_key() {
    let (u, d) = (true, false);
    for (order, expected, expected_jobs) in [
        (&[d][..], None, 1),
        (&[u, d], None, 1),
        (&[d, u], Some("1"), 2),
        (&[d, d], None, 1),
        (&[u, d, u], Some("2"), 2),
        (&[d, u, d], None, 1),
        (&[u, d, u, d], None, 1),
        (&[d, u, u], Some("2"), 2),
    ] {
        for (key, settings, catalog) in by_other_keys("upsert") {
            let world = world().await;
            add(&world, ["x", "kept"]);
            let rows = order.iter().enumerate().map(|(number, is_living)| match is_living {
                true => living("Key__c", "x", &number.to_string()),
                false => deleted("Key__c", " X"),
            });
            let run = world.write(settings, catalog, ended(rows.collect())).await;
            run.assert_success();
            assert_eq!(run.counts(), counts(order.len() as u64, 0), "{key} {order:?}");
            let expected = expected.into_iter().map(|label| ("x", label));
            let expected: Vec<_> = [("kept", "old")].into_iter().chain(expected).collect();
            assert_eq!(items(&world), pairs(&expected), "{key} {order:?}");
            assert_eq!(jobs(&world).len(), expected_jobs, "{key} {order:?}: {:?}", jobs(&world));
            assert_eq!(jobs(&world)[0].0, Operation::Delete, "{key} {order:?}");
        }
    }
}

/// Whatever the order, the batches and the spelling of the keys, the org ends as a map would.
#[tokio::test(flavor = "multi_thread")]
async fn any_sequence_of_writes_and_deletes_leaves_what_it_says() {
    for (seed, (key, settings, catalog)) in by_other_keys("upsert").into_iter().enumerate() {
        let mut random = fastrand::Rng::with_seed(seed as u64);
        let world = world().await;
        let before: Vec<String> = (0..20).map(|number| format!("k-{number}")).collect();
        before.iter().for_each(|key| drop(add(&world, [key])));
        let mut expected: BTreeMap<String, String> =
            before.into_iter().map(|key| (key.to_lowercase(), "old".to_owned())).collect();
        let mut lines = Vec::new();
        let mut segments = Vec::new();
        for number in 0..600 {
            let id = format!("k-{}", random.u8(0..40));
            // The key ignores case, and spaces at its ends.
            let written = if random.bool() { id.to_uppercase() } else { format!("{id} ") };
            if random.u8(0..5) < 2 {
                expected.remove(&id);
                lines.push(deleted("Key__c", &written));
            } else {
                let label = format!("{number:0>18}");
                lines.push(living("Key__c", &written, &label));
                expected.insert(id, label);
            }
            if number % 97 == 96 {
                segments.push(97);
                lines.push(state("i", segments.len() as u64));
            }
        }
        segments.push(600 - segments.iter().sum::<u64>());
        lines.extend([state("i", segments.len() as u64), complete("i")]);
        let settings = merge(settings, json!({"batch_size_mb": 0.01}));
        let run = world.write(settings, catalog, lines).await;
        run.assert_success();
        let counts: Vec<_> = segments.iter().map(|written| Counts { written: *written, rejected: 0 }).collect();
        assert_eq!(run.counts(), counts, "{key}");
        let left: BTreeMap<_, _> =
            items(&world).into_iter().map(|(key, label)| (key.trim().to_lowercase(), label)).collect();
        assert_eq!(left, expected, "{key}");
        assert!(jobs(&world).iter().filter(|(operation, _)| *operation == Operation::Delete).count() > 1, "{key}");
    }
}

/// No document says whether the org takes these keys for one.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_may_be_the_same_take_turns() {
    let world = world().await;
    add(&world, ["e-1"]);
    let lines = vec![
        living("Key__c", "\u{e9}-1", "1"),
        deleted("Key__c", "e-1"),
        living("Key__c", "e-1", "2"),
        deleted("Key__c", "\u{e9}-1"),
    ];
    let run = world.write(json!({}), items_by("append_dedup", "Key__c"), ended(lines)).await;
    run.assert_success();
    let kinds: Vec<_> = jobs(&world).iter().map(|(operation, _)| *operation).collect();
    let (delete, write) = (Operation::Delete, Operation::Upsert);
    // The org has both keys: it is asked for each, and what it answers is the key or another one.
    assert_eq!(kinds, [write, delete, write, delete]);
    assert_eq!((run.counts(), items(&world)), (counts(4, 0).to_vec(), pairs(&[("e-1", "2")])));
}

/// The case that was seen: with `clear` the record lived on without its values, and unknown keys became empty records.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_by_any_key_wipes_nothing_and_creates_nothing() {
    for operation in ["upsert", "update"] {
        for (key, settings, catalog) in by_other_keys(operation) {
            for nulls in ["clear", "ignore"] {
                let world = world().await;
                add(&world, ["gone", "kept"]);
                let lines = ended(vec![
                    deleted("Key__c", "gone"),
                    deleted("Key__c", "unknown-1"),
                    deleted("Key__c", "unknown-2"),
                    living("Key__c", "kept", "new"),
                ]);
                let settings = merge(settings.clone(), json!({"null_handling": nulls}));
                let run = world.write(settings, catalog.clone(), lines).await;
                run.assert_success();
                assert_eq!(items(&world), pairs(&[("kept", "new")]), "{operation} {key} {nulls}");
                assert_eq!(run.counts(), counts(4, 0), "{operation} {key} {nulls}");
                assert!(logs(&run, "stream ended") == 1 && logs(&run, "skipped=2") > 0, "{}", run.stdout);
                assert!(rejected(&world).is_empty());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_deleted_by_several_fields() {
    let world = world().await;
    for (label, amount) in [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")] {
        world.org.insert("Item__c", &[("Label__c", label), ("Amount__c", amount)]).unwrap();
    }
    let fields = [("Label__c", "string"), ("Amount__c", "integer"), ("Key__c", "string")];
    // The mark is in no schema: rows before it are written first.
    let catalog = catalog(&[keyed(stream("i", "Item__c", &fields), "append_dedup", "Key__c")]);
    let item = |label: &str, amount: Value, key: Value, mark: Value| {
        record("i", json!({"Label__c": label, "Amount__c": amount, "Key__c": key, DELETED_AT: mark}))
    };
    let lines = vec![
        record("i", json!({"Label__c": "b", "Amount__c": 1, "Key__c": "first"})),
        item("A", json!(1.0), json!(null), json!(WHEN)),
        item("b", json!(2), json!("second"), json!(null)),
        state("i", 1),
        item("b", json!(1), json!(null), json!(WHEN)),
        item("c", json!(1), json!("third"), json!(null)),
        item("c", json!(1), json!(null), json!(WHEN)),
        item("b", json!(null), json!(null), json!(WHEN)),
        item("c", json!(1), json!("fourth"), json!(null)),
        state("i", 2),
        complete("i"),
    ];
    let settings = entry(json!({"match": {"fields": ["Label__c", "Amount__c"]}}));
    let run = world.write(settings, catalog, lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 3, rejected: 0 }, Counts { written: 4, rejected: 1 }]);
    let mut left: Vec<_> = world
        .org
        .records("Item__c")
        .iter()
        .map(|item| ["Label__c", "Amount__c", "Key__c"].map(|field| item[field].clone().unwrap_or_default()))
        .collect();
    left.sort();
    assert_eq!(left, [["a", "2", ""], ["b", "2", "second"], ["c", "1", "fourth"]]);
    assert_eq!(rejected(&world)[0]["rejected_reason"], "MISSING_ARGUMENT");
}

/// An external id that is not unique.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_several_records_deletes_none_of_them() {
    let object = item().field(Field::text("Group__c", 20).external_id());
    let world = World::with(Settings { objects: vec![object], ..Settings::default() }).await;
    for (group, label) in [("g", "1"), ("g", "2"), ("G", "3"), ("one", "4")] {
        world.org.insert("Item__c", &[("Group__c", group), ("Label__c", label)]).unwrap();
    }
    let fields = [("Group__c", "string"), ("Label__c", "string"), (DELETED_AT, "string")];
    let streams = keyed(stream("i", "Item__c", &fields), "append_dedup", "Group__c");
    let lines = ["g", "one"].map(|group| record("i", json!({"Group__c": group, DELETED_AT: WHEN})));
    let run = world.write(json!({}), catalog(&[streams]), ended(lines.to_vec())).await;
    run.assert_success();
    assert_eq!(run.counts(), counts(1, 1));
    assert_eq!(world.values("Item__c", "Label__c"), ["1", "2", "3"].map(|label| Some(label.to_owned())));
    let data = &rejected(&world)[0];
    assert_eq!(data["rejected_reason"], "SEVERAL_MATCHES");
    assert_eq!((&data["Group__c"], &data[DELETED_AT]), (&json!("g"), &json!(WHEN)), "it can be sent again");
    assert!(data["rejected_message"].as_str().unwrap().starts_with("2 records"), "case counts in this key: {data:?}");
}

/// The same in a second job, after a lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_delete_by_any_key_has_its_key_and_its_mark() {
    for (key, settings, catalog) in by_other_keys("upsert") {
        let world = world().await;
        let ids = add(&world, ["1", "2"]);
        world.org.inject(RowFault::new("Item__c", "UNABLE_TO_LOCK_ROW:locked:--").times(1));
        world.org.inject(RowFault::new("Item__c", "DELETE_FAILED:it is the parent of other records:--").times(1));
        let lines = ended(vec![deleted("Key__c", "1"), deleted("Key__c", "2")]);
        let run = world.write(settings, catalog, lines).await;
        run.assert_success();
        assert_eq!(run.counts(), counts(0, 2), "{key}");
        let mut returned = rejected(&world);
        returned.sort_by_key(|data| data["Key__c"].to_string());
        for ((data, id), number) in returned.iter().zip(&ids).zip(["1", "2"]) {
            assert_eq!((&data["Key__c"], &data[DELETED_AT]), (&json!(number), &json!(WHEN)), "{key}");
            assert_eq!((&data["rejected_reason"], &data["sf__Id"]), (&json!("DELETE_FAILED"), &json!(id)), "{key}");
            assert!(!data.contains_key("Id"), "{data:?}");
        }
    }
}

/// Salesforce gives no id a second time.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_comes_back_under_the_id_of_a_deleted_one_is_rejected() {
    let world = world().await;
    let [id] = add(&world, ["x"]);
    let lines = vec![deleted("Id", &id), state("i", 1), living("Id", &id, "back"), state("i", 2), complete("i")];
    let run = world.write(json!({}), items_by("append_dedup", "Id"), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }, Counts { written: 0, rejected: 1 }]);
    assert_eq!(rejected(&world)[0]["rejected_reason"], "ENTITY_IS_DELETED");
    assert_eq!(jobs(&world), [(Operation::Delete, 1), (Operation::Upsert, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_record_counts_in_its_own_state() {
    let world = world().await;
    let [one, two] = add(&world, ["1", "2"]);
    let lines = vec![
        living("Id", &one, "a"),
        living("Id", &two, "b"),
        state("i", 1),
        deleted("Id", &one),
        state("i", 2),
        deleted("Id", &one),
        living("Id", &two, "c"),
        record("i", json!({"Id": null, DELETED_AT: WHEN})),
        state("i", 3),
        complete("i"),
    ];
    let run = world.write(json!({}), items_by("update", "Id"), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [(2, 0), (1, 0), (2, 1)].map(|(written, rejected)| Counts { written, rejected }));
    assert_eq!(items(&world), pairs(&[("2", "c")]));
    assert_eq!(jobs(&world), [(Operation::Delete, 1), (Operation::Update, 1)]);
    assert_eq!(rejected(&world)[0]["rejected_reason"], "MISSING_ARGUMENT");
    assert_eq!(rejected(&world)[0][DELETED_AT], WHEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_and_writes_in_turn_need_few_jobs() {
    let world = world().await;
    let keys: Vec<String> = (0..20).map(|number| format!("K-{number:02}")).collect();
    let ids: Vec<String> = keys.iter().map(|key| add(&world, [key]).concat()).collect();
    let row = |row: usize| match row % 2 {
        0 => living("Id", &ids[row / 2 % 20], &row.to_string()),
        _ => deleted("Id", &ids[row / 2 % 20]),
    };
    let run = world.write(json!({}), items_by("update", "Id"), ended((0..1_000).map(row).collect())).await;
    run.assert_success();
    assert_eq!((run.counts(), items(&world)), (counts(1_000, 0).to_vec(), Vec::new()));
    assert_eq!(jobs(&world), [(Operation::Delete, 20)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_only_records_show_deletes_too() {
    for mark in [DELETED_AT, "_AB_CDC_DELETED_AT"] {
        let world = world().await;
        let [first, second, third] = add(&world, ["1", "2", "3"]);
        let streams = keyed(stream("i", "Item__c", &[("Id", "string"), ("Label__c", "string")]), "append_dedup", "Id");
        let lines = ended(vec![
            record("i", json!({"Id": first, "Label__c": "new"})),
            // A value that cannot be sent does not matter.
            record("i", json!({"Label__c": "#N/A", "Id": second, mark: WHEN})),
            record("i", json!({mark: WHEN, "Id": third})),
        ]);
        let run = world.write(json!({}), catalog(&[streams]), lines).await;
        run.assert_success();
        assert_eq!((run.counts(), items(&world)), (counts(3, 0).to_vec(), pairs(&[("1", "new")])), "{mark}");
        assert_eq!(logs(&run, "are deleted in Salesforce"), 1, "{}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_mark_is_a_field_and_deletes_nothing() {
    let world = world().await;
    let [id] = add(&world, ["x"]);
    let settings = entry(json!({"fields": [{"source": DELETED_AT, "target": "Label__c"}]}));
    let streams = keyed(stream("i", "Item__c", &[("Id", "string"), (DELETED_AT, "string")]), "update", "Id");
    let lines = ended(vec![record("i", json!({"Id": id, DELETED_AT: "2026-01-01"}))]);
    let run = world.write(settings, catalog(&[streams]), lines).await;
    run.assert_success();
    assert_eq!(items(&world), pairs(&[("x", "2026-01-01")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_the_warehouse_can_be_the_mark() {
    for in_schema in [true, false] {
        let world = world().await;
        let ids = add(&world, ["1", "2", "3", "4", "5"]);
        let schema = [("Id", "string"), ("Label__c", "string"), ("is_deleted", "boolean"), (DELETED_AT, "string")];
        let schema = if in_schema { &schema[..] } else { &[] };
        let catalog = catalog(&[keyed(stream("i", "Item__c", schema), "update", "Id")]);
        let marks = [json!(false), json!(true), json!("perhaps"), json!(0), json!(null)];
        let mut lines: Vec<String> = ids
            .iter()
            .zip(marks)
            .map(|(id, mark)| record("i", json!({"Id": id, "Label__c": "new", "is_deleted": mark})))
            .collect();
        // The mark of Airbyte's sources counts as well.
        lines.push(record("i", json!({"Id": ids[4], "is_deleted": false, DELETED_AT: WHEN})));
        let run = world.write(entry(json!({"delete_marker": "is_deleted"})), catalog, ended(lines)).await;
        run.assert_success();
        assert_eq!(run.counts(), counts(5, 1));
        assert_eq!(items(&world), pairs(&[("1", "new"), ("3", "old"), ("4", "new")]));
        let rejected = rejected(&world);
        assert_eq!(
            (&rejected[0]["rejected_reason"], &rejected[0]["rejected_field"]),
            (&json!("UNCLEAR_DELETE_MARK"), &json!("is_deleted"))
        );
        assert_eq!(rejected[0]["is_deleted"], "perhaps");
        let warnings = run.warnings();
        assert!(!warnings.iter().any(|line| line.contains("not a column of the schema")), "{warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marker_that_cannot_be_one_is_reported_before_anything_is_sent() {
    for (marker, expected) in [
        ("Id", "its `delete_marker` Id is its key"),
        ("ID", "its `delete_marker` ID is its key"),
        ("is_delete", "it has no field is_delete, which its `delete_marker` names; the nearest name is is_deleted"),
    ] {
        let world = world().await;
        let fields = [("Id", "string"), ("Label__c", "string"), ("is_deleted", "boolean")];
        let catalog = catalog(&[keyed(stream("i", "Item__c", &fields), "update", "Id")]);
        let settings = merge(json!({"unknown_fields": "ignore"}), entry(json!({"delete_marker": marker})));
        let run = world.write(settings, catalog, Vec::new()).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error");
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_to_delete_is_an_error_before_the_first_record_or_loses_none() {
    let settings = || Settings { objects: vec![item().undeletable()], ..Settings::default() };
    let world = World::with(settings()).await;
    let run = world.write(json!({}), items_by("update", "Id"), Vec::new()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("the signed-in user is not allowed to delete records of Item__c"), "{message}");
    world
        .write(entry(json!({"deletes": "ignore"})), items_by("update", "Id"), vec![complete("i")])
        .await
        .assert_success();

    let world = World::with(settings()).await;
    let [id] = add(&world, ["x"]);
    let streams = keyed(stream("i", "Item__c", &[("Id", "string"), ("Label__c", "string")]), "update", "Id");
    let run = world.write(json!({}), catalog(&[streams]), ended(vec![deleted("Id", &id)])).await;
    run.assert_success();
    assert_eq!((run.counts(), items(&world)), (counts(0, 1).to_vec(), pairs(&[("x", "old")])));
    assert_eq!(rejected(&world)[0]["rejected_reason"], "INSUFFICIENT_ACCESS_OR_READONLY");
}

/// What comes back can be sent again: it has its key and its mark, with their JSON types.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_delete_is_a_delete_when_it_is_sent_again() {
    let world = world().await;
    let [one, two] = add(&world, ["1", "2"]);
    let settings = || entry(json!({"delete_marker": "gone"}));
    let lines = |records: &[Value]| ended(records.iter().map(|data| record("i", data.clone())).collect());
    let streams = || {
        let fields = [("Id", "string"), ("Label__c", "string"), ("gone", "integer"), (DELETED_AT, "string")];
        catalog(&[keyed(stream("i", "Item__c", &fields), "update", "Id")])
    };
    // The first time they are locked, so that they are rejected in a second job.
    world.org.inject(RowFault::new("Item__c", "UNABLE_TO_LOCK_ROW:locked:--").times(1));
    world.org.inject(RowFault::new("Item__c", "DELETE_FAILED:it is the parent of other records:--").times(1));
    let records =
        [json!({"Id": one, "Label__c": "new", "gone": 1}), json!({"Id": two, DELETED_AT: WHEN, "gone": null})];
    let run = world.write(settings(), streams(), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), counts(0, 2));
    assert_eq!(items(&world), pairs(&[("1", "old"), ("2", "old")]));
    let mut returned = rejected(&world);
    returned.sort_by_key(|data| data.contains_key(DELETED_AT));
    let mut again = Vec::new();
    for (data, expected) in returned.iter().zip([json!({"Id": one, "gone": 1}), json!({"Id": two, DELETED_AT: WHEN})]) {
        assert_eq!(data["rejected_reason"], "DELETE_FAILED");
        let is_own = |name: &str| name.starts_with("sf__") || name.starts_with("rejected_");
        let own: Map<String, Value> = data.clone().into_iter().filter(|(name, _)| !is_own(name)).collect();
        assert_eq!(Value::Object(own.clone()), expected);
        again.push(Value::Object(own));
    }
    let run = world.write(settings(), streams(), lines(&again)).await;
    run.assert_success();
    assert_eq!((run.counts(), items(&world)), (counts(2, 0).to_vec(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_of_a_record_that_is_gone_has_what_it_asked_for() {
    let world = world().await;
    let [id] = add(&world, ["x"]);
    let write =
        || world.write(json!({}), items_by("update", "Id"), ended(vec![deleted("Id", &id), deleted("Id", &id)]));
    write().await.assert_success();
    assert!(items(&world).is_empty());
    let run = write().await;
    run.assert_success();
    assert_eq!(run.counts(), counts(2, 0));
    assert!(logs(&run, "skipped=2") > 0, "{}", run.stdout);
    assert!(rejected(&world).is_empty());
}
