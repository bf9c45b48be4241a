//! Two columns of one field, however their names are spelled.

use salesforce_sim::{Field, Object, Settings};
use serde_json::json;

use crate::world::{World, catalog, stream};

/// Salesforce ignores the case of a header, and refuses a job with two columns of one field.
#[tokio::test(flavor = "multi_thread")]
async fn columns_that_differ_only_in_case_are_reported_before_any_record_is_sent() {
    for (two, is_problem) in [
        (["Label__c", "LABEL__C"], true),
        (["Parent__c", "parent__c"], true),
        (["Parent__r.Key__c", "Parent__r.KEY__C"], true),
        (["Parent__r.Key__c", "parent__R.Key__c"], true),
        (["Parent__r.Key__c", "Label__c"], false),
    ] {
        // The related object cannot be described, so only the user knows its fields.
        let hidden = Object::custom("Hidden__c").field(Field::text("Key__c", 20).external_id()).without_describe();
        let item = Object::custom("Item__c")
            .field(Field::text("Label__c", 20))
            .field(Field::reference("Parent__c", &["Hidden__c"]));
        let world = World::with(Settings { objects: vec![hidden, item], ..Settings::default() }).await;
        let streams = [stream("i", "Item__c", &two.map(|name| (name, "string")))];
        let run = world.write(json!({}), catalog(&streams), Vec::new()).await;
        let (failure_type, message) = run.failure();
        let said = message.contains("two of its fields would become");
        assert_eq!((said, said && failure_type == "config_error"), (is_problem, is_problem), "{two:?} {message}");
        assert!(world.org.jobs().is_empty());
    }
}
