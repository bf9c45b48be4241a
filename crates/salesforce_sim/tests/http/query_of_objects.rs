//! Queries of objects with rules of their own.

use salesforce_sim::{Field, Object, Settings};
use serde_json::{Value, json};

use crate::client::{Answer as Reply, Client};
use crate::query_jobs::job;

const RESTRICTION: &str = "Implementation restriction: Link requires a filter by a single Id on DocumentId";

async fn start(objects: Vec<Object>) -> Client {
    Client::start(Settings { objects, ..Settings::default() }).await
}

async fn ask(client: &Client, call: &str, soql: &str) -> Reply {
    let soql: String = form_urlencoded::byte_serialize(soql.as_bytes()).collect();
    client.get(&format!("{call}?q={soql}")).await
}

#[track_caller]
fn assert_refused(answer: &Reply, code: &str, part: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.json()[0]["errorCode"], code, "{}", answer.text);
    assert!(answer.text.contains(part), "{}", answer.text);
}

#[tokio::test]
async fn only_query_all_finds_archived_activities() {
    let event = Object::standard("Event", "00U").field(Field::boolean("IsArchived").read_only());
    let client = start(vec![event]).await;
    for object in ["Task", "Event"] {
        client.org.insert(object, &[("IsArchived", "true")]);
        client.org.insert(object, &[]);
        for (call, count) in [("query", 1), ("queryAll", 2)] {
            let soql = format!("SELECT Id, IsArchived FROM {object}");
            assert_eq!(ask(&client, call, &soql).await.json()["totalSize"], count, "{object} {call}");
        }
    }
}

#[tokio::test]
async fn an_object_can_refuse_queries_counts_and_what_has_no_filter() {
    let link = Object::standard("Link", "06A")
        .field(Field::text("DocumentId", 18))
        .field(Field::text("EntityId", 18))
        .needs_filter(&["DocumentId", "EntityId"], RESTRICTION);
    let objects =
        vec![Object::custom("Setting__mdt").without_count(), Object::custom("Closed__c").without_queries(), link];
    let client = start(objects).await;
    for (soql, code, part) in [
        ("SELECT count() FROM Setting__mdt", "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", "COUNT() query"),
        ("SELECT Id FROM Closed__c", "INVALID_TYPE_FOR_OPERATION", "Closed__c does not support query"),
        ("SELECT Id FROM Link", "MALFORMED_QUERY", RESTRICTION),
        ("SELECT Id FROM Link WHERE DocumentId != 'a'", "MALFORMED_QUERY", RESTRICTION),
        ("SELECT Id FROM Link WHERE DocumentId = 'a' OR Id = null", "MALFORMED_QUERY", RESTRICTION),
    ] {
        assert_refused(&ask(&client, "query", soql).await, code, part);
        if !soql.contains("count()") {
            assert_refused(&client.post("jobs/query", job(soql)).await, code, part);
        }
    }
    for soql in
        ["SELECT Id FROM Setting__mdt", "SELECT count() FROM Link WHERE (IsDeleted = false AND EntityId IN ('a'))"]
    {
        assert_eq!(ask(&client, "query", soql).await.status, 200, "{soql}");
    }
    let describe = client.get("sobjects/Closed__c/describe").await.json();
    assert_eq!(describe["queryable"], false);
}

#[tokio::test]
async fn records_of_a_big_object_have_an_empty_id_and_are_not_counted() {
    let client = start(vec![Object::big("Reading__b").field(Field::text("Meter__c", 20))]).await;
    client.org.insert("Reading__b", &[("Meter__c", "M-1")]);
    let body = ask(&client, "query", "SELECT Id, Meter__c FROM Reading__b").await.json();
    let record = &body["records"][0];
    assert_eq!((&record["Id"], &record["Meter__c"]), (&json!("000000000000000AAA"), &json!("M-1")));
    let count = ask(&client, "query", "SELECT count() FROM Reading__b").await;
    assert_refused(&count, "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", "COUNT()");
}

#[tokio::test]
async fn a_query_joins_an_external_object_to_four_objects_at_most() {
    let order = (1..=5).fold(Object::external("Order__x"), |object, number| {
        object.field(Field::reference(&format!("Account_{number}__c"), &["Account"]))
    });
    let client = start(vec![order]).await;
    let select = |count: usize| {
        let paths: Vec<String> = (1..=count).map(|number| format!("Account_{number}__r.Name")).collect();
        format!("SELECT ExternalId, {} FROM Order__x", paths.join(", "))
    };
    assert_eq!(ask(&client, "query", &select(4)).await.status, 200);
    assert_refused(&ask(&client, "query", &select(5)).await, "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", "joins");
    assert_refused(&client.post("jobs/query", job(&select(1))).await, "INVALIDENTITY", "not supported by the Bulk API");
}

#[tokio::test]
async fn a_reference_to_several_objects_knows_only_the_fields_of_name() {
    let client = start(Vec::new()).await;
    let queue = client.org.insert("Group", &[("Name", "Support"), ("Type", "Queue")]).unwrap();
    let user = [("LastName", "Lovelace"), ("Username", "ada@example.com"), ("Email", "ada@example.com")];
    let user = client.org.insert("User", &user).unwrap();
    for (owner, kind, email) in [(&queue, "Queue", Value::Null), (&user, "User", json!("ada@example.com"))] {
        let case = client.org.insert("Case", &[("OwnerId", owner)]).unwrap();
        let soql = format!("SELECT Owner.Type, Owner.Email, Owner.Username FROM Case WHERE Id = '{case}'");
        let owner = ask(&client, "query", &soql).await.json()["records"][0]["Owner"].clone();
        assert_eq!((&owner["Type"], &owner["Email"], &owner["Username"]), (&json!(kind), &email, &email));
    }
    let soql = "SELECT Owner.Employee_Number__c FROM Case";
    assert_refused(
        &ask(&client, "query", soql).await,
        "INVALID_FIELD",
        "No such column 'Employee_Number__c' on entity 'Name'",
    );
    assert_eq!(client.get("sobjects/Name/describe").await.json()["queryable"], false);
}
