//! The mark of a rejected delete.

use super::*;

/// Without it the record would come back as one that lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_delete_keeps_a_mark_that_only_the_settings_and_its_records_name() {
    for (marker, mark) in [("gone", json!(1)), ("gone", json!("perhaps")), ("Removed At", json!(WHEN))] {
        let world = world().await;
        let [id] = add(&world, ["x"]);
        world.org.inject(RowFault::new("Item__c", "DELETE_FAILED:it is the parent of other records:--"));
        let storage = json!({"format": {"format_type": "JSONL", "flattening": "Root level flattening"}});
        let settings = merge(entry(json!({"delete_marker": marker})), json!({"object_storage_config": storage}));
        let fields = [("Id", "string"), ("Label__c", "string")];
        let catalog = catalog(&[keyed(stream("i", "Item__c", &fields), "update", "Id")]);
        let run = world.write(settings, catalog, ended(vec![record("i", json!({"Id": id, marker: mark}))])).await;
        run.assert_success();
        assert_eq!(run.counts(), counts(0, 1), "{marker} {mark}");
        let rows = world.rejected();
        assert_eq!((&rows[0]["Id"], rows[0].get(marker)), (&json!(id), Some(&mark)), "{rows:?}");
        assert_eq!(items(&world), pairs(&[("x", "old")]));
    }
}
