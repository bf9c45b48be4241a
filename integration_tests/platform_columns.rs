//! Columns that the platform or a source adds: the mark of a deleted record, and metadata.

use salesforce_sim::{Field, Object, Settings};
use serde_json::json;

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
    assert!(run.warnings().is_empty(), "{}", run.stdout);
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
async fn a_rename_of_a_platform_column_is_obeyed_with_every_setting_of_unknown_fields() {
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
