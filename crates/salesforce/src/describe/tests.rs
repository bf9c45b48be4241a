use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::*;
use crate::fault::FaultKind;
use crate::stub_org::StubOrg;

const BATCH: &str = "/v62.0/composite/batch";

fn json_answer(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// Answers a batch like an org that has every object except `Missing`, and fails for `Busy` and `Odd`.
fn answer_batch(request: &Request) -> ResponseTemplate {
    let body: Value = request.body_json().unwrap();
    let answers = body["batchRequests"].as_array().unwrap().iter().map(|request| {
        let name = request["url"].as_str().unwrap().split('/').nth(2).unwrap();
        match name {
            "Missing" => json!({ "statusCode": 404, "result": [{ "errorCode": "NOT_FOUND", "message": "m" }] }),
            "Busy" => json!({ "statusCode": 503, "result": [{ "errorCode": "SERVER_UNAVAILABLE", "message": "m" }] }),
            "Odd" => json!({ "statusCode": 200, "result": { "fields": 1 } }),
            name => json!({ "statusCode": 200, "result": { "name": name, "createable": true } }),
        }
    });
    json_answer(json!({ "hasErrors": true, "results": answers.collect::<Vec<_>>() }))
}

async fn stub_with_batches() -> StubOrg {
    let stub = StubOrg::start().await;
    let batches = wiremock::Mock::given(wiremock::matchers::path(format!("/services/data{BATCH}")));
    batches.respond_with(answer_batch).mount(&stub.server).await;
    stub
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn an_object_is_described_with_its_fields() {
    let stub = StubOrg::start().await;
    let body = json!({
        "name": "Contact", "label": "Kontakt", "createable": true, "updateable": true, "deletable": false,
        "fields": [{ "name": "LastName", "type": "string" }, { "name": "Ext__c", "type": "string" }],
        "childRelationships": [], "recordTypeInfos": []
    });
    stub.answer("GET", "/v62.0/sobjects/Contact/describe", json_answer(body)).await;
    let contact = stub.org().await.describe("Contact").await.unwrap();
    assert_eq!(contact.name, "Contact");
    assert_eq!((contact.createable, contact.updateable, contact.deletable), (true, true, false));
    for name in ["Ext__c", "EXT__C", "ext__c"] {
        assert_eq!(contact.field(name).unwrap().name, "Ext__c");
    }
    assert!(contact.field("Ext").is_none());
}

#[tokio::test]
async fn a_describe_of_something_else_is_asked_for_again() {
    let stub = StubOrg::start().await;
    let at = "/v62.0/sobjects/Contact/describe";
    for body in [json!({}), json!({ "name": "Account", "createable": true })] {
        stub.answer_once("GET", at, json_answer(body)).await;
    }
    stub.answer("GET", at, json_answer(json!({ "name": "Contact", "createable": true }))).await;
    assert_eq!(stub.org().await.describe("Contact").await.unwrap().name, "Contact");
    assert_eq!(stub.requests("GET", at).await.len(), 3);
}

#[tokio::test]
async fn an_unknown_object_is_not_found() {
    let stub = StubOrg::start().await;
    let missing = json!([{ "errorCode": "NOT_FOUND", "message": "The requested resource does not exist" }]);
    let answer = ResponseTemplate::new(404).set_body_json(missing);
    stub.answer("GET", "/v62.0/sobjects/Contcat/describe", answer).await;
    let fault = stub.org().await.describe("Contcat").await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::NotFound);
}

#[tokio::test]
async fn every_object_is_listed() {
    let stub = StubOrg::start().await;
    let body = json!({ "encoding": "UTF-8", "sobjects": [
        { "name": "Account", "label": "Account", "createable": true, "updateable": true, "deletable": true,
          "queryable": true, "keyPrefix": "001" },
        { "name": "Odd__Share" }
    ]});
    stub.answer("GET", "/v62.0/sobjects", json_answer(body)).await;
    let objects = stub.org().await.describe_global().await.unwrap();
    assert_eq!(objects[0].name, "Account");
    assert!(objects[0].createable && objects[0].updateable && objects[0].deletable);
    assert_eq!(objects[1], ObjectSummary { name: "Odd__Share".into(), ..ObjectSummary::default() });
}

#[tokio::test]
async fn many_objects_are_described_in_batches_and_in_order() {
    let stub = stub_with_batches().await;
    let objects: Vec<String> = (0..60).map(|index| format!("Object{index}__c")).collect();
    let described = stub.org().await.describe_many(&objects).await;
    let got: Vec<String> = described.into_iter().map(|describe| describe.unwrap().name).collect();
    assert_eq!(got, objects);
    let mut sizes = Vec::new();
    for request in stub.requests("POST", BATCH).await {
        let body: Value = request.body_json().unwrap();
        assert_eq!(body["haltOnError"], false);
        assert!(body["batchRequests"][0]["url"].as_str().unwrap().starts_with("v62.0/sobjects/Object"));
        sizes.push(body["batchRequests"].as_array().unwrap().len());
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [10, 25, 25]);
    assert!(stub.org().await.describe_many(&[]).await.is_empty());
}

#[tokio::test]
async fn a_fault_of_one_object_does_not_affect_the_others() {
    let stub = stub_with_batches().await;
    stub.answer("GET", "/v62.0/sobjects/Busy/describe", json_answer(json!({ "name": "Busy" }))).await;
    let described = stub.org().await.describe_many(&names(&["Account", "Missing", "Busy", "Odd", "Lead"])).await;
    let kinds: Vec<_> = described.iter().map(|described| described.as_ref().map_err(Fault::kind)).collect();
    assert_eq!(kinds[0].unwrap().name, "Account");
    assert_eq!(kinds[1], Err(FaultKind::NotFound));
    assert_eq!(kinds[2].unwrap().name, "Busy", "a transient fault is retried");
    assert_eq!(kinds[3], Err(FaultKind::Unexpected));
    assert_eq!(kinds[4].unwrap().name, "Lead");
}

#[tokio::test]
async fn a_fault_of_a_batch_is_one_of_each_object() {
    let stub = StubOrg::start().await;
    let refusal = json!([{ "errorCode": "API_DISABLED_FOR_ORG", "message": "m" }]);
    stub.answer("POST", BATCH, ResponseTemplate::new(403).set_body_json(refusal)).await;
    let described = stub.org().await.describe_many(&names(&["Account", "Lead"])).await;
    assert!(described.iter().all(|described| described.as_ref().unwrap_err().kind() == FaultKind::Permission));
    assert_eq!(described.len(), 2);
}

#[tokio::test]
async fn an_object_without_an_answer_is_a_fault() {
    let stub = StubOrg::start().await;
    let one = json!({ "results": [{ "statusCode": 200, "result": { "name": "Account" } }] });
    stub.answer("POST", BATCH, json_answer(one)).await;
    let described = stub.org().await.describe_many(&names(&["Account", "Lead"])).await;
    assert!(described[0].is_ok());
    assert_eq!(described[1].as_ref().unwrap_err().kind(), FaultKind::Unexpected);
}

#[tokio::test]
async fn the_describe_of_another_object_in_a_batch_is_asked_for_alone() {
    let stub = StubOrg::start().await;
    let answer = |name: &str| json!({ "statusCode": 200, "result": { "name": name } });
    let swapped = json!({ "results": [answer("Lead"), answer("Account"), answer("case")] });
    stub.answer("POST", BATCH, json_answer(swapped)).await;
    for name in ["Account", "Lead"] {
        let at = format!("/v62.0/sobjects/{name}/describe");
        stub.answer("GET", &at, json_answer(json!({ "name": name, "createable": true }))).await;
    }
    let described = stub.org().await.describe_many(&names(&["Account", "Lead", "Case"])).await;
    let found: Vec<_> = described.into_iter().map(|it| it.map(|it| (it.name, it.createable)).unwrap()).collect();
    assert_eq!(found, [("Account".to_owned(), true), ("Lead".to_owned(), true), ("case".to_owned(), false)]);
}

#[tokio::test]
async fn an_org_may_describe_its_own_object_with_its_namespace() {
    let stub = StubOrg::start().await;
    let own = json!({ "name": "acme__My__c", "createable": true });
    stub.answer("GET", "/v62.0/sobjects/My__c/describe", json_answer(own.clone())).await;
    assert_eq!(stub.org().await.describe("My__c").await.unwrap().name, "acme__My__c");
    let account = json!({ "name": "Account", "createable": true });
    let answers = [own, account].map(|result| json!({ "statusCode": 200, "result": result }));
    stub.answer("POST", BATCH, json_answer(json!({ "results": answers }))).await;
    let described = stub.org().await.describe_many(&names(&["my__c", "Account"])).await;
    let described: Vec<String> = described.into_iter().map(|describe| describe.unwrap().name).collect();
    assert_eq!(described, ["acme__My__c", "Account"]);
}

#[test]
fn a_describe_is_of_an_object_by_its_name_with_or_without_a_namespace() {
    for (described, asked, expected) in [
        ("Account", "account", true),
        ("Contact", "Account", false),
        ("My__c", "my__c", true),
        ("acme__My__c", "My__c", true),
        ("ACME1__my__C", "My__c", true),
        ("acme__My__c", "acme__My__c", true),
        ("acme__My__c", "other__My__c", false),
        ("My__c", "acme__My__c", false),
        ("other__acme__My__c", "acme__My__c", false),
        ("acme__My__c", "Y__c", false),
        ("acme__Other__c", "My__c", false),
        ("__My__c", "My__c", false),
        ("acme__Account", "Account", false),
        ("My__c", "c", false),
        ("", "Account", false),
    ] {
        assert_eq!(is_described_as(described, asked), expected, "{described} for {asked}");
    }
}

#[tokio::test]
async fn a_batch_that_breaks_off_is_retried() {
    let stub = stub_with_batches().await;
    let half = r#"{"results":[{"statusCode":200,"result":{"name":"Wrong"}},{"statusCo"#;
    let half = ResponseTemplate::new(200).set_body_raw(half, "application/json");
    let first = wiremock::Mock::given(wiremock::matchers::path(format!("/services/data{BATCH}"))).respond_with(half);
    first.up_to_n_times(1).with_priority(1).mount(&stub.server).await;
    let described = stub.org().await.describe_each(&names(&["Account", "Lead"]), |describe| describe.name).await;
    let described: Vec<String> = described.into_iter().map(Result::unwrap).collect();
    assert_eq!(described, ["Account", "Lead"]);
    assert_eq!(stub.requests("POST", BATCH).await.len(), 2);
}

#[tokio::test]
async fn a_name_cannot_change_the_address_in_a_batch() {
    let stub = stub_with_batches().await;
    stub.org().await.describe_many(&names(&["../limits?x="])).await;
    let body: Value = stub.requests("POST", BATCH).await[0].body_json().unwrap();
    assert_eq!(body["batchRequests"][0]["url"], "v62.0/sobjects/---limits-x-/describe");
}
