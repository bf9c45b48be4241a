//! Files as objects.

use tempfile::TempDir;

use super::*;

const METADATA: ObjectMetadata = ObjectMetadata { content_type: "text/csv", generation_id: None, stream: None };

fn of_stream(stream: &str) -> ObjectMetadata {
    ObjectMetadata { generation_id: Some(3), stream: Some(stream.to_owned()), ..METADATA }
}

async fn text(folder: &Folder, key: &str) -> Option<String> {
    folder.get(key).await.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

async fn keys(folder: &Folder, prefix: &str) -> Vec<String> {
    folder.list(prefix).await.unwrap().into_iter().map(|object| object.key).collect()
}

#[tokio::test]
async fn an_object_is_stored_replaced_read_and_deleted() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(&place.path().join("not/there/yet"));
    assert!(keys(&folder, "").await.is_empty());
    assert_eq!(text(&folder, "a/b").await, None);
    folder.delete("a/b").await.unwrap();

    folder.put("a/b", &METADATA, b"one".to_vec()).await.unwrap();
    folder.put("a/b", &METADATA, b"two".to_vec()).await.unwrap();
    assert_eq!(text(&folder, "a/b").await.as_deref(), Some("two"));
    assert!(folder.exists("a/b").await.unwrap());
    assert!(!folder.exists("a/bc").await.unwrap());

    folder.delete("a/b").await.unwrap();
    assert!(!folder.exists("a/b").await.unwrap());
    assert!(!place.path().join("not/there/yet/a").exists(), "an empty folder stays");
    assert!(place.path().join("not/there/yet").exists());
}

#[tokio::test]
async fn a_list_has_the_keys_of_a_prefix_in_the_order_of_a_bucket() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(place.path());
    for key in ["a/b/2", "a/b/10", "a/b", "a-b", "a/c/1", "b"].iter().filter(|key| **key != "a/b") {
        folder.put(key, &of_stream("s"), Vec::new()).await.unwrap();
    }
    assert_eq!(keys(&folder, "").await, ["a-b", "a/b/10", "a/b/2", "a/c/1", "b"]);
    assert_eq!(keys(&folder, "a/b/").await, ["a/b/10", "a/b/2"]);
    assert_eq!(keys(&folder, "a/b/1").await, ["a/b/10"]);
    assert_eq!(keys(&folder, "a").await, ["a-b", "a/b/10", "a/b/2", "a/c/1"]);
    assert_eq!(keys(&folder, "c/").await, [""; 0]);
    let listed = folder.list("b").await.unwrap();
    let now = jiff::Timestamp::now().as_second();
    assert!(listed[0].written_at.is_some_and(|written_at| (now - 60..=now + 1).contains(&written_at)));
}

#[tokio::test]
async fn no_key_leads_out_of_the_folder() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(&place.path().join("inside"));
    for key in ["../outside", "/outside", "a/../../outside", "./x", "a//b"] {
        folder.put(key, &METADATA, key.as_bytes().to_vec()).await.unwrap();
        assert_eq!(text(&folder, key).await.as_deref(), Some(key));
    }
    let entries: Vec<_> = place.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(entries, ["inside"]);
    assert_eq!(keys(&folder, "..").await, ["../outside"]);
}

#[tokio::test]
async fn an_object_is_read_in_pieces_with_the_stream_of_its_records() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(place.path());
    let content: Vec<u8> = (0..PIECE_BYTES * 2 + 7).map(|number| (number % 251) as u8).collect();
    folder.put("a/b", &of_stream("shop.orders"), content.clone()).await.unwrap();
    let mut download = folder.download("a/b").await.unwrap().unwrap();
    assert_eq!(download.stream(), Some("shop.orders"));
    let mut read = Vec::new();
    while let Some(piece) = download.next().await.unwrap() {
        read.extend_from_slice(&piece);
    }
    assert!(read == content);
    assert!(folder.download("a/c").await.unwrap().is_none());

    folder.put("a/c", &METADATA, Vec::new()).await.unwrap();
    let mut empty = folder.download("a/c").await.unwrap().unwrap();
    assert_eq!(empty.stream(), None);
    assert!(empty.next().await.unwrap().is_none());
}

#[tokio::test]
async fn metadata_are_beside_the_objects_as_in_a_bucket_and_go_with_them() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(place.path());
    let file = |name: &str| place.path().join(".salesforce/metadata").join(name);
    for (metadata, expected) in [
        (of_stream("s"), Some(r#"{"stream":"s","ab-generation-id":"3"}"#)),
        (ObjectMetadata { generation_id: None, ..of_stream("s") }, Some(r#"{"stream":"s"}"#)),
        (ObjectMetadata { stream: None, ..of_stream("s") }, Some(r#"{"ab-generation-id":"3"}"#)),
        (METADATA, None),
    ] {
        folder.put("a/b", &metadata, b"x".to_vec()).await.unwrap();
        let found = std::fs::read_to_string(file("a/b.metadata")).ok();
        assert_eq!(found.as_deref(), expected);
        let download = folder.download("a/b").await.unwrap().unwrap();
        assert_eq!(download.stream(), metadata.stream.as_deref());
        folder.delete("a/b").await.unwrap();
        assert!(!file("a/b.metadata").exists() && !file("a").exists());
        assert!(!place.path().join("a").exists());
    }
    folder.put("a", &of_stream("s"), Vec::new()).await.unwrap();
    std::fs::write(file("a.metadata"), "damaged").unwrap();
    assert_eq!(folder.download("a").await.unwrap().unwrap().stream(), None);
    let left = place.path().join(".salesforce/unfinished").read_dir().unwrap().count();
    assert_eq!(left, 0, "an unfinished file is left");
}

#[tokio::test]
async fn a_folder_in_the_place_of_an_object_is_an_error() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(place.path());
    std::fs::create_dir_all(place.path().join("a/b")).unwrap();
    let error = folder.put("a/b", &METADATA, b"x".to_vec()).await.unwrap_err();
    assert!(error.message().contains("or a folder where a file is needed"), "{error}");
    let left = place.path().join(".salesforce/unfinished").read_dir().unwrap().count();
    assert_eq!(left, 0, "an unfinished file is left");
}

#[tokio::test]
async fn the_folder_itself_stays_when_its_last_file_is_deleted() {
    let place = TempDir::new().unwrap();
    let root = place.path().join("root");
    std::fs::create_dir_all(root.join("a")).unwrap();
    std::fs::write(root.join("a/b"), "of another program").unwrap();
    Folder::new(&root).delete("a/b").await.unwrap();
    assert!(root.exists() && !root.join("a").exists());
}

/// What a link leads to may be anywhere, and is no object of the connector.
#[cfg(unix)]
#[tokio::test]
async fn a_link_is_no_object() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(&place.path().join("root"));
    folder.put("a", &METADATA, Vec::new()).await.unwrap();
    std::os::unix::fs::symlink("a", place.path().join("root/b")).unwrap();
    std::os::unix::fs::symlink("/proc", place.path().join("root/c")).unwrap();
    assert_eq!(keys(&folder, "").await, ["a"]);
}

/// Only at the top it is the connector's own.
#[tokio::test]
async fn a_folder_with_the_name_of_the_own_folder_may_have_objects() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(place.path());
    folder.put("a/.salesforce/b", &of_stream("s"), Vec::new()).await.unwrap();
    assert_eq!(keys(&folder, "").await, ["a/.salesforce/b"]);
    folder.put("./..", &METADATA, b"x".to_vec()).await.unwrap();
    assert_eq!(keys(&folder, "").await, ["./..", "a/.salesforce/b"]);
    assert_eq!(keys(&folder, "./").await, ["./.."]);
}

#[tokio::test]
async fn an_object_in_parts_is_one_file_when_it_is_complete() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(place.path());
    let mut upload = folder.start_upload("a/b", &METADATA).await.unwrap();
    for part in ["one ", "two ", "three"] {
        folder.add_part(&mut upload, part.as_bytes().to_vec()).await.unwrap();
        assert!(keys(&folder, "").await.is_empty());
    }
    folder.complete(&upload).await.unwrap();
    assert_eq!(text(&folder, "a/b").await.as_deref(), Some("one two three"));

    let mut aborted = folder.start_upload("a/c", &METADATA).await.unwrap();
    folder.add_part(&mut aborted, b"one".to_vec()).await.unwrap();
    folder.abort(&aborted).await;
    assert_eq!(keys(&folder, "").await, ["a/b"]);
    assert_eq!(place.path().join(".salesforce/unfinished").read_dir().unwrap().count(), 0);
}

/// One call removes the empty folders while another one writes into them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_stored_while_its_folder_is_removed() {
    let place = TempDir::new().unwrap();
    let folder = Folder::new(place.path());
    for _ in 0..200 {
        folder.put("a/b/first", &METADATA, Vec::new()).await.unwrap();
        let (deleted, stored) =
            tokio::join!(folder.delete("a/b/first"), folder.put("a/b/second", &METADATA, b"kept".to_vec()));
        deleted.unwrap();
        stored.unwrap();
        assert_eq!(text(&folder, "a/b/second").await.as_deref(), Some("kept"));
        folder.delete("a/b/second").await.unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = Folder::new(Path::new("/proc/rejected"));
    let error = folder.put("a", &METADATA, Vec::new()).await.unwrap_err();
    assert!(error.message().starts_with("Writing an object in the rejected-records folder /proc/rejected"), "{error}");
}

/// Linux refuses to sync the folder of processes, as some file systems of a network do.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_synced_is_no_error() {
    assert!(File::open("/proc").unwrap().sync_all().is_err());
    super::sync_folder(Path::new("/proc")).unwrap();
}
