//! The keys of `compare`: what cannot be one, and how those of each side are found.

use salesforce_sim::{Field, Object, Settings};

use crate::compared::{compare, config_of};
use crate::world::{World, catalog};

/// No row has it, so that records would be compared by another column.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_no_query_reads_is_no_key() {
    let site = Object::custom("Site__c")
        .field(Field::address("Home__c"))
        .field(Field::text("Home__City__s", 40).part_of("Home__c"))
        .field(Field::base64("Photo__c"));
    let world = World::with(Settings { objects: vec![site], ..Settings::default() }).await;
    world.org.insert("Site__c", &[("Name", "One"), ("Home__City__s", "Example")]).unwrap();
    for key in ["Home__c", "home__C", "Photo__c"] {
        let files = vec![
            ("--config", config_of(&world)),
            ("--with", config_of(&world)),
            ("--catalog", catalog(&[("Site__c", &["Name"])]).to_string()),
        ];
        let run = compare(files, vec![&format!("--key=Site__c={key}")], "").await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{key}: {}", run.stderr);
        assert!(run.stderr.contains("cannot be read, so records cannot be compared by it"), "{key}: {}", run.stderr);
    }
}
