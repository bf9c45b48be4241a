//! Which objects of a folder are looked into.

use tempfile::TempDir;
use wiremock::matchers::query_param;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// A line of rejected records with this number.
fn line(number: u64) -> String {
    format!(
        "{{\"_airbyte_raw_id\":\"1\",\"_airbyte_extracted_at\":1,\"_airbyte_meta\":{{\"sync_id\":7}},\
         \"_airbyte_data\":{{\"n\":{number},\"rejected_reason\":\"X\"}}}}\n"
    )
}

fn in_folder(folder: &TempDir) -> StorageSettings {
    StorageSettings {
        place: Place::Folder(folder.path().to_owned()),
        bucket_path: None,
        ..settings(DEFAULT_PATH_FORMAT)
    }
}

#[tokio::test]
async fn a_stream_may_have_the_name_of_a_folder_of_the_connector() {
    let folder = TempDir::new().unwrap();
    for (key, number) in [
        ("_journal/1/f.jsonl", 1),
        ("_salesforce_successes/7/a/f.jsonl", 2),
        ("7/_journal/f.jsonl", 3),
        ("7/_salesforce_successes/f.jsonl", 4),
    ] {
        let path = folder.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, line(number)).unwrap();
    }
    let reader = Box::pin(RejectedReader::open(&in_folder(&folder), "_journal/")).await.unwrap();
    let (selection, progress) = (Selection::default(), Arc::default());
    let (numbers, findings) = Box::pin(reader.read(&selection, Numbers(Vec::new()), &progress)).await.unwrap();
    assert_eq!((numbers.0, findings.records, findings.others), (vec![3, 4], 2, 2));
}

/// Some programs make folders visible in a bucket.
#[tokio::test]
async fn an_object_that_stands_for_a_folder_is_not_looked_into() {
    let server = MockServer::start().await;
    let keys = ["7/", "7/contacts/"].map(|key| format!("<Contents><Key>salesforce/rejected/{key}</Key></Contents>"));
    let list = format!("<ListBucketResult><Name>rejects</Name>{}</ListBucketResult>", keys.concat());
    let listed = ResponseTemplate::new(200).set_body_raw(list, "application/xml");
    // Nothing else is answered.
    Mock::given(query_param("list-type", "2")).respond_with(listed).mount(&server).await;
    let key = || uuid::Uuid::now_v7().simple().to_string();
    let bucket = BucketSettings {
        access_key: Some(AccessKey { id: key(), secret: key().into() }),
        role_arn: None,
        bucket: BucketName::parse("rejects").unwrap(),
        region: None,
        endpoint: Some(server.uri().parse().unwrap()),
    };
    let settings = StorageSettings { place: Place::Bucket(bucket), ..settings(DEFAULT_PATH_FORMAT) };
    let reader = Box::pin(RejectedReader::open(&settings, "_journal/")).await.unwrap();
    let (selection, progress) = (Selection::default(), Arc::default());
    let (numbers, findings) = Box::pin(reader.read(&selection, Numbers(Vec::new()), &progress)).await.unwrap();
    assert_eq!((numbers.0, findings.others, findings.notes(&selection)), (vec![], 2, vec![]));
}

/// Where more objects wait than are held at once, they are listed several times.
#[tokio::test]
async fn objects_that_are_too_old_are_counted_once() {
    let folder = TempDir::new().unwrap();
    let of_stream = folder.path().join("7/contacts");
    std::fs::create_dir_all(&of_stream).unwrap();
    for number in 0..9 {
        let path = of_stream.join(format!("f_{number}.jsonl"));
        std::fs::write(&path, line(number)).unwrap();
        if number < 4 {
            let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        }
    }
    let selection =
        Selection { since: Some(jiff::Timestamp::from_second(1_600_000_000).unwrap()), ..Selection::default() };
    for most_waiting_bytes in [usize::MAX, 0] {
        let reader = Box::pin(RejectedReader::open(&in_folder(&folder), "_journal/")).await.unwrap();
        let (reader, progress) = (reader.with_waiting_bytes(most_waiting_bytes), Arc::default());
        let (numbers, findings) = Box::pin(reader.read(&selection, Numbers(Vec::new()), &progress)).await.unwrap();
        assert_eq!((numbers.0, findings.too_old), (vec![4, 5, 6, 7, 8], 4), "{most_waiting_bytes}");
    }
}
