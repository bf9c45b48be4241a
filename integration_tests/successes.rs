//! The source key and the Salesforce id of each written record are kept (`keep_successes`).

mod keys;
mod readings;

use std::collections::{BTreeMap, HashMap};
use std::process::{Command, Stdio};

use salesforce_sim::{Answer, Effect, Endpoint, Hold, JobFault, RequestFault, RowFault};
use serde_json::{Map, Value, json};

use crate::connector::PROGRAM;
use crate::protocol_model::Counts;
use crate::world::{World, blocking, catalog, complete, keyed, kill, merge, record, state, stream, wait_until};

const LOCK: &str = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
const INVALID: &str = "FIELD_CUSTOM_VALIDATION_EXCEPTION:not this one:LastName --";

const FIELDS: [(&str, &str); 3] = [("LastName", "string"), ("Email", "string"), ("External_Id__c", "string")];

fn keeping() -> Value {
    json!({"keep_successes": true})
}

/// The stream `s` of contacts.
fn contacts(mode: &str, key: &str) -> Value {
    catalog(&[keyed(stream("s", "Contact", &FIELDS), mode, key)])
}

fn lines(records: &[Value]) -> Vec<String> {
    let records = records.iter().map(|data| record("s", data.clone()));
    records.chain([state("s", 1), complete("s")]).collect()
}

fn contact(number: u64) -> Value {
    json!({"LastName": format!("L{number:04}"), "External_Id__c": format!("E{number:04}")})
}

fn some_contacts(count: u64) -> Vec<Value> {
    (1..=count).map(contact).collect()
}

/// What is kept of each written record, in the order of its id.
fn kept(world: &World) -> Vec<Map<String, Value>> {
    let mut kept = Vec::new();
    for (_, bytes) in world.success_objects() {
        for line in std::str::from_utf8(&bytes).unwrap().lines() {
            let row: Map<String, Value> = serde_json::from_str(line).unwrap();
            let columns: Vec<&str> = row.keys().map(String::as_str).collect();
            let airbyte = ["extracted_at", "generation_id", "meta", "raw_id"].map(|name| format!("_airbyte_{name}"));
            let mut expected: Vec<&str> = airbyte.iter().map(String::as_str).chain(["_airbyte_data"]).collect();
            expected.sort_unstable();
            let mut columns = columns;
            columns.sort_unstable();
            assert_eq!(columns, expected);
            assert!([0, 1_790_000_000_000_u64].contains(&row["_airbyte_extracted_at"].as_u64().unwrap()), "{line}");
            kept.push(row["_airbyte_data"].as_object().unwrap().clone());
        }
    }
    kept.sort_by_key(|row| row["sf__Id"].to_string());
    kept
}

/// One value of each kept record, in the order of these values.
fn kept_values(world: &World, column: &str) -> Vec<String> {
    let mut values: Vec<String> = kept(world)
        .iter()
        .map(|row| row[column].as_str().map_or_else(|| row[column].to_string(), str::to_owned))
        .collect();
    values.sort();
    values
}

/// The id of each contact of the org by its external id.
fn ids_in_org(world: &World) -> BTreeMap<String, String> {
    let contacts = world.org.records("Contact").into_iter();
    contacts.map(|it| (it["External_Id__c"].clone().unwrap_or_default(), it["Id"].clone().unwrap())).collect()
}

/// Each contact of the org is kept once, under its own key.
#[track_caller]
fn assert_each_is_kept_once(world: &World) {
    let kept = kept(world);
    let pairs: BTreeMap<String, String> = kept
        .iter()
        .map(|row| ["External_Id__c", "sf__Id"].map(|column| row[column].as_str().unwrap().to_owned()))
        .map(|[key, id]| (key, id))
        .collect();
    assert_eq!(pairs, ids_in_org(world));
    assert_eq!(kept.len(), pairs.len());
}

fn results_read(world: &World) -> usize {
    world.org.requests().iter().filter(|request| request.endpoint == Endpoint::SuccessfulResults).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_inserted_record_is_kept_under_its_primary_key_and_nothing_is_kept_without_the_setting() {
    let world = World::new().await;
    let catalog = contacts("append", "External_Id__c");
    let run = world.write(json!({}), catalog.clone(), lines(&some_contacts(3))).await;
    run.assert_success();
    assert_eq!((results_read(&world), world.success_objects().len()), (0, 0));

    let world = World::kind().await;
    let run = world.write(keeping(), catalog, lines(&some_contacts(300))).await;
    run.assert_success();
    assert_each_is_kept_once(&world);
    assert_eq!(results_read(&world), 1);
    let first = &kept(&world)[0];
    assert_eq!(first.keys().collect::<Vec<_>>(), ["External_Id__c", "sf__Id", "sf__Created", "written_records"]);
    assert_eq!((&first["sf__Created"], &first["written_records"]), (&json!(true), &json!(1)));
    let [(key, _)] = &world.success_objects()[..] else { panic!("{:?}", world.success_objects()) };
    assert!(key.starts_with("rejected_records/_salesforce_successes/42/s/"), "{key}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_keeps_its_json_type_and_all_columns_are_kept_where_nothing_names_a_record() {
    let world = World::new().await;
    let fields = [("Name", "string"), ("NumberOfEmployees", "integer")];
    let with_key = catalog(&[keyed(stream("s", "Account", &fields), "append", "NumberOfEmployees")]);
    let account = [json!({"Name": "Example", "NumberOfEmployees": 7})];
    world.write(keeping(), with_key, lines(&account)).await.assert_success();
    assert_eq!(kept(&world)[0]["NumberOfEmployees"], 7);
    assert!(!kept(&world)[0].contains_key("Name"));

    let world = World::new().await;
    let without_key = catalog(&[stream("s", "Account", &fields)]);
    world.write(keeping(), without_key, lines(&account)).await.assert_success();
    let row = &kept(&world)[0];
    assert_eq!((&row["Name"], &row["NumberOfEmployees"]), (&json!("Example"), &json!(7)));

    // An external id of the object names it too.
    let world = World::new().await;
    world
        .write(keeping(), catalog(&[stream("s", "Contact", &FIELDS)]), lines(&some_contacts(2)))
        .await
        .assert_success();
    assert_each_is_kept_once(&world);
    assert!(!kept(&world)[0].contains_key("LastName"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_key_that_is_not_sent_is_reported_and_other_values_name_the_records() {
    let world = World::new().await;
    let fields = [("uuid", "string"), ("LastName", "string"), ("External_Id__c", "string")];
    let catalog = catalog(&[keyed(stream("s", "Contact", &fields), "append", "uuid")]);
    let settings = merge(keeping(), json!({"unknown_fields": "ignore"}));
    let record = json!({"uuid": "u-1", "LastName": "Example", "External_Id__c": "E0001"});
    let run = world.write(settings, catalog, lines(&[record])).await;
    run.assert_success();
    let warnings = run.log("WARN");
    assert!(warnings.iter().any(|line| line.contains("the primary key is not sent to Salesforce")), "{warnings:?}");
    assert_each_is_kept_once(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_says_what_it_created_and_a_merged_row_has_the_key_that_its_records_share() {
    let world = World::new().await;
    let old = world.org.insert("Contact", &[("LastName", "old"), ("External_Id__c", "E0001")]).unwrap();
    let fields = [("LastName", "string"), ("Email", "string"), ("External_Id__c", "string")];
    let mut stream = keyed(stream("s", "Contact", &fields), "append_dedup", "Email");
    stream["primary_key"] = json!([["Email"]]);
    let settings = merge(keeping(), json!({"streams": [{"stream": "s", "external_id_field": "External_Id__c"}]}));
    let row = |key: &str, mail: &str| json!({"LastName": "new", "External_Id__c": key, "Email": mail});
    let records = [
        row("E0001", "a@example.com"),
        row("E0002", "b@example.com"),
        row("E0002", "c@example.com"),
        row("E0003", "d@example.com"),
    ];
    let run = world.write(settings, catalog(&[stream]), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 4, rejected: 0 }]);
    assert_each_is_kept_once(&world);
    let kept: HashMap<String, Map<String, Value>> =
        kept(&world).into_iter().map(|row| (row["External_Id__c"].as_str().unwrap().to_owned(), row)).collect();
    let shown = |key: &str| {
        let row = &kept[key];
        json!([row["sf__Created"], row["written_records"], row.get("Email")])
    };
    assert_eq!(kept["E0001"]["sf__Id"], old);
    assert_eq!(shown("E0001"), json!([false, 1, "a@example.com"]));
    assert_eq!(shown("E0002"), json!([true, 2, null]), "the records have different mail addresses");
    assert_eq!(shown("E0003"), json!([true, 1, "d@example.com"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_deletes_are_kept_under_their_keys() {
    for mode in ["update", "soft_delete"] {
        let world = World::new().await;
        let ids = [1, 2].map(|number| {
            world.org.insert("Contact", &[("LastName", "old"), ("External_Id__c", &format!("E000{number}"))]).unwrap()
        });
        let stream = keyed(stream("s", "Contact", &[("Id", "string"), ("LastName", "string")]), mode, "Id");
        let records = ids.clone().map(|id| json!({"Id": id, "LastName": "new"}));
        world.write(keeping(), catalog(&[stream]), lines(&records)).await.assert_success();
        let mut expected = ids.to_vec();
        expected.sort();
        assert_eq!((kept_values(&world, "Id"), kept_values(&world, "sf__Id")), (expected.clone(), expected), "{mode}");
        assert_eq!(kept_values(&world, "sf__Created"), ["false", "false"], "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_its_source_has_deleted_is_kept_under_its_key() {
    let world = World::new().await;
    let gone = world.org.insert("Contact", &[("LastName", "old"), ("External_Id__c", "E0001")]).unwrap();
    let fields = [("LastName", "string"), ("External_Id__c", "string"), ("_ab_cdc_deleted_at", "string")];
    let catalog = catalog(&[keyed(stream("s", "Contact", &fields), "append_dedup", "External_Id__c")]);
    let deleted = json!({"LastName": null, "External_Id__c": "E0001", "_ab_cdc_deleted_at": "2026-01-01T00:00:00Z"});
    let run = world.write(keeping(), catalog, lines(&[deleted, contact(2)])).await;
    run.assert_success();
    assert_eq!(kept_values(&world, "External_Id__c"), ["E0001", "E0002"]);
    let row = kept(&world).into_iter().find(|row| row["External_Id__c"] == "E0001").unwrap();
    assert_eq!((&row["sf__Id"], &row["sf__Created"]), (&json!(gone), &json!(false)));
    assert!(!row.contains_key("_ab_cdc_deleted_at"));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_found_are_kept_under_the_key_by_which_they_were_found() {
    let world = World::new().await;
    let of = |mail: &str| world.org.insert("Contact", &[("LastName", "old"), ("Email", mail)]).unwrap();
    let (one, twins) = (of("one@example.com"), [of("twin@example.com"), of("twin@example.com")]);
    let matching = json!({"fields": ["Email"], "on_missing": "insert", "on_several": "update_all"});
    let settings = merge(keeping(), json!({"streams": [{"stream": "s", "operation": "upsert", "match": matching}]}));
    let records = ["one", "twin", "new"].map(|it| json!({"LastName": "new", "Email": format!("{it}@example.com")}));
    let run = world.write(settings, catalog(&[stream("s", "Contact", &FIELDS)]), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 3, rejected: 0 }]);
    let pairs = |mail: &str| -> Vec<(String, bool)> {
        let rows = kept(&world).into_iter().filter(|row| row["Email"] == format!("{mail}@example.com"));
        rows.map(|row| (row["sf__Id"].as_str().unwrap().to_owned(), row["sf__Created"] == true)).collect()
    };
    assert_eq!(kept(&world).len(), 4);
    assert!(kept(&world).iter().all(|row| !row.contains_key("Id")), "an id that was found is no key of the source");
    assert_eq!(pairs("one"), [(one, false)]);
    let mut twins: Vec<(String, bool)> = twins.into_iter().map(|id| (id, false)).collect();
    twins.sort();
    assert_eq!(pairs("twin"), twins);
    let new = world.org.records("Contact").into_iter().find(|it| it["Email"].as_deref() == Some("new@example.com"));
    assert_eq!(pairs("new"), [(new.unwrap()["Id"].clone().unwrap(), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_several_keys_find_is_kept_under_the_last_one() {
    let world = World::new().await;
    let id = world.org.insert("Contact", &[("LastName", "old"), ("Email", "one@example.com")]).unwrap();
    let settings = json!({"streams": [{"stream": "s", "operation": "update", "match": {"fields": ["Email"]}}]});
    let records = ["ONE", "one"].map(|it| json!({"LastName": it, "Email": format!("{it}@example.com")}));
    let contacts = catalog(&[stream("s", "Contact", &FIELDS)]);
    world.write(merge(keeping(), settings), contacts, lines(&records)).await.assert_success();
    let expected = json!({"Email": "one@example.com", "sf__Id": id, "sf__Created": false, "written_records": 2});
    assert_eq!(kept(&world), [expected.as_object().unwrap().clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_that_were_found_keep_their_own_keys() {
    let world = World::new().await;
    let mail = |number: usize| format!("person-{number:05}@example.com");
    let ids: Vec<String> = (0..3_000)
        .map(|number| world.org.insert("Contact", &[("LastName", "old"), ("Email", &mail(number))]).unwrap())
        .collect();
    let settings = json!({"streams": [{"stream": "s", "operation": "update", "match": {"fields": ["Email"]}}]});
    let name = "n".repeat(70);
    let records: Vec<Value> = (0..3_000).map(|number| json!({"LastName": name, "Email": mail(number)})).collect();
    let run =
        world.write(merge(keeping(), settings), catalog(&[stream("s", "Contact", &FIELDS)]), lines(&records)).await;
    run.assert_success();
    let expected: BTreeMap<String, String> =
        ids.into_iter().enumerate().map(|(number, id)| (id, mail(number))).collect();
    let pair = |row: &Map<String, Value>| ["sf__Id", "Email"].map(|column| row[column].as_str().unwrap().to_owned());
    let kept: BTreeMap<String, String> = kept(&world).iter().map(pair).map(|[id, mail]| (id, mail)).collect();
    assert_eq!(kept, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_sent_again_are_kept_once_beside_those_that_are_rejected() {
    let world = World::new().await;
    let ends_with = |end: char| {
        move |row: &salesforce_sim::UploadedRow<'_>| row.get("LastName").is_some_and(|it| it.ends_with(end))
    };
    world.org.inject(RowFault::new("Contact", LOCK).when(ends_with('3')).times(1));
    world.org.inject(RowFault::new("Contact", INVALID).when(ends_with('7')));
    let run = world.write(keeping(), contacts("append_dedup", "External_Id__c"), lines(&some_contacts(60))).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 54, rejected: 6 }]);
    assert!(world.org.jobs().len() > 1);
    assert_each_is_kept_once(&world);
    assert_eq!(world.rejected().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_wrote_that_ended_early_is_kept_once() {
    for fault in [
        JobFault::failed("Contact", 1, "TooManyLockFailure : Too many lock failures"),
        JobFault::failed("Contact", 1, "Timeout : took too long"),
    ] {
        let world = World::saving_nothing_late().await;
        world.org.inject(fault);
        let run = world.write(keeping(), contacts("append", "External_Id__c"), lines(&some_contacts(300))).await;
        run.assert_success();
        assert!(world.org.jobs().len() > 1);
        assert_each_is_kept_once(&world);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_break_off_or_come_late_are_kept_once() {
    for effect in [Effect::Cut, Effect::LostAnswer, Effect::SessionsEnded] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::SuccessfulResults, effect).times(1));
        let run = world.write(keeping(), contacts("append", "External_Id__c"), lines(&some_contacts(300))).await;
        run.assert_success();
        assert_each_is_kept_once(&world);
        assert_eq!(world.success_objects().len(), 1);
    }
}

/// The column is spelt as the connector cannot check, and the org returns it empty.
#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_row_that_comes_back_in_another_form_is_kept_without_a_key() {
    let world = World::new().await;
    let refusal = Answer::error(403, "INSUFFICIENT_ACCESS", "The user may not describe objects.");
    world.org.inject(RequestFault::new(Endpoint::Composite, refusal).always());
    world.org.insert("Account", &[("Name", "Example"), ("External_Id__c", "A-1")]).unwrap();
    let record = json!({"LastName": "Example", "Account.external_id__c": "A-1"});
    let run = world.write(keeping(), catalog(&[stream("s", "Contact", &[])]), lines(&[record])).await;
    run.assert_success();
    let id = world.org.records("Contact")[0]["Id"].clone().unwrap();
    let row: Value = serde_json::from_slice(&world.success_objects()[0].1).unwrap();
    assert_eq!(row["_airbyte_data"], json!({"sf__Id": id, "sf__Created": true, "written_records": 1}));
    assert_eq!(row["_airbyte_extracted_at"], 0);
    let warnings = run.log("WARN");
    assert!(warnings.iter().any(|line| line.contains("their ids are kept without their keys")), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_leaves_after_its_ids_are_kept() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::SuccessfulResults, Effect::Held(hold.clone())));
    let mut connector = world.start_write(keeping(), &contacts("append", "External_Id__c"));
    let writer = connector.send_in_background(lines(&some_contacts(5)));
    hold.reached().await;
    assert!(world.org.count("Contact") == 5 && world.success_objects().is_empty());
    hold.release();
    let (connector, state) = blocking(move || {
        let state = connector.next_state();
        (connector, state)
    })
    .await;
    drop(state);
    assert_each_is_kept_once(&world);
    kill(connector, writer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_cannot_be_stored_are_not_acknowledged_and_the_next_sync_keeps_them() {
    let world = World::new().await;
    let denied = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    world.store.answer_next(1_000, 403, "application/xml", denied);
    let settings = || merge(keeping(), json!({"journal": false, "report": false}));
    let catalog = contacts("append_dedup", "External_Id__c");
    let run = world.write(settings(), catalog.clone(), lines(&some_contacts(20))).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error", "{message}");
    assert!(message.contains("bucket"), "{message}");
    assert_eq!((run.ids_and_counts(), world.org.count("Contact")), (vec![], 20));
    world.store.clear_answers();
    world.write(settings(), catalog, lines(&some_contacts(20))).await.assert_success();
    assert_each_is_kept_once(&world);
    assert!(kept(&world).iter().all(|row| row["sf__Created"] == false), "they were there");
}

/// Runs `rejected`, and returns what it printed.
async fn rejected(world: &World, options: &'static [&'static str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, world.config(json!({})).to_string()).unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("rejected").arg("--config").arg(path).args(options).stdin(Stdio::null());
    let output = blocking(move || command.output().unwrap()).await;
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_ids_are_never_taken_for_rejected_records() {
    let forms = [
        json!({"format_type": "JSONL"}),
        json!({"format_type": "CSV"}),
        json!({"format_type": "JSONL", "flattening": "Root level flattening"}),
        json!({"format_type": "CSV", "flattening": "Root level flattening"}),
    ];
    for (format, is_in_folder) in forms.iter().flat_map(|format| [(format, false), (format, true)]) {
        let world = World::new().await;
        let world = if is_in_folder { world.in_a_folder() } else { world };
        let ends_with_7 =
            |row: &salesforce_sim::UploadedRow<'_>| row.get("LastName").is_some_and(|it| it.ends_with('7'));
        world.org.inject(RowFault::new("Contact", INVALID).when(ends_with_7));
        let settings = merge(keeping(), json!({"object_storage_config": {"format": format}}));
        let run = world.write(settings, contacts("append", "External_Id__c"), lines(&some_contacts(10))).await;
        run.assert_success();
        let printed = rejected(&world, &[]).await;
        assert_eq!(printed.matches("\"RECORD\"").count(), 1, "{printed}");
        let summary = rejected(&world, &["--summary"]).await;
        assert!(
            summary.contains("1 record in 1 object; skipped, because they are not rejected records: 2 other files"),
            "{summary}"
        );

        // Nor where somebody has copied them beside the rejected records.
        if !is_in_folder {
            let (key, bytes) = world.success_objects().remove(0);
            let copy = key.replace("_salesforce_successes/", "copied/");
            world.store.put(crate::world::BUCKET, &copy, &bytes).unwrap();
            let printed = rejected(&world, &[]).await;
            assert_eq!(printed.matches("\"RECORD\"").count(), 1, "{printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flattened_csv_has_a_column_for_each_part_of_the_key() {
    let world = World::kind().await;
    let format = json!({"format_type": "CSV", "flattening": "Root level flattening"});
    let settings = merge(keeping(), json!({"object_storage_config": {"format": format}}));
    let mut stream = keyed(stream("s", "Contact", &FIELDS), "append", "External_Id__c");
    stream["primary_key"] = json!([["Email"], ["External_Id__c"]]);
    let record = json!({"LastName": "Example", "Email": "a@example.com", "External_Id__c": "E0001"});
    world.write(settings, catalog(&[stream]), lines(&[record])).await.assert_success();
    let (key, bytes) = world.success_objects().remove(0);
    assert!(key.ends_with(".csv"), "{key}");
    let text = String::from_utf8(bytes).unwrap();
    let id = &ids_in_org(&world)["E0001"];
    let header = "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id,Email,External_Id__c,sf__Id,\
                  sf__Created,written_records";
    assert_eq!(text.lines().next().unwrap(), header);
    assert!(text.lines().nth(1).unwrap().ends_with(&format!(",a@example.com,E0001,{id},true,1")), "{text}");
}

/// The next attempt stores what it sends again, and cannot know what the killed one has stored.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_kept_again_if_an_attempt_is_killed_before_its_state() {
    let world = World::new().await;
    world.org.inject(RowFault::new("Contact", LOCK).when(|row| row.get("LastName") == Some("L0005")).times(1));
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobCreate, Effect::Held(hold.clone())).starting_at(2));
    let catalog = contacts("append_dedup", "External_Id__c");
    let mut connector = world.start_write(keeping(), &catalog);
    let writer = connector.send_in_background(lines(&some_contacts(5)));
    hold.reached().await;
    wait_until(|| kept(&world).len() == 4).await;
    let killed = kill(connector, writer).await;
    assert!(killed.states().is_empty());
    hold.release();
    world.write(keeping(), catalog, lines(&some_contacts(5))).await.assert_success();
    let pairs: Vec<_> = kept(&world).iter().map(|row| (row["External_Id__c"].clone(), row["sf__Id"].clone())).collect();
    let distinct: BTreeMap<String, String> =
        pairs.iter().map(|(key, id)| (key.as_str().unwrap().to_owned(), id.as_str().unwrap().to_owned())).collect();
    assert_eq!((pairs.len(), distinct), (9, ids_in_org(&world)));
}

/// What the journal keeps from being sent again: the killed attempt had no time to store its ids. The results are read
/// once to know the rows, and once more for their ids.
#[tokio::test(flavor = "multi_thread")]
async fn the_ids_of_an_insert_that_a_killed_attempt_wrote_are_kept_by_the_next_one() {
    let faults: [Effect; 4] =
        [Effect::Cut, Answer::empty(200).into(), Answer::html(200).into(), Answer::status(404).into()];
    let worlds = [World::new().await, World::kind().await, World::kind().await, World::kind().await];
    for (fault, world) in faults.into_iter().zip(worlds) {
        let label = format!("{fault:?}");
        let hold = Hold::default();
        world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(hold.clone())));
        let catalog = contacts("append", "External_Id__c");
        let mut connector = world.start_write(keeping(), &catalog);
        let writer = connector.send_in_background(lines(&some_contacts(300)));
        wait_until(|| !world.org.jobs().is_empty() && world.org.jobs().iter().all(|job| job.state.is_final())).await;
        kill(connector, writer).await;
        hold.release();
        assert!(world.success_objects().is_empty(), "{label}");
        world.org.inject(RequestFault::new(Endpoint::SuccessfulResults, fault).starting_at(2));
        let mut records = some_contacts(302);
        records.push(contact(303));
        let run = world.write(keeping(), catalog, lines(&records)).await;
        run.assert_success();
        assert_eq!(world.org.count("Contact"), 303, "{label}");
        assert_each_is_kept_once(&world);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_storage_the_setting_is_refused() {
    let world = World::new().await;
    for storage in [Value::Null, json!({"storage_type": "None"})] {
        let mut settings = world.config(keeping());
        settings["object_storage_config"] = storage;
        let catalog = contacts("append", "External_Id__c");
        let run = blocking(move || crate::connector::write(&settings, &catalog, lines(&[contact(1)]))).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{message}");
        assert!(message.contains("`keep_successes` needs `object_storage_config`"), "{message}");
    }
    assert!(world.org.requests().is_empty());
}
