//! Formulas: their values change without a stamp, so every record is read again when the user wants it.

use salesforce_sim::{Endpoint, Field, Hold, Object, RequestFault, Settings};
use serde_json::{Value, json};

use crate::changes::{ago, pass, sync, world_with};
use crate::connector::Run;
use crate::world::{World, blocking, catalog, distinct, incremental, sorted};

const DAY: u64 = 24 * 60;

/// A catalog with an incremental stream of orders.
fn orders() -> Value {
    let columns =
        ["Id", "Name", "Customer__c", "Age__c", "IsDeleted", "SystemModstamp", "_ab_cdc_deleted_at"].as_slice();
    incremental(catalog(&[("Order__c", columns)]))
}

/// An org with orders, which have formulas over their account and over the present date, and the id of the account.
async fn world(settings: Settings) -> (World, String) {
    let order = Object::custom("Order__c")
        .field(Field::reference("Account__c", &["Account"]))
        .field(Field::text("Customer__c", 80).formula_of("Account__r.Name"))
        .field(Field::double("Age__c", 18, 0).formula_of_days_since("CreatedDate"));
    let world = world_with(Settings { objects: vec![order], ..settings }).await;
    let account = world.org.insert("Account", &[("Name", "Example Ltd")]).unwrap();
    (world, account)
}

fn add(world: &World, account: &str, name: &str) -> String {
    world.org.insert("Order__c", &[("Name", name), ("Account__c", account)]).unwrap()
}

async fn read(world: &World, changes: &Value, states: &mut Value) -> Run {
    let run = sync(world, changes.clone(), &orders(), states).await;
    assert_eq!(run.statuses("Order__c").last(), Some(&"COMPLETE"));
    run
}

/// The names and the values of formulas, sorted.
fn values(run: &Run) -> Vec<(String, Value, Value)> {
    let mut values: Vec<_> = run
        .records("Order__c")
        .iter()
        .map(|row| {
            (row["Name"].as_str().unwrap_or_default().to_owned(), row["Customer__c"].clone(), row["Age__c"].clone())
        })
        .collect();
    values.sort_by(|left, right| left.0.cmp(&right.0));
    values
}

/// What two orders of one account have.
fn both(customer: &str, age: u8) -> Vec<(String, Value, Value)> {
    ["a", "b"].map(|name| (name.to_owned(), json!(customer), json!(f64::from(age)))).to_vec()
}

fn is_whole(run: &Run) -> bool {
    run.log().iter().any(|line| line.contains("is read whole, because `refresh_formulas_every` asks for it"))
}

fn state(states: &Value) -> &Value {
    &states[0]["stream"]["stream_state"]
}

#[tokio::test(flavor = "multi_thread")]
async fn formulas_are_read_again_when_they_are_due() {
    let (world, account) = world(Settings::default()).await;
    for settings in [
        json!({"refresh_formulas_every": "P1D"}),
        json!({"streams": [{"stream": "order__c", "refresh_formulas_every": "PT24H"}]}),
        json!({"refresh_formulas_every": "P100D", "streams": [{"stream": "Order__c", "refresh_formulas_every": "P1D"}]}),
    ] {
        let orders = ["a", "b"].map(|name| add(&world, &account, name));
        let mut states = json!([]);
        pass(&world, 5);
        let first = read(&world, &settings, &mut states).await;
        assert_eq!(values(&first), both("Example Ltd", 0));
        assert!(!is_whole(&first), "the first sync reads every record anyway");
        assert_eq!(state(&states)["refreshed"], json!(ago(&world, 1)));

        world.org.update("Account", &account, &[("Name", "Sample Ltd")]);
        pass(&world, DAY - 1);
        let early = read(&world, &settings, &mut states).await;
        assert!(early.records("Order__c").is_empty() && !is_whole(&early), "no stamp has moved");
        pass(&world, 1);
        let due = read(&world, &settings, &mut states).await;
        assert_eq!(values(&due), both("Sample Ltd", 1), "{settings}");
        assert!(is_whole(&due));
        assert_eq!(state(&states)["through"], state(&states)["refreshed"]);
        assert!(state(&states).get("refresh").is_none());
        assert!(
            read(&world, &settings, &mut states).await.records("Order__c").is_empty(),
            "and not again before a day"
        );
        orders.iter().for_each(|id| assert!(world.org.erase("Order__c", id)));
        world.org.update("Account", &account, &[("Name", "Example Ltd")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_or_a_formula_nothing_is_read_again() {
    let (world, account) = world(Settings::default()).await;
    add(&world, &account, "a");
    let plain = incremental(catalog(&[("Order__c", &["Id", "Name", "Account__r.External_Id__c", "SystemModstamp"])]));
    let every = json!({"refresh_formulas_every": "P1D"});
    for (settings, catalog) in [(json!({}), orders()), (every, plain)] {
        let mut states = json!([]);
        pass(&world, 5);
        assert_eq!(sync(&world, settings.clone(), &catalog, &mut states).await.records("Order__c").len(), 1);
        pass(&world, 10 * DAY);
        assert!(sync(&world, settings, &catalog, &mut states).await.records("Order__c").is_empty());
    }
    for value in ["daily", "PT0S", "-P1D", "P1M"] {
        for settings in [
            json!({"refresh_formulas_every": value}),
            json!({"streams": [{"stream": "Order__c", "refresh_formulas_every": value}]}),
        ] {
            let run = world.read(settings, &orders()).await;
            let (kind, message) = run.failure();
            assert!(kind == "config_error" && message.contains("refresh_formulas_every"), "{value}: {message}");
        }
    }
}

/// A stream that was synced before the setting was there has old values of unknown age.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_never_refreshed_is_due_at_once() {
    let (world, account) = world(Settings::default()).await;
    add(&world, &account, "a");
    let mut states = json!([]);
    pass(&world, 5);
    read(&world, &json!({}), &mut states).await;
    world.org.update("Account", &account, &[("Name", "Sample Ltd")]);
    pass(&world, 5);
    let run = read(&world, &json!({"refresh_formulas_every": "P1D"}), &mut states).await;
    assert_eq!(values(&run), [("a".to_owned(), json!("Sample Ltd"), json!(0.0))]);
    assert!(is_whole(&run));
}

/// Kills at each state, of a refresh in one query and of one in parts.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_goes_on_after_a_kill_and_repeats_at_most_one_page() {
    const PAGE: usize = 3;
    for most in [usize::MAX, 4] {
        let (world, account) = world(Settings { max_query_job_rows: most, ..Settings::default() }).await;
        for number in 0..10 {
            add(&world, &account, &format!("order {number}"));
            pass(&world, 2);
        }
        let settings = json!({
            "refresh_formulas_every": "P1D", "api": "bulk", "max_page_rows": PAGE, "start_date": ago(&world, 60),
        });
        let mut begin = json!([]);
        read(&world, &settings, &mut begin).await;
        world.org.update("Account", &account, &[("Name", "Sample Ltd")]);
        pass(&world, DAY);
        let gone = add(&world, &account, "gone");
        pass(&world, 2);
        world.org.erase("Order__c", &gone);
        pass(&world, 2);
        for nth_state in 1..=8 {
            let connector = world.start_read(settings.clone(), &orders(), &begin);
            let killed = blocking(move || connector.kill_at_state(nth_state)).await;
            let mut states = killed.last_states();
            let resumed = read(&world, &settings, &mut states).await;
            let rows: Vec<Value> =
                [&killed, &resumed].iter().flat_map(|run| run.records("Order__c")).cloned().collect();
            let there: Vec<&Value> = rows.iter().filter(|row| row["_ab_cdc_deleted_at"].is_null()).collect();
            assert!(there.iter().all(|row| row["Customer__c"] == "Sample Ltd"), "{most} {nth_state}");
            assert!(rows.len() <= 11 + PAGE, "{most} {nth_state}: {} rows", rows.len());
            let names = there.iter().map(|row| row["Name"].as_str().unwrap().to_owned()).collect();
            assert_eq!(distinct(names).len(), 10, "{most} {nth_state}");
            let told = rows.iter().filter(|row| row["Id"] == json!(gone)).count();
            assert_eq!(told, 1, "{most} {nth_state}: the deletion");
            assert_eq!(state(&states)["through"], json!(ago(&world, 1)), "{most} {nth_state}");
            assert!(read(&world, &settings, &mut states).await.records("Order__c").is_empty());
        }
    }
}

/// The refresh is a window from the beginning, with a boundary like others.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_or_commits_late_during_a_refresh_is_in_the_next_window() {
    let (world, account) = world(Settings::default()).await;
    let [changes, goes] = ["changes", "goes"].map(|name| add(&world, &account, name));
    let settings = json!({"refresh_formulas_every": "P1D", "api": "bulk"});
    let mut states = json!([]);
    pass(&world, 5);
    read(&world, &settings, &mut states).await;
    pass(&world, DAY);
    let transaction = world.org.begin_transaction();
    let began = ago(&world, 0);
    pass(&world, 1);
    transaction.insert("Order__c", &[("Name", "late"), ("Account__c", &account)]).unwrap();
    pass(&world, 5);
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::QueryJobCreate, salesforce_sim::Effect::Held(hold.clone())));
    let connector = world.start_read(settings.clone(), &orders(), &states);
    let reading = tokio::spawn(blocking(move || connector.wait()));
    hold.reached().await;
    world.org.update("Order__c", &changes, &[("Name", "changed")]);
    world.org.erase("Order__c", &goes);
    hold.release();
    let run = reading.await.unwrap();
    run.assert_success();
    states = run.last_states();
    assert!(is_whole(&run));
    assert_eq!((&state(&states)["through"], &state(&states)["refreshed"]), (&json!(began), &json!(began)));
    transaction.commit();
    pass(&world, 5);
    let next = read(&world, &settings, &mut states).await;
    assert_eq!(sorted(next.column("Order__c", "Name")), ["", "changed", "late"], "one is gone");
    assert!(next.records("Order__c").iter().any(|row| row["Id"] == json!(goes) && row["IsDeleted"] == json!(true)));
}

/// Its parts are read up to the boundary of its beginning, whatever is the present one.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_changes_between_the_parts_of_a_refresh_is_not_lost() {
    let (world, account) = world(Settings { max_query_job_rows: 4, ..Settings::default() }).await;
    let ids: Vec<String> = (0..10)
        .map(|number| {
            pass(&world, 2);
            add(&world, &account, &format!("order {number}"))
        })
        .collect();
    pass(&world, 2);
    let settings = json!({"refresh_formulas_every": "P1D", "api": "bulk", "start_date": ago(&world, 60)});
    let mut states = json!([]);
    read(&world, &settings, &mut states).await;
    pass(&world, DAY);
    let connector = world.start_read(settings.clone(), &orders(), &states);
    // A part of it is read then.
    let killed = blocking(move || connector.kill_at_state(12)).await;
    states = killed.last_states();
    assert!(state(&states)["refresh"].is_object(), "{states}");
    let refreshed_to = state(&states)["refresh"]["to"].clone();
    for id in &ids {
        world.org.update("Order__c", id, &[("Name", "changed")]);
        pass(&world, 1);
    }
    world.org.erase("Order__c", &ids[9]);
    pass(&world, 5);
    let run = read(&world, &settings, &mut states).await;
    assert_eq!(state(&states)["refreshed"], refreshed_to);
    assert_eq!(state(&states)["through"], json!(ago(&world, 1)));
    let changed = run.records("Order__c").iter().filter(|row| row["Name"] == "changed").count();
    assert_eq!(changed, 9, "the tenth is gone");
    assert!(run.records("Order__c").iter().any(|row| row["Id"] == json!(ids[9]) && row["IsDeleted"] == json!(true)));
}

/// A transaction that still runs can have begun before its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_began_before_the_org_vouched_for_a_boundary_is_begun_anew() {
    let (world, account) = world(Settings::default()).await;
    add(&world, &account, "a");
    pass(&world, 60);
    add(&world, &account, "b");
    pass(&world, 5);
    let settings = json!({"refresh_formulas_every": "P1D"});
    let mut states = json!([]);
    read(&world, &settings, &mut states).await;
    let under_way = json!({"to": ago(&world, 10), "since": ago(&world, 10), "through": ago(&world, 30)});
    for (is_certified, expected, refreshed) in [(true, &[][..], 10), (false, &["a", "b"], 1)] {
        let mut states = states.clone();
        let state = states[0]["stream"]["stream_state"].as_object_mut().unwrap();
        state.remove("refreshed");
        state.insert("refresh".to_owned(), under_way.clone());
        state.insert("is_certified".to_owned(), json!(is_certified));
        let run = read(&world, &settings, &mut states).await;
        assert_eq!(sorted(run.column("Order__c", "Name")), expected, "{is_certified}");
        assert_eq!(self::state(&states)["refreshed"], json!(ago(&world, refreshed)), "{is_certified}");
    }
}
