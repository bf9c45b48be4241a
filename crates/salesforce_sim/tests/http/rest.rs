//! Describe, limits, composite batch and queries.

use reqwest::{Method, header};
use salesforce_sim::{Field, Object, Settings};
use serde_json::json;

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
    let batch = json!({"batchRequests": [
        {"method": "GET", "url": "v62.0/sobjects/Account/describe"},
        {"method": "GET", "url": "/services/data/v62.0/sobjects/Nothing/describe"},
        {"method": "GET", "url": "v62.0/query?q=SELECT+count()+FROM+User"},
    ]});
    let answer = client.post("composite/batch", batch).await;
    assert_eq!(answer.header("sforce-limit-info"), Some("api-usage=5/10"), "subrequests count too");
    let body = answer.json();
    assert_eq!(body["hasErrors"], true);
    let statuses: Vec<_> = body["results"].as_array().unwrap().iter().map(|result| &result["statusCode"]).collect();
    assert_eq!(statuses, [200, 404, 200]);
    assert_eq!(body["results"][0]["result"]["name"], "Account");
    assert_eq!(body["results"][1]["result"][0]["errorCode"], "NOT_FOUND");
    assert_eq!(body["results"][2]["result"]["totalSize"], 1);

    client.org.set_remaining_requests(1);
    let limits = client.get("limits").await.json();
    assert_eq!(limits["DailyApiRequests"], json!({"Max": 10, "Remaining": 0}));
    assert_eq!(limits["DailyBulkApiBatches"], json!({"Max": 15_000, "Remaining": 15_000}));
    let refused = (403, "REQUEST_LIMIT_EXCEEDED".to_owned(), "TotalRequests Limit exceeded.".to_owned());
    assert_eq!(client.get("limits").await.api_error(), refused);
}

#[tokio::test]
async fn a_composite_batch_has_a_limit_and_can_halt() {
    let client = Client::start(Settings::default()).await;
    let request = json!({"method": "GET", "url": "v62.0/limits"});
    let too_many = client.post("composite/batch", json!({"batchRequests": vec![request.clone(); 26]})).await;
    assert_eq!(too_many.status, 400);
    let wrong = json!({"method": "GET", "url": "v62.0/nothing"});
    let halted =
        json!({"haltOnError": true, "batchRequests": [request, wrong, {"method": "GET", "url": "v62.0/limits"}]});
    let results = client.post("composite/batch", halted).await.json()["results"].clone();
    assert_eq!(results[2]["statusCode"], 412);
    assert_eq!(results[2]["result"][0]["errorCode"], "BATCH_PROCESSING_HALTED");
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
