//! States and catalogs of incremental syncs: which count, and what the log says of those that do not.

use salesforce_sim::{Answer, Effect, Endpoint, RequestFault, Settings};
use serde_json::{Value, json};

use crate::changes::{accounts, add, ago, pass, sync, world, world_with};
use crate::connector::Run;
use crate::world::{World, catalog, incremental, sorted};

fn names(run: &Run) -> Vec<String> {
    sorted(run.column("Account", "Name"))
}

fn warns(run: &Run, words: &str) -> bool {
    run.messages
        .iter()
        .map(|message| &message["log"])
        .any(|log| log["level"] == "WARN" && log["message"].as_str().is_some_and(|message| message.contains(words)))
}

fn through(states: &Value) -> &Value {
    &states[0]["stream"]["stream_state"]["through"]
}

fn stream_state(state: &Value) -> Value {
    json!([{"type": "STREAM", "stream": {"stream_descriptor": {"name": "Account"}, "stream_state": state}}])
}

/// Accounts with these columns, in a mode in which the destination keeps the newest row of each record.
fn deduplicated(columns: &[&str], cursor: &str) -> Value {
    let mut catalog = incremental(catalog(&[("Account", columns)]));
    catalog["streams"][0]["destination_sync_mode"] = json!("append_dedup");
    catalog["streams"][0]["cursor_field"] = json!([cursor]);
    catalog
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_ahead_of_the_org_skips_nothing_that_is_to_come() {
    let world = world().await;
    let mut own = json!([]);
    add(&world, "old");
    pass(&world, 15);
    sync(&world, json!({}), &accounts(), &mut own).await;
    own[0]["stream"]["stream_state"]["through"] = json!("2222-01-01T00:00:00Z");
    let slices = stream_state(&json!({"slices": [{"start": ago(&world, 9_000), "end": "2222-01-01T00:00:00.000Z"}]}));
    let cursor = stream_state(&json!({"SystemModstamp": "2222-01-01T00:00:00.000Z"}));
    add(&world, "new");
    pass(&world, 5);
    let changes = json!({"start_date": ago(&world, 9_000)});
    own[0]["stream"]["stream_state"]["start"] = changes["start_date"].clone();
    let mut after = Vec::new();
    for states in [own, slices, cursor] {
        let mut states = states;
        let run = sync(&world, changes.clone(), &accounts(), &mut states).await;
        assert_eq!(names(&run), ["new"], "what is older than ten minutes is not read again");
        assert_eq!(through(&states), &json!(ago(&world, 1)));
        assert!(warns(&run, "names 2222-01-01T00:00:00Z, and it is"), "{:?}", run.log());
        after.push(states);
    }
    add(&world, "later");
    pass(&world, 5);
    for mut states in after {
        let run = sync(&world, changes.clone(), &accounts(), &mut states).await;
        assert!(names(&run) == ["later"] && !warns(&run, "and it is"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_ahead_of_the_org_is_found_whichever_stream_has_it() {
    let world = world().await;
    add(&world, "old");
    pass(&world, 15);
    add(&world, "new");
    pass(&world, 5);
    let ahead = stream_state(&json!({"SystemModstamp": "2222-01-01T00:00:00.000Z"}));
    let before = catalog(&[("Contact", &["Id", "SystemModstamp"])])["streams"][0].clone();
    for first in [before.clone(), incremental(json!({"streams": [before]}))["streams"][0].clone()] {
        let mut catalog = accounts();
        catalog["streams"].as_array_mut().unwrap().insert(0, first);
        let run = world.read_on(json!({}), &catalog, &ahead).await;
        run.assert_success();
        assert_eq!(names(&run), ["new"]);
        assert!(warns(&run, "the state of Account names 2222-01-01T00:00:00Z"), "{:?}", run.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_date_that_is_to_come_does_not_pass_the_boundary() {
    let world = world().await;
    let mut states = json!([]);
    let until = json!({"end_date": ago(&world, -600)});
    for name in ["a", "b"] {
        add(&world, name);
        pass(&world, 5);
        assert_eq!(names(&sync(&world, until.clone(), &accounts(), &mut states).await), [name]);
        assert_eq!(through(&states), &json!(ago(&world, 1)));
    }
}

/// A transaction can have begun before the end of what was read without an org that vouches for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_the_org_vouched_for_it_is_read_again_from_the_oldest_transaction() {
    let world = world().await;
    let margin = {
        let refused = Answer::error(400, "API_ERROR", "no");
        world.org.inject(RequestFault::new(Endpoint::Updated, Effect::Answer(refused)));
        let mut states = json!([]);
        pass(&world, 40);
        sync(&world, json!({}), &accounts(), &mut states).await;
        states
    };
    let transaction = world.org.begin_transaction();
    transaction.insert("Account", &[("Name", "late")]).unwrap();
    let began = ago(&world, 0);
    pass(&world, 40);
    let airbytes = stream_state(&json!({"SystemModstamp": ago(&world, 0)}));
    let mut refused = margin.clone();
    world.org.inject(RequestFault::new(Endpoint::Updated, Effect::Answer(Answer::error(400, "API_ERROR", "no"))));
    sync(&world, json!({}), &accounts(), &mut refused).await;
    assert_eq!(through(&refused), &json!(ago(&world, 10)), "the margin has passed the transaction");
    let mut waiting = Vec::new();
    for mut states in [airbytes, refused] {
        assert!(names(&sync(&world, json!({}), &accounts(), &mut states).await).is_empty());
        assert_eq!(through(&states), &json!(began));
        waiting.push(states);
    }
    transaction.commit();
    for mut states in waiting {
        assert_eq!(names(&sync(&world, json!({}), &accounts(), &mut states).await), ["late"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn states_of_older_forms_count_and_the_log_names_those_that_do_not() {
    let world = world().await;
    add(&world, "old");
    pass(&world, 30);
    let cursor = json!({"SystemModstamp": ago(&world, 0)});
    add(&world, "new");
    pass(&world, 5);
    let converted = json!({"slices": [], "state_type": "date-range", "legacy": cursor});
    for states in [
        json!([{"type": "LEGACY", "data": {"Account": cursor}}]),
        json!({"type": "LEGACY", "data": {"Account": cursor}}),
        json!({"Account": cursor}),
        stream_state(&converted),
    ] {
        let run = world.read_on(json!({}), &accounts(), &states).await;
        run.assert_success();
        assert_eq!(names(&run), ["new"], "{states}");
    }
    let descriptor = json!({"name": "Account"});
    let global = json!({"stream_states": [{"stream_descriptor": descriptor, "stream_state": cursor}]});
    let whole = json!({"__ab_full_refresh_sync_complete": true});
    for (states, words) in [
        (json!([{"type": "GLOBAL", "global": global}]), "is not used: it is one for all streams together (GLOBAL)"),
        (json!([{"type": "STREAM", "stream": {"stream_state": cursor}}]), "is not used: it names no stream"),
        (json!([7]), "is not used: it is no object"),
        (json!({"Account": "soon"}), "is not used: what it has under Account is no object"),
        (json!([{"type": "LEGACY", "data": {"Lead": cursor}}]), "no stream for the states of Lead: they are not used"),
        (
            stream_state(&json!({"slices": []})),
            "Account is read from its start: its state is not one of an incremental",
        ),
        (stream_state(&whole), "Account is read from its start: its state is not one of an incremental"),
    ] {
        let run = world.read_on(json!({}), &accounts(), &states).await;
        run.assert_success();
        assert!(names(&run) == ["new", "old"] && warns(&run, words), "{states}: {:?}", run.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_is_known_by_its_id_and_not_by_its_address() {
    let before = world().await;
    pass(&before, 5);
    let mut states = json!([]);
    sync(&before, json!({}), &accounts(), &mut states).await;
    // The same organization id at another address: My Domain has another name.
    let world = world().await;
    states[0]["stream"]["stream_state"]["through"] = json!(ago(&world, 0));
    add(&world, "old");
    world.org.advance_clock(std::time::Duration::from_secs(60));
    states[0]["stream"]["stream_state"]["through"] = json!(ago(&world, 0));
    pass(&world, 5);
    add(&world, "new");
    pass(&world, 5);
    let mut renamed = states.clone();
    assert_eq!(names(&sync(&world, json!({}), &accounts(), &mut renamed).await), ["new"]);
    // A sandbox after a refresh has another id at the same address.
    world.org.refresh_sandbox();
    let run = sync(&world, json!({}), &accounts(), &mut renamed).await;
    assert_eq!(names(&run), ["new", "old"]);
    assert!(warns(&run, "Account is read from its start: its state is one of another org"), "{:?}", run.log());
    assert!(names(&sync(&world, json!({}), &accounts(), &mut renamed).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_selects_columns_of_the_platform_alone_does_not_read_all() {
    let world = world().await;
    let [stays, gone] = ["stays", "gone"].map(|name| add(&world, name));
    pass(&world, 5);
    let whole = catalog(&[("Account", &["_ab_cdc_deleted_at"])]);
    for (api, catalog) in [("bulk", &whole), ("rest", &whole), ("bulk", &incremental(whole.clone()))] {
        let run = world.read(json!({"api": api}), catalog).await;
        run.assert_success();
        assert_eq!(run.records("Account"), [&json!({"_ab_cdc_deleted_at": null}); 2], "{api}");
    }
    let mut states = json!([]);
    let only = incremental(whole);
    sync(&world, json!({}), &only, &mut states).await;
    world.org.recycle("Account", &gone);
    world.org.erase("Account", &stays);
    let at = ago(&world, 0).replace('Z', ".000Z");
    pass(&world, 5);
    let run = sync(&world, json!({}), &only, &mut states).await;
    assert_eq!(run.records("Account"), [&json!({"_ab_cdc_deleted_at": at})], "no row without a name for its record");
    assert!(warns(&run, "Account is read without records that are gone for good"), "{:?}", run.log());
    // Once the id is selected, they are told.
    let with_id = incremental(catalog(&[("Account", &["Id", "_ab_cdc_deleted_at"])]));
    let run = sync(&world, json!({}), &with_id, &mut states).await;
    assert!(run.column("Account", "Id").contains(&stays), "{:?}", run.records("Account"));

    let platform = catalog(&[("Account", &["_airbyte_extracted_at"])]);
    let run = world.read(json!({}), &platform).await;
    let (kind, message) = run.failure();
    assert!(kind == "config_error" && message.contains("No selected column of the stream Account"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cursor_or_a_missing_key_is_told_before_the_first_record() {
    let world = world().await;
    add(&world, "a");
    pass(&world, 5);
    let all = ["Id", "Name", "LastModifiedDate", "SystemModstamp", "_ab_cdc_deleted_at"];
    for (catalog, part) in [
        (deduplicated(&all, "LastModifiedDate"), "the cursor LastModifiedDate for the stream Account"),
        (deduplicated(&all[1..], "SystemModstamp"), "has no Id. Select Id too"),
        (deduplicated(&["Id", "_ab_cdc_deleted_at"], "SystemModstamp"), "has no SystemModstamp"),
    ] {
        let run = world.read(json!({}), &catalog).await;
        let (kind, message) = run.failure();
        assert!(kind == "config_error" && message.contains(part), "{message}");
        assert!(run.records("Account").is_empty());
    }
    let mut appended = deduplicated(&all, "LastModifiedDate");
    appended["streams"][0]["destination_sync_mode"] = json!("append");
    let run = world.read(json!({}), &appended).await;
    run.assert_success();
    assert!(warns(&run, "read by its cursor SystemModstamp: the LastModifiedDate of the catalog is ignored"));
    let run = world.read(json!({}), &deduplicated(&all, "SystemModstamp")).await;
    run.assert_success();
    assert!(!warns(&run, "cursor") && !warns(&run, "gone for good"));
}

/// The spans of the calls of `/updated` that the org answered.
fn spans(world: &World) -> Vec<(String, String)> {
    let is_asked =
        |request: &salesforce_sim::Request| request.endpoint == Endpoint::Updated && request.status == Some(200);
    let time = |path: &str, name: &str| {
        let (_, rest) = path.split_once(&format!("{name}=")).unwrap();
        rest.split('&').next().unwrap().replace("%3A", ":").replace("%2B00:00", "Z")
    };
    let requests = world.org.requests().into_iter().filter(is_asked);
    requests.map(|request| (time(&request.path, "start"), time(&request.path, "end"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_org_is_asked_for_all_of_the_time_since_the_last_window_and_for_a_day_at_most() {
    let world = world_with(Settings { max_replicated_ids: 4, ..Settings::default() }).await;
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    assert_eq!(spans(&world), [(ago(&world, 60 * 24 + 1), ago(&world, 1))]);
    for number in 0..12 {
        pass(&world, 2);
        add(&world, &format!("record {number}"));
    }
    pass(&world, 3);
    let (begin, asked) = (through(&states).as_str().unwrap().to_owned(), spans(&world).len());
    sync(&world, json!({}), &accounts(), &mut states).await;
    let asked = spans(&world).split_off(asked);
    assert!(asked.len() > 2 && asked[0].0 == begin && asked.last().unwrap().1 == ago(&world, 1), "{asked:?}");
    assert!(asked.windows(2).all(|pair| pair[1].0 <= pair[0].1), "no time between is left out: {asked:?}");
    pass(&world, 60 * 24 * 10);
    let known = spans(&world).len();
    sync(&world, json!({}), &accounts(), &mut states).await;
    assert_eq!(spans(&world).split_off(known), [(ago(&world, 60 * 24 + 1), ago(&world, 1))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boundary_is_a_minute_old_whatever_the_org_says() {
    let world = world().await;
    let mut states = json!([]);
    pass(&world, 5);
    for covered in [-60, 0, 1] {
        let body = json!({"ids": [], "latestDateCovered": ago(&world, covered)}).to_string();
        world.org.inject(RequestFault::new(Endpoint::Updated, Effect::Answer(Answer::json(200, &body))));
        sync(&world, json!({}), &accounts(), &mut states).await;
        assert_eq!(through(&states), &json!(ago(&world, 1)), "{covered}");
    }
    add(&world, "of this second");
    assert!(names(&sync(&world, json!({}), &accounts(), &mut states).await).is_empty());
    pass(&world, 2);
    assert_eq!(names(&sync(&world, json!({}), &accounts(), &mut states).await), ["of this second"]);
}

/// `/deleted` knows no seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_boundary_within_a_minute_is_the_beginning_of_the_minute() {
    let world = world().await;
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    pass(&world, 5);
    let minute = ago(&world, 0);
    add(&world, "of this minute");
    world.org.advance_clock(std::time::Duration::from_secs(30));
    let transaction = world.org.begin_transaction();
    pass(&world, 5);
    assert!(names(&sync(&world, json!({}), &accounts(), &mut states).await).is_empty());
    assert_eq!(through(&states), &json!(minute));
    transaction.commit();
    assert_eq!(names(&sync(&world, json!({}), &accounts(), &mut states).await), ["of this minute"]);
}

/// No call names them, so that a later one has to say that no transaction runs which began among them.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_changes_in_two_minutes_are_read_once_a_later_call_vouches_for_them() {
    let world = world_with(Settings { max_replicated_ids: 4, ..Settings::default() }).await;
    let mut states = json!([]);
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    pass(&world, 10);
    (0..6).for_each(|number| drop(add(&world, &format!("{number}"))));
    pass(&world, 2);
    assert!(names(&sync(&world, json!({}), &accounts(), &mut states).await).is_empty());
    assert_eq!(through(&states), &json!(ago(&world, 3)));
    pass(&world, 5);
    assert_eq!(names(&sync(&world, json!({}), &accounts(), &mut states).await).len(), 6);
    assert_eq!(through(&states), &json!(ago(&world, 1)));
}
