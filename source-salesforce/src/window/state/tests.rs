//! Tests of the states of incremental streams.

use jiff::SignedDuration;

use super::*;
use crate::columns::Column;
use crate::plan::Changes;
use crate::record::DeletionWriter;

/// What an incremental sync of accounts needs.
pub(crate) fn incremental(start: Option<Moment>, lookback_minutes: i64) -> Incremental {
    let changes = Changes { cursor: "SystemModstamp".into(), is_replicateable: true, has_bin: true };
    let stream = airbyte::StreamName { namespace: None, name: "Account".into() };
    let fields = serde_json::from_value(json!({"name": "Account", "fields": [{"name": "Id", "type": "id"}]})).unwrap();
    let mut columns = crate::columns::columns(&fields);
    columns.push(Column::deleted_at(&changes));
    Incremental {
        object: "Account".into(),
        deletion: DeletionWriter::new(&stream, &columns, &changes),
        changes,
        tells_deletions: true,
        start,
        end: None,
        lookback: SignedDuration::from_mins(lookback_minutes),
        refresh_every: None,
        org: "a1".into(),
        former_org: "address".into(),
        fields: Vec::new(),
        filter: None,
    }
}

fn from(start: &str) -> Incremental {
    incremental(Some(moment(start)), 0)
}

fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

fn through(state: Value, incremental: &Incremental) -> Option<String> {
    IncrementalState::of_json(Some(&state), incremental, None).through.map(|moment| moment.to_string())
}

#[test]
fn every_state_is_read_again() {
    let incremental = from("2026-01-01");
    let new = IncrementalState::new(&incremental);
    let span = |from: Option<&str>| Window { from: from.map(moment), to: moment("2026-02-01T00:05:00Z") };
    let mut reading = ReadingState::new("b2", Some("750000000000001AAA".into()));
    (reading.locator, reading.rows, reading.count) = (Some("MTox".into()), 5, Some(9));
    let point = DeletionPoint { at: moment("2026-01-31T01:02:03Z"), id: "001000000000001AAA".into() };
    let read = IncrementalState {
        through: Some(moment("2026-02-01")),
        deletions_through: Some(moment("2026-01-31")),
        ..new.clone()
    };
    for state in [
        new.clone(),
        read.clone(),
        new.at(span(None), &StreamState::Reading(reading.clone())),
        read.at(span(Some("2026-02-01")), &StreamState::Reading(reading)),
        read.in_window(span(Some("2026-02-01")), Progress::Deletions(None)),
        read.in_window(span(None), Progress::Deletions(Some(point))),
    ] {
        assert_eq!(IncrementalState::of_json(Some(&state.to_json()), &incremental, None), state, "{}", state.to_json());
    }
    assert_eq!(read.at(span(None), &StreamState::Start), read);
}

#[test]
fn a_state_of_airbytes_own_source_is_taken_over() {
    let slices = |slices: &[(&str, &str)]| {
        let slice = |(start, end): &(&str, &str)| json!({"start": start, "end": end});
        json!({"slices": slices.iter().map(slice).collect::<Vec<_>>(), "state_type": "date-range"})
    };
    let (jan, feb, mar, apr) = (
        "2026-01-01T00:00:00.000Z",
        "2026-02-01T00:00:00.000Z",
        "2026-03-01T00:00:00.000Z",
        "2026-04-01T00:00:00.000Z",
    );
    for (state, lookback, expected) in [
        (slices(&[(jan, feb)]), 0, "2026-01-31T23:50:00Z"),
        (slices(&[(jan, feb)]), 60, "2026-01-31T23:00:00Z"),
        (slices(&[(jan, feb)]), 1, "2026-01-31T23:50:00Z"),
        (slices(&[(feb, mar), (jan, feb)]), 0, "2026-02-28T23:50:00Z"),
        (slices(&[(jan, "2026-01-31T23:59:59.999Z"), (feb, mar)]), 0, "2026-02-28T23:50:00Z"),
        (slices(&[(jan, mar), (feb, "2026-02-02T00:00:00.000Z")]), 0, "2026-02-28T23:50:00Z"),
        // What is behind a gap is read again.
        (slices(&[(jan, feb), (mar, apr)]), 0, "2026-01-31T23:50:00Z"),
        (slices(&[(mar, apr), (jan, feb)]), 0, "2026-01-31T23:50:00Z"),
        (slices(&[(jan, "2026-01-31T23:59:59.000Z"), (feb, mar)]), 0, "2026-02-28T23:50:00Z"),
        (slices(&[(jan, "2026-01-31T23:59:58.000Z"), (feb, mar)]), 0, "2026-01-31T23:49:58Z"),
        (json!({"SystemModstamp": feb}), 0, "2026-01-31T23:50:00Z"),
        (json!({"LastModifiedDate": "2026-02-01T00:00:00.000+0000"}), 0, "2026-01-31T23:50:00Z"),
        (json!({"slices": [], "legacy": {"SystemModstamp": feb}}), 0, "2026-01-31T23:50:00Z"),
        (json!({"slices": [{"start": jan, "end": feb}], "legacy": {"SystemModstamp": mar}}), 0, "2026-01-31T23:50:00Z"),
    ] {
        assert_eq!(through(state.clone(), &incremental(None, lookback)).as_deref(), Some(expected), "{state}");
    }
    // Airbyte's own connector reads what is before its first slice too.
    let state = slices(&[(feb, mar)]);
    assert_eq!(through(state.clone(), &from("2026-02-01")).as_deref(), Some("2026-02-28T23:50:00Z"));
    assert_eq!(through(state, &from("2026-01-15")), None);
}

#[test]
fn a_start_counts_as_long_as_nothing_is_missing() {
    let (jan, feb) = ("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z");
    let slices = json!({"slices": [{"start": jan, "end": feb}]});
    let older = json!({"SystemModstamp": feb});
    // Airbyte's own connector begins two years ago where no start is given. Its state counts, and is not read again later.
    for (state, first, then, counts) in [
        (&slices, None, None, true),
        (&slices, None, Some("2026-01-02"), true),
        (&slices, None, Some("2025-12-31"), false),
        (&slices, Some(jan), None, false),
        (&slices, Some(jan), Some("2025-12-31"), false),
        (&older, None, None, true),
        (&older, Some(jan), Some(jan), true),
        (&older, Some(jan), Some("2025-12-31"), false),
        (&older, Some(jan), None, false),
    ] {
        let with = |start: Option<&str>| incremental(start.map(moment), 0);
        let taken = IncrementalState::of_json(Some(state), &with(first), None);
        assert!(taken.through.is_some(), "{state} {first:?}");
        assert_eq!(through(taken.to_json(), &with(then)).is_some(), counts, "{state} {first:?} {then:?}");
    }
}

#[test]
fn a_stream_of_the_same_org_that_is_read_from_its_start_tells_what_was_deleted_since() {
    let known = from("2026-01-15");
    let state =
        IncrementalState { through: Some(moment("2026-02-01")), is_certified: true, ..IncrementalState::new(&known) };
    let lagging = IncrementalState { deletions_through: Some(moment("2026-01-31")), ..state.clone() };
    let mut of_another_cursor = state.to_json();
    of_another_cursor["cursor"] = json!("LastModifiedDate");
    let mut of_another_org = state.to_json();
    of_another_org["org"] = json!("b2");
    for (state, incremental, expected) in [
        (state.to_json(), from("2026-01-01"), Some("2026-02-01")),
        (lagging.to_json(), from("2026-01-01"), Some("2026-01-31")),
        (of_another_cursor, from("2026-01-15"), Some("2026-02-01")),
        (of_another_org, from("2026-01-15"), None),
    ] {
        let new = IncrementalState::of_json(Some(&state), &incremental, None);
        assert_eq!((new.through, new.deletions_through), (None, expected.map(moment)), "{state}");
        assert_eq!(new.is_certified, expected.is_some(), "{state}");
    }
}

#[test]
fn the_org_is_known_by_its_id_and_once_by_its_address() {
    let incremental = from("2026-01-15");
    let state = IncrementalState { through: Some(moment("2026-02-01")), ..IncrementalState::new(&incremental) };
    let mut older = state.to_json();
    older["org"] = json!("address");
    assert_eq!(IncrementalState::of_json(Some(&older), &incremental, None), state, "the next state has the id");
}

/// Nobody has read what has not happened yet.
#[test]
fn a_state_ahead_of_the_org_is_one_of_some_minutes_ago() {
    let known = from("2026-01-15");
    let now = moment("2026-02-01T12:00:00Z");
    let (past, last, future) = (moment("2026-01-31"), moment("2026-02-01T11:50:00Z"), moment("2026-02-01T12:00:01Z"));
    let new = IncrementalState { is_certified: true, ..IncrementalState::new(&known) };
    let state = |through, deletions_through| IncrementalState { through, deletions_through, ..new.clone() };
    let to = |to| Window { from: Some(past), to };
    let open = |window| state(Some(past), None).in_window(to(window), Progress::Deletions(None));
    for (state, expected) in [
        (state(Some(past), None), None),
        (state(Some(now), None), None),
        (state(Some(future), None), Some(state(Some(last), None))),
        (state(Some(future), Some(past)), Some(state(Some(last), Some(past)))),
        (state(Some(past), Some(future)), Some(state(Some(past), Some(last)))),
        (open(now), None),
        (open(future), Some(state(Some(past), None))),
        // What is not ahead is kept.
        (state(Some(future), Some(now)), Some(state(Some(last), Some(now)))),
        (
            IncrementalState { deletions_through: Some(future), ..open(now) },
            Some(IncrementalState { deletions_through: Some(last), ..open(now) }),
        ),
    ] {
        let bounded = IncrementalState::of_json(Some(&state.to_json()), &known, Some(now));
        let expected = expected.map(|expected| IncrementalState { is_certified: false, ..expected });
        assert_eq!(bounded, expected.unwrap_or_else(|| state.clone()), "{state:?}");
        assert_eq!(IncrementalState::of_json(Some(&state.to_json()), &known, None), state, "nobody knows the time");
    }
    for end in ["2026-02-01T12:00:01Z", "2222-01-01T00:00:00Z"] {
        for state in
            [json!({"slices": [{"start": "2026-01-15T00:00:00Z", "end": end}]}), json!({"SystemModstamp": end})]
        {
            let taken = IncrementalState::of_json(Some(&state), &known, Some(now));
            assert_eq!(taken.through, Some(last), "{state}");
        }
    }
}

#[test]
fn what_may_not_have_been_read_is_read_from_the_start() {
    let known = from("2026-01-15");
    let state = IncrementalState { through: Some(moment("2026-02-01")), ..IncrementalState::new(&known) }.to_json();
    assert!(through(state.clone(), &known).is_some());
    assert!(through(state.clone(), &from("2026-01-20")).is_some(), "a later start reads no less");
    assert!(through(state.clone(), &incremental(None, 0)).is_none(), "without a start everything is read");
    assert!(through(state.clone(), &from("2026-01-01")).is_none());
    for (key, value) in [("org", json!("b2")), ("cursor", json!("LastModifiedDate")), ("through", json!("soon"))] {
        let mut changed = state.clone();
        changed[key] = value;
        assert!(through(changed, &known).is_none(), "{key}");
    }
    let whole = json!({"version": "62.0", "query": "a1", "job": "750", "rows": 5});
    for state in [
        json!({}),
        json!(null),
        whole,
        json!({"slices": []}),
        json!({"slices": [], "legacy": {}}),
        json!(7),
        json!({"slices": [{"start": "2026-01-01"}]}),
    ] {
        assert_eq!(IncrementalState::of_json(Some(&state), &known, None), IncrementalState::new(&known), "{state}");
    }
    assert_eq!(IncrementalState::of_json(None, &known, None), IncrementalState::new(&known));
}

#[test]
fn a_refresh_ahead_of_the_org_is_forgotten() {
    let now = moment("2026-02-01");
    let known = incremental(None, 0);
    let at = |refresh, refreshed| IncrementalState {
        through: Some(moment("2026-01-20")),
        refresh,
        refreshed,
        ..IncrementalState::new(&known)
    };
    let refresh = |to, since| Some(Refresh { to: moment(to), since: moment(since), through: None });
    let (past, future) = (Some(moment("2026-01-15")), Some(moment("2026-03-01")));
    for (state, is_kept) in [
        (at(refresh("2026-01-25", "2026-01-26"), past), (true, true)),
        (at(refresh("2026-02-25", "2026-02-26"), past), (false, true)),
        (at(refresh("2026-01-25", "2026-02-26"), past), (false, true)),
        (at(None, future), (false, false)),
        (at(refresh("2026-02-01", "2026-02-01"), future), (true, false)),
        (at(refresh("2026-01-25", "2026-02-26"), Some(now)), (false, true)),
    ] {
        let bounded = IncrementalState::of_json(Some(&state.to_json()), &known, Some(now));
        assert_eq!((bounded.refresh.is_some(), bounded.refreshed.is_some()), is_kept, "{state:?}");
        assert_eq!(bounded.through, state.through);
    }
}

#[test]
fn a_state_passes_windows_and_parts_of_a_refresh_without_going_back() {
    let at = |day: u32| moment(&format!("2026-01-{day:02}"));
    let window = |to: u32| Window { from: None, to: at(to) };
    let mut state = IncrementalState::new(&incremental(None, 0));
    // The first window is read in parts: deletions count from its boundary on.
    state.deletions_through = Some(at(20));
    state.pass(window(10), Some(at(20)));
    assert_eq!((state.through, state.deletions_through), (Some(at(10)), Some(at(20))));
    state.pass(window(20), Some(at(20)));
    assert_eq!((state.through, state.deletions_through), (Some(at(20)), None));
    // A refresh begins at the beginning, and what was read stays read.
    state.refresh = Some(Refresh { to: at(25), since: at(26), through: None });
    state.pass(window(15), Some(at(20)));
    assert_eq!((state.through, state.refreshed, state.deletions_through), (Some(at(20)), None, None));
    assert_eq!(state.refresh, Some(Refresh { to: at(25), since: at(26), through: Some(at(15)) }));
    state.longest = Some(60);
    state.window = Some(OpenWindow { span: window(25), progress: Progress::Deletions(None), read_by: None });
    state.pass(window(25), Some(at(24)));
    assert_eq!(state.window, None);
    assert_eq!((state.through, state.refreshed, state.refresh), (Some(at(25)), Some(at(26)), None));
    assert_eq!((state.deletions_through, state.longest), (Some(at(24)), Some(120)));
}

/// Nobody has vouched for what was read before.
#[test]
fn the_first_certified_boundary_takes_back_what_is_behind_it_and_later_ones_nothing() {
    let [early, boundary, late] = ["2026-02-01", "2026-02-02", "2026-02-03"].map(moment);
    let refresh = Some(Refresh { to: late, since: late, through: None });
    let read = |through, deletions_through| IncrementalState {
        through,
        deletions_through,
        refresh,
        ..IncrementalState::new(&incremental(None, 0))
    };
    for (through, deletions, expected) in [
        (None, None, (None, None)),
        (Some(early), None, (Some(early), None)),
        (Some(late), None, (Some(boundary), None)),
        (Some(late), Some(early), (Some(boundary), Some(early))),
        (None, Some(late), (None, Some(boundary))),
    ] {
        let mut state = read(through, deletions);
        state.certify(boundary);
        assert_eq!((state.through, state.deletions_through), expected, "{through:?} {deletions:?}");
        assert!(state.is_certified && state.refresh.is_none());
    }
    let mut certified = IncrementalState { is_certified: true, ..read(Some(late), Some(late)) };
    certified.certify(boundary);
    assert_eq!((certified.through, certified.deletions_through, certified.refresh), (Some(late), Some(late), refresh));
}
