//! Which records are proven, and which states may leave.
//!
//! Records of a stream are counted into segments; a state closes the segments of its streams and waits until every
//! record in them, and in all before them, is settled. States leave in the order in which they came, except that a
//! state of one stream does not wait for that of another.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::pipeline::batch::origin::SegmentId;
use airbyte::{State, StateScope, StreamName};

/// Keeps count of the records and states of all streams. A stream is named by its place in the catalog.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    streams: Vec<StreamSegments>,
    places: HashMap<StreamName, usize>,
    waiting: VecDeque<Waiting>,
    waiting_size: usize,
}

#[derive(Debug, Default)]
struct StreamSegments {
    /// Segments that a state has closed and that have not left.
    closed: BTreeMap<SegmentId, Segment>,
    /// The segment that records are counted into.
    open: Segment,
    open_id: SegmentId,
}

/// Records of one stream between two states.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Segment {
    records: u64,
    written: u64,
    rejected: u64,
}

impl Segment {
    fn is_settled(self) -> bool {
        self.records == self.written + self.rejected
    }
}

#[derive(Debug)]
struct Waiting {
    state: State,
    /// The segments that the state closed: the stream, and its last segment before the state.
    segments: Vec<(usize, SegmentId)>,
    /// Whether the state speaks of all streams.
    is_global: bool,
}

impl Waiting {
    /// The bytes held; a state of many streams is large by its segments too.
    fn size(&self) -> usize {
        self.state.size() + self.segments.len() * (size_of::<(usize, SegmentId)>() + size_of::<(SegmentId, Segment)>())
    }
}

impl Ledger {
    /// A ledger of these streams.
    pub(super) fn new<'a>(streams: impl IntoIterator<Item = &'a StreamName>) -> Self {
        let mut ledger = Self::default();
        for name in streams {
            ledger.place(name);
        }
        ledger
    }

    /// Counts a record that has been read, and tells its segment.
    pub(super) fn record(&mut self, stream: usize) -> SegmentId {
        let stream = &mut self.streams[stream];
        stream.open.records += 1;
        stream.open_id
    }

    /// Takes back the record that was counted last: it was none after all.
    pub(super) fn withdraw(&mut self, stream: usize) {
        self.streams[stream].open.records -= 1;
    }

    /// Takes a state that has been read, and tells whether it may be one that can leave at once.
    pub(super) fn state(&mut self, state: State) -> bool {
        let (streams, is_global) = match state.scope() {
            StateScope::Stream(name) => {
                let place = self.place(name);
                (place..place + 1, false)
            }
            StateScope::AllStreams => (0..self.streams.len(), true),
        };
        let segments = streams.map(|place| (place, self.streams[place].close())).collect();
        let waiting = Waiting { state, segments, is_global };
        self.waiting_size += waiting.size();
        let may_leave = self.is_settled(&waiting);
        self.waiting.push_back(waiting);
        may_leave
    }

    /// Records of a segment are settled: written to Salesforce, or kept as rejected.
    pub(super) fn settle(&mut self, stream: usize, segment: SegmentId, written: u64, rejected: u64) {
        let stream = &mut self.streams[stream];
        let segment =
            if segment == stream.open_id { &mut stream.open } else { stream.closed.entry(segment).or_default() };
        segment.written += written;
        segment.rejected += rejected;
        debug_assert!(segment.written + segment.rejected <= segment.records, "more settled than read: {segment:?}");
    }

    /// The states that may leave now, as the lines that acknowledge them.
    pub(super) fn release(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut kept = VecDeque::new();
        let mut held = vec![false; self.streams.len()];
        while let Some(waiting) = self.waiting.pop_front() {
            let must_wait = (waiting.is_global && !kept.is_empty())
                || waiting.segments.iter().any(|(stream, _)| held[*stream])
                || !self.is_settled(&waiting);
            if !must_wait {
                self.waiting_size -= waiting.size();
                lines.push(self.acknowledge(&waiting));
                continue;
            }
            waiting.segments.iter().for_each(|(stream, _)| held[*stream] = true);
            let holds_all = waiting.is_global;
            kept.push_back(waiting);
            if holds_all {
                kept.append(&mut self.waiting);
            }
        }
        self.waiting = kept;
        lines
    }

    /// How many states have not left.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The bytes that waiting states hold.
    pub(super) fn size(&self) -> usize {
        self.waiting_size
    }

    fn is_settled(&self, waiting: &Waiting) -> bool {
        waiting.segments.iter().all(|(stream, last)| {
            // The first segment is the one that settles last, as a rule; so the search ends at once.
            self.streams[*stream].closed.range(..=last).all(|(_, segment)| segment.is_settled())
        })
    }

    fn acknowledge(&mut self, waiting: &Waiting) -> String {
        let (mut written, mut rejected) = (0, 0);
        for (stream, last) in &waiting.segments {
            let closed = &mut self.streams[*stream].closed;
            while let Some(first) = closed.first_entry().filter(|first| first.key() <= last) {
                let segment = first.remove();
                written += segment.written;
                rejected += segment.rejected;
            }
        }
        waiting.state.acknowledged(written, rejected)
    }

    /// The place of a stream. A state may speak of one that the catalog does not name.
    fn place(&mut self, name: &StreamName) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.clone(), self.streams.len());
        self.streams.push(StreamSegments::default());
        self.streams.len() - 1
    }
}

impl StreamSegments {
    /// Closes the open segment and tells which it was.
    fn close(&mut self) -> SegmentId {
        let closed = self.open_id;
        self.closed.insert(closed, std::mem::take(&mut self.open));
        self.open_id += 1;
        closed
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use airbyte::Message;

    fn stream(number: usize) -> StreamName {
        StreamName { namespace: None, name: format!("s{number}") }
    }

    fn state_of(scope: Option<usize>, id: usize) -> State {
        let body = match scope {
            Some(number) => {
                json!({"type": "STREAM", "stream": {"stream_descriptor": {"name": format!("s{number}")}}, "id": id})
            }
            None => json!({"type": "GLOBAL", "global": {}, "id": id}),
        };
        match Message::parse(&json!({"type": "STATE", "state": body}).to_string()) {
            Ok(Message::State(state)) => state,
            other => panic!("{other:?}"),
        }
    }

    /// The id and the counts of a line.
    fn shown(line: &str) -> (usize, u64, u64) {
        let message: Value = serde_json::from_str(line).unwrap();
        let state = &message["state"];
        let count = |name: &str| state["destinationStats"][name].as_f64().unwrap() as u64;
        (state["id"].as_u64().unwrap() as usize, count("recordCount"), count("rejectedRecordCount"))
    }

    fn released(ledger: &mut Ledger) -> Vec<(usize, u64, u64)> {
        ledger.release().iter().map(|line| shown(line)).collect()
    }

    #[test]
    fn a_state_waits_for_every_record_before_it() {
        let s = stream(0);
        let mut ledger = Ledger::new([&s]);
        let first = ledger.record(0);
        ledger.record(0);
        ledger.state(state_of(Some(0), 1));
        let second = ledger.record(0);
        ledger.state(state_of(Some(0), 2));
        ledger.settle(0, second, 1, 0);
        assert_eq!(released(&mut ledger), []);
        ledger.settle(0, first, 1, 0);
        assert_eq!(released(&mut ledger), []);
        ledger.settle(0, first, 0, 1);
        assert_eq!(released(&mut ledger), [(1, 1, 1), (2, 1, 0)]);
        assert_eq!((ledger.waiting(), ledger.size()), (0, 0));
    }

    #[test]
    fn a_state_without_records_leaves_at_once() {
        let s = stream(0);
        let mut ledger = Ledger::new([&s]);
        ledger.state(state_of(Some(0), 1));
        ledger.state(state_of(Some(7), 2));
        ledger.state(state_of(None, 3));
        assert_eq!(released(&mut ledger), [(1, 0, 0), (2, 0, 0), (3, 0, 0)]);
    }

    #[test]
    fn the_segments_of_a_state_of_many_streams_are_held_too() {
        let names: Vec<_> = (0..1_000).map(stream).collect();
        let mut ledger = Ledger::new(&names);
        let record = ledger.record(0);
        ledger.state(state_of(None, 1));
        assert!(ledger.size() > 1_000 * size_of::<Segment>(), "{}", ledger.size());
        ledger.settle(0, record, 1, 0);
        assert_eq!((released(&mut ledger).len(), ledger.size()), (1, 0));
    }

    #[test]
    fn streams_do_not_wait_for_each_other_but_a_global_state_waits_for_all() {
        let (a, b) = (stream(0), stream(1));
        let mut ledger = Ledger::new([&a, &b]);
        let in_a = ledger.record(0);
        ledger.state(state_of(Some(0), 1));
        let in_b = ledger.record(1);
        ledger.state(state_of(Some(1), 2));
        ledger.settle(1, in_b, 1, 0);
        assert_eq!(released(&mut ledger), [(2, 1, 0)]);
        let more_b = ledger.record(1);
        ledger.state(state_of(None, 3));
        ledger.state(state_of(Some(1), 4));
        ledger.settle(1, more_b, 0, 1);
        assert_eq!(released(&mut ledger), []);
        ledger.settle(0, in_a, 1, 0);
        assert_eq!(released(&mut ledger), [(1, 1, 0), (3, 0, 1), (4, 0, 0)]);
    }

    /// What happens to a ledger.
    #[derive(Debug, Clone)]
    enum Event {
        Record(usize),
        State(Option<usize>),
        /// Settles one of the records that are not settled yet.
        Settle(prop::sample::Index, bool),
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            5 => (0..3_usize).prop_map(Event::Record),
            2 => prop::option::weighted(0.8, 0..3_usize).prop_map(Event::State),
            5 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(index, written)| Event::Settle(index, written)),
        ]
    }

    proptest! {
        /// In whatever order records are settled: no state is ahead of its records, each leaves once and in order, and
        /// the counts add up to the records since the state before.
        #[test]
        fn states_are_never_ahead_of_what_is_proven(events in prop::collection::vec(any_event(), 1..200)) {
            let names: Vec<_> = (0..3).map(stream).collect();
            let mut ledger = Ledger::new(&names);
            let mut open: Vec<(usize, SegmentId, usize)> = Vec::new();
            let mut read = 0;
            let mut unsettled: HashSet<usize> = HashSet::new();
            // For each state: its scope, the records that it covers, and the count that it must bring.
            let mut states: Vec<(Option<usize>, Vec<usize>)> = Vec::new();
            let mut since: [Vec<usize>; 3] = Default::default();
            let mut left: Vec<usize> = Vec::new();
            let check = |ledger: &mut Ledger, states: &[(Option<usize>, Vec<usize>)], unsettled: &HashSet<usize>, left: &mut Vec<usize>| {
                for line in ledger.release() {
                    let (id, written, rejected) = shown(&line);
                    let (scope, covered) = &states[id];
                    prop_assert_eq!(written + rejected, covered.len() as u64);
                    for (earlier, (other, records)) in states[..=id].iter().enumerate() {
                        if other.is_none() || scope.is_none() || other == scope {
                            prop_assert!(records.iter().all(|record| !unsettled.contains(record)));
                            prop_assert!(earlier == id || left.contains(&earlier));
                        }
                    }
                    prop_assert!(!left.contains(&id));
                    left.push(id);
                }
                Ok(())
            };
            for event in events {
                match event {
                    Event::Record(number) => {
                        let segment = ledger.record(number);
                        open.push((number, segment, read));
                        unsettled.insert(read);
                        since[number].push(read);
                        read += 1;
                    }
                    Event::State(scope) => {
                        ledger.state(state_of(scope, states.len()));
                        let covered = match scope {
                            Some(number) => std::mem::take(&mut since[number]),
                            None => since.iter_mut().flat_map(std::mem::take).collect(),
                        };
                        states.push((scope, covered));
                    }
                    Event::Settle(index, written) if !open.is_empty() => {
                        let (number, segment, record) = open.swap_remove(index.index(open.len()));
                        unsettled.remove(&record);
                        ledger.settle(number, segment, u64::from(written), u64::from(!written));
                    }
                    Event::Settle(..) => {}
                }
                check(&mut ledger, &states, &unsettled, &mut left)?;
            }
            for (number, segment, record) in open {
                unsettled.remove(&record);
                ledger.settle(number, segment, 1, 0);
            }
            check(&mut ledger, &states, &unsettled, &mut left)?;
            prop_assert_eq!(left.len(), states.len());
            prop_assert_eq!(ledger.waiting(), 0);
        }
    }
}
