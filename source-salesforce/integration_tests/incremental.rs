//! Incremental syncs: what changed, and what is gone.

use salesforce_sim::{Answer, Effect, Endpoint, Field, Object, QueryJobFault, RequestFault, Settings};
use serde_json::{Value, json};

use crate::changes::{self, accounts, add, ago, pass, world};
use crate::connector::Run;
use crate::world::{World, blocking, catalog, incremental, sorted};

/// The time of the org, as a state has it.
fn now(world: &World) -> Value {
    json!(ago(world, 0))
}

/// One sync from the state of the sync before.
async fn sync(world: &World, states: &mut Value) -> Run {
    sync_of(world, json!({}), &accounts(), states).await
}

async fn sync_of(world: &World, changes: Value, catalog: &Value, states: &mut Value) -> Run {
    let run = changes::sync(world, changes, catalog, states).await;
    assert_eq!(run.statuses("Account").last(), Some(&"COMPLETE"));
    run
}

/// The names of the records of a run, sorted. A record that is gone for good has none.
fn names(run: &Run) -> Vec<String> {
    sorted(run.column("Account", "Name"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_commits_late_is_in_the_next_window() {
    let world = world().await;
    let mut states = json!([]);
    add(&world, "a");
    pass(&world, 5);
    assert_eq!(names(&sync(&world, &mut states).await), ["a"]);
    assert_eq!(states[0]["stream"]["stream_state"]["through"], ago(&world, 1));

    let transaction = world.org.begin_transaction();
    let began = now(&world);
    pass(&world, 1);
    transaction.insert("Account", &[("Name", "late")]).unwrap();
    pass(&world, 20);
    add(&world, "b");
    pass(&world, 5);
    let run = sync(&world, &mut states).await;
    assert!(names(&run).is_empty(), "nothing after the beginning of the transaction is sure to be complete");
    assert_eq!(states[0]["stream"]["stream_state"]["through"], began);
    let run = sync(&world, &mut states).await;
    assert_eq!(run.states("Account").len(), 1, "a sync without a window has a state all the same");
    assert_eq!(states[0]["stream"]["stream_state"]["through"], began);

    transaction.commit();
    assert_eq!(names(&sync(&world, &mut states).await), ["b", "late"]);
    assert!(names(&sync(&world, &mut states).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_changes_while_its_window_is_read_is_in_the_next() {
    let world = World::kind().await;
    world.org.stop_clock();
    let id = add(&world, "a");
    pass(&world, 5);
    // The window is closed, and its records are counted, when the record changes.
    let (fault, hold) = {
        let hold = salesforce_sim::Hold::default();
        (RequestFault::new(Endpoint::QueryJobCreate, Effect::Held(hold.clone())), hold)
    };
    world.org.inject(fault);
    let connector = world.start_read(json!({"api": "bulk"}), &accounts(), &json!([]));
    let reading = tokio::spawn(blocking(move || connector.wait()));
    hold.reached().await;
    world.org.update("Account", &id, &[("Name", "a2")]);
    hold.release();
    let run = reading.await.unwrap();
    run.assert_success();
    let mut states = run.last_states();
    pass(&world, 5);
    let next = sync(&world, &mut states).await;
    assert_eq!(next.column("Account", "Name"), ["a2"], "its stamp is in the next window");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_records_are_rows_whether_they_are_in_the_recycle_bin_or_not() {
    let world = world().await;
    let [stays, recycled, erased, purged, back] =
        ["stays", "recycled", "erased", "purged", "back"].map(|name| add(&world, name));
    let mut states = json!([]);
    pass(&world, 5);
    let first = sync(&world, &mut states).await;
    assert_eq!(names(&first), ["back", "erased", "purged", "recycled", "stays"]);
    for record in first.records("Account") {
        assert_eq!((&record["IsDeleted"], &record["_ab_cdc_deleted_at"]), (&json!(false), &Value::Null));
    }
    world.org.recycle("Account", &purged);
    world.org.empty_recycle_bin("Account");
    world.org.recycle("Account", &recycled);
    world.org.recycle("Account", &back);
    world.org.erase("Account", &erased);
    let deleted_at = now(&world).as_str().unwrap().replace('Z', ".000Z");
    pass(&world, 5);
    world.org.undelete("Account", &back);
    pass(&world, 5);

    let run = sync(&world, &mut states).await;
    let mut told: Vec<_> = run
        .records("Account")
        .iter()
        .map(|record| {
            (record["Id"].as_str().unwrap().to_owned(), record["_ab_cdc_deleted_at"].clone(), (*record).clone())
        })
        .collect();
    told.sort_by_key(|(id, ..)| [&stays, &recycled, &erased, &purged, &back].iter().position(|known| *known == id));
    let ids: Vec<&String> = told.iter().map(|(id, ..)| id).collect();
    assert_eq!(ids, [&recycled, &erased, &purged, &back], "each once");
    for (id, at, record) in &told[..3] {
        assert_eq!((at, &record["IsDeleted"]), (&json!(deleted_at), &json!(true)), "{id}");
        assert_eq!(record["SystemModstamp"], json!(deleted_at), "a destination takes the row with the latest cursor");
    }
    assert_eq!(told[0].2["Name"], "recycled", "a record in the recycle bin has its values");
    assert_eq!(told[1].2.as_object().unwrap().len(), 4, "and one that is gone has none: {}", told[1].2);
    assert_eq!((&told[3].1, &told[3].2["Name"]), (&Value::Null, &json!("back")));
    assert!(sync(&world, &mut states).await.records("Account").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_column_that_shows_it_no_deleted_record_is_read() {
    let world = world().await;
    let [gone, erased] = ["gone", "erased"].map(|name| add(&world, name));
    let plain = incremental(catalog(&[("Account", &["Id", "Name", "SystemModstamp"])]));
    let flagged = incremental(catalog(&[("Account", &["Id", "Name", "IsDeleted"])]));
    let (mut states, mut of_flagged) = (json!([]), json!([]));
    pass(&world, 5);
    sync_of(&world, json!({}), &plain, &mut states).await;
    sync_of(&world, json!({}), &flagged, &mut of_flagged).await;
    world.org.recycle("Account", &gone);
    world.org.erase("Account", &erased);
    pass(&world, 5);
    assert!(sync_of(&world, json!({}), &plain, &mut states).await.records("Account").is_empty());
    assert_eq!(names(&sync_of(&world, json!({}), &flagged, &mut of_flagged).await), ["gone"]);
    let calls = world.org.requests();
    assert!(calls.iter().all(|request| request.endpoint != Endpoint::Deleted), "nobody wants to know");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_vouches_for_nothing_is_read_up_to_ten_minutes_ago() {
    let plain = Object::custom("Plain__c").without_replication().without("SystemModstamp");
    let world = World::with(Settings { objects: vec![plain], ..Settings::default() }).await;
    world.org.stop_clock();
    let plain = incremental(catalog(&[("Plain__c", &["Id", "Name", "IsDeleted", "_ab_cdc_deleted_at"])]));
    let id = world.org.insert("Plain__c", &[("Name", "old")]).unwrap();
    pass(&world, 11);
    world.org.insert("Plain__c", &[("Name", "young")]).unwrap();
    pass(&world, 1);
    let run = world.read(json!({}), &plain).await;
    run.assert_success();
    assert_eq!(run.column("Plain__c", "Name"), ["old"]);
    pass(&world, 30);
    world.org.recycle("Plain__c", &id);
    pass(&world, 11);
    let run = world.read_on(json!({}), &plain, &run.last_states()).await;
    run.assert_success();
    assert_eq!(sorted(run.column("Plain__c", "Name")), ["old", "young"], "a deletion moves LastModifiedDate too");

    // Nor does an org whose answer has no value, or is refused.
    for (name, fault) in [
        ("no value", RequestFault::new(Endpoint::Updated, Effect::Answer(Answer::json(200, r#"{"ids":[]}"#)))),
        ("refused", RequestFault::new(Endpoint::Updated, Effect::Answer(Answer::error(400, "API_ERROR", "no")))),
    ] {
        let world = World::kind().await;
        world.org.stop_clock();
        add(&world, "old");
        pass(&world, 11);
        add(&world, "young");
        pass(&world, 1);
        world.org.inject(fault);
        assert_eq!(names(&sync(&world, &mut json!([])).await), ["old"], "{name}");
    }
}

/// The margin can pass the beginning of a transaction that the last sync has waited for.
#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_no_longer_vouches_for_a_boundary_is_an_error() {
    let no_value = Answer::json(200, r#"{"ids":[]}"#);
    let refused = Answer::error(400, "API_ERROR", "no");
    let hidden = Answer::error(403, "INSUFFICIENT_ACCESS", "no");
    for answer in [no_value, refused, hidden, Answer::error(404, "NOT_FOUND", "no")] {
        let world = World::kind().await;
        world.org.stop_clock();
        pass(&world, 5);
        let transaction = world.org.begin_transaction();
        transaction.insert("Account", &[("Name", "late")]).unwrap();
        pass(&world, 30);
        let mut states = json!([]);
        assert!(names(&sync(&world, &mut states).await).is_empty(), "the transaction is waited for");
        world.org.inject(RequestFault::new(Endpoint::Updated, answer.clone()));
        let run = world.read_on(json!({}), &accounts(), &states).await;
        let (kind, message) = run.failure();
        let words = "no longer says up to when the changes of Account are complete";
        assert!(kind == "transient_error" && message.contains(words), "{answer:?}: {message}");
        transaction.commit();
        assert_eq!(names(&sync(&world, &mut states).await), ["late"], "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_whose_answers_have_no_time_is_an_error() {
    // The server of the org adds a header that is not there, so the test has one that is no time.
    let plain = Object::custom("Plain__c").without_replication();
    let world = World::with(Settings { objects: vec![plain], ..Settings::default() }).await;
    let plain = incremental(catalog(&[("Plain__c", &["Id"])]));
    for catalog in [accounts(), plain] {
        world
            .org
            .inject(RequestFault::new(Endpoint::Versions, Effect::Header("Date".into(), Some("?".into()))).always());
        let run = world.read(json!({}), &catalog).await;
        let (kind, message) = run.failure();
        assert!(kind == "transient_error" && message.contains("do not have its time"), "{message}");
        world.org.clear_faults();
        world.read(json!({}), &catalog).await.assert_success();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_date_that_is_later_than_the_state_skips_nothing() {
    let world = world().await;
    let mut states = json!([]);
    add(&world, "a");
    pass(&world, 5);
    sync(&world, &mut states).await;
    add(&world, "b");
    pass(&world, 5);
    let later = json!({"start_date": now(&world)});
    add(&world, "c");
    pass(&world, 5);
    assert_eq!(names(&sync_of(&world, later, &accounts(), &mut states).await), ["b", "c"]);
    assert!(names(&sync(&world, &mut states).await).is_empty());
}

/// The records that the destination has may be gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_read_from_an_earlier_start_tells_what_was_deleted_since() {
    let world = world().await;
    let gone = add(&world, "gone");
    add(&world, "a");
    pass(&world, 5);
    let mut states = json!([]);
    sync_of(&world, json!({"start_date": "2024-01-01"}), &accounts(), &mut states).await;
    world.org.erase("Account", &gone);
    pass(&world, 5);
    let run = sync_of(&world, json!({"start_date": "2020-01-01"}), &accounts(), &mut states).await;
    assert_eq!(names(&run), ["", "a"]);
    let deleted = run.records("Account").into_iter().find(|record| record["Id"] == json!(gone)).unwrap();
    assert!(deleted["_ab_cdc_deleted_at"].is_string(), "{deleted}");
    assert!(
        sync_of(&world, json!({"start_date": "2020-01-01"}), &accounts(), &mut states)
            .await
            .records("Account")
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_from_a_state_of_airbytes_own_source() {
    let world = world().await;
    let at = |minutes: i64| {
        let time = jiff::Timestamp::from_second(world.org.now() + minutes * 60).unwrap();
        time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
    };
    let state = |state: Value| json!([{"type": "STREAM", "stream": {"stream_descriptor": {"name": "Account"}, "stream_state": state}}]);
    let slices = state(json!({"slices": [{"start": at(-9_000), "end": at(30)}], "state_type": "date-range"}));
    let older = state(json!({"SystemModstamp": at(30)}));
    add(&world, "before");
    let gone = add(&world, "gone");
    pass(&world, 25);
    add(&world, "within its lookback");
    pass(&world, 10);
    add(&world, "after");
    world.org.erase("Account", &gone);
    pass(&world, 5);
    let deselected = json!({"start_date": at(-9_000)});
    for states in [slices, older] {
        let mut states = states;
        let run = sync_of(&world, deselected.clone(), &accounts(), &mut states).await;
        assert_eq!(names(&run), ["", "after", "within its lookback"], "one is gone for good");
        assert_eq!(
            states[0]["stream"]["stream_state"]["through"],
            ago(&world, 1),
            "the state is one of this connector now"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn start_date_and_lookback_of_airbytes_own_source_are_kept() {
    let world = world().await;
    add(&world, "too old");
    pass(&world, 10);
    let start = now(&world);
    add(&world, "a");
    pass(&world, 10);
    let changes = json!({"start_date": start, "lookback_window": "PT15M"});
    let mut states = json!([]);
    assert_eq!(names(&sync_of(&world, changes.clone(), &accounts(), &mut states).await), ["a"]);
    pass(&world, 1);
    assert_eq!(names(&sync_of(&world, changes, &accounts(), &mut states).await), ["a"], "it is read again");
    assert!(names(&sync_of(&world, json!({"start_date": start}), &accounts(), &mut states).await).is_empty());
    // An earlier start, and then none, read what is older.
    for changes in [json!({"start_date": "2020-01-01"}), json!({})] {
        let run = sync_of(&world, changes.clone(), &accounts(), &mut states).await;
        assert_eq!(names(&run), ["a", "too old"], "{changes}");
    }
    assert!(names(&sync(&world, &mut states).await).is_empty());
    for (key, value) in [("start_date", "last year"), ("lookback_window", "ten minutes"), ("lookback_window", "-PT5M")]
    {
        let run = world.read(json!({key: value}), &accounts()).await;
        let (kind, message) = run.failure();
        assert!(kind == "config_error" && message.contains(key), "{message}");
    }
}

/// What has changed since is not lost: it comes when the date is later, or is removed.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_date_of_airbytes_own_source_is_where_syncs_stop() {
    let world = world().await;
    let gone = add(&world, "gone");
    add(&world, "a");
    pass(&world, 10);
    let mut states = json!([]);
    sync(&world, &mut states).await;
    add(&world, "b");
    pass(&world, 10);
    let end = now(&world);
    let until = json!({"end_date": end});
    add(&world, "c");
    world.org.erase("Account", &gone);
    pass(&world, 10);
    assert_eq!(names(&sync_of(&world, until.clone(), &accounts(), &mut states).await), ["b"]);
    let run = sync_of(&world, until.clone(), &accounts(), &mut states).await;
    assert!(names(&run).is_empty() && run.log().iter().any(|line| line.contains("no window to read")));
    let run = sync(&world, &mut states).await;
    assert_eq!(names(&run), ["", "c"]);
    assert!(run.column("Account", "Id").contains(&gone), "the deletion is told once a sync comes to it");
    // A full refresh has no end.
    let whole = world.read(until, &catalog(&[("Account", &["Name"])])).await;
    assert_eq!(names(&whole), ["a", "b", "c"]);
}

/// A date with seconds is one of the whole minute, so that no part of a minute waits for its deletions for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_date_that_is_older_than_the_deletions_that_salesforce_keeps_can_move() {
    let world = world().await;
    add(&world, "old");
    pass(&world, 30 * 24 * 60);
    let end = ago(&world, 20 * 24 * 60).replace(":00Z", ":30Z");
    let gone = add(&world, "gone");
    add(&world, "new");
    pass(&world, 10);
    let mut states = json!([]);
    assert_eq!(names(&sync_of(&world, json!({"end_date": end}), &accounts(), &mut states).await), ["old"]);
    world.org.erase("Account", &gone);
    for _ in 0..2 {
        pass(&world, 10 * 24 * 60);
        let run = sync_of(&world, json!({"end_date": end}), &accounts(), &mut states).await;
        assert!(names(&run).is_empty(), "nothing waits, however often it syncs");
    }
    let mut states = json!([]);
    sync_of(&world, json!({"end_date": end}), &accounts(), &mut states).await;
    let lost = add(&world, "lost");
    pass(&world, 5);
    world.org.erase("Account", &lost);
    pass(&world, 5);
    let run = sync(&world, &mut states).await;
    assert_eq!(names(&run), ["", "new"], "only what was deleted since the first sync is told");
    assert!(run.column("Account", "Id").contains(&lost));
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_that_the_org_no_longer_knows_are_an_error() {
    let world = world().await;
    let id = add(&world, "a");
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, &mut states).await;
    pass(&world, 5);
    world.org.erase("Account", &id);
    pass(&world, 5);
    world.org.purge_deletions("Account");
    let run = world.read_on(json!({}), &accounts(), &states).await;
    let (kind, message) = run.failure();
    assert!(kind == "config_error" && message.contains("no longer knows which records of Account"), "{message}");
    assert_eq!(run.statuses("Account").last(), Some(&"INCOMPLETE"));
    let again = world.read_on(json!({}), &accounts(), &run.last_states()).await;
    assert_eq!(again.failure().0, "config_error", "it does not pass by itself");
    let plain = incremental(catalog(&[("Account", &["Id", "Name", "SystemModstamp"])]));
    world.read_on(json!({}), &plain, &run.last_states()).await.assert_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_with_too_many_changes_are_made_shorter() {
    let world = World::with(Settings { max_replicated_ids: 4, ..Settings::default() }).await;
    world.org.stop_clock();
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, &mut states).await;
    let ids: Vec<String> = (0..12)
        .map(|number| {
            pass(&world, 2);
            add(&world, &format!("record {number}"))
        })
        .collect();
    pass(&world, 3);
    let run = sync(&world, &mut states).await;
    assert_eq!(run.records("Account").len(), 12);
    assert_eq!(states[0]["stream"]["stream_state"]["through"], ago(&world, 1), "the org still vouches for it");
    for id in &ids {
        pass(&world, 2);
        world.org.erase("Account", id);
    }
    pass(&world, 3);
    let run = sync(&world, &mut states).await;
    assert_eq!(sorted(run.column("Account", "Id")), sorted(ids));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_a_window_repeats_at_most_one_page() {
    const PAGE: usize = 3;
    let world = world().await;
    let gone: Vec<String> = (0..10).map(|number| add(&world, &format!("gone {number}"))).collect();
    let mut begin = json!([]);
    pass(&world, 5);
    sync(&world, &mut begin).await;
    (0..10).for_each(|number| drop(add(&world, &format!("new {number}"))));
    gone.iter().for_each(|id| assert!(world.org.erase("Account", id)));
    pass(&world, 5);
    let changes = json!({"api": "bulk", "max_page_rows": PAGE});
    for nth_state in 1..=9 {
        let connector = world.start_read(changes.clone(), &accounts(), &begin);
        let killed = blocking(move || connector.kill_at_state(nth_state)).await;
        // The next attempt reads the rest of the window, and then what has come since.
        let mut states = killed.last_states();
        let resumed = sync_of(&world, changes.clone(), &accounts(), &mut states).await;
        let mut ids = killed.column("Account", "Id");
        ids.extend(resumed.column("Account", "Id"));
        let all = ids.len();
        let ids = crate::world::distinct(ids);
        assert_eq!(ids.len(), 20, "{nth_state}");
        assert!(all <= 20 + PAGE, "{nth_state}: {all} rows");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_leaves_its_state_on_proof_alone() {
    let world = World::kind().await;
    world.org.stop_clock();
    (0..25).for_each(|number| drop(add(&world, &format!("{number}"))));
    pass(&world, 5);
    world.org.inject(QueryJobFault::row_left_out("Account"));
    let changes = json!({"api": "bulk", "max_page_rows": 10});
    let run = world.read(changes.clone(), &accounts()).await;
    let (kind, _) = run.failure();
    assert_eq!((kind, run.statuses("Account").last()), ("transient_error", Some(&"INCOMPLETE")));
    let state = run.states("Account").last().unwrap().0;
    assert!(state.get("window").is_none() && state.get("through").is_none(), "the state is taken back: {state}");
    let mut states = run.last_states();
    assert_eq!(sync_of(&world, changes, &accounts(), &mut states).await.records("Account").len(), 25);
}

/// Records of a closed window can only go, so that more of them after than are found is a lost row.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_with_more_records_after_than_are_found_is_read_again() {
    for times in [1, 3] {
        let world = World::kind().await;
        world.org.stop_clock();
        (0..4).for_each(|number| drop(add(&world, &format!("{number}"))));
        pass(&world, 5);
        let count =
            |count: usize| Answer::json(200, &json!({"totalSize": count, "done": true, "records": []}).to_string());
        // The first query tries the condition of the stream. Then the window is counted, and counted again at each doubt.
        world.org.inject(RequestFault::new(Endpoint::QueryAll, count(6)).starting_at(2));
        world.org.inject(RequestFault::new(Endpoint::QueryAll, count(5)).starting_at(3).times(times));
        let run = world.read(json!({"api": "bulk"}), &accounts()).await;
        if times == 1 {
            run.assert_success();
            assert_eq!(run.records("Account").len(), 4);
            assert_eq!(world.org.query_jobs().len(), 2, "another job decides");
        } else {
            let (kind, message) = run.failure();
            let words = "the query finds 4 records, and Salesforce counts 6 before and 5 after";
            assert!(kind == "transient_error" && message.contains(words), "{message}");
            assert!(run.records("Account").is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_whose_job_is_gone_is_counted_before_it_is_read_again() {
    let world = World::kind().await;
    world.org.stop_clock();
    (0..25).for_each(|number| drop(add(&world, &format!("{number}"))));
    pass(&world, 5);
    let changes = json!({"api": "bulk", "max_page_rows": 10});
    let whole = world.read(changes.clone(), &accounts()).await;
    let mut states = whole.last_states();
    states[0]["stream"]["stream_state"] = whole.states("Account")[1].0.clone();
    let reading = &mut states[0]["stream"]["stream_state"]["window"]["reading"];
    assert!(reading["job"].is_string(), "{reading}");
    reading["job"] = json!("7503h00000CV7GqAAL");
    let count = Answer::json(200, r#"{"totalSize": 26, "done": true, "records": []}"#);
    world.org.inject(RequestFault::new(Endpoint::QueryAll, count).always());
    let run = world.read_on(changes.clone(), &accounts(), &states).await;
    let words = "the query finds 25 records, and Salesforce counts 26";
    assert!(run.failure().1.contains(words), "{}", run.failure().1);
    assert!(run.records("Account").is_empty());
    world.org.clear_faults();
    assert_eq!(sync_of(&world, changes, &accounts(), &mut states).await.records("Account").len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_a_stamp_and_a_wrong_filter_end_the_sync_before_the_first_record() {
    let stampless = ["SystemModstamp", "LastModifiedDate", "CreatedDate"]
        .into_iter()
        .fold(Object::custom("Odd__c").field(Field::text("Code__c", 9)), |object, field| object.without(field));
    let world = World::with(Settings { objects: vec![stampless], ..Settings::default() }).await;
    let odd = incremental(catalog(&[("Odd__c", &["Id"])]));
    for (changes, catalog, part) in [
        (json!({}), &odd, "no field that says when they changed"),
        (json!({"streams": [{"stream": "Account", "filter": "Nothing__c = 1"}]}), &accounts(), "refuses the query"),
    ] {
        let run = world.read(changes, catalog).await;
        let (kind, message) = run.failure();
        assert!(kind == "config_error" && message.contains(part), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_refresh_beside_an_incremental_stream_is_never_an_empty_success() {
    let world = world().await;
    add(&world, "a");
    world.add_contacts(3);
    pass(&world, 5);
    let mut catalog = accounts();
    catalog["streams"].as_array_mut().unwrap().push(crate::world::contacts()["streams"][0].clone());
    let mut states = json!([]);
    sync_of(&world, json!({}), &catalog, &mut states).await;
    let again = sync_of(&world, json!({}), &catalog, &mut states).await;
    assert_eq!((again.records("Account").len(), again.records("Contact").len()), (0, 3));
    // A state of changes that is cleared is no sign of a full refresh that is under way.
    for cleared in [json!({}), json!(null)] {
        let mut states = again.last_states();
        let account = states.as_array_mut().unwrap().iter_mut().map(|state| &mut state["stream"]);
        account.filter(|stream| stream["stream_descriptor"]["name"] == "Account").for_each(|stream| {
            stream["stream_state"] = cleared.clone();
        });
        let run = world.read_on(json!({}), &catalog, &states).await;
        run.assert_success();
        assert_eq!((run.records("Account").len(), run.records("Contact").len()), (1, 3), "{cleared}");
    }
}
