//! Batches of several streams that share a budget and end in any order.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::convert::{Column, Kind, RejectionCode, SourceColumn};
use crate::pipeline::budget::Budget;
use airbyte::JsonTypes;

const STREAMS: usize = 3;
/// BatchLimits for the uncompressed ends of two open batches, so that three bring the budget to its limit.
const CAPACITY: usize = 2 * PIECE_SIZE + PIECE_SIZE / 2;

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    /// A record that means one of a few others, or none.
    Record { stream: usize, length: usize, key: Option<u8> },
    /// A record that is refused before it is sent.
    Refused { stream: usize, length: usize },
    /// A state: the records after it are settled apart from those before.
    State { stream: usize },
    /// An open batch is sent, however small.
    Send { stream: usize },
    /// The CSV of a batch that is on its way has been taken.
    Uploaded(prop::sample::Index),
    /// A job ends: of its rows every so-manieth is refused, and every so-manieth is sent again.
    Ended { job: prop::sample::Index, refused: usize, again: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    let key = prop::option::of(0..20_u8);
    prop_oneof![
        8 => (0..STREAMS, 1..30_000_usize, key).prop_map(|(stream, length, key)| Step::Record { stream, length, key }),
        1 => (0..STREAMS, 1..30_000_usize).prop_map(|(stream, length)| Step::Refused { stream, length }),
        1 => (0..STREAMS).prop_map(|stream| Step::State { stream }),
        1 => (0..STREAMS).prop_map(|stream| Step::Send { stream }),
        2 => any::<prop::sample::Index>().prop_map(Step::Uploaded),
        3 => (any::<prop::sample::Index>(), 0..4_usize, 0..4_usize)
            .prop_map(|(job, refused, again)| Step::Ended { job, refused, again }),
    ]
}

/// The streams of a sync, without input and without an org.
struct Sync {
    budget: Arc<Budget>,
    /// Whether the rows of a stream have keys; the columns of a batch are of one kind.
    columns: Arc<Columns>,
    open: [Option<OpenBatch>; STREAMS],
    segment: [SegmentId; STREAMS],
    on_their_way: Vec<(usize, Batch)>,
    /// The records of each stream and segment that came, and those that are settled.
    came: HashMap<(usize, SegmentId), u64>,
    settled: HashMap<(usize, SegmentId), u64>,
}

impl Sync {
    fn new() -> Self {
        let column = Column::new(SourceColumn::top("a"), "A__c", Kind::Text { longest: None }, JsonTypes::default());
        Self {
            budget: Budget::new(CAPACITY),
            columns: Arc::new(Columns::new(vec![column], None)),
            open: Default::default(),
            segment: [0; STREAMS],
            on_their_way: Vec::new(),
            came: HashMap::new(),
            settled: HashMap::new(),
        }
    }

    fn batch(&mut self, stream: usize) -> (&mut OpenBatch, Origin) {
        let record = Origin { segment: self.segment[stream], extracted_at_ms: 0 };
        *self.came.entry((stream, record.segment)).or_default() += 1;
        let columns = &self.columns;
        let batch = self.open[stream].get_or_insert_with(|| OpenBatch::new(Arc::clone(columns), self.budget.lease()));
        (batch, record)
    }

    fn send(&mut self, stream: usize) {
        if let Some(batch) = self.open[stream].take() {
            self.on_their_way.push((stream, batch.seal()));
        }
    }

    /// Sends the largest batches, as the intake does.
    fn relieve(&mut self) {
        let held = |sync: &Self| sync.open.iter().flatten().map(OpenBatch::held).sum();
        while !self.budget.comes_back(held(self)) {
            let largest = (0..STREAMS).filter(|it| self.open[*it].is_some());
            let Some(largest) = largest.max_by_key(|it| self.open[*it].as_ref().map(OpenBatch::held)) else { return };
            self.send(largest);
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Record { stream, length, key } => {
                // Text that does not compress.
                let noise = |at: usize| b'a' + ((at * at * 31 / 7 + length * 13) % 26) as u8;
                let csv: Vec<u8> = (0..length).map(noise).chain([b'\n']).collect();
                // Of one stream all rows have keys, of the others none.
                let key = (stream == 0).then(|| u128::from(key.unwrap_or(99)));
                let (batch, record) = self.batch(stream);
                batch.push(Row { csv: &csv, key }, record);
            }
            Step::Refused { stream, length } => {
                let data = serde_json::value::to_raw_value(&"x".repeat(length)).unwrap();
                let refusal = Rejection { code: RejectionCode::NoField, field: None, message: String::new() };
                let (batch, record) = self.batch(stream);
                batch.refuse(LocalRejection { record, data, refusal });
            }
            Step::State { stream } => self.segment[stream] += 1,
            Step::Send { stream } => self.send(stream),
            Step::Uploaded(job) if !self.on_their_way.is_empty() => {
                job.get_mut(&mut self.on_their_way).1.drop_csv();
            }
            Step::Ended { job, refused, again } if !self.on_their_way.is_empty() => {
                let (stream, batch) = self.on_their_way.swap_remove(job.index(self.on_their_way.len()));
                self.end(stream, batch, refused, again);
            }
            Step::Uploaded(_) | Step::Ended { .. } => {}
        }
    }

    /// Settles a batch as the judge does: rows come back in another order, and what is sent again is another batch.
    fn end(&mut self, stream: usize, mut batch: Batch, refused: usize, again: usize) {
        let rows = batch.rows() as usize;
        let mut index = crate::pipeline::batch::origin::OriginIndex::new(&batch.marks);
        let mut found: Vec<Origin> = (0..rows).map(|row| index.take(row as u32 * 977 % 30_000).unwrap()).collect();
        let mut rejected = HashMap::new();
        let mut rest = OpenBatch::new(Arc::clone(&self.columns), self.budget.lease());
        for (row, found) in found.drain(..).enumerate() {
            if refused > 0 && row % (refused + 1) == refused {
                *rejected.entry(found.segment).or_default() += 1;
            } else if again > 0 && row % (again + 1) == again {
                rest.push(Row { csv: b"again\n", key: None }, found);
            }
        }
        let rest = rest.seal();
        let mut rest = (rest.rows() > 0).then_some(rest);
        let settlement = batch.settlement(rejected, rest.as_mut(), RejectionReasons::default());
        for (segment, written, rejected) in settlement.segments {
            *self.settled.entry((stream, segment)).or_default() += written + rejected;
        }
        self.on_their_way.extend(rest.map(|batch| (stream, batch)));
    }

    /// What is leased for the batches that are open, and for those on their way. Each leases what it really holds.
    fn held(&self) -> (usize, usize) {
        let open = self.open.iter().flatten().map(|it| {
            let rows = it.marks.size() + it.keyed.size();
            assert_eq!(it.held(), it.packed.size() + it.tail.capacity() + rows + refused_size(&it.refused));
            it.held()
        });
        let on_their_way = self.on_their_way.iter().map(|(_, it)| {
            assert_eq!(it.lease.bytes(), it.csv.size() + it.marks.size() + refused_size(&it.refused));
            it.lease.bytes()
        });
        (open.sum(), on_their_way.sum())
    }
}

fn refused_size(refused: &[LocalRejection]) -> usize {
    refused.iter().map(|it| it.data.get().len() + it.refusal.message.len() + size_of::<LocalRejection>()).sum()
}

proptest! {
    /// Whatever comes, and in whatever order jobs end: what is held is what is counted, the intake never waits for memory
    /// that does not come back, whoever waits for some is woken, each record is settled once, and in the end nothing is held.
    #[test]
    fn the_budget_comes_back_and_every_record_is_settled(
        steps in prop::collection::vec(any_step(), 1..120),
        order in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        let mut sync = Sync::new();
        for step in &steps {
            let before = sync.budget.used();
            sync.take(step);
            sync.relieve();
            let (open, on_their_way) = sync.held();
            prop_assert_eq!(sync.budget.used(), open + on_their_way);
            prop_assert!(open <= CAPACITY, "without a job that ends, {} stay", open);
            if sync.budget.used() < before {
                let woken = futures_util::FutureExt::now_or_never(sync.budget.released()).is_some();
                prop_assert!(woken, "{} after {}", sync.budget.used(), before);
            }
            for (key, settled) in &sync.settled {
                prop_assert!(*settled <= sync.came[key], "{:?}", key);
            }
        }
        (0..STREAMS).for_each(|stream| sync.send(stream));
        for job in order {
            let again = if sync.on_their_way.len().is_multiple_of(2) { 2 } else { 0 };
            sync.take(&Step::Ended { job, refused: 3, again });
        }
        while let Some((stream, batch)) = sync.on_their_way.pop() {
            sync.end(stream, batch, 0, 0);
        }
        prop_assert_eq!(&sync.settled, &sync.came);
        prop_assert_eq!(sync.budget.used(), 0);
    }
}
