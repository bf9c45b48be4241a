//! Several records with the key of a deleted one.

use super::*;

/// An update may be meant for each of them. A delete is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_several_records_deletes_none_of_them_even_if_it_updates_all() {
    let world = world().await;
    for (key, label) in [("1", "two"), ("2", "two"), ("3", "one"), ("4", "both"), ("5", "both")] {
        world.org.insert("Item__c", &[("Key__c", key), ("Label__c", label)]).unwrap();
    }
    let settings = entry(json!({"operation": "update", "match": {"fields": ["Label__c"], "on_several": "update_all"}}));
    let fields = [("Label__c", "string"), ("Amount__c", "number"), (DELETED_AT, "string")];
    let catalog = catalog(&[keyed(stream("i", "Item__c", &fields), "update", "Label__c")]);
    let lines = ended(vec![
        record("i", json!({"Label__c": "two", DELETED_AT: WHEN})),
        record("i", json!({"Label__c": "one", DELETED_AT: WHEN})),
        record("i", json!({"Label__c": "both", "Amount__c": 7})),
    ]);
    let run = world.write(settings, catalog, lines).await;
    run.assert_success();
    let rejected = rejected(&world);
    assert_eq!(run.counts(), counts(2, 1), "{rejected:?}");
    assert_eq!(rejected[0]["rejected_reason"], "SEVERAL_MATCHES");
    let left = ["1", "2", "4", "5"].map(|key| Some(key.to_owned()));
    assert_eq!(world.values("Item__c", "Key__c"), left);
    assert_eq!(world.values("Item__c", "Amount__c").iter().flatten().count(), 2);
}
