//! The state of a stream: what a later attempt must know to read on.

mod file;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use salesforce::API_VERSION;

pub(crate) use file::parse;

/// The key by which the platform's other sources say that a full refresh is over.
const COMPLETE: &str = "__ab_full_refresh_sync_complete";

/// The sync of a state, as the configured catalog names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SyncIds {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sync_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) generation_id: Option<i64>,
}

impl SyncIds {
    /// Whether no other sync has these. `PyAirbyte` gives every sync the number 1.
    fn are_unique(self) -> bool {
        self.sync_id.is_some_and(|id| id > 1)
    }
}

/// How far a stream was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamState {
    /// Nothing that is known can be read on.
    Start,
    /// Up to a page of a query.
    Reading(ReadingState),
    /// To its end.
    Complete {
        /// The query, as [`query_hash`] names it.
        query: String,
        /// The number of records.
        rows: u64,
        sync: SyncIds,
    },
}

/// The place in a query from which reading goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadingState {
    /// The version of the API, which must be the same for a job and its results.
    pub(crate) version: String,
    /// The query, as [`query_hash`] names it.
    pub(crate) query: String,
    /// The query job, unless REST calls read the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
    /// The next page; the first one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) locator: Option<String>,
    /// The records of the pages before it.
    pub(crate) rows: u64,
    /// How many records the query found before its first page, if Salesforce counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    #[serde(flatten)]
    pub(crate) sync: SyncIds,
}

impl ReadingState {
    /// The beginning of a query.
    pub(crate) fn new(query: &str, job: Option<String>) -> Self {
        Self {
            version: API_VERSION.to_owned(),
            query: query.to_owned(),
            job,
            locator: None,
            rows: 0,
            count: None,
            sync: SyncIds::default(),
        }
    }

    /// Whether this query can be read on from here.
    pub(crate) fn fits(&self, query: &str) -> bool {
        self.query == query && self.version == API_VERSION && (self.job.is_some() || self.locator.is_some())
    }
}

impl StreamState {
    /// What of the state counts for a query of a sync. Records of another sync do not: the platform can pass a state
    /// for ever, and a stream that is never read again would be an empty success.
    ///
    /// Where nothing but the states themselves shows that a sync has not ended, `is_under_way` says it.
    pub(crate) fn within(self, query: &str, sync: SyncIds, is_under_way: bool) -> Self {
        let counts = match &self {
            Self::Start => true,
            Self::Reading(reading) => reading.fits(query) && reading.sync == sync,
            Self::Complete { query: whole, sync: before, .. } => {
                whole == query && *before == sync && (sync.are_unique() || is_under_way)
            }
        };
        if counts { self } else { Self::Start }
    }

    /// Whether what the platform kept says that a sync of a query has not ended: a page of it, or the start that this
    /// connector writes itself. What it does not know, such as a state from before a change of the sync mode, says nothing.
    pub(crate) fn is_under_way(state: &Value, query: &str, sync: SyncIds) -> bool {
        let is_start = state.is_null() || state.as_object().is_some_and(Map::is_empty);
        is_start || matches!(Self::of_json(state).within(query, sync, false), Self::Reading(_))
    }

    /// What the platform keeps.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Start => json!({}),
            Self::Reading(reading) => json!(reading),
            Self::Complete { query, rows, sync } => {
                let mut state = json!(sync);
                state[COMPLETE] = json!(true);
                state["query"] = json!(query);
                state["rows"] = json!(rows);
                state
            }
        }
    }

    /// Reads what the platform kept. What this version does not know, such as a state of Airbyte's own connector, is a
    /// start.
    pub(crate) fn of_json(state: &Value) -> Self {
        if state[COMPLETE] == true {
            // Without a query nobody knows what was complete.
            let query = state["query"].as_str().unwrap_or_default().to_owned();
            let sync = serde_json::from_value(state.clone()).unwrap_or_default();
            return Self::Complete { query, rows: state["rows"].as_u64().unwrap_or_default(), sync };
        }
        serde_json::from_value(state.clone()).map_or(Self::Start, Self::Reading)
    }
}

/// A short name of a query of an org: FNV-1a in hexadecimal. Another query has another one, and so has another org. No
/// value of it can be read.
pub(crate) fn query_hash(org: &str, soql: &str) -> String {
    let hash = format!("{org} {soql}")
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use airbyte::StreamName;

    use super::*;

    fn name(name: &str) -> StreamName {
        StreamName { namespace: None, name: name.into() }
    }

    #[test]
    fn what_the_platform_keeps_is_read_again() {
        let mut page = ReadingState::new("a1", Some("750000000000001AAA".into()));
        let start = page.clone();
        (page.locator, page.rows) = (Some("MTox".into()), 5);
        let mut rest = page.clone();
        rest.job = None;
        rest.count = Some(9);
        rest.sync = SyncIds { sync_id: Some(12), generation_id: Some(3) };
        let sync = rest.sync;
        for state in [
            StreamState::Start,
            StreamState::Reading(start),
            StreamState::Reading(page),
            StreamState::Reading(rest),
            StreamState::Complete { query: "a1".into(), rows: 7, sync },
            StreamState::Complete { query: "a1".into(), rows: 7, sync: SyncIds::default() },
        ] {
            let file = json!([{"type": "STREAM", "stream": {
                "stream_descriptor": {"name": "Account"}, "stream_state": state.to_json(),
            }}]);
            assert_eq!(StreamState::of_json(&parse(&file.to_string()).unwrap()[&name("Account")]), state);
        }
    }

    /// A later version reads the states of this one.
    #[test]
    fn a_place_has_the_same_form_in_every_version() {
        let mut place = ReadingState::new("a1", Some("750000000000001AAA".into()));
        (place.locator, place.rows, place.count) = (Some("MTox".into()), 5, Some(9));
        place.sync = SyncIds { sync_id: Some(12), generation_id: Some(3) };
        let kept = json!({
            "version": API_VERSION, "query": "a1", "job": "750000000000001AAA", "locator": "MTox", "rows": 5, "count": 9,
            "sync_id": 12, "generation_id": 3,
        });
        assert_eq!(StreamState::Reading(place.clone()).to_json(), kept);
        assert_eq!(StreamState::of_json(&kept), StreamState::Reading(place));
    }

    #[test]
    fn the_end_of_a_full_refresh_says_so_as_other_sources_do() {
        let sync = SyncIds { sync_id: Some(12), generation_id: Some(3) };
        let state = StreamState::Complete { query: "a1".into(), rows: 7, sync }.to_json();
        let expected = json!({
            "__ab_full_refresh_sync_complete": true, "query": "a1", "rows": 7, "sync_id": 12, "generation_id": 3,
        });
        assert_eq!(state, expected);
        // Without a query nobody knows what was complete.
        let of_others = json!({"__ab_full_refresh_sync_complete": true});
        let expected = StreamState::Complete { query: String::new(), rows: 0, sync: SyncIds::default() };
        assert_eq!(StreamState::of_json(&of_others), expected);
        assert_eq!(StreamState::of_json(&json!({"__ab_full_refresh_sync_complete": false})), StreamState::Start);
    }

    #[test]
    fn a_page_without_a_job_is_one_of_rest_and_a_job_needs_no_page() {
        let state = ReadingState::new("a1", None);
        assert_eq!(json!(state), json!({"version": API_VERSION, "query": "a1", "rows": 0}));
        let job = || Some("750".to_owned());
        let page = || Some("MTox".to_owned());
        for (job, locator, expected) in
            [(None, None, false), (job(), None, true), (None, page(), true), (job(), page(), true)]
        {
            let state = ReadingState { job, locator, ..state.clone() };
            assert_eq!(state.fits("a1"), expected, "{state:?}");
        }
    }

    #[test]
    fn a_state_of_another_connector_is_the_start_of_a_full_refresh() {
        let slices = json!({"slices": [{"start": "2026-01-01T00:00:00.000Z"}], "state_type": "date-range"});
        for state in [slices, json!({"SystemModstamp": "2026-01-01T00:00:00.000Z"}), Value::Null] {
            assert_eq!(StreamState::of_json(&state), StreamState::Start);
        }
    }

    #[test]
    fn only_the_same_query_of_the_same_version_is_read_on() {
        let state = ReadingState::new("a1", Some("750".into()));
        assert!(state.fits("a1") && !state.fits("a2"));
        assert!(!ReadingState { version: "61.0".into(), ..state.clone() }.fits("a1"));
        assert!(!ReadingState { job: None, ..state }.fits("a1"));
        assert_ne!(query_hash("a", "SELECT Id FROM A"), query_hash("a", "SELECT Id FROM B"));
        assert_ne!(query_hash("a", "SELECT Id FROM A"), query_hash("b", "SELECT Id FROM A"));
        assert_eq!(query_hash("", "").len(), 16);
        // A later version has to know the states of this one.
        assert_eq!(query_hash("00D", "SELECT Id FROM Account"), "01b4c3ccb8c5378d");
    }

    #[test]
    fn only_a_page_or_a_start_of_its_own_says_that_a_sync_is_under_way() {
        let sync = SyncIds { sync_id: Some(1), generation_id: Some(1) };
        let reading = ReadingState { sync, ..ReadingState::new("a1", Some("750".into())) };
        let of_another_sync = ReadingState { sync: SyncIds::default(), ..reading.clone() };
        for (state, expected) in [
            (json!({}), true),
            (json!(null), true),
            (json!(reading), true),
            (json!(of_another_sync), false),
            (json!(ReadingState { query: "a2".into(), ..reading }), false),
            (StreamState::Complete { query: "a1".into(), rows: 7, sync }.to_json(), false),
            (json!({"through": "2026-02-01T00:00:00Z", "cursor": "SystemModstamp", "org": "a1"}), false),
            (json!({"slices": [{"start": "2026-01-01T00:00:00.000Z", "end": "2026-02-01T00:00:00.000Z"}]}), false),
            (json!({"SystemModstamp": "2026-01-01T00:00:00.000Z"}), false),
        ] {
            assert_eq!(StreamState::is_under_way(&state, "a1", sync), expected, "{state}");
        }
    }

    #[test]
    fn a_state_counts_within_its_own_sync_alone() {
        let ids = |sync_id, generation_id| SyncIds { sync_id, generation_id };
        let (none, one, first) = (SyncIds::default(), ids(Some(1), Some(1)), ids(Some(7), Some(3)));
        let second = ids(Some(2), Some(1));
        for (before, now, is_under_way, reads_on, is_skipped) in [
            (first, first, false, true, true),
            (first, ids(Some(8), Some(3)), true, false, false),
            (first, ids(Some(7), Some(4)), true, false, false),
            (first, none, true, false, false),
            (none, first, true, false, false),
            (none, none, true, true, true),
            (none, none, false, true, false),
            (one, one, true, true, true),
            (one, one, false, true, false),
            // From the second sync on, a platform that counts its syncs names each once.
            (second, second, false, true, true),
        ] {
            let reading = ReadingState { sync: before, ..ReadingState::new("a1", Some("750".into())) };
            let reading = StreamState::Reading(reading);
            let complete = StreamState::Complete { query: "a1".into(), rows: 7, sync: before };
            for (state, counts) in [(reading, reads_on), (complete, is_skipped)] {
                let expected = if counts { state.clone() } else { StreamState::Start };
                assert_eq!(
                    state.clone().within("a1", now, is_under_way),
                    expected,
                    "{before:?} {now:?} {is_under_way}"
                );
                assert_eq!(state.within("a2", now, is_under_way), StreamState::Start);
            }
        }
    }
}
