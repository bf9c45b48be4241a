use proptest::prelude::*;
use proptest::strategy::ValueTree;
use salesforce::{Condition, Fault, FaultKind, Limit, Literal, Org, QueryRows, Soql};
use salesforce_sim::{
    Answer, Effect, Endpoint, Field, JobState, Nature, Object, QueryJobFault, RequestFault, Settings, SimulatedOrg,
    Truncation,
};

use crate::start;

/// The values of a column, sorted; null is an empty text.
async fn column(rows: Result<QueryRows, Fault>, name: &str) -> Vec<String> {
    let mut rows = rows.unwrap();
    let mut values = Vec::new();
    while let Some(row) = rows.next().await.unwrap() {
        values.push(row.get(name).unwrap_or_default().to_owned());
    }
    rows.finish().await;
    values.sort_unstable();
    values
}

fn insert_contacts(sim: &SimulatedOrg, count: usize) {
    for number in 0..count {
        sim.insert("Contact", &[("LastName", "x"), ("Email", &format!("person{number:05}@example.com"))]);
    }
}

fn requests(sim: &SimulatedOrg, endpoint: Endpoint) -> usize {
    sim.requests().iter().filter(|request| request.endpoint == endpoint).count()
}

#[tokio::test]
async fn records_are_found_by_packed_lists_of_values() {
    let (sim, org) = start(Settings { nature: Nature::harsh(), ..Settings::default() }).await;
    insert_contacts(&sim, 1_000);
    let emails = (0..1_200).map(|number| Literal::text(format!("Person{number:05}@EXAMPLE.com")));
    let soql = Soql::select("Contact", ["Id", "Email"]);
    let (mut found, mut made) = (Vec::new(), 0);
    for query in soql.in_lists("Email", emails) {
        let mut rows = org.query(&query).await.unwrap();
        while let Some(row) = rows.next().await.unwrap() {
            found.push(row.get("Email").unwrap().to_owned());
        }
        made += rows.requests();
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!((found.len(), made), (1_000, 6));
    assert_eq!(requests(&sim, Endpoint::Query), 6);
}

#[tokio::test]
async fn all_pages_are_read_although_one_breaks_off() {
    let (sim, org) = start(Settings { query_page: 100, ..Settings::default() }).await;
    insert_contacts(&sim, 950);
    sim.inject(RequestFault::new(Endpoint::QueryMore, Effect::Truncated(5_000, Truncation::Length)).starting_at(3));
    sim.inject(RequestFault::new(Endpoint::Query, Answer::status(503)));
    let mut rows = org.query(&Soql::select("Contact", ["Email"])).await.unwrap();
    let mut emails = Vec::new();
    while let Some(row) = rows.next().await.unwrap() {
        emails.push(row.get("Email").unwrap().to_owned());
    }
    emails.sort_unstable();
    emails.dedup();
    assert_eq!((emails.len(), rows.requests()), (950, 12));
}

#[tokio::test]
async fn every_type_of_literal_finds_its_records() {
    let object = Object::custom("Shipment__c")
        .field(Field::double("Weight__c", 18, 2))
        .field(Field::boolean("Is_Late__c"))
        .field(Field::date("Day__c"))
        .field(Field::datetime("Sent__c"))
        .field(Field::reference("Account__c", &["Account"]));
    let (sim, org) = start(Settings { objects: vec![object], ..Settings::default() }).await;
    let account = sim.insert("Account", &[("Name", "Example Ltd"), ("External_Id__c", "A-1")]).unwrap();
    let values = [
        ("Name", "S"),
        ("Weight__c", "16147805824397"),
        ("Is_Late__c", "true"),
        ("Day__c", "2026-01-02"),
        ("Sent__c", "2026-01-02T03:04:05Z"),
        ("Account__c", &account),
    ];
    sim.insert("Shipment__c", &values);
    sim.insert("Shipment__c", &[("Name", "other")]);
    let number = |text| Literal::number(text).unwrap();
    for condition in [
        Condition::equals("Name", Literal::text("s")),
        Condition::equals("Weight__c", number("1.6147805824397E13")),
        Condition::is_in("Weight__c", [number("1"), number("16147805824397.00")]),
        Condition::equals("Is_Late__c", Literal::boolean(true)),
        Condition::equals("Day__c", Literal::date("2026-01-02").unwrap()),
        Condition::equals("Sent__c", Literal::datetime("2026-01-02T04:04:05.000+0100").unwrap()),
        Condition::equals("Account__c", Literal::id(&account[..15]).unwrap()),
        Condition::equals("Account__r.External_Id__c", Literal::text("a-1")),
        Condition::All(vec![
            Condition::not_null("Day__c"),
            Condition::Any(vec![
                Condition::equals("Name", Literal::text("s")),
                Condition::equals("Name", Literal::text("none")),
            ]),
        ]),
    ] {
        let soql = Soql::select("Shipment__c", ["Name", "Account__r.External_Id__c"]).filtered(condition);
        assert_eq!(column(org.query(&soql).await, "account__r.external_id__c").await, ["A-1"], "{soql}");
    }
}

#[tokio::test]
async fn a_refused_query_is_reported_at_once() {
    let (sim, org) = start(Settings::default()).await;
    let filter = |field: &str| Soql::select("Account", ["Id"]).filtered(Condition::equals(field, Literal::text("x")));
    for (soql, part) in [
        (filter("Description"), "field 'Description' can not be filtered in a query call"),
        (filter("Tax_Number__c"), "can not be filtered"),
        (filter("Nmae"), "No such column 'Nmae'"),
        (filter("AnnualRevenue"), "must be of type double"),
        (filter("ParentId"), "invalid ID field"),
        (Soql::select("Acount", ["Id"]), "sObject type 'Acount' is not supported"),
    ] {
        let fault = org.query(&soql).await.err().unwrap();
        assert_eq!(fault.kind(), FaultKind::Configuration, "{fault}");
        assert!(fault.message().contains(part), "{fault}");
    }
    assert_eq!(requests(&sim, Endpoint::Query), 6);
    let describe = org.describe("Account").await.unwrap();
    assert!(describe.field("Description").unwrap().not_filterable && !describe.field("Name").unwrap().not_filterable);
}

#[tokio::test]
async fn a_job_and_rest_calls_find_the_same() {
    let (sim, org) = start(Settings { query_page: 300, ..Settings::default() }).await;
    let account = sim.insert("Account", &[("Name", "Example \"Ltd\""), ("Score__c", "12000000")]).unwrap();
    insert_contacts(&sim, 1_000);
    sim.insert("Contact", &[("LastName", "two\nlines"), ("AccountId", &account), ("Birthdate", "2026-01-02")]);
    let fields = ["Id", "LastName", "Email", "HasOptedOutOfEmail", "Birthdate", "Account.Name", "Account.Score__c"];
    let soql = Soql::select("Contact", fields);
    for field in fields {
        let from_job = column(org.query_job(&soql, &|_: u64| {}).await, field).await;
        assert_eq!(from_job.len(), 1_001);
        let from_rest = column(org.query(&soql).await, field).await;
        if field.ends_with("Score__c") {
            let last = [from_job.last(), from_rest.last()].map(|text| text.unwrap().parse::<f64>().unwrap());
            assert_eq!(last, [12e6, 12e6], "a number has one value and several texts");
        } else {
            assert_eq!(from_job, from_rest, "{field}");
        }
    }
    assert!(sim.query_jobs().is_empty(), "a finished query leaves no job behind");
}

#[tokio::test]
async fn a_harsh_org_gives_every_row_once() {
    let (sim, org) = start(Settings { nature: Nature::harsh(), ..Settings::default() }).await;
    insert_contacts(&sim, 2_000);
    sim.inject(RequestFault::new(Endpoint::QueryJobCreate, Effect::LostAnswer));
    sim.inject(RequestFault::new(Endpoint::QueryJobInfo, Answer::html(200)));
    let soql = Soql::select("Contact", ["Id", "Email"]).filtered(Condition::not_null("Email"));
    let mut rows = org.query_job(&soql, &|_: u64| {}).await.unwrap();
    let mut emails = Vec::new();
    while let Some(row) = rows.next().await.unwrap() {
        emails.push(row.get("Email").unwrap().to_owned());
    }
    let calls = sim.requests().iter().filter(|request| request.path.contains("/jobs/query")).count();
    assert_eq!(rows.requests(), calls as u64);
    assert_eq!(rows.finish().await, calls as u64 + 1);
    emails.sort_unstable();
    emails.dedup();
    assert_eq!(emails.len(), 2_000);
}

#[tokio::test]
async fn a_job_without_proof_of_its_rows_is_a_fault() {
    let (sim, org) = start(Settings::default()).await;
    insert_contacts(&sim, 3);
    let soql = Soql::select("Contact", ["Id"]);
    for fault in [
        QueryJobFault::miscounted("Contact", 1),
        QueryJobFault::miscounted("Contact", -1),
        QueryJobFault::uncounted("Contact"),
    ] {
        sim.inject(fault.clone());
        let mut rows = org.query_job(&soql, &|_: u64| {}).await.unwrap();
        let fault_seen = loop {
            match rows.next().await {
                Ok(row) => assert!(row.is_some(), "{fault:?}: the end of the rows"),
                Err(fault) => break fault,
            }
        };
        assert!(fault_seen.message().contains("rows, and Salesforce says"), "{fault_seen}");
    }
    for (fault, kind) in [
        (QueryJobFault::failed("Contact", ""), FaultKind::Transient),
        (QueryJobFault::failed("Contact", "InvalidBatch : no"), FaultKind::Configuration),
        (QueryJobFault::aborted("Contact"), FaultKind::InvalidJobState),
    ] {
        sim.inject(fault);
        assert_eq!(org.query_job(&soql, &|_: u64| {}).await.err().unwrap().kind(), kind);
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_created_is_reported_at_once() {
    let (sim, org) = start(Settings { daily_query_jobs: 0, ..Settings::default() }).await;
    let filtered = |field: &str| Soql::select("Account", ["Id"]).filtered(Condition::not_null(field));
    for (soql, kind) in [
        (Soql::select("Contact", ["Id"]), FaultKind::LimitReached(Limit::Other)),
        (Soql::select("Attachment", ["Id"]), FaultKind::Configuration),
        (filtered("Description"), FaultKind::Configuration),
    ] {
        let fault = org.query_job(&soql, &|_: u64| {}).await.err().unwrap();
        assert_eq!(fault.kind(), kind, "{fault}");
    }
    assert_eq!(requests(&sim, Endpoint::QueryJobCreate), 3);
}

#[tokio::test]
async fn an_unfinished_query_leaves_its_job_to_salesforce() {
    let (sim, org) = start(Settings::default()).await;
    drop(org.query_job(&Soql::select("Contact", ["Id"]), &|_: u64| {}).await.unwrap());
    assert_eq!(sim.query_jobs()[0].state, JobState::JobComplete);
    assert_eq!(requests(&sim, Endpoint::QueryJobDelete), 0);
}

/// Texts that a reader of SOQL could take for something else, and any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\\x00-\\x7f\u{80}-\u{9f}\u{2028}\u{2029}]{0,20}", "[\\\\'\"%_nrtbfuU0-9a-f\n]{0,20}",]
}

/// The texts as the org finds them, each under its number.
async fn finds_each(org: &Org, texts: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for text in texts {
        let soql = Soql::select("Thing__c", ["Name"]).filtered(Condition::equals("Code__c", Literal::text(text)));
        found.push(column(org.query(&soql).await, "Name").await);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_finds_its_own_record_and_no_other() {
    let code = Field::text("Code__c", 255).unique().case_sensitive();
    let (sim, org) =
        start(Settings { objects: vec![Object::custom("Thing__c").field(code)], ..Settings::default() }).await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut texts: Vec<String> = Vec::new();
    while texts.len() < 300 {
        let text = text().new_tree(&mut runner).unwrap().current();
        // Keys lose the blanks at their ends, and an empty text is null.
        let is_key = !text.is_empty() && text.trim_matches(' ') == text;
        if is_key && !texts.contains(&text) {
            sim.insert("Thing__c", &[("Name", &texts.len().to_string()), ("Code__c", &text)]);
            texts.push(text);
        }
    }
    for (number, found) in finds_each(&org, &texts).await.into_iter().enumerate() {
        assert_eq!(found, [number.to_string()], "{:?}", texts[number]);
    }
}
