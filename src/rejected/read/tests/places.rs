//! Which objects of a folder are looked into.

use wiremock::matchers::query_param;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

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
