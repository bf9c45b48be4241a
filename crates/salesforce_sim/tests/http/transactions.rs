//! Transactions that commit late, and what else happens to records without a job.

use std::time::Duration;

use salesforce_sim::{Field, Object, RandomWork, Settings};
use serde_json::{Value, json};

use crate::client::Client;

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) async fn found(client: &Client, call: &str, soql: &str) -> Vec<Value> {
    let soql: String = form_urlencoded::byte_serialize(soql.as_bytes()).collect();
    client.get(&format!("{call}?q={soql}")).await.json()["records"].as_array().unwrap().clone()
}

async fn names(client: &Client, call: &str) -> Vec<String> {
    let records = found(client, call, "SELECT Name FROM Account ORDER BY Name").await;
    records.iter().map(|record| record["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_late_commit_shows_its_changes_under_their_earlier_stamps() {
    let client = Client::start(Settings::default()).await;
    let org = &client.org;
    org.stop_clock();
    let [changed, gone, erased] = ["a", "b", "c"].map(|name| org.insert("Account", &[("Name", name)]).unwrap());
    let transaction = org.begin_transaction();
    org.advance_clock(MINUTE);
    let written = org.now();
    assert!(transaction.insert("Account", &[("Name", "new")]).is_some());
    assert!(transaction.update("Account", &changed, &[("Name", "a2")]));
    assert!(transaction.recycle("Account", &gone));
    assert!(transaction.erase("Account", &erased));
    org.advance_clock(10 * MINUTE);
    org.insert("Account", &[("Name", "z")]);
    assert_eq!(names(&client, "queryAll").await, ["a", "b", "c", "z"], "nobody sees what is not committed");

    transaction.commit();
    assert_eq!(names(&client, "query").await, ["a2", "new", "z"]);
    let all = found(&client, "queryAll", "SELECT Name, SystemModstamp, IsDeleted FROM Account ORDER BY Name").await;
    let stamp = |second: i64| jiff::Timestamp::from_second(second).unwrap().strftime("%Y-%m-%dT%H:%M:%S.000+0000");
    let shown: Vec<_> = all
        .iter()
        .map(|record| (record["Name"].clone(), record["SystemModstamp"].clone(), record["IsDeleted"].clone()))
        .collect();
    let (early, late) = (json!(stamp(written).to_string()), json!(stamp(written + 600).to_string()));
    let expected = [("a2", &early, false), ("b", &early, true), ("new", &early, false), ("z", &late, false)];
    assert_eq!(shown, expected.map(|(name, stamp, deleted)| (json!(name), stamp.clone(), json!(deleted))));
}

#[tokio::test]
async fn a_dropped_transaction_never_was_and_a_locked_record_cannot_be_changed() {
    let client = Client::start(Settings::default()).await;
    let org = &client.org;
    let id = org.insert("Account", &[("Name", "a"), ("External_Id__c", "1")]).unwrap();
    let transaction = org.begin_transaction();
    let pending = transaction.insert("Account", &[("Name", "new")]).unwrap();
    assert!(transaction.update("Account", &id, &[("Name", "a2")]));
    assert!(!org.update("Account", &id, &[("Name", "a3")]), "it is locked");
    assert!(!org.begin_transaction().recycle("Account", &id), "also for another transaction");
    let update = json!({"object": "Account", "operation": "update"});
    let (job, _) = client.load(update.clone(), format!("Id,Name\n{id},a4\n")).await;
    let failed = client.results(&job, "failedResults").await.text;
    assert!(failed.contains("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record"), "{failed}");

    drop(transaction);
    assert_eq!(names(&client, "queryAll").await, ["a"]);
    let (job, _) = client.load(update, format!("Id,Name\n{id},a5\n{pending},b\n")).await;
    let failed = client.results(&job, "failedResults").await.text;
    assert!(failed.contains("INVALID_CROSS_REFERENCE_KEY"), "the rolled back record does not exist: {failed}");
    assert_eq!(names(&client, "queryAll").await, ["a5"]);
}

#[tokio::test]
async fn deleted_records_come_back_or_go_for_good_and_a_merge_names_its_master() {
    let account = Object::standard("Account", "001")
        .field(Field::text("Name", 255).name_field())
        .field(Field::reference("MasterRecordId", &["Account"]));
    let client = Client::start(Settings { objects: vec![account], ..Settings::default() }).await;
    let org = &client.org;
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| org.insert("Account", &[("Name", name)]).unwrap());
    assert!(org.recycle("Account", &a) && org.recycle("Account", &b));
    assert!(org.undelete("Account", &a) && !org.undelete("Account", &a));
    assert_eq!(names(&client, "queryAll").await, ["a", "b", "c", "d"]);
    assert!(org.erase("Account", &b), "also from the recycle bin");
    assert!(!org.merge("Account", &c, &[&a, &c]) && !org.merge("Account", &c, &[&b]));
    assert!(org.merge("Account", &c, &[&a]));
    let losers = found(&client, "queryAll", "SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true").await;
    assert_eq!((losers.len(), &losers[0]["MasterRecordId"]), (1, &json!(c)));
    org.empty_recycle_bin("Account");
    assert_eq!(names(&client, "queryAll").await, ["c", "d"]);
    assert!(org.update("Account", &d, &[("Name", "")]) && !org.update("Account", &b, &[]));
    assert_eq!(found(&client, "query", "SELECT Id FROM Account WHERE Name = null").await.len(), 1);
}

#[tokio::test]
async fn fields_come_and_go_while_there_are_records() {
    let client = Client::start(Settings::default()).await;
    let org = &client.org;
    org.insert("Account", &[("Name", "a"), ("Website", "https://a.example.com")]);
    org.add_field("Account", Field::text("New__c", 20).external_id());
    assert_eq!(found(&client, "query", "SELECT New__c FROM Account").await[0]["New__c"], Value::Null);
    org.insert("Account", &[("Name", "b"), ("New__c", "x")]);
    assert_eq!(found(&client, "query", "SELECT Id FROM Account WHERE New__c = 'x'").await.len(), 1);
    org.remove_field("Account", "Website");
    let refused = client.get("query?q=SELECT+Website+FROM+Account").await.api_error();
    assert_eq!((refused.0, &*refused.1), (400, "INVALID_FIELD"));
    org.restore_field("Account", "Website");
    assert_eq!(found(&client, "query", "SELECT Website FROM Account").await.len(), 2);
}

#[tokio::test]
async fn random_work_depends_on_its_seed_alone() {
    let mut seen = Vec::new();
    for seed in [1, 1, 2] {
        let client = Client::start(Settings::default()).await;
        let mut work = RandomWork::new("Account", seed);
        (0..200).for_each(|_| work.step(&client.org));
        work.finish();
        seen.push((names(&client, "query").await, names(&client, "queryAll").await.len()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
    assert!(seen[0].0.len() > 5 && seen[0].1 > seen[0].0.len(), "some live and some are in the recycle bin");
}
