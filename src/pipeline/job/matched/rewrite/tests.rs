//! Rows whose records a simulated org has.

use salesforce_sim::{Credentials, Settings, SimulatedOrg};
use serde_json::json;

use super::*;
use crate::budget::Budget;
use crate::config::Config;
use crate::convert::{Converted, Converter};
use crate::matching::{Matches, OrgRecords, QuerySizes, find_records};
use crate::pipeline::job::matched::BatchKeys;
use crate::pipeline::prepare::{Claim, StreamRequest, plan_streams};
use airbyte::{json::Cursor, parse_catalog};
use salesforce::Org;

const PATIENCE: retry::Policy = retry::Policy {
    attempts: 1,
    first_wait: std::time::Duration::ZERO,
    longest_wait: std::time::Duration::ZERO,
    total: std::time::Duration::ZERO,
    jitter: || 1.0,
};

/// The rows of an update of all records with an e-mail address, of which the org has some.
struct Bench {
    _org: SimulatedOrg,
    plan: StreamPlan,
    budget: Arc<Budget>,
    batch: Batch,
    matches: Matches,
}

impl Bench {
    /// `contacts` are the addresses in the org, and `records` those of the rows with a text of so many characters each.
    async fn new(contacts: &[&str], records: &[(&str, usize)]) -> Self {
        let org = SimulatedOrg::start(Settings::default()).await.unwrap();
        for email in contacts {
            org.insert("Contact", &[("LastName", "old"), ("Email", email)]).unwrap();
        }
        let credentials = Credentials::default();
        let config = json!({
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
            "domain_url": org.url(),
            "streams": [{"stream": "a", "object": "Contact", "operation": "update", "match": {
                "fields": ["Email"], "on_several": "update_all",
            }}],
        });
        let config = Config::parse(&config.to_string()).unwrap();
        let signed_in = Org::sign_in(config.sign_in().clone(), "rewriter/1.0", Arc::new(|_| {})).await.unwrap();
        let properties = json!({"Email": {"type": "string"}, "Title": {"type": "string"}});
        let catalog = json!({"streams": [
            {"stream": {"name": "a", "json_schema": {"properties": properties}}, "destination_sync_mode": "append"},
        ]});
        let streams = parse_catalog(&catalog.to_string()).unwrap();
        let requests = [StreamRequest::new(&streams[0], &config)];
        let plan = plan_streams(&signed_in, &requests, &config).await.unwrap().remove(0).plan.unwrap();
        let budget = Budget::new(usize::MAX);
        let mut converter = Converter::new(Arc::clone(&plan.columns), config.null_handling());
        let mut open = OpenBatch::new(Arc::clone(&plan.columns), budget.lease());
        for (segment, (email, length)) in records.iter().enumerate() {
            let data = json!({"Email": email, "Title": "x".repeat(*length)}).to_string();
            let Ok(Converted::Row) = converter.convert(&mut Cursor::new(&data)) else { panic!("no row: {email}") };
            open.push(converter.row(), Origin { segment: segment as u64, extracted_at_ms: 0 });
        }
        let batch = open.seal();
        let (claim, sizes) = (Claim::none(), QuerySizes::default());
        let records = OrgRecords { org: &signed_in, watcher: &claim, lease: budget.lease(), sizes: &sizes };
        let matching = plan.matching.clone().unwrap();
        let keys = BatchKeys::new(&matching, &batch);
        let matches = find_records(&records, &matching, &keys, &PATIENCE, budget.lease()).await.unwrap();
        Self { _org: org, plan, budget, batch, matches }
    }

    async fn rewrite(mut self, change: impl Fn(Rewriter<'_>) -> Rewriter<'_>) -> Rewritten {
        let journal = JobJournal::new(None, Arc::clone(&self.budget));
        let matching = self.plan.matching.clone().unwrap();
        let rows = self.batch.take_rows();
        let rewriter = change(Rewriter::new(&self.plan, &matching, &self.batch, &self.matches));
        rewriter.rewrite(rows, &journal, None).await.unwrap().0
    }
}

fn rows(batches: &[Batch]) -> Vec<u64> {
    batches.iter().map(Batch::rows).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_beyond_the_largest_upload_go_to_another_job() {
    let contacts = ["many@example.com"; 30];
    for kind in [RowKind::Write, RowKind::Delete] {
        let mut bench = Bench::new(&contacts, &[("many@example.com", 100)]).await;
        bench.batch.kind = kind;
        // Each row is an id, a comma, 100 characters and a line end.
        let rewritten = bench.rewrite(|it| Rewriter { largest_upload: "Id,Title\n".len() + 12 * 120, ..it }).await;
        assert_eq!(rows(&rewritten.written), [12, 12, 6]);
        assert!(rewritten.written.iter().all(|batch| batch.kind == kind), "each does what the first does");
        let keys: Vec<_> = rewritten.written.iter().map(|batch| batch.keys.as_ref().map(Arc::as_ptr)).collect();
        assert!(keys[0].is_some() && keys.windows(2).all(|two| two[0] == two[1]), "each has the keys of all");
        assert_eq!((rewritten.settled.rejected, rewritten.settled.skipped), (0, 0));
    }
}

/// An upsert creates what is missing, so a record that is there has what was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_alone_is_rejected_by_an_update_and_skipped_by_an_upsert() {
    for (operation, rejected, written) in
        [(Operation::Update, 1, 0), (Operation::Upsert, 0, 0), (Operation::Delete, 0, 1)]
    {
        let mut bench = Bench::new(&["ann@example.com"], &[("ann@example.com", 1)]).await;
        bench.plan.job.operation = operation;
        let email = bench.plan.columns.iter().find(|column| column.is_named("Email")).cloned();
        let columns = Arc::new(Columns::new(email.into_iter().collect(), None));
        let mut open = OpenBatch::new(columns, bench.budget.lease());
        let row = Row { csv: b"ann@example.com\n", key: None, kind: RowKind::Write };
        open.push(row, Origin { segment: 0, extracted_at_ms: 0 });
        bench.batch = open.seal();
        let rewritten = bench.rewrite(|it| it).await;
        let skipped = 1 - rejected - written;
        assert_eq!((rewritten.settled.rejected, rewritten.settled.skipped), (rejected, skipped), "{operation:?}");
        assert_eq!(rows(&rewritten.written).iter().sum::<u64>(), written, "{operation:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_would_become_more_rows_than_fit_in_memory_is_rejected() {
    let contacts = [vec!["many@example.com"; 8], vec!["some@example.com"; 3], vec!["one@example.com"]].concat();
    let records = ["many@example.com", "some@example.com", "one@example.com"].map(|email| (email, 1));
    for (most_rows, written, rejected) in [(12, 12, 0), (11, 12, 0), (10, 9, 1), (8, 9, 1), (7, 4, 1), (2, 1, 2)] {
        let bench = Bench::new(&contacts, &records).await;
        let rewritten = bench.rewrite(|it| Rewriter { most_rows, ..it }).await;
        let sent: u64 = rows(&rewritten.written).iter().sum();
        // A record that names one other is not a cause of too many rows, and is always sent.
        assert_eq!((sent, rewritten.settled.rejected), (written, rejected), "{most_rows} rows");
        let reasons = rewritten.settled.reasons.by_count();
        assert_eq!(reasons.iter().map(|(.., reason)| reason.count).sum::<u64>(), rejected, "each has its reason");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_of_a_batch_is_freed_while_it_is_rewritten() {
    let names: Vec<String> = (0..3_000).map(|number| format!("person-{number}@example.com")).collect();
    let emails: Vec<&str> = names.iter().map(String::as_str).collect();
    let records: Vec<(&str, usize)> = emails.iter().map(|email| (*email, 80)).collect();
    let bench = Bench::new(&emails, &records).await;
    let (budget, before) = (Arc::clone(&bench.budget), bench.budget.used());
    let rewritten = bench.rewrite(|it| it).await;
    let held: usize = budget.used();
    assert_eq!(rows(&rewritten.written), [3_000]);
    assert!(held < before, "{held} and {before} before");
    drop(rewritten);
    assert_eq!(budget.used(), 0);
}

/// Salesforce takes uploads of 100 MB (10^6 bytes each).
#[test]
fn an_upload_has_100_mb_at_most_and_a_batch_five_million_rows() {
    assert_eq!((LARGEST_UPLOAD, MOST_ROWS, MOST_SHOWN, MOST_WRITTEN), (100_000_000, 5_000_000, 5, 10_000));
}
