//! What becomes of rows whose parent is missing.

use super::judged::{ALL_RULES, ended_with};
use super::*;
use crate::pipeline::job::rounds::AwaitedBy;

const LOCK: &str = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";

/// The plans of streams of these objects that name a parent account.
async fn planned<const N: usize>(bench: &Bench, objects: [(&str, &str); N]) -> [StreamPlan; N] {
    let text = json!({"type": "string"});
    let stream = |(object, parent): (&str, &str)| {
        let name = if object == "Contact" { "LastName" } else { "Name" };
        json!({
            "stream": {"name": object, "json_schema": {"properties": {name: text, parent: text}}},
            "destination_sync_mode": "append",
        })
    };
    let catalog = json!({ "streams": objects.map(stream).to_vec() });
    let streams = parse_catalog(&catalog.to_string()).unwrap();
    let requests: Vec<_> = streams.iter().map(|stream| StreamRequest::new(stream, &bench.config)).collect();
    let planned = plan_streams(&bench.loader.org, &requests, &bench.config).await.unwrap();
    let plans: Vec<StreamPlan> = planned.into_iter().map(|planned| planned.plan.unwrap()).collect();
    plans.try_into().unwrap()
}

/// The verdict over a batch of records. `None` if only children wait.
async fn judge(bench: &Bench, records: &[serde_json::Value]) -> Option<Verdict> {
    let (batch, job) = ended_with(bench, bench.batch_of(records.iter().cloned())).await;
    let parents = ParentColumns::new(&bench.plan, &batch.columns);
    let finished = FinishedBatch { plan: &bench.plan, batch: &batch, job: &job };
    let earlier = if finished.is_processed() { None } else { Some(ResultCounts::read(&job).await.ok().unwrap()) };
    Judge::new(finished, None, ALL_RULES, &parents, &bench.loader.budget)
        .judge(earlier, Gaps::MayPass)
        .await
        .ok()
        .unwrap()
}

#[tokio::test]
async fn one_row_that_waits_for_another_stream_or_failed_for_a_while_is_sent_after_a_wait() {
    let mut bench = Bench::new().await;
    let [_accounts, contacts] =
        planned(&bench, [("Account", "Parent.External_Id__c"), ("Contact", "Account.External_Id__c")]).await;
    bench.plan = contacts;
    bench.org.inject(RowFault::new("Contact", LOCK).when(|row| row.get("LastName") == Some("Locked")));
    let child = json!({"LastName": "Child", "Account.External_Id__c": "missing"});
    let locked = json!({"LastName": "Locked"});
    let free = json!({"LastName": "Free"});
    for (records, transient, other_streams) in [
        (vec![free.clone(), child.clone()], false, true),
        (vec![free.clone(), locked.clone()], true, false),
        (vec![child.clone(), locked], true, true),
        (vec![free], false, false),
    ] {
        let verdict = judge(&bench, &records).await.unwrap();
        assert_eq!(verdict.awaited_by, AwaitedBy { transient, other_streams }, "{records:?}");
        let waiting = u64::from(transient) + u64::from(other_streams);
        assert_eq!(verdict.retry.map_or(0, |retry| retry.rows()), waiting, "{records:?}");
    }
}

/// Without another row that is written, or that may be, the parent cannot come any more.
#[tokio::test]
async fn children_alone_are_not_sent_again() {
    let mut bench = Bench::new().await;
    [bench.plan] = planned(&bench, [("Account", "Parent.External_Id__c")]).await;
    bench.org.inject(RowFault::new("Account", LOCK).when(|row| row.get("Name") == Some("Locked")));
    let child = json!({"Name": "Child", "Parent.External_Id__c": "missing"});
    for (others, is_sent_again) in [
        (vec![], false),
        (vec![child.clone()], false),
        (vec![json!({"Name": "Free"})], true),
        (vec![json!({"Name": "Locked"})], true),
    ] {
        let records: Vec<_> = others.iter().cloned().chain([child.clone()]).collect();
        assert_eq!(judge(&bench, &records).await.is_some(), is_sent_again, "{others:?}");
    }
}

/// A row that was left unprocessed may be the parent.
#[tokio::test]
async fn children_wait_for_rows_that_were_not_processed_or_are_unknown() {
    for (are_told, unprocessed, unknown) in [(true, 200, 0), (false, 0, 200)] {
        let mut bench = Bench::new().await;
        [bench.plan] = planned(&bench, [("Account", "Parent.External_Id__c")]).await;
        let fault = JobFault::failed("Account", 1, "Timeout : took too long");
        bench.org.inject(if are_told { fault } else { fault.omit_unprocessed_rows() });
        let child = |number: u64| json!({"Name": number.to_string(), "Parent.External_Id__c": "missing"});
        let (batch, job) = ended_with(&bench, bench.batch_of((0..400).map(child))).await;
        let parents = ParentColumns::new(&bench.plan, &batch.columns);
        let finished = FinishedBatch { plan: &bench.plan, batch: &batch, job: &job };
        let earlier = ResultCounts::read(&job).await.ok().unwrap();
        let judge = Judge::new(finished, None, ALL_RULES, &parents, &bench.loader.budget);
        let verdict = judge.judge(Some(earlier), Gaps::Stay).await.ok().unwrap().unwrap();
        assert_eq!((verdict.unprocessed, verdict.unknown), (unprocessed, unknown));
    }
}
