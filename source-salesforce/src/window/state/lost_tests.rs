//! Tests of columns that go, come back and are new.

use super::tests::incremental;
use super::*;
use crate::plan::tests::plan_of;

fn at(day: u32) -> Moment {
    Moment::parse(&format!("2026-01-{day:02}")).unwrap()
}

fn window(from: Option<u32>, to: u32) -> Window {
    Window { from: from.map(at), to: at(to) }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The plan of a stream with the columns `Id`, `Name` and `Email`.
fn plan() -> StreamPlan {
    let fields = json!([
        {"name": "Id", "type": "id"},
        {"name": "Name", "type": "string"},
        {"name": "Email", "type": "string"},
        {"name": "SystemModstamp", "type": "datetime"},
    ]);
    plan_of("Account", &fields, true, json!({}))
}

#[test]
fn a_stream_notes_each_lost_column_once_and_from_where_the_first_was_lost() {
    let mut state = IncrementalState::new(&incremental(None, 0));
    state.lose(window(Some(5), 6), Vec::new());
    assert_eq!(state.lost, None, "nothing is lost");
    state.lose(window(Some(5), 6), names(&["Name"]));
    assert_eq!(state.lost, Some(Lost { from: Some(at(5)), columns: names(&["Name"]) }));
    state.lose(window(Some(6), 7), names(&["Name", "Email"]));
    assert_eq!(state.lost, Some(Lost { from: Some(at(5)), columns: names(&["Email", "Name"]) }));
    state.lose(window(Some(3), 7), Vec::new());
    assert_eq!(state.lost.as_ref().unwrap().from, Some(at(5)), "that window was whole");
    state.lose(window(Some(4), 7), names(&["Name"]));
    assert_eq!(state.lost.as_ref().unwrap().from, Some(at(4)));
    // A part of a refresh begins before all.
    state.lose(window(None, 2), names(&["Name"]));
    assert_eq!(state.lost, Some(Lost { from: None, columns: names(&["Email", "Name"]) }));
}

#[test]
fn records_are_read_again_from_where_a_column_was_lost_that_is_read_again() {
    let incremental = incremental(None, 0);
    let state = IncrementalState {
        through: Some(at(20)),
        window: Some(OpenWindow { span: window(Some(20), 21), progress: Progress::Deletions(None), read_by: None }),
        ..IncrementalState::new(&incremental)
    };
    let lost = |from: Option<u32>, columns: &[&str]| Some(Lost { from: from.map(at), columns: names(columns) });
    for (lost, deletions, expected) in [
        (lost(Some(10), &["Email"]), None, Some((Some(10), Some(20)))),
        (lost(Some(10), &["Email", "Gone__c"]), Some(18), Some((Some(10), Some(18)))),
        (lost(None, &["Name"]), None, Some((None, Some(20)))),
        (lost(Some(10), &["Gone__c"]), None, None),
        (None, None, None),
    ] {
        let mut found = IncrementalState { lost, deletions_through: deletions.map(at), ..state.clone() };
        let before = found.clone();
        found.recover(&plan());
        let expected = match expected {
            Some((through, deletions)) => IncrementalState {
                through: through.map(at),
                deletions_through: deletions.map(at),
                window: None,
                lost: None,
                ..before
            },
            // A column that is no longer selected is forgotten.
            None => IncrementalState { lost: None, ..before },
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn a_refresh_goes_back_to_where_a_column_was_lost_and_never_forward() {
    for (through, lost, expected) in
        [(Some(15), Some(10), Some(10)), (Some(5), Some(10), Some(5)), (Some(15), None, None), (None, Some(10), None)]
    {
        let refresh = Refresh { to: at(18), since: at(19), through: through.map(at) };
        let mut state = IncrementalState {
            through: Some(at(20)),
            refresh: Some(refresh),
            lost: Some(Lost { from: lost.map(at), columns: names(&["Email"]) }),
            ..IncrementalState::new(&incremental(None, 0))
        };
        state.recover(&plan());
        assert_eq!(state.refresh, Some(Refresh { through: expected.map(at), ..refresh }), "{through:?} {lost:?}");
    }
}

#[test]
fn the_fields_of_the_last_sync_are_those_by_which_new_ones_are_known() {
    let mut incremental = incremental(None, 0);
    let mut state = IncrementalState::new(&incremental);
    for fields in [&["Id", "Name"][..], &["Id", "Region__c"]] {
        incremental.fields = names(fields);
        state.meet_fields(&plan(), &incremental);
        assert_eq!(state.fields, Some(KnownFields::of(&incremental.fields)));
    }
}

/// A later version reads the states of this one.
#[test]
fn a_state_has_the_same_form_in_every_version() {
    let mut place = ReadingState::new("b2", Some("750000000000001AAA".into()));
    (place.locator, place.rows) = (Some("MTox".into()), 5);
    let of_windows = IncrementalState {
        through: Some(at(20)),
        deletions_through: Some(at(19)),
        begins_as_airbytes: true,
        is_certified: true,
        longest: Some(30),
        refreshed: Some(at(3)),
        refresh: Some(Refresh { to: at(18), since: at(17), through: Some(at(4)) }),
        fields: Some(KnownFields::of(&names(&["Name"]))),
        lost: Some(Lost { from: Some(at(10)), columns: names(&["Email"]) }),
        ..IncrementalState::new(&incremental(Some(at(1)), 0))
    };
    let day = |day: u32| json!(format!("2026-01-{day:02}T00:00:00Z"));
    let mut kept = json!({
        "through": day(20), "deletions_through": day(19), "cursor": "SystemModstamp", "org": "a1", "start": day(1),
        "begins_as_airbytes": true, "is_certified": true, "longest": 30, "refreshed": day(3),
        "refresh": {"to": day(18), "since": day(17), "through": day(4)}, "fields": "994af2",
        "lost": {"from": day(10), "columns": ["Email"]},
    });
    let point = DeletionPoint { at: at(20), id: "001000000000001AAA".into() };
    let deletions = of_windows.in_deletions(window(Some(20), 21), Some(point), Some("b2".into()));
    for (state, open) in [
        (
            of_windows.in_window(window(Some(20), 21), Progress::Reading(place)),
            json!({"from": day(20), "to": day(21), "reading": {
                "version": salesforce::API_VERSION, "query": "b2", "job": "750000000000001AAA", "locator": "MTox", "rows": 5,
            }}),
        ),
        (
            deletions,
            json!({"from": day(20), "to": day(21), "deletions": {"at": day(20), "id": "001000000000001AAA"},
                "read_by": "b2"}),
        ),
        (of_windows.in_window(window(None, 21), Progress::Deletions(None)), json!({"to": day(21), "deletions": null})),
    ] {
        kept["window"] = open;
        assert_eq!(state.to_json(), kept);
        assert_eq!(serde_json::from_value::<IncrementalState>(kept.clone()).unwrap(), state);
    }
}

#[test]
fn a_state_before_the_first_window_is_short() {
    let state = IncrementalState::new(&incremental(None, 0));
    assert_eq!(state.to_json(), json!({"cursor": "SystemModstamp", "org": "a1"}), "what is not known is not there");
}
