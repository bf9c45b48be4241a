use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::*;
use crate::fault::FaultKind;
use crate::stub_org::StubOrg;

const COMPOSITE: &str = "/v62.0/composite";

fn json_answer(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// A part of the answer to a composite request.
fn part(reference: &str, status: u16, body: Value) -> Value {
    json!({ "body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": reference })
}

fn parts(parts: &[Value]) -> ResponseTemplate {
    json_answer(json!({ "compositeResponse": parts }))
}

/// Answers a composite request like an org that has every object except `Missing`, and fails for `Busy` and `Odd`.
fn answer_composite(request: &Request) -> ResponseTemplate {
    let body: Value = request.body_json().unwrap();
    let answers = body["compositeRequest"].as_array().unwrap().iter().map(|request| {
        let name = request["url"].as_str().unwrap().split('/').nth(5).unwrap();
        let (status, body) = match name {
            "Missing" => (404, json!([{ "errorCode": "NOT_FOUND", "message": "m" }])),
            "Busy" => (503, json!([{ "errorCode": "SERVER_UNAVAILABLE", "message": "m" }])),
            "Odd" => (200, json!({ "fields": 1 })),
            name => (200, json!({ "name": name, "createable": true })),
        };
        part(request["referenceId"].as_str().unwrap(), status, body)
    });
    parts(&answers.collect::<Vec<_>>())
}

async fn stub_with_composites() -> StubOrg {
    let stub = StubOrg::start().await;
    let composites = wiremock::Mock::given(wiremock::matchers::path(format!("/services/data{COMPOSITE}")));
    composites.respond_with(answer_composite).mount(&stub.server).await;
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
async fn many_objects_are_described_in_their_order() {
    for (count, expected) in [(2, vec![2]), (5, vec![5]), (7, vec![2, 5]), (21, vec![3, 6, 6, 6]), (60, vec![10; 6])] {
        let stub = stub_with_composites().await;
        let objects: Vec<String> = (0..count).map(|index| format!("Object{index}__c")).collect();
        let described = stub.org().await.describe_many(&objects).await;
        let got: Vec<String> = described.into_iter().map(|describe| describe.unwrap().name).collect();
        assert_eq!(got, objects);
        let mut sizes = Vec::new();
        for request in stub.requests("POST", COMPOSITE).await {
            let body: Value = request.body_json().unwrap();
            assert_eq!((&body["allOrNone"], &body["collateSubrequests"]), (&json!(false), &json!(false)));
            let url = body["compositeRequest"][0]["url"].as_str().unwrap();
            assert!(url.starts_with("/services/data/v62.0/sobjects/Object"), "{url}");
            sizes.push(body["compositeRequest"].as_array().unwrap().len());
        }
        sizes.sort_unstable();
        assert_eq!(sizes, expected, "{count} objects");
    }
}

#[tokio::test]
async fn a_fault_of_one_object_does_not_affect_the_others() {
    let stub = stub_with_composites().await;
    stub.answer("GET", "/v62.0/sobjects/Busy/describe", json_answer(json!({ "name": "Busy" }))).await;
    stub.answer("GET", "/v62.0/sobjects/Odd/describe", json_answer(json!({ "fields": 1 }))).await;
    let described = stub.org().await.describe_many(&names(&["Account", "Missing", "Busy", "Odd", "Lead"])).await;
    let kinds: Vec<_> = described.iter().map(|described| described.as_ref().map_err(Fault::kind)).collect();
    assert_eq!(kinds[0].unwrap().name, "Account");
    assert_eq!(kinds[1], Err(FaultKind::NotFound));
    assert_eq!(kinds[2].unwrap().name, "Busy", "a transient fault is retried");
    assert_eq!(kinds[3], Err(FaultKind::Transient), "it is asked for alone");
    assert_eq!(kinds[4].unwrap().name, "Lead");
}

#[tokio::test]
async fn a_refusal_of_a_composite_is_one_of_each_object() {
    let stub = StubOrg::start().await;
    let refusal = json!([{ "errorCode": "API_DISABLED_FOR_ORG", "message": "m" }]);
    stub.answer("POST", COMPOSITE, ResponseTemplate::new(403).set_body_json(refusal)).await;
    let described = stub.org().await.describe_many(&names(&["Account", "Lead"])).await;
    assert!(described.iter().all(|described| described.as_ref().unwrap_err().kind() == FaultKind::Permission));
    assert_eq!(described.len(), 2);
}

async fn answer_alone(stub: &StubOrg, objects: &[&str]) {
    for name in objects {
        let at = format!("/v62.0/sobjects/{name}/describe");
        stub.answer("GET", &at, json_answer(json!({ "name": name, "createable": true }))).await;
    }
}

#[tokio::test]
async fn objects_are_described_alone_where_composites_are_not_known() {
    for (status, code) in [(404, "NOT_FOUND"), (405, "METHOD_NOT_ALLOWED")] {
        let stub = StubOrg::start().await;
        let refusal = json!([{ "errorCode": code, "message": "m" }]);
        stub.answer("POST", COMPOSITE, ResponseTemplate::new(status).set_body_json(refusal)).await;
        answer_alone(&stub, &["Account", "Lead"]).await;
        let described = stub.org().await.describe_many(&names(&["Account", "Lead"])).await;
        assert!(described.iter().all(Result::is_ok), "{described:?}");
    }
}

#[tokio::test]
async fn an_object_without_an_answer_is_described_alone() {
    let account = part("object0", 200, json!({ "name": "Account" }));
    for answers in [
        vec![account.clone()],
        vec![account.clone(), json!({ "httpStatusCode": 200 })],
        vec![account.clone(), part("object7", 404, json!([]))],
        vec![account.clone(), part("object1", 404, json!(null))],
        vec![account, part("object1", 200, json!(null))],
    ] {
        let stub = StubOrg::start().await;
        stub.answer("POST", COMPOSITE, parts(&answers)).await;
        answer_alone(&stub, &["Lead"]).await;
        let described = stub.org().await.describe_many(&names(&["Account", "Lead"])).await;
        let found: Vec<_> = described.into_iter().map(|it| it.map(|it| (it.name, it.createable)).unwrap()).collect();
        assert_eq!(found, [("Account".to_owned(), false), ("Lead".to_owned(), true)]);
    }
}

#[tokio::test]
async fn parts_in_another_order_are_those_of_their_references() {
    let stub = StubOrg::start().await;
    let missing = part("object1", 404, json!([{ "errorCode": "NOT_FOUND", "message": "m" }]));
    let account = part("object0", 200, json!({ "name": "Account" }));
    stub.answer("POST", COMPOSITE, parts(&[missing, account])).await;
    let described = stub.org().await.describe_many(&names(&["Account", "Lead"])).await;
    assert_eq!(described[0].as_ref().unwrap().name, "Account");
    assert_eq!(described[1].as_ref().unwrap_err().kind(), FaultKind::NotFound);
}

#[tokio::test]
async fn the_describe_of_another_object_is_asked_for_alone() {
    let stub = StubOrg::start().await;
    let answers = [("object0", "Lead"), ("object1", "Account"), ("object2", "case")]
        .map(|(reference, name)| part(reference, 200, json!({ "name": name })));
    stub.answer("POST", COMPOSITE, parts(&answers)).await;
    answer_alone(&stub, &["Account", "Lead"]).await;
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
    stub.answer("POST", COMPOSITE, parts(&[part("object0", 200, own), part("object1", 200, account)])).await;
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
async fn a_composite_that_breaks_off_is_retried() {
    let stub = stub_with_composites().await;
    let half = r#"{"compositeResponse":[{"httpStatusCode":200,"referenceId":"object0","body":{"name":"Wrong"}},{"ht"#;
    let half = ResponseTemplate::new(200).set_body_raw(half, "application/json");
    let first =
        wiremock::Mock::given(wiremock::matchers::path(format!("/services/data{COMPOSITE}"))).respond_with(half);
    first.up_to_n_times(1).with_priority(1).mount(&stub.server).await;
    let described = stub.org().await.describe_each(&names(&["Account", "Lead"]), |describe| describe.name).await;
    let described: Vec<String> = described.into_iter().map(Result::unwrap).collect();
    assert_eq!(described, ["Account", "Lead"]);
    assert_eq!(stub.requests("POST", COMPOSITE).await.len(), 2);
}

#[tokio::test]
async fn a_name_cannot_change_the_address_in_a_composite() {
    let stub = stub_with_composites().await;
    stub.org().await.describe_many(&names(&["../limits?x=@{object1}", "Account"])).await;
    let body: Value = stub.requests("POST", COMPOSITE).await[0].body_json().unwrap();
    assert_eq!(body["compositeRequest"][0]["url"], "/services/data/v62.0/sobjects/---limits-x---object1-/describe");
}
