use serde_json::json;

use super::*;
use crate::config::test_configs::{client, valid};

#[tokio::test]
async fn the_oldest_entry_is_removed_first() {
    let storage = json!({
        "storage_type": "S3", "s3_bucket_name": "example-rejected-records", "s3_bucket_region": "us-east-1",
        "access_key_id": "key", "secret_access_key": "secret",
    });
    let config = valid(&client(json!({"object_storage_config": storage})));
    let journal = Journal::open(config.journal_storage().unwrap(), 1).await.unwrap();
    // A map would give them in any order.
    let jobs: Vec<String> = (0..40).map(|number| format!("7501Q{:010}", (number * 7) % 40)).collect();
    for (number, job) in (0..).zip(&jobs) {
        let name = if number % 4 == 0 { "other" } else { "contacts" };
        let entry = OpenEntry {
            number,
            stream: stream(name),
            first_segment: number,
            last_segment: number,
            is_insert: true,
            all_written: false,
        };
        journal.entries().insert(job.clone(), entry);
    }
    let removed: Vec<String> = journal
        .removals(&stream("contacts"), 30)
        .into_iter()
        .map(|removal| match removal {
            Removal::Whole(job) => job,
            other => panic!("{other:?}"),
        })
        .collect();
    let expected: Vec<String> = (0..=30).filter(|number| number % 4 != 0).map(|number| jobs[number].clone()).collect();
    assert_eq!(removed, expected);
}

async fn in_folder(folder: &std::path::Path, sync_id: i64) -> Journal {
    let storage = json!({"storage_type": "Local", "path": folder.to_str().unwrap()});
    let config = valid(&client(json!({"object_storage_config": storage})));
    Journal::open(config.journal_storage().unwrap(), sync_id).await.unwrap()
}

/// A row that was sent again is in several entries, so each state removes what it covers and nothing else.
#[tokio::test]
async fn a_state_removes_what_it_covers_of_its_stream() {
    let folder = tempfile::TempDir::new().unwrap();
    let journal = in_folder(folder.path(), 1).await;
    for (number, (job, stream, segments, is_insert)) in [
        ("whole", stream("s"), (1, 2), true),
        ("to-the-last", stream("s"), (0, 3), false),
        ("insert", stream("s"), (2, 5), true),
        ("upsert", stream("s"), (3, 5), false),
        ("later", stream("s"), (4, 4), true),
        ("other", stream("t"), (0, 0), true),
        ("of-a-namespace", in_namespace("n", "s"), (0, 0), true),
    ]
    .into_iter()
    .enumerate()
    {
        let entry = OpenEntry {
            number: number as u64,
            stream,
            first_segment: segments.0,
            last_segment: segments.1,
            is_insert,
            all_written: false,
        };
        journal.entries().insert(job.to_owned(), entry);
    }
    journal.all_written("insert");
    let shown: Vec<String> = journal
        .removals(&stream("s"), 3)
        .into_iter()
        .map(|removal| match removal {
            Removal::Whole(job) => job,
            Removal::Segments { job, last, all_written } => format!("{job} to {last} {all_written}"),
            Removal::Rewritten(_) => panic!("none is rewritten"),
        })
        .collect();
    assert_eq!(shown, ["whole", "to-the-last", "insert to 3 true"]);
    let of_namespace = journal.removals(&in_namespace("n", "s"), 3);
    assert!(matches!(&*of_namespace, [Removal::Whole(job)] if job == "of-a-namespace"));
}

#[tokio::test]
async fn entries_of_other_syncs_are_removed_after_eight_days_and_not_looked_into() {
    let folder = tempfile::TempDir::new().unwrap();
    let journal = in_folder(folder.path(), 7).await;
    let job = |number: u32| format!("750000000{number:06}AAA");
    let put = |sync_id: i64, name: String, age_in_hours: u64| {
        let of_sync = folder.path().join(FOLDER).join(sync_id.to_string());
        std::fs::create_dir_all(&of_sync).unwrap();
        let path = of_sync.join(name);
        std::fs::write(&path, "no entry").unwrap();
        let written = std::time::SystemTime::now() - std::time::Duration::from_secs(age_in_hours * 60 * 60);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
        path
    };
    let entry = |number| format!("{}.entry", job(number));
    let old = put(6, entry(1), 8 * 24 + 1);
    let kept = [
        put(6, entry(2), 8 * 24 - 1),
        put(6, "notes.txt".to_owned(), 30 * 24),
        put(6, format!("{}.bak", entry(4)), 30 * 24),
        put(7, entry(3), 30 * 24),
        put(7, "x.entry".to_owned(), 1),
    ];
    let left = journal.left().await.unwrap();
    assert_eq!(left.iter().map(|left| (&*left.job, left.entry.is_some())).collect::<Vec<_>>(), [(&*job(3), false)]);
    assert!(!old.exists());
    assert!(kept.iter().all(|path| path.exists()), "{kept:?}");
}

#[tokio::test]
async fn what_earlier_attempts_have_deleted_is_known_by_its_stream() {
    let folder = tempfile::TempDir::new().unwrap();
    let journal = in_folder(folder.path(), 1).await;
    let spec = salesforce::JobSpec {
        object: "Contact".into(),
        operation: salesforce::Operation::Delete,
        external_id_field: None,
        assignment_rule_id: None,
    };
    let target = Target::new(&stream("s"), None, &spec);
    journal.set_deleted(&target, &[9, 2]);
    journal.set_deleted(&target, &[5]);
    for (stream, hash, expected) in [
        (stream("s"), 9, true),
        (stream("s"), 2, true),
        (stream("s"), 5, true),
        (stream("s"), 3, false),
        (stream("t"), 9, false),
        (in_namespace("n", "s"), 9, false),
    ] {
        assert_eq!(journal.has_deleted(&stream, hash), expected, "{stream} {hash}");
    }
}

fn stream(name: &str) -> StreamName {
    StreamName { namespace: None, name: name.to_owned() }
}

fn in_namespace(namespace: &str, name: &str) -> StreamName {
    StreamName { namespace: Some(namespace.to_owned()), ..stream(name) }
}

/// An entry of an insert with these rows: the segment and the hash of each.
fn entry(job: &str, rows: &[(u64, u64)]) -> Entry {
    let spec = salesforce::JobSpec {
        object: "Contact".into(),
        operation: salesforce::Operation::Insert,
        external_id_field: None,
        assignment_rule_id: None,
    };
    let target = Target::new(&stream("s"), Some(1), &spec);
    let mut entry = Entry::new(job, target, vec!["LastName".to_owned()], rows.len() as u64);
    entry.set_rows(rows.iter().copied());
    entry
}

fn shown(removals: Vec<Removal>) -> Vec<String> {
    let show = |removal| match removal {
        Removal::Whole(job) => job,
        Removal::Segments { job, last, all_written } => format!("{job} to {last} {all_written}"),
        Removal::Rewritten(entry) => format!("{} rewritten", entry.job),
    };
    removals.into_iter().map(show).collect()
}

/// Reads the entries of a sync as its next attempt does.
async fn left_in(folder: &std::path::Path, sync_id: i64) -> Vec<(String, Option<Vec<u64>>)> {
    let left = in_folder(folder, sync_id).await.left().await.unwrap();
    let mut left: Vec<_> = left.into_iter().map(|left| (left.job, left.entry.map(|entry| entry.hashes))).collect();
    left.sort();
    left
}

/// Whether all rows of a job were written is known only when its results are read.
#[tokio::test]
async fn an_acknowledged_part_of_an_entry_goes_and_its_equal_rows_too_until_all_are_known_to_be_written() {
    for (all_written, kept) in [(false, vec![9]), (true, vec![7, 9])] {
        let folder = tempfile::TempDir::new().unwrap();
        let journal = in_folder(folder.path(), 1).await;
        let job = "750Sim000000001AAA";
        journal.enter(&entry(job, &[(2, 7), (2, 8), (3, 7), (5, 9)])).await.unwrap();
        assert_eq!(left_in(folder.path(), 1).await, [(job.to_owned(), Some(vec![7, 8, 7, 9]))]);
        if all_written {
            journal.all_written(job);
        }
        assert!(journal.removals(&stream("s"), 1).is_empty(), "it has no row of the segment 1");
        let removals = journal.removals(&stream("s"), 2);
        assert_eq!(shown(removals), [format!("{job} to 2 {all_written}")]);
        for removal in journal.removals(&stream("s"), 2) {
            journal.remove(removal).await.unwrap();
        }
        assert_eq!(left_in(folder.path(), 1).await, [(job.to_owned(), Some(kept))]);
        assert!(journal.removals(&stream("s"), 2).is_empty(), "it has gone already");
        assert_eq!(shown(journal.removals(&stream("s"), 3)), [format!("{job} to 3 {all_written}")]);
        assert_eq!(shown(journal.removals(&stream("s"), 5)), [job]);
        for removal in journal.removals(&stream("s"), 5) {
            journal.remove(removal).await.unwrap();
        }
        assert_eq!(left_in(folder.path(), 1).await, []);
        assert!(journal.removals(&stream("s"), 9).is_empty());
    }
}

#[tokio::test]
async fn an_entry_of_an_earlier_attempt_is_written_again_with_the_rows_that_are_left() {
    let folder = tempfile::TempDir::new().unwrap();
    let journal = in_folder(folder.path(), 1).await;
    let (one, other) = ("750Sim000000001AAA", "750Sim000000002AAA");
    journal.enter(&entry(one, &[(0, 7), (0, 8)])).await.unwrap();
    journal.enter(&entry(other, &[(0, 9)])).await.unwrap();
    journal.remove(Removal::Rewritten(Box::new(entry(one, &[(0, 8)])))).await.unwrap();
    assert_eq!(left_in(folder.path(), 1).await, [(one.to_owned(), Some(vec![8])), (other.to_owned(), Some(vec![9]))]);
    journal.remove(Removal::Rewritten(Box::new(entry(one, &[])))).await.unwrap();
    assert_eq!(left_in(folder.path(), 1).await, [(other.to_owned(), Some(vec![9]))]);
    journal.remove_left(other).await.unwrap();
    assert_eq!(left_in(folder.path(), 1).await, []);
}

#[tokio::test]
async fn an_entry_that_someone_else_changed_or_removed_is_of_no_use() {
    let folder = tempfile::TempDir::new().unwrap();
    let journal = in_folder(folder.path(), 1).await;
    let (changed, removed) = ("750Sim000000001AAA", "750Sim000000002AAA");
    let path = |job: &str| folder.path().join(FOLDER).join("1").join(format!("{job}.entry"));
    for job in [changed, removed] {
        journal.enter(&entry(job, &[(0, 7), (1, 8)])).await.unwrap();
    }
    std::fs::write(path(changed), "no entry").unwrap();
    std::fs::remove_file(path(removed)).unwrap();
    for removal in journal.removals(&stream("s"), 0) {
        journal.remove(removal).await.unwrap();
    }
    assert!(!path(changed).exists() && !path(removed).exists());
}

#[tokio::test]
async fn an_entry_under_the_name_of_another_job_is_not_believed() {
    let folder = tempfile::TempDir::new().unwrap();
    let journal = in_folder(folder.path(), 1).await;
    let (own, other) = ("750Sim000000001AAA", "750Sim000000002AAA");
    journal.enter(&entry(own, &[(0, 7)])).await.unwrap();
    let path = |job: &str| folder.path().join(FOLDER).join("1").join(format!("{job}.entry"));
    std::fs::copy(path(own), path(other)).unwrap();
    assert_eq!(left_in(folder.path(), 1).await, [(own.to_owned(), Some(vec![7])), (other.to_owned(), None)]);
}

#[tokio::test]
async fn the_end_of_a_sync_removes_its_entries_and_nothing_else() {
    let folder = tempfile::TempDir::new().unwrap();
    let (journal, other) = (in_folder(folder.path(), 1).await, in_folder(folder.path(), 12).await);
    let jobs = ["750Sim000000001AAA", "750Sim000000002", "750Sim000000003AAA"];
    journal.enter(&entry(jobs[0], &[(0, 7)])).await.unwrap();
    journal.enter(&entry(jobs[1], &[(0, 8)])).await.unwrap();
    other.enter(&entry(jobs[2], &[(0, 9)])).await.unwrap();
    let own = folder.path().join(FOLDER).join("1");
    let kept =
        ["notes.txt", "notes.entry", "750Sim00000000-AAA.entry", "750Sim0000000001AAA.entry"].map(|it| own.join(it));
    kept.iter().for_each(|path| std::fs::write(path, "of someone else").unwrap());
    journal.clear().await.unwrap();
    assert!(kept.iter().all(|path| path.exists()));
    assert_eq!(std::fs::read_dir(&own).unwrap().count(), kept.len());
    assert_eq!(left_in(folder.path(), 1).await, []);
    assert_eq!(left_in(folder.path(), 12).await, [(jobs[2].to_owned(), Some(vec![9]))]);
    assert!(journal.removals(&stream("s"), 9).is_empty());
}

#[tokio::test]
async fn a_job_that_was_not_closed_leaves_the_journal() {
    let folder = tempfile::TempDir::new().unwrap();
    let journal = in_folder(folder.path(), 1).await;
    journal.enter(&entry("750Sim000000001AAA", &[(0, 7)])).await.unwrap();
    journal.enter(&entry("750Sim000000002AAA", &[(0, 8)])).await.unwrap();
    journal.discard("750Sim000000001AAA").await;
    assert_eq!(left_in(folder.path(), 1).await, [("750Sim000000002AAA".to_owned(), Some(vec![8]))]);
    assert_eq!(shown(journal.removals(&stream("s"), 0)), ["750Sim000000002AAA"]);
}

/// A sync that removed all of them would keep its first state waiting.
#[tokio::test]
async fn a_sync_removes_a_hundred_entries_of_others() {
    let folder = tempfile::TempDir::new().unwrap();
    let of_other = folder.path().join(FOLDER).join("6");
    std::fs::create_dir_all(&of_other).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_hours(9 * 24);
    for number in 0..103 {
        let path = of_other.join(format!("750Sim000000{number:03}AAA.entry"));
        std::fs::File::create(path).unwrap().set_modified(old).unwrap();
    }
    for expected in [3, 0] {
        assert_eq!(left_in(folder.path(), 7).await, []);
        // A folder that is empty goes too.
        assert_eq!(std::fs::read_dir(&of_other).map_or(0, Iterator::count), expected);
    }
}

#[tokio::test]
async fn entries_lie_below_the_path_in_the_bucket() {
    for (path, folder) in [
        (json!(null), "_salesforce_journal/"),
        (json!("/"), "_salesforce_journal/"),
        (json!("data"), "data/_salesforce_journal/"),
        (json!("/data//salesforce/"), "data/salesforce/_salesforce_journal/"),
    ] {
        let storage = json!({
            "storage_type": "S3", "s3_bucket_name": "example-rejected-records", "s3_bucket_region": "us-east-1",
            "access_key_id": "key", "secret_access_key": "secret", "bucket_path": path,
        });
        let config = valid(&client(json!({"object_storage_config": storage})));
        let journal = Journal::open(config.journal_storage().unwrap(), 42).await.unwrap();
        assert_eq!(journal.folder, folder, "{path}");
        assert_eq!(journal.key("750Sim000000001AAA"), format!("{folder}42/750Sim000000001AAA.entry"));
    }
}

#[tokio::test]
async fn a_check_needs_a_place_to_write_to_and_leaves_nothing_there() {
    let folder = tempfile::TempDir::new().unwrap();
    let place = folder.path().join("rejected");
    let journal = in_folder(&place, 1).await;
    journal.probe().await.unwrap();
    assert!(!place.join(FOLDER).exists() || std::fs::read_dir(place.join(FOLDER)).unwrap().next().is_none());
    let file = folder.path().join("file");
    std::fs::write(&file, "of someone else").unwrap();
    assert!(in_folder(&file, 1).await.probe().await.is_err());
}
