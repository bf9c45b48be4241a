//! What the tests of incremental syncs share: accounts that change, and a clock that stands still.

use std::time::Duration;

use salesforce_sim::Settings;
use serde_json::Value;

use crate::connector::Run;
use crate::world::{World, catalog, incremental};

/// The columns of the stream of accounts.
pub(crate) const COLUMNS: [&str; 5] = ["Id", "Name", "IsDeleted", "SystemModstamp", "_ab_cdc_deleted_at"];

/// A catalog with an incremental stream of accounts.
pub(crate) fn accounts() -> Value {
    incremental(catalog(&[("Account", &COLUMNS)]))
}

/// An org whose clock stands still at the beginning of a minute.
pub(crate) async fn world() -> World {
    world_with(Settings::default()).await
}

/// The same with these settings.
pub(crate) async fn world_with(settings: Settings) -> World {
    let world = World::with(settings).await;
    world.org.stop_clock();
    world
}

/// Lets time pass in the org.
pub(crate) fn pass(world: &World, minutes: u64) {
    world.org.advance_clock(Duration::from_secs(minutes * 60));
}

/// Adds an account, and returns its id.
pub(crate) fn add(world: &World, name: &str) -> String {
    world.org.insert("Account", &[("Name", name)]).unwrap()
}

/// A time of the org so many minutes before now, as a state has it.
pub(crate) fn ago(world: &World, minutes: i64) -> String {
    jiff::Timestamp::from_second(world.org.now() - minutes * 60).unwrap().to_string()
}

/// One sync from the state of the sync before.
pub(crate) async fn sync(world: &World, changes: Value, catalog: &Value, states: &mut Value) -> Run {
    let run = world.read_on(changes, catalog, states).await;
    run.assert_success();
    *states = run.last_states();
    run
}
