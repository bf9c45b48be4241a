//! Ingest jobs, from their creation to their results.

use reqwest::{
    Method,
    header::{self, HeaderMap, HeaderValue},
};
use salesforce_sim::{Endpoint, JobState, Settings};
use serde_json::json;

use crate::client::{Client, send};

#[tokio::test]
async fn an_insert_from_end_to_end() {
    let client = Client::start(Settings::default()).await;
    let id = client.create(json!({"object": "Account", "operation": "insert"})).await;
    let open = client.get(&format!("jobs/ingest/{id}")).await.json();
    assert_eq!(open["state"], "Open");
    assert!(open.get("numberRecordsProcessed").is_none());

    let uploaded = client.upload(&id, "Name,\"Phone\",Industry\nOne,1,Energy\n\"T\"\"wo\",,\n,3,\n").await;
    assert_eq!((uploaded.status, uploaded.text.as_str()), (201, ""));
    let closed = client.set_state(&id, "UploadComplete").await;
    assert_eq!((closed.status, closed.json().get("lineEnding")), (200, None));
    let job = client.finish(&id).await;
    assert_eq!(job["state"], "JobComplete");
    assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(3), &json!(1)));

    let ids: Vec<String> = client.org.records("Account").iter().map(|row| row["Id"].clone().unwrap()).collect();
    let successful = client.results(&id, "successfulResults").await;
    assert_eq!(
        successful.lines(),
        [
            "\"sf__Id\",\"sf__Created\",Name,\"Phone\",Industry".to_owned(),
            format!("\"{}\",\"true\",\"One\",\"1\",\"Energy\"", ids[0]),
            format!("\"{}\",\"true\",\"T\"\"wo\",\"\",\"\"", ids[1]),
        ]
    );
    let failed = client.results(&id, "failedResults").await;
    assert_eq!(failed.header("content-type"), Some("text/csv"));
    assert_eq!(
        failed.lines(),
        [
            "\"sf__Id\",\"sf__Error\",Name,\"Phone\",Industry",
            "\"\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\",\"\",\"3\",\"\"",
        ]
    );
    for spelling in ["unprocessedrecords", "unprocessedRecords/"] {
        let unprocessed = client.results(&id, spelling).await;
        assert_eq!((unprocessed.status, unprocessed.text.as_str()), (200, "Name,\"Phone\",Industry\n"));
    }
    let summary = &client.org.jobs()[0];
    assert_eq!((summary.state, summary.rows, summary.processed, summary.failed), (JobState::JobComplete, 3, 3, 1));
}

#[tokio::test]
async fn a_wrong_job_is_refused() {
    let client = Client::start(Settings { hard_delete: false, ..Settings::default() }).await;
    let upsert = |key: &str| json!({"object": "Account", "operation": "upsert", "externalIdFieldName": key});
    for (job, code, text) in [
        (json!({"object": "Nothing__c", "operation": "insert"}), "INVALIDENTITY", "is not supported by the Bulk API"),
        (json!({"object": "Attachment", "operation": "insert"}), "INVALIDENTITY", "is not supported by the Bulk API"),
        (json!({"object": "LoginHistory", "operation": "insert"}), "INVALIDOPERATION", "LoginHistory"),
        (json!({"object": "Account", "operation": "hardDelete"}), "FEATURENOTENABLED", "hardDelete"),
        (json!({"object": "Account", "operation": "merge"}), "INVALIDJOB", "merge"),
        (
            json!({"object": "Contact", "operation": "upsert"}),
            "INVALIDJOB",
            "External ID was blank for Contact. An External ID must be specified for upsert.",
        ),
        (upsert("Phone"), "INVALIDJOB", "Field name provided, Phone does not match an External ID"),
        (upsert("Nothing__c"), "INVALIDJOB", "Field name provided, Nothing__c does not match an External ID"),
        (json!({"object": "Account", "operation": "insert", "columnDelimiter": ","}), "INVALIDJOB", "columnDelimiter"),
        (json!({"object": "Account", "operation": "insert", "lineEnding": "CR"}), "INVALIDJOB", "lineEnding"),
        (json!({"object": "Account", "operation": "insert", "assignmentRuleId": "01Q"}), "INVALIDJOB", "assignment"),
        (json!({"object": "Account", "operation": "insert", "label": "mine"}), "JSON_PARSER_ERROR", "label"),
        (json!([]), "JSON_PARSER_ERROR", ""),
    ] {
        let (status, found, message) = client.post("jobs/ingest", job.clone()).await.api_error();
        assert_eq!((status, found.as_str()), (400, code), "{job}");
        assert!(message.contains(text), "{job}: {message}");
    }
    assert!(client.org.jobs().is_empty());
    let lead = json!({"object": "Lead", "operation": "insert", "assignmentRuleId": "01QSim000000001",
                      "externalIdFieldName": "", "contentType": "CSV"});
    let id = client.create(lead).await;
    assert_eq!(client.get(&format!("jobs/ingest/{id}")).await.json()["assignmentRuleId"], "01QSim000000001");
}

#[tokio::test]
async fn a_job_takes_one_upload_while_it_is_open() {
    let client = Client::start(Settings { max_upload_bytes: 100, ..Settings::default() }).await;
    let id = client.create(json!({"object": "Account", "operation": "insert"})).await;
    let path = format!("jobs/ingest/{id}/batches");
    for (name, value) in [("content-type", "application/json"), ("content-encoding", "gzip")] {
        let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"))]);
        headers.insert(name, HeaderValue::from_static(value));
        let request = client.request(Method::PUT, &path).headers(headers).body("Name\nx\n");
        assert_eq!(send(request).await.status, 415, "{name}: {value}");
    }
    assert_eq!(client.upload(&id, "x".repeat(101)).await.status, 413);
    // The org accepts the first 15 characters of the id, and a charset.
    let short = client.request(Method::PUT, &format!("jobs/ingest/{}/batches/", &id[..15]));
    let short = short.header(header::CONTENT_TYPE, "text/csv; charset=UTF-8").body("Name\nx\n");
    assert_eq!(send(short).await.status, 201);
    let (status, code, message) = client.upload(&id, "Name\ny\n").await.api_error();
    assert_eq!((status, code.as_str()), (400, "CLIENTINPUTERROR"));
    assert!(message.starts_with("Found multiple contents for job"));

    client.set_state(&id, "UploadComplete").await;
    assert_eq!(client.finish(&id).await["numberRecordsProcessed"], 1);
    assert_eq!(client.upload(&id, "Name\ny\n").await.api_error().1, "INVALIDJOBSTATE");
    assert_eq!(client.set_state(&id, "UploadComplete").await.api_error().1, "INVALIDJOBSTATE");
    for state in ["JobComplete", "Open", "Failed"] {
        assert_eq!(client.set_state(&id, state).await.api_error().1, "INVALIDJOBSTATE", "{state}");
    }
    assert_eq!(client.org.count("Account"), 1);
}

#[tokio::test]
async fn a_wrong_upload_fails_the_job_and_saves_nothing() {
    let client = Client::start(Settings::default()).await;
    let ending = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is";
    for (line_ending, csv, message) in [
        ("LF", "Name,Nme\nx,y\n".to_owned(), "InvalidBatch : Field name not found : Nme".to_owned()),
        ("LF", "\u{feff}Name\nx\n".to_owned(), "InvalidBatch : Field name not found : \u{feff}Name".to_owned()),
        ("LF", "Name\r\nx\r\n".to_owned(), format!("{ending} LF")),
        ("CRLF", "Name\nx\n".to_owned(), format!("{ending} CRLF")),
    ] {
        let job = json!({"object": "Account", "operation": "insert", "lineEnding": line_ending});
        let (id, job) = client.load(job, csv.clone()).await;
        assert_eq!((&job["state"], &job["errorMessage"]), (&json!("Failed"), &json!(message)), "{csv}");
        assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(0), &json!(0)));
        assert_eq!(client.results(&id, "failedResults").await.status, 200);
    }
    assert_eq!(client.org.count("Account"), 0);
}

#[tokio::test]
async fn an_empty_upload_completes_without_rows() {
    let client = Client::start(Settings::default()).await;
    let job = json!({"object": "Account", "operation": "insert"});
    for csv in ["", "Name\n"] {
        let (_, done) = client.load(job.clone(), csv).await;
        assert_eq!((&done["state"], &done["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(0)), "{csv:?}");
    }
    let id = client.create(job).await;
    client.set_state(&id, "UploadComplete").await;
    assert_eq!(client.finish(&id).await["state"], "JobComplete");
}

#[tokio::test]
async fn a_job_has_its_own_delimiter_and_line_ending() {
    let client = Client::start(Settings::default()).await;
    let job = json!({"object": "Account", "operation": "insert", "lineEnding": "CRLF", "columnDelimiter": "PIPE"});
    let (id, _) = client.load(job, "Name|Description\r\n\"a|b\"|\"two\r\nlines\"\r\n").await;
    let record = &client.org.records("Account")[0];
    assert_eq!((record["Name"].as_deref(), record["Description"].as_deref()), (Some("a|b"), Some("two\r\nlines")));
    let account = record["Id"].as_deref().unwrap();
    let expected =
        format!("\"sf__Id\"|\"sf__Created\"|Name|Description\n\"{account}\"|\"true\"|\"a|b\"|\"two\r\nlines\"\n");
    assert_eq!(client.results(&id, "successfulResults").await.text, expected);
}

#[tokio::test]
async fn a_failed_delete_shows_the_id() {
    let client = Client::start(Settings::default()).await;
    let unknown = "001000000000000AAA";
    let error = "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--";
    for (operation, csv, rows) in [
        ("delete", format!("Id\n{unknown}\n"), vec![format!("\"{unknown}\",\"{error}\",\"{unknown}\"")]),
        ("hardDelete", format!("Id\n{unknown}\n"), vec![format!("\"{unknown}\",\"{error}\",\"{unknown}\"")]),
        ("delete", "Id\n42\n".to_owned(), vec!["\"\",\"MALFORMED_ID:bad id 42:--\",\"42\"".to_owned()]),
        ("update", format!("Id\n{unknown}\n"), vec![format!("\"\",\"{error}\",\"{unknown}\"")]),
    ] {
        let (id, _) = client.load(json!({"object": "Account", "operation": operation}), csv).await;
        assert_eq!(client.results(&id, "failedResults").await.lines()[1..], rows, "{operation}");
    }
}

#[tokio::test]
async fn a_row_with_a_wrong_number_of_cells_has_empty_cells_in_the_result() {
    let client = Client::start(Settings::default()).await;
    let job = json!({"object": "Account", "operation": "insert"});
    for (row, cells) in [("x", 1), ("x,1,2", 3)] {
        let (id, done) = client.load(job.clone(), format!("Name,Phone\n{row}\ny,2\n")).await;
        assert_eq!((&done["state"], &done["numberRecordsFailed"]), (&json!("JobComplete"), &json!(1)));
        let text = "Number of fields in header is different from the row. header = 2";
        let failed = format!("\"\",\"INVALID_FIELD:{text} row = {cells}:--\",\"\",\"\"");
        assert_eq!(client.results(&id, "failedResults").await.lines()[1..], [failed]);
    }
}

#[tokio::test]
async fn a_multipart_call_creates_uploads_and_closes() {
    let client = Client::start(Settings::default()).await;
    let call = |content: &str| {
        let body = format!(
            "--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n\
             {{\"object\":\"Account\",\"operation\":\"insert\"}}\r\n--B\r\nContent-Type: text/csv\r\n\
             Content-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n{content}\r\n--B--\r\n"
        );
        let request = client.request(Method::POST, "jobs/ingest");
        request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=B").body(body)
    };
    let created = send(call("Name\nx\ny")).await.json();
    assert_eq!(created["state"], "UploadComplete");
    assert!(created.get("contentUrl").is_none());
    let job = client.finish(created["id"].as_str().unwrap()).await;
    assert_eq!(job["numberRecordsProcessed"], 2);
    assert_eq!(send(call(&"x".repeat(100_000))).await.status, 400);
}

#[tokio::test]
async fn a_job_that_has_ended_can_be_deleted() {
    let client = Client::start(Settings::default()).await;
    let job = json!({"object": "Account", "operation": "insert"});
    let delete = async |id: &str| send(client.request(Method::DELETE, &format!("jobs/ingest/{id}"))).await;
    let id = client.create(job).await;
    assert_eq!(delete(&id).await.api_error().1, "INVALIDJOBSTATE");
    client.set_state(&id, "Aborted").await;
    assert_eq!(delete(&id).await.status, 204);
    let missing = (404, "NOT_FOUND".to_owned(), "The requested resource does not exist".to_owned());
    assert_eq!(client.get(&format!("jobs/ingest/{id}")).await.api_error(), missing);
    assert_eq!(delete("750Sim000000099").await.api_error(), missing);
}

#[tokio::test]
async fn the_list_of_jobs_has_pages() {
    let client = Client::start(Settings { jobs_per_page: 3, ..Settings::default() }).await;
    let mut created = Vec::new();
    for _ in 0..7 {
        created.push(client.create(json!({"object": "Account", "operation": "insert"})).await);
    }
    let mut listed = Vec::new();
    let mut path = "jobs/ingest?jobType=V2Ingest&isPkChunkingEnabled=false".to_owned();
    loop {
        let page = client.get(&path).await.json();
        let records = page["records"].as_array().unwrap();
        assert!(records.len() <= 3 && records.iter().all(|job| job.get("numberRecordsProcessed").is_none()));
        listed.extend(records.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        match page["nextRecordsUrl"].as_str() {
            Some(next) => path = next.strip_prefix("/services/data/v62.0/").unwrap().to_owned(),
            None => break assert_eq!(page["done"], true),
        }
    }
    listed.sort_unstable();
    assert_eq!(listed, created);
    let classic = client.get("jobs/ingest?jobType=Classic").await.json();
    assert_eq!(classic["records"], json!([]));
}

#[tokio::test]
async fn requests_are_logged() {
    let client = Client::start(Settings::default()).await;
    client.load(json!({"object": "Account", "operation": "insert"}), "Name\nx\n").await;
    let requests = client.org.requests();
    let calls: Vec<_> = requests.iter().map(|request| (request.endpoint, request.status)).take(3).collect();
    assert_eq!(
        calls,
        [(Endpoint::JobCreate, Some(200)), (Endpoint::JobUpload, Some(201)), (Endpoint::JobPatch, Some(200))]
    );
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/services/data/v62.0/jobs/ingest"));
}
