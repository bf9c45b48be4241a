use salesforce::KeyComparison;

use super::super::copies::{Keys, Repeats};
use super::*;

/// Reads what was sent of the stream `A`.
fn read(lines: &[&str]) -> Result<Vec<(Vec<String>, u64)>> {
    read_streams(lines, &[None])
}

/// Reads what was sent of streams `A` in these namespaces, with the key `Key__c`. Returns the keys of each, and its
/// records.
fn read_streams(lines: &[&str], namespaces: &[Option<&str>]) -> Result<Vec<(Vec<String>, u64)>> {
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
    let streams: Vec<SentStream> = namespaces.iter().map(|namespace| stream(*namespace)).collect();
    let sent = read_sent(lines.join("\n").as_bytes(), &streams)?;
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
    r#"{"type":"STATE","state":{"type":"GLOBAL","global":{"stream_states":[]},"sourceStats":{"recordCount":6.0}}}"#;
const LEGACY: &str = r#"{"type":"STATE","state":{"data":{"A":1}}}"#;

#[test]
fn each_stream_has_the_keys_and_times_of_its_records() {
    let lines = [
        r#"{"type":"LOG","log":{"level":"INFO","message":"one"}}"#,
        r#"{"record":{"data":{"key__C":7.50,"x":{"Key__c":"no"}},"stream":"A","namespace":"","emitted_at":1},"type":"RECORD"}"#,
        r#" {"type":"RECORD","record":{"stream":"A","namespace":"n","data":{"Key__c":" a\u0042 ","SystemModstamp":"1970-01-01T00:00:09.999+0000"}}} "#,
        "",
        r#"{"type":"RECORD","record":{"stream":"A","data":{"Key__c":null,"systemmodSTAMP":null}}}"#,
        r#"{"type":"RECORD","record":{"stream":"A","data":{"Key__c":["no"]}}}"#,
        r#"{"type":"RECORD","record":{"stream":"A","data":{"Key__c":"gone","_ab_cdc_deleted_at":"2026-01-01"}}}"#,
        r#"{"type":"RECORD","record":{"stream":"A","data":{"Key__c":"here","_ab_cdc_deleted_at":null}}}"#,
        GLOBAL,
        LEGACY,
    ];
    let streams = read_streams(&lines, &[None, Some("n")]);
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
        // One record with the column is enough, whichever it is.
        &[ONE, r#"{"type":"RECORD","record":{"stream":"A","data":{"Other__c":1}}}"#],
        &[r#"{"type":"RECORD","record":{"stream":"A","data":{"Other__c":1}}}"#, ONE],
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

fn record(data: &str) -> String {
    format!(r#"{{"type":"RECORD","record":{{"stream":"A","data":{{"Key__c":"one",{data}}},"emitted_at":1}}}}"#)
}

/// The values of `docs/deletes.md`.
#[test]
fn a_mark_says_what_it_says_to_the_destination() {
    let page = include_str!("../../../../docs/deletes.md");
    let table = page.split("| value | the record |\n| --- | --- |\n").nth(1).unwrap().split("\n\n").next().unwrap();
    assert!(table.lines().count() > 20);
    for line in table.lines() {
        let (json, answer) = line.trim_matches(['|', ' ']).split_once(" | ").unwrap();
        for name in ["_ab_cdc_deleted_at", "_AB_CDC_DELETED_AT"] {
            let read = read(&[&record(&format!(r#""{name}":{}"#, json.trim_matches('`')))]);
            match (answer, read) {
                ("lives", Ok(streams)) => assert_eq!(streams[0].0, ["one@None"], "{line}"),
                ("is deleted", Ok(streams)) => assert!(streams[0].0.is_empty(), "{line}"),
                ("is rejected", Err(error)) => {
                    assert!(error.message().starts_with("Line 1 of what was sent: the column _ab_cdc"), "{line}");
                }
                (_, read) => panic!("{line}: {read:?}"),
            }
        }
    }
    let twice = read(&[&record(r#""_ab_cdc_deleted_at":true,"_AB_CDC_DELETED_AT":null"#)]);
    assert!(twice.unwrap_err().message().contains("does not say clearly"));
}

#[test]
fn a_time_that_is_there_and_cannot_be_read_is_refused() {
    for value in ["\"rubbish\"", "\"2099-01-01T00:00:00\"", "\"2099-01-01 00:00:00\"", "4070908800000", "\"\"", "true"]
    {
        for name in ["SystemModstamp", "systemmodstamp"] {
            let error = read(&[ONE, &record(&format!(r#""{name}":{value}"#))]).unwrap_err();
            let expected = "Line 2 of what was sent: the column SystemModstamp of A is no time with a zone";
            assert!(error.message().starts_with(expected), "{value}: {}", error.message());
        }
    }
    for zone in ["Z", "+0000", "+00:00"] {
        let streams = read(&[&record(&format!(r#""SYSTEMMODSTAMP":"1970-01-01T00:00:09{zone}""#))]).unwrap();
        assert_eq!(streams[0].0, ["one@Some(9)"], "{zone}");
    }
}

#[test]
fn each_stream_needs_its_own_complete_once_any_status_came() {
    let of_n = |line: &str| line.replace(r#""name":"A""#, r#""name":"A","namespace":"n""#);
    let (n_started, n_complete) = (of_n(STARTED), of_n(COMPLETE));
    for (lines, is_whole) in [
        (&[STARTED, ONE, COMPLETE][..], false),
        (&[STARTED, ONE, COMPLETE, FAILED, STARTED, COMPLETE], false),
        (&[STARTED, ONE, FAILED, &n_started, &n_complete], false),
        (&[&n_complete], false),
        (&[STARTED, ONE, COMPLETE, &n_started], false),
        (&[STARTED, ONE, COMPLETE, &n_started, &n_complete], true),
        (&[STARTED, ONE, FAILED, STARTED, COMPLETE, &n_complete], true),
    ] {
        let read = read_streams(lines, &[None, Some("n")]);
        assert_eq!(read.is_ok(), is_whole, "{lines:?}");
        if let Err(error) = read {
            assert!(error.message().contains("did not say that it came to the end of"), "{}", error.message());
        }
    }
}

#[test]
fn a_message_that_cannot_be_read_or_has_no_known_type_is_refused() {
    for line in [
        r#"{"type":"record","record":{"stream":"A","data":{"Key__c":"two"}}}"#,
        r#"{"type":"ROW"}"#,
        r#"{"type":"STATE"}"#,
        r#"{"type":"STATE","state":1}"#,
        r#"{"type":"STATE","state":{"type":"STREAM"}}"#,
        &STATE.replace("1.0", "\"1\""),
        &GLOBAL.replace("6.0", "\"6\""),
        r#"{"type":"TRACE"}"#,
        r#"{"type":"TRACE","trace":{"type":"STREAM_STATUS"}}"#,
        &COMPLETE.replace("\"COMPLETE\"", "1"),
    ] {
        let error = read(&[ONE, line]).unwrap_err();
        assert!(error.message().contains("Line 2 of what was sent is no message"), "{line}: {}", error.message());
    }
}

#[test]
fn a_state_of_all_streams_counts_the_records_of_all() {
    let other = ONE.replace(r#""A""#, r#""B""#);
    let two = GLOBAL.replace("6.0", "2");
    assert!(read(&[ONE, &other, &two, &other, ONE, &two]).is_ok());
    for lines in [&[ONE, GLOBAL][..], &[ONE, &other, ONE, &two], &[ONE, &other, &two, &two]] {
        let error = read(lines).unwrap_err();
        assert!(error.message().contains("a state of all streams says"), "{}", error.message());
    }
}

#[test]
fn a_stream_of_another_namespace_one_without_any_message_and_a_key_or_line_that_is_too_long_are_refused() {
    let other = ONE.replace(r#""stream":"A""#, r#""stream":"A","namespace":"public""#);
    let key = |length: usize| ONE.replace("one", &"k".repeat(length));
    let line = format!("{ONE}{}", " ".repeat(LONGEST_LINE));
    for (lines, part) in [
        (&[ONE, &other][..], "Line 2 of what was sent has a record of"),
        (&[], "has no record, no state and no status of A"),
        (&[ONE, &key(LONGEST_KEY + 1)], "Line 2 of what was sent: the column Key__c of A is longer than any key"),
        (&[ONE, &line], "Line 2 of what was sent is longer than 67108864 bytes"),
    ] {
        let error = read(lines).unwrap_err();
        assert!(error.message().contains(part), "{}", error.message());
    }
    assert!(read(&[&key(LONGEST_KEY)]).is_ok());
    // Salesforce cuts off blanks at the ends.
    assert!(read(&[&ONE.replace("one", &format!(" {} ", "k".repeat(LONGEST_KEY)))]).is_ok());
}

#[test]
fn a_line_may_be_as_long_as_a_destination_reads() {
    let line = format!("{ONE}{}", " ".repeat(LONGEST_LINE - ONE.len()));
    assert_eq!(read(&[&line]).unwrap()[0].1, 1);
}

#[test]
fn only_a_new_attempt_of_a_stream_forgets_what_no_state_counts() {
    let of_other =
        |line: &str| line.replace(r#""stream":"A""#, r#""stream":"B""#).replace(r#""name":"A""#, r#""name":"B""#);
    let (one, started, complete, state) = (of_other(ONE), of_other(STARTED), of_other(COMPLETE), of_other(STATE));
    let all = |count: u64| GLOBAL.replace("6.0", &count.to_string());
    let third = one.replace(r#""stream":"B""#, r#""stream":"C""#);
    for (lines, is_whole) in [
        (&[&*third, &one, &started, &one, &complete, STARTED, ONE, COMPLETE, &all(3)][..], true),
        (&[&*third, &one, &started, &one, &complete, STARTED, ONE, COMPLETE, &all(2)], false),
        (&[&*started, &one, &complete, STARTED, ONE, COMPLETE, &all(2)][..], true),
        (&[&started, &one, &started, &one, &complete, STARTED, ONE, COMPLETE, &all(2)], true),
        (&[&started, &one, &complete, STARTED, ONE, COMPLETE, &all(1)], false),
        // A state of the other stream counts its records, and no others.
        (&[&started, &one, &state, &complete, STARTED, ONE, COMPLETE, &all(1)], true),
        (&[STARTED, ONE, STARTED, ONE, COMPLETE, &all(1)], true),
        (&[STARTED, ONE, COMPLETE, &all(1)], true),
        (&[STARTED, ONE, COMPLETE, STARTED, COMPLETE, &all(1)], false),
    ] {
        let read = read(lines);
        assert_eq!(read.is_ok(), is_whole, "{lines:?}: {:?}", read.err());
    }
}

/// Records that were sent to be deleted are to be gone, whatever their mark says.
#[test]
fn each_record_of_a_stream_that_deletes_is_to_be_gone() {
    for deletes in [false, true] {
        let stream = ComparedStream {
            name: StreamName { namespace: None, name: "A".to_owned() },
            object: "A".to_owned(),
            first_key: "Key__c".to_owned(),
            second_key: "Key__c".to_owned(),
            repeats: Repeats::Records,
            deletes,
        };
        let identity = Identity { own: None, there: KeyComparison::IgnoreCase };
        let sent = read_sent(ONE.as_bytes(), &[SentStream { stream, identity }]).unwrap();
        assert_eq!(sent.records, [1]);
        assert_eq!(Keys::new(sent.sorted).next(0, Repeats::Records).unwrap().is_none(), deletes);
    }
}

#[test]
fn a_state_or_a_status_alone_says_that_a_stream_has_no_record() {
    let none = STATE.replace("1.0", "0");
    let all = GLOBAL.replace("6.0", "0");
    for lines in [&[&*none][..], &[COMPLETE], &[STARTED, COMPLETE], &[&all], &[LEGACY]] {
        assert_eq!(read(lines).unwrap(), [(Vec::new(), 0)], "{lines:?}");
    }
    let failed = r#"{"type":"TRACE","trace":{"type":"ERROR","emitted_at":1}}"#;
    let of_new_type = r#"{"type":"TRACE","trace":{"type":"FAILURE","emitted_at":1,"error":{"message":"No."}}}"#;
    for (lines, part) in [
        (&[r#"{"type":"LOG","log":{"level":"INFO","message":"A"}}"#][..], "has no record, no state and no status of A"),
        (&[FAILED], "did not say that it came to the end of A"),
        (&[&none, failed], "did not say that it came to the end of A"),
        (&[&none, of_new_type], "did not say that it came to the end of A"),
        (&[STARTED], "did not say that it came to the end of A"),
    ] {
        let error = read(lines).unwrap_err();
        assert!(error.message().contains(part), "{lines:?}: {}", error.message());
    }
}

#[test]
fn messages_of_every_type_that_says_nothing_of_records_are_passed_over() {
    for kind in ["LOG", "SPEC", "CONNECTION_STATUS", "CATALOG", "CONTROL", "DESTINATION_CATALOG"] {
        let read = read(&[ONE, &format!(r#"{{"type":"{kind}","more":{{}}}}"#)]);
        assert!(read.is_ok(), "{kind}: {:?}", read.err());
    }
}

/// Where what a state counts is written as a number with a point, half a record is none.
#[test]
fn the_count_of_a_state_is_that_of_its_records() {
    for (count, is_whole) in [("1", true), ("1.0", true), ("0", false), ("2", false), ("null", true)] {
        let read = read(&[ONE, &STATE.replace("1.0", count)]);
        assert_eq!(read.is_ok(), is_whole, "{count}: {:?}", read.err());
    }
    assert!(read(&[ONE, &STATE.replace(r#","sourceStats":{"recordCount":1.0}"#, "")]).is_ok(), "it counts nothing");
}
