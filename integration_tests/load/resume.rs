//! A load that ends early goes on with the same command.

use std::io::Write as _;
use std::process::Child;
use std::time::Duration;

use salesforce_sim::{Answer, Effect, Endpoint, Hold, RequestFault, RowFault, Settings};
use serde_json::{Value, json};

use super::{Folder, Load};
use crate::connector::{Signal, send_signal};
use crate::world::{World, blocking, wait_until};

const INSERT: &str = "--object Account --operation insert a.csv";
const UPSERT: &str = "--object Account --operation upsert --key External_Id__c a.csv";

fn name(number: u64) -> String {
    format!("Example {number:05}")
}

/// Rows with a name and a key. The names are long, so that a few hundred rows are a job of the smallest batch size.
fn rows(numbers: std::ops::RangeInclusive<u64>) -> String {
    numbers.map(|number| format!("{},A-{number}\n", name(number))).collect()
}

fn file(count: u64) -> String {
    "Name,External_Id__c\n".to_owned() + &rows(1..=count)
}

fn names(count: u64) -> Vec<Option<String>> {
    (1..=count).map(|number| Some(name(number))).collect()
}

/// Rows that are done.
fn done(folder: &Folder) -> u64 {
    let notes = std::fs::read(folder.path("a.csv.load/load.json")).unwrap_or_default();
    let notes: Value = serde_json::from_slice(&notes).unwrap_or_default();
    notes["position"]["rows"].as_u64().unwrap_or_default()
}

/// Starts an insert, whose first upload waits until it is released.
async fn insert_held_at_its_upload(world: &World, folder: &Folder) -> (Child, Hold) {
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(hold.clone())));
    let process = folder.start(INSERT);
    hold.reached().await;
    (process, hold)
}

/// Starts a load, kills it when `is_due`, and waits until the org has finished its jobs.
async fn kill_when(world: &World, folder: &Folder, arguments: &str, is_due: impl Fn() -> bool) {
    let mut process = folder.start(arguments);
    wait_until(is_due).await;
    process.kill().unwrap();
    blocking(move || process.wait_with_output().unwrap()).await;
    world.wait_for_jobs().await;
}

/// One job after the other, of at most 40 KB.
fn small_jobs() -> Value {
    json!({"batch_size_mb": 0.04, "max_parallel_jobs": 1})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_killed_goes_on_and_loses_and_doubles_nothing() {
    for arguments in [INSERT, UPSERT] {
        let world = World::with(Settings { time_per_chunk: Duration::from_millis(20), ..Settings::default() }).await;
        let fault = RowFault::new("Account", "FIELD_CUSTOM_VALIDATION_EXCEPTION:No:--");
        world.org.inject(fault.when(|row| row.get("Name").is_some_and(|name| name.ends_with('7'))));
        let folder = Folder::new(&world, small_jobs());
        folder.write("a.csv", file(9_000));
        // Twice, between two jobs or while one runs.
        for _ in 0..2 {
            let before = done(&folder);
            kill_when(&world, &folder, arguments, || done(&folder) > before).await;
        }
        assert!(done(&folder) < 9_000, "it is killed before its end");
        let load = folder.load(arguments).await;
        load.assert_code(2);
        assert!(load.stderr.contains("An earlier load of a.csv continues after row "), "{}", load.stderr);
        assert!(load.stderr.contains("a.csv: 9000 rows, 8100 loaded, 900 rejected."), "{}", load.stderr);

        let expected: Vec<_> = names(9_000).into_iter().filter(|name| !name.as_ref().unwrap().ends_with('7')).collect();
        assert_eq!(world.values("Account", "Name"), expected, "{arguments}");
        let mut rejected: Vec<String> =
            folder.read("a_error.csv").lines().skip(1).map(|row| row.split(',').next().unwrap().to_owned()).collect();
        rejected.sort();
        let expected: Vec<String> = (1..=9_000).map(name).filter(|name| name.ends_with('7')).collect();
        assert_eq!(rejected, expected, "{arguments}");
        let mut loaded: Vec<String> =
            folder.read("a_success.csv").lines().skip(1).map(|row| row.split(',').nth(1).unwrap().to_owned()).collect();
        loaded.sort();
        let expected: Vec<String> = (1..=9_000).map(name).filter(|name| !name.ends_with('7')).collect();
        assert_eq!(loaded, expected, "{arguments}: {}", load.stderr);
        let said = "The ids of the loaded rows are in ./a_success.csv.";
        assert!(load.stderr.contains(said), "{}", load.stderr);
        assert!(!folder.path("a.csv.load").exists());
    }
}

/// The journal says what the job has written whose end the killed run did not see.
#[tokio::test(flavor = "multi_thread")]
async fn an_insert_that_was_written_before_a_kill_is_not_sent_again() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", file(300));
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(hold.clone())));
    let has_ended = || !world.org.jobs().is_empty() && world.org.jobs().iter().all(|job| job.state.is_final());
    kill_when(&world, &folder, INSERT, has_ended).await;
    hold.release();
    assert_eq!((world.org.count("Account"), done(&folder)), (300, 0));
    folder.load(INSERT).await.assert_code(0);
    assert_eq!((world.values("Account", "Name"), world.org.jobs().len()), (names(300), 1));
}

/// Its job is closed, and its end is not known.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_fails_before_a_row_is_known_to_be_done_says_that_rows_may_be_loaded_and_goes_on() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", file(5));
    let refusal = Answer::error(400, "API_CURRENTLY_DISABLED", "API is currently disabled for this user");
    world.org.inject(RequestFault::new(Endpoint::JobInfo, refusal).always());
    let load = folder.load(INSERT).await;
    load.assert_error("Rows may be loaded already; how many is not known yet. Change nothing in the file");
    world.org.clear_faults();
    world.wait_for_jobs().await;
    folder.load(INSERT).await.assert_code(0);
    assert_eq!((world.values("Account", "Name"), world.org.jobs().len()), (names(5), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_ends_the_load_after_the_rows_before_it_and_is_repaired_in_the_file() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", file(5) + "Broken\n" + &rows(6..=8));
    let load = folder.load(INSERT).await;
    load.assert_error("Line 7 of a.csv cannot be loaded: it has 1 cell, and the header has 2");
    load.assert_error("The first 5 rows are done. Give the same command again to continue.");
    assert_eq!(world.values("Account", "Name"), names(5));
    folder.write("a.csv", file(8));
    let load = folder.load(INSERT).await;
    load.assert_code(0);
    assert!(load.stderr.contains("An earlier load of a.csv continues after row 5."), "{}", load.stderr);
    assert_eq!(world.values("Account", "Name"), names(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_has_changed_where_it_is_loaded_is_refused() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    let broken = file(5) + "Broken\n";
    folder.write("a.csv", &broken);
    folder.load(INSERT).await.assert_code(1);
    for changed in [broken.replace("00002", "00009"), file(4), broken.replace("Name", "Phone")] {
        folder.write("a.csv", changed);
        let load = folder.load(INSERT).await;
        load.assert_error("The file a.csv has changed in the part that is loaded, up to row 5.");
    }
    std::fs::remove_dir_all(folder.path("a.csv.load")).unwrap();
    folder.write("a.csv", file(2));
    folder.load("--object Contact --operation insert --rename Name=LastName a.csv").await.assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_of_an_earlier_load_that_cannot_be_read_end_the_load() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", file(5) + "Broken\n");
    folder.load(INSERT).await.assert_code(1);
    folder.write("a.csv", file(8));
    std::fs::write(folder.path("a.csv.load/load.json"), "{\"rows\":").unwrap();
    folder.load(INSERT).await.assert_error("The notes of an earlier load in ");
    assert_eq!(world.org.count("Account"), 5, "nothing is written twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_command_or_another_org_does_not_go_on_with_a_load() {
    let (world, other) = (World::new().await, World::new().await);
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", file(5) + "Broken\n");
    folder.load(INSERT).await.assert_code(1);
    let load = folder.load(UPSERT).await;
    load.assert_error("An earlier load of a.csv is not finished, and this one differs from it in --operation, --key.");
    let config = folder.read("config.json").replace(&world.org.url(), &other.org.url());
    folder.write("config.json", config);
    folder.load(INSERT).await.assert_error("differs from it in the org.");
    assert_eq!((world.org.count("Account"), other.org.count("Account")), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_option_that_changes_what_is_loaded_makes_another_load() {
    const UPDATE: &str = "--operation update --key Name --on-missing reject --on-several reject";
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", file(5) + "Broken\n");
    folder.load(&format!("--object Account {UPDATE} a.csv")).await.assert_code(1);
    let is_other = |options: &str| format!("differs from it in {options}.");
    for (arguments, options) in [
        (format!("--object Contact {UPDATE}"), "--object"),
        (format!("--object Account {UPDATE} --key Id"), "--key"),
        (format!("--object Account {}", UPDATE.replace("missing reject", "missing skip")), "--on-missing"),
        (format!("--object Account {}", UPDATE.replace("several reject", "several update_all")), "--on-several"),
        (format!("--object Account {UPDATE} --rename Key=Name"), "--rename"),
        (format!("--object Account {UPDATE} --format jsonl"), "the format"),
    ] {
        folder.load(&format!("{arguments} a.csv")).await.assert_error(&is_other(options));
    }
    folder.load(&format!("--object ACCOUNT {UPDATE} a.csv")).await.assert_error("cannot be loaded");
}

/// Stores what is no row among the results of a load, which then cannot be moved into its files.
fn break_results(folder: &Folder, work_folder: &str) -> std::path::PathBuf {
    let path = folder.path(&format!("{work_folder}/objects/broken.jsonl"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "no row\n").unwrap();
    path
}

/// As on a full disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_whose_result_files_cannot_be_written_ends_and_goes_on_without_writing_a_row_twice() {
    let world = World::new().await;
    let folder = Folder::new(&world, small_jobs());
    folder.write("a.csv", file(9_000));
    let (process, hold) = insert_held_at_its_upload(&world, &folder).await;
    let broken = break_results(&folder, "a.csv.load");
    hold.release();
    let output = blocking(move || process.wait_with_output().unwrap()).await;
    let (code, stderr) = (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap());
    Load { code, stdout: String::new(), stderr }.assert_error("of the load cannot be read");
    world.wait_for_jobs().await;
    std::fs::remove_file(broken).unwrap();
    folder.load(INSERT).await.assert_code(0);
    assert_eq!(world.values("Account", "Name"), names(9_000));
    assert_eq!(folder.read("a_success.csv").lines().count(), 9_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_load_of_standard_input_gets_its_rows_before_the_next_one_begins() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobUpload, Effect::Held(hold.clone())));
    let mut process = folder.start("--object Account --operation insert -");
    let mut stdin = process.stdin.take().unwrap();
    blocking(move || stdin.write_all(b"Name\nExample\n").unwrap()).await;
    hold.reached().await;
    let broken = break_results(&folder, "stdin.load");
    hold.release();
    blocking(move || process.wait_with_output().unwrap()).await;
    std::fs::remove_file(broken).unwrap();
    let load = folder.load_input("--object Account --operation insert -", b"Name\nSample\n".to_vec()).await;
    load.assert_code(0);
    assert!(load.stderr.contains("An earlier load of standard input ended after row 1."), "{}", load.stderr);
    for (name, row) in [("stdin_success.csv", "1,Example,"), ("stdin_success_2.csv", "1,Sample,")] {
        assert!(folder.read(name).contains(row), "{}", folder.read(name));
    }
    assert_eq!(folder.names(), ["stdin_success.csv", "stdin_success_2.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_result_files_of_standard_input_lack_is_set_aside_if_they_are_moved() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    let load = "--object Contact --operation insert -";
    folder.load_input(load, b"LastName,Email\nExample,bad\nBroken\n".to_vec()).await.assert_code(1);
    std::fs::rename(folder.path("stdin_error.csv"), folder.path("mine.csv")).unwrap();
    let load = folder.load_input(load, b"LastName\nSample\n".to_vec()).await;
    load.assert_code(0);
    let said = "The files of an earlier load of standard input are not completed. What they lack is in ./stdin.load.1.";
    assert!(load.stderr.contains(said), "{}", load.stderr);
    assert!(folder.path("stdin.load.1/load.json").exists() && folder.path("mine.csv").exists());
    assert!(folder.read("stdin_success_2.csv").contains("1,Sample,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_file_that_is_repaired_before_its_load_is_complete_is_not_written_over() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("c.csv", "LastName,Email\nExample,bad\nBroken\n");
    let load = "--object Contact --operation insert c.csv";
    folder.load(load).await.assert_code(1);
    let written = folder.read("c_error.csv");
    let repaired = written.replace("Example,bad", "Example,long.address@example.com");
    folder.write("c_error.csv", &repaired);
    folder.write("c.csv", "LastName,Email\nExample,bad\nSample,bad\n");
    folder.load(load).await.assert_error("c_error.csv has changed since an earlier run of this load wrote it");
    assert_eq!(folder.read("c_error.csv"), repaired);
    folder.write("c_error.csv", &written);
    folder.load(load).await.assert_code(2);
    assert_eq!(folder.read("c_error.csv").lines().count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_same_name_does_not_go_on_with_the_load_of_another() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    for name in ["x", "y", "results"] {
        std::fs::create_dir(folder.path(name)).unwrap();
    }
    folder.write("x/a.csv", file(2) + "Broken\n");
    folder.write("y/a.csv", file(2) + "Broken\n");
    let load = |name: &str| format!("--object Account --operation insert --results results {name}/a.csv");
    folder.load(&load("x")).await.assert_code(1);
    folder.load(&load("y")).await.assert_error("this one differs from it in the file.");
    folder.write("x/a.csv", file(2));
    folder.load(&load("x")).await.assert_code(0);
    assert_eq!(world.org.count("Account"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_loaded_by_one_process_at_a_time() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", file(5));
    let (process, hold) = insert_held_at_its_upload(&world, &folder).await;
    folder.load(INSERT).await.assert_error("The file a.csv is being loaded by another process.");
    hold.release();
    let output = blocking(move || process.wait_with_output().unwrap()).await;
    assert!(output.status.success());
    assert_eq!(world.values("Account", "Name"), names(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_load_and_the_next_run_completes_it() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", file(5));
    let (process, hold) = insert_held_at_its_upload(&world, &folder).await;
    send_signal(process.id(), Signal::Interrupt);
    let output = blocking(move || process.wait_with_output().unwrap()).await;
    hold.release();
    let (code, stderr) = (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap());
    Load { code, stdout: String::new(), stderr }.assert_error("The run was stopped before it was complete");
    folder.load(INSERT).await.assert_code(0);
    assert_eq!(world.values("Account", "Name"), names(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_refresh_token_is_in_the_configuration_for_the_next_run() {
    let world = World::new().await;
    world.org.rotate_refresh_tokens(true);
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", file(2));
    for _ in 0..2 {
        let load = folder.load(UPSERT).await;
        load.assert_code(0);
        assert!(load.stderr.contains("the configuration in config.json has the new one"), "{}", load.stderr);
        let config: Value = serde_json::from_str(&folder.read("config.json")).unwrap();
        assert_eq!(config["refresh_token"].as_str(), world.org.refresh_token().as_deref());
    }
    assert!(!folder.path("a.csv.load").exists());
}
