//! What is noted, and when.

use serde_json::json;

use super::super::file::FileFormat;
use super::super::results::tests::Load;
use super::*;

fn state(rows: u64) -> String {
    let position = Position { rows, ..Position::default() };
    format!("{}\n", json!({"type": "STATE", "state": {"stream": {"stream_state": position}}}))
}

/// The journal has forgotten the rows: a state that is not noted is a row that is loaded again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_is_noted_although_the_result_files_cannot_be_filled_and_the_load_stops() {
    let load = Load::new(FileFormat::Csv);
    let (folder, results) = load.open().await;
    let (loaded, stop, unnoted) = (Loaded::default(), Stop::default(), Failure::default());
    loaded.begin(folder, results, &stop).await.unwrap();
    load.store("broken", &[json!("no row")]);
    let config = load.path("config.json");
    let mut output = Acknowledged::new(loaded.clone(), Handle::current(), &config, Failure::clone(&unnoted));
    output.write_all(state(2).as_bytes()).unwrap();
    stop.requested().await;
    output.write_all(state(4).as_bytes()).unwrap();
    assert_eq!((loaded.so_far().rows, unnoted.get().is_some()), (4, false));
    assert!(loaded.failure().get().unwrap().message().contains("The object broken of the load"));
    loaded.stop().await.unwrap_err();
    drop((loaded, output));

    load.store("broken", &[]);
    loop {
        // The task that moves results may still hold the folder.
        let Ok(Some(folder)) = WorkFolder::left(&load.path("f.load"), "f") else { continue };
        break assert_eq!(folder.checkpoint().position.rows, 4);
    }
}

/// A load that has sent something goes on, so nothing of it is removed.
#[tokio::test]
async fn only_a_load_that_has_sent_nothing_leaves_nothing_when_it_stops() {
    let sent = |data: Value| json!({"_airbyte_extracted_at": 1_000_000_000_005_u64, "_airbyte_data": data});
    for (rows, object, is_left) in [
        (0, None, false),
        (1, None, true),
        (2, None, true),
        (0, Some("journal/1/750.entry"), true),
        (0, Some("successes/a"), true),
        (0, Some("a"), true),
    ] {
        let load = Load::new(FileFormat::Csv);
        let (folder, results) = load.open().await;
        let loaded = Loaded::default();
        loaded.begin(folder, results, &Stop::default()).await.unwrap();
        if rows > 0 {
            loaded.note(Position { rows, ..Position::default() }, rows, 0).unwrap();
        }
        if let Some(key) = object {
            load.store(key, &[sent(json!({"Name": "Example", "sf__Id": "001A"}))]);
        }
        assert!(loaded.has_begun());
        let may_be_loaded = object.is_some_and(|key| key != "a");
        assert_eq!(loaded.has_unsettled().await, may_be_loaded, "{rows} {object:?}");
        loaded.stop().await.unwrap();
        for name in ["f.load", "success", "error"] {
            assert_eq!(load.path(name).exists(), is_left, "{rows} {object:?} {name}");
        }
    }
}

/// A file in the place of the folder of objects keeps it from being listed.
#[tokio::test]
async fn where_nobody_can_look_rows_may_be_loaded_that_are_not_known_to_be_done() {
    let load = Load::new(FileFormat::Csv);
    let (folder, results) = load.open().await;
    let loaded = Loaded::default();
    loaded.begin(folder, results, &Stop::default()).await.unwrap();
    assert!(!loaded.has_unsettled().await);
    fs::write(load.path("f.load/objects"), "no folder").unwrap();
    assert!(loaded.has_unsettled().await);
}

#[tokio::test]
async fn the_notes_stay_until_the_end_is_said() {
    let load = Load::new(FileFormat::Csv);
    let (folder, results) = load.open().await;
    let loaded = Loaded::default();
    loaded.begin(folder, results, &Stop::default()).await.unwrap();
    loaded.note(Position { rows: 3, ..Position::default() }, 2, 1).unwrap();
    loaded.note(Position { rows: 5, ..Position::default() }, 2, 0).unwrap();
    let written = json!({"_airbyte_extracted_at": 0, "_airbyte_data": {"sf__Id": "001A", "written_records": 3}});
    load.store("successes/a", &[written]);
    let finished = loaded.finish().await.unwrap();
    assert_eq!((finished.rows, finished.written, finished.rejected, finished.with_id), (5, 4, 1, 3));
    assert_eq!((finished.success, finished.error), (Some(load.path("success")), None));
    assert!(load.path("f.load/load.json").exists());
    loaded.remove().unwrap();
    assert!(!load.path("f.load").exists());
}

/// There is no room for the rows behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_stops_when_what_is_done_could_be_noted_in_the_reserve_alone() {
    for is_full in [false, true] {
        let load = Load::new(FileFormat::Csv);
        let (mut folder, results) = load.open().await;
        if is_full {
            folder.use_reserve(Error::config("The disk is full."));
        }
        let (loaded, stop, unnoted) = (Loaded::default(), Stop::default(), Failure::default());
        loaded.begin(folder, results, &stop).await.unwrap();
        let mut output =
            Acknowledged::new(loaded.clone(), Handle::current(), &load.path("config.json"), Failure::clone(&unnoted));
        output.write_all(state(2).as_bytes()).unwrap();
        assert_eq!((stop.is_requested(), loaded.failure().get().is_some()), (is_full, is_full));
        assert_eq!((loaded.so_far().rows, unnoted.get().is_some()), (2, false), "it is noted all the same");
    }
}

/// The notes would say that everything before a later state is done.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_state_that_could_not_be_noted_no_other_one_is_taken() {
    let load = Load::new(FileFormat::Csv);
    let (folder, results) = load.open().await;
    let (loaded, unnoted) = (Loaded::default(), Failure::default());
    loaded.begin(folder, results, &Stop::default()).await.unwrap();
    let mut output =
        Acknowledged::new(loaded.clone(), Handle::current(), &load.path("config.json"), Failure::clone(&unnoted));
    // A folder in the place of the new notes cannot be written to.
    let new = load.path("f.load/load.json.new");
    fs::create_dir(&new).unwrap();
    output.write_all(state(2).as_bytes()).unwrap_err();
    let reason = unnoted.get().unwrap().message().to_owned();
    fs::remove_dir(&new).unwrap();
    output.write_all(state(4).as_bytes()).unwrap_err();
    assert_eq!((loaded.so_far().rows, unnoted.get().unwrap().message()), (2, &*reason));
}

#[tokio::test]
async fn a_rejected_row_that_is_kept_when_a_load_goes_on_is_noted_before_its_object_goes() {
    let load = Load::new(FileFormat::Csv);
    let (mut folder, _) = load.open().await;
    folder.save(|checkpoint| (checkpoint.position.rows, checkpoint.rows_in_results) = (2, 2)).unwrap();
    drop(folder);
    let message = crate::rejected::of_several_records("No.", 2);
    let data = json!({"Name": "Example", "rejected_message": message});
    load.store("a", &[json!({"_airbyte_extracted_at": 1_000_000_000_005_u64, "_airbyte_data": data})]);
    for _ in 0..2 {
        let (folder, results) = load.open().await;
        let loaded = Loaded::default();
        loaded.begin(folder, results, &Stop::default()).await.unwrap();
        assert!(!load.path("f.load/objects/a").exists());
        assert_eq!(load.read("error").lines().count(), 2, "the header and the row");
    }
}

/// A run that was killed has noted what is done, and not moved its rows.
#[tokio::test]
async fn rows_that_are_done_are_moved_before_a_load_goes_on() {
    let load = Load::new(FileFormat::Csv);
    let (mut folder, _) = load.open().await;
    folder.save(|checkpoint| checkpoint.position.rows = 3).unwrap();
    drop(folder);
    let data = json!({"Name": "Example", "rejected_message": "No."});
    let row = |number: u64| json!({"_airbyte_extracted_at": 1_000_000_000_000 + number, "_airbyte_data": data});
    load.store("a", &[row(3), row(4)]);
    let (folder, results) = load.open().await;
    let loaded = Loaded::default();
    assert!(!loaded.has_begun() && !loaded.has_unsettled().await);
    loaded.begin(folder, results, &Stop::default()).await.unwrap();
    let error = load.read("error");
    assert!(error.lines().count() == 2 && error.ends_with(",3\r\n"), "row 4 is rejected again: {error}");
    assert!(!load.path("f.load/objects/a").exists());
}

#[tokio::test]
async fn a_row_is_moved_once_although_its_object_stays_for_a_later_one() {
    let load = Load::new(FileFormat::Csv);
    let (folder, results) = load.open().await;
    let loaded = Loaded::default();
    loaded.begin(folder, results, &Stop::default()).await.unwrap();
    let row =
        |number: u64| json!({"_airbyte_extracted_at": 1_000_000_000_000 + number, "_airbyte_data": {"sf__Id": "001A"}});
    load.store("successes/a", &[row(1), row(3)]);
    for (rows, moved, is_left) in [(1, 1, true), (2, 1, true), (3, 2, false)] {
        loaded.note(Position { rows, ..Position::default() }, 1, 0).unwrap();
        loaded.move_results().await.unwrap();
        assert_eq!(load.read("success").lines().skip(1).count(), moved, "{rows}");
        assert_eq!(load.path("f.load/objects/successes/a").exists(), is_left, "{rows}");
    }
}

#[tokio::test]
async fn rejected_rows_whose_number_nobody_knows_are_in_the_error_file_at_the_end() {
    let load = Load::new(FileFormat::Csv);
    let (folder, results) = load.open().await;
    let loaded = Loaded::default();
    loaded.begin(folder, results, &Stop::default()).await.unwrap();
    let data = json!({"Name": "Example", "rejected_message": "No."});
    load.store("a", &[json!({"_airbyte_extracted_at": 0, "_airbyte_data": data})]);
    loaded.note(Position { rows: 1, ..Position::default() }, 0, 1).unwrap();
    let finished = loaded.finish().await.unwrap();
    assert_eq!((finished.success, finished.error), (None, Some(load.path("error"))));
    assert_eq!(load.read("error").lines().count(), 2, "the header and the row");
}

/// A second request would end what is on its way.
#[tokio::test]
async fn a_failure_after_a_signal_asks_for_no_second_stop() {
    for is_stopped in [false, true] {
        let load = Load::new(FileFormat::Csv);
        let (folder, results) = load.open().await;
        let (loaded, stop) = (Loaded::default(), Stop::default());
        loaded.begin(folder, results, &stop).await.unwrap();
        if is_stopped {
            stop.request();
        }
        loaded.end_early(Error::transient("the disk is full"));
        assert!(stop.is_requested() && loaded.failure().get().is_some());
        assert!(futures_util::future::poll_immediate(Box::pin(stop.requested_again())).await.is_none());
    }
}

/// Of states that come together, each has counts of its own.
#[tokio::test(flavor = "multi_thread")]
async fn the_counts_of_all_states_are_noted_with_the_position_of_the_last() {
    let load = Load::new(FileFormat::Csv);
    let (folder, results) = load.open().await;
    let loaded = Loaded::default();
    loaded.begin(folder, results, &Stop::default()).await.unwrap();
    let mut output =
        Acknowledged::new(loaded.clone(), Handle::current(), &load.path("config.json"), Failure::default());
    let state = |rows: u64, written: f64, rejected: f64| {
        let position = Position { rows, ..Position::default() };
        let counts = json!({"recordCount": written, "rejectedRecordCount": rejected});
        let state = json!({"stream": {"stream_state": position}, "destinationStats": counts});
        format!("{}\n", json!({"type": "STATE", "state": state}))
    };
    output.write_all((state(4, 3.0, 1.0) + &state(6, 2.0, 0.0)).as_bytes()).unwrap();
    output.write_all(state(9, 1.0, 2.0).as_bytes()).unwrap();
    let so_far = loaded.so_far();
    assert_eq!((so_far.rows, so_far.written, so_far.rejected), (9, 6, 3));
}

/// The file may be a link, and hold secrets that others must not read.
#[cfg(unix)]
#[tokio::test]
async fn a_configuration_keeps_its_place_and_its_rights() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let [path, link] = ["config.json", "link.json"].map(|name| folder.path().join(name));
    fs::write(&path, "{}").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for rights in [0o600, 0o640] {
        fs::set_permissions(&path, fs::Permissions::from_mode(rights)).unwrap();
        let config = json!({"refresh_token": format!("{rights:o}")});
        replace(&link, &config).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&fs::read_to_string(&path).unwrap()).unwrap(), config);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, rights);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}

#[tokio::test]
async fn a_new_refresh_token_is_written_into_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    fs::write(&path, r#"{"refresh_token":"old"}"#).unwrap();
    let mut output = Acknowledged::new(Loaded::default(), Handle::current(), &path, Failure::default());
    let config = json!({"refresh_token": "new", "batch_size_mb": 1.5});
    let message = json!({"type": "CONTROL", "control": {"connectorConfig": {"config": config}}});
    // A line may come in pieces.
    let line = format!("{message}\n");
    let (first, second) = line.split_at(20);
    output.write_all(first.as_bytes()).unwrap();
    output.write_all(second.as_bytes()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&fs::read_to_string(&path).unwrap()).unwrap(), config);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
