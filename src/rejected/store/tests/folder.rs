//! The store in a folder: the same objects under the same keys as in a bucket.

use tempfile::TempDir;

use super::*;

fn settings_in(folder: &TempDir) -> StorageSettings {
    StorageSettings {
        place: Place::Folder(folder.path().join("rejected")),
        bucket_path: None,
        ..settings_for("http://x.test")
    }
}

async fn open(folder: &TempDir) -> RejectedStore {
    store_with(&settings_in(folder), SMALL).await
}

fn file(folder: &TempDir, key: &str) -> String {
    std::fs::read_to_string(folder.path().join("rejected").join(key)).unwrap()
}

/// The files below a folder without those of the connector's own folder, which are no objects.
async fn objects(store: &RejectedStore) -> Vec<String> {
    store.shared.storage.list("", 1).await.unwrap().into_iter().map(|object| object.key).collect()
}

#[tokio::test]
async fn an_object_has_the_key_and_the_bytes_that_it_has_in_a_bucket() {
    let (server, folder) = (ObjectStore::start(&[BUCKET]).await.unwrap(), TempDir::new().unwrap());
    let bucket = RejectedStore::open(&settings_of(&server), sync(), budget()).await.unwrap();
    let records = [record("Acme, Inc."), record("Example Ltd")];
    let mut keys = Vec::new();
    for store in [bucket, open(&folder).await] {
        let mut writer = store.writer(&accounts());
        for record in &records {
            writer.write(record).await.unwrap();
        }
        keys.push(writer.finish().await.unwrap());
    }
    assert_eq!(keys[1], ["42/crm/accounts/2026_03_04_1772600767089_0.csv"]);
    assert_eq!(keys[0], [format!("rejected/{}", keys[1][0])]);
    assert_eq!(file(&folder, &keys[1][0]).as_bytes(), server.objects(BUCKET).unwrap()[0].1);
}

#[tokio::test]
async fn no_object_is_visible_before_the_writer_finishes() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut writer = store.writer(&accounts());
    // The first is an object of its own in parts, the second is not.
    writer.write(&record(&"x".repeat(11_000_000))).await.unwrap();
    writer.write(&record("Acme")).await.unwrap();
    assert!(objects(&store).await.is_empty());
    let keys = writer.finish().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(objects(&store).await.len(), 2);
    assert!(file(&folder, &keys[0]).len() > 11_000_000);
}

#[tokio::test]
async fn the_lines_of_an_object_are_whole_however_long_they_are() {
    let folder = TempDir::new().unwrap();
    let storage = Storage::in_folder(folder.path());
    let metadata = ObjectMetadata { content_type: "text/csv", generation_id: None, stream: None };
    let lines = ["a".repeat(200_000), "b".repeat(600_000), String::new(), "c".repeat(7), "d".repeat(300_000)];
    for end in ["", "\n"] {
        storage.put("a", &metadata, (lines.join("\n") + end).into_bytes()).await.unwrap();
        let mut found = Vec::new();
        let mut take = |line: &[u8]| {
            found.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        };
        storage.lines("a", &mut take).await.unwrap();
        assert!(found == lines, "{:?}", found.iter().map(String::len).collect::<Vec<_>>());
    }
    storage.lines("b", &mut |_| panic!("there is no such object")).await.unwrap();
}

#[tokio::test]
async fn a_dropped_writer_leaves_no_file() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut writer = store.writer(&accounts());
    writer.write(&record(&"x".repeat(6_000_000))).await.unwrap();
    let unfinished = folder.path().join("rejected/.salesforce/unfinished");
    assert_eq!(unfinished.read_dir().unwrap().count(), 1);
    drop(writer);
    // The test cannot await the task that deletes it.
    let deleted = async {
        while unfinished.read_dir().unwrap().count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), deleted).await.unwrap();
    assert!(objects(&store).await.is_empty());
}

#[tokio::test]
async fn an_attempt_does_not_overwrite_the_files_of_an_earlier_one() {
    let folder = TempDir::new().unwrap();
    let file_name_format = FileNameFormat::parse("{part_number}{format_extension}").unwrap();
    let settings = StorageSettings { file_name_format, ..settings_in(&folder) };
    let mut keys = Vec::new();
    for attempt in ["first", "second"] {
        let mut writer = RejectedStore::open(&settings, sync(), budget()).await.unwrap().writer(&accounts());
        writer.write(&record(attempt)).await.unwrap();
        keys.extend(writer.finish().await.unwrap());
    }
    assert_eq!(keys, ["42/crm/accounts/0.csv", "42/crm/accounts/0-1.csv"]);
    assert!(file(&folder, &keys[0]).contains("first") && file(&folder, &keys[1]).contains("second"));
}

#[tokio::test]
async fn the_probe_leaves_an_empty_folder() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    store.probe().await.unwrap();
    assert!(objects(&store).await.is_empty());
    let left: Vec<_> = folder.path().join("rejected").read_dir().unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, [".salesforce"]);
}

#[tokio::test]
async fn a_file_where_the_folder_should_be_is_an_error_of_the_configuration() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("rejected"), "a file").unwrap();
    let store = open(&folder).await;
    let error = store.probe().await.unwrap_err();
    assert_eq!(error.failure_type(), FailureType::Config);
    assert!(error.message().contains("Choose another `path`."), "{error}");
    // A sync fails too, and acknowledges nothing.
    let mut writer = store.writer(&accounts());
    writer.write(&record("Acme")).await.unwrap();
    assert!(writer.finish().await.is_err());
}
