//! Batches of several streams that share one budget and end in any order.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::budget::Budget;
use crate::convert::{Column, Kind, Rejection, RejectionCode, Row, RowKind, SourceColumn};
use airbyte::JsonTypes;

const STREAMS: usize = 3;
/// Room for the uncompressed ends of two open batches, so that three bring the budget to its limit.
const CAPACITY: usize = 2 * PIECE_SIZE + PIECE_SIZE / 2;

/// One thing that can happen.
#[derive(Debug, Clone)]
enum Step {
    /// A record that may have the key of an earlier one.
    Record { stream: usize, length: usize, key: Option<u8> },
    /// A record that is rejected before the upload.
    LocallyRejected { stream: usize, length: usize },
    /// A state: the records after it belong to another segment.
    State { stream: usize },
    /// An open batch is sent, whatever its size.
    Send { stream: usize },
    /// The CSV of a sent batch is uploaded.
    Uploaded(prop::sample::Index),
    /// A job ends. One row in `rejected + 1` is rejected, and one in `retried + 1` is retried; 0 is none.
    Ended { job: prop::sample::Index, rejected: usize, retried: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    let key = prop::option::of(0..20_u8);
    prop_oneof![
        8 => (0..STREAMS, 1..30_000_usize, key).prop_map(|(stream, length, key)| Step::Record { stream, length, key }),
        1 => (0..STREAMS, 1..30_000_usize).prop_map(|(stream, length)| Step::LocallyRejected { stream, length }),
        1 => (0..STREAMS).prop_map(|stream| Step::State { stream }),
        1 => (0..STREAMS).prop_map(|stream| Step::Send { stream }),
        2 => any::<prop::sample::Index>().prop_map(Step::Uploaded),
        3 => (any::<prop::sample::Index>(), 0..4_usize, 0..4_usize)
            .prop_map(|(job, rejected, retried)| Step::Ended { job, rejected, retried }),
    ]
}

/// The streams of a sync without input and org.
struct Sync {
    budget: Arc<Budget>,
    /// All batches have the same columns.
    columns: Arc<Columns>,
    open: [Option<OpenBatch>; STREAMS],
    segment: [SegmentId; STREAMS],
    sent: Vec<(usize, Batch)>,
    /// The records of each stream and segment that were read, and those that are settled.
    read: HashMap<(usize, SegmentId), u64>,
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
            sent: Vec::new(),
            read: HashMap::new(),
            settled: HashMap::new(),
        }
    }

    fn batch(&mut self, stream: usize) -> (&mut OpenBatch, Origin) {
        let origin = Origin { segment: self.segment[stream], extracted_at_ms: 0 };
        *self.read.entry((stream, origin.segment)).or_default() += 1;
        let columns = &self.columns;
        let batch = self.open[stream].get_or_insert_with(|| OpenBatch::new(Arc::clone(columns), self.budget.lease()));
        (batch, origin)
    }

    fn send(&mut self, stream: usize) {
        if let Some(batch) = self.open[stream].take() {
            self.sent.extend(batch.seal_merged().into_iter().map(|batch| (stream, batch)));
        }
    }

    /// Sends the largest batches while the budget is overdrawn, as the intake does.
    fn relieve(&mut self) {
        let held = |sync: &Self| sync.open.iter().flatten().map(OpenBatch::held).sum();
        while !self.budget.can_recover(held(self)) {
            let largest = (0..STREAMS).filter(|it| self.open[*it].is_some());
            let Some(largest) = largest.max_by_key(|it| self.open[*it].as_ref().map(OpenBatch::held)) else { return };
            self.send(largest);
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Record { stream, length, key } => {
                // Text that does not compress.
                let noise = |at: usize| b'a' + ((at * at * 31 / 7 + length * 13) % 26) as u8;
                let csv: Vec<u8> = (0..length).map(noise).chain([b'\n']).collect();
                // All rows of the first stream have keys, and none of the others.
                let key = (stream == 0).then(|| u128::from(key.unwrap_or(99)));
                let (batch, origin) = self.batch(stream);
                batch.push(Row { csv: &csv, key, kind: RowKind::Write }, origin);
            }
            Step::LocallyRejected { stream, length } => {
                let data = serde_json::value::to_raw_value(&"x".repeat(length)).unwrap();
                let rejection = Rejection { code: RejectionCode::NoField, field: None, message: String::new() };
                let (batch, origin) = self.batch(stream);
                batch.reject(LocalRejection { origin, data, rejection });
            }
            Step::State { stream } => self.segment[stream] += 1,
            Step::Send { stream } => self.send(stream),
            Step::Uploaded(job) if !self.sent.is_empty() => {
                job.get_mut(&mut self.sent).1.drop_csv();
            }
            Step::Ended { job, rejected, retried } if !self.sent.is_empty() => {
                let (stream, batch) = self.sent.swap_remove(job.index(self.sent.len()));
                self.end(stream, batch, rejected, retried);
            }
            Step::Uploaded(_) | Step::Ended { .. } => {}
        }
    }

    /// Settles a batch as the judge does: results have another order than the upload, and retries are a batch of their
    /// own.
    fn end(&mut self, stream: usize, mut batch: Batch, rejected: usize, retried: usize) {
        let hashes: Vec<u64> = (0..batch.rows() as usize).map(|row| batch.origins.hash(row)).collect();
        let mut index = RowIndex::new(&batch.origins);
        let mut retry = OpenBatch::new(Arc::clone(&self.columns), self.budget.lease());
        let mut unfound = 0;
        for (row, hash) in hashes.into_iter().enumerate() {
            if rejected > 0 && row % (rejected + 1) == rejected {
                // Every third one came back in another form.
                match row % 3 {
                    0 => unfound += 1,
                    _ => drop(index.find_and_mark(hash, RowFate::Rejected).unwrap()),
                }
            } else if retried > 0 && row % (retried + 1) == retried {
                let row = index.find_and_mark(hash, RowFate::Retried).unwrap();
                let merged: Vec<_> = batch.origins.merged(row).collect();
                retry.push_again(b"again\n", batch.origins.origin(row), &merged);
            }
        }
        let outcomes = index.outcomes(unfound);
        let retry = retry.seal();
        let mut retry = (retry.rows() > 0).then_some(retry);
        for SettledSegment { segment, written, rejected } in batch.settle(outcomes, retry.as_mut()) {
            *self.settled.entry((stream, segment)).or_default() += written + rejected;
        }
        self.sent.extend(retry.map(|batch| (stream, batch)));
    }

    /// The bytes leased by open batches, and by sent ones. Checks that each leases what it holds.
    fn held(&self) -> (usize, usize) {
        let open = self.open.iter().flatten().map(|it| {
            let rows = it.origins.size() + it.keys.size();
            assert_eq!(
                it.held(),
                it.compressed.size() + it.tail.capacity() + rows + rejections_size(&it.local_rejections)
            );
            it.held()
        });
        let sent = self.sent.iter().map(|(_, it)| {
            assert_eq!(it.lease.bytes(), it.csv.size() + it.origins.size() + rejections_size(&it.local_rejections));
            it.lease.bytes()
        });
        (open.sum(), sent.sum())
    }
}

fn rejections_size(rejections: &[LocalRejection]) -> usize {
    let size = |it: &LocalRejection| it.data.get().len() + it.rejection.message.len() + size_of::<LocalRejection>();
    rejections.iter().map(size).sum()
}

/// With pieces of one size, the uncompressed ends alone would take twice the budget, and batches of a few rows would
/// use up the bulk batches of the day.
#[test]
fn thousands_of_interleaved_streams_are_not_cut_into_tiny_batches() {
    const STREAMS: usize = 3_000;
    let column = Column::new(SourceColumn::top("a"), "A__c", Kind::Text { longest: None }, JsonTypes::default());
    let columns = Arc::new(Columns::new(vec![column], None));
    let budget = Budget::new(crate::budget::capacity_for(STREAMS));
    let mut open: Vec<OpenBatch> = (0..STREAMS).map(|_| OpenBatch::new(Arc::clone(&columns), budget.lease())).collect();
    let mut sent = 0;
    for row in 0..100_u64 {
        for (stream, batch) in open.iter_mut().enumerate() {
            // Three hundred bytes, of which a third is noise.
            let mut csv = format!("{:x}", (row << 20 | stream as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)).repeat(7);
            csv.push_str(&"Example Street 1, Example Town; ".repeat(6));
            csv.push('\n');
            batch.push(
                Row { csv: csv.as_bytes(), key: None, kind: RowKind::Write },
                Origin { segment: 0, extracted_at_ms: 0 },
            );
            if budget.overdrawn() > 0 {
                let columns = Arc::clone(&columns);
                drop(std::mem::replace(batch, OpenBatch::new(columns, budget.lease())));
                sent += 1;
            }
        }
    }
    assert_eq!(sent, 0, "all rows of a stream fit into one batch");
    assert!(budget.used() < 80 * 1024 * 1024, "{}", budget.used());
}

proptest! {
    /// In whatever order records are read and jobs end: the leases add up to what is held, the intake never waits for
    /// memory that cannot be released, a release wakes the tasks that wait, each record is settled once, and nothing is
    /// held at the end.
    #[test]
    fn the_budget_comes_back_and_every_record_is_settled(
        steps in prop::collection::vec(any_step(), 1..120),
        order in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        let mut sync = Sync::new();
        for step in &steps {
            let before = sync.budget.used();
            sync.apply(step);
            sync.relieve();
            let (open, sent) = sync.held();
            prop_assert_eq!(sync.budget.used(), open + sent);
            prop_assert!(open <= CAPACITY, "{} stay unless a job ends", open);
            if sync.budget.used() < before {
                let woken = futures_util::FutureExt::now_or_never(sync.budget.released()).is_some();
                prop_assert!(woken, "{} after {}", sync.budget.used(), before);
            }
            for (key, settled) in &sync.settled {
                prop_assert!(*settled <= sync.read[key], "{:?}", key);
            }
        }
        (0..STREAMS).for_each(|stream| sync.send(stream));
        for job in order {
            let retried = if sync.sent.len().is_multiple_of(2) { 2 } else { 0 };
            sync.apply(&Step::Ended { job, rejected: 3, retried });
        }
        while let Some((stream, batch)) = sync.sent.pop() {
            sync.end(stream, batch, 0, 0);
        }
        prop_assert_eq!(&sync.settled, &sync.read);
        prop_assert_eq!(sync.budget.used(), 0);
    }
}
