//! What a harsh org does all the time.

use salesforce_sim::{JobFault, Nature, RowFault, Settings};
use serde_json::json;

use crate::client::Client;

async fn start(nature: Nature) -> Client {
    Client::start(Settings { nature, ..Settings::default() }).await
}

const INVALID: &str = "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:--";

#[tokio::test]
async fn columns_come_back_in_another_order_and_in_capitals() {
    let client = start(Nature { respells_results: true, ..Nature::kind() }).await;
    client.org.inject(RowFault::new("Contact", INVALID));
    let job = json!({"object": "Contact", "operation": "insert"});
    let (id, _) = client.load(job, "LastName,Email\nOne,one@example.com\n").await;
    let failed = client.results(&id, "failedResults").await;
    let row = format!(r#""","{INVALID}","one@example.com","One""#);
    assert_eq!(failed.lines(), [r#""sf__Id","sf__Error",EMAIL,LASTNAME"#, &row]);
}

#[tokio::test]
async fn results_come_in_two_pages_with_their_row_counts() {
    let client = start(Nature { pages_results: true, ..Nature::kind() }).await;
    let job = json!({"object": "Contact", "operation": "insert"});
    let (id, _) = client.load(job, "LastName\nOne\nTwo\nThree\n").await;
    let page = client.results(&id, "successfulResults").await;
    assert_eq!((page.lines().len(), page.header("sforce-numberofrecords")), (3, Some("2")));
    let next = format!("successfulResults?locator={}", page.header("sforce-locator").unwrap());
    let page = client.results(&id, &next).await;
    assert_eq!((page.lines().len(), page.header("sforce-numberofrecords")), (2, Some("1")));
    assert_eq!(page.header("sforce-locator"), Some("null"));
}

#[tokio::test]
async fn each_result_set_comes_too_early_as_often_as_its_lag() {
    let client = start(Nature { results_lag: 2, ..Nature::kind() }).await;
    let job = || json!({"object": "Contact", "operation": "insert"});
    let mut early = Vec::new();
    for _ in 0..3 {
        let (id, _) = client.load(job(), "LastName\nOne\n").await;
        for set in ["successfulResults", "failedResults", "unprocessedrecords"] {
            for _ in 0..2 {
                let answer = client.results(&id, set).await;
                early.push((answer.status, answer.text.is_empty()));
            }
            let answer = client.results(&id, set).await;
            assert_eq!((answer.status, answer.text.contains("LastName")), (200, true), "{set}");
        }
    }
    early.sort_unstable();
    early.dedup();
    assert_eq!(early, [(200, false), (200, true), (404, false)], "a page, nothing, and an error");
}

#[tokio::test]
async fn an_ended_job_shows_its_end_and_its_counts_late() {
    let client = start(Nature { status_lag: 1, counts_lag: 1, ..Nature::kind() }).await;
    let job = json!({"object": "Contact", "operation": "insert"});
    let (id, shown) = client.load(job, "LastName\nOne\n").await;
    assert_eq!((&shown["state"], &shown["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(0)), "{id}");
    let shown = client.get(&format!("jobs/ingest/{id}")).await.json();
    assert_eq!(shown["numberRecordsProcessed"], 1);
}

#[tokio::test]
async fn a_failed_job_goes_on_to_save_a_chunk() {
    let client = start(Nature { saves_late: 1, ..Nature::kind() }).await;
    client.org.inject(JobFault::failed("Contact", 1, "Timeout : took too long"));
    let rows: String = (0..700).map(|row| format!("L{row}\n")).collect();
    let job = json!({"object": "Contact", "operation": "insert"});
    let (id, _) = client.load(job, format!("LastName\n{rows}")).await;
    assert_eq!(client.org.count("Contact"), 200);
    while client.org.count("Contact") == 200 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(client.results(&id, "unprocessedrecords").await.lines().len(), 301);
}

#[tokio::test]
async fn a_lost_session_is_reported_in_three_forms() {
    let client = start(Nature { varies_lost_sessions: true, ..Nature::kind() }).await;
    client.org.end_sessions();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = client.get("limits").await;
        assert!(answer.text.contains("INVALID_SESSION_ID") || answer.text.contains("InvalidSessionId"));
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [403, 401, 400]);
}
