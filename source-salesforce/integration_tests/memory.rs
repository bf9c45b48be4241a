//! The memory of the process, whatever it reads. `SOURCE_SALESFORCE_MEMORY=20` reads twenty times as many records.

use salesforce_sim::{Answer, Effect, Endpoint, Field, Object, RequestFault, Settings};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::compared::compare;
use crate::world::{World, blocking, catalog, incremental};

/// The most memory of a process that reads.
const MOST: u64 = 64_000_000;

fn scale() -> usize {
    std::env::var("SOURCE_SALESFORCE_MEMORY").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1)
}

/// A text that becomes half as long when it is packed.
fn noise(random: &mut fastrand::Rng, length: usize) -> String {
    let mut text: String = (0..length.div_ceil(16)).map(|_| format!("{:016x}", random.u64(..))).collect();
    text.truncate(length);
    text
}

fn field(name: &str, make: impl Fn(&str) -> Field) -> (String, Field) {
    (name.to_owned(), make(name))
}

/// An org with objects of these fields, each with so many records.
async fn world(
    objects: usize,
    records: usize,
    fields: &[(String, Field)],
    value: impl Fn(&mut fastrand::Rng) -> String,
) -> World {
    let name = |number: usize| format!("Wide_{number}__c");
    let object =
        |number| fields.iter().fold(Object::custom(&name(number)), |object, (_, field)| object.field(field.clone()));
    let settings = Settings { objects: (0..objects).map(object).collect(), ..Settings::default() };
    let world = World::with(settings).await;
    let mut random = fastrand::Rng::with_seed(7);
    for number in 0..objects {
        for _ in 0..records {
            let values: Vec<(String, String)> =
                fields.iter().map(|(name, _)| (name.clone(), value(&mut random))).collect();
            let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (&**name, &**value)).collect();
            world.org.insert(&name(number), &values).unwrap();
        }
    }
    world
}

/// Reads all objects at the same time, and checks the number of records and the memory.
async fn read(world: World, what: &str, api: &str, objects: usize, records: usize) {
    read_streams(world, what, api, (objects, records), |catalog| catalog).await;
}

/// The same with a change of the catalog.
#[expect(clippy::print_stdout, reason = "`--nocapture` shows the figures")]
async fn read_streams(
    world: World,
    what: &str,
    api: &str,
    (objects, records): (usize, usize),
    change: impl Fn(Value) -> Value,
) {
    let names: Vec<String> = (0..objects).map(|number| format!("Wide_{number}__c")).collect();
    let streams: Vec<(&str, &[&str])> = names.iter().map(|name| (&**name, &[][..])).collect();
    let started = Instant::now();
    let connector =
        world.start_read(json!({"api": api, "max_parallel_streams": objects}), &change(catalog(&streams)), &json!([]));
    let (read, most, code) = blocking(move || connector.drain()).await;
    println!("{what} by {api}: {objects} x {records} records, {:.1} MB, {:.1?}", most as f64 / 1e6, started.elapsed());
    assert_eq!((read, code), ((objects * records) as u64, 0), "{what}");
    assert!(most < MOST, "{what} by {api}: {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_with_long_texts_take_no_more_than_64_mb() {
    let (streams, records) = (20, 30 * scale());
    let fields = [field("Text__c", |name| Field::textarea(name, 131_072))];
    for api in ["bulk", "rest"] {
        let world = world(streams, records, &fields, |random| noise(random, 100_000)).await;
        read(world, "long texts", api, streams, records).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_with_many_columns_take_no_more_than_64_mb() {
    let (streams, records) = (10, 30 * scale());
    let name = |number: usize| format!("Field_{number}__c");
    let fields: Vec<_> = (0..450).map(|number| field(&name(number), |name| Field::text(name, 40))).collect();
    for api in ["bulk", "rest"] {
        let world = world(streams, records, &fields, |random| noise(random, 20)).await;
        read(world, "450 columns", api, streams, records).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_short_records_take_no_more_than_64_mb() {
    let (streams, records) = (1, 50_000 * scale());
    let fields = [field("Name__c", |name| Field::text(name, 40))];
    let world = world(streams, records, &fields, |random| noise(random, 12)).await;
    read(world, "short records", "bulk", streams, records).await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "`--nocapture` shows the figures")]
async fn a_comparison_of_two_orgs_takes_no_more_than_64_mb() {
    let records = 50_000 * scale();
    let key = [field("Key__c", |name| Field::text(name, 40).external_id().unique())];
    let world = async || world(1, records, &key, |random| noise(random, 12)).await;
    let (first, second) = (world().await, world().await);
    let files = vec![
        ("--config", first.config(json!({"api": "bulk"})).to_string()),
        ("--with", second.config(json!({"api": "bulk"})).to_string()),
        ("--catalog", catalog(&[("Wide_0__c", &[])]).to_string()),
    ];
    let started = Instant::now();
    let run = compare(files, vec!["--key", "Wide_0__c=Key__c"], "").await;
    println!("comparison: {records} records, {:.1} MB, {:.1?}", run.peak as f64 / 1e6, started.elapsed());
    let summary = run.summaries()[0]["summary"].clone();
    assert_eq!((run.code, &summary["in_both"]), (0, &json!(records)), "{summary} {}", run.stderr);
    assert!(run.peak < MOST, "{}", run.peak);
}

/// The pages of windows share the budget too.
#[tokio::test(flavor = "multi_thread")]
async fn many_incremental_streams_take_no_more_than_64_mb() {
    let (streams, records) = (20, 20 * scale());
    let fields = [field("Text__c", |name| Field::textarea(name, 131_072))];
    for api in ["bulk", "rest"] {
        let world = world(streams, records, &fields, |random| noise(random, 100_000)).await;
        world.org.stop_clock();
        world.org.advance_clock(std::time::Duration::from_secs(300));
        read_streams(world, "windows", api, (streams, records), incremental).await;
    }
}

/// As many deletions as one call names, within the shortest span of a call.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "`--nocapture` shows the figures")]
async fn the_deletions_of_a_call_take_no_more_than_64_mb() {
    let deletions = 3_000 * scale();
    let world = World::kind().await;
    world.org.stop_clock();
    let accounts = incremental(catalog(&[("Account", &["Id", "SystemModstamp", "_ab_cdc_deleted_at"])]));
    world.org.advance_clock(std::time::Duration::from_secs(300));
    let mut states = json!([]);
    crate::changes::sync(&world, json!({}), &accounts, &mut states).await;
    let at = crate::changes::ago(&world, 0);
    world.org.advance_clock(std::time::Duration::from_secs(300));
    let record = |number: usize| json!({"id": format!("001Sim{number:09}AAA"), "deletedDate": at});
    let answer = json!({
        "deletedRecords": (0..deletions).map(record).collect::<Vec<_>>(),
        "earliestDateAvailable": crate::changes::ago(&world, 9_000),
        "latestDateCovered": crate::changes::ago(&world, 1),
    });
    let answer = Answer::json(200, &answer.to_string());
    world.org.inject(RequestFault::new(Endpoint::Deleted, Effect::Answer(answer)).always());
    let connector = world.start_read(json!({}), &accounts, &states);
    let (read, most, code) = blocking(move || connector.drain()).await;
    println!("deletions: {deletions}, {:.1} MB", most as f64 / 1e6);
    assert_eq!((read, code), (deletions as u64, 0));
    assert!(most < MOST, "{most}");
}
