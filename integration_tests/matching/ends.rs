//! Searches that fail or are interrupted, and problems that are found before them.

use salesforce_sim::{Answer, Effect, Endpoint, Hold, JobFault, JobState, Operation, RequestFault, Settings};
use serde_json::{Value, json};

use super::{contact, contacts, lines, logs, settings};
use crate::operations::values;
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, record, state, stream, terminate, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_fails_for_a_while_is_repeated_and_nothing_is_lost() {
    let world = World::new().await;
    contact(&world, &[("LastName", "old"), ("Email", "ann@example.com")]);
    for effect in [Effect::Cut, Effect::Answer(Answer::status(503))] {
        world.org.inject(RequestFault::new(Endpoint::Query, effect).times(1));
    }
    let records = ["ann@example.com", "new@example.com"].map(|email| json!({"Email": email, "LastName": "new"}));
    let run = world
        .write(settings("upsert", json!({"fields": ["Email"]})), contacts(&["Email", "LastName"]), lines(&records))
        .await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }]);
    assert_eq!(
        values(&world, "Contact", &["Email", "LastName"]),
        [["ann@example.com", "new"], ["new@example.com", "new"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_job_that_fails_for_a_while_is_repeated_and_nothing_is_lost() {
    let effects = || [Effect::Cut, Effect::LostAnswer, Effect::SessionsEnded, Answer::status(503).into()];
    for endpoint in [Endpoint::QueryJobCreate, Endpoint::QueryJobInfo, Endpoint::QueryJobResults] {
        let world = World::new().await;
        for number in 0..4_000 {
            contact(&world, &[("LastName", "old"), ("Email", &format!("person-{number}@example.com"))]);
        }
        for (number, effect) in effects().into_iter().enumerate() {
            world.org.inject(RequestFault::new(endpoint, effect).starting_at(number + 1));
        }
        let record = |number| json!({"Email": format!("person-{number}@example.com"), "LastName": "new"});
        let records: Vec<Value> = (0..3_900).map(record).collect();
        let config = settings("update", json!({"fields": ["Email"]}));
        let run = world.write(config, contacts(&["Email", "LastName"]), lines(&records)).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 3_900, rejected: 0 }], "{endpoint:?}");
        let new = values(&world, "Contact", &["LastName"]).iter().filter(|row| row[0] == "new").count();
        assert_eq!(new, 3_900, "{endpoint:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_requests_that_has_no_room_for_a_search_ends_the_sync() {
    let world = World::with(Settings { daily_requests: 100, ..Settings::default() }).await;
    let mut config = settings("update", json!({"fields": ["Email"]}));
    config["max_api_usage_percent"] = json!(45);
    let records = [json!({"Email": "ann@example.com", "LastName": "new"})];
    let run = world.write(config, contacts(&["Email", "LastName"]), lines(&records)).await;
    let (kind, message) = run.failure();
    assert_eq!(kind, "transient_error");
    assert!(message.contains("`max_api_usage_percent` leaves this sync"), "{message}");
    assert!(world.org.jobs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_is_refused_ends_the_sync_and_sends_nothing() {
    let world = World::new().await;
    contact(&world, &[("LastName", "old"), ("Email", "ann@example.com")]);
    let refusal = Answer::error(400, "INVALID_FIELD", "no such column on entity 'Contact'");
    world.org.inject(RequestFault::new(Endpoint::Query, Effect::Answer(refusal)));
    let records = [json!({"Email": "ann@example.com", "LastName": "new"})];
    let run = world
        .write(settings("update", json!({"fields": ["Email"]})), contacts(&["Email", "LastName"]), lines(&records))
        .await;
    let (kind, message) = run.failure();
    assert_eq!(kind, "config_error");
    assert!(message.contains("looking up records of Contact by Email"), "{message}");
    assert!(run.counts().is_empty() && world.org.jobs().is_empty() && world.rejected().is_empty());
    assert!(!run.stdout.contains("ann@example.com"), "no value of a record is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_stopped_in_a_search_sends_nothing() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::Query, Effect::Held(hold.clone())));
    let mut connector =
        world.start_write(settings("upsert", json!({"fields": ["Email"]})), &contacts(&["Email", "LastName"]));
    let writer = connector.send_in_background(lines(&[json!({"Email": "ann@example.com", "LastName": "new"})]));
    wait_until(|| world.org.requests().iter().any(|request| request.endpoint == Endpoint::Query)).await;
    let run = terminate(connector, writer).await;
    hold.release();
    assert!(run.counts().is_empty() && world.org.jobs().is_empty());
    assert_eq!(world.org.count("Contact"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_of_a_match_are_reported_before_the_first_record() {
    let world = World::new().await;
    let entry =
        |stream: &str, operation: &str, matching| json!({"stream": stream, "operation": operation, "match": matching});
    let config = json!({"streams": [
        entry("a", "update", json!({"fields": ["Emial"]})),
        entry("b", "update", json!({"fields": ["Description"]})),
        entry("c", "update", json!({"fields": ["Email"]})),
        entry("d", "update", json!({"fields": ["Email"]})),
        entry("e", "upsert", json!({"fields": ["Account.Name"]})),
        {"stream": "f", "match": {"fields": ["Email"], "on_missing": "insert"}},
        {"stream": "g", "match": {"fields": ["Email"]}},
        entry("h", "delete", json!({"fields": ["Account.Owner.Email"]})),
    ]});
    let of = |name: &str, fields: &[&str]| {
        stream(name, "Contact", &fields.iter().map(|field| (*field, "string")).collect::<Vec<_>>())
    };
    let streams = [
        of("a", &["Emial", "Title"]),
        of("b", &["Description", "Title"]),
        of("c", &["Title"]),
        of("d", &["Email"]),
        of("e", &["Account.Name", "LastName"]),
        keyed(of("f", &["Email", "Title"]), "update", "Email"),
        of("g", &["Email", "LastName"]),
        of("h", &["Account.Owner.Email"]),
    ];
    let run = world.write(config, catalog(&streams), lines(&[])).await;
    let (kind, message) = run.failure();
    assert_eq!(kind, "config_error");
    assert!(message.starts_with("Nothing has been sent, for 8 reasons."), "{message}");
    for part in [
        "Stream a: its match field Emial is not a field of Contact that the user can see; the nearest name is Email",
        "Stream b: records of Contact cannot be found by Description, because it cannot be filtered",
        "Stream c: update needs the field Email in every record",
        "Stream d: it has no field other than its key",
        "Stream e: a new record of Contact would lack its key Account.Name",
        "Stream f: `match.on_missing` is `insert`, and update creates no record",
        "Stream g: `match` is for an operation that finds records, and an insert does not",
        "Stream h: its match field Account.Owner.Email must go through one relationship to one object",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert!(world.org.jobs().is_empty());
}

/// The records of contacts with these addresses, each of which gets this name.
fn named(name: &str, emails: &[String]) -> Vec<String> {
    emails.iter().map(|email| record("a", json!({"Email": email, "LastName": name}))).collect()
}

fn emails(kind: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{kind}-{number}@example.com")).collect()
}

/// How many contacts have each name.
fn names(world: &World) -> Vec<(String, usize)> {
    let mut names: Vec<(String, usize)> = Vec::new();
    for row in values(world, "Contact", &["LastName"]) {
        match names.iter_mut().find(|(name, _)| *name == row[0]) {
            Some((_, count)) => *count += 1,
            None => names.push((row[0].clone(), 1)),
        }
    }
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_job_that_creates_fails_after_the_one_that_updates_the_proven_states_come_back() {
    for (journal, chunks) in [(true, 0), (false, 0), (true, 1), (false, 1)] {
        let world = World::saving_nothing_late().await;
        for email in emails("old", 3) {
            contact(&world, &[("LastName", "before"), ("Email", &email)]);
        }
        let (old, new) = (emails("old", 3), emails("new", 300));
        // The first state covers records that are updated alone, and the others some of both kinds.
        let all = [
            named("after", &old[..1]),
            vec![state("a", 1)],
            named("after", &[&old[1..2], &new[..150]].concat()),
            vec![state("a", 2)],
            named("after", &[&old[2..], &new[150..]].concat()),
            vec![state("a", 3), complete("a")],
        ]
        .concat();
        world.org.inject(JobFault::completed("Contact", usize::MAX));
        world.org.inject(JobFault::failed("Contact", chunks, "InvalidBatch : Field name not found : Nickname"));
        let config = || {
            let mut config = settings("upsert", json!({"fields": ["Email"]}));
            config["journal"] = json!(journal);
            config
        };
        let run = world.write(config(), contacts(&["Email", "LastName"]), all.clone()).await;
        let case = format!("journal {journal}, {chunks} chunks: {}", run.stdout);
        assert_eq!(run.failure().0, "config_error", "{case}");
        let created = 200 * chunks;
        // 200 rows are created in their order, which are all those before the second state.
        let states: Vec<u64> = run.ids_and_counts().iter().map(|(id, _)| *id).collect();
        assert_eq!(states, (1..=1 + chunks as u64).collect::<Vec<_>>(), "{case}");
        assert_eq!(names(&world), [("after".to_owned(), 3 + created)], "{case}");
        assert!(world.rejected().is_empty());
        let operations: Vec<Operation> = world.org.jobs().iter().map(|job| job.operation).collect();
        assert_eq!(operations, [Operation::Update, Operation::Insert], "nothing is sent again");

        world.org.clear_faults();
        let run = world.write(config(), contacts(&["Email", "LastName"]), all).await;
        run.assert_success();
        assert_eq!(run.counts().iter().map(|counts| counts.written).collect::<Vec<_>>(), [1, 151, 151], "{case}");
        assert_eq!(names(&world), [("after".to_owned(), 303)], "nothing is there twice: {case}");
        assert!(!logs(&run, "WARN", &["twice"]) && world.journal().is_empty(), "{}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_stopped_between_the_two_jobs_of_a_batch_creates_nothing_and_the_next_completes_it() {
    let world = World::new().await;
    for email in emails("old", 2) {
        contact(&world, &[("LastName", "before"), ("Email", &email)]);
    }
    let all = [
        named("after", &emails("old", 2)),
        vec![state("a", 1)],
        named("after", &emails("new", 2)),
        vec![state("a", 2), complete("a")],
    ]
    .concat();
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobCreate, Effect::Held(hold.clone())).starting_at(2));
    let config = || settings("upsert", json!({"fields": ["Email"]}));
    let catalog = contacts(&["Email", "LastName"]);
    let mut connector = world.start_write(config(), &catalog);
    let writer = connector.send_in_background(all.clone());
    let creates = || world.org.requests().iter().filter(|request| request.endpoint == Endpoint::JobCreate).count();
    wait_until(|| creates() == 2).await;
    let run = terminate(connector, writer).await;
    hold.release();
    assert_eq!(run.failure().0, "transient_error", "{}", run.stdout);
    assert_eq!(run.ids_and_counts(), [(1, Counts { written: 2, rejected: 0 })]);
    assert_eq!(names(&world), [("after".to_owned(), 2)]);
    let ended = world.org.jobs().iter().filter(|job| job.state == JobState::JobComplete).count();
    assert_eq!(ended, 1, "the job that updates");

    let run = world.write(config(), catalog, all).await;
    run.assert_success();
    assert_eq!(names(&world), [("after".to_owned(), 4)]);
}
