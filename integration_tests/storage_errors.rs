//! What `check` says of a bucket or a folder that cannot be used.

use serde_json::{Value, json};
use wiremock::matchers::{any, body_string_contains, header_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::check::{VERSION_SUPPORTED, closed_port};
use crate::connector::{self, Run};
use crate::world::{BUCKET, World, blocking, merge};

/// How the error of a call begins that writes an object.
const FAILED: &str = "Writing an object in the rejected-records bucket \"rejected-records\" failed";

#[tokio::test(flavor = "multi_thread")]
async fn check_says_why_the_bucket_cannot_be_used() {
    let world = World::new().await;
    let endpoint = world.store.endpoint.clone();
    let closed_port = closed_port();
    for (changes, sentence) in [
        (
            json!({"secret_access_key": "wrong-secret-key"}),
            format!(
                "{FAILED}: {endpoint} refused the signature. Correct `secret_access_key`; it must belong to \
                 `access_key_id`."
            ),
        ),
        (
            json!({"access_key_id": "wrong-key-id"}),
            format!("{FAILED}: access is denied. Grant the credentials the permission s3:PutObject on it."),
        ),
        (
            json!({"access_key_id": null, "secret_access_key": null}),
            format!(
                "{FAILED}: there are no AWS credentials. Set `access_key_id` and `secret_access_key`, or give the \
                 connector's environment a role that may use the bucket."
            ),
        ),
        (
            json!({"s3_endpoint": closed_port}),
            format!(
                "{FAILED}: {closed_port} could not be reached, even after several attempts. Check the network, and \
                 `s3_endpoint` where it is set."
            ),
        ),
    ] {
        let run = world.check(json!({"object_storage_config": changes})).await;
        let (status, message) = run.connection_status();
        assert_eq!(status, "FAILED");
        // The failure comes first, then what works.
        let works = format!("{sentence} Signed in to {}. {VERSION_SUPPORTED} ", world.org.url());
        assert!(message.starts_with(&works), "{message}");
    }
    assert_eq!(world.store.objects(BUCKET).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_store_is_explained() {
    for (status, code, sentence) in [
        (
            404,
            "NoSuchBucket",
            "The rejected-records bucket \"rejected-records\" does not exist at {store}. Create it, or correct \
             `s3_bucket_name`."
                .to_owned(),
        ),
        (
            403,
            "AccessDenied",
            format!("{FAILED}: access is denied. Grant the credentials the permission s3:PutObject on it."),
        ),
        (
            403,
            "InvalidAccessKeyId",
            format!(
                "{FAILED}: {{store}} does not know the access key. Correct `access_key_id`, or the AWS credentials of \
                 the connector's environment where that key is not set."
            ),
        ),
        (
            400,
            "ExpiredToken",
            format!(
                "{FAILED}: the session token of the AWS credentials is expired or not valid. Renew the credentials of \
                 the connector's environment."
            ),
        ),
        (
            403,
            "RequestTimeTooSkewed",
            format!("{FAILED}: the clock of this machine differs too much from that of {{store}}. Set the clock."),
        ),
        (
            400,
            "InvalidBucketName",
            "\"rejected-records\" is not a valid bucket name. Correct `s3_bucket_name`: the name alone, without \
             `s3://` and without a path."
                .to_owned(),
        ),
        (
            400,
            "MalformedXML",
            format!(
                "{FAILED}: {{store}} refused the request. Check `s3_bucket_name`, `s3_endpoint` and the policies of \
                 the bucket."
            ),
        ),
        (
            503,
            "SlowDown",
            format!(
                "{FAILED}: {{store}} was busy or had an internal error, even after several attempts. Sync again later."
            ),
        ),
        (
            301,
            "PermanentRedirect",
            format!(
                "{FAILED}: the bucket is in the region eu-central-1, not in us-east-1. Set `s3_bucket_region` to \
                 eu-central-1."
            ),
        ),
    ] {
        let (store, world) = (MockServer::start().await, World::new().await);
        let body = format!("<Error><Code>{code}</Code><Message>words of the store</Message></Error>");
        let answer = ResponseTemplate::new(status)
            .insert_header("x-amz-bucket-region", "eu-central-1")
            .set_body_raw(body, "application/xml");
        Mock::given(any()).respond_with(answer).mount(&store).await;
        let run = world.check(json!({"object_storage_config": {"s3_endpoint": store.uri()}})).await;
        let (status, message) = run.connection_status();
        assert_eq!(status, "FAILED");
        let sentence = sentence.replace("{store}", &store.uri());
        assert!(message.starts_with(&format!("{sentence} Signed in to ")), "{message}");
    }
}

fn assert_failed(run: &Run, start: &str) {
    let (status, message) = run.connection_status();
    assert!(status == "FAILED" && message.starts_with(start), "{start} | {message}");
}

/// Runs `check` with variables of the environment, as an operator of Airbyte sets them.
async fn check_in_environment(world: &World, variables: &[(&'static str, String)], changes: Value) -> Run {
    let (config, variables) = (world.config(changes), variables.to_vec());
    blocking(move || connector::check_in_environment(&variables, &config)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_in_an_unknown_other_region_is_explained() {
    let (store, world) = (MockServer::start().await, World::new().await);
    let moved = "<Error><Code>PermanentRedirect</Code><Message>words of the store</Message></Error>";
    let answer = ResponseTemplate::new(301).set_body_raw(moved, "application/xml");
    Mock::given(any()).respond_with(answer).mount(&store).await;
    let run = world.check(json!({"object_storage_config": {"s3_endpoint": store.uri()}})).await;
    let sentence = "the bucket is not in the region us-east-1. Set `s3_bucket_region` to the region of the bucket.";
    assert_failed(&run, &format!("{FAILED}: {sentence}"));
}

/// A server of AWS that gives the credentials of a role, or refuses them.
async fn sts(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let of_the_role = body_string_contains("ExternalId=an-external-id");
    Mock::given(body_string_contains("Action=AssumeRole")).and(of_the_role).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_assumed_with_its_external_id_and_a_refused_one_is_named() {
    let role = "arn:aws:iam::123456789012:role/example";
    let given = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>the-key-of-the-role</AccessKeyId>\
                 <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                 <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
    let refused = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>\
                   </ErrorResponse>";
    let (store, world) = (MockServer::start().await, World::new().await);
    let missing = "<Error><Code>NoSuchBucket</Code><Message>words of the store</Message></Error>";
    let answer = ResponseTemplate::new(404).set_body_raw(missing, "application/xml");
    let of_the_role = header_regex("authorization", "Credential=the-key-of-the-role/");
    Mock::given(of_the_role).respond_with(answer).mount(&store).await;
    for (answer, sentence) in [
        (
            ResponseTemplate::new(200).set_body_raw(given, "text/xml"),
            "The rejected-records bucket \"rejected-records\" does not exist at ".to_owned(),
        ),
        (
            ResponseTemplate::new(403).set_body_raw(refused, "text/xml"),
            format!("{FAILED}: the role {role} could not be assumed. Correct `role_arn`, or let"),
        ),
    ] {
        let sts = sts(answer).await;
        let variables =
            [("AWS_ENDPOINT_URL_STS", sts.uri()), ("AWS_ASSUME_ROLE_EXTERNAL_ID", "an-external-id".to_owned())];
        let changes = json!({"object_storage_config": {"role_arn": role, "s3_endpoint": store.uri()}});
        assert_failed(&check_in_environment(&world, &variables, changes).await, &sentence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_the_environment_does_not_give_are_explained() {
    let (container, world) = (MockServer::start().await, World::new().await);
    Mock::given(any()).respond_with(ResponseTemplate::new(403)).mount(&container).await;
    for (address, sentence) in [
        (container.uri(), "the connector's environment provides no AWS credentials. Set `access_key_id`"),
        (closed_port(), "the AWS service that issues credentials could not be reached, even after several attempts."),
    ] {
        let variables = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", address)];
        let changes = json!({"object_storage_config": {"access_key_id": null, "secret_access_key": null}});
        assert_failed(&check_in_environment(&world, &variables, changes).await, &format!("{FAILED}: {sentence}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_list_its_objects_is_refused() {
    let (store, world) = (MockServer::start().await, World::new().await);
    let list = "<ListBucketResult><Name>rejected-records</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>\
                </ListBucketResult>";
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).insert_header("etag", "\"e\"").set_body_raw(list, "application/xml"))
        .mount(&store)
        .await;
    let run = world.check(json!({"object_storage_config": {"s3_endpoint": store.uri()}})).await;
    let (status, message) = run.connection_status();
    let sentence = "The test object that was just written to the rejected-records bucket \"rejected-records\" is not \
                    listed there.";
    assert!(status == "FAILED" && message.contains(sentence), "{message}");
}

/// An S3 store that takes, lists and deletes objects, and gives none back.
struct Unreadable;

impl Respond for Unreadable {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let query = |wanted: &str| request.url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
        match (request.method.as_str(), query("list-type")) {
            ("PUT", _) => ResponseTemplate::new(200).insert_header("etag", "\"e\""),
            ("DELETE", _) => ResponseTemplate::new(204),
            (_, Some(_)) => {
                let key = query("prefix").unwrap_or_default();
                let list = format!("<ListBucketResult><Contents><Key>{key}</Key></Contents></ListBucketResult>");
                ResponseTemplate::new(200).set_body_raw(list, "application/xml")
            }
            _ => ResponseTemplate::new(403)
                .set_body_raw("<Error><Code>AccessDenied</Code><Message>no</Message></Error>", "application/xml"),
        }
    }
}

/// A later attempt reads the journal. Rejected records are only written.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_may_not_be_read_is_refused_where_there_is_a_journal() {
    let (store, world) = (MockServer::start().await, World::new().await);
    Mock::given(any()).respond_with(Unreadable).mount(&store).await;
    for (journal, status, sentence) in [
        (true, "FAILED", "Grant the credentials the permission s3:GetObject on it."),
        (false, "SUCCEEDED", "Rejected records can be stored in the bucket rejected-records."),
    ] {
        let storage = json!({"s3_endpoint": store.uri()});
        let run = world.check(json!({"object_storage_config": storage, "journal": journal})).await;
        let (found, message) = run.connection_status();
        assert!(found == status && message.contains(sentence), "{message}");
        assert_eq!(message.contains("can be stored"), !journal, "{message}");
    }
}

/// A path that no file system takes, and one that leads through a file.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_is_explained() {
    let world = World::new().await;
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("a-file");
    std::fs::write(&file, "not a folder").unwrap();
    for (path, sentence) in [
        (place.path().join("x".repeat(300)), "the name of a file or a folder is too long for the file system."),
        (file, "there is a file where a folder is needed, or a folder where a file is needed."),
    ] {
        let storage = json!({"storage_type": "Local", "path": path.to_str().unwrap()});
        let config =
            merge(world.config(json!({"object_storage_config": null})), json!({"object_storage_config": storage}));
        let run = blocking(move || connector::check(&config)).await;
        let (status, message) = run.connection_status();
        assert!(status == "FAILED" && message.contains(sentence), "{message}");
    }
}
