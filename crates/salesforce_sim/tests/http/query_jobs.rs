//! Query jobs.

use std::time::Duration;

use reqwest::{Method, header};
use salesforce_sim::{Answer, Effect, Endpoint, JobState, Nature, QueryJobFault, RequestFault, Settings, Truncation};
use serde_json::{Value, json};

use crate::client::{Answer as Reply, Client, send};

pub(crate) const QUERY: &str = "SELECT Id, email FROM Contact WHERE Email != null";

pub(crate) fn job(query: &str) -> Value {
    json!({"operation": "query", "query": query})
}

pub(crate) async fn create(client: &Client, query: &str) -> String {
    let answer = client.post("jobs/query", job(query)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn info(client: &Client, id: &str) -> Value {
    client.get(&format!("jobs/query/{id}")).await.json()
}

/// Waits until a job has ended.
pub(crate) async fn end(client: &Client, id: &str) -> Value {
    loop {
        let job = info(client, id).await;
        if matches!(job["state"].as_str().unwrap(), "JobComplete" | "Failed" | "Aborted") {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn results(client: &Client, id: &str, parameters: &str) -> Reply {
    client.get(&format!("jobs/query/{id}/results{parameters}")).await
}

pub(crate) fn insert_contacts(client: &Client, count: usize) {
    for number in 0..count {
        client.org.insert("Contact", &[("LastName", "x"), ("Email", &format!("{number}@example.com"))]);
    }
}

/// The e-mail addresses on all pages of at most `most` rows, in their order.
async fn read(client: &Client, id: &str, most: usize) -> Vec<String> {
    let (mut emails, mut locator) = (Vec::new(), String::new());
    loop {
        let page = results(client, id, &format!("?maxRecords={most}{locator}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let mut lines = page.text.lines();
        assert_eq!(lines.next(), Some(r#""Id","email""#), "each page begins with the header");
        let rows: Vec<_> = lines.map(|line| line.split('"').nth(3).unwrap().to_owned()).collect();
        assert_eq!(page.header("sforce-numberofrecords"), Some(rows.len().to_string().as_str()));
        emails.extend(rows);
        match page.header("sforce-locator").unwrap() {
            "null" => return emails,
            next => locator = format!("&locator={next}"),
        }
    }
}

#[tokio::test]
async fn a_job_goes_from_its_query_to_its_results() {
    let client = Client::start(Settings::default()).await;
    insert_contacts(&client, 10);
    client.org.insert("Contact", &[("LastName", "none")]);
    let created = client.post("jobs/query", job(QUERY)).await.json();
    assert_eq!((&created["state"], &created["object"]), (&json!("UploadComplete"), &json!("Contact")));
    assert!(created.get("numberRecordsProcessed").is_none() && created.get("jobType").is_none());
    let id = created["id"].as_str().unwrap();
    let ended = end(&client, id).await;
    assert_eq!((&ended["numberRecordsProcessed"], &ended["jobType"]), (&json!(10), &json!("V2Query")));
    let whole = results(&client, id, "").await;
    assert_eq!((whole.header("sforce-locator"), whole.header("sforce-numberofrecords")), (Some("null"), Some("10")));

    let mut emails = read(&client, id, 4).await;
    assert!(!emails.is_sorted(), "the rows have no order");
    assert_eq!(read(&client, id, 4).await, emails, "a page stays the same");
    emails.sort_unstable();
    emails.dedup();
    assert_eq!(emails.len(), 10);
    let summary = client.org.query_jobs();
    assert_eq!((summary[0].query.as_str(), summary[0].rows, summary[0].state), (QUERY, 10, JobState::JobComplete));
    assert!(client.org.jobs().is_empty(), "it is no ingest job");
    assert_eq!(client.get("jobs/query").await.json()["records"][0]["id"], id);
}

#[tokio::test]
async fn cells_are_in_quotes_and_null_is_empty() {
    let client = Client::start(Settings::default()).await;
    let account = client.org.insert("Account", &[("Name", "Example \"Ltd\""), ("Score__c", "7")]).unwrap();
    let values = [("LastName", "two\nlines"), ("AccountId", &account)];
    client.org.insert("Contact", &values);
    let query = "SELECT LastName, Email, HasOptedOutOfEmail, account.name, Account.Score__c FROM Contact";
    let body = json!({"operation": "query", "query": query, "columnDelimiter": "PIPE", "lineEnding": "CRLF"});
    let id = client.post("jobs/query", body).await.json()["id"].as_str().unwrap().to_owned();
    end(&client, &id).await;
    let expected = "\"LastName\"|\"Email\"|\"HasOptedOutOfEmail\"|\"account.name\"|\"Account.Score__c\"\r\n\
                    \"two\nlines\"|\"\"|\"false\"|\"Example \"\"Ltd\"\"\"|\"7.0\"\r\n";
    assert_eq!(results(&client, &id, "").await.text, expected);
}

#[tokio::test]
async fn a_query_that_no_job_can_run_is_refused_at_its_creation() {
    let client = Client::start(Settings { daily_query_jobs: 1, ..Settings::default() }).await;
    for (body, code, part) in [
        (job("SELECT count() FROM Contact"), "API_ERROR", "Aggregate"),
        (job("SELECT Id FROM Contact WHERE Description = 'x'"), "INVALID_FIELD", "can not be filtered"),
        (job("SELECT Id FROM Contact GROUP BY Id"), "MALFORMED_QUERY", "unexpected token: 'GROUP'"),
        (job("SELECT MailingAddress FROM Contact"), "API_ERROR", "Selecting compound data not supported in Bulk Query"),
        (job("SELECT Id FROM Contact OFFSET 1"), "MALFORMED_QUERY", "unexpected token: 'OFFSET'"),
        (job("SELECT FIELDS(ALL) FROM Contact"), "MALFORMED_QUERY", "unexpected token: '('"),
        (job("SELECT Id, (SELECT Id FROM Cases) FROM Contact"), "MALFORMED_QUERY", "unexpected token: '('"),
        (job("SELECT Id FROM Attachment"), "INVALIDENTITY", "Entity 'Attachment' is not supported by the Bulk API."),
        (json!({"operation": "insert", "query": QUERY}), "INVALIDJOB", "'insert' is not a valid operation"),
        (json!({"operation": "query", "query": QUERY, "object": "Contact"}), "JSON_PARSER_ERROR", "object"),
        (json!({"operation": "query", "query": QUERY, "contentType": "JSON"}), "INVALIDJOB", "contentType"),
    ] {
        let (status, refused, message) = client.post("jobs/query", body.clone()).await.api_error();
        assert_eq!((status, refused.as_str()), (400, code), "{body}: {message}");
        assert!(message.contains(part), "{body}: {message}");
    }
    create(&client, QUERY).await;
    let used_up = "Max bulk v2 query jobs (1) per 24 hrs has been reached (1)";
    assert_eq!(client.post("jobs/query", job(QUERY)).await.api_error().2, used_up);
    let limits = client.get("limits").await.json();
    assert_eq!(limits["DailyBulkV2QueryJobs"], json!({"Max": 1, "Remaining": 0}));
    client.org.set_remaining_query_jobs(1);
    create(&client, QUERY).await;
}

#[tokio::test]
async fn deleted_records_are_found_by_a_query_all_job_only() {
    let client = Client::start(Settings::default()).await;
    insert_contacts(&client, 2);
    let id = client.org.records("Contact")[0]["Id"].clone().unwrap();
    client.load(json!({"object": "Contact", "operation": "delete"}), format!("Id\n{id}\n")).await;
    for (operation, rows) in [("query", 1), ("queryAll", 2)] {
        let created = client.post("jobs/query", json!({"operation": operation, "query": QUERY})).await.json();
        assert_eq!(end(&client, created["id"].as_str().unwrap()).await["numberRecordsProcessed"], rows, "{operation}");
    }
}

#[tokio::test]
async fn each_state_allows_its_own_calls() {
    let client = Client::start(Settings { time_per_query: Duration::from_secs(600), ..Settings::default() }).await;
    let call = async |method: Method, id: &str, body: &str| {
        let request = client.request(method, &format!("jobs/query/{id}"));
        send(request.header(header::CONTENT_TYPE, "application/json").body(body.to_owned())).await
    };
    let aborted = r#"{"state":"Aborted"}"#;
    let id = create(&client, QUERY).await;
    let (status, code, message) = results(&client, &id, "").await.api_error();
    assert_eq!((status, code.as_str()), (412, "JOB_NOT_COMPLETE"));
    assert!(message.ends_with("Current status: IN_PROGRESS"), "{message}");
    assert_eq!(client.get(&format!("jobs/query/{id}/resultPages")).await.status, 412);
    assert_eq!(call(Method::DELETE, &id, "").await.api_error().1, "INVALIDJOBSTATE");
    assert_eq!(call(Method::PATCH, &id, r#"{"state":"UploadComplete"}"#).await.status, 400);
    assert_eq!(call(Method::PATCH, &id, aborted).await.json()["state"], "Aborted");
    let ended = "Aborting already Completed Job not allowed";
    assert_eq!(call(Method::PATCH, &id, aborted).await.api_error().2, ended);
    assert_eq!(results(&client, &id, "").await.status, 412);
    assert_eq!(call(Method::DELETE, &id, "").await.status, 204);
    assert_eq!(client.get(&format!("jobs/query/{id}")).await.status, 404);
    assert_eq!(results(&client, "750Sim000000099AAA", "").await.status, 404);
}

#[tokio::test]
async fn results_have_the_version_of_their_job_and_known_locators() {
    let client = Client::start(Settings::default()).await;
    let id = create(&client, QUERY).await;
    end(&client, &id).await;
    let url = format!("{}/services/data/v61.0/jobs/query/{id}/results", client.org.url());
    assert_eq!(send(client.http.get(url).bearer_auth(&client.token)).await.status, 409);
    for parameters in ["?locator=nothing", "?maxRecords=0", "?maxRecords=many"] {
        assert_eq!(results(&client, &id, parameters).await.status, 400, "{parameters}");
    }
    assert_eq!(results(&client, &id, "").await.text, "\"Id\",\"email\"\n", "no record was found");
}

#[tokio::test]
async fn a_job_ends_as_its_fault_says() {
    let client = Client::start(Settings::default()).await;
    insert_contacts(&client, 2);
    for (fault, state, rows, message) in [
        (QueryJobFault::failed("contact", ""), "Failed", json!(0), Value::Null),
        (QueryJobFault::failed("Contact", "Timeout : too long"), "Failed", json!(0), json!("Timeout : too long")),
        (QueryJobFault::aborted("Contact"), "Aborted", json!(0), Value::Null),
        (QueryJobFault::miscounted("Contact", -1), "JobComplete", json!(1), Value::Null),
        (QueryJobFault::uncounted("Contact"), "JobComplete", Value::Null, Value::Null),
    ] {
        client.org.inject(QueryJobFault::failed("Account", "other"));
        client.org.inject(fault.clone());
        let id = create(&client, QUERY).await;
        let job = end(&client, &id).await;
        assert_eq!((job["state"].as_str(), &job["numberRecordsProcessed"]), (Some(state), &rows), "{fault:?}");
        assert_eq!(job["errorMessage"], message, "{fault:?}");
    }
    client.org.inject(QueryJobFault::failed("Contact", "").after_rows(1));
    let job = end(&client, &create(&client, QUERY).await).await;
    assert_eq!((job["state"].as_str(), &job["numberRecordsProcessed"]), (Some("Failed"), &json!(1)), "it fails midway");
    client.org.inject(QueryJobFault::never_ends("Contact"));
    let id = create(&client, QUERY).await;
    let endless = async {
        while info(&client, &id).await["state"] != "JobComplete" {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_millis(200), endless).await.is_err());
}

#[tokio::test]
async fn faults_reach_every_call_of_a_query_job() {
    let client = Client::start(Settings::default()).await;
    insert_contacts(&client, 3);
    client.org.inject(RequestFault::new(Endpoint::QueryJobCreate, Answer::status(503)));
    client.org.inject(RequestFault::new(Endpoint::QueryJobInfo, Answer::html(503)));
    client.org.inject(RequestFault::new(Endpoint::QueryJobList, Answer::status(500)));
    client.org.inject(RequestFault::new(Endpoint::QueryJobPatch, Answer::empty(406)));
    client.org.inject(RequestFault::new(Endpoint::QueryJobDelete, Answer::status(404)));
    client.org.inject(RequestFault::new(Endpoint::QueryJobResults, Effect::Truncated(20, Truncation::Unnoticed)));
    assert_eq!(client.post("jobs/query", job(QUERY)).await.status, 503);
    let id = create(&client, QUERY).await;
    let at = format!("jobs/query/{id}");
    assert_eq!([client.get(&at).await.status, client.get("jobs/query").await.status], [503, 500]);
    end(&client, &id).await;
    assert_eq!(results(&client, &id, "").await.text.len(), 20);
    assert_eq!(results(&client, &id, "").await.lines().len(), 4);
    assert_eq!(send(client.request(Method::PATCH, &at)).await.status, 406);
    assert_eq!(send(client.request(Method::DELETE, &at)).await.status, 404);
}

#[tokio::test]
async fn a_harsh_org_is_late_cuts_pages_and_mixes_their_rows() {
    let nature = Nature {
        status_lag: 2,
        counts_lag: 1,
        results_lag: 1,
        cuts_query_pages: 1,
        mixes_records: true,
        pages_results: true,
        ..Nature::kind()
    };
    let client = Client::start(Settings { nature, ..Settings::default() }).await;
    insert_contacts(&client, 40);
    let id = create(&client, QUERY).await;
    assert_eq!(end(&client, &id).await["numberRecordsProcessed"], 0, "the count is late");
    assert_eq!(info(&client, &id).await["numberRecordsProcessed"], 40);
    let early = results(&client, &id, "").await;
    assert!(early.status == 404 || !early.text.contains("@example.com"), "{}", early.text);
    let url = format!("jobs/query/{id}/results");
    let mut cut = client.request(Method::GET, &url).send().await.unwrap();
    let broken = loop {
        match cut.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "the first reading breaks off");
    let pages = [results(&client, &id, "").await, results(&client, &id, "").await];
    assert_eq!(pages[0].header("sforce-numberofrecords"), Some("20"), "there are two pages");
    assert_ne!(pages[0].text, pages[1].text);
    assert_eq!(pages[0].lines(), pages[1].lines());
}
