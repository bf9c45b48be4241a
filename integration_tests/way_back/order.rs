//! Of several rejected versions of one record the newest is the one that stays, whoever rejected them and when.

use salesforce_sim::RowFault;
use serde_json::{Value, json};

use super::round_trip::{run_script, without_generation, write_files};
use crate::world::{World, catalog, keyed, record, state, stream};

const FIELDS: &[(&str, &str)] =
    &[("External_Id__c", "string"), ("LastName", "string"), ("Email", "string"), ("Description", "string")];

/// Who rejects a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Salesforce,
    Connector,
}
use By::{Connector, Salesforce};

fn version(key: &str, number: usize, by: By) -> Value {
    let email = match by {
        Salesforce => "no address",
        Connector => "#N/A",
    };
    json!({"External_Id__c": key, "LastName": "Example", "Email": email, "Description": format!("version {number}")})
}

fn contacts(sync_id: u64) -> Value {
    let mut contacts = keyed(stream("contacts", "Contact", FIELDS), "append_dedup", "External_Id__c");
    contacts = without_generation(contacts);
    contacts["sync_id"] = json!(sync_id);
    catalog(&[contacts])
}

/// Brings back what the bucket has, corrects it, and loads it: in one batch, and in one for each record. Checks which
/// versions there are then.
async fn bring_back(world: &World, expected: &[&str]) {
    for batch_size_mb in [100.0, 0.01] {
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path(), &world.config(json!({"batch_size_mb": batch_size_mb})), &contacts(0));
        let script = "set -o pipefail; destination-salesforce rejected --config config.json \
                      | jq -c 'select(.type == \"RECORD\") | .record.data.Email = null \
                               | .record.data.LastName = \"Example\" | .record.data.Description += \",\" + \"x\" * 9990' \
                      | destination-salesforce write --config config.json --catalog catalog.json";
        run_script(folder.path(), script).await;
        world.wait_for_jobs().await;
        let contacts = world.values("Contact", "Description").into_iter().flatten();
        let mut found: Vec<String> = contacts.map(|text| text.split(',').next().unwrap().to_owned()).collect();
        found.sort();
        assert_eq!(found, expected, "batches of {batch_size_mb} MB");
    }
}

/// In one batch, whatever the org and the connector reject, and whether there are other records with repeated keys.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_of_the_versions_of_one_load_stays() {
    let orders: [&[By]; 6] = [
        &[Salesforce, Salesforce],
        &[Salesforce, Connector],
        &[Connector, Salesforce],
        &[Connector, Connector],
        &[Connector, Salesforce, Connector],
        &[Salesforce, Connector, Salesforce],
    ];
    for format in ["CSV", "JSONL"] {
        let world = World::kind().await;
        let changes = json!({"object_storage_config": {"format": {"format_type": format}}});
        let mut lines = Vec::new();
        let longest = orders.iter().map(|order| order.len()).max().unwrap();
        for number in 0..longest {
            for (key, order) in orders.iter().enumerate() {
                lines.extend(order.get(number).map(|by| record("contacts", version(&format!("C-{key}"), number, *by))));
            }
        }
        lines.push(state("contacts", 1));
        let run = world.write(changes, contacts(7), lines).await;
        assert_eq!(run.counts()[0].written, 0, "{}", run.stdout);
        let mut expected = orders.map(|order| if order.len() == 2 { "version 1" } else { "version 2" });
        expected.sort_unstable();
        bring_back(&world, &expected).await;
    }
}

/// The row of the older version is retried until the org refuses it for good, after the newer one was rejected.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_version_stays_if_an_older_one_was_retried() {
    let world = World::kind().await;
    world.org.inject(RowFault::new("Contact", "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--").times(10));
    let old = json!({"External_Id__c": "C-1", "LastName": "Example", "Description": "version 0"});
    let lines = vec![record("contacts", old), record("contacts", version("C-1", 1, Connector)), state("contacts", 1)];
    let run = world.write(json!({}), contacts(7), lines).await;
    assert_eq!(run.counts()[0].rejected, 2, "{}", run.stdout);
    let stored: Vec<Value> = world.rejected().iter().map(|row| row["_airbyte_data"]["Description"].clone()).collect();
    assert_eq!(stored, ["version 0", "version 1"], "each is stored once");
    world.org.clear_faults();
    bring_back(&world, &["version 1"]).await;
}

/// A dozen loads of one sync, and syncs whose numbers have more digits, most of it within one second.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_of_the_versions_of_several_loads_and_syncs_stays() {
    let world = World::kind().await;
    let mut number = 0;
    for sync_id in [999, 1000] {
        let mut lines = Vec::new();
        for _ in 0..12 {
            for by in [Salesforce, Connector] {
                let mut version = version("C-1", number, by);
                // A batch takes one of these.
                version["LastName"] = json!("x".repeat(12_000));
                lines.push(record("contacts", version));
                number += 1;
            }
        }
        lines.push(state("contacts", 1));
        let run = world.write(json!({"batch_size_mb": 0.01}), contacts(sync_id), lines).await;
        assert_eq!(run.counts()[0].rejected, 24, "{}", run.stdout);
    }
    let objects = world.rejected_objects().len();
    assert!(objects > 22, "{objects} objects");
    bring_back(&world, &[&format!("version {}", number - 1)]).await;
}

/// What was rejected last decides whether the record lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_delete_and_a_rejected_record_come_back_in_their_order() {
    for is_deleted_last in [true, false] {
        let world = World::kind().await;
        world.org.insert("Contact", &[("External_Id__c", "C-1"), ("LastName", "Example")]).unwrap();
        let deleted = json!({"External_Id__c": "C-1", "_ab_cdc_deleted_at": "2026-01-01T00:00:00Z"});
        let write = [record("contacts", version("C-1", 1, Salesforce)), state("contacts", 1)];
        let delete = [record("contacts", deleted), state("contacts", 2)];
        // In one sync a delete makes the write before it needless.
        let syncs =
            if is_deleted_last { vec![write.to_vec(), delete.to_vec()] } else { vec![[delete, write].concat()] };
        for (sync, lines) in syncs.into_iter().enumerate() {
            if sync == 1 || !is_deleted_last {
                let refused = RowFault::new("Contact", "DELETE_FAILED:it is the parent of other records:--");
                world.org.inject(refused.times(1));
            }
            let run = world.write(json!({}), contacts(7 + sync as u64), lines).await;
            assert_eq!(run.counts().iter().map(|counts| counts.written).sum::<u64>(), 0, "{}", run.stdout);
        }
        world.org.clear_faults();
        bring_back(&world, if is_deleted_last { &[] } else { &["version 1"] }).await;
        assert_eq!(world.org.count("Contact"), usize::from(!is_deleted_last));
    }
}

/// The connector does not look at the values of a record that it skips or refuses, but it knows its key.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_version_stays_where_its_key_stands_behind_what_it_is_rejected_for() {
    for deletes in ["ignore", "refuse"] {
        let world = World::kind().await;
        let with_key_last = |key: &str, mut values: Value| {
            values["External_Id__c"] = json!(key);
            record("contacts", values)
        };
        let text = "version 1";
        let wrong = json!({"Email": "#N/A", "LastName": "Example", "Description": text});
        let unclear = json!({"_ab_cdc_deleted_at": "perhaps", "LastName": "Example", "Description": text});
        let mut lines: Vec<String> =
            ["C-1", "C-2", "C-3"].map(|key| record("contacts", version(key, 0, Salesforce))).into();
        lines.extend([with_key_last("C-1", wrong), with_key_last("C-2", unclear)]);
        let gone = json!({"_ab_cdc_deleted_at": "2026-01-01T00:00:00Z"});
        lines.extend([with_key_last("C-3", gone), state("contacts", 1)]);
        let settings = json!({"streams": [{"stream": "contacts", "deletes": deletes}]});
        let run = world.write(settings, contacts(7), lines).await;
        let is_refused = deletes == "refuse";
        assert_eq!(run.counts()[0].rejected, if is_refused { 6 } else { 5 }, "{}", run.stdout);
        let stored: Vec<Value> = world.rejected().iter().map(|row| row["_airbyte_data"].clone()).collect();
        let is_old = |row: &Value| row["Description"] == "version 0";
        assert!(stored[..3].iter().all(is_old) && !stored[3..].iter().any(is_old), "the newest are last: {stored:?}");
    }
}
