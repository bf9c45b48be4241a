//! The pages of the results of query jobs, and what can be wrong with them.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::{Method, header};
use salesforce_sim::{Effect, Endpoint, Nature, QueryJobFault, RequestFault, Settings, Truncation};
use serde_json::{Value, json};

use crate::client::{Client, send};
use crate::query_jobs::{QUERY, create, end, insert_contacts, job, results};

/// A job over so many contacts that has ended.
async fn ended(client: &Client, contacts: usize) -> String {
    insert_contacts(client, contacts);
    let id = create(client, QUERY).await;
    end(client, &id).await;
    id
}

/// The body of a page and its count.
async fn page(client: &Client, id: &str) -> (Vec<String>, Option<String>) {
    let page = results(client, id, "").await;
    (page.text.lines().skip(1).map(str::to_owned).collect(), page.header("sforce-numberofrecords").map(str::to_owned))
}

/// The path of an address below the version.
fn path(url: &Value) -> &str {
    url.as_str().unwrap().strip_prefix("/services/data/v62.0/").unwrap()
}

#[tokio::test]
async fn five_addresses_of_pages_come_at_once_and_each_page_names_the_next() {
    let client = Client::start(Settings { query_job_page: 3, ..Settings::default() }).await;
    let id = ended(&client, 20).await;
    let (mut urls, mut next) = (Vec::new(), format!("jobs/query/{id}/resultPages"));
    loop {
        let answer = client.get(&next).await.json();
        let pages = answer["resultPages"].as_array().unwrap();
        assert!(pages.len() <= 5);
        urls.extend(pages.iter().map(|page| page["resultUrl"].clone()));
        match &answer["nextRecordsUrl"] {
            Value::Null => break assert_eq!(answer["done"], true),
            url => next = path(url).to_owned(),
        }
        assert_eq!(answer["done"], false);
    }
    assert_eq!(urls.len(), 7);
    let mut rows = BTreeSet::new();
    for (at, url) in urls.iter().enumerate() {
        let page = client.get(path(url)).await;
        let named = page.header("sforce-locator").unwrap();
        let expected = urls.get(at + 1).map_or("null", |next| next.as_str().unwrap().split_once('=').unwrap().1);
        assert_eq!(named, expected);
        rows.extend(page.text.lines().skip(1).map(str::to_owned));
    }
    assert_eq!(rows.len(), 20);
    let other = |version: &str| format!("{}/services/data/{version}/jobs/query/{id}/resultPages", client.org.url());
    for (version, status) in [("v57.0", 404), ("v61.0", 409)] {
        assert_eq!(send(client.http.get(other(version)).bearer_auth(&client.token)).await.status, status, "{version}");
    }
}

#[tokio::test]
async fn a_job_without_rows_has_one_page_with_its_header() {
    let client = Client::start(Settings::default()).await;
    let id = ended(&client, 0).await;
    let answer = client.get(&format!("jobs/query/{id}/resultPages")).await.json();
    assert_eq!((answer["resultPages"].as_array().unwrap().len(), &answer["done"]), (1, &json!(true)));
    assert_eq!(client.get(path(&answer["resultPages"][0]["resultUrl"])).await.text, "\"Id\",\"email\"\n");
}

#[tokio::test]
async fn pages_are_packed_for_a_client_that_takes_it_and_can_be_cut_inside() {
    let nature = Nature { compresses_results: true, ..Nature::kind() };
    let client = Client::start(Settings { nature, ..Settings::default() }).await;
    let id = ended(&client, 50).await;
    let plain = results(&client, &id, "").await;
    assert_eq!(plain.header("content-encoding"), None);
    let packed = async || {
        let request = client.request(Method::GET, &format!("jobs/query/{id}/results"));
        let answer = request.header(header::ACCEPT_ENCODING, "gzip").send().await.unwrap();
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(answer.headers()["sforce-numberofrecords"], "50");
        answer.bytes().await.unwrap()
    };
    let mut text = String::new();
    GzDecoder::new(&packed().await[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text);
    client.org.inject(RequestFault::new(Endpoint::QueryJobResults, Effect::Truncated(100, Truncation::Unnoticed)));
    let cut = packed().await;
    assert_eq!(cut.len(), 100);
    assert!(GzDecoder::new(&cut[..]).read_to_string(&mut String::new()).is_err());
}

#[tokio::test]
async fn counts_and_rows_can_be_wrong() {
    for (fault, job_rows, rows, page_rows, different) in [
        (QueryJobFault::miscounted_pages("Contact", 1), 3, 3, "4", 3),
        (QueryJobFault::miscounted_pages("Contact", -1), 3, 3, "2", 3),
        (QueryJobFault::row_repeated("Contact"), 3, 4, "4", 3),
        (QueryJobFault::row_left_out("Contact"), 3, 2, "2", 2),
        (QueryJobFault::row_exchanged("Contact"), 3, 3, "3", 2),
    ] {
        let client = Client::start(Settings::default()).await;
        client.org.inject(fault.clone());
        insert_contacts(&client, 3);
        let id = create(&client, QUERY).await;
        assert_eq!(end(&client, &id).await["numberRecordsProcessed"], job_rows, "{fault:?}");
        let (body, count) = page(&client, &id).await;
        assert_eq!((body.len(), count.as_deref()), (rows, Some(page_rows)), "{fault:?}");
        assert_eq!(body.into_iter().collect::<BTreeSet<_>>().len(), different, "{fault:?}");
    }
}

#[tokio::test]
async fn a_header_can_be_missing_or_another() {
    let client = Client::start(Settings::default()).await;
    let id = ended(&client, 3).await;
    let header = |value: Option<&str>| Effect::Header("Sforce-NumberOfRecords".to_owned(), value.map(str::to_owned));
    client.org.inject(RequestFault::new(Endpoint::QueryJobResults, header(None)));
    client.org.inject(RequestFault::new(Endpoint::QueryJobResults, header(Some("7"))).starting_at(2));
    assert_eq!(page(&client, &id).await.1, None);
    assert_eq!(page(&client, &id).await.1.as_deref(), Some("7"));
    assert_eq!(page(&client, &id).await.1.as_deref(), Some("3"));
}

#[tokio::test]
async fn locators_expire() {
    let client = Client::start(Settings { query_page: 2, query_job_page: 2, ..Settings::default() }).await;
    let id = ended(&client, 6).await;
    let first = results(&client, &id, "").await;
    let next = format!("?locator={}", first.header("sforce-locator").unwrap());
    assert_eq!(results(&client, &id, &next).await.status, 200);
    let query = client.get("query?q=SELECT+Id+FROM+Contact").await.json();
    client.org.inject(RequestFault::new(Endpoint::QueryJobResults, Effect::LocatorsExpired));
    assert_eq!(results(&client, &id, &next).await.status, 400);
    assert_eq!(client.get(path(&query["nextRecordsUrl"])).await.api_error().1, "INVALID_QUERY_LOCATOR");
    let first = results(&client, &id, "").await;
    assert_eq!(
        results(&client, &id, &format!("?locator={}", first.header("sforce-locator").unwrap())).await.status,
        200
    );
}

#[tokio::test]
async fn a_field_that_is_taken_away_fails_the_job_and_every_later_query() {
    let client = Client::start(Settings::default()).await;
    insert_contacts(&client, 3);
    client.org.inject(QueryJobFault::field_removed("Contact", "Email"));
    let ended = end(&client, &create(&client, QUERY).await).await;
    let message = ended["errorMessage"].as_str().unwrap();
    assert_eq!(ended["state"], "Failed");
    assert!(message.starts_with("InvalidBatch : Failed to process query: INVALID_FIELD: "), "{message}");
    assert!(message.contains("No such column 'email' on entity 'Contact'"), "{message}");
    let refused = client.post("jobs/query", job(QUERY)).await.api_error();
    assert!(refused.2.contains("No such column 'email'"), "{refused:?}");
    let described = client.get("sobjects/Contact/describe").await.text;
    assert!(!described.contains("\"name\":\"Email\""));
    client.org.remove_field("Contact", "AccountId");
    let refused = client.get("query?q=SELECT+Account.Name+FROM+Contact").await.api_error();
    assert!(refused.2.contains("Didn't understand relationship 'Account'"), "{refused:?}");
}

#[tokio::test]
async fn bodies_in_base64_fail_a_job_and_are_addresses_in_rest() {
    let client = Client::start(Settings::default()).await;
    let id = client.org.insert("ContentVersion", &[("Title", "x"), ("VersionData", "QQ==")]).unwrap();
    let query = "SELECT Id, VersionData FROM ContentVersion";
    let ended = end(&client, &create(&client, query).await).await;
    assert_eq!(ended["errorMessage"], "FeatureNotEnabled : Binary field not supported");
    let record = client.get(&format!("query?q={}", query.replace(' ', "+"))).await.json()["records"][0].clone();
    assert_eq!(record["VersionData"], format!("/services/data/v62.0/sobjects/ContentVersion/{id}/VersionData"));
}

#[tokio::test]
async fn the_kilobytes_of_results_are_limited() {
    let client = Client::start(Settings::default()).await;
    insert_contacts(&client, 100);
    let limit = async || client.get("limits").await.json()["DailyBulkV2QueryFileStorageMB"].clone();
    assert_eq!(limit().await, json!({"Max": 976_562, "Remaining": 976_562}));
    client.org.set_remaining_query_kilobytes(1);
    end(&client, &create(&client, QUERY).await).await;
    let refused = client.post("jobs/query", job(QUERY)).await.api_error().2;
    assert_eq!(refused, "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded");
    assert_eq!(limit().await["Remaining"], 0);
}

#[tokio::test]
async fn a_small_org_is_read_as_a_large_one() {
    let client = Client::start(Settings { query_repeats: 3, query_job_page: 4, ..Settings::default() }).await;
    let id = ended(&client, 2).await;
    assert_eq!(client.get(&format!("jobs/query/{id}")).await.json()["numberRecordsProcessed"], 6);
    let first = results(&client, &id, "").await;
    let locator = first.header("sforce-locator").unwrap();
    let second = results(&client, &id, &format!("?locator={locator}")).await;
    let rows: Vec<&str> = first.text.lines().skip(1).chain(second.text.lines().skip(1)).collect();
    assert_eq!((rows.len(), rows.iter().collect::<BTreeSet<_>>().len()), (6, 2));
    assert_eq!(&rows[..2], &rows[2..4]);
    for (query, records) in [("SELECT COUNT() FROM Contact", 0), ("SELECT Id FROM Contact", 6)] {
        let answer = client.get(&format!("query?q={}", query.replace(' ', "+"))).await.json();
        assert_eq!((&answer["totalSize"], answer["records"].as_array().unwrap().len()), (&json!(6), records));
    }
}
