//! The store with fixed answers, for what the S3 server of the tests never answers.

mod calls;

use wiremock::matchers::{method, path, path_regex, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

fn error_answer(status: u16, code: &str) -> ResponseTemplate {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>a message</Message></Error>");
    ResponseTemplate::new(status).set_body_raw(body, "application/xml")
}

#[tokio::test]
async fn the_probe_says_what_to_change_for_each_error() {
    let cases = [
        ("PUT", 404, "NoSuchBucket", "`s3_bucket_name`"),
        ("PUT", 403, "AccessDenied", "s3:PutObject"),
        ("PUT", 403, "InvalidAccessKeyId", "`access_key_id`"),
        ("PUT", 301, "PermanentRedirect", "`s3_bucket_region` to eu-west-1"),
        ("GET", 403, "AccessDenied", "s3:ListBucket"),
        ("DELETE", 403, "AccessDenied", "s3:DeleteObject"),
    ];
    for (verb, status, code, expected) in cases {
        let server = MockServer::start().await;
        let answer = error_answer(status, code).insert_header("x-amz-bucket-region", "eu-west-1");
        Mock::given(method(verb)).respond_with(answer).with_priority(1).mount(&server).await;
        Mock::given(method("GET")).respond_with(Listing).mount(&server).await;
        Mock::given(method("PUT")).respond_with(accepted()).mount(&server).await;
        Mock::given(method("DELETE")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
        let store = RejectedStore::open(&settings_for(&server.uri()), sync(), budget()).await.unwrap();
        let error = store.probe().await.unwrap_err();
        assert_eq!(error.failure_type(), FailureType::Config, "{verb} {code}");
        assert!(error.message().contains(expected) && error.message().contains(BUCKET), "{verb} {code}: {error}");
        assert!(error.internal_message().unwrap().contains(code), "{error:?}");
    }
}

/// Lists the requested key.
struct Listing;

impl wiremock::Respond for Listing {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let prefix = request.url.query_pairs().find(|(name, _)| name == "prefix").map(|(_, value)| value.into_owned());
        let body = format!(
            "<?xml version=\"1.0\"?><ListBucketResult><Contents><Key>{}</Key></Contents></ListBucketResult>",
            prefix.unwrap_or_default()
        );
        ResponseTemplate::new(200).set_body_raw(body, "application/xml")
    }
}

#[tokio::test]
async fn the_probe_reports_both_when_listing_and_deleting_are_denied() {
    let server = MockServer::start().await;
    Mock::given(method("PUT")).respond_with(accepted()).mount(&server).await;
    Mock::given(path_regex(".*")).respond_with(error_answer(403, "AccessDenied")).mount(&server).await;
    let store = RejectedStore::open(&settings_for(&server.uri()), sync(), budget()).await.unwrap();
    let error = store.probe().await.unwrap_err();
    for permission in ["s3:ListBucket", "s3:DeleteObject"] {
        assert!(error.message().contains(permission), "{error}");
    }
}

#[tokio::test]
async fn a_call_to_a_busy_store_is_repeated() {
    let server = MockServer::start().await;
    let busy = error_answer(503, "SlowDown");
    Mock::given(method("PUT")).respond_with(busy).up_to_n_times(2).with_priority(1).mount(&server).await;
    Mock::given(method("PUT")).respond_with(accepted()).expect(1).mount(&server).await;
    let mut writer =
        RejectedStore::open(&settings_for(&server.uri()), sync(), budget()).await.unwrap().writer(&accounts());
    writer.write(&record("Acme")).await.unwrap();
    assert_eq!(writer.finish().await.unwrap().len(), 1);
}

/// The answer of a store to an object or a part.
fn accepted() -> ResponseTemplate {
    ResponseTemplate::new(200).insert_header("etag", "\"p\"")
}

/// A proxy says that everything is well, and the object is nowhere.
#[tokio::test]
async fn an_object_whose_put_is_answered_by_something_else_is_put_again() {
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(200).set_body_raw("<html></html>", "text/html");
    Mock::given(method("PUT")).respond_with(page).up_to_n_times(1).with_priority(1).expect(1).mount(&server).await;
    Mock::given(method("PUT")).respond_with(accepted()).expect(1).mount(&server).await;
    let mut writer =
        RejectedStore::open(&settings_for(&server.uri()), sync(), budget()).await.unwrap().writer(&accounts());
    writer.write(&record("Acme")).await.unwrap();
    assert_eq!(writer.finish().await.unwrap().len(), 1);
}

const KEY_PATH: &str = "/acme-rejects/rejected/42/crm/accounts/2026_03_04_1772600767089_0.csv";

async fn accept_upload(server: &MockServer) {
    let body = "<InitiateMultipartUploadResult><UploadId>u-1</UploadId></InitiateMultipartUploadResult>";
    Mock::given(method("POST"))
        .and(path(KEY_PATH))
        .and(wiremock::matchers::query_param_is_missing("uploadId"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/xml"))
        .mount(server)
        .await;
}

/// Both an object in one request and one in parts say what they are.
#[tokio::test]
async fn an_object_has_its_media_type_its_generation_and_its_stream_in_the_metadata() {
    let unnamed = StreamIdentity { namespace: None, generation_id: None, ..accounts() };
    let long = StreamIdentity { name: "a".repeat(2_000), generation_id: None, ..accounts() };
    for (stream, generation, name) in [
        (accounts(), Some("3"), Some("name=accounts&namespace=crm")),
        (unnamed, None, Some("name=accounts")),
        (long, None, None),
    ] {
        for part in [1, 10_000_000] {
            let server = MockServer::start().await;
            let body = "<InitiateMultipartUploadResult><UploadId>u-1</UploadId></InitiateMultipartUploadResult>";
            Mock::given(method("POST"))
                .and(wiremock::matchers::query_param_is_missing("uploadId"))
                .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/xml"))
                .mount(&server)
                .await;
            let body = "<CompleteMultipartUploadResult><ETag>\"o\"</ETag></CompleteMultipartUploadResult>";
            Mock::given(method("POST"))
                .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/xml"))
                .mount(&server)
                .await;
            Mock::given(method("PUT")).respond_with(accepted()).mount(&server).await;
            let sizes = Sizes { part, object: 10_000_000, placeless: 1 };
            let mut writer = store_with(&settings_for(&server.uri()), sizes).await.writer(&stream);
            writer.write(&record("Acme")).await.unwrap();
            writer.finish().await.unwrap();
            let requests = server.received_requests().await.unwrap();
            let header = |name: &str| requests[0].headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header("content-type").as_deref(), Some("text/csv"));
            assert_eq!(header("x-amz-meta-ab-generation-id").as_deref(), generation, "{part}");
            assert_eq!(header("x-amz-meta-stream").as_deref(), name, "{part}");
        }
    }
}

/// A proxy answers the first call of each step: the start, the part, and the completion.
#[tokio::test]
async fn a_step_of_an_upload_that_is_answered_by_something_else_is_made_again() {
    for step in ["start", "part", "completion"] {
        let server = MockServer::start().await;
        let page = ResponseTemplate::new(200).set_body_raw("<html></html>", "text/html");
        let foreign = match step {
            "start" => Mock::given(method("POST")).and(wiremock::matchers::query_param_is_missing("uploadId")),
            "part" => Mock::given(method("PUT")),
            _ => Mock::given(method("POST")).and(query_param("uploadId", "u-1")),
        };
        foreign.respond_with(page).up_to_n_times(1).with_priority(1).expect(1).mount(&server).await;
        accept_upload(&server).await;
        Mock::given(method("PUT")).respond_with(accepted()).expect(1).mount(&server).await;
        let body = "<CompleteMultipartUploadResult><ETag>\"o\"</ETag></CompleteMultipartUploadResult>";
        Mock::given(method("POST"))
            .and(query_param("uploadId", "u-1"))
            .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/xml"))
            .expect(1)
            .mount(&server)
            .await;
        let sizes = Sizes { part: 1, object: 10_000_000, placeless: 1 };
        let mut writer = store_with(&settings_for(&server.uri()), sizes).await.writer(&accounts());
        writer.write(&record("Acme")).await.unwrap();
        assert_eq!(writer.finish().await.unwrap().len(), 1, "{step}");
        server.verify().await;
    }
}

#[tokio::test]
async fn a_failed_part_aborts_the_upload_and_breaks_the_writer() {
    let server = MockServer::start().await;
    accept_upload(&server).await;
    Mock::given(method("PUT")).respond_with(error_answer(403, "AccessDenied")).mount(&server).await;
    Mock::given(method("DELETE"))
        .and(path(KEY_PATH))
        .and(query_param("uploadId", "u-1"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let sizes = Sizes { part: 1, object: 1000, placeless: 1 };
    let mut writer = store_with(&settings_for(&server.uri()), sizes).await.writer(&accounts());
    let error = writer.write(&record("Acme")).await.unwrap_err();
    assert_eq!(error.failure_type(), FailureType::Config);
    let again = writer.write(&record("Acme")).await.unwrap_err();
    assert_eq!(again.failure_type(), FailureType::System, "rows may be missing, so nothing may look stored");
    assert_eq!(writer.finish().await.unwrap_err().failure_type(), FailureType::System);
}

#[tokio::test]
async fn a_completion_with_a_lost_answer_counts_if_the_object_exists() {
    let list = |key: &str| format!("<ListBucketResult><Contents><Key>{key}</Key></Contents></ListBucketResult>");
    let key = KEY_PATH.trim_start_matches("/acme-rejects/");
    for (status, code, list, stored) in [
        (404, "NoSuchUpload", list(key), true),
        (404, "NoSuchUpload", "<ListBucketResult/>".to_owned(), false),
        (404, "NoSuchUpload", list(&format!("{key}.gz")), false),
        (403, "AccessDenied", list(key), false),
    ] {
        let server = MockServer::start().await;
        accept_upload(&server).await;
        Mock::given(method("PUT")).respond_with(accepted()).mount(&server).await;
        Mock::given(method("POST"))
            .and(query_param("uploadId", "u-1"))
            .respond_with(error_answer(status, code))
            .mount(&server)
            .await;
        Mock::given(method("DELETE")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
        let listed = ResponseTemplate::new(200).set_body_raw(list.clone(), "application/xml");
        Mock::given(method("GET")).respond_with(listed).mount(&server).await;
        let sizes = Sizes { part: 1, object: 10_000_000, placeless: 1 };
        let mut writer = store_with(&settings_for(&server.uri()), sizes).await.writer(&accounts());
        writer.write(&record("Acme")).await.unwrap();
        let outcome = writer.finish().await;
        assert_eq!(outcome.is_ok(), stored, "{code} {list}: {outcome:?}");
    }
}

/// Many stores have no host name for each bucket. Only a name can show it: the SDK puts no bucket before an address.
#[tokio::test]
async fn the_bucket_of_an_endpoint_is_in_the_path_and_not_in_the_host_name() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path_regex("^/acme-rejects")).respond_with(Listing).mount(&server).await;
    Mock::given(method("PUT")).and(path_regex("^/acme-rejects/")).respond_with(accepted()).mount(&server).await;
    let deleted = ResponseTemplate::new(204);
    Mock::given(method("DELETE")).and(path_regex("^/acme-rejects/")).respond_with(deleted).mount(&server).await;
    let endpoint = format!("http://localhost:{}", server.address().port());
    let store = RejectedStore::open(&settings_for(&endpoint), sync(), budget()).await.unwrap();
    store.probe().await.unwrap();
}
