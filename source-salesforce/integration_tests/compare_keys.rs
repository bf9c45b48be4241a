//! `compare`: fields that are no key, objects without a time of creation, and records that change meanwhile.

use std::time::Duration;

use salesforce_sim::{Field, Object, Settings};
use serde_json::{Value, json};

use crate::compared::{compare, config_of};
use crate::world::{World, catalog};

const EARLY: &str = "2026-01-02T03:04:05Z";

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

/// No query can leave out what was made meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_a_time_of_creation_is_compared_whole() {
    let thing = Object::custom("Thing__c").without("CreatedDate");
    let world = async || World::with(Settings { objects: vec![thing.clone()], ..Settings::default() }).await;
    let (first, second) = (world().await, world().await);
    for (org, names) in [(&first.org, &["One", "Two"][..]), (&second.org, &["One"])] {
        names
            .iter()
            .for_each(|name| drop(org.insert("Thing__c", &[("Name", *name), ("SystemModstamp", EARLY)]).unwrap()));
    }
    let files = vec![
        ("--config", config_of(&first)),
        ("--with", config_of(&second)),
        ("--catalog", catalog(&[("Thing__c", &["Name"])]).to_string()),
    ];
    let run = compare(files, vec!["--key=Thing__c=Name"], "").await;
    let missing = json!({"stream": "Thing__c", "key": "Two", "difference": "missing"});
    assert_eq!((run.code, run.differences()), (1, vec![missing]), "{}", run.stderr);
}

/// The second org is a day ahead of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_one_from_meanwhile_by_the_clock_of_its_own_org() {
    let (first, second) = (World::kind().await, World::kind().await);
    [&first, &second].iter().for_each(|world| world.org.stop_clock());
    second.org.advance_clock(Duration::from_secs(24 * 60 * 60));
    let add = |world: &World, key: &str, ago: i64| {
        let stamp = jiff::Timestamp::from_second(world.org.now() - ago).unwrap().to_string();
        let values =
            [("Name", "Example"), ("External_Id__c", key), ("CreatedDate", EARLY), ("SystemModstamp", &*stamp)];
        world.org.insert("Account", &values).unwrap();
    };
    for (world, side) in [(&first, "first"), (&second, "second")] {
        add(world, &format!("{side} before"), 60);
        add(world, &format!("{side} now"), 0);
    }
    let files = vec![
        ("--config", config_of(&first)),
        ("--with", config_of(&second)),
        ("--catalog", catalog(&[("Account", &["External_Id__c"])]).to_string()),
    ];
    let run = compare(files, vec!["--key=Account=External_Id__c"], "").await;
    let line = |key: &str, kind: &str, is_from_meanwhile: bool| {
        let mut line = json!({"stream": "Account", "key": key, "difference": kind});
        if is_from_meanwhile {
            line["changed_meanwhile"] = json!(true);
        }
        line
    };
    let expected: [Value; 4] = [
        line("first before", "missing", false),
        line("first now", "missing", true),
        line("second before", "extra", false),
        line("second now", "extra", true),
    ];
    assert_eq!((run.code, run.differences()), (1, expected.to_vec()), "{}", run.stderr);
    assert_eq!(run.summaries()[0]["summary"]["changed_meanwhile"], 2);
}
