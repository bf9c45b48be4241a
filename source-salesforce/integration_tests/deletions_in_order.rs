//! The order in which deletions are written, and from where a later sync goes on.

use std::time::Duration;

use salesforce_sim::Settings;
use serde_json::{Value, json};

use crate::changes::{accounts, add, ago, pass, sync, world, world_with};
use crate::deletions::{answer, gone};
use crate::world::{World, sorted};

/// So many accounts that are read, and a state after them.
async fn read_accounts(world: &World, count: usize) -> (Vec<String>, Value) {
    let ids = (0..count).map(|number| add(world, &format!("{number}"))).collect();
    let mut states = json!([]);
    pass(world, 5);
    sync(world, json!({}), &accounts(), &mut states).await;
    (ids, states)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_deleted_record_is_told_once_with_its_last_time_and_from_old_to_new() {
    let world = world().await;
    let (ids, mut states) = read_accounts(&world, 3).await;
    pass(&world, 10);
    ids.iter().for_each(|id| assert!(world.org.erase("Account", id)));
    pass(&world, 2);
    let [a, b, c] = [&*ids[0], &*ids[1], &*ids[2]];
    // A record that came back and was deleted again is named twice, and nothing says in which order.
    world.org.inject(answer(&world, &[(b, 4), (a, 8), (c, 6), (b, 7)], 1, 9_000));
    let run = sync(&world, json!({}), &accounts(), &mut states).await;
    let records = run.records("Account");
    let told: Vec<(&str, String)> = records
        .iter()
        .map(|record| (record["Id"].as_str().unwrap(), record["_ab_cdc_deleted_at"].as_str().unwrap().to_owned()))
        .collect();
    let at = |minutes| ago(&world, minutes).replace('Z', ".000Z");
    assert_eq!(told, [(a, at(8)), (c, at(6)), (b, at(4))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_are_told_on_behind_the_last_one_that_a_state_names() {
    let world = world().await;
    let (ids, mut states) = read_accounts(&world, 5).await;
    pass(&world, 10);
    ids.iter().for_each(|id| assert!(world.org.erase("Account", id)));
    pass(&world, 2);
    // Two of them at the same time, and two in the same page.
    let all: Vec<(&str, i64)> = ids.iter().map(|id| &**id).zip([9, 8, 8, 6, 4]).collect();
    let changes = json!({"max_page_rows": 2});
    world.org.inject(answer(&world, &all, 1, 9_000));
    let whole = sync(&world, changes.clone(), &accounts(), &mut states).await;
    let told = whole.column("Account", "Id");
    assert_eq!(told, ids);
    let pages: Vec<Value> = whole
        .messages
        .iter()
        .filter(|message| message["type"] == "STATE")
        .map(|message| message["state"].clone())
        .filter(|state| state["stream"]["stream_state"]["window"]["deletions"].is_object())
        .collect();
    assert_eq!(pages.len(), 3, "a state follows each page");
    for (page, state) in (1..).zip(&pages) {
        // Deletions before the last one that was told may be forgotten.
        let earliest = [8, 6, 4][page - 1];
        world.org.inject(answer(&world, &all, 1, earliest));
        let mut states = json!([state]);
        let rest = sync(&world, changes.clone(), &accounts(), &mut states).await;
        assert_eq!(rest.column("Account", "Id"), told[(2 * page).min(5)..], "{page}");
        let written = rest.states("Account");
        assert_eq!(written.len(), 3 - page + 2, "for each page that is left, the window, and the sync without another");
        assert_eq!(states[0]["stream"]["stream_state"]["through"], json!(ago(&world, 1)));
    }
}

/// Else a later sync would report deletions again.
#[tokio::test(flavor = "multi_thread")]
async fn deletions_are_never_complete_up_to_an_earlier_time_than_before() {
    let world = world().await;
    let (ids, mut states) = read_accounts(&world, 2).await;
    assert!(world.org.erase("Account", &ids[0]));
    pass(&world, 5);
    assert_eq!(gone(&sync(&world, json!({}), &accounts(), &mut states).await, "Account"), [&*ids[0]]);
    let told = states[0]["stream"]["stream_state"]["through"].clone();
    pass(&world, 4);
    assert!(world.org.erase("Account", &ids[1]));
    pass(&world, 4);
    for covered in [9, 10, 60] {
        world.org.inject(answer(&world, &[], covered, 9_000));
        assert!(sync(&world, json!({}), &accounts(), &mut states).await.records("Account").is_empty());
        assert_eq!(states[0]["stream"]["stream_state"]["deletions_through"], told, "{covered}");
    }
    assert_eq!(gone(&sync(&world, json!({}), &accounts(), &mut states).await, "Account"), [&*ids[1]]);
}

/// Another deletion of that moment can commit late.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_of_the_very_moment_up_to_which_they_are_covered_is_told_by_the_next_sync() {
    let world = world().await;
    let (ids, mut states) = read_accounts(&world, 2).await;
    for id in &ids {
        pass(&world, 3);
        assert!(world.org.erase("Account", id));
    }
    pass(&world, 3);
    world.org.inject(answer(&world, &[(&ids[0], 6), (&ids[1], 3)], 3, 9_000));
    assert_eq!(gone(&sync(&world, json!({}), &accounts(), &mut states).await, "Account"), [&*ids[0]]);
    assert_eq!(states[0]["stream"]["stream_state"]["deletions_through"], ago(&world, 3));
    assert_eq!(gone(&sync(&world, json!({}), &accounts(), &mut states).await, "Account"), [&*ids[1]]);
}

/// A call takes no less than two minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_a_minute_needs_no_deletion_before_it() {
    let world = world().await;
    let (_, mut states) = read_accounts(&world, 1).await;
    pass(&world, 1);
    world.org.inject(answer(&world, &[], 1, 2));
    sync(&world, json!({}), &accounts(), &mut states).await;
    assert_eq!(states[0]["stream"]["stream_state"]["through"], json!(ago(&world, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_two_calls_is_told_once() {
    let world = world_with(Settings { max_replicated_ids: 2, ..Settings::default() }).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(add(&world, &format!("{number}")));
        pass(&world, 2);
    }
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    pass(&world, 5);
    let end = ago(&world, 0);
    for id in &ids {
        world.org.advance_clock(Duration::from_secs(30));
        assert!(world.org.erase("Account", id));
        world.org.advance_clock(Duration::from_secs(30));
    }
    pass(&world, 1);
    sync(&world, json!({"end_date": end}), &accounts(), &mut states).await;
    // The next window has three minutes, whose halves share one: a call takes no less than two.
    let run = sync(&world, json!({}), &accounts(), &mut states).await;
    assert_eq!(gone(&run, "Account"), sorted(ids));
}
