//! Downloads with fixed answers, for what the S3 server of the tests never answers.

use airbyte::FailureType;
use wiremock::matchers::{header, header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::rejected::bucket::Bucket;
use crate::rejected::settings::{AccessKey, BucketName, BucketSettings};

const KEY: &str = "rejected/f.csv";

async fn bucket(server: &MockServer) -> Bucket {
    let key = || uuid::Uuid::now_v7().simple().to_string();
    let settings = BucketSettings {
        access_key: Some(AccessKey { id: key(), secret: key().into() }),
        role_arn: None,
        bucket: BucketName::parse("acme-rejects").unwrap(),
        region: None,
        endpoint: Some(server.uri().parse().unwrap()),
    };
    Bucket::connect(&settings).await.unwrap().without_outage_wait()
}

fn answer(status: u16, etag: &str, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).insert_header("etag", etag).set_body_raw(body, "text/csv")
}

fn error_answer(status: u16, code: &str) -> ResponseTemplate {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>a message</Message></Error>");
    ResponseTemplate::new(status).set_body_raw(body, "application/xml")
}

/// A download of ten bytes whose connection broke after four.
async fn broken(server: &MockServer) -> super::Download {
    let first = answer(200, "\"1\"", "0123456789");
    Mock::given(method("GET")).and(path("/acme-rejects/rejected/f.csv")).respond_with(first).mount(server).await;
    let mut download = Box::pin(bucket(server).await.download(KEY)).await.unwrap().unwrap();
    download.body = aws_sdk_s3::primitives::ByteStream::from_static(b"0123");
    assert_eq!(&download.next().await.unwrap().unwrap()[..], b"0123");
    download
}

async fn rest(server: &MockServer, answer: ResponseTemplate) -> super::Result<Vec<u8>> {
    let mut download = Box::pin(broken(server)).await;
    let range = Mock::given(method("GET")).and(header("range", "bytes=4-")).and(header("if-match", "\"1\""));
    range.respond_with(answer).with_priority(1).mount(server).await;
    let mut rest = Vec::new();
    while let Some(bytes) = download.next().await? {
        rest.extend_from_slice(&bytes);
    }
    Ok(rest)
}

#[tokio::test]
async fn the_rest_is_asked_for_by_its_range_and_its_version() {
    let server = MockServer::start().await;
    let answer = answer(206, "\"1\"", "456789").insert_header("content-range", "bytes 4-9/10");
    assert_eq!(Box::pin(rest(&server, answer)).await.unwrap(), b"456789");
}

#[tokio::test]
async fn an_answer_that_is_not_the_rest_of_the_same_object_is_an_error() {
    use FailureType::{Config, Transient};
    let part = |etag: &str, range: &str| answer(206, etag, "456789").insert_header("content-range", range);
    let cases = [
        (answer(200, "\"1\"", "0123456789"), "did not answer as an S3 store does"),
        (part("\"1\"", "bytes 3-9/10"), "did not answer as an S3 store does"),
        (part("\"1\"", "bytes 4-9/11"), "did not answer as an S3 store does"),
        (part("\"2\"", "bytes 4-9/10"), "was replaced or removed"),
        (error_answer(412, "PreconditionFailed"), "was replaced or removed"),
        (error_answer(404, "NoSuchKey"), "was replaced or removed"),
        (error_answer(403, "AccessDenied"), "denied"),
    ];
    for (answer, expected) in cases {
        let server = MockServer::start().await;
        let error = Box::pin(rest(&server, answer)).await.unwrap_err();
        let failure_type = if expected == "denied" { Config } else { Transient };
        assert_eq!(error.failure_type(), failure_type, "{error}");
        assert!(error.message().contains(expected) && error.message().contains(KEY), "{expected}: {error}");
    }
}

#[tokio::test]
async fn more_bytes_than_the_object_has_are_an_error() {
    let server = MockServer::start().await;
    let mut download = Box::pin(broken(&server)).await;
    let answer = answer(206, "\"1\"", "4567890").insert_header("content-range", "bytes 4-9/10");
    Mock::given(header("range", "bytes=4-")).respond_with(answer).with_priority(1).mount(&server).await;
    // None of them is given out.
    let error = download.next().await.unwrap_err();
    assert!(error.message().contains("did not answer as an S3 store does"), "{error}");
}

#[tokio::test]
async fn an_object_that_is_gone_is_none_and_an_answer_without_a_version_no_object() {
    let server = MockServer::start().await;
    Mock::given(header_exists("range")).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    let page = ResponseTemplate::new(200).set_body_raw("<html></html>", "text/html");
    Mock::given(method("GET")).respond_with(page).up_to_n_times(1).with_priority(1).mount(&server).await;
    Mock::given(method("GET")).respond_with(error_answer(404, "NoSuchKey")).mount(&server).await;
    let bucket = bucket(&server).await;
    let error = bucket.download(KEY).await.unwrap_err();
    assert!(error.message().contains("did not answer as an S3 store does"), "{error}");
    assert!(bucket.download(KEY).await.unwrap().is_none());
}

#[tokio::test]
async fn the_stream_of_an_object_is_the_one_of_its_metadata() {
    for stream in [None, Some("name=accounts")] {
        let server = MockServer::start().await;
        let answer = answer(200, "\"1\"", "0123456789").insert_header("x-amz-meta-other", "o");
        let answer = stream.iter().fold(answer, |answer, stream| answer.insert_header("x-amz-meta-stream", *stream));
        Mock::given(method("GET")).and(path("/acme-rejects/rejected/f.csv")).respond_with(answer).mount(&server).await;
        let download = Box::pin(bucket(&server).await.download(KEY)).await.unwrap().unwrap();
        assert_eq!(download.stream(), stream);
    }
}

#[tokio::test]
async fn an_object_is_read_on_twenty_times() {
    let server = MockServer::start().await;
    let mut download = Box::pin(broken(&server)).await;
    let part = answer(206, "\"1\"", "456789").insert_header("content-range", "bytes 4-9/10");
    Mock::given(header("range", "bytes=4-")).respond_with(part).with_priority(1).mount(&server).await;
    for _ in 0..20 {
        download.read_on("the connection was closed").await.unwrap();
    }
    let error = download.read_on("the connection was closed").await.unwrap_err();
    assert_eq!(error.failure_type(), FailureType::Transient, "{error}");
    assert!(error.message().contains(&server.address().ip().to_string()), "{error}");
}
