//! The stamps of records: when they were created, changed and deleted, and by whom.

use std::time::Duration;

use salesforce_sim::Settings;
use serde_json::{Value, json};

use crate::client::Client;
use crate::query_jobs::{create, end, results};

const STAMPS: &str = "SELECT Name, CreatedDate, LastModifiedDate, SystemModstamp, IsDeleted FROM Account";

async fn records(client: &Client, call: &str, soql: &str) -> Vec<Value> {
    let soql: String = form_urlencoded::byte_serialize(soql.as_bytes()).collect();
    client.get(&format!("{call}?q={soql}")).await.json()["records"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_records_of_a_chunk_share_their_stamps_and_a_change_moves_two_of_them() {
    let client = Client::start(Settings::default()).await;
    let insert = json!({"object": "Account", "operation": "insert"});
    client.load(insert, "Name,External_Id__c\na,1\nb,2\n").await;
    let created = records(&client, "query", STAMPS).await;
    let stamp = created[0]["CreatedDate"].as_str().unwrap();
    assert!(stamp.ends_with(".000+0000"), "{stamp}");
    for record in &created {
        for field in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            assert_eq!(record[field], stamp);
        }
        assert_eq!(record["IsDeleted"], false);
    }
    client.org.advance_clock(Duration::from_secs(60));
    let upsert = json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "External_Id__c"});
    client.load(upsert, "External_Id__c,Name\n1,c\n").await;
    let changed = records(&client, "query", &format!("{STAMPS} WHERE SystemModstamp > {}", soql_moment(stamp))).await;
    assert_eq!((changed.len(), &changed[0]["Name"]), (1, &json!("c")));
    assert_eq!(changed[0]["CreatedDate"], stamp);
    assert_eq!(changed[0]["LastModifiedDate"], changed[0]["SystemModstamp"]);
    client.org.advance_clock(Duration::from_secs(60));
    let id = client.org.records("Account")[1]["Id"].clone().unwrap();
    client.load(json!({"object": "Account", "operation": "delete"}), format!("Id\n{id}\n")).await;
    let deleted = records(&client, "queryAll", &format!("{STAMPS} WHERE IsDeleted = true")).await;
    assert_eq!(deleted.len(), 1);
    assert!(deleted[0]["SystemModstamp"].as_str() > changed[0]["SystemModstamp"].as_str(), "{deleted:?}");
}

/// A point in time as a condition takes it.
fn soql_moment(stamp: &str) -> String {
    stamp.replace(".000+0000", "Z")
}

#[tokio::test]
async fn a_test_chooses_stamps_and_each_answer_has_its_form_of_them() {
    let client = Client::start(Settings::default()).await;
    let values = [("Name", "a"), ("CreatedDate", "2026-01-02T03:04:05Z"), ("SystemModstamp", "2026-02-03T04:05:06Z")];
    let id = client.org.insert("Account", &values).unwrap();
    let shown = records(&client, "query", STAMPS).await;
    assert_eq!(shown[0]["CreatedDate"], "2026-01-02T03:04:05.000+0000");
    assert_eq!(shown[0]["SystemModstamp"], "2026-02-03T04:05:06.000+0000");
    let job = create(&client, "SELECT CreatedDate, SystemModstamp, CreatedBy.Username FROM Account").await;
    end(&client, &job).await;
    let expected = "\"2026-01-02T03:04:05.000Z\",\"2026-02-03T04:05:06.000Z\",\"integration@example.com\"";
    assert_eq!(results(&client, &job, "").await.text.lines().nth(1), Some(expected));
    let window = "SystemModstamp >= 2026-02-03T04:05:06Z AND SystemModstamp < 2026-02-03T04:05:07Z";
    assert_eq!(records(&client, "query", &format!("{STAMPS} WHERE {window}")).await.len(), 1);
    let record = client.get(&format!("sobjects/Account/{id}")).await.json();
    assert_eq!(record["CreatedDate"], "2026-01-02T03:04:05Z");
    assert!(record["LastModifiedById"].as_str().unwrap().starts_with("005"));
}
