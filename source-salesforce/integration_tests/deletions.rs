//! Deletions of incremental syncs: the source reports each, whatever the settings and the answers of the org.

use salesforce_sim::{Answer, Effect, Endpoint, Object, RequestFault, Settings};
use serde_json::{Value, json};

use crate::changes::{COLUMNS, accounts, add, ago, pass, sync, world, world_with};
use crate::connector::{Run, Signal};
use crate::world::{World, blocking, catalog, incremental, sorted};

/// The accounts without the column with the time of a deletion.
fn untold() -> Value {
    incremental(catalog(&[("Account", &COLUMNS[..4])]))
}

/// The ids of the records that a run says are gone for good, sorted.
pub(crate) fn gone(run: &Run, stream: &str) -> Vec<String> {
    let is_gone = |record: &&Value| record["_ab_cdc_deleted_at"].is_string() && record.get("Name").is_none();
    sorted(
        run.records(stream)
            .into_iter()
            .filter(is_gone)
            .map(|record| record["Id"].as_str().unwrap().to_owned())
            .collect(),
    )
}

/// An answer of `/deleted` with these records, deleted so many minutes ago.
pub(crate) fn answer(world: &World, records: &[(&str, i64)], covered: i64, earliest: i64) -> RequestFault {
    let records: Vec<Value> =
        records.iter().map(|(id, minutes)| json!({"id": id, "deletedDate": ago(world, *minutes)})).collect();
    let body = json!({
        "deletedRecords": records,
        "earliestDateAvailable": ago(world, earliest),
        "latestDateCovered": ago(world, covered),
    });
    RequestFault::new(Endpoint::Deleted, Effect::Answer(Answer::json(200, &body.to_string())))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_filter_no_longer_lets_through_is_gone_when_it_is_deleted() {
    let world = world().await;
    let [left, stays, back] = ["left", "stays", "back"].map(|name| add(&world, name));
    let changes = json!({"streams": [{"stream": "Account", "filter": "Name != 'x' OR Name = 'y'"}]});
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, changes.clone(), &accounts(), &mut states).await;
    world.org.update("Account", &left, &[("Name", "x")]);
    world.org.update("Account", &back, &[("Name", "x")]);
    [&left, &stays, &back].iter().for_each(|id| assert!(world.org.recycle("Account", id)));
    world.org.undelete("Account", &back);
    pass(&world, 5);
    let run = sync(&world, changes.clone(), &accounts(), &mut states).await;
    assert_eq!((gone(&run, "Account"), run.records("Account").len()), (vec![left], 2), "one is in the recycle bin");
    world.org.empty_recycle_bin("Account");
    pass(&world, 5);
    assert!(sync(&world, changes, &accounts(), &mut states).await.records("Account").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_are_told_of_the_time_in_which_the_column_was_deselected() {
    let world = world().await;
    let id = add(&world, "a");
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    let told = ago(&world, 1);
    pass(&world, 5);
    world.org.erase("Account", &id);
    for _ in 0..2 {
        pass(&world, 5);
        assert!(sync(&world, json!({}), &untold(), &mut states).await.records("Account").is_empty());
        assert_eq!(states[0]["stream"]["stream_state"]["deletions_through"], json!(told));
    }
    let purged = states.clone();
    // Without a new window too.
    assert_eq!(gone(&sync(&world, json!({}), &accounts(), &mut states).await, "Account"), [&*id]);
    assert!(states[0]["stream"]["stream_state"].get("deletions_through").is_none());
    pass(&world, 5);
    assert!(sync(&world, json!({}), &accounts(), &mut states).await.records("Account").is_empty());
    // What the org no longer knows is an error, and not silence.
    world.org.purge_deletions("Account");
    assert_eq!(world.read_on(json!({}), &accounts(), &purged).await.failure().0, "config_error");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_after_what_the_org_covers_are_told_by_a_later_sync() {
    let world = world().await;
    let [early, late, later] = ["early", "late", "later"].map(|name| add(&world, name));
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    pass(&world, 2);
    world.org.erase("Account", &early);
    pass(&world, 4);
    [&late, &later].iter().for_each(|id| assert!(world.org.erase("Account", id)));
    pass(&world, 4);
    // One of them commits late, so the answer does not have it yet.
    world.org.inject(answer(&world, &[(&early, 8), (&later, 4)], 6, 9_000));
    let connector = world.start_read(json!({}), &accounts(), &states);
    // A kill after the first page does not pass the other.
    let killed = blocking(move || connector.kill_at_state(4)).await;
    let mut after = killed.last_states();
    let rest = sync(&world, json!({}), &accounts(), &mut after).await;
    let mut told = gone(&killed, "Account");
    told.extend(gone(&rest, "Account"));
    assert_eq!(crate::world::distinct(told), sorted(vec![early.clone(), late.clone(), later.clone()]));

    world.org.inject(answer(&world, &[(&early, 8), (&later, 4)], 6, 9_000));
    assert_eq!(gone(&sync(&world, json!({}), &accounts(), &mut states).await, "Account"), [&*early]);
    assert_eq!(states[0]["stream"]["stream_state"]["deletions_through"], json!(ago(&world, 6)));
    // No window is new, and the source reports the deletions all the same.
    assert_eq!(gone(&sync(&world, json!({}), &accounts(), &mut states).await, "Account"), sorted(vec![late, later]));
    assert!(states[0]["stream"]["stream_state"].get("deletions_through").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_no_longer_has_all_deletions_is_an_error() {
    let world = world().await;
    add(&world, "a");
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    pass(&world, 10);
    world.org.inject(answer(&world, &[], 0, 10));
    let run = world.read_on(json!({}), &accounts(), &states).await;
    let (kind, message) = run.failure();
    assert!(kind == "config_error" && message.contains("no longer knows which records of Account"), "{message}");
    world.org.inject(answer(&world, &[], 0, 11));
    sync(&world, json!({}), &accounts(), &mut states).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_with_too_many_deletions_are_read_one_after_the_other_and_each_deletion_is_told_once() {
    let world = world_with(Settings { max_replicated_ids: 4, ..Settings::default() }).await;
    let ids: Vec<String> = (0..12)
        .map(|number| {
            pass(&world, 1);
            add(&world, &format!("{number}"))
        })
        .collect();
    let mut begin = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut begin).await;
    for id in &ids {
        pass(&world, 1);
        world.org.erase("Account", id);
    }
    pass(&world, 3);
    let mut states = begin.clone();
    let run = sync(&world, json!({}), &accounts(), &mut states).await;
    let told = run.column("Account", "Id");
    assert_eq!(told, ids, "from old to new");
    assert!(states[0]["stream"]["stream_state"].get("deletions_through").is_none(), "{states}");
    assert!(sync(&world, json!({}), &accounts(), &mut states).await.records("Account").is_empty());
    let calls: Vec<Endpoint> = world.org.requests().iter().map(|request| request.endpoint).collect();
    let of_kept = calls.iter().rposition(|endpoint| *endpoint == Endpoint::QueryAll).unwrap();
    let before = calls[..of_kept].iter().rposition(|endpoint| *endpoint == Endpoint::Deleted).unwrap();
    assert!(calls[..before].contains(&Endpoint::QueryAll), "a span is written before the next is asked for");
    // A kill between two spans, or in one, repeats a page at most.
    for nth_state in 1..=8 {
        let connector = world.start_read(json!({"api": "bulk", "max_page_rows": 2}), &accounts(), &begin);
        let killed = blocking(move || connector.kill_at_state(nth_state)).await;
        let mut states = killed.last_states();
        let rest = sync(&world, json!({"api": "bulk", "max_page_rows": 2}), &accounts(), &mut states).await;
        let mut told = killed.column("Account", "Id");
        told.extend(rest.column("Account", "Id"));
        assert!(told.len() <= 14, "{nth_state}: {told:?}");
        assert_eq!(crate::world::distinct(told), sorted(ids.clone()), "{nth_state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_deletions_in_two_minutes_are_an_error_that_names_them() {
    let world = world_with(Settings { max_replicated_ids: 4, ..Settings::default() }).await;
    let ids: Vec<String> = (0..5)
        .map(|number| {
            pass(&world, 1);
            add(&world, &format!("{number}"))
        })
        .collect();
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    pass(&world, 5);
    ids.iter().for_each(|id| assert!(world.org.erase("Account", id)));
    let minute = world.org.now();
    pass(&world, 5);
    let run = world.read_on(json!({}), &accounts(), &states).await;
    let (kind, message) = run.failure();
    let (_, span) = message.split_once("were deleted between ").unwrap();
    let times: Vec<jiff::Timestamp> = span.split(' ').step_by(2).take(2).map(|time| time.parse().unwrap()).collect();
    let minute = jiff::Timestamp::from_second(minute).unwrap();
    assert!(kind == "config_error" && message.contains("Clear the data of the stream"), "{message}");
    assert!(message.contains("More records of Account") && (times[0]..times[1]).contains(&minute), "{message}");
    let mut cleared = json!([]);
    sync(&world, json!({}), &accounts(), &mut cleared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_without_a_stamp_of_changes_are_read_by_their_creation_and_by_their_login() {
    let world = world_with(Settings {
        objects: vec![
            Object::standard("AccountHistory", "017")
                .field(salesforce_sim::Field::text("Field", 40))
                .read_only()
                .without("SystemModstamp")
                .without("LastModifiedDate")
                .without("LastModifiedById"),
        ],
        ..Settings::default()
    })
    .await;
    let histories = incremental(catalog(&[("AccountHistory", &["Id", "CreatedDate", "_ab_cdc_deleted_at"])]));
    let logins = incremental(catalog(&[("LoginHistory", &["Id", "LoginTime", "Status"])]));
    let insert_login = |status: &str| {
        let time = ago(&world, 0);
        world.org.insert("LoginHistory", &[("LoginTime", &*time), ("Status", status)]).unwrap()
    };
    let (mut of_histories, mut of_logins) = (json!([]), json!([]));
    let old = world.org.insert("AccountHistory", &[("Field", "Old")]).unwrap();
    insert_login("one");
    pass(&world, 20);
    let run = sync(&world, json!({}), &histories, &mut of_histories).await;
    assert_eq!(run.column("AccountHistory", "Id"), [&*old]);
    assert_eq!(sync(&world, json!({}), &logins, &mut of_logins).await.column("LoginHistory", "Status"), ["one"]);
    assert_eq!(of_histories[0]["stream"]["stream_state"]["cursor"], "CreatedDate");
    assert_eq!(of_logins[0]["stream"]["stream_state"]["cursor"], "LoginTime");

    let new = world.org.insert("AccountHistory", &[("Field", "New")]).unwrap();
    let brief = world.org.insert("AccountHistory", &[("Field", "Brief")]).unwrap();
    insert_login("two");
    pass(&world, 5);
    // The record is in the recycle bin, which does not move its creation: it is gone like one that no query finds.
    [&old, &brief].iter().for_each(|id| assert!(world.org.recycle("AccountHistory", id)));
    let deleted_at = ago(&world, 0).replace('Z', ".000Z");
    pass(&world, 15);
    let run = sync(&world, json!({}), &histories, &mut of_histories).await;
    let deleted = |record: &&&Value| record["_ab_cdc_deleted_at"].is_string();
    let records = run.records("AccountHistory");
    let (gone, there): (Vec<&&Value>, Vec<&&Value>) = records.iter().partition(deleted);
    assert_eq!(there.iter().map(|record| &record["Id"]).collect::<Vec<_>>(), [&json!(new)]);
    assert_eq!(
        sorted(gone.iter().map(|record| record["Id"].as_str().unwrap().to_owned()).collect()),
        sorted(vec![old, brief])
    );
    assert!(gone.iter().all(|record| record["_ab_cdc_deleted_at"] == json!(deleted_at)), "{gone:?}");
    assert_eq!(sync(&world, json!({}), &logins, &mut of_logins).await.column("LoginHistory", "Status"), ["two"]);
}

/// Its records do not say that they are in a recycle bin: those that a query finds are there.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_an_object_without_a_recycle_bin_that_is_there_again_is_not_gone() {
    let plain = Object::custom("Plain__c").without("IsDeleted");
    let world = world_with(Settings { objects: vec![plain], ..Settings::default() }).await;
    let catalog = incremental(catalog(&[("Plain__c", &["Id", "Name", "SystemModstamp", "_ab_cdc_deleted_at"])]));
    let [there, erased] = ["there", "erased"].map(|name| world.org.insert("Plain__c", &[("Name", name)]).unwrap());
    let mut states = json!([]);
    pass(&world, 5);
    assert_eq!(sync(&world, json!({}), &catalog, &mut states).await.records("Plain__c").len(), 2);
    pass(&world, 5);
    assert!(world.org.erase("Plain__c", &erased));
    pass(&world, 5);
    world.org.inject(answer(&world, &[(&there, 5), (&erased, 5)], 1, 9_000));
    let run = sync(&world, json!({}), &catalog, &mut states).await;
    assert_eq!((gone(&run, "Plain__c"), run.records("Plain__c").len()), (vec![erased], 1));
}

/// The row of a record that is in the recycle bin again is in the next window, and it can be gone before that is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_deleted_again_after_the_window_is_told_in_it() {
    let world = world().await;
    let id = add(&world, "a");
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    world.org.recycle("Account", &id);
    pass(&world, 5);
    assert!(world.org.undelete("Account", &id) && world.org.recycle("Account", &id));
    world.org.inject(answer(&world, &[(&id, 5)], 1, 9_000));
    let run = sync(&world, json!({}), &accounts(), &mut states).await;
    assert_eq!(gone(&run, "Account"), [&*id], "no row of this window says so");
}

/// A window begins with its first moment, and ends before its last.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_in_the_recycle_bin_is_told_once_by_the_window_that_has_its_stamp() {
    let world = world().await;
    let (id, mut states) = (add(&world, "a"), json!([]));
    pass(&world, 5);
    assert!(world.org.recycle("Account", &id));
    pass(&world, 1);
    sync(&world, json!({}), &accounts(), &mut states).await;
    pass(&world, 5);
    let run = sync(&world, json!({}), &accounts(), &mut states).await;
    assert_eq!(run.column("Account", "Name"), ["a"], "the first moment");

    pass(&world, 5);
    assert!(world.org.undelete("Account", &id) && world.org.recycle("Account", &id));
    pass(&world, 1);
    world.org.inject(answer(&world, &[(&id, 3)], 1, 9_000));
    let run = sync(&world, json!({}), &accounts(), &mut states).await;
    assert_eq!(run.records("Account").len(), 1);
    assert_eq!(gone(&run, "Account"), [&*id], "the last moment is one of the next window");
}

/// The rows of the window were those of another filter.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_changes_between_the_rows_and_the_deletions_of_a_window_loses_no_deletion() {
    let world = world().await;
    let id = add(&world, "a");
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    assert!(world.org.recycle("Account", &id));
    pass(&world, 5);
    let filtered = json!({"streams": [{"stream": "Account", "filter": "Name != 'a'"}]});
    world
        .org
        .inject(RequestFault::new(Endpoint::Deleted, Effect::Answer(Answer::error(403, "INSUFFICIENT_ACCESS", "no"))));
    let failed = world.read_on(filtered.clone(), &accounts(), &states).await;
    assert!(failed.records("Account").is_empty() && failed.exit_code != 0);
    let left = failed.last_states();
    assert!(left[0]["stream"]["stream_state"]["window"].get("deletions").is_some(), "{left}");
    for changes in [json!({}), filtered] {
        let mut states = left.clone();
        let run = sync(&world, changes.clone(), &accounts(), &mut states).await;
        assert_eq!(gone(&run, "Account"), [&*id], "{changes}");
    }
}

/// An org that does not name deletions is one whose stream cannot tell them, and never one without deletions.
#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_does_not_name_deletions_is_an_error_that_says_what_to_do() {
    let world = world().await;
    add(&world, "a");
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    pass(&world, 5);
    let deselect = "Deselect the column `_ab_cdc_deleted_at`";
    for (status, code, kind, part) in [
        (400, "INVALID_TYPE", "config_error", deselect),
        (404, "NOT_FOUND", "config_error", deselect),
        (400, "SOMETHING_NEW", "config_error", deselect),
        (400, "INVALID_REPLICATION_DATE", "config_error", "no longer knows which records of Account were deleted"),
        (403, "INSUFFICIENT_ACCESS", "config_error", "which records of Account were deleted"),
    ] {
        world.org.inject(RequestFault::new(Endpoint::Deleted, Effect::Answer(Answer::error(status, code, "no"))));
        let run = world.read_on(json!({}), &accounts(), &states).await;
        let (found, message) = run.failure();
        assert!(found == kind && message.contains(part), "{code}: {found} {message}");
    }
}

/// The ids of deleted records have no room beside a filter that is so long, so each deletion is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_filter_loses_no_deletion() {
    for (more, rows) in [(0, 1), (400, 2)] {
        let world = world().await;
        let [left, stays] = ["left", "stays"].map(|name| add(&world, name));
        let filter = format!("Name != 'x'{}", " AND Name != 'another'".repeat(more));
        let changes = json!({"api": "bulk", "streams": [{"stream": "Account", "filter": filter}]});
        let mut states = json!([]);
        pass(&world, 5);
        sync(&world, changes.clone(), &accounts(), &mut states).await;
        world.org.update("Account", &left, &[("Name", "x")]);
        [&left, &stays].iter().for_each(|id| assert!(world.org.recycle("Account", id)));
        pass(&world, 5);
        let run = sync(&world, changes, &accounts(), &mut states).await;
        let told = gone(&run, "Account");
        assert!(told.contains(&left), "{more}: {told:?}");
        assert_eq!(told.len(), rows, "{more}: told twice rather than not at all");
    }
}

/// The platform has its rows, also where the next sync begins from the start again.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_first_window_that_never_ended_is_told_when_it_is_deleted() {
    for (api, kind, nth) in [("bulk", "STATE", 3), ("rest", "STATE", 2), ("rest", "RECORD", 1)] {
        let world = world().await;
        // More than a pipe holds.
        (0..2_000).for_each(|number| drop(add(&world, &number.to_string())));
        pass(&world, 5);
        let config = |start: &str| json!({"api": api, "max_page_rows": 200, "start_date": start});
        let connector = world.start_read(config("2024-01-01"), &accounts(), &json!([]));
        let killed = blocking(move || connector.end_at(kind, nth, Signal::Kill)).await;
        let mut states = killed.last_states();
        assert!(states[0]["stream"]["stream_state"]["through"].is_null(), "{states}");
        let id = killed.records("Account")[0]["Id"].as_str().unwrap().to_owned();
        world.org.erase("Account", &id);
        pass(&world, 5);
        let run = sync(&world, config("2020-01-01"), &accounts(), &mut states).await;
        assert_eq!(gone(&run, "Account"), [id], "{api} {kind}");
    }
}
