//! What a person sees who runs the connector in a terminal.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use salesforce_sim::Settings;
use serde_json::{Value, json};

use crate::connector::{self, PROGRAM};
use crate::world::{World, blocking, catalog, complete, record, state, stream};

/// The width of the terminal.
const COLUMNS: usize = 60;

/// What a run in a terminal leaves.
pub(super) struct TerminalRun {
    /// What appeared on the terminal.
    pub(super) screen: String,
    /// Standard output.
    pub(super) messages: String,
}

/// Runs a command line in a folder, in a terminal of 60 columns, which `script` gives and records. Returns what appeared
/// on it, and the exit code of the command line.
async fn on_terminal(folder: &Path, command: &str, environment: &[(&'static str, &'static str)]) -> (String, i32) {
    let command = format!("stty cols {COLUMNS} rows 24; {command}");
    let mut terminal = Command::new("script");
    terminal
        .args(["--quiet", "--return", "--command", &command, "screen"])
        .current_dir(folder)
        .env("TERM", "xterm")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("NO_COLOR")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = blocking(move || terminal.status().unwrap()).await;
    // The first and the last line are those of `script`.
    let recorded = fs::read_to_string(folder.join("screen")).unwrap();
    let (_, screen) = recorded.split_once('\n').unwrap();
    let (screen, _) = screen.rsplit_once("\nScript done").unwrap();
    (screen.to_owned(), status.code().unwrap())
}

/// The files of a sync in a folder of its own.
fn files(config: &Value, catalog: &Value, lines: &[String]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in
        [("config", config.to_string()), ("catalog", catalog.to_string()), ("input", lines.join("\n"))]
    {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// Writes with a terminal as standard error, without colors. The run must succeed.
pub(super) async fn write_on_terminal(world: &World, flags: &str, catalog: &Value, lines: &[String]) -> TerminalRun {
    let folder = files(&world.config(json!({})), catalog, lines);
    let write = format!("'{PROGRAM}' write {flags} --config config --catalog catalog < input > messages");
    let (screen, code) = on_terminal(folder.path(), &write, &[("NO_COLOR", "1")]).await;
    assert_eq!(code, 0, "{screen}");
    TerminalRun { screen, messages: fs::read_to_string(folder.path().join("messages")).unwrap() }
}

/// The texts between the control sequences of a terminal, line by line. The library that draws fills each line up to the
/// last column with spaces.
fn printed(screen: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for part in screen.split(['\n', '\r', '\u{1b}']) {
        // A control sequence ends with its first letter.
        let text = match part.strip_prefix('[') {
            Some(sequence) => sequence.split_once(|it: char| it.is_ascii_alphabetic()).map_or("", |(_, text)| text),
            None => part,
        };
        let characters: Vec<char> = text.chars().collect();
        texts.extend(characters.chunks(COLUMNS).map(|line| line.iter().collect::<String>().trim_end().to_owned()));
    }
    texts
}

fn contacts() -> Value {
    catalog(&[stream("people", "Contact", &[("LastName", "string"), ("Email", "string")])])
}

fn contact(number: u64, email: &str) -> String {
    record("people", json!({"LastName": number.to_string(), "Email": email}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_a_table_of_the_streams_that_fits_and_messages_stay_valid() {
    let world = World::new().await;
    let name = "companies_of_the_warehouse_in_the_north_with_a_long_name";
    let streams = [
        stream("people", "Contact", &[("LastName", "string"), ("Email", "string")]),
        stream(name, "Account", &[("Name", "string")]),
    ];
    let mut lines: Vec<String> = (1..=3).map(|number| contact(number, "ann@example.com")).collect();
    lines.push(contact(4, "no address"));
    lines.push(record(name, json!({"Name": "Example Ltd"})));
    lines.extend([complete("people"), complete(name)]);
    let TerminalRun { screen, messages } = write_on_terminal(&world, "", &catalog(&streams), &lines).await;
    let texts = printed(&screen);
    let has = |wanted: &str| texts.iter().any(|text| text.split_whitespace().collect::<Vec<_>>().join(" ") == wanted);
    for wanted in [
        "stream read written rejected",
        "people 4 3 1",
        "companies_of_the_warehous… 1 1 0",
        "all 5 4 1",
        "1 INVALID_EMAIL_ADDRESS Email",
        "See the rejected records with:",
        "destination-salesforce rejected --config FILE --summary",
    ] {
        assert!(has(wanted), "{wanted}: {texts:#?}");
    }
    for text in &texts {
        assert!(text.chars().count() < COLUMNS, "it wraps: {text}");
    }
    for line in messages.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    assert_eq!(world.org.count("Contact"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_on_the_terminal_and_in_the_messages() {
    let world = World::new().await;
    let folder = files(&world.config(json!({"client_secret": "another one"})), &contacts(), &[complete("people")]);
    let write = format!("'{PROGRAM}' write --config config --catalog catalog < input > messages");
    for (environment, has_colors) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let (screen, code) = on_terminal(folder.path(), &write, environment).await;
        assert_eq!(code, 1);
        assert!(screen.contains(" The client_secret is wrong."), "{screen}");
        assert_eq!(screen.contains("\u{1b}[1;31merror:\u{1b}[0m"), has_colors, "{screen}");
        assert_eq!(screen.contains("error: The client_secret"), !has_colors, "{screen}");
        let messages = fs::read_to_string(folder.path().join("messages")).unwrap();
        assert!(messages.contains("\"failure_type\":\"config_error\""), "{messages}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_is_answered_on_the_terminal_and_the_summary_follows() {
    let world = World::new().await;
    let lines = [contact(1, "ann@example.com"), state("people", 1)];
    let folder = files(&world.config(json!({"flush_interval_minutes": 0.001})), &contacts(), &lines);
    // The source never ends, and the signal comes after the first state.
    let write = format!(
        "mkfifo source; '{PROGRAM}' write --config config --catalog catalog < source > messages & exec 3> source; \
         cat input >&3; echo >&3; until grep -q STATE messages; do :; done; kill -INT $!; wait $!"
    );
    let (screen, code) = on_terminal(folder.path(), &write, &[("NO_COLOR", "1")]).await;
    assert_eq!(code, 1, "{screen}");
    let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text}: {screen}"));
    assert!(at("warning: stopping: ") < at("error: The run was stopped before it was complete"), "{screen}");
    assert!(printed(&screen).iter().any(|text| text.split_whitespace().eq(["people", "1", "1", "0"])), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_discover_and_validate_answer_for_reading_on_a_terminal_and_in_messages_when_asked() {
    let world = World::with(Settings::default()).await;
    let folder = files(&world.config(json!({})), &contacts(), &[]);
    let run = async |arguments: &str| {
        on_terminal(folder.path(), &format!("'{PROGRAM}' {arguments} --config config"), &[("NO_COLOR", "1")]).await
    };
    let (screen, code) = run("check").await;
    assert_eq!(code, 0);
    assert!(screen.starts_with("The connection works.\r\n  Signed in to http://"), "{screen}");
    assert!(!screen.contains("{\""), "{screen}");

    let (screen, _) = run("discover").await;
    let account = screen.lines().find(|line| line.starts_with("Account ")).unwrap_or_else(|| panic!("{screen}"));
    assert!(account.contains("insert, upsert, update, delete") && account.contains("External_Id__c"), "{account}");
    assert!(!screen.contains("{\""), "{screen}");

    let (screen, code) = run("validate").await;
    assert_eq!(
        (code, screen.trim_end()),
        (0, "The configuration is valid. Run `check` to see whether it fits the org.")
    );

    let (screen, _) = run("check --log-format json").await;
    assert!(screen.contains("{\"type\":\"CONNECTION_STATUS\""), "{screen}");

    fs::write(folder.path().join("config"), "{}").unwrap();
    let (screen, code) = run("check").await;
    assert_eq!(code, 0, "as for the platform");
    assert!(
        screen.starts_with("The connection does not work.\r\n  problem: The configuration is not valid."),
        "{screen}"
    );
    let (screen, code) = run("discover").await;
    assert_eq!(code, 1);
    assert!(screen.starts_with("error: The configuration is not valid."), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_the_program_alone_prints_the_help_on_a_terminal_and_is_an_error_in_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let (screen, code) = on_terminal(folder.path(), &format!("'{PROGRAM}'"), &[]).await;
    assert_eq!(code, 0);
    for words in ["Usage: destination-salesforce", "Input and output:", "Exit codes:", "Environment:", "rejected"] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    let (screen, code) = on_terminal(folder.path(), &format!("'{PROGRAM}' wriet"), &[]).await;
    assert_eq!(code, 1);
    assert!(screen.contains("wriet") && !screen.contains("{\""), "{screen}");

    let run = connector::run(&[], &[], Vec::new());
    assert_eq!(run.failure().0, "config_error");
    assert!(run.failure().1.starts_with("The command line is wrong: "), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_run_shows_no_progress_and_still_its_failure() {
    let world = World::new().await;
    let lines = [contact(1, "ann@example.com"), complete("people")];
    let TerminalRun { screen, messages } = write_on_terminal(&world, "-q", &contacts(), &lines).await;
    assert_eq!(screen, "");
    assert!(!messages.contains("\"level\":\"INFO\""), "{messages}");

    let folder = files(&world.config(json!({"client_secret": "another one"})), &contacts(), &lines);
    let write = format!("'{PROGRAM}' write --quiet --config config --catalog catalog < input > messages");
    let (screen, code) = on_terminal(folder.path(), &write, &[]).await;
    assert_eq!(code, 1);
    assert!(screen.contains("The client_secret is wrong."), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_text_goes_to_standard_error_and_leaves_the_messages() {
    let world = World::new().await;
    let lines = [contact(1, "ann@example.com"), state("people", 1), complete("people")];
    let folder = files(&world.config(json!({})), &contacts(), &lines);
    let write =
        format!("'{PROGRAM}' write --log-format text --config config --catalog catalog < input > messages 2> log");
    let (screen, code) = on_terminal(folder.path(), &write, &[]).await;
    assert_eq!(code, 0, "{screen}");
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    let (messages, log) = (read("messages"), read("log"));
    assert!(messages.lines().all(|line| line.starts_with("{\"type\":\"STATE\"")), "{messages}");
    assert!(log.lines().any(|line| line.starts_with("stream ended stream=people read=1")), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}
