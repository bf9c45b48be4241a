//! A dry run and the sync of the same input agree in every count.

use std::collections::BTreeMap;

use salesforce_sim::{Endpoint, Field, JobSummary, Nature, Object, Operation, Settings};
use serde_json::{Value, json};

use super::{StreamCounts, counts, field, number, reason};
use crate::connector::Run;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

/// What a sync has done with the streams of an object.
pub(super) fn done(world: &World, run: &Run, streams: &[&str], object: &str) -> StreamCounts {
    let jobs: Vec<_> = world.org.jobs().into_iter().filter(|job| job.object == object).collect();
    let saved = |job: &JobSummary| (job.processed - job.failed) as u64;
    let is_delete = |job: &&JobSummary| matches!(job.operation, Operation::Delete | Operation::HardDelete);
    let created = jobs.iter().map(|job| job.created as u64).sum();
    let deleted = jobs.iter().filter(is_delete).map(saved).sum();
    let written: u64 = jobs.iter().map(saved).sum();
    let log = run.log("INFO");
    let of_streams = |line: &&&str| field(line, "stream").is_some_and(|stream| streams.contains(&stream));
    let ended = || log.iter().filter(|line| line.starts_with("stream ended")).filter(of_streams);
    let mut refused = BTreeMap::new();
    let warnings = run.warnings();
    let counts_reason = |line: &&&str| field(line, "reason").and(field(line, "count")).is_some();
    for line in warnings.iter().filter(of_streams).filter(counts_reason) {
        let (code, count) = reason(line);
        // From outside, an id of another object looks like one that was never given.
        let names_no_record = ["MALFORMED_ID", "INVALID_CROSS_REFERENCE_KEY"].contains(&&*code);
        *refused.entry(if names_no_record { "NO_SUCH_ID".to_owned() } else { code }).or_default() += count;
    }
    let sum = |name| ended().map(|line| number(line, name)).sum::<u64>();
    let (records, skipped) = (sum("read"), sum("skipped"));
    StreamCounts {
        records,
        created,
        deleted,
        updated: written - created - deleted,
        skipped,
        merged: records.saturating_sub(written + skipped + refused.values().sum::<u64>()),
        jobs: jobs.len() as u64,
        bulk_batches: jobs.iter().map(|job| job.rows.div_ceil(10_000) as u64).sum(),
        refused,
    }
}

/// Runs a dry run and a sync against two orgs that `fill` makes equal, compares all counts, and returns them. `streams`
/// are the names of the streams and their objects. `fill` returns the lines of the source.
async fn agreed(
    config: Value,
    catalog: Value,
    streams: &[(&str, &str)],
    fill: impl Fn(&World) -> Vec<String>,
) -> Vec<StreamCounts> {
    agreed_in([World::kind().await, World::kind().await], config, catalog, streams, fill).await
}

/// The same in these two orgs.
async fn agreed_in(
    [dry, real]: [World; 2],
    config: Value,
    catalog: Value,
    streams: &[(&str, &str)],
    fill: impl Fn(&World) -> Vec<String>,
) -> Vec<StreamCounts> {
    let lines = [&dry, &real].map(&fill);
    let before_dry: Vec<_> = streams.iter().map(|(_, object)| dry.org.records(object)).collect();
    let [dry_lines, real_lines] = lines;
    let dry_run = dry.dry_run(config.clone(), catalog.clone(), dry_lines).await;
    dry_run.assert_success();
    for ((_, object), before) in streams.iter().zip(&before_dry) {
        assert_eq!(dry.org.records(object), *before, "nothing is changed");
    }
    let run = real.write(config, catalog, real_lines).await;
    run.assert_success();
    let counted: Vec<_> = streams.iter().map(|(name, _)| counts(&dry_run, name)).collect();
    let done: Vec<_> = streams.iter().map(|(name, object)| done(&real, &run, &[name], object)).collect();
    assert_eq!(counted, done, "{}", dry_run.stdout);
    let log = dry_run.log("INFO");
    let taken = log.iter().find(|line| line.starts_with("dry run: what a sync would take")).unwrap();
    let (jobs, of_jobs) = (real.org.jobs().len() as u64, real.org.requests());
    let of_jobs =
        of_jobs.iter().filter(|it| ["/jobs/", "/query"].iter().any(|part| it.path.contains(part))).count() as u64;
    assert_eq!(number(taken, "jobs"), jobs);
    let least = number(taken, "requests_at_least");
    assert!(4 * jobs <= least && least <= of_jobs, "{least} of {of_jobs}");
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_create_a_record_each_but_those_that_are_refused() {
    let fields = [("LastName", "string"), ("HasOptedOutOfEmail", "boolean"), ("Description", "string")];
    let streams = [
        stream("people", "Contact", &fields),
        stream("leads", "Lead", &[("LastName", "string"), ("Company", "string")]),
    ];
    let counted =
        agreed(json!({"batch_size_mb": 0.01}), catalog(&streams), &[("people", "Contact"), ("leads", "Lead")], |_| {
            let person =
                |number| record("people", json!({"LastName": format!("L{number}"), "Description": "x".repeat(990)}));
            let mut lines: Vec<String> = (0..40).map(person).collect();
            lines.extend([
                record("people", json!({"LastName": "#N/A"})),
                record("people", json!({"LastName": "a", "HasOptedOutOfEmail": "perhaps"})),
                record("people", json!({"LastName": "b", "HasOptedOutOfEmail": "no one knows"})),
                state("people", 1),
                record("leads", json!({"LastName": "Example", "Company": "Example Ltd"})),
                complete("people"),
                complete("leads"),
            ]);
            lines
        });
    let counted = counted.await;
    assert!(counted[0].created == 40 && counted[0].jobs > 3, "{:?}", counted[0]);
    assert_eq!(
        counted[1],
        StreamCounts { records: 1, created: 1, jobs: 1, bulk_batches: 1, ..StreamCounts::default() }
    );
    let refused = [("INVALID_TYPE_ON_FIELD_IN_RECORD", 2), ("NULL_MARKER_AS_TEXT", 1)];
    assert_eq!(counted[0].refused, refused.map(|(code, count)| (code.to_owned(), count)).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_the_source_has_deleted_delete_or_are_skipped() {
    let fields = [("Id", "string"), ("LastName", "string"), ("_ab_cdc_deleted_at", "string")];
    let streams = ["deletes", "ignores"].map(|name| keyed(stream(name, object_of(name), &fields), "update", "Id"));
    fn object_of(name: &str) -> &'static str {
        if name == "deletes" { "Contact" } else { "Lead" }
    }
    let config = json!({"streams": [{"stream": "ignores", "deletes": "ignore"}]});
    let counted = agreed(config, catalog(&streams), &[("deletes", "Contact"), ("ignores", "Lead")], |world| {
        let mut lines = Vec::new();
        for name in ["deletes", "ignores"] {
            let insert = |last_name: &str| {
                world.org.insert(object_of(name), &[("LastName", last_name), ("Company", "Example Ltd")]).unwrap()
            };
            let [one, two] = ["one", "two"].map(insert);
            lines.extend([
                record(name, json!({"Id": one, "LastName": "new"})),
                record(name, json!({"Id": two, "LastName": "new"})),
                record(name, json!({"Id": one, "_ab_cdc_deleted_at": "2026-01-01"})),
                record(name, json!({"Id": "", "_ab_cdc_deleted_at": "perhaps"})),
                complete(name),
            ]);
        }
        lines
    });
    let counted = counted.await;
    assert_eq!((counted[0].deleted, counted[0].updated, counted[0].merged, counted[0].skipped), (1, 1, 1, 0));
    assert_eq!((counted[1].deleted, counted[1].updated, counted[1].merged, counted[1].skipped), (0, 2, 0, 1));
    assert!(counted.iter().all(|counts| counts.refused["UNCLEAR_DELETE_MARK"] == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_allowances_that_do_not_suffice_are_named() {
    let world = World::with(Settings::default()).await;
    world.org.set_remaining_batches(1);
    let streams = [stream("c", "Contact", &[("LastName", "string"), ("Description", "string")])];
    let person = |number| record("c", json!({"LastName": format!("L{number}"), "Description": "x".repeat(990)}));
    let lines = (0..30).map(person).chain([complete("c")]).collect();
    let run = world.dry_run(json!({"batch_size_mb": 0.01}), catalog(&streams), lines).await;
    run.assert_success();
    let jobs = counts(&run, "c").jobs;
    assert!(jobs > 1, "{jobs}");
    let warning = format!("dry run: a sync would take {jobs} bulk batches, and the org has 1 left for today");
    assert!(run.warnings().contains(&warning.as_str()), "{:?}", run.warnings());
}

/// The configuration of uploads that have one of `long()` at most.
fn small_batches() -> Value {
    json!({"batch_size_mb": 0.01})
}

pub(super) fn long() -> String {
    "x".repeat(9_000)
}

fn refusals(counted: &StreamCounts) -> Vec<(&str, u64)> {
    counted.refused.iter().map(|(code, count)| (code.as_str(), *count)).collect()
}

/// A stream `a` of accounts.
fn accounts(mode: &str, key: &str) -> Value {
    let fields = [(key, "string"), ("Name", "string"), ("Description", "string")];
    catalog(&[keyed(stream("a", "Account", &fields), mode, key)])
}

fn lines(records: impl IntoIterator<Item = Value>) -> Vec<String> {
    let records = records.into_iter().map(|data| record("a", data));
    records.chain([state("a", 1), complete("a")]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_creates_keys_that_are_new_and_updates_the_others() {
    let catalog = accounts("append_dedup", "External_Id__c");
    let counted = agreed(json!({}), catalog, &[("a", "Account")], |world| {
        for key in ["A-1", "O'Neil\\, \"50%\"", "M\u{fc}ller", "unused"] {
            world.org.insert("Account", &[("Name", "n"), ("External_Id__c", key)]).unwrap();
        }
        let keys = ["a-1", "A-2", "A-1 ", "O'Neil\\, \"50%\"", "M\u{fc}ller", "a-2", "\u{6771}\u{4eac}", "A-3"];
        let records = keys.iter().map(|key| json!({"External_Id__c": key, "Name": "n"}));
        lines(records.chain([json!({"External_Id__c": " ", "Name": "n"}), json!({"External_Id__c": "#N/A"})]))
    });
    let counted = counted.await.remove(0);
    assert_eq!((counted.created, counted.updated, counted.merged, counted.jobs), (3, 3, 2, 1));
    assert_eq!(refusals(&counted), [("MISSING_ARGUMENT", 1), ("NULL_MARKER_AS_TEXT", 1)]);
}

/// The org does not know what the batches before would have created.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_an_earlier_batch_creates_is_updated_by_a_later_one() {
    let catalog = accounts("append_dedup", "External_Id__c");
    let counted = agreed(small_batches(), catalog, &[("a", "Account")], |world| {
        world.org.insert("Account", &[("Name", "n"), ("External_Id__c", "old")]).unwrap();
        let keys = ["new", "old", "NEW", "newer", "new ", "old"];
        lines(keys.map(|key| json!({"External_Id__c": key, "Name": "n", "Description": long()})))
    });
    let counted = counted.await.remove(0);
    assert_eq!((counted.created, counted.updated, counted.jobs), (2, 4, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_several_records_have_is_refused_and_case_counts_where_the_field_says_so() {
    let streams = [keyed(
        stream("a", "Account", &[("Segment_Key__c", "string"), ("Name", "string")]),
        "append_dedup",
        "Segment_Key__c",
    )];
    let counted = agreed(json!({}), catalog(&streams), &[("a", "Account")], |world| {
        for key in ["twice", "twice", "once", "ONCE"] {
            world.org.insert("Account", &[("Name", "n"), ("Segment_Key__c", key)]).unwrap();
        }
        lines(["twice", "once", "never"].map(|key| json!({"Segment_Key__c": key, "Name": "n"})))
    });
    let counted = counted.await.remove(0);
    assert_eq!((counted.created, counted.updated, refusals(&counted)), (1, 1, vec![("DUPLICATE_EXTERNAL_ID", 1)]));

    let streams = [keyed(
        stream("a", "Account", &[("Legacy_Key__c", "string"), ("Name", "string")]),
        "append_dedup",
        "Legacy_Key__c",
    )];
    let counted = agreed(json!({}), catalog(&streams), &[("a", "Account")], |world| {
        world.org.insert("Account", &[("Name", "n"), ("Legacy_Key__c", "Key")]).unwrap();
        lines(["Key", "KEY"].map(|key| json!({"Legacy_Key__c": key, "Name": "n"})))
    });
    let counted = counted.await.remove(0);
    assert_eq!((counted.created, counted.updated), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_deletes_by_id_are_refused_where_there_is_no_record() {
    for mode in ["update", "soft_delete"] {
        let counted = agreed(small_batches(), accounts(mode, "Id"), &[("a", "Account")], |world| {
            let ids: Vec<String> =
                (0..4).map(|number| world.org.insert("Account", &[("Name", &number.to_string())]).unwrap()).collect();
            let other = world.org.insert("Contact", &[("LastName", "n")]).unwrap();
            let never = format!("{}zzzzzzzz", &ids[0][..7]);
            let recycled = world.org.insert("Account", &[("Name", "n")]).unwrap();
            assert!(world.org.recycle("Account", &recycled));
            let names = [&ids[0], &ids[1][..15], "no id at all", &other, &never, &ids[0][..15], &ids[2], "", &recycled];
            let records = names.map(|id| json!({"Id": id, "Name": "n"}));
            let again = [&ids[3], &ids[3], &ids[0]].map(|id| json!({"Id": id, "Name": "m", "Description": long()}));
            lines(records.into_iter().chain(again))
        });
        let counted = counted.await.remove(0);
        assert!(counted.updated + counted.deleted >= 4 && counted.refused["NO_SUCH_ID"] == 3, "{mode} {counted:?}");
        assert!(counted.refused["ENTITY_IS_DELETED"] >= 1, "{mode} {counted:?}");
        assert_eq!((counted.created, counted.refused["MISSING_ARGUMENT"]), (0, 1), "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_an_earlier_batch_deletes_is_not_there_for_a_later_one() {
    for operation in ["delete", "hard_delete"] {
        let fields = [("Id", "string")];
        let config = json!({"batch_size_mb": 0.01, "streams": [{"stream": "a", "operation": operation}]});
        let counted = agreed(config, catalog(&[stream("a", "Account", &fields)]), &[("a", "Account")], |world| {
            let id = world.org.insert("Account", &[("Name", "n")]).unwrap();
            let never = |number: usize| json!({"Id": format!("{}zzzz{number:04}", &id[..7])});
            lines(std::iter::once(json!({"Id": id})).chain((0..700).map(never)).chain([json!({"Id": id})]))
        });
        let counted = counted.await.remove(0);
        let refused = counted.refused.values().sum::<u64>();
        assert_eq!((counted.deleted, counted.jobs, refused), (1, 2, 701), "{operation} {counted:?}");
    }
}

/// A stream that follows its source: what is gone already has what was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_delete_of_a_record_of_the_source_in_a_later_batch_is_skipped() {
    let fields = [("Id", "string"), ("Description", "string"), ("_ab_cdc_deleted_at", "string")];
    let catalog = catalog(&[keyed(stream("a", "Account", &fields), "update", "Id")]);
    let counted = agreed(small_batches(), catalog, &[("a", "Account")], |world| {
        let [gone, stays] = ["gone", "stays"].map(|name| world.org.insert("Account", &[("Name", name)]).unwrap());
        let delete = json!({"Id": gone, "_ab_cdc_deleted_at": "2026-01-01"});
        let writes = [1, 2].map(|number| json!({"Id": stays, "Description": format!("{number}{}", long())}));
        lines([vec![delete.clone()], writes.to_vec(), vec![delete]].concat())
    });
    let counted = counted.await.remove(0);
    assert_eq!((counted.deleted, counted.updated, counted.skipped, refusals(&counted)), (1, 2, 1, vec![]));
}

/// The recycle bin costs requests, and says nothing about a record that is there.
#[tokio::test(flavor = "multi_thread")]
async fn the_recycle_bin_is_searched_for_ids_of_no_living_record_only() {
    let world = World::kind().await;
    let ids: Vec<String> =
        (0..3).map(|number| world.org.insert("Account", &[("Name", &number.to_string())]).unwrap()).collect();
    assert!(world.org.recycle("Account", &ids[2]));
    let in_bin = || {
        let requests = world.org.requests();
        let searches = requests.iter().filter(|it| it.endpoint == Endpoint::QueryAll);
        searches.map(|it| ids.iter().map(|id| it.path.contains(&id[..15])).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    for (rows, expected) in [(2, vec![]), (3, vec![vec![false, false, true]])] {
        let rows = lines(ids[..rows].iter().map(|id| json!({"Id": id, "Name": "new"})));
        world.dry_run(json!({}), accounts("update", "Id"), rows).await.assert_success();
        assert_eq!(in_bin(), expected);
    }
}

/// An org with an object whose keys are a number and an e-mail address.
async fn with_items() -> World {
    let object = Object::custom("Item__c")
        .field(Field::double("Number__c", 18, 0).external_id().unique())
        .field(Field::email("Mail__c").external_id().unique())
        .field(Field::text("Label__c", 20));
    World::of_nature(Nature::kind(), Settings { objects: vec![object], ..Settings::default() }).await
}

fn items(key: &str) -> Value {
    catalog(&[keyed(stream("a", "Item__c", &[(key, "string"), ("Label__c", "string")]), "append_dedup", key)])
}

/// Forms of a number that are only perhaps one key go to jobs of their own.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_one_key_in_each_form() {
    let worlds = [with_items().await, with_items().await];
    let counted = agreed_in(worlds, json!({}), items("Number__c"), &[("a", "Item__c")], |world| {
        world.org.insert("Item__c", &[("Number__c", "1000")]).unwrap();
        let numbers = [json!(1000), json!("1e3"), json!(7), json!("7.0")];
        lines(numbers.map(|value| json!({"Number__c": value, "Label__c": "x"})))
    });
    let counted = counted.await.remove(0);
    assert_eq!((counted.created, counted.updated, counted.merged), (1, 2, 1), "{counted:?}");
}

/// No document says whether an upsert by an e-mail address regards case.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_record_is_unknown_is_unclear() {
    let world = with_items().await;
    world.org.insert("Item__c", &[("Mail__c", "ann@example.com")]).unwrap();
    let mails = ["Ann@example.com", "bo@example.com"];
    let lines = lines(mails.map(|mail| json!({"Mail__c": mail, "Label__c": "x"})));
    let run = world.dry_run(json!({}), items("Mail__c"), lines).await;
    run.assert_success();
    let line = "operation=upsert records=2 created=1 updated=0 unclear=1 deleted=0";
    assert!(run.log("INFO").iter().any(|it| it.contains(line)), "{}", run.stdout);
}

/// A sync looks for the second record again once the first is there; what the org answers then cannot be known before.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_that_may_be_that_of_a_record_before_it_counts_too() {
    let world = World::kind().await;
    let records = ["m\u{fc}ller", "M\u{dc}LLER", "sato"].map(|name| json!({"LastName": name, "Title": name}));
    let config = json!({"streams": [{"stream": "a", "operation": "upsert", "match": {"fields": ["LastName"]}}]});
    let contacts = catalog(&[stream("a", "Contact", &[("LastName", "string"), ("Title", "string")])]);
    let run = world.dry_run(config, contacts, lines(records)).await;
    run.assert_success();
    let line = "operation=upsert records=3 created=2 updated=0 unclear=1 deleted=0";
    assert!(run.log("INFO").iter().any(|it| it.contains(line)), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_found_by_any_field_are_counted_for_each_choice() {
    let fields = [("Email", "string"), ("FirstName", "string"), ("LastName", "string"), ("Description", "string")];
    for operation in ["update", "delete", "hard_delete", "upsert"] {
        for on_missing in ["insert", "reject", "skip"] {
            if on_missing == "insert" && operation != "upsert" {
                continue;
            }
            for on_several in ["reject", "update_all"] {
                let matching = json!({"fields": ["Email"], "on_missing": on_missing, "on_several": on_several});
                for batch_size in [0.01, 1.0] {
                    let config = json!({
                        "batch_size_mb": batch_size,
                        "streams": [{"stream": "a", "operation": operation, "match": matching}],
                    });
                    let counted =
                        agreed(config, catalog(&[stream("a", "Contact", &fields)]), &[("a", "Contact")], |world| {
                            for mail in ["ann@example.com", "bo@example.com", "bo@example.com", "cy@example.com"] {
                                world.org.insert("Contact", &[("LastName", "n"), ("Email", mail)]).unwrap();
                            }
                            let mails = [
                                "ANN@example.com",
                                "bo@example.com",
                                "new@example.com",
                                "",
                                "ann@example.com",
                                "New@example.com",
                                "cy@example.com",
                                "bo@example.com",
                            ];
                            lines(mails.map(|mail| json!({"Email": mail, "LastName": "m", "Description": long()})))
                        });
                    let counted = counted.await.remove(0);
                    assert!(
                        counted.updated + counted.deleted >= 2,
                        "{operation} {on_missing} {on_several} {counted:?}"
                    );
                }
            }
        }
    }
}
