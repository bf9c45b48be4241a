//! The session changes in the middle of a run: it expires, its refresh token is replaced, or the org moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use salesforce_sim::{Endpoint, JobState, Settings};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::connector::{self, Run, RunningConnector};
use crate::protocol_model::{Counts, Message, State};
use crate::world::{World, blocking, catalog, complete, in_form, record, state, stream, wait_until};

fn rotating_tokens() -> Settings {
    Settings { rotate_refresh_tokens: true, ..Settings::default() }
}

fn contacts() -> Value {
    catalog(&[stream("c", "Contact", &[("LastName", "string"), ("Description", "string")])])
}

/// Starts a run that sends a batch as soon as the source pauses.
fn start(world: &World) -> RunningConnector {
    world.start_write(json!({"flush_interval_minutes": 0.001}), &contacts())
}

/// Sends a record and a state, and waits until the state comes back.
async fn load_one(mut connector: RunningConnector, number: u64) -> (RunningConnector, State) {
    blocking(move || {
        connector.send(&record("c", json!({"LastName": format!("L{number}")})));
        connector.send(&state("c", number));
        let state = connector.next_state();
        (connector, state)
    })
    .await
}

async fn finish(connector: RunningConnector, lines: Vec<String>) -> Run {
    blocking(move || connector.finish(&lines)).await
}

/// The keys of the configuration in the CONTROL message, with the text of each value.
fn sent_config(run: &Run) -> BTreeMap<String, Box<RawValue>> {
    #[derive(Deserialize)]
    struct Line {
        control: Control,
    }
    #[derive(Deserialize)]
    struct Control {
        #[serde(rename = "connectorConfig")]
        connector_config: ConnectorConfig,
    }
    #[derive(Deserialize)]
    struct ConnectorConfig {
        config: BTreeMap<String, Box<RawValue>>,
    }
    let line = run.stdout.lines().find(|line| line.contains("\"CONTROL\"")).unwrap();
    serde_json::from_str::<Line>(line).unwrap().control.connector_config.config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_refresh_token_is_sent_with_the_rest_of_the_configuration_unchanged() {
    for verb in ["check", "write"] {
        let world = World::with(rotating_tokens()).await;
        let unknown = r#"{"batch_size_mb":5.00,"numbers":[1e2,12345678901234567890123,-0.0],"none":null,
            "of another program":{"refresh_token":"unchanged \" }"},"#;
        let typed = unknown.to_owned() + &world.config(json!({})).to_string()[1..];
        let files = [("--config", typed.clone()), ("--catalog", contacts().to_string())];
        let lines = [record("c", json!({"LastName": "Example"})), state("c", 1), complete("c"), String::new()];
        let files = if verb == "check" { files[..1].to_vec() } else { files.to_vec() };
        let run = blocking(move || connector::run(&[verb], &files, lines.join("\n").into_bytes())).await;
        run.assert_success();
        assert_eq!(run.configs().len(), 1, "{}", run.stdout);

        let (mut before, mut after) =
            (serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(&typed).unwrap(), sent_config(&run));
        let text = |keys: &mut BTreeMap<String, Box<RawValue>>, key: &str| keys.remove(key).unwrap().get().to_owned();
        assert_eq!(text(&mut before, "refresh_token"), "\"refresh-token\"");
        let new = text(&mut after, "refresh_token");
        assert_eq!(Some(new.trim_matches('"')), world.org.refresh_token().as_deref());
        let texts = |keys: &BTreeMap<String, Box<RawValue>>| -> Vec<(String, String)> {
            keys.iter().map(|(key, value)| (key.clone(), value.get().to_owned())).collect()
        };
        assert_eq!(texts(&after), texts(&before), "{verb}");

        let is_result = |message: &Message| matches!(message, Message::ConnectionStatus { .. } | Message::State { .. });
        let at = |wanted: &dyn Fn(&Message) -> bool| run.messages.iter().position(wanted).unwrap();
        assert!(at(&|message| matches!(message, Message::Control { .. })) < at(&is_result), "{}", run.stdout);
    }
}

/// The platform stores what comes back, and the next run reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_refresh_token_goes_back_to_where_the_form_keeps_it() {
    let world = World::with(rotating_tokens()).await;
    let mut config = in_form(&world.config(json!({"object_storage_config": null})));
    for _ in 0..2 {
        let used = config.clone();
        let run = blocking(move || connector::check(&used)).await;
        assert_eq!(run.connection_status().0, "SUCCEEDED", "{}", run.stdout);
        let [answer] = &run.configs()[..] else { panic!("{}", run.stdout) };
        config["credentials"]["refresh_token"] = json!(world.org.refresh_token());
        assert_eq!(json!(answer), config, "nothing else changes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_refresh_token_is_not_sent() {
    let world = World::new().await;
    assert!(world.check(json!({})).await.configs().is_empty());
    let (connector, _) = load_one(start(&world), 1).await;
    world.org.end_sessions();
    let run = finish(connector, vec![record("c", json!({"LastName": "L2"})), state("c", 2), complete("c")]).await;
    run.assert_success();
    assert_eq!(world.org.sign_ins(), 3);
    assert!(run.configs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_renewal_uses_the_newest_refresh_token_and_sends_the_next_one() {
    let world = World::with(rotating_tokens()).await;
    let mut connector = start(&world);
    // The source has sent nothing yet. The token is sent before anything uses it.
    let (mut connector, first) = blocking(move || {
        let config = connector.next_config();
        (connector, config)
    })
    .await;
    assert_eq!(first["refresh_token"].as_str(), world.org.refresh_token().as_deref());

    for renewals in 1..=2 {
        let state;
        (connector, state) = load_one(connector, renewals).await;
        assert_eq!(state.counts(), Counts { written: 1, rejected: 0 });
        world.org.end_sessions();
    }
    let run = finish(connector, vec![record("c", json!({"LastName": "L3"})), state("c", 3), complete("c")]).await;
    run.assert_success();
    assert_eq!(run.states().len(), 3);
    assert_eq!(world.org.count("Contact"), 3);
    assert_eq!((world.org.sign_ins(), world.org.token_requests()), (3, 3));

    let configs = run.configs();
    let tokens: BTreeSet<_> = configs.iter().map(|it| it["refresh_token"].as_str().unwrap()).collect();
    assert_eq!((configs.len(), tokens.len()), (3, 3), "each token once");
    let last = configs[2].clone();
    assert_eq!(last["refresh_token"].as_str(), world.org.refresh_token().as_deref());
    // The next run can sign in with what the platform has stored.
    assert_eq!(blocking(move || connector::check(&last)).await.connection_status().0, "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_refused_at_once_renew_the_session_once() {
    const JOBS: usize = 12;
    let world = Arc::new(World::with(Settings { time_per_batch: Duration::from_secs(3), ..Settings::default() }).await);
    // A slow token endpoint, so that other calls are refused before the new token is there.
    let login = MockServer::start().await;
    let (signing_in, number) = (Arc::clone(&world), AtomicUsize::new(0));
    let answer = move |_: &Request| {
        ResponseTemplate::new(200).set_delay(Duration::from_secs(1)).set_body_json(json!({
            "access_token": signing_in.org.sign_in(),
            "instance_url": signing_in.org.url(),
            "refresh_token": format!("token-{}", number.fetch_add(1, Ordering::Relaxed)),
        }))
    };
    Mock::given(path("/services/oauth2/token")).respond_with(answer).expect(2).mount(&login).await;
    let changes = json!({
        "domain_url": login.uri(),
        "flush_interval_minutes": 0.001,
        "batch_size_mb": 0.01,
        "max_parallel_jobs": JOBS,
    });
    let mut connector = world.start_write(changes, &contacts());
    let connector = blocking(move || {
        for number in 0..10 * JOBS {
            connector.send(&record("c", json!({"LastName": format!("L{number}"), "Description": "x".repeat(990)})));
        }
        connector.send(&state("c", 1));
        connector
    })
    .await;
    let running_jobs = || world.org.jobs().iter().filter(|job| job.state == JobState::InProgress).count();
    wait_until(|| running_jobs() >= JOBS).await;
    world.org.end_sessions();

    let run = finish(connector, vec![complete("c")]).await;
    run.assert_success();
    assert_eq!(run.states()[0].counts(), Counts { written: 10 * JOBS as u64, rejected: 0 });
    let refused = world.org.requests().iter().filter(|request| request.status == Some(401)).count();
    assert!(refused > 1, "{refused} calls were refused");
    assert_eq!(login.received_requests().await.unwrap().len(), 2, "{refused} calls were refused");
    assert_eq!(run.configs().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_connection_ends_the_run_and_acknowledged_states_stay_true() {
    let world = World::new().await;
    let (connector, first) = load_one(start(&world), 1).await;
    assert_eq!(first.counts(), Counts { written: 1, rejected: 0 });
    world.org.revoke_connection();
    let run = finish(connector, vec![record("c", json!({"LastName": "L2"})), state("c", 2), complete("c")]).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.starts_with("The refresh_token is expired, revoked, or replaced by a newer one."), "{message}");
    assert_eq!(run.states(), [&first]);
    assert_eq!(world.values("Contact", "LastName"), [Some("L1".to_owned())]);
    assert_eq!(world.org.token_requests(), 2, "refused credentials are not tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_moves_to_another_instance_is_followed() {
    let world = World::new().await;
    let (connector, _) = load_one(start(&world), 1).await;
    let new = world.org.move_instance().await.unwrap();
    world.org.end_sessions();
    let run = finish(connector, vec![record("c", json!({"LastName": "L2"})), state("c", 2), complete("c")]).await;
    run.assert_success();
    assert_eq!(run.states().len(), 2);
    assert_eq!(world.org.count("Contact"), 2);

    let requests = world.org.requests();
    let hosts: Vec<_> = requests.iter().map(|request| (request.endpoint, format!("http://{}", request.host))).collect();
    let moved = hosts.iter().rposition(|(endpoint, _)| *endpoint == Endpoint::Token).unwrap();
    assert!(hosts[..=moved].iter().all(|(_, host)| *host == world.org.url()), "{hosts:?}");
    assert!(hosts.len() > moved + 1 && hosts[moved + 1..].iter().all(|(_, host)| *host == new), "{hosts:?}");
}
