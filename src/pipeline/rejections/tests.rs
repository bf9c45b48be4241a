use super::*;
use crate::convert::{Rejection, RejectionCode};
use crate::pipeline::progress::RecordCounts;

fn contacts() -> StreamName {
    StreamName { namespace: None, name: "contacts".to_owned() }
}

fn rejection(code: RejectionCode, field: &str, message: &str) -> Rejection {
    Rejection { code, field: Some(field.to_owned()), message: message.to_owned() }
}

fn sentences(reasons: &RejectionReasons) -> Vec<String> {
    let reasons = reasons.by_count().into_iter();
    reasons.map(|(code, field, reason)| sentence(&contacts(), (code, field), reason)).collect()
}

#[test]
fn a_sentence_says_who_rejected_how_many_records_and_why() {
    let mut reasons = RejectionReasons::default();
    reasons.add_records("INVALID_EMAIL_ADDRESS", "Email", 9, || None);
    reasons.add_records("REQUIRED_FIELD_MISSING", "", 8, || None);
    reasons.add_records("SOME_RARE_CODE", "Fax", 7, || None);
    reasons.add_records("", "", 6, || None);
    let too_long = rejection(RejectionCode::FieldTooLong, "Note__c", "Note__c is longer than any field.");
    reasons.add_rejection(&too_long, 4, || None);
    reasons.add_records("STRING_TOO_LONG", "Note__c", 1, || None);
    let message = "Score__c takes a number, and the value is not one.";
    reasons.add_rejection(&rejection(RejectionCode::WrongType, "Score__c", message), 1, || None);
    assert_eq!(
        sentences(&reasons),
        [
            "Salesforce rejected 9 records of contacts at Email: the value is not an e-mail address",
            "Salesforce rejected 8 records of contacts: a required field has no value",
            "Salesforce rejected 7 records of contacts at Fax with the code SOME_RARE_CODE",
            "Salesforce rejected 6 records of contacts without a code",
            "5 records of contacts are rejected at Note__c: the text is longer than the field",
            "1 record of contacts cannot be sent and is rejected: Score__c takes a number, and the value is not one.",
        ]
    );
}

#[test]
fn of_a_long_reason_the_first_sentence_is_logged() {
    let mut reasons = RejectionReasons::default();
    let long = format!("A first sentence. {}", "And more. ".repeat(30));
    reasons.add_rejection(&rejection(RejectionCode::UncertainMatch, "Email", &long), 2, || None);
    assert_eq!(sentences(&reasons), ["2 records of contacts cannot be sent and are rejected: A first sentence."]);
    // Letters count, whatever bytes they have.
    for (letters, is_whole) in [(100, true), (243, true), (244, false)] {
        let long = format!("{}. More.", "\u{e4}".repeat(letters));
        assert_eq!(long.chars().count(), letters + 7);
        let shown = if is_whole { &long } else { long.strip_suffix(" More.").unwrap() };
        assert_eq!(short(&long), shown, "{letters}");
    }
    let one = "x".repeat(300);
    assert_eq!(short(&one), one, "it has no end");
}

#[test]
fn an_example_is_named_by_what_is_known_of_it() {
    let stored = Example {
        place: Place::Bucket { row: "01a2".to_owned(), object: Some("rejected/1.csv".to_owned()) },
        salesforce_id: "003A".to_owned(),
    };
    let row = Some("01a2");
    let expected = Labels { row, object: Some("rejected/1.csv"), record: Some("003A"), ..Labels::default() };
    assert_eq!(Labels::of(Some(&stored)), expected);
    let of_job = Example::of_job("750A", "");
    assert_eq!(Labels::of(Some(&of_job)), Labels { job: Some("750A"), ..Labels::default() });
    let of_source = Example::of_source(1_772_600_767_089);
    let extracted_at = Some("2026-03-04T05:06:07.089Z".to_owned());
    assert_eq!(Labels::of(Some(&of_source)), Labels { extracted_at, ..Labels::default() });
    assert_eq!(Labels::of(Some(&Example::of_source(0))), Labels::default());
    assert_eq!(Labels::of(None), Labels::default());
}

#[test]
fn the_last_words_are_about_what_is_rejected_as_a_whole() {
    let stream_with = |name: &str, (code, field): (&str, &str), read, rejected| {
        let mut reasons = RejectionReasons::default();
        reasons.add_records(code, field, rejected, || None);
        EndedStream {
            name: StreamName { namespace: None, name: name.to_owned() },
            counts: RecordCounts { read, written: read - rejected, rejected, ..RecordCounts::default() },
            jobs: 1,
            reasons,
        }
    };
    let stream = |name: &str, read, rejected| stream_with(name, ("DUPLICATE_VALUE", ""), read, rejected);
    let whole = "Nothing was written: all records are rejected (5 of 5), mostly with DUPLICATE_VALUE (5 records).";
    assert_eq!(last_words(&[stream("a", 3, 3), stream("b", 2, 2), stream("c", 0, 0)]), [whole]);
    let one = "Nothing of the stream b was written: all its records are rejected (1 of 1), mostly with DUPLICATE_VALUE \
               (1 record).";
    assert_eq!(last_words(&[stream("a", 3, 2), stream("b", 1, 1)]), [one]);
    assert_eq!(last_words(&[stream("a", 3, 2), stream("b", 1, 0)]), [""; 0]);
    assert_eq!(last_words(&[stream("a", 0, 0)]), [""; 0]);
    // After a failure it is not known what became of the third record.
    let counts = RecordCounts { read: 3, rejected: 2, ..RecordCounts::default() };
    assert_eq!(last_words(&[EndedStream { counts, ..stream("a", 3, 2) }]), [""; 0]);
    for (reason, mostly) in [
        (("INVALID_EMAIL_ADDRESS", "Email"), "INVALID_EMAIL_ADDRESS at Email"),
        (("", ""), "no code"),
        (("", "Email"), "no code at Email"),
    ] {
        let words =
            format!("Nothing was written: all records are rejected (2 of 2), mostly with {mostly} (2 records).");
        assert_eq!(last_words(&[stream_with("a", reason, 2, 2)]), [words]);
    }
}
