//! Describe, limits, composite requests and queries.

use std::time::Duration;

use reqwest::{Method, header};
use salesforce_sim::{Answer, Endpoint, Field, Object, RequestFault, Settings};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, send};

#[tokio::test]
async fn objects_are_listed_and_described() {
    let object = Object::custom("Shipment__c").field(Field::text("Tracking__c", 20).external_id().unique());
    let client = Client::start(Settings { objects: vec![object], extra_objects: 1_500, ..Settings::default() }).await;
    let objects = client.get("sobjects").await;
    let list = objects.json();
    let named = |name: &str| list["sobjects"].as_array().unwrap().iter().find(|object| object["name"] == name).cloned();
    assert_eq!(named("LoginHistory").unwrap()["createable"], false);
    assert_eq!(named("Extra_1500__c").unwrap()["custom"], true);
    let url = named("Shipment__c").unwrap()["urls"]["describe"].as_str().unwrap().to_owned();
    assert_eq!(url, "/services/data/v62.0/sobjects/Shipment__c/describe");

    let described = client.get("sobjects/shipment__c/describe").await;
    let fields = described.json()["fields"].clone();
    let tracking = fields.as_array().unwrap().iter().find(|field| field["name"] == "Tracking__c").unwrap().clone();
    assert_eq!((&tracking["externalId"], &tracking["type"]), (&json!(true), &json!("string")));

    let missing = (404, "NOT_FOUND".to_owned(), "The requested resource does not exist".to_owned());
    assert_eq!(client.get("sobjects/Nothing__c/describe").await.api_error(), missing);
}

#[tokio::test]
async fn an_unchanged_describe_is_a_304() {
    let client = Client::start(Settings::default()).await;
    let first = client.get("sobjects/Account/describe").await;
    let stamp = first.header("last-modified").unwrap().to_owned();
    let since = |stamp: &str| {
        let request = client.request(Method::GET, "sobjects/Account/describe");
        request.header(header::IF_MODIFIED_SINCE, stamp)
    };
    let unchanged = send(since(&stamp)).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
    assert_eq!(send(since("Thu, 01 Jan 2015 00:00:00 GMT")).await.status, 200);
}

#[tokio::test]
async fn every_call_counts_until_the_daily_requests_are_used_up() {
    let client = Client::start(Settings { daily_requests: 10, ..Settings::default() }).await;
    assert_eq!(client.get("limits").await.header("sforce-limit-info"), Some("api-usage=1/10"));
    let parts = ["sobjects/Account/describe", "sobjects/Nothing/describe", "query?q=SELECT+count()+FROM+User"];
    let answer = client.post("composite", json!({"compositeRequest": parts.map(part)})).await;
    assert_eq!(answer.header("sforce-limit-info"), Some("api-usage=2/10"), "a composite counts once");
    let answers = answer.json()["compositeResponse"].clone();
    let statuses: Vec<_> = answers.as_array().unwrap().iter().map(|part| &part["httpStatusCode"]).collect();
    assert_eq!(statuses, [200, 404, 200]);
    assert_eq!((&answers[0]["body"]["name"], &answers[0]["referenceId"]), (&json!("Account"), &json!(parts[0])));
    assert_eq!(answers[1]["body"][0]["errorCode"], "NOT_FOUND");
    assert_eq!(answers[2]["body"]["totalSize"], 1);

    client.org.set_remaining_requests(1);
    let limits = client.get("limits").await.json();
    assert_eq!(limits["DailyApiRequests"], json!({"Max": 10, "Remaining": 0}));
    assert_eq!(limits["DailyBulkApiBatches"], json!({"Max": 15_000, "Remaining": 15_000}));
    let refused = (403, "REQUEST_LIMIT_EXCEEDED".to_owned(), "TotalRequests Limit exceeded.".to_owned());
    assert_eq!(client.get("limits").await.api_error(), refused);
}

/// A part of a composite request, with its path as its reference.
fn part(path: &str) -> Value {
    json!({"method": "GET", "url": format!("/services/data/v62.0/{path}"), "referenceId": path})
}

#[tokio::test]
async fn a_composite_has_a_limit_and_can_be_rolled_back() {
    let client = Client::start(Settings::default()).await;
    let too_many = client.post("composite", json!({"compositeRequest": vec![part("limits"); 26]})).await;
    assert_eq!(too_many.status, 400);
    let parts = ["limits", "nothing", "limits"].map(part);
    let halted = json!({"allOrNone": true, "compositeRequest": parts});
    let answers = client.post("composite", halted).await.json()["compositeResponse"].clone();
    let codes: Vec<_> = answers.as_array().unwrap().iter().map(|part| &part["body"][0]["errorCode"]).collect();
    assert_eq!(codes, ["PROCESSING_HALTED", "NOT_FOUND", "PROCESSING_HALTED"]);
    assert_eq!(answers[0]["httpStatusCode"], 400);
}

#[tokio::test(start_paused = true)]
async fn the_parts_of_a_composite_run_one_after_another_and_a_fault_of_one_is_its_own() {
    let time_per_describe = Duration::from_secs(1);
    let client = Client::start(Settings { time_per_describe, ..Settings::default() }).await;
    client.org.inject(RequestFault::new(Endpoint::Describe, Answer::status(503)).starting_at(2));
    let started = Instant::now();
    let parts = ["Account", "Contact", "Lead"].map(|object| part(&format!("sobjects/{object}/describe")));
    let answers = client.post("composite", json!({"compositeRequest": parts})).await.json();
    assert_eq!(started.elapsed().as_secs(), 3);
    let statuses: Vec<_> =
        answers["compositeResponse"].as_array().unwrap().iter().map(|part| &part["httpStatusCode"]).collect();
    assert_eq!(statuses, [200, 503, 200]);
}

#[tokio::test]
async fn the_org_answers_the_queries_of_the_salesforce_cli() {
    let client = Client::start(Settings::default()).await;
    let query = async |soql: &str| {
        let soql: String = form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        client.get(&format!("query?q={soql}")).await
    };
    let organization = query(
        "SELECT Name, InstanceName, IsSandbox, TrialExpirationDate, NamespacePrefix, OrganizationType \
         FROM Organization",
    );
    let record = organization.await.json()["records"][0].clone();
    assert_eq!((&record["Name"], &record["IsSandbox"]), (&json!("Simulated Org"), &json!(false)));
    let (status, code, message) = query("SELECT Id FROM ScratchOrgInfo limit 1").await.api_error();
    assert_eq!((status, code.as_str()), (400, "INVALID_TYPE"));
    assert!(message.contains("sObject type 'ScratchOrgInfo' is not supported."));
    assert_eq!(query("select COUNT() from Group").await.json()["totalSize"], 1);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let client = Client::start(Settings::default()).await;
    let get = async |path: &str| {
        send(client.http.get(format!("{}{path}", client.org.url())).bearer_auth(&client.token)).await
    };
    for (path, status) in [
        ("/services/data/v62.0", 200),
        ("/services/data/v62.0/", 200),
        ("/services/data/v68.0/limits", 404),
        ("/services/data/v30.0/limits", 410),
        ("/services/data/v62.0/jobs/query", 200),
        ("/services/data/v62.0/jobs", 404),
        ("/somewhere", 404),
    ] {
        assert_eq!(get(path).await.status, status, "{path}");
    }
    let wrong = send(client.request(Method::PUT, "limits")).await;
    assert_eq!(wrong.api_error().1, "METHOD_NOT_ALLOWED");
    assert!(wrong.api_error().2.contains("Allowed are GET"));
}

#[tokio::test]
async fn a_dropped_org_stops_listening() {
    let Client { org, http, .. } = Client::start(Settings::default()).await;
    let url = format!("{}/services/data", org.url());
    assert!(http.get(&url).send().await.is_ok());
    org.shutdown();
    while http.get(&url).send().await.is_ok() {}
}
