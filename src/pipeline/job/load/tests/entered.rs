//! What the journal has of a job, and when it has nothing.

use std::path::Path;

use salesforce_sim::{Answer, Effect, Endpoint, JobState, RequestFault};

use super::judged::with_journal;
use super::*;
use crate::convert::{Row, RowKind, row_hash};
use crate::journal::{Entry, Journal, Removal};
use crate::pipeline::batch::{KeptKeys, part_of};

/// The entry of a job in a folder.
fn entry(folder: &Path, job: &str) -> Option<Entry> {
    let file = folder.join("_salesforce_journal/1").join(format!("{job}.entry"));
    std::fs::read(file).ok().map(|bytes| Entry::decode(&bytes).unwrap())
}

/// Uploads and enters a batch. Returns the entry, and the journal that has it.
async fn entered(bench: &mut Bench, batch: &Batch) -> (Entry, Arc<Journal>) {
    let folder = tempfile::TempDir::new().unwrap();
    let journal = with_journal(bench, folder.path()).await;
    let uploaded = bench.loader.upload(&bench.plan, batch).await.ok().unwrap();
    let job = bench.loader.journal.enter(&bench.plan, batch, uploaded).await.unwrap();
    (entry(folder.path(), job.id()).unwrap(), journal)
}

/// A batch with a row `L<number>` in each of these segments.
fn rows_of(bench: &Bench, segments: &[SegmentId]) -> Batch {
    let mut batch = OpenBatch::new(Arc::clone(&bench.plan.columns), bench.loader.budget.lease());
    for (number, segment) in segments.iter().enumerate() {
        let csv = format!("L{number}{}\n", ",".repeat(bench.plan.columns.len() - 1));
        let row = Row { csv: csv.as_bytes(), key: None, kind: RowKind::Write };
        batch.push(row, Origin { segment: *segment, extracted_at_ms: 0 });
    }
    batch.seal()
}

/// Nobody would find the job again, so it must not be left open.
#[tokio::test]
async fn a_job_that_cannot_be_entered_is_aborted_and_fails_its_batch() {
    let mut bench = Bench::new().await;
    let folder = tempfile::TempDir::new().unwrap();
    with_journal(&mut bench, folder.path()).await;
    // A file in the place of a folder.
    std::fs::write(folder.path().join(".salesforce"), "").unwrap();
    let (settled, outcome) = bench.load(&["A", "B"]).await;
    assert!(matches!(outcome, Err(LoadError::Failed(_))));
    assert!(settled.is_empty(), "{settled:?}");
    assert_eq!(bench.org.jobs().iter().map(|job| job.state).collect::<Vec<_>>(), [JobState::Aborted]);
    assert_eq!(bench.org.count("Contact"), 0);
}

/// Without the entry a later attempt would write the rows again.
#[tokio::test]
async fn a_job_that_may_be_closed_stays_in_the_journal() {
    let mut bench = Bench::new().await;
    let folder = tempfile::TempDir::new().unwrap();
    let journal = with_journal(&mut bench, folder.path()).await;
    bench.org.inject(RequestFault::new(Endpoint::JobPatch, Effect::LostAnswer));
    bench.org.inject(RequestFault::new(Endpoint::JobInfo, Answer::status(404)).always());
    let (settled, outcome) = bench.load(&["A", "B"]).await;
    assert!(matches!(outcome, Err(LoadError::Failed(_))));
    assert!(settled.is_empty(), "{settled:?}");
    let job = bench.org.jobs()[0].id.clone();
    assert_eq!(entry(folder.path(), &job).map(|entry| (entry.job, entry.hashes.len())), Some((job.clone(), 2)));
    assert!(matches!(&journal.removals(&bench.plan.name, 100)[..], [Removal::Whole(entered)] if *entered == job));
}

#[tokio::test]
async fn an_entry_has_the_segments_of_records_and_not_those_of_their_parts() {
    let part = |number| part_of(4, number).unwrap();
    for is_upsert in [false, true] {
        let mut bench = Bench::new().await;
        if is_upsert {
            bench.upsert().await;
        }
        let batch = rows_of(&bench, &[2, 2, part(0), part(0), part(1), 5]);
        let (entry, journal) = entered(&mut bench, &batch).await;
        let mut of_segment = [0; 6];
        entry.segments.iter().for_each(|(segment, rows)| of_segment[usize::try_from(*segment).unwrap()] += rows);
        assert_eq!(of_segment, [0, 0, 2, 0, 3, 1], "{is_upsert}");
        assert_eq!((entry.rows, entry.last_segment()), (6, 5), "{is_upsert}");
        assert_eq!(entry.hashes.len(), if is_upsert { 0 } else { 6 });
        let is_whole = |last| matches!(&journal.removals(&bench.plan.name, last)[..], [Removal::Whole(_)]);
        assert_eq!([1, 2, 4, 5].map(is_whole), [false, false, false, true], "{is_upsert}");
        assert!(journal.removals(&bench.plan.name, 1).is_empty());
    }
}

#[tokio::test]
async fn an_entry_has_the_hash_of_each_row_or_that_of_the_key_by_which_its_record_was_found() {
    let mut bench = Bench::new().await;
    let (first, second) = ("003000000000001AAA", "003000000000002AAA");
    let mut batch = bench.batch(&[first, "other", second]);
    let row = |text: &str| row_hash(format!("{text}\n").as_bytes());
    let (entry, _) = entered(&mut bench, &batch).await;
    assert_eq!(entry.hashes, [first, "other", second].map(row));
    for (with_hashes, expected) in [(true, [70, row("other"), 71]), (false, [first, "other", second].map(row))] {
        let mut keys = KeptKeys::new(Arc::clone(&bench.plan.columns), with_hashes, bench.loader.budget.lease());
        keys.push(b"one\n", &Arc::default(), 70, [first].into_iter());
        keys.push(b"two\n", &Arc::default(), 71, [second].into_iter());
        batch.keys = Some(keys.complete());
        let (entry, _) = entered(&mut bench, &batch).await;
        assert_eq!(entry.hashes, expected, "{with_hashes}");
    }
}
