//! What the results of a job prove.

use std::path::Path;

use salesforce_sim::{Answer, Endpoint, RequestFault};

use super::*;
use crate::config::test_configs::{client, valid};
use crate::convert::{Rejection, RejectionCode, Row, RowKind};
use crate::journal::{Journal, Removal};
use crate::pipeline::batch::{LocalRejection, MergedRecords, RowOutcomes, SettledSegment};
use crate::pipeline::job::rounds::AwaitedBy;

pub(super) const ALL_RULES: RetryRules = RetryRules { transient: true, children: true, other_streams: true };

/// 201 contacts: a simulated org processes 200 of them at a time.
fn names() -> Vec<String> {
    (0..201).map(|number| format!("N{number}")).collect()
}

fn counts([succeeded, failed, unprocessed]: [u64; 3]) -> ResultCounts {
    ResultCounts { succeeded, failed, unprocessed }
}

/// A job of the names that has ended, and its batch.
async fn ended(bench: &Bench) -> (Batch, FinishedJob) {
    let names = names();
    ended_with(bench, bench.batch(&names.iter().map(String::as_str).collect::<Vec<_>>())).await
}

/// A job of a batch that has ended.
pub(super) async fn ended_with(bench: &Bench, batch: Batch) -> (Batch, FinishedJob) {
    let (events, plan) = (no_receiver(), &bench.plan);
    let uploaded = bench.loader.upload(plan, &batch).await.ok().unwrap();
    let running = bench.loader.close(plan, &batch, uploaded, &events).await.ok().unwrap();
    let (job, halt) = (running.id().to_owned(), CancellationToken::new());
    let watcher = Watcher { job, events: &events, claim: Claim::none(), halt: &halt, haste: 1 };
    let finished = wait_for_end(plan, &batch, running, &watcher).await.ok().unwrap();
    (batch, finished)
}

async fn judge(
    bench: &Bench,
    (batch, job): &(Batch, FinishedJob),
    earlier: Option<ResultCounts>,
    gaps: Gaps,
) -> Result<Verdict, JudgeError> {
    let parents = ParentColumns::new(&bench.plan, &batch.columns);
    let finished = FinishedBatch { plan: &bench.plan, batch, job };
    let judge = Judge::new(finished, None, ALL_RULES, &parents, &bench.loader.budget);
    judge.judge(earlier, gaps).await.map(Option::unwrap)
}

/// The verdict as how many rows are sent again, left unprocessed and unknown, or why there is none.
async fn judged(
    bench: &Bench,
    ended: &(Batch, FinishedJob),
    earlier: Option<[u64; 3]>,
    gaps: Gaps,
) -> Result<[u64; 3], &'static str> {
    match judge(bench, ended, earlier.map(counts), gaps).await {
        Ok(verdict) => {
            assert_eq!(verdict.awaited_by, AwaitedBy { transient: verdict.unprocessed > 0, other_streams: false });
            assert_eq!(verdict.retry.is_some(), verdict.unprocessed + verdict.unknown > 0);
            Ok([verdict.retry.map_or(0, |retry| retry.rows()), verdict.unprocessed, verdict.unknown])
        }
        Err(JudgeError::Unproven(error)) => {
            let why = ["still change", "do not add up"].into_iter().find(|why| error.message().contains(why));
            Err(why.unwrap_or_else(|| panic!("{error}")))
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn two_readings_of_the_results_of_a_job_that_ended_early_must_agree() {
    use Gaps::{MayPass, Stay};
    let timeout = || JobFault::failed("Contact", 1, "Timeout : took too long");
    let (rest, changes, gaps) = (Ok([1, 1, 0]), Err("still change"), Err("do not add up"));
    for (fault, tests) in [
        (
            timeout(),
            &[
                ([200, 0, 1], MayPass, rest),
                ([200, 0, 1], Stay, rest),
                ([201, 0, 0], MayPass, changes),
                ([199, 0, 2], MayPass, changes),
                ([199, 1, 1], MayPass, changes),
                ([200, 1, 0], Stay, changes),
            ][..],
        ),
        (
            timeout().omit_unprocessed_rows(),
            &[
                ([200, 0, 0], MayPass, gaps),
                ([200, 0, 0], Stay, Ok([0, 0, 1])),
                ([199, 0, 0], Stay, changes),
                ([200, 0, 1], Stay, gaps),
            ],
        ),
        // Salesforce gave it up for good: nothing more comes.
        (
            JobFault::failed("Contact", 1, "InvalidBatch : Field name not found : Nmae").omit_unprocessed_rows(),
            &[([200, 0, 0], MayPass, Ok([0, 0, 1])), ([199, 0, 0], MayPass, changes)],
        ),
    ] {
        let bench = Bench::new().await;
        bench.org.inject(fault.clone());
        let ended = ended(&bench).await;
        for (earlier, gaps, expected) in tests {
            let found = judged(&bench, &ended, Some(*earlier), *gaps).await;
            assert_eq!(found, *expected, "{fault:?} after {earlier:?} {gaps:?}");
        }
    }
}

/// Salesforce may go on with the rows of such a job, and then other results come.
#[tokio::test]
async fn the_counts_of_a_job_that_ended_early_prove_nothing_even_of_all_rows() {
    for fault in [
        JobFault::failed("Contact", 2, "Timeout : took too long"),
        JobFault::failed("Contact", 2, "InvalidBatch : Field name not found : Nmae"),
        JobFault::aborted("Contact", 2),
    ] {
        let bench = Bench::new().await;
        bench.org.inject(fault.clone());
        let ended = ended(&bench).await;
        assert_eq!((ended.1.rows_processed(), ended.1.rows_failed()), (Some(201), Some(0)), "{fault:?}");
        let expected =
            [([201, 0, 0], Ok([0, 0, 0])), ([200, 0, 1], Err("still change")), ([200, 1, 0], Err("still change"))];
        for (earlier, expected) in expected {
            let found = judged(&bench, &ended, Some(earlier), Gaps::MayPass).await;
            assert_eq!(found, expected, "{fault:?} after {earlier:?}");
        }
    }
}

#[tokio::test]
async fn the_counts_of_a_complete_job_prove_what_became_of_its_rows() {
    let invalid = "FIELD_CUSTOM_VALIDATION_EXCEPTION:not this one:LastName --";
    for (processed, failed, expected) in
        [(0, 0, Ok([0, 0, 0])), (0, 1, Err("do not add up")), (0, -1, Err("do not add up"))]
    {
        let bench = Bench::new().await;
        bench.org.inject(JobFault::miscounted("Contact", processed, failed));
        bench.org.inject(
            RowFault::new("Contact", invalid)
                .when(|row| row.get("LastName").is_some_and(|name| name.starts_with("N7"))),
        );
        let ended = ended(&bench).await;
        let found = judged(&bench, &ended, None, Gaps::MayPass).await;
        assert_eq!(found, expected, "{processed} {failed}");
        let results = bench.org.requests().iter().filter(|request| request.path.contains("successfulResults")).count();
        assert_eq!(results, 0, "the failed rows are enough");
    }
}

/// It cannot be sent again, and is not written.
#[tokio::test]
async fn one_unprocessed_row_that_comes_back_in_another_form_is_an_error() {
    let bench = Bench::new().await;
    bench.org.inject(JobFault::failed("Contact", 1, "Timeout : took too long"));
    let ended = ended(&bench).await;
    let changed = Answer::csv("LastName\nOther\n", 1);
    bench.org.inject(RequestFault::new(Endpoint::UnprocessedRecords, changed).always());
    let judged = judge(&bench, &ended, Some(counts([200, 0, 1])), Gaps::MayPass).await;
    let Err(JudgeError::Final(error)) = judged else { panic!("{judged:?}") };
    assert!(error.message().contains("returned 1 of them in another form"), "{error}");
}

#[tokio::test]
async fn each_failed_row_is_rejected_with_its_reason_or_sent_again() {
    let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    let invalid = "FIELD_CUSTOM_VALIDATION_EXCEPTION:not this one:LastName --";
    let bench = Bench::new().await;
    let is_one_of = |names: &'static [&'static str]| {
        move |row: &salesforce_sim::UploadedRow<'_>| row.get("LastName").is_some_and(|name| names.contains(&name))
    };
    bench.org.inject(RowFault::new("Contact", invalid).when(is_one_of(&["N0", "N7", "N200"])));
    bench.org.inject(RowFault::new("Contact", lock).when(is_one_of(&["N1", "N100"])));
    let ended = ended(&bench).await;
    let verdict = judge(&bench, &ended, None, Gaps::MayPass).await.unwrap();
    let reasons: Vec<_> =
        verdict.reasons.by_count().into_iter().map(|(code, field, reason)| (code, field, reason.count)).collect();
    assert_eq!(reasons, [("FIELD_CUSTOM_VALIDATION_EXCEPTION", "LastName", 3)]);
    assert_eq!(verdict.awaited_by, AwaitedBy { transient: true, other_streams: false });
    assert_eq!((verdict.unprocessed, verdict.unknown, verdict.skipped), (0, 0, 0));
    let (mut batch, mut retry) = (ended.0, verdict.retry.unwrap());
    let mut sent: Vec<_> = retry.csv_rows().map(|row| String::from_utf8_lossy(&row).into_owned()).collect();
    sent.sort();
    assert_eq!(sent, ["N1\n", "N100\n"]);
    let settled = batch.settle(verdict.outcomes, Some(&mut retry));
    let rejected: u64 = settled.iter().map(|segment| segment.rejected).sum();
    let written: u64 = settled.iter().map(|segment| segment.written).sum();
    assert_eq!((written, rejected), (196, 3));
    assert!(
        settled
            .iter()
            .all(|it| ![1, 100].contains(&it.segment) && it.rejected == u64::from([0, 7, 200].contains(&it.segment)))
    );
}

/// Of the rejected records of one key the last one is stored last, and once.
#[tokio::test]
async fn a_record_that_is_rejected_after_the_row_of_its_key_waits_while_rows_of_the_batch_wait() {
    let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    let gaps = JobFault::failed("Contact", 1, "Timeout : took too long");
    for (row_fault, job_fault, earlier, is_stored) in [
        (None, None, None, true),
        (Some(lock), None, None, false),
        (None, Some(gaps.clone()), Some([200, 0, 1]), false),
        (None, Some(gaps.omit_unprocessed_rows()), Some([200, 0, 0]), false),
    ] {
        let bench = Bench::new().await;
        if let Some(errors) = row_fault {
            bench.org.inject(RowFault::new("Contact", errors).when(|row| row.get("LastName") == Some("N7")));
        }
        job_fault.into_iter().for_each(|fault| bench.org.inject(fault));
        let mut batch = OpenBatch::new(Arc::clone(&bench.plan.columns), bench.loader.budget.lease());
        let origin = Origin { segment: 0, extracted_at_ms: 0 };
        for (key, name) in names().iter().enumerate() {
            let csv = format!("{name}\n");
            batch.push(Row { csv: csv.as_bytes(), key: Some(key as u128), kind: RowKind::Write }, origin);
        }
        let rejection = Rejection { code: RejectionCode::NoField, field: None, message: String::new() };
        let data = serde_json::value::to_raw_value("{}").unwrap();
        batch.reject_keyed(LocalRejection { origin, data, rejection }, Some(7));
        let ended = ended_with(&bench, batch.seal_merged().remove(0)).await;
        let verdict = judge(&bench, &ended, earlier.map(counts), Gaps::Stay).await.unwrap();
        let stored: u64 = verdict.reasons.by_count().iter().map(|(_, _, reason)| reason.count).sum();
        assert_eq!((stored, verdict.retry.is_some()), (u64::from(is_stored), !is_stored), "{row_fault:?} {earlier:?}");
    }
}

/// They are settled with the row, however that ends.
#[tokio::test]
async fn a_row_that_is_sent_again_stands_for_the_records_that_were_merged_into_it() {
    let bench = Bench::new().await;
    let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    bench.org.inject(RowFault::new("Contact", lock).when(|row| row.get("LastName") == Some("B")));
    let mut batch = OpenBatch::new(Arc::clone(&bench.plan.columns), bench.loader.budget.lease());
    let merged = [MergedRecords { segment: 0, records: 2 }, MergedRecords { segment: 1, records: 1 }];
    for (csv, merged) in [("A\n", &[][..]), ("B\n", &merged), ("C\n", &[])] {
        batch.push_again(csv.as_bytes(), Origin { segment: 1, extracted_at_ms: 0 }, merged);
    }
    let ended = ended_with(&bench, batch.seal()).await;
    let verdict = judge(&bench, &ended, None, Gaps::MayPass).await.unwrap();
    let (mut batch, mut retry) = (ended.0, verdict.retry.unwrap());
    let settled = |batch: Vec<SettledSegment>| {
        let mut settled: Vec<_> = batch.iter().map(|it| (it.segment, it.written, it.rejected)).collect();
        settled.sort_unstable();
        settled
    };
    assert_eq!(settled(batch.settle(verdict.outcomes, Some(&mut retry))), [(1, 2, 0)]);
    assert_eq!(settled(retry.settle(RowOutcomes::default(), None)), [(0, 2, 0), (1, 2, 0)]);
}

/// The user must sign in again, so nothing is won by a wait.
#[tokio::test]
async fn after_a_lost_sign_in_the_results_are_not_asked_for_again() {
    let bench = Bench::new().await;
    bench.org.inject(RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:not this one:LastName --"));
    bench.org.inject(RequestFault::new(Endpoint::FailedResults, Answer::status(401)).always());
    let Err(LoadError::Failed(error)) = bench.load(&["A"]).await.1 else { panic!("loaded") };
    assert_eq!(error.failure_type(), FailureType::Config);
    let asked = bench.org.requests().iter().filter(|request| request.endpoint == Endpoint::FailedResults).count();
    assert_eq!(asked, 3, "one reading asks again with another session, and not more often");
}

/// Gives the loader a journal in a folder.
pub(super) async fn with_journal(bench: &mut Bench, folder: &Path) -> Arc<Journal> {
    let storage = json!({"storage_type": "Local", "path": folder.to_str().unwrap()});
    let config = valid(&client(json!({"object_storage_config": storage})));
    let journal = Arc::new(Journal::open(config.journal_storage().unwrap(), 1).await.unwrap());
    bench.loader.journal = JobJournal::new(Some(Arc::clone(&journal)), Arc::clone(&bench.loader.budget));
    journal
}

/// How many files below a folder are about a job.
fn files_about(job: &str, folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(
            |path| {
                if path.is_dir() { files_about(job, &path) } else { usize::from(path.to_str().unwrap().contains(job)) }
            },
        )
        .sum()
}

/// Otherwise a later attempt takes the rows of the job for written.
#[tokio::test]
async fn a_job_whose_close_is_refused_leaves_the_journal_and_one_that_may_be_closed_stays() {
    for (is_refused, entries) in [(true, 0), (false, 1)] {
        let mut bench = Bench::new().await;
        let folder = tempfile::TempDir::new().unwrap();
        let journal = with_journal(&mut bench, folder.path()).await;
        if is_refused {
            let refusal = Answer::error(403, "INSUFFICIENT_ACCESS", "The user may not close jobs.");
            bench.org.inject(RequestFault::new(Endpoint::JobPatch, refusal).always());
        }
        assert_eq!(bench.load(&["A", "B"]).await.1.is_err(), is_refused);
        let job = &bench.org.jobs()[0].id;
        assert_eq!(journal.removals(&bench.plan.name, 100).len(), entries);
        assert_eq!(files_about(job, folder.path()), entries, "{job}");
    }
}

/// Rows that are equal to acknowledged ones need it: without it nobody knows which of them were written.
#[tokio::test]
async fn the_journal_notes_a_job_that_wrote_all_its_rows() {
    let invalid = "FIELD_CUSTOM_VALIDATION_EXCEPTION:not this one:LastName --";
    for all_written in [true, false] {
        let mut bench = Bench::new().await;
        if !all_written {
            bench.org.inject(RowFault::new("Contact", invalid).when(|row| row.get("LastName") == Some("N7")));
        }
        let folder = tempfile::TempDir::new().unwrap();
        let journal = with_journal(&mut bench, folder.path()).await;
        let names = names();
        bench.load(&names.iter().map(String::as_str).collect::<Vec<_>>()).await.1.unwrap();
        let removals = journal.removals(&bench.plan.name, 100);
        let expected = bench.org.jobs()[0].id.clone();
        assert!(
            matches!(&removals[..], [Removal::Segments { job, last: 100, all_written: noted }]
                if *job == expected && *noted == all_written),
            "{removals:?}"
        );
    }
}
