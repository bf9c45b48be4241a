//! The report that each sync leaves in the bucket.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use salesforce_sim::{Effect, Endpoint, Hold, JobFault, RequestFault, RowFault, Settings};
use serde_json::{Value, json};

use crate::connector::Signal;
use crate::protocol_model::Counts;
use crate::world::{
    BUCKET, World, blocking, catalog, complete, contact_catalog, keyed, record, state, stream, wait_until,
};

/// Contacts, some of which lack their name, a state, and the end of the stream.
fn contacts(stream: &str, count: u64) -> Vec<String> {
    let contact = |number| {
        let name = if number % 5 == 4 { Value::Null } else { json!(format!("L{number}")) };
        json!({"LastName": name, "External_Id__c": format!("E{number}"), "Description": "x".repeat(900)})
    };
    let records = (0..count).map(|number| record(stream, contact(number)));
    records.chain([state(stream, count), complete(stream)]).collect()
}

fn contact_stream(name: &str) -> Value {
    stream(name, "Contact", &[("LastName", "string"), ("External_Id__c", "string"), ("Description", "string")])
}

/// The only report in the bucket. With `REPORTS_DIR` it is saved there too, where a browser can open it.
#[track_caller]
fn only_report(world: &World) -> (String, String) {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    let [report] = <[_; 1]>::try_from(world.reports()).unwrap_or_else(|all| panic!("{} reports", all.len()));
    if let Some(folder) = std::env::var_os("REPORTS_DIR") {
        let name = format!("{}.html", REPORTS.fetch_add(1, Ordering::Relaxed));
        std::fs::write(std::path::Path::new(&folder).join(name), &report.1).unwrap();
    }
    report
}

/// What a simulated org has on a day.
const DAILY_BATCHES: usize = 15_000;

/// A number below a million as a report shows it.
fn thousands(number: usize) -> String {
    format!("{},{:03}", number / 1_000, number % 1_000)
}

/// The numbers in the cells of a column, row by row.
fn cells(page: &str, label: &str) -> Vec<u64> {
    let start = format!("data-label=\"{label}\">");
    let cells = page.split(&start).skip(1);
    cells.map(|cell| cell.split('<').next().unwrap().replace(',', "").parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_of_a_report_are_those_of_the_states() {
    let world = World::new().await;
    world.org.inject(
        RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:Description --")
            .when(|row| row.get("LastName").is_some_and(|name| name.ends_with('7'))),
    );
    let streams = [contact_stream("first"), keyed(contact_stream("second"), "append_dedup", "External_Id__c")];
    let lines = [contacts("first", 60), contacts("second", 40)].concat();
    let run = world.write(json!({"batch_size_mb": 0.01}), catalog(&streams), lines).await;
    run.assert_success();
    let (key, page) = only_report(&world);
    assert_eq!(key, "rejected_records/42/report.html");
    assert!(page.contains("<strong>Succeeded with rejected records</strong>"), "{page}");
    assert_eq!(cells(&page, "Read"), [60, 40]);
    let of_states = |name: &str| -> (u64, u64) {
        let counts = run.ids_and_counts_of(name);
        (counts.iter().map(|(_, it)| it.written).sum(), counts.iter().map(|(_, it)| it.rejected).sum())
    };
    let (first, second) = (of_states("first"), of_states("second"));
    assert_eq!((cells(&page, "Written"), cells(&page, "Rejected")), (vec![first.0, second.0], vec![first.1, second.1]));
    assert!(page.contains("<td data-label=\"Operation\">upsert</td>"), "{page}");
    // The reasons are those in the bucket, and their sum is what was rejected.
    assert_eq!(cells(&page, "Records").iter().sum::<u64>(), first.1 + second.1);
    assert!(page.contains("REQUIRED_FIELD_MISSING</th><td data-label=\"Field\">LastName</td>"), "{page}");
    assert!(page.contains("EXCEPTION</th><td data-label=\"Field\">Description</td>"), "{page}");
    // The page has some records of each reason: those of the jobs that ended first, so it names only some objects.
    let objects: Vec<String> = world.rejected_objects().into_iter().map(|(key, _)| key).collect();
    let before = format!("{BUCKET}/");
    let named: Vec<&str> = page.split(&before).skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert!(named.len() >= 3, "{page}");
    for object in named {
        assert!(objects.iter().any(|key| key == object), "{object} is not in the bucket: {objects:?}");
    }
    // A row of the timeline for each job, with what the time went into.
    let jobs = world.org.jobs();
    assert_eq!(cells(&page, "Jobs").iter().sum::<u64>(), jobs.len() as u64);
    for job in &jobs {
        assert!(page.contains(&format!("<code>{}</code>", job.id)), "{} is missing: {page}", job.id);
    }
    for phase in ["Upload", "Running in Salesforce", "Reading results"] {
        assert!(page.contains(&format!("<title>{phase}: ")), "{phase} is missing: {page}");
    }
    // The allowances at the start are those before this sync, and those at the end are what the org says then.
    let batches = jobs.len();
    assert!(page.contains(&format!("\"Before\">{}</td>", thousands(DAILY_BATCHES))), "{page}");
    assert!(page.contains(&format!("\"After\">{}</td>", thousands(DAILY_BATCHES - batches))), "{batches}: {page}");
    let requests = world.org.requests().iter().filter(|request| request.endpoint != Endpoint::Token).count();
    assert!(page.contains(&format!("This sync made {requests} API requests.")), "{requests}: {page}");
    assert!(!page.contains("not known"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_loads_nothing_and_holds_no_value_of_a_record() {
    let world = World::new().await;
    let lines = vec![
        record("c", json!({"LastName": "Lovelace-Example"})),
        record("c", json!({"LastName": "#N/A"})),
        state("c", 1),
        complete("c"),
    ];
    let run = world.write(json!({}), contact_catalog(), lines).await;
    run.assert_success();
    let (_, page) = only_report(&world);
    for text in ["http:", "https:", "src=", "href=", "url(", "<script", "@import", "Lovelace", "#N/A"] {
        assert!(!page.contains(text), "{text}: {page}");
    }
    // Of one job the page itself counts what it uses.
    assert!(page.contains(&format!(">about {}<", thousands(DAILY_BATCHES - 1))), "{page}");
    let raw_id = world.rejected()[0]["_airbyte_raw_id"].as_str().unwrap().to_owned();
    assert!(page.contains(&format!("<code>{raw_id}</code>")), "{raw_id} is missing: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_messages_from_outside_are_text() {
    const NAME: &str = "<script>alert('stream')</script>_a_name_that_is_so_long_that_it_would_leave_the_page_on_any_phone_\
                        and_that_has_no_blank_where_a_browser_could_break_it_into_lines";
    let world = World::new().await;
    world.org.inject(JobFault::failed("Contact", 0, "InvalidBatch : <script>alert('job')</script>"));
    let lines = vec![record(NAME, json!({"LastName": "A"})), state(NAME, 1), complete(NAME)];
    let run = world.write(json!({}), catalog(&[stream(NAME, "Contact", &[("LastName", "string")])]), lines).await;
    assert!(run.failure().1.contains("<script>alert('job')"), "{}", run.failure().1);
    let (_, page) = only_report(&world);
    assert!(!page.contains("<script"), "{page}");
    for text in ["&lt;script&gt;alert(&#39;stream&#39;)&lt;/script&gt;", "&lt;script&gt;alert(&#39;job&#39;)"] {
        assert!(page.contains(text), "{text} is missing: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_leaves_a_report_with_its_error() {
    let world = World::saving_nothing_late().await;
    world.org.inject(JobFault::aborted("Contact", 0));
    let run = world.write(json!({}), catalog(&[contact_stream("c")]), contacts("c", 20)).await;
    let (_, message) = run.failure();
    let (_, page) = only_report(&world);
    assert!(page.contains("<strong>Failed</strong>"), "{page}");
    let sentence = message.split(". ").next().unwrap();
    assert!(page.contains(sentence) && page.contains("<em>aborted</em>"), "{sentence} is missing: {page}");
    let open = 20 - run.counts().iter().map(|it| it.written + it.rejected).sum::<u64>();
    assert!(page.contains(&format!("It is not known whether {open} records reached Salesforce.")), "{open}: {page}");
}

/// After a failure the org may be the reason.
#[tokio::test(flavor = "multi_thread")]
async fn only_after_a_success_the_org_is_asked_for_its_limits_again() {
    for (ends, asked) in [(true, 2), (false, 1)] {
        let world = World::new().await;
        let mut lines = contacts("c", 60);
        if !ends {
            lines.pop();
        }
        let run = world.write(json!({"batch_size_mb": 0.01}), catalog(&[contact_stream("c")]), lines).await;
        assert_eq!(run.states().len(), 1);
        assert!(world.org.jobs().len() > 1);
        let requests = world.org.requests();
        assert_eq!(requests.iter().filter(|request| request.endpoint == Endpoint::Limits).count(), asked, "{ends}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_stopped_leaves_a_report() {
    let world = World::with(Settings { time_per_chunk: Duration::from_millis(300), ..Settings::default() }).await;
    let mut connector = world.start_write(json!({"flush_interval_minutes": 0.001}), &contact_catalog());
    let connector = blocking(move || {
        (0..400).for_each(|number| connector.send(&record("c", json!({"LastName": format!("L{number}")}))));
        connector.send(&state("c", 1));
        connector
    });
    let connector = connector.await;
    wait_until(|| world.org.jobs().iter().any(|job| job.processed > 0)).await;
    let run = blocking(move || {
        connector.signal(Signal::Terminate);
        connector.wait()
    });
    let run = run.await;
    assert!(run.failure().1.contains("stopped before it was complete"), "{}", run.failure().1);
    let (_, page) = only_report(&world);
    assert!(page.contains("<strong>Failed</strong>") && page.contains("stopped before it was complete"), "{page}");
    assert_eq!(cells(&page, "Written"), [world.org.count("Contact") as u64]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_records_or_a_bucket_there_is_no_report() {
    let world = World::new().await;
    let lines = contacts("c", 5);
    let catalog = catalog(&[contact_stream("c")]);
    world.write(json!({"report": false}), catalog.clone(), lines.clone()).await.assert_success();
    world
        .write(json!({"object_storage_config": {"storage_type": "None"}}), catalog.clone(), lines)
        .await
        .assert_success();
    world.write(json!({}), catalog, vec![state("c", 2), complete("c")]).await.assert_success();
    assert_eq!(world.reports(), []);
}

/// A folder in its place refuses the report alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_stored_is_a_warning() {
    let world = World::new().await;
    world.store.put(BUCKET, "rejected_records/42/report.html/in_its_place", b"").unwrap();
    let run = world.write(json!({}), catalog(&[contact_stream("c")]), contacts("c", 10)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 8, rejected: 2 }]);
    let warnings = run.warnings();
    assert!(warnings.iter().any(|line| line.contains("the report of the sync could not be stored")), "{warnings:?}");
    assert_eq!(world.reports(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_another_attempt_or_sync_stays() {
    let world = World::new().await;
    let catalog = catalog(&[contact_stream("c")]);
    for _ in 0..3 {
        world.write(json!({}), catalog.clone(), contacts("c", 5)).await.assert_success();
    }
    // In this layout the syncs of a stream share a folder.
    let shared = json!({"object_storage_config": {"path_format": "{stream_name}/{sync_id}"}});
    for _ in 0..2 {
        world.write(shared.clone(), catalog.clone(), contacts("c", 5)).await.assert_success();
    }
    let keys: Vec<_> = world.reports().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 5, "{keys:?}");
    let of_sync: Vec<_> = keys.iter().filter_map(|key| key.strip_prefix("rejected_records/42/")).collect();
    assert_eq!((of_sync.len(), of_sync[0]), (3, "report.html"), "{keys:?}");
    let dated = keys.iter().filter(|key| key.starts_with("rejected_records/report_")).count();
    assert_eq!(dated, 2, "{keys:?}");
}

/// The last answer of the org is held back, so the report waits while the state is there.
#[tokio::test(flavor = "multi_thread")]
async fn no_state_waits_for_the_report() {
    let world = World::new().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::Limits, Effect::Held(hold.clone())).starting_at(2));
    let mut connector = world.start_write(json!({"batch_size_mb": 0.01}), &catalog(&[contact_stream("c")]));
    let lines = contacts("c", 40);
    let connector = blocking(move || {
        lines.iter().for_each(|line| connector.send(line));
        connector.close_stdin();
        assert_eq!(connector.next_state().counts(), Counts { written: 32, rejected: 8 });
        connector
    });
    let connector = connector.await;
    hold.reached().await;
    assert_eq!(world.reports(), [], "it is not stored yet");
    hold.release();
    blocking(move || connector.wait()).await.assert_success();
    only_report(&world);
}

/// A search has a row of its own, whether jobs follow it or not. Its time is not one without a job.
#[tokio::test(flavor = "multi_thread")]
async fn searches_have_rows_of_their_own_in_the_timeline() {
    let world = World::new().await;
    world.org.insert("Contact", &[("LastName", "L1"), ("Email", "l1@example.com")]).unwrap();
    let matching = json!({"fields": ["Email"], "on_missing": "skip"});
    let config = json!({"batch_size_mb": 0.01, "streams": [{"stream": "c", "operation": "update", "match": matching}]});
    let contact = |number| {
        let email = format!("l{number}@example.com");
        record("c", json!({"LastName": "new", "Email": email, "Description": "x".repeat(900)}))
    };
    let lines = (0..30).map(contact).chain([state("c", 1), complete("c")]).collect();
    let fields = [("LastName", "string"), ("Email", "string"), ("Description", "string")];
    world.write(config, catalog(&[stream("c", "Contact", &fields)]), lines).await.assert_success();
    let (_, page) = only_report(&world);
    assert_eq!(world.org.jobs().len(), 1);
    let searches = page.matches("Search <span>for the records of ").count();
    assert!(searches >= 3, "{page}");
    assert_eq!(page.matches("<title>Searching: ").count(), searches, "{page}");
    assert!(page.contains("</span>Searching <b>"), "{page}");
    assert!(page.contains("without a job or a search"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_one_object_wait_for_their_turn_in_the_timeline() {
    let world = World::with(Settings { time_per_batch: Duration::from_millis(100), ..Settings::default() }).await;
    let upserts = keyed(contact_stream("c"), "append_dedup", "External_Id__c");
    let run = world.write(json!({"batch_size_mb": 0.01}), catalog(&[upserts]), contacts("c", 40)).await;
    run.assert_success();
    let (_, page) = only_report(&world);
    assert!(page.matches("<title>Waiting for its turn: ").count() >= world.org.jobs().len() - 1, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_records_takes_no_report_from_the_others() {
    let world = World::new().await;
    let lines = [contacts("second", 5), vec![state("first", 1), complete("first"), complete("third")]].concat();
    let streams = ["first", "second", "third"].map(contact_stream);
    world.write(json!({}), catalog(&streams), lines).await.assert_success();
    let (_, page) = only_report(&world);
    assert_eq!(cells(&page, "Read"), [0, 5, 0]);
}

/// Nothing is asked after a sync of one job: each answer has counted the requests.
#[tokio::test(flavor = "multi_thread")]
async fn the_requests_that_are_left_after_one_job_are_those_that_the_last_answer_left() {
    let world = World::with(Settings { daily_requests: 5_000, ..Settings::default() }).await;
    world.write(json!({}), catalog(&[contact_stream("c")]), contacts("c", 5)).await.assert_success();
    let (_, page) = only_report(&world);
    assert_eq!(world.org.jobs().len(), 1);
    let requests = world.org.requests().iter().filter(|request| request.endpoint != Endpoint::Token).count();
    let left = page.split("data-label=\"After\">").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(left, thousands(5_000 - requests), "{requests}: {page}");
}
