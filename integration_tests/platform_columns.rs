//! Columns that the platform or a source adds: the mark of a deleted record, and metadata.

use salesforce_sim::{Field, Object, Settings};
use serde_json::{Value, json};

use crate::connector::Run;
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

const DELETED_AT: &str = "_ab_cdc_deleted_at";

/// An org with items that have a key, a name and a moment of deletion.
async fn world() -> World {
    let item = Object::custom("Item__c")
        .field(Field::text("Key__c", 20).external_id().unique())
        .field(Field::text("Label__c", 20))
        .field(Field::text("Origin__c", 40))
        .field(Field::datetime("Deleted_At__c"));
    World::with(Settings { objects: vec![item], ..Settings::default() }).await
}

fn fields() -> [(&'static str, &'static str); 3] {
    [("Key__c", "string"), ("Label__c", "string"), (DELETED_AT, "string")]
}

fn item(key: &str, label: Value, deleted_at: Value) -> String {
    record("i", json!({"Key__c": key, "Label__c": label, DELETED_AT: deleted_at}))
}

fn warnings_of_deletes(run: &Run) -> usize {
    run.warnings().iter().filter(|warning| warning.contains("DELETE_NOT_SUPPORTED")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_record_is_rejected_and_changes_nothing() {
    for nulls in ["clear", "ignore"] {
        let world = world().await;
        world.org.insert("Item__c", &[("Key__c", "K-1"), ("Label__c", "Kept")]).unwrap();
        let streams = [keyed(stream("i", "Item__c", &fields()), "append_dedup", "Key__c")];
        let lines = vec![
            item("K-1", json!(null), json!("2026-01-01T00:00:00Z")),
            item("K-2", json!(null), json!("2026-01-01T00:00:00Z")),
            item("K-3", json!("Living"), json!(null)),
            item("K-4", json!("Living"), json!("")),
            record("i", json!({"Key__c": "K-5", "Label__c": "Living"})),
            state("i", 1),
            complete("i"),
        ];
        let run = world.write(json!({"null_handling": nulls}), catalog(&streams), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 3, rejected: 2 }]);
        let labels = [Some("Kept"), Some("Living"), Some("Living"), Some("Living")];
        assert_eq!(world.values("Item__c", "Label__c"), labels.map(|label| label.map(str::to_owned)));
        for (row, key) in world.rejected().iter().zip(["K-1", "K-2"]) {
            let data = &row["_airbyte_data"];
            assert_eq!(data["rejected_reason"], "DELETE_NOT_SUPPORTED");
            assert_eq!((&data["Key__c"], &data[DELETED_AT]), (&json!(key), &json!("2026-01-01T00:00:00Z")));
        }
        assert_eq!(warnings_of_deletes(&run), 1, "{}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_record_is_rejected_without_a_schema_and_for_every_write() {
    for (operation, key) in [("insert", None), ("update", Some("Id"))] {
        let world = world().await;
        let id = world.org.insert("Item__c", &[("Key__c", "K-1"), ("Label__c", "Kept")]).unwrap();
        let streams = [stream("i", "Item__c", &[])];
        let deleted = |mut data: Value| {
            if key.is_some() {
                data["Id"] = json!(id);
            }
            record("i", data)
        };
        let lines = vec![
            deleted(json!({"Label__c": "New", "_AB_CDC_DELETED_AT": "2026-01-01T00:00:00Z"})),
            deleted(json!({"_AB_CDC_DELETED_AT": "2026-01-01T00:00:00Z", "Label__c": "New"})),
            state("i", 1),
            complete("i"),
        ];
        let config = json!({"streams": [{"stream": "i", "operation": operation}]});
        let run = world.write(config, catalog(&streams), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 0, rejected: 2 }]);
        assert_eq!(world.values("Item__c", "Label__c"), [Some("Kept".to_owned())], "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_deletes_takes_a_deleted_record_as_any_other() {
    let world = world().await;
    let id = world.org.insert("Item__c", &[("Key__c", "K-1")]).unwrap();
    let streams = [keyed(stream("i", "Item__c", &[("Id", "string"), (DELETED_AT, "string")]), "soft_delete", "Id")];
    let lines = vec![record("i", json!({"Id": id, DELETED_AT: "2026-01-01T00:00:00Z"})), state("i", 1), complete("i")];
    let run = world.write(json!({}), catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
    assert_eq!(world.org.count("Item__c"), 0);
    assert_eq!(warnings_of_deletes(&run), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_the_platform_are_sent_only_where_they_are_renamed() {
    let world = world().await;
    let streams = [
        stream(
            "i",
            "Item__c",
            &[("Key__c", "string"), ("_ab_source_file_url", "string"), ("_airbyte_raw_id", "string")],
        ),
        stream(
            "renamed",
            "Item__c",
            &[("Key__c", "string"), ("_ab_source_file_url", "string"), (DELETED_AT, "string")],
        ),
        stream("bare", "Item__c", &[]),
    ];
    let rename = |source: &str, target: &str| json!({"source": source, "target": target});
    let config = json!({"streams": [
        {"stream": "renamed", "fields": [
            rename("_ab_source_file_url", "Origin__c"), rename(DELETED_AT, "Deleted_At__c"),
        ]},
        {"stream": "bare", "fields": [rename("_airbyte_raw_id", "Origin__c")]},
    ]});
    let data = |key: &str| json!({"Key__c": key, "_ab_source_file_url": "file", "_ab_other": 1, "_airbyte_raw_id": "raw", "_AIRBYTE_META": {}});
    let mut deleted = data("K-2");
    deleted[DELETED_AT] = json!("2026-01-01T00:00:00Z");
    let lines = vec![
        record("i", data("K-1")),
        record("renamed", deleted),
        record("bare", data("K-3")),
        complete("i"),
        complete("renamed"),
        complete("bare"),
    ];
    let run = world.write(config, catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(world.values("Item__c", "Origin__c"), [None, Some("file".to_owned()), Some("raw".to_owned())]);
    assert_eq!(world.values("Item__c", "Deleted_At__c").iter().flatten().count(), 1);
    assert!(!run.stdout.contains("_ab_other"), "metadata is left out without a word");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_of_a_platform_column_is_obeyed_whatever_becomes_of_unknown_fields() {
    const RENAMED: [&str; 3] = ["_airbyte_extracted_at", "_AIRBYTE_META", "_ab_source_file_url"];
    for unknown in ["fail", "ignore"] {
        for source in RENAMED {
            for in_schema in [true, false] {
                let world = world().await;
                let schema = [("Key__c", "string"), ("_airbyte_raw_id", "string"), (source, "string")];
                let schema = if in_schema { &schema[..] } else { &[] };
                let streams = [keyed(stream("i", "Item__c", schema), "append_dedup", "Key__c")];
                let config = json!({
                    "unknown_fields": unknown,
                    "streams": [{"stream": "i", "external_id_field": "Key__c",
                                 "fields": [{"source": source, "target": "Origin__c"}]}],
                });
                let data =
                    json!({"Key__c": "K-1", "_airbyte_raw_id": "raw", "_airbyte_generation_id": 7, source: "sent"});
                let run = world.write(config, catalog(&streams), vec![record("i", data), complete("i")]).await;
                run.assert_success();
                assert_eq!(world.values("Item__c", "Origin__c"), [Some("sent".to_owned())], "{unknown} {source}");
                assert!(!run.stdout.contains("_airbyte_generation_id"), "other metadata are left out without a word");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_of_a_record_can_be_kept_as_json_text() {
    let world = world().await;
    let streams = [stream("i", "Item__c", &[("Key__c", "string"), ("_airbyte_meta", "object")])];
    let config = json!({"streams": [{"stream": "i", "fields": [{"source": "_airbyte_meta", "target": "Origin__c"}]}]});
    let lines =
        vec![record("i", json!({"Key__c": "K-1", "_airbyte_meta": {"sync_id": 42, "changes": []}})), complete("i")];
    world.write(config, catalog(&streams), lines).await.assert_success();
    assert_eq!(world.values("Item__c", "Origin__c"), [Some(r#"{"sync_id":42,"changes":[]}"#.to_owned())]);
}
