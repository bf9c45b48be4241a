//! Random work in the org, with transactions that commit late, random kills, and random settings: no change and no deletion
//! is missing, and a kill repeats at most one page.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use fastrand::Rng;
use salesforce_sim::{Field, Nature, Object, QueryJobFault, RandomWork, Settings};
use serde_json::{Value, json};

use crate::changes::COLUMNS;
use crate::connector::{Run, Signal};
use crate::world::{World, blocking, catalog, incremental};

/// The orgs of a test run. Others are tried with `SOURCE_SALESFORCE_SEEDS=1000..2000`.
const SEEDS: u64 = 20;

/// The orgs that are followed at the same time.
const AT_ONCE: usize = 4;

/// The syncs of an org. The last is not killed, and the org is still.
const SYNCS: usize = 8;

/// How many times faster waits pass: those for a query job are short then.
const HASTE: u32 = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn no_change_and_no_deletion_is_missing_with_late_commits_and_kills() {
    let mut seeds = seeds();
    let mut following = tokio::task::JoinSet::new();
    loop {
        while following.len() < AT_ONCE
            && let Some(seed) = seeds.next()
        {
            following.spawn(follow(seed));
        }
        let Some(followed) = following.join_next().await else { return };
        followed.unwrap();
    }
}

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("SOURCE_SALESFORCE_SEEDS") else { return 0..SEEDS };
    let (first, end) = text.split_once("..").unwrap_or(("0", &text));
    first.parse().unwrap()..end.parse().unwrap()
}

/// What the seed decides once.
struct Setup {
    /// The object that is read.
    object: &'static str,
    /// Whether the org vouches for a boundary. Without it a transaction can be missed, and so can a record that is erased.
    is_certified: bool,
    /// Whether settings change between syncs.
    changes: bool,
    lookback: Option<u64>,
    max_replicated_ids: Option<usize>,
    /// After how many minutes every record is read again.
    refresh: Option<u64>,
    /// Whether query jobs fail now and then.
    fails: bool,
}

/// What can change between syncs.
#[derive(Clone)]
struct Choice {
    page: usize,
    api: &'static str,
    /// A digit with which no name of a record ends that is read.
    filter: Option<char>,
    start: Option<&'static str>,
    tells_deletions: bool,
}

impl Setup {
    fn draw(random: &mut Rng) -> Self {
        let is_certified = random.u8(0..5) > 0;
        Self {
            object: if is_certified { "Account" } else { "Plain__c" },
            is_certified,
            changes: random.bool(),
            lookback: (random.u8(0..4) == 0).then(|| random.u64(1..40)),
            max_replicated_ids: (random.u8(0..3) == 0).then(|| random.usize(12..20)),
            refresh: (random.u8(0..3) == 0).then(|| random.u64(1..90)),
            fails: random.bool(),
        }
    }

    async fn world(&self, seed: u64) -> World {
        let nature = if seed.is_multiple_of(3) { Nature::harsh() } else { Nature::kind() };
        let mut settings = Settings { nature, seed, ..Settings::default() };
        settings.objects = vec![Object::custom("Plain__c").without_replication()];
        if let Some(ids) = self.max_replicated_ids {
            settings.max_replicated_ids = ids;
        }
        let world = World::with(settings).await.hastened(HASTE);
        world.org.stop_clock();
        world.org.add_field(self.object, Field::double("Age__c", 18, 0).formula_of_days_since("CreatedDate"));
        world
    }

    fn config(&self, choice: &Choice) -> Value {
        // Nobody names a deleted record that the filter leaves out, if the org does not.
        let filter = choice.filter.filter(|_| self.is_certified).map(|digit| format!("(NOT Name LIKE '%{digit}')"));
        let mut config = json!({"api": choice.api, "max_page_rows": choice.page, "start_date": choice.start});
        if let Some(minutes) = self.lookback {
            config["lookback_window"] = json!(format!("PT{minutes}M"));
        }
        if let Some(minutes) = self.refresh {
            config["refresh_formulas_every"] = json!(format!("PT{minutes}M"));
        }
        if let Some(filter) = filter {
            config["streams"] = json!([{"stream": self.object, "filter": filter}]);
        }
        config
    }

    fn catalog(&self, choice: &Choice) -> Value {
        let told = if choice.tells_deletions { &COLUMNS[..] } else { &COLUMNS[..4] };
        let columns: Vec<&str> = told.iter().copied().chain(self.refresh.map(|_| "Age__c")).collect();
        incremental(catalog(&[(self.object, &columns)]))
    }
}

impl Choice {
    fn draw(random: &mut Rng) -> Self {
        Self {
            page: random.usize(1..8),
            api: if random.u8(0..4) == 0 { "rest" } else { "bulk" },
            filter: (random.u8(0..3) == 0).then(|| random.digit(10)),
            start: random.choice([None, Some("2020-01-01"), Some("2019-01-01")]).flatten(),
            tells_deletions: true,
        }
    }

    /// Another one that differs in some of it.
    fn changed(&self, random: &mut Rng) -> Self {
        let other = Self::draw(random);
        Self {
            page: if random.bool() { other.page } else { self.page },
            api: if random.u8(0..4) == 0 { other.api } else { self.api },
            filter: if random.u8(0..4) == 0 { other.filter } else { self.filter },
            start: if random.u8(0..4) == 0 { other.start } else { self.start },
            tells_deletions: random.u8(0..4) > 0,
        }
    }

    fn lets_through(&self, name: &str) -> bool {
        self.filter.is_none_or(|digit| !name.ends_with(digit))
    }
}

/// Follows an org over some syncs, of which some are killed.
async fn follow(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let setup = Setup::draw(&mut random);
    let world = setup.world(seed).await;
    let work = RandomWork::new(setup.object, seed);
    let mut work = if setup.is_certified { work } else { work.calm() };
    let mut choices = vec![Choice::draw(&mut random)];
    let (mut states, mut rows, mut kills) = (json!([]), Vec::new(), 0);
    for sync in 0..SYNCS {
        let is_last = sync == SYNCS - 1;
        (0..random.usize(0..25)).for_each(|_| work.step(&world.org));
        let mut choice = choices.last().unwrap().clone();
        if setup.changes && sync > 0 {
            choice = choice.changed(&mut random);
        }
        if setup.fails && random.u8(0..3) == 0 {
            world.org.inject(QueryJobFault::failed(setup.object, ""));
        }
        if is_last {
            world.org.clear_faults();
            choice.tells_deletions = true;
            work.finish();
            world.org.advance_clock(Duration::from_secs(720));
        }
        let connector = world.start_read(setup.config(&choice), &setup.catalog(&choice), &states);
        choices.push(choice);
        let (kind, nth) = match random.u8(0..4) {
            0 if !is_last => ("STATE", random.usize(1..10)),
            1 if !is_last => ("RECORD", random.usize(1..40)),
            _ => ("STATE", usize::MAX),
        };
        world.org.begin_work(work);
        let run: Run = blocking(move || connector.end_at(kind, nth, Signal::Kill)).await;
        work = world.org.end_work().unwrap();
        rows.extend(run.records(setup.object).into_iter().cloned());
        let last = run.last_states();
        if last != json!([]) {
            states = last;
        }
        match run.exit_code {
            0 => assert_eq!(run.statuses(setup.object).last(), Some(&"COMPLETE"), "seed {seed}"),
            -1 => kills += 1,
            // A failed job of the shortest window ends the sync.
            1 if run.failure().1.contains("a window cannot be shorter") => {}
            code => panic!("seed {seed}: {code} {:?}", run.failure()),
        }
    }
    let there: BTreeMap<String, String> = world
        .org
        .records(setup.object)
        .into_iter()
        .map(|record| (record["Id"].clone().unwrap(), record["Name"].clone().unwrap()))
        .collect();
    assert_destination(&newest(&rows, seed), &there, &choices, seed);
    // A page of a query job is of one moment. One of a REST query has what its records have become, also if that is in the
    // next window too.
    let repeats = setup.changes || setup.refresh.is_some() || setup.lookback.is_some() || choices[0].api == "rest";
    let mut times: HashMap<String, usize> = HashMap::new();
    rows.iter().for_each(|row| *times.entry(row.to_string()).or_default() += 1);
    let repeated: usize = times.values().map(|times| times - 1).sum();
    let most = kills * choices[0].page;
    assert!(repeats || repeated <= most, "seed {seed}: {repeated} rows again after {kills} kills");
}

/// The destination has each record that every filter lets through, as it is, and no record that is deleted. One that some
/// filter leaves out may be there as it was.
fn assert_destination(
    seen: &BTreeMap<String, String>,
    there: &BTreeMap<String, String>,
    choices: &[Choice],
    seed: u64,
) {
    for (id, name) in there {
        if choices.iter().all(|choice| choice.lets_through(name)) {
            assert_eq!(seen.get(id), Some(name), "seed {seed}: {id}");
        }
    }
    let deleted: BTreeSet<&String> = seen.keys().filter(|id| !there.contains_key(*id)).collect();
    assert!(deleted.is_empty(), "seed {seed}: {deleted:?} are deleted");
}

/// What a destination has after these rows: of each record the row with the latest cursor, and of those the last; no record
/// that is deleted.
fn newest(rows: &[Value], seed: u64) -> BTreeMap<String, String> {
    let mut newest: BTreeMap<&str, &Value> = BTreeMap::new();
    for row in rows {
        let id = row["Id"].as_str().unwrap();
        let is_newest = newest.get(id).is_none_or(|known| cursor(known, seed) <= cursor(row, seed));
        if is_newest {
            newest.insert(id, row);
        }
    }
    let is_there = |row: &Value| row["_ab_cdc_deleted_at"].is_null() && row["IsDeleted"] != true;
    let there = newest.into_iter().filter(|(_, row)| is_there(row));
    there.map(|(id, row)| (id.to_owned(), row["Name"].as_str().unwrap_or_default().to_owned())).collect()
}

fn cursor(row: &Value, seed: u64) -> &str {
    row["SystemModstamp"].as_str().unwrap_or_else(|| panic!("seed {seed}: no cursor in {row}"))
}
