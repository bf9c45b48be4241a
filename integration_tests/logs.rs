//! What the log says, and at which level.

use salesforce_sim::JobFault;
use serde_json::json;

use crate::connector::{self, Run};
use crate::errors_page::source_files;
use crate::world::{World, blocking, catalog, complete, keyed, record, state, stream};

/// Runs `write` at a level, with records that are inserted, looked for and rejected.
async fn write_at_level(level: &'static str) -> (World, Run) {
    let world = World::kind().await;
    world.org.insert("Contact", &[("LastName", "Example"), ("Email", "found@example.com")]).unwrap();
    let found = keyed(stream("m", "Contact", &[("Email", "string"), ("Title", "string")]), "update", "Email");
    let catalog = catalog(&[stream("c", "Contact", &[("LastName", "string")]), found]);
    let config = world.config(json!({"streams": [{"stream": "m", "match": {"fields": ["Email"]}}]}));
    let lines = [
        record("c", json!({"LastName": "Quillfeather"})),
        record("c", json!({"LastName": "#N/A"})),
        record("m", json!({"Email": "found@example.com", "Title": "Quillfeather"})),
        state("c", 1),
        complete("c"),
        complete("m"),
    ];
    let run = blocking(move || connector::write_at_level(level, &config, &catalog, &lines)).await;
    run.assert_success();
    (world, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_of_the_platform_is_obeyed() {
    for (level, shown, hidden) in [
        ("INFO", &["INFO", "WARN"][..], &["DEBUG"][..]),
        ("", &["INFO", "WARN"], &["DEBUG"]),
        ("debug", &["DEBUG", "INFO", "WARN"], &[]),
        ("WARN", &["WARN"], &["DEBUG", "INFO"]),
        ("ERROR", &[], &["DEBUG", "INFO", "WARN"]),
        ("loud", &["INFO", "WARN"], &["DEBUG"]),
    ] {
        let (_, run) = write_at_level(level).await;
        for it in shown {
            assert!(!run.log(it).is_empty(), "{level}: {it}");
        }
        for it in hidden {
            assert!(run.log(it).is_empty(), "{level}: {it}: {:?}", run.log(it));
        }
        let is_warned = run.log("WARN").iter().any(|line| line.starts_with("LOG_LEVEL is not a level"));
        assert_eq!(is_warned, level == "loud");
    }
}

/// A request is in the log with its time, its status and its job, and never with a value or a secret, which the harness
/// looks for in every output.
#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_in_the_log_at_debug_without_values() {
    let (world, run) = write_at_level("DEBUG").await;
    let lines = run.log("DEBUG");
    let requests: Vec<_> = lines.iter().filter(|line| line.starts_with("request to Salesforce ")).collect();
    assert!(requests.iter().all(|line| line.contains(" status=2") && line.contains(" milliseconds=")), "{requests:?}");
    let job = &world.org.jobs()[0].id;
    let upload = format!("method=PUT path=jobs/ingest/{job}/batches job=\"{job}\" status=201 ");
    assert!(requests.iter().any(|line| line.contains(&upload)), "{requests:?}");
    // Those for tokens have lines of their own.
    let sign_ins = lines.iter().filter(|line| line.starts_with("sign-in request status=200 ")).count();
    assert_eq!(requests.len() + sign_ins, world.org.requests().len());
    assert!(
        lines.iter().any(|line| line.starts_with("request to the bucket action=\"Writing an object\"")),
        "{lines:?}"
    );
    for value in ["Quillfeather", "found@example.com", "found%40"] {
        assert!(!run.stdout.contains(value), "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_job_is_in_words() {
    let world = World::kind().await;
    world.org.inject(JobFault::failed("Contact", 1, "TooManyLockFailure : Too many lock failures"));
    let catalog = catalog(&[stream("c", "Contact", &[("LastName", "string")])]);
    let lines = vec![
        record("c", json!({"LastName": "One"})),
        record("c", json!({"LastName": "Two"})),
        state("c", 1),
        complete("c"),
    ];
    for end in ["end=failed (TooManyLockFailure : Too many lock failures)", "end=complete"] {
        let run = world.write(json!({}), catalog.clone(), lines.clone()).await;
        let log = run.log("INFO");
        let ended = log.iter().find(|line| line.starts_with("job ended ")).unwrap();
        assert!(ended.ends_with(end), "{ended}");
    }
}

/// What Rust writes for its developers is not for a user.
#[test]
fn no_line_of_the_log_has_text_for_developers() {
    let mut count = 0;
    for folder in ["src", "crates/airbyte/src", "crates/connector/src", "crates/salesforce/src", "crates/retry/src"] {
        for source in source_files(folder) {
            let source = source.split("#[cfg(test)]").next().unwrap();
            for level in ["error", "warn", "info", "debug", "trace"] {
                for call in source.split(&format!("tracing::{level}!(")).skip(1) {
                    let call = call.split(");").next().unwrap();
                    let has_debug =
                        [" ?", "(?", "=?", ":?}"].iter().any(|it| call.contains(it)) || call.starts_with('?');
                    assert!(!has_debug, "{folder}: {call}");
                    count += 1;
                }
            }
        }
    }
    assert!(count > 50, "{count} lines");
}
