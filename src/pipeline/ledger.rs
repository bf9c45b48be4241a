//! Which records are settled, and which states may be acknowledged.
//!
//! The ledger counts the records of a stream in segments. A state closes the open segments of its streams, and waits
//! until every record in them and in all segments before them is settled. States are acknowledged in the order of the
//! input, except that the state of one stream does not wait for that of another.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::batch::{SegmentId, SettledSegment};
use airbyte::{State, StateScope, StreamName};

/// The records and states of all streams. The index of a stream is that in the catalog.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    streams: Vec<StreamSegments>,
    indexes: HashMap<StreamName, usize>,
    waiting: VecDeque<WaitingState>,
    waiting_size: usize,
}

#[derive(Debug, Default)]
struct StreamSegments {
    /// Segments whose state is not acknowledged yet.
    closed: BTreeMap<SegmentId, Segment>,
    /// The segment that new records belong to.
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
struct WaitingState {
    state: State,
    /// The segments that the state closed, one per stream.
    closed: Vec<ClosedSegment>,
    /// Whether the state covers all streams.
    is_global: bool,
}

/// The last segment of a stream before a state.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClosedSegment {
    pub(super) stream: usize,
    pub(super) id: SegmentId,
}

/// A state that may be acknowledged.
#[derive(Debug)]
pub(super) struct Acknowledged {
    /// The line that acknowledges it.
    pub(super) line: String,
    /// What it covers, one per stream.
    pub(super) closed: Vec<ClosedSegment>,
}

impl WaitingState {
    /// The bytes held. With many streams the segments count too.
    fn size(&self) -> usize {
        self.state.size() + self.closed.len() * (size_of::<ClosedSegment>() + size_of::<(SegmentId, Segment)>())
    }
}

impl Ledger {
    /// A ledger for the streams of the catalog.
    pub(super) fn new<'a>(streams: impl IntoIterator<Item = &'a StreamName>) -> Self {
        let mut ledger = Self::default();
        for name in streams {
            ledger.index_of(name);
        }
        ledger
    }

    /// Counts a record, and returns its segment.
    pub(super) fn add_record(&mut self, stream: usize) -> SegmentId {
        let stream = &mut self.streams[stream];
        stream.open.records += 1;
        stream.open_id
    }

    /// Removes the record that was counted last, because it is invalid.
    pub(super) fn remove_last_record(&mut self, stream: usize) {
        self.streams[stream].open.records -= 1;
    }

    /// Adds a state. Returns whether all its records are settled, so that it may be acknowledged immediately.
    pub(super) fn add_state(&mut self, state: State) -> bool {
        let (streams, is_global) = match state.scope() {
            StateScope::Stream(name) => {
                let index = self.index_of(name);
                (index..index + 1, false)
            }
            StateScope::AllStreams => (0..self.streams.len(), true),
        };
        let closed = streams.map(|stream| ClosedSegment { stream, id: self.streams[stream].close() }).collect();
        let waiting = WaitingState { state, closed, is_global };
        self.waiting_size += waiting.size();
        let is_settled = self.is_settled(&waiting);
        self.waiting.push_back(waiting);
        is_settled
    }

    /// Counts settled records of a segment.
    pub(super) fn settle(&mut self, stream: usize, settled: SettledSegment) {
        let stream = &mut self.streams[stream];
        let id = settled.segment;
        let segment = if id == stream.open_id { &mut stream.open } else { stream.closed.entry(id).or_default() };
        segment.written += settled.written;
        segment.rejected += settled.rejected;
        debug_assert!(segment.written + segment.rejected <= segment.records, "more settled than read: {segment:?}");
    }

    /// Removes the states that may be acknowledged now, and returns them.
    pub(super) fn acknowledge(&mut self) -> Vec<Acknowledged> {
        let mut states = Vec::new();
        let mut kept = VecDeque::new();
        let mut is_blocked = vec![false; self.streams.len()];
        while let Some(waiting) = self.waiting.pop_front() {
            let must_wait = (waiting.is_global && !kept.is_empty())
                || waiting.closed.iter().any(|segment| is_blocked[segment.stream])
                || !self.is_settled(&waiting);
            if !must_wait {
                self.waiting_size -= waiting.size();
                let line = self.acknowledge_state(&waiting);
                states.push(Acknowledged { line, closed: waiting.closed });
                continue;
            }
            waiting.closed.iter().for_each(|segment| is_blocked[segment.stream] = true);
            let blocks_all = waiting.is_global;
            kept.push_back(waiting);
            if blocks_all {
                kept.append(&mut self.waiting);
            }
        }
        self.waiting = kept;
        states
    }

    /// How many states are not acknowledged yet.
    pub(super) fn waiting_states(&self) -> usize {
        self.waiting.len()
    }

    /// The bytes that the waiting states hold.
    pub(super) fn size(&self) -> usize {
        self.waiting_size
    }

    fn is_settled(&self, waiting: &WaitingState) -> bool {
        waiting.closed.iter().all(|last| {
            // Usually the first segment settles last, which ends the search immediately.
            self.streams[last.stream].closed.range(..=last.id).all(|(_, segment)| segment.is_settled())
        })
    }

    fn acknowledge_state(&mut self, waiting: &WaitingState) -> String {
        let (mut written, mut rejected) = (0, 0);
        for last in &waiting.closed {
            let closed = &mut self.streams[last.stream].closed;
            while let Some(first) = closed.first_entry().filter(|first| *first.key() <= last.id) {
                let segment = first.remove();
                written += segment.written;
                rejected += segment.rejected;
            }
        }
        waiting.state.acknowledged(written, rejected)
    }

    /// The index of a stream. A state may name a stream that the catalog lacks; it gets the next index.
    fn index_of(&mut self, name: &StreamName) -> usize {
        if let Some(index) = self.indexes.get(name) {
            return *index;
        }
        self.indexes.insert(name.clone(), self.streams.len());
        self.streams.push(StreamSegments::default());
        self.streams.len() - 1
    }
}

impl StreamSegments {
    /// Closes the open segment, and returns its id.
    fn close(&mut self) -> SegmentId {
        let closed = self.open_id;
        self.closed.insert(closed, std::mem::take(&mut self.open));
        self.open_id += 1;
        closed
    }
}

#[cfg(test)]
mod tests;
