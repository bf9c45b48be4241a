//! `write`: records are loaded into Salesforce, rejected ones are kept in the bucket, and states come back.

use std::time::Duration;

use salesforce_sim::{Effect, Endpoint, Hold, JobFault, JobState, RequestFault, RowFault, Settings};
use serde_json::json;

use crate::connector::Signal;
use crate::protocol_model::{Counts, Message};
use crate::stopped_sign_in::stop_while_held;
use crate::world::{World, blocking, catalog, complete, contact_catalog, record, state, stream, wait_until};

const CONTACT: &[(&str, &str)] =
    &[("FirstName", "string"), ("LastName", "string"), ("Email", "string"), ("HasOptedOutOfEmail", "boolean")];

/// Forty contacts of about 1 kB each.
fn forty_contacts() -> Vec<String> {
    let contact = |number| json!({"LastName": format!("L{number}"), "Description": "x".repeat(990)});
    let records = (0..40).map(|number| record("c", contact(number)));
    records.chain([state("c", 1), complete("c")]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_created_and_rejected_ones_are_kept_with_the_reason() {
    let world = World::new().await;
    let lines = vec![
        record("contacts", json!({"FirstName": "Ada", "LastName": "Example", "HasOptedOutOfEmail": true})),
        record(
            "contacts",
            json!({"FirstName": "Bo \"B\"", "LastName": "Süß, Jr.\nLine two", "Email": "bo@example.com"}),
        ),
        record("contacts", json!({"FirstName": "Nameless", "LastName": null})),
        state("contacts", 1),
        record("contacts", json!({"LastName": "Wrong", "Email": "not an address"})),
        record("contacts", json!({"LastName": "#N/A"})),
        record("contacts", json!({"LastName": "Last"})),
        state("contacts", 2),
        complete("contacts"),
    ];
    let run = world.write(json!({}), catalog(&[stream("contacts", "Contact", CONTACT)]), lines).await;
    run.assert_success();

    let states = run.states();
    assert_eq!(states.iter().map(|state| state.id()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 1 }, Counts { written: 1, rejected: 2 }]);

    let names = world.values("Contact", "LastName");
    assert_eq!(names, [Some("Example".to_owned()), Some("Last".to_owned()), Some("Süß, Jr.\nLine two".to_owned())]);
    let ada = world.org.records("Contact").into_iter().find(|it| it["FirstName"].as_deref() == Some("Ada")).unwrap();
    assert_eq!(ada["HasOptedOutOfEmail"].as_deref(), Some("true"));

    let mut rejected = world.rejected();
    rejected.sort_by_key(|row| row["_airbyte_data"]["sf__Error"].to_string());
    let data: Vec<_> = rejected.iter().map(|row| &row["_airbyte_data"]).collect();
    assert_eq!(data.len(), 3);
    assert_eq!(data[0]["sf__Error"], "INVALID_EMAIL_ADDRESS:Email: invalid email address: not an address:Email --");
    assert_eq!((&data[0]["LastName"], &data[0]["FirstName"]), (&json!("Wrong"), &json!(null)));
    assert_eq!(data[1]["rejected_reason"], "NULL_MARKER_AS_TEXT");
    assert_eq!(data[1]["sf__Id"], "");
    assert_eq!(data[2]["sf__Error"], "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --");
    assert_eq!(
        (&data[2]["rejected_reason"], &data[2]["rejected_field"]),
        (&json!("REQUIRED_FIELD_MISSING"), &json!("LastName"))
    );
    assert_eq!(rejected[2]["_airbyte_extracted_at"], 1_790_000_000_000_u64);
    assert_eq!(rejected[2]["_airbyte_meta"]["sync_id"], 42);
    assert_eq!(rejected[2]["_airbyte_generation_id"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_ends_before_the_row_that_would_exceed_its_size() {
    let world = World::new().await;
    let fields = [("LastName", "string"), ("Description", "string")];
    let run = world
        .write(json!({"batch_size_mb": 0.01}), catalog(&[stream("c", "Contact", &fields)]), forty_contacts())
        .await;
    run.assert_success();
    let jobs = world.org.jobs();
    assert_eq!(jobs.iter().map(|job| job.rows).sum::<usize>(), 40);
    let row = "L10,".len() + 990 + 1;
    for job in &jobs[..jobs.len() - 1] {
        let bytes = job.uploaded_bytes.unwrap();
        assert!(bytes <= 10_000 && bytes + row > 10_000, "{bytes}");
    }
    assert_eq!(run.states()[0].counts(), Counts { written: 40, rejected: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_retried() {
    let world = World::new().await;
    let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    world.org.inject(RowFault::new("Contact", lock).when(|row| row.get("LastName") == Some("Locked")).times(1));
    let lines = vec![
        record("c", json!({"LastName": "Free"})),
        state("c", 1),
        record("c", json!({"LastName": "Locked"})),
        state("c", 2),
        complete("c"),
    ];
    let run = world.write(json!({}), contact_catalog(), lines).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 2);
    assert_eq!(world.org.jobs().iter().map(|job| job.rows).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }, Counts { written: 1, rejected: 0 }]);
    assert!(world.rejected().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn unprocessed_rows_are_sent_again_and_committed_ones_are_not() {
    let world = World::new().await;
    world.org.inject(JobFault::failed("Contact", 1, "TooManyLockFailure : Too many lock failures"));
    let mut lines: Vec<String> =
        (0..650).map(|number| record("c", json!({"LastName": format!("L{number:03}")}))).collect();
    lines.extend([state("c", 1), complete("c")]);
    let run = world.write(json!({}), contact_catalog(), lines).await;
    run.assert_success();
    let expected: Vec<_> = (0..650).map(|number| Some(format!("L{number:03}"))).collect();
    assert_eq!(world.values("Contact", "LastName"), expected);
    let jobs = world.org.jobs();
    assert_eq!(
        jobs.iter().map(|job| (job.state, job.rows)).collect::<Vec<_>>(),
        [(JobState::Failed, 650), (JobState::JobComplete, 250)]
    );
    assert_eq!(run.states()[0].counts(), Counts { written: 650, rejected: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_batch_is_sent_while_the_source_is_silent() {
    let world = World::new().await;
    let mut connector = world.start_write(json!({"flush_interval_minutes": 0.001}), &contact_catalog());
    connector.send(&record("c", json!({"LastName": "Early"})));
    connector.send(&state("c", 1));
    // The state comes back before the source ends.
    let early = blocking(move || {
        let state = connector.next_state();
        (state, connector)
    });
    let (state, connector) = tokio::time::timeout(Duration::from_secs(60), early).await.unwrap();
    assert_eq!(state.counts(), Counts { written: 1, rejected: 0 });
    let run = blocking(move || connector.finish(&[complete("c")])).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_run_in_parallel_up_to_max_parallel_jobs() {
    let world = World::with(Settings { time_per_batch: Duration::from_millis(600), ..Settings::default() }).await;
    let fields = [("LastName", "string"), ("Description", "string")];
    let config = json!({"batch_size_mb": 0.01, "max_parallel_jobs": 2});
    let run = world.write(config, catalog(&[stream("c", "Contact", &fields)]), forty_contacts()).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 40);
    assert_eq!(most_parallel_jobs(&world), 2);
}

/// The most jobs that ran at one time, each from its first to its last request.
fn most_parallel_jobs(world: &World) -> usize {
    let mut spans: std::collections::HashMap<String, (usize, usize)> = std::collections::HashMap::new();
    for (time, request) in world.org.requests().iter().enumerate() {
        if let Some(id) = request.path.split('/').find(|part| part.starts_with("750")) {
            spans.entry(id.to_owned()).or_insert((time, time)).1 = time;
        }
    }
    let running = |time| spans.values().filter(|(start, end)| (*start..=*end).contains(&time)).count();
    spans.values().map(|(start, _)| running(*start)).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_as_a_whole_is_neither_acknowledged_nor_rejected() {
    for (message, failure_type, part) in [
        ("InvalidBatch : Field name not found : Nickname", "config_error", "Field name not found : Nickname"),
        ("ClientInputError : LineEnding is invalid on user data", "system_error", "LineEnding is invalid"),
        ("ExceededQuota : ApiBatchItems Limit exceeded", "transient_error", "batches that the org may use in 24 hours"),
    ] {
        let world = World::new().await;
        world.org.inject(JobFault::failed("Contact", 0, message));
        let lines = vec![record("c", json!({"LastName": "A"})), state("c", 1), complete("c")];
        let run = world.write(json!({}), contact_catalog(), lines).await;
        let (found, text) = run.failure();
        assert_eq!(found, failure_type, "{text}");
        assert!(text.contains(part), "{text}");
        assert!(run.states().is_empty() && world.rejected().is_empty());
        assert_eq!(world.org.jobs().len(), 1, "nothing is sent again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sync_acknowledges_its_running_jobs_and_sends_nothing_more() {
    let world = World::with(Settings { time_per_batch: Duration::from_millis(1_500), ..Settings::default() }).await;
    let mut connector = world.start_write(json!({"flush_interval_minutes": 0.0001}), &contact_catalog());
    connector.send(&record("c", json!({"LastName": "Early"})));
    connector.send(&state("c", 1));
    wait_until(|| world.org.jobs().iter().any(|job| job.state == JobState::InProgress)).await;
    connector.signal(Signal::Terminate);
    let run = blocking(move || connector.wait()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("stopped before it was complete"), "{message}");
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
    assert_eq!((world.org.count("Contact"), world.org.jobs().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_stopped_before_its_first_record_asks_for_nothing_more() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::Describe, Effect::Held(hold.clone())));
    let run = stop_while_held(world.start_write(json!({}), &contact_catalog()), &hold).await;
    assert!(run.failure().1.contains("stopped before it was complete"), "{:?}", run.failure());
    assert!(world.org.requests().iter().all(|request| request.endpoint != Endpoint::Limits));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_ends_with_why_nothing_was_written() {
    let world = World::new().await;
    let records = ["#N/A", "#N/A"].map(|name| record("c", json!({"LastName": name})));
    let run = world.write(json!({}), contact_catalog(), records.into_iter().chain([complete("c")]).collect()).await;
    run.assert_success();
    let last = run.messages.iter().filter_map(Message::log).next_back().unwrap();
    assert_eq!(
        last,
        "Nothing was written: all records are rejected (2 of 2), mostly with NULL_MARKER_AS_TEXT at LastName (2 records)."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_ends_with_the_counts_and_rejection_reasons_of_every_stream() {
    let world = World::new().await;
    let no_email = RowFault::new("Contact", "INVALID_EMAIL_ADDRESS:Email: invalid email address:Email --");
    world.org.inject(no_email.when(|row| row.get("LastName").is_some_and(|name| name.starts_with("Wrong"))));
    let catalog = contact_catalog();
    let names = ["Right", "Wrong 1", "#N/A", "Wrong 2"];
    let records = names.iter().map(|name| record("c", json!({"LastName": name})));
    let run = world.write(json!({}), catalog, records.chain([complete("c")]).collect()).await;
    run.assert_success();
    let logs: Vec<&str> = run.messages.iter().filter_map(Message::log).collect();
    let ended = logs.iter().position(|line| line.starts_with("stream ended")).expect("a line for the stream");
    for figure in ["stream=c", "read=4", "sent=3", "committed=1", "rejected=3", "jobs=1", "running=no job"] {
        assert!(logs[ended].contains(figure), "{figure}: {}", logs[ended]);
    }
    let stored = world.rejected();
    let reasons = [("INVALID_EMAIL_ADDRESS", "Email", 2), ("NULL_MARKER_AS_TEXT", "LastName", 1)];
    let sentences = [
        "Salesforce rejected 2 records of c at Email: the value is not an e-mail address",
        "1 record of c cannot be sent and is rejected: LastName is the text #N/A, which Salesforce reads as an instruction to \
         clear the field.",
    ];
    let object = &world.rejected_objects()[0].0;
    for ((line, (reason, field, count)), sentence) in logs[ended + 1..].iter().zip(reasons).zip(sentences) {
        let row = stored.iter().find(|row| row["_airbyte_data"]["rejected_reason"] == reason).unwrap();
        let id = row["_airbyte_raw_id"].as_str().unwrap();
        let labels = format!("stream=c reason=\"{reason}\" field=\"{field}\" count={count} row=\"{id}\"");
        assert_eq!(*line, format!("{sentence} {labels} object=\"{object}\""));
    }
    assert!(logs[ended + 3].starts_with("the report of the sync is in the bucket"), "{}", logs[ended + 3]);
    assert_eq!(logs.len(), ended + 4, "the log ends with the table and the report");
}

/// Salesforce's own words may hold a value, so the log has others.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_bucket_the_log_says_why_records_were_rejected_and_no_value() {
    let world = World::new().await;
    let no_email = RowFault::new("Contact", "INVALID_EMAIL_ADDRESS:Email: invalid email address: secret@:Email --");
    world.org.inject(no_email.when(|row| row.get("LastName").is_some_and(|name| name.starts_with("Wrong"))));
    let names = ["Wrong 1", "#N/A", "Wrong 2", "Right"];
    let records = names.iter().map(|name| record("c", json!({"LastName": name})));
    let run = world
        .write(json!({"object_storage_config": null}), contact_catalog(), records.chain([complete("c")]).collect())
        .await;
    run.assert_success();
    let job = &world.org.jobs()[0].id;
    let warnings = run.warnings();
    let expected = [
        format!(
            "Salesforce rejected 2 records of c at Email: the value is not an e-mail address stream=c \
             reason=\"INVALID_EMAIL_ADDRESS\" field=\"Email\" count=2 job=\"{job}\""
        ),
        "1 record of c cannot be sent and is rejected: LastName is the text #N/A, which Salesforce reads as an instruction \
         to clear the field. stream=c reason=\"NULL_MARKER_AS_TEXT\" field=\"LastName\" count=1 \
         extracted_at=\"2026-09-21T14:13:20Z\""
            .to_owned(),
    ];
    assert_eq!(warnings[warnings.len() - 2..], expected);
    assert!(!run.stdout.contains("secret@") && !run.stdout.contains("Wrong 1"), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_which_every_record_is_rejected_says_so_last() {
    let world = World::kind().await;
    let records = (0..3).map(|_| record("c", json!({"LastName": "#N/A"})));
    let run = world.write(json!({}), contact_catalog(), records.chain([complete("c")]).collect()).await;
    run.assert_success();
    let last = run.messages.iter().filter_map(Message::log).next_back().unwrap();
    assert_eq!(
        last,
        "Nothing was written: all records are rejected (3 of 3), mostly with NULL_MARKER_AS_TEXT at LastName \
         (3 records)."
    );
}
