//! Result sets that do not have the cells that were uploaded.

use salesforce_sim::{JobFault, Nature, RowFault, Settings};
use serde_json::json;

use crate::client::Client;

#[tokio::test]
async fn cells_of_columns_in_another_spelling_come_back_empty() {
    let client =
        Client::start(Settings { nature: Nature { blanks_echoes: true, ..Nature::kind() }, ..Settings::default() })
            .await;
    client.org.insert("Account", &[("Name", "Example"), ("External_Id__c", "A-1")]).unwrap();
    client.org.inject(RowFault::new("Contact", "UNABLE_TO_LOCK_ROW:locked:--").when(|row| row.get("Email").is_some()));
    let insert = || json!({"object": "Contact", "operation": "insert"});
    let upload = "lastname,Account.external_id__c,Email\nOne,A-1,one@example.com\n";
    let (id, _) = client.load(insert(), upload).await;
    let failed = client.results(&id, "failedResults").await;
    assert_eq!(failed.lines()[1], r#""","UNABLE_TO_LOCK_ROW:locked:--","","","one@example.com""#);

    client.org.inject(JobFault::aborted("Contact", 0));
    let (id, _) = client.load(insert(), upload).await;
    let unprocessed = client.results(&id, "unprocessedrecords").await;
    assert_eq!(unprocessed.lines(), ["lastname,Account.external_id__c,Email", ",,one@example.com"]);
}
