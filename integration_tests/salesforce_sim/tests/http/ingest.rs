//! Jobs from their creation to their results.

use salesforce_sim::{JobState, Settings};
use serde_json::json;

use crate::client::Client;

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
