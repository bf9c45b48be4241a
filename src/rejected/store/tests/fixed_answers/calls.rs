//! What single calls send, and what they make of an answer.

use super::*;

async fn storage(server: &MockServer) -> Storage {
    Storage::open(&settings_for(&server.uri())).await.unwrap().without_outage_wait()
}

fn xml(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/xml")
}

/// Answers each part with an ETag that has its number.
struct NumberedParts;

impl wiremock::Respond for NumberedParts {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let number = request.url.query_pairs().find(|(name, _)| name == "partNumber").unwrap().1.into_owned();
        ResponseTemplate::new(200).insert_header("etag", format!("part-{number}"))
    }
}

#[tokio::test]
async fn a_completion_names_each_part_with_its_own_number_and_etag() {
    let server = MockServer::start().await;
    accept_upload(&server).await;
    Mock::given(method("PUT")).respond_with(NumberedParts).mount(&server).await;
    let done = xml("<CompleteMultipartUploadResult><ETag>o</ETag></CompleteMultipartUploadResult>");
    Mock::given(method("POST")).and(query_param("uploadId", "u-1")).respond_with(done).mount(&server).await;
    let sizes = Sizes { part: 1, object: 10_000_000, placeless: 1 };
    let mut writer = store_with(&settings_for(&server.uri()), sizes).await.writer(&accounts());
    for name in ["Acme", "Example Ltd", "Sample Inc"] {
        writer.write(&record(name)).await.unwrap();
    }
    writer.finish().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let body = std::str::from_utf8(&requests.last().unwrap().body).unwrap();
    let value = |part: &str, name: &str| {
        let (_, value) = part.split_once(&format!("<{name}>")).unwrap();
        value.split('<').next().unwrap().to_owned()
    };
    let parts = body.split("<Part>").skip(1).map(|part| (value(part, "PartNumber"), value(part, "ETag")));
    let expected = (1..=3).map(|number| (number.to_string(), format!("part-{number}")));
    assert_eq!(parts.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{body}");
}

#[tokio::test]
async fn an_object_is_its_bytes_or_none_if_it_is_gone_and_anything_else_is_an_error() {
    let whole = ResponseTemplate::new(200).insert_header("etag", "o").set_body_raw("{\"a\":1}", "application/json");
    for (answer, expected) in [
        (whole, Ok(Some(&b"{\"a\":1}"[..]))),
        (ResponseTemplate::new(200).insert_header("etag", "o"), Ok(Some(&b""[..]))),
        (error_answer(404, "NoSuchKey"), Ok(None)),
        (error_answer(404, "NoSuchBucket"), Err("`s3_bucket_name`")),
        (error_answer(403, "AccessDenied"), Err("s3:GetObject")),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET")).and(path("/acme-rejects/a/b.json")).respond_with(answer).mount(&server).await;
        let got = Box::pin(storage(&server).await.get("a/b.json")).await;
        match (got, expected) {
            (Ok(bytes), expected) => assert_eq!(Ok(bytes.as_deref()), expected),
            (Err(error), expected) => assert!(error.message().contains(expected.unwrap_err()), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_list_is_one_by_any_sign_of_a_list_and_names_its_next_page() {
    let listed = "<Contents><Key>a/1</Key><LastModified>2026-03-04T05:06:07.000Z</LastModified></Contents>";
    let with_size = "<Contents><Key>a/2</Key><Size>1</Size></Contents>";
    let both = format!("{listed}{with_size}");
    let (one, other) = (("a/1", Some(1_772_600_767)), ("a/2", None));
    for (content, expected) in [
        ("<IsTruncated>false</IsTruncated>", Some(vec![])),
        ("<Name>acme-rejects</Name>", Some(vec![])),
        (listed, Some(vec![one])),
        (&both, Some(vec![one, other])),
        ("", None),
        (&format!("<IsTruncated>true</IsTruncated>{listed}"), None),
    ] {
        let server = MockServer::start().await;
        let answer = xml(&format!("<ListBucketResult>{content}</ListBucketResult>"));
        Mock::given(method("GET")).and(query_param("prefix", "a/")).respond_with(answer).mount(&server).await;
        let objects = Box::pin(storage(&server).await.list("a/", 9)).await;
        let objects = objects.as_ref().ok().map(|objects| objects.iter().map(|it| (it.key.as_str(), it.written_at)));
        assert_eq!(objects.map(Iterator::collect), expected, "{content}");
    }
}

#[tokio::test]
async fn the_pages_of_a_list_follow_each_other_up_to_the_most_that_are_wanted() {
    let server = MockServer::start().await;
    for (token, next, key) in [(None, Some("2"), "a/1"), (Some("2"), Some("3"), "a/2"), (Some("3"), None, "a/3")] {
        let next =
            next.map(|next| format!("<NextContinuationToken>{next}</NextContinuationToken>")).unwrap_or_default();
        let page = xml(&format!("<ListBucketResult>{next}<Contents><Key>{key}</Key></Contents></ListBucketResult>"));
        let call = Mock::given(method("GET"));
        let call = match token {
            Some(token) => call.and(query_param("continuation-token", token)),
            None => call.and(wiremock::matchers::query_param_is_missing("continuation-token")),
        };
        call.respond_with(page).mount(&server).await;
    }
    let storage = storage(&server).await;
    for (most, expected) in
        [(1, &["a/1"][..]), (2, &["a/1", "a/2"]), (3, &["a/1", "a/2", "a/3"]), (9, &["a/1", "a/2", "a/3"])]
    {
        let objects = Box::pin(storage.list("a/", most)).await.unwrap();
        assert_eq!(objects.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), expected, "{most}");
    }
}

#[tokio::test]
async fn a_report_is_a_page_under_the_name_of_the_sync_unless_there_may_be_another_one() {
    let (report, dated) = ("rejected/42/report.html", "rejected/42/report_1772600767089.html");
    let listed =
        |key: &str| xml(&format!("<ListBucketResult><Contents><Key>{key}</Key></Contents></ListBucketResult>"));
    for (list, expected) in [
        (xml("<ListBucketResult/>"), report),
        (listed("rejected/42/report.html.bak"), report),
        (listed(report), dated),
        (error_answer(403, "AccessDenied"), dated),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET")).and(query_param("prefix", report)).respond_with(list).mount(&server).await;
        Mock::given(method("PUT")).respond_with(accepted()).mount(&server).await;
        let store = RejectedStore::open(&settings_for(&server.uri()), sync(), budget()).await.unwrap();
        assert_eq!(store.address(), "s3://acme-rejects");
        assert_eq!(Box::pin(store.put_report("<p>a page".to_owned())).await.unwrap(), expected);
        let requests = server.received_requests().await.unwrap();
        let put = requests.last().unwrap();
        assert_eq!(put.url.path(), format!("/acme-rejects/{expected}"));
        assert_eq!(put.headers["content-type"], "text/html; charset=utf-8");
        assert!(!put.headers.keys().any(|name| name.as_str().starts_with("x-amz-meta-")), "{:?}", put.headers);
        assert_eq!(put.body, b"<p>a page");
    }
}

/// Other stores than Amazon S3 take any region, or the one that they have.
#[tokio::test]
async fn a_request_is_signed_for_the_region_of_the_user_also_where_there_is_an_endpoint() {
    for (region, expected) in [(None, "/us-east-1/s3/"), (Some("eu-central-1"), "/eu-central-1/s3/")] {
        let server = MockServer::start().await;
        let list = xml("<ListBucketResult><Name>acme-rejects</Name></ListBucketResult>");
        Mock::given(method("GET")).respond_with(list).mount(&server).await;
        let mut settings = settings_for(&server.uri());
        let Place::Bucket(bucket) = &mut settings.place else { panic!() };
        bucket.region = region.map(str::to_owned);
        let storage = Storage::open(&settings).await.unwrap().without_outage_wait();
        Box::pin(storage.list("a/", 9)).await.unwrap();
        let requests = server.received_requests().await.unwrap();
        let signature = requests[0].headers["authorization"].to_str().unwrap();
        assert!(signature.contains(expected), "{signature}");
    }
}

#[tokio::test]
async fn a_report_that_the_store_refuses_is_an_error() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(xml("<ListBucketResult/>")).mount(&server).await;
    Mock::given(method("PUT")).respond_with(error_answer(403, "AccessDenied")).mount(&server).await;
    let store = RejectedStore::open(&settings_for(&server.uri()), sync(), budget()).await.unwrap();
    let error = Box::pin(store.put_report(String::new())).await.unwrap_err();
    assert!(error.message().contains("s3:PutObject"), "{error}");
}
