use salesforce::KeyComparison;

use super::super::copies::{Keys, Repeats};
use super::*;

/// Reads what was sent of the streams `A` and `n.A`, with the key `Key__c`. Returns the keys of each, and its records.
fn read(lines: &[&str]) -> Result<Vec<(Vec<String>, u64)>> {
    let stream = |namespace: Option<&str>| SentStream {
        stream: ComparedStream {
            name: StreamName { namespace: namespace.map(str::to_owned), name: "A".to_owned() },
            object: "A".to_owned(),
            first_key: "Key__c".to_owned(),
            second_key: "Key__c".to_owned(),
            repeats: Repeats::Records,
            deletes: false,
        },
        identity: Identity { own: None, there: KeyComparison::IgnoreCase },
    };
    let sent = read_sent(lines.join("\n").as_bytes(), &[stream(None), stream(Some("n"))])?;
    let mut keys = Keys::new(sent.sorted);
    let mut streams = Vec::new();
    for (number, records) in (0..).zip(sent.records) {
        let mut found = Vec::new();
        while let Some(copies) = keys.next(number, Repeats::Records)? {
            found.push(format!("{}@{:?}", copies.key().unwrap_or_default(), copies.newest));
        }
        streams.push((found, records));
    }
    Ok(streams)
}

const ONE: &str = r#"{"type":"RECORD","record":{"stream":"A","data":{"Key__c":"one"},"emitted_at":1}}"#;
const STARTED: &str = r#"{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1,"stream_status":{"stream_descriptor":{"name":"A"},"status":"STARTED"}}}"#;
const COMPLETE: &str = r#"{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1,"stream_status":{"stream_descriptor":{"name":"A"},"status":"COMPLETE"}}}"#;
const FAILED: &str = r#"{"type":"TRACE","trace":{"type":"ERROR","emitted_at":1,"error":{"message":"No."}}}"#;
const STATE: &str = r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"A"},"stream_state":{}},"sourceStats":{"recordCount":1.0}}}"#;
const GLOBAL: &str =
    r#"{"type":"STATE","state":{"type":"GLOBAL","global":{"stream_states":[]},"sourceStats":{"recordCount":9.0}}}"#;
const LEGACY: &str = r#"{"type":"STATE","state":{"data":{"A":1}}}"#;

#[test]
fn each_stream_has_the_keys_and_times_of_its_records() {
    let streams = read(&[
        r#"{"type":"LOG","log":{"level":"INFO","message":"one"}}"#,
        r#"{"record":{"data":{"key__C":7.50,"x":{"Key__c":"no"}},"stream":"A","namespace":"","emitted_at":1},"type":"RECORD"}"#,
        r#" {"type":"RECORD","record":{"stream":"A","namespace":"n","data":{"Key__c":" a\u0042 ","SystemModstamp":"1970-01-01T00:00:09.999+0000"}}} "#,
        "",
        r#"{"type":"RECORD","record":{"stream":"A","data":{"Key__c":null,"SystemModstamp":"soon"}}}"#,
        r#"{"type":"RECORD","record":{"stream":"A","data":{"Key__c":["no"]}}}"#,
        r#"{"type":"RECORD","record":{"stream":"A","data":{"Key__c":"gone","_ab_cdc_deleted_at":"2026-01-01"}}}"#,
        r#"{"type":"RECORD","record":{"stream":"A","data":{"Key__c":"here","_ab_cdc_deleted_at":null}}}"#,
        GLOBAL,
        LEGACY,
    ]);
    let text = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let expected = vec![(text(&["@None", "7.50@None", "here@None"]), 5), (text(&["aB@Some(9)"]), 1)];
    assert_eq!(streams.unwrap(), expected);
}

#[test]
fn what_says_itself_that_it_is_not_whole_is_refused() {
    for (lines, part) in [
        (&[ONE, "{"][..], "Line 2 of what was sent is no message"),
        (&[r#"{"type":"RECORD","record":{"stream":"A","data":[1]}}"#], "Line 1"),
        (&[r#"{"type":"RECORD"}"#], "Line 1"),
        (&["[1]"], "Line 1"),
        (&["one,two"], "Line 1"),
        (&[STARTED, ONE], "did not say that it came to the end of A"),
        (&[STARTED, ONE, STATE, COMPLETE, STARTED], "did not say that it came to the end of A"),
        (&[ONE, FAILED], "did not say that it came to the end of A"),
        (&[ONE, ONE, STATE], "says that 1 records came since the state before, and 2 did"),
        (&[ONE, STATE, STATE], "says that 1 records came since the state before, and 0 did"),
        (&[r#"{"type":"RECORD","record":{"stream":"A","data":{"Key":1}}}"#], "has the column Key__c"),
    ] {
        let error = read(lines).unwrap_err();
        assert!(error.message().contains(part), "{lines:?}: {}", error.message());
    }
}

#[test]
fn what_is_whole_or_says_nothing_of_it_is_read() {
    for lines in [
        &[ONE][..],
        &[ONE, STATE],
        &[STARTED, ONE, STATE, COMPLETE],
        // The second attempt goes on where the state of the first one stands.
        &[STARTED, ONE, STATE, ONE, FAILED, STARTED, ONE, STATE, COMPLETE],
        &[STARTED, ONE, COMPLETE],
    ] {
        let read = read(lines);
        assert!(read.is_ok(), "{lines:?}: {:?}", read.err());
    }
}

/// The text of an error may quote a value.
#[test]
fn no_value_is_in_the_error_of_a_line() {
    let error = read(&[r#"{"type":"RECORD","record":{"stream":"A","data":"secret value"}}"#]).unwrap_err();
    let internal = error.internal_message().unwrap_or_default();
    assert!(!error.message().contains("secret") && !internal.contains("secret"), "{internal}");
}
