//! A rejected record comes back, is fixed, and is accepted.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use salesforce_sim::RowFault;
use serde_json::{Value, json};

use crate::connector::PROGRAM;
use crate::world::{World, blocking, catalog, keyed, record, state, stream};

const PAGE: &str = include_str!("../../docs/rejected-records.md");

/// The one-liner of the page.
fn line_of_the_page() -> &'static str {
    let mut blocks = PAGE.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.find(|block| block.contains("destination-salesforce rejected") && block.contains("jq")).unwrap()
}

/// Runs a script of a shell in a folder with `config.json` and `catalog.json`, where the program is on the path.
pub(super) async fn run_script(folder: &Path, script: &str) -> String {
    let bin = folder.join("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(PROGRAM, bin.join("destination-salesforce")).unwrap();
    }
    let mut command = Command::new("/bin/bash");
    command.args(["-c", script]).current_dir(folder).env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("DESTINATION_SALESFORCE_TEST_HASTE", "300");
    command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    let output = blocking(move || command.output().unwrap()).await;
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success() && stderr.is_empty(), "{stderr}\n{stdout}");
    stdout
}

/// Whether the log says that so many records were written and none was rejected.
fn has_loaded(stdout: &str, records: usize) -> bool {
    stdout.contains(&format!(" committed={records} ")) && stdout.contains(" rejected=0 ")
}

pub(super) fn write_files(folder: &Path, config: &Value, catalog: &Value) {
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    std::fs::write(folder.join("catalog.json"), catalog.to_string()).unwrap();
}

pub(super) fn without_generation(mut stream: Value) -> Value {
    for key in ["generation_id", "minimum_generation_id", "sync_id"] {
        stream.as_object_mut().unwrap().remove(key);
    }
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_the_page_loads_what_was_rejected() {
    let world = World::kind().await;
    let contacts = stream("contacts", "Contact", &[("LastName", "string"), ("Email", "string")]);
    let catalog = catalog(&[without_generation(contacts)]);
    let lines = vec![
        record("contacts", json!({"LastName": "Example", "Email": "ann@example.com"})),
        record("contacts", json!({"LastName": "Sample", "Email": "not an address"})),
        record("contacts", json!({"LastName": null, "Email": "bob@example.com"})),
        state("contacts", 1),
    ];
    let run = world.write(json!({}), catalog.clone(), lines).await;
    assert_eq!(run.counts()[0].rejected, 2);
    assert_eq!(world.values("Contact", "LastName"), [Some("Example".to_owned())]);

    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path(), &world.config(json!({})), &catalog);
    let script = line_of_the_page();
    assert!(script.contains("--reason INVALID_EMAIL_ADDRESS") && script.contains("--stream contacts"), "{script}");
    let stdout = run_script(folder.path(), script).await;
    world.wait_for_jobs().await;
    assert!(has_loaded(&stdout, 1), "{stdout}");
    let contacts = world.org.records("Contact");
    let found: BTreeMap<_, _> = contacts.iter().map(|it| (it["LastName"].clone(), it.get("Email").cloned())).collect();
    let expected = [("Example", Some(Some("ann@example.com".to_owned()))), ("Sample", None)];
    for (name, email) in expected {
        let found = &found[&Some(name.to_owned())];
        assert_eq!(found.clone().flatten(), email.flatten(), "{name}");
    }
    assert_eq!(contacts.len(), 2, "the record without a name stays rejected");
}

const ACCOUNT: &[(&str, &str)] = &[
    ("Name", "string"),
    ("External_Id__c", "string"),
    ("Description", "string"),
    ("Sic", "string"),
    ("Score__c", "number"),
    ("AnnualRevenue", "number"),
    ("Is_Key_Account__c", "boolean"),
    ("Customer_Since__c", "string"),
    ("Last_Order_At__c", "string"),
    ("Channels__c", "array"),
    ("Parent", "object"),
    ("Fax", "string"),
];

/// A record with values of every kind, which the org takes unless `name` is null.
fn account(key: &str, name: Value, nested_text: &str) -> Value {
    json!({
        "Name": name,
        "External_Id__c": key,
        "Description": nested_text,
        "Sic": "007",
        "Score__c": 12.5,
        "AnnualRevenue": 123_456_789_012_345_u64,
        "Is_Key_Account__c": true,
        "Customer_Since__c": "2026-03-04",
        "Last_Order_At__c": "2026-03-04T05:06:07Z",
        "Channels__c": ["Web", "Store"],
        "Parent": {"External_Id__c": "parent"},
        "Fax": null,
    })
}

/// The values of the account with this key, without those that differ for each record.
fn values(world: &World, key: &str) -> BTreeMap<String, Option<String>> {
    let mut accounts = world.org.records("Account");
    accounts.retain(|account| account["External_Id__c"].as_deref() == Some(key));
    assert_eq!(accounts.len(), 1, "{key}");
    let is_own = |name: &String| ACCOUNT.iter().any(|(field, _)| field == name) || name == "ParentId";
    let values = accounts.remove(0).into_iter().filter(|(name, _)| is_own(name) && name != "External_Id__c");
    values.collect()
}

/// In flattened CSV numbers and booleans are texts, and the record has the same effect as ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_came_back_has_the_effect_of_the_first_one_in_every_form() {
    for format in ["CSV", "JSONL"] {
        for flattening in ["No flattening", "Root level flattening"] {
            for text in [
                "{\"a\": [1, 2]}",
                "[\"Web\"]",
                "\"quoted\"",
                "true",
                "1e3",
                "line\nbreak, \"and\" comma",
                "{\n  \"a\": 1\n}",
            ] {
                if flattening == "No flattening" && text != "true" {
                    continue;
                }
                let world = World::kind().await;
                let storage = json!({"format": {"format_type": format, "flattening": flattening}});
                let changes = json!({"object_storage_config": storage});
                let accounts = keyed(stream("accounts", "Account", ACCOUNT), "append_dedup", "External_Id__c");
                let catalog = catalog(&[without_generation(accounts)]);
                let first = vec![record("accounts", json!({"Name": "P", "External_Id__c": "parent"}))];
                world.write(changes.clone(), catalog.clone(), first).await.assert_success();
                let lines = vec![
                    record("accounts", account("good", json!("Acme"), text)),
                    record("accounts", account("refused", Value::Null, text)),
                    record("accounts", account("local", json!("#N/A"), text)),
                    state("accounts", 1),
                ];
                let run = world.write(changes.clone(), catalog.clone(), lines).await;
                assert_eq!(run.counts()[0].rejected, 2, "{}", run.stdout);

                let folder = tempfile::tempdir().unwrap();
                write_files(folder.path(), &world.config(changes), &catalog);
                let script = "set -o pipefail; destination-salesforce rejected --config config.json \
                              | sed -e 's/\"Name\":\\(null\\|\"#N\\/A\"\\)/\"Name\":\"Acme\"/' \
                              | destination-salesforce write --config config.json --catalog catalog.json";
                let stdout = run_script(folder.path(), script).await;
                world.wait_for_jobs().await;
                assert!(has_loaded(&stdout, 2), "{stdout}");
                let expected = values(&world, "good");
                assert!(expected["ParentId"].is_some() && expected["Description"].as_deref() == Some(text));
                for key in ["refused", "local"] {
                    assert_eq!(values(&world, key), expected, "{format} {flattening} {text} {key}");
                }
            }
        }
    }
}

/// A delete that is refused comes back as a delete in every form, and never as a record that lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_delete_comes_back_as_a_delete() {
    for format in ["CSV", "JSONL"] {
        for flattening in ["No flattening", "Root level flattening"] {
            let world = World::kind().await;
            let ids = ["One", "Two"].map(|name| world.org.insert("Account", &[("Name", name)]).unwrap());
            // The schema has neither mark.
            let fields = [("Id", "string"), ("Name", "string")];
            let catalog = catalog(&[without_generation(keyed(stream("i", "Account", &fields), "update", "Id"))]);
            let changes = json!({
                "streams": [{"stream": "i", "delete_marker": "gone"}],
                "object_storage_config": {"format": {"format_type": format, "flattening": flattening}},
            });
            let refused = RowFault::new("Account", "DELETE_FAILED:it is the parent of other records:--");
            world.org.inject(refused.times(1));
            let lines = vec![
                record("i", json!({"Id": ids[0], "Name": null, "gone": true})),
                record("i", json!({"Id": ids[1], "Name": null, "_ab_cdc_deleted_at": "2026-01-01T00:00:00Z"})),
                state("i", 1),
            ];
            let run = world.write(changes.clone(), catalog.clone(), lines).await;
            assert_eq!((run.counts()[0].rejected, world.org.count("Account")), (2, 2), "{}", run.stdout);
            let folder = tempfile::tempdir().unwrap();
            write_files(folder.path(), &world.config(changes), &catalog);
            let script = "set -o pipefail; destination-salesforce rejected --config config.json \
                          | destination-salesforce write --config config.json --catalog catalog.json";
            let stdout = run_script(folder.path(), script).await;
            world.wait_for_jobs().await;
            assert!(has_loaded(&stdout, 2), "{format} {flattening}: {stdout}");
            assert_eq!(world.org.count("Account"), 0, "{format} {flattening}");
        }
    }
}

/// With `clear` a null clears a field, and what was missing may come back as null. A number may come back as a text.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_warns_of_nulls_and_cut_numbers_before_the_first_record() {
    let world = World::kind().await;
    world.put("7/contacts/a.jsonl", super::stored_line(7, "X", json!({"Email": null})));
    for (changes, expected) in [
        (json!({}), None),
        (json!({"null_handling": "clear"}), Some("null_handling is clear")),
        (json!({"truncate_text": true}), Some("truncate_text is set")),
    ] {
        let printed = world.rejected_records(changes, &[]).await;
        printed.success();
        let messages = printed.messages();
        let place = |part: &str| messages.iter().position(|message| message.to_string().contains(part));
        let warned = place("so write c");
        assert_eq!(warned, expected.and_then(place), "{}", printed.stdout);
        assert_eq!(warned.is_some(), expected.is_some(), "{}", printed.stdout);
        assert!(warned < place("\"RECORD\""), "a warning comes before the records: {}", printed.stdout);
    }
}

/// The number of the records in a merged row is in the message.
#[tokio::test(flavor = "multi_thread")]
async fn a_merged_row_comes_back_once_with_the_number_of_its_records() {
    let world = World::kind().await;
    let fields = [("External_Id__c", "string"), ("LastName", "string"), ("Email", "string")];
    let contacts = keyed(stream("a", "Contact", &fields), "append_dedup", "External_Id__c");
    let lines = vec![
        record("a", json!({"External_Id__c": "C-1", "LastName": "Example"})),
        record("a", json!({"External_Id__c": "C-1", "Email": "no address"})),
        state("a", 1),
    ];
    let run = world.write(json!({}), catalog(&[without_generation(contacts)]), lines).await;
    assert_eq!(run.counts()[0].rejected, 2);
    let records = world.rejected_records(json!({}), &[]).await.success();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["data"], json!({"External_Id__c": "C-1", "LastName": "Example", "Email": "no address"}));
    let message = records[0]["meta"]["rejected_message"].as_str().unwrap();
    assert!(message.ends_with("(The row stands for 2 records with one key.)"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_how_far_the_reading_is() {
    let world = World::kind().await;
    world.put("7/contacts/a.jsonl", super::stored_line(7, "X", json!({"Id": 1})).repeat(50));
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path(), &world.config(json!({})), &json!({}));
    let script = format!(
        "TERM=xterm script --quiet --return --command \"'{PROGRAM}' rejected --config config.json > messages\" screen \
         > /dev/null < /dev/null && cat screen && wc -l < messages"
    );
    let screen = run_script(folder.path(), &script).await;
    assert!(screen.contains("objects read") && screen.contains("records found"), "{screen}");
    assert!(screen.trim_end().ends_with("51"), "{screen}");
}
