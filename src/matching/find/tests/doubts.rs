//! Keys whose answer cannot be used.

use super::*;

#[tokio::test]
async fn where_more_lists_are_refused_than_may_be_halved_the_rest_is_uncertain() {
    let mut keys = emails(2_000);
    let bad: Vec<String> = (0..40).map(|number| format!("bad-{number}@example.com")).collect();
    for (number, bad) in bad.iter().enumerate() {
        keys.insert(number * 50, bad.clone());
    }
    let message = "INVALID_QUERY_FILTER_OPERATOR : invalid ID field: bad";
    let lists = FakeOrg::default();
    find(&lists, &keys).await.unwrap();
    let org = FakeOrg { refused: Some(("bad-", message)), ..FakeOrg::default() };
    let matches = find(&org, &keys).await.unwrap();
    assert!(bad.iter().all(|key| found(&matches, key) == Found::Uncertain));
    // Each list has some that are refused, and the requests do not suffice to find them all.
    let uncertain = keys.iter().filter(|key| found(&matches, key) == Found::Uncertain).count();
    assert!(uncertain > 2 * bad.len() && uncertain < keys.len(), "{uncertain} keys");
    let more = org.queries() - lists.queries();
    // 64 for halves of lists, and the others for keys that are uncertain then.
    assert_eq!(more, 64 + 9);
}

#[tokio::test]
async fn keys_that_are_asked_for_one_by_one_stay_within_the_requests_for_uncertain_keys() {
    let message = "INVALID_QUERY_FILTER_OPERATOR : invalid ID field: bad";
    for (keys, more) in [(60, 16), (120, 16)] {
        let bad: Vec<String> = (0..keys).map(|number| format!("bad-{number}@example.com")).collect();
        let org = FakeOrg { refused: Some(("bad-", message)), ..FakeOrg::default() };
        let matches = find(&org, &bad).await.unwrap();
        assert!(bad.iter().all(|key| found(&matches, key) == Found::Uncertain));
        // One list, 64 halves, and then a list and keys one by one.
        assert_eq!(org.queries(), 1 + 64 + more, "{keys} keys");
    }
}

/// Nobody knows why the org sends it, so the answer says nothing of the other keys either.
#[tokio::test]
async fn a_record_without_a_key_in_the_answer_to_a_list_makes_the_key_that_finds_it_uncertain() {
    for blank in ["", " "] {
        let org = FakeOrg { same: Some(("odd@example.com", blank)), ..FakeOrg::of([blank, "person-1@example.com"]) };
        let keys: Vec<String> = emails(3).into_iter().chain(["odd@example.com".to_owned()]).collect();
        let matches = find(&org, &keys).await.unwrap();
        let expected = [Found::Missing, Found::One(id(1)), Found::Missing, Found::Uncertain];
        for (key, expected) in keys.iter().zip(expected) {
            assert_eq!(found(&matches, key), expected, "{key} {blank:?}");
        }
    }
}
