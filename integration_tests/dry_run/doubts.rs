//! What a dry run does not know, and says so.

use salesforce_sim::{Answer, Endpoint, Field, Nature, Object, RequestFault, Settings};
use serde_json::{Value, json};

use super::{field, number, unclear};
use crate::connector::Run;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

const FORGOTTEN: &str = "the run would change more than can be remembered";

fn refused(run: &Run) -> Vec<(String, u64)> {
    let log = run.log("INFO");
    let lines = log.iter().filter(|line| line.starts_with("dry run: refused"));
    lines.map(|line| (field(line, "reason").unwrap().to_owned(), number(line, "count"))).collect()
}

fn lines(records: impl IntoIterator<Item = Value>) -> Vec<String> {
    let records = records.into_iter().map(|data| record("a", data));
    records.chain([state("a", 1), complete("a")]).collect()
}

/// The recycle bin is asked for 4,000 ids at most; of more nobody knows whether they were ever there.
#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_ids_without_a_record_none_is_called_gone() {
    let fields = [("Id", "string"), ("_ab_cdc_deleted_at", "string")];
    let catalog = catalog(&[keyed(stream("a", "Account", &fields), "update", "Id")]);
    for (count, expected_unclear, expected_refused) in [(4_000, 0, 4_000), (4_001, 4_001, 0), (4_002, 4_002, 0)] {
        let world = World::kind().await;
        let gone = |number: u64| json!({"Id": format!("001zzzzzzzz{number:04}"), "_ab_cdc_deleted_at": "2026-01-01"});
        let run = world.dry_run(json!({}), catalog.clone(), lines((0..count).map(gone))).await;
        run.assert_success();
        assert_eq!(unclear(&run, "a"), expected_unclear, "{count}");
        assert_eq!(refused(&run).iter().map(|(_, count)| count).sum::<u64>(), expected_refused, "{count}");
    }
}

/// Not every object has a recycle bin.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_recycle_bin_cannot_be_read_no_deleted_record_is_called_gone() {
    let fields = [("Id", "string"), ("_ab_cdc_deleted_at", "string")];
    let catalog = catalog(&[keyed(stream("a", "Account", &fields), "update", "Id")]);
    for (can_be_read, expected_unclear, expected_refused) in [(true, 0, 1), (false, 1, 0)] {
        let world = World::kind().await;
        if !can_be_read {
            let refusal = Answer::error(400, "INVALID_TYPE", "deleted records cannot be queried");
            world.org.inject(RequestFault::new(Endpoint::QueryAll, refusal).always());
        }
        let gone = json!({"Id": "001zzzzzzzz0001", "_ab_cdc_deleted_at": "2026-01-01"});
        let run = world.dry_run(json!({}), catalog.clone(), lines([gone])).await;
        run.assert_success();
        assert_eq!((unclear(&run, "a"), refused(&run).len()), (expected_unclear, expected_refused), "{can_be_read}");
    }
}

/// No query can compare an encrypted value.
#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_records_cannot_be_looked_up_are_unclear_unless_they_are_inserted() {
    let object = Object::custom("Item__c")
        .field(Field::encrypted("Code__c", 20).external_id().unique())
        .field(Field::text("Label__c", 20));
    for (mode, created, expected_unclear) in [("append_dedup", 0, 2), ("append", 2, 0)] {
        let world =
            World::of_nature(Nature::kind(), Settings { objects: vec![object.clone()], ..Settings::default() }).await;
        let items = stream("a", "Item__c", &[("Code__c", "string"), ("Label__c", "string")]);
        let records = ["1", "2"].map(|code| json!({"Code__c": code, "Label__c": "x"}));
        let run = world.dry_run(json!({}), catalog(&[keyed(items, mode, "Code__c")]), lines(records)).await;
        run.assert_success();
        let counts = format!("records=2 created={created} updated=0 unclear={expected_unclear} deleted=0");
        assert!(run.log("INFO").iter().any(|line| line.contains(&counts)), "{mode} {}", run.stdout);
    }
}

/// Each record has a key for each of many streams, and what becomes of a key takes two places in the memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_changes_more_than_can_be_remembered_says_so() {
    const FIELDS: [&str; 7] = ["LastName", "FirstName", "Title", "Department", "Phone", "MobilePhone", "Email"];
    let sets: Vec<Vec<&str>> = (1_usize..60)
        .map(|bits| FIELDS.iter().enumerate().filter(|(at, _)| (bits >> at) & 1 == 1).map(|(_, name)| *name).collect())
        .collect();
    let fields: Vec<_> = ["External_Id__c"].iter().chain(&FIELDS).map(|name| (*name, "string")).collect();
    let readers = (0..sets.len()).map(|number| stream(&format!("s{number}"), "Contact", &fields));
    let streams: Vec<Value> = std::iter::once(keyed(stream("a", "Contact", &fields), "append_dedup", "External_Id__c"))
        .chain(readers)
        .collect();
    let entries: Vec<Value> = sets
        .iter()
        .enumerate()
        .map(|(number, set)| json!({"stream": format!("s{number}"), "operation": "update", "match": {"fields": set}}))
        .collect();
    let contact = |number: usize| {
        let mut contact = json!({"External_Id__c": format!("E{number}"), "Email": format!("e{number}@example.com")});
        FIELDS[..6].iter().for_each(|name| contact[*name] = json!(format!("{number}")));
        contact
    };
    for (count, is_too_much) in [(100, false), (8_000, true)] {
        let world = World::kind().await;
        let ends = (0..sets.len()).map(|number| complete(&format!("s{number}")));
        let lines = lines((0..count).map(contact)).into_iter().chain(ends).collect();
        let run = world.dry_run(json!({"streams": entries}), catalog(&streams), lines).await;
        run.assert_success();
        let is_said = run.warnings().iter().any(|line| line.contains(FORGOTTEN));
        assert_eq!(is_said, is_too_much, "{count} {:?}", run.warnings());
    }
}
