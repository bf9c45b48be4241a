//! A folder of this machine in place of a bucket (`storage_type` = `Local`): the same layout, and the same proof.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::connector::{self, PROGRAM};
use crate::protocol_model::Counts;
use crate::world::{World, blocking, catalog, complete, record, state, stream};

const FIELDS: [(&str, &str); 2] = [("LastName", "string"), ("Email", "string")];

fn contacts() -> Value {
    catalog(&[stream("contacts", "Contact", &FIELDS)])
}

/// Two contacts, the second one with an invalid email address.
fn lines() -> Vec<String> {
    vec![
        record("contacts", json!({"LastName": "Example", "Email": "ann@example.com"})),
        record("contacts", json!({"LastName": "Sample", "Email": "no address"})),
        state("contacts", 1),
        complete("contacts"),
    ]
}

/// The keys of the rejected records without what differs between two syncs: their time.
fn timeless_keys(world: &World) -> Vec<String> {
    let keys = world.rejected_objects().into_iter().map(|(key, _)| key);
    keys.map(|key| key.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_and_the_report_are_stored_as_in_a_bucket() {
    let in_bucket = World::kind().await;
    in_bucket.write(json!({}), contacts(), lines()).await;
    let world = World::kind().await.in_a_folder();
    let run = world.write(json!({}), contacts(), lines()).await;
    run.assert_success();
    assert_eq!(run.ids_and_counts(), [(1, Counts { written: 1, rejected: 1 })]);

    let in_folder: Vec<_> = timeless_keys(&world).iter().map(|key| format!("rejected_records/{key}")).collect();
    assert_eq!(in_folder, timeless_keys(&in_bucket));
    let without_id = |mut record: serde_json::Map<String, Value>| {
        record.remove("_airbyte_raw_id");
        record
    };
    let of = |world: &World| world.rejected().into_iter().map(without_id).collect::<Vec<_>>();
    assert_eq!(of(&world), of(&in_bucket));

    let [(key, page)] = &world.reports()[..] else { panic!("{:?}", world.reports()) };
    assert_eq!(format!("rejected_records/{key}"), in_bucket.reports()[0].0);
    let (object, _) = &world.rejected_objects()[0];
    assert!(page.contains(&format!("{}/{object}", world.folder().display())), "{page}");
    assert!(world.journal().is_empty(), "a sync that has succeeded leaves no entry");
}

/// Runs `rejected`, and returns the lines that it printed.
async fn read_back(world: &World, options: &'static [&'static str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, world.config(json!({})).to_string()).unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("rejected").arg("--config").arg(path).args(options).stdin(Stdio::null());
    let output = blocking(move || command.output().unwrap()).await;
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    stdout.lines().map(str::to_owned).collect()
}

/// The name of a stream has letters that a path does not show.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_folder_keeps_is_read_back_and_loaded() {
    let name = "Kontakte / neu";
    let world = World::kind().await.in_a_folder();
    let catalog = catalog(&[stream(name, "Contact", &FIELDS)]);
    let lines =
        |email: &str| vec![record(name, json!({"LastName": "Sample", "Email": email})), state(name, 1), complete(name)];
    world.write(json!({}), catalog.clone(), lines("no address")).await;

    let printed = read_back(&world, &["--stream", "Kontakte / neu"]).await;
    let printed: Vec<Value> = printed.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let records: Vec<_> = printed.into_iter().filter(|message| message["type"] == "RECORD").collect();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["record"]["stream"], name);
    assert_eq!(records[0]["record"]["data"], json!({"LastName": "Sample", "Email": "no address"}));

    let mut fixed = records[0].clone();
    fixed["record"]["data"]["Email"] = Value::Null;
    let lines = vec![fixed.to_string(), state(name, 2), complete(name)];
    let run = world.write(json!({}), catalog, lines).await;
    assert_eq!(run.ids_and_counts(), [(2, Counts { written: 1, rejected: 0 })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tries_the_folder_and_leaves_it_empty() {
    let world = World::kind().await.in_a_folder();
    let run = world.check(json!({})).await;
    let (status, message) = run.connection_status();
    assert_eq!(status, "SUCCEEDED", "{message}");
    let stored = format!("Rejected records can be stored in the folder {}.", world.folder().display());
    assert!(message.contains(&stored), "{message}");
    let left: Vec<_> = world.folder().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".salesforce"]);
}

/// What a container has of its own is lost with it; what is mounted lasts at least as long as a pod.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn check_warns_of_a_folder_that_may_not_last() {
    use std::os::unix::fs::MetadataExt as _;

    let world = World::kind().await.in_a_folder();
    let device = |path: &std::path::Path| path.metadata().unwrap().dev();
    let is_container = ["/.dockerenv", "/run/.containerenv"].iter().any(|file| std::path::Path::new(file).exists());
    for place in [std::env::temp_dir(), "/dev/shm".into()] {
        let is_on_root = device(&place) == device("/".as_ref());
        for (variable, of_kubernetes) in
            [(None, false), (Some("AIRBYTE_ENTRYPOINT"), false), (Some("KUBERNETES_SERVICE_HOST"), true)]
        {
            let folder = tempfile::tempdir_in(&place).unwrap();
            let storage = json!({"storage_type": "Local", "path": folder.path(), "format": {"format_type": "JSONL"}});
            let config = folder.path().join("config.json");
            std::fs::write(&config, world.config(json!({"object_storage_config": storage})).to_string()).unwrap();
            let mut command = Command::new(PROGRAM);
            command.arg("check").arg("--config").arg(config).env_clear().envs(variable.map(|name| (name, "10.0.0.1")));
            let output = blocking(move || command.stdin(Stdio::null()).output().unwrap()).await;
            let answer = String::from_utf8(output.stdout).unwrap();
            let expected = match (is_container || variable.is_some(), is_on_root) {
                (true, true) => Some("is inside the container"),
                _ if of_kubernetes => Some("is on a volume of the pod"),
                _ => None,
            };
            assert!(answer.contains("Rejected records can be stored in the folder"), "{answer}");
            assert_eq!(answer.contains("Warning: The folder"), expected.is_some(), "{place:?} {variable:?}: {answer}");
            assert!(answer.contains(expected.unwrap_or_default()), "{place:?} {variable:?}: {answer}");
        }
    }
}

/// Neither root nor anyone else can create a folder below a file.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_reported_and_nothing_is_acknowledged() {
    let world = World::kind().await.in_a_folder();
    std::fs::write(world.folder(), "a file").unwrap();
    let run = world.check(json!({})).await;
    let (status, message) = run.connection_status();
    assert_eq!(status, "FAILED", "{message}");
    let place = world.folder().display().to_string();
    assert!(message.contains(&format!("Writing an object in the rejected-records folder {place}")), "{message}");
    assert!(message.contains("Choose another `path`."), "{message}");

    let run = world.write(json!({"journal": false, "report": false}), contacts(), lines()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error", "{message}");
    assert!(message.contains(&place), "{message}");
    assert!(run.states().is_empty(), "{}", run.stdout);
}

/// Before a state leaves, its rejected record is in a file with its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_leaves_after_its_rejected_records_are_in_the_folder() {
    let world = World::kind().await.in_a_folder();
    let mut connector = connector::RunningConnector::start_write(&world.config(json!({})), &contacts());
    let (connector, state) = blocking(move || {
        for line in lines() {
            connector.send(&line);
        }
        connector.close_stdin();
        let state = connector.next_state();
        (connector, state)
    })
    .await;
    assert_eq!(world.rejected().len(), 1);
    drop(state);
    blocking(move || connector.kill()).await;
    // A kill takes nothing away.
    assert_eq!(world.rejected().len(), 1);
}
