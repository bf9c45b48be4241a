//! Broken input: the error names the line, and everything before it is loaded.

use serde_json::{Value, json};

use crate::connector::{self, Run};
use crate::protocol_model::Counts;
use crate::world::{World, blocking, catalog, complete, contact_catalog, record, state, stream};

/// Runs `write` with a good record and its state, then `rest`.
async fn write_after_good_lines(world: &World, rest: &[u8]) -> Run {
    let config = world.config(json!({}));
    let mut input = format!("{}\n{}\n", record("c", json!({"LastName": "Good"})), state("c", 1)).into_bytes();
    input.extend_from_slice(rest);
    blocking(move || connector::write_bytes(&config, &contact_catalog(), input)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_line_is_named_and_everything_before_it_is_loaded() {
    let good = record("c", json!({"LastName": "After"}));
    let table: Vec<(&[u8], &str, &str)> = vec![
        (b"hello\n", "system_error", "Line 3 of the input is not a valid message: it is not JSON"),
        (b"\n\n{\"type\":\"RECORD\"}\n", "system_error", "Line 5 of the input"),
        (
            b"{\"type\":\"RECORD\",\"record\":{\"str",
            "system_error",
            "Line 3 of the input is not a valid message: it ends in the middle",
        ),
        (b"{\"a\":\"\xff\"}\n", "system_error", "byte 7 is not UTF-8"),
        (b"\xff\xfe{\0\n", "system_error", "the byte order mark of UTF-16, and messages must be UTF-8"),
        (
            b"{\"type\":\"RECORD\",\"record\":{\"stream\":\"other\",\"data\":{}}}\n",
            "system_error",
            "the catalog has no stream other",
        ),
        (
            b"{\"type\":\"RECORD\",\"record\":{\"stream\":\"c\",\"namespace\":\"crm\",\"data\":{}}}\n",
            "system_error",
            "the catalog has no stream crm.c, but c without a namespace; the namespace must be the same in both",
        ),
        (
            b"{\"type\":\"RECORD\",\"record\":{\"stream\":\"c\",\"data\":[]}}\n",
            "system_error",
            "the `data` of the record is not an object",
        ),
        (b"{\"type\":\"RECORD\",\"record\":{\"stream\":\"c\",\"data\":{\"Nope\":1}}}\n", "config_error", "Nope"),
    ];
    for (rest, failure_type, part) in table {
        let world = World::new().await;
        let input = [rest, b"\n", good.as_bytes(), b"\n"].concat();
        let run = write_after_good_lines(&world, if rest.ends_with(b"\n") { &input } else { rest }).await;
        let (found, message) = run.failure();
        assert_eq!(found, failure_type, "{message}");
        assert!(message.contains(part), "{message}");
        assert_eq!(world.values("Contact", "LastName"), [Some("Good".to_owned())], "{part}");
        assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }], "{part}");
    }
}

/// The longest line is one of 64 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_over_the_limit_is_named_and_not_read_to_the_end() {
    let world = World::new().await;
    let endless = vec![b'x'; 64 * 1024 * 1024 + 1];
    for end in [&b""[..], b"\n"] {
        let run = write_after_good_lines(&world, &[&endless[..], end].concat()).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "system_error");
        assert!(message.starts_with("Line 3 of the input is longer than 67108864 bytes"), "{message}");
        assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
    }
    assert_eq!(world.values("Contact", "LastName"), [Some("Good".to_owned()), Some("Good".to_owned())]);
}

/// Deeply nested values are accepted everywhere, and the connector does not recurse into them.
#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_does_no_harm() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let deep = nested(50_000);
    // Readers of states recurse into them, the parser of this test too.
    let less_deep = nested(100);
    let world = World::new().await;
    let lines = vec![
        format!(r#"{{"type":"RECORD","record":{{"stream":"c","data":{{"LastName":"One","Description":{deep}}}}}}}"#),
        format!(r#"{{"type":"RECORD","record":{{"stream":"c","data":{{"LastName":{deep}}}}}}}"#),
        format!(r#"{{"type":"RECORD","record":{{"stream":"c","data":{{"LastName":"Two"}},"meta":{deep}}}}}"#),
        format!(r#"{{"type":"LOG","log":{deep}}}"#),
        format!(
            r#"{{"type":"STATE","state":{{"type":"STREAM","id":1,"stream":{{"stream_descriptor":{{"name":"c"}},"stream_state":{{"deep":{less_deep}}}}}}}}}"#
        ),
        complete("c"),
    ];
    let fields = [("LastName", "string"), ("Description", "array")];
    let run = world.write(json!({}), catalog(&[stream("c", "Contact", &fields)]), lines).await;
    run.assert_success();
    // Both texts are too long for their fields.
    assert_eq!(world.values("Contact", "LastName"), [Some("Two".to_owned())]);
    let objects = world.rejected_objects();
    let rejected = objects.iter().flat_map(|(_, bytes)| bytes.split_inclusive(|byte| *byte == b'\n'));
    assert_eq!(rejected.count(), 2);
    assert!(run.stdout.contains(&less_deep), "the state comes back unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_does_not_lose_the_rows_before_it() {
    let world = World::new().await;
    let rest = format!("{}\n", record("c", json!({"LastName": "Bad", "Title": "Dr", "Nope": 1})));
    let run = write_after_good_lines(&world, rest.as_bytes()).await;
    assert_eq!(run.failure().0, "config_error");
    assert_eq!(world.values("Contact", "LastName"), [Some("Good".to_owned())]);
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_line_without_a_newline_is_read() {
    let world = World::new().await;
    let rest = format!("{}\n{}", complete("c"), record("c", json!({"LastName": "Last"})));
    let run = write_after_good_lines(&world, rest.as_bytes()).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unused_messages_are_ignored() {
    let world = World::new().await;
    let lines = vec![
        json!({"type": "LOG", "log": {"level": "INFO", "message": "hello"}}).to_string(),
        json!({"type": "TRACE", "trace": {"type": "ESTIMATE", "emitted_at": 1.0, "estimate": {"name": "c", "type": "STREAM"}}})
            .to_string(),
        json!({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": {
            "stream_descriptor": {"name": "c", "namespace": null}, "status": "STARTED"}}})
        .to_string(),
        json!({"type": "CONTROL", "control": {"type": "CONNECTOR_CONFIG", "emitted_at": 1.0, "connectorConfig": {"config": {}}}})
            .to_string(),
        String::new(),
        record("c", json!({"LastName": "One"})),
        complete("c"),
    ];
    let run = world.write(json!({}), contact_catalog(), lines).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_an_unknown_type_is_skipped_and_logged_once() {
    let world = World::new().await;
    let unknown = json!({"type": "RECORD_BATCH", "record": {"records": [1]}, "state": 1}).to_string();
    let lines = vec![
        record("c", json!({"LastName": "One"})),
        unknown.clone(),
        unknown,
        record("c", json!({"LastName": "Two"})),
        complete("c"),
    ];
    let run = world.write(json!({}), contact_catalog(), lines).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 2);
    let warnings = run.warnings().iter().filter(|warning| warning.contains("this version does not know")).count();
    assert_eq!(warnings, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_is_skipped_and_loses_nothing() {
    let world = World::new().await;
    let mut input = b"\xef\xbb\xbf".to_vec();
    for line in [record("c", json!({"LastName": "First"})), state("c", 1), complete("c")] {
        input.extend_from_slice(line.as_bytes());
        input.extend_from_slice(b"\r\n");
    }
    let config = world.config(json!({}));
    let run = blocking(move || connector::write_bytes(&config, &contact_catalog(), input)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
    assert_eq!(world.values("Contact", "LastName"), [Some("First".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_namespace_is_the_same_as_none() {
    let world = World::new().await;
    let line = |namespace: Value, name: &str| {
        json!({"type": "RECORD", "record": {"namespace": namespace, "stream": "c", "data": {"LastName": name}, "emitted_at": 1}})
            .to_string()
    };
    let lines =
        vec![line(json!(null), "A"), line(json!(""), "B"), record("c", json!({"LastName": "C"})), complete("c")];
    let run = world.write(json!({}), contact_catalog(), lines).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_and_missing_files_are_reported() {
    for (arguments, part) in [
        (&["write", "--config", "/does/not/exist"][..], "--catalog"),
        (&["write", "--config", "/does/not/exist", "--catalog", "/neither"], "/does/not/exist"),
        (&["copy"], "copy"),
        (&[], "command line"),
    ] {
        let arguments: Vec<&'static str> = arguments.to_vec();
        let run = blocking(move || connector::run(&arguments, &[], Vec::new())).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error");
        assert!(message.contains(part), "{message}");
    }
}

/// The connector sees the namespace only after it has made the row. It makes the row again and counts it once.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_with_its_namespace_last_is_counted_once() {
    let world = World::new().await;
    let name = "x".repeat(100);
    let line = format!(
        r#"{{"type":"RECORD","record":{{"stream":"c","data":{{"LastName":"{name}"}},"namespace":null,"emitted_at":1}}}}"#
    );
    let run =
        world.write(json!({"truncate_text": true}), contact_catalog(), vec![line, state("c", 1), complete("c")]).await;
    run.assert_success();
    assert_eq!(world.values("Contact", "LastName"), [Some(name[..80].to_owned())]);
    assert_eq!(run.states()[0].counts(), Counts { written: 1, rejected: 0 });
    assert!(run.stdout.contains("truncated=1"), "{}", run.stdout);
}

/// Nobody guesses which stream is meant, and the error names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_or_a_status_without_the_namespace_of_the_catalog_is_reported() {
    let world = World::kind().await;
    let mut contacts = stream("c", "Contact", &[("LastName", "string")]);
    contacts["stream"]["namespace"] = json!("crm");
    let catalog = catalog(&[contacts]);
    let near = "the catalog has no stream c without a namespace, but crm.c; the namespace must be the same in both";
    let run = world.write(json!({}), catalog.clone(), vec![record("c", json!({"LastName": "A"}))]).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "system_error");
    assert!(message.starts_with(&format!("Line 1 of the input is not a valid message: {near}.")), "{message}");
    let run = world.write(json!({}), catalog, vec![complete("c"), complete("c")]).await;
    assert!(run.failure().1.contains("all records of crm.c"), "{}", run.stdout);
    let warnings = run.warnings().into_iter().filter(|line| line.contains(near)).count();
    assert_eq!(warnings, 1, "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_name_in_several_namespaces_go_to_their_own_streams() {
    const NAMESPACES: [Option<&str>; 3] = [None, Some("crm"), Some("erp")];
    let world = World::new().await;
    let streams = NAMESPACES.map(|namespace| {
        let mut contacts = stream("c", "Contact", &[("LastName", "string"), ("Title", "string")]);
        contacts["stream"]["namespace"] = json!(namespace);
        contacts
    });
    let titles = ["none", "crm", "erp"];
    // Each follows each, also itself.
    let order = [0, 0, 1, 1, 2, 2, 0, 2, 1, 0];
    let mut lines: Vec<String> = Vec::new();
    for (number, index) in order.into_iter().enumerate() {
        let (namespace, data) = (NAMESPACES[index], json!({"LastName": format!("L{number}"), "Title": titles[index]}));
        let record = json!({"namespace": namespace, "stream": "c", "data": data, "emitted_at": 1});
        lines.push(json!({"type": "RECORD", "record": record}).to_string());
    }
    for (id, namespace) in NAMESPACES.into_iter().enumerate() {
        let descriptor = json!({"name": "c", "namespace": namespace});
        let state = json!({"type": "STREAM", "id": id, "stream": {"stream_descriptor": descriptor}});
        lines.push(json!({"type": "STATE", "state": state}).to_string());
        let status = json!({"stream_descriptor": descriptor, "status": "COMPLETE"});
        let trace = json!({"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": status});
        lines.push(json!({"type": "TRACE", "trace": trace}).to_string());
    }
    let run = world.write(json!({}), catalog(&streams), lines).await;
    run.assert_success();
    let mut counts: Vec<(u64, u64)> = run.states().iter().map(|state| (state.id(), state.counts().written)).collect();
    counts.sort_unstable();
    assert_eq!(counts, [(0, 4), (1, 3), (2, 3)]);
    let mut titles: Vec<_> = world.values("Contact", "Title").into_iter().flatten().collect();
    titles.dedup();
    assert_eq!(
        (titles, world.org.count("Contact"), world.org.jobs().len()),
        (vec!["crm".to_owned(), "erp".to_owned(), "none".to_owned()], 10, 3)
    );
}
