//! Lets the states leave: each after the entries of the journal that it covers are gone.

use std::io;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::Stream;
use crate::journal::{Journal, Removal};
use crate::pipeline::Purpose;
use crate::pipeline::ledger::Acknowledged;
use airbyte::{Error, Output, Result};

/// States that may leave, in their order.
pub(super) struct Acknowledgements {
    output: Output,
    journal: Option<Arc<Journal>>,
    /// What is removed now, and the states that leave after that.
    removal: Option<(JoinHandle<Result<()>>, Vec<String>)>,
    /// States that wait for the removal before theirs.
    waiting: Vec<Acknowledged>,
    /// Whether no state leaves any more, or none ever.
    is_closed: bool,
}

impl Acknowledgements {
    pub(super) fn new(output: Output, journal: Option<Arc<Journal>>, purpose: Purpose) -> Self {
        let is_closed = purpose == Purpose::DryRun;
        Self { output, journal, removal: None, waiting: Vec::new(), is_closed }
    }

    /// Whether no state waits.
    pub(super) fn is_idle(&self) -> bool {
        self.removal.is_none()
    }

    /// Lets states leave, immediately if the journal has nothing of what they cover.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn add(&mut self, states: Vec<Acknowledged>, streams: &mut [Stream]) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        self.waiting.extend(states);
        if self.removal.is_some() || self.waiting.is_empty() {
            return Ok(());
        }
        self.start(streams)
    }

    /// Waits for the removal that runs: forever, if there is none.
    pub(super) async fn removed(&mut self) -> Result<()> {
        match &mut self.removal {
            Some((removal, _)) => removal.await.unwrap_or_else(|_| Err(Error::panic())),
            None => std::future::pending().await,
        }
    }

    /// Goes on after a removal: its states leave, and the removal for those that wait begins.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn go_on(&mut self, removed: Result<()>, streams: &mut [Stream]) -> Result<(), AcknowledgeError> {
        let lines = self.removal.take().map(|(_, lines)| lines).unwrap_or_default();
        if let Err(error) = removed {
            self.is_closed = true;
            self.waiting.clear();
            return Err(AcknowledgeError::Journal(error));
        }
        self.write(lines)?;
        if !self.waiting.is_empty() {
            self.start(streams)?;
        }
        Ok(())
    }

    /// Removes what all waiting states cover in one go, and lets them leave after that.
    fn start(&mut self, streams: &mut [Stream]) -> io::Result<()> {
        // Without the entry and without the state, a later attempt would write the rows again.
        let checked = self.output.check();
        self.close_unless_ok(checked)?;
        let states = std::mem::take(&mut self.waiting);
        let removals = match &self.journal {
            Some(journal) => removals(journal, &states, streams),
            None => Vec::new(),
        };
        let lines = states.into_iter().map(|state| state.line).collect();
        let Some(journal) = self.journal.as_ref().filter(|_| !removals.is_empty()) else { return self.write(lines) };
        let journal = Arc::clone(journal);
        let task = tokio::spawn(async move {
            for removal in removals {
                journal.remove(removal).await?;
            }
            Ok(())
        });
        self.removal = Some((task, lines));
        Ok(())
    }

    fn write(&mut self, lines: Vec<String>) -> io::Result<()> {
        let written = self.output.states(&lines);
        self.close_unless_ok(written)
    }

    /// After an error of the output, no entry is removed and no state leaves.
    fn close_unless_ok(&mut self, done: io::Result<()>) -> io::Result<()> {
        if done.is_err() {
            self.is_closed = true;
            self.waiting.clear();
        }
        done
    }
}

/// Why states do not leave.
pub(super) enum AcknowledgeError {
    Output(io::Error),
    Journal(Error),
}

impl From<io::Error> for AcknowledgeError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn removals(journal: &Journal, states: &[Acknowledged], streams: &mut [Stream]) -> Vec<Removal> {
    let mut last = vec![None; streams.len()];
    for closed in states.iter().flat_map(|state| &state.closed) {
        // A state may name a stream that the catalog lacks.
        if let Some(last) = last.get_mut(closed.stream) {
            *last = (*last).max(Some(closed.id));
        }
    }
    let mut removals = Vec::new();
    for (stream, last) in streams.iter_mut().zip(last) {
        let Some(last) = last else { continue };
        removals.extend(journal.removals(&stream.name, last));
        removals.extend(stream.earlier.iter_mut().filter_map(|rows| rows.acknowledge(last)));
    }
    removals
}

#[cfg(test)]
mod tests {
    use airbyte::StreamName;
    use salesforce::{JobSpec, Operation};
    use serde_json::json;

    use super::*;
    use crate::config::NullHandling;
    use crate::config::test_configs::{client, valid};
    use crate::convert::{Columns, row_hash};
    use crate::journal::{EarlierRows, Entry, Target};
    use crate::pipeline::intake::tests::Written;
    use crate::pipeline::ledger::ClosedSegment;
    use crate::pipeline::prepare::PlannedStream;

    struct Full;

    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const JOB: &str = "750Sim000000001AAA";

    fn name() -> StreamName {
        StreamName { namespace: None, name: "s".to_owned() }
    }

    /// A journal in a folder, with the entry of a job that has rows of these segments.
    async fn journal(folder: &tempfile::TempDir, segments: &[u64]) -> Arc<Journal> {
        let storage = json!({"storage_type": "Local", "path": folder.path().to_str().unwrap()});
        let config = valid(&client(json!({"object_storage_config": storage})));
        let journal = Arc::new(Journal::open(config.journal_storage().unwrap(), 1).await.unwrap());
        let operation = Operation::Insert;
        let job = JobSpec { object: "Contact".into(), operation, external_id_field: None, assignment_rule_id: None };
        let mut entry = Entry::new(JOB, Target::new(&name(), None, &job), Vec::new(), segments.len() as u64);
        entry.set_rows(segments.iter().map(|segment| (*segment, 7 + *segment)));
        journal.enter(&entry).await.unwrap();
        journal
    }

    fn stream() -> [Stream; 1] {
        [Stream::new(PlannedStream { name: name(), plan: None }, NullHandling::Ignore, Vec::new())]
    }

    fn state(id: u64) -> Acknowledged {
        Acknowledged { line: format!("{{\"id\":{id}}}"), closed: vec![ClosedSegment { stream: 0, id }] }
    }

    /// The numbers of the states that have left.
    fn left(output: &Output, written: &Written) -> Vec<u64> {
        output.flush().unwrap();
        let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64().unwrap();
        written.text().lines().map(id).collect()
    }

    #[tokio::test]
    async fn states_leave_in_their_order_each_after_the_entries_that_it_covers() {
        let folder = tempfile::TempDir::new().unwrap();
        let journal = journal(&folder, &[1, 2]).await;
        let written = Written::default();
        let output = Output::new(written.clone()).unwrap();
        let mut streams = stream();
        let mut states = Acknowledgements::new(output.clone(), Some(Arc::clone(&journal)), Purpose::Sync);
        assert!(states.add(vec![state(0)], &mut streams).is_ok() && states.is_idle());
        assert_eq!(left(&output, &written), [0], "the journal has nothing of it");
        for id in 1..4 {
            states.add(vec![state(id)], &mut streams).unwrap();
        }
        assert!(!states.is_idle());
        assert_eq!(left(&output, &written), [0]);
        let removed = states.removed().await;
        assert_eq!(left(&output, &written), [0], "nobody has said so yet");
        assert!(states.go_on(removed, &mut streams).is_ok() && !states.is_idle());
        assert_eq!(left(&output, &written), [0, 1]);
        assert_eq!(journal.removals(&name(), 3).len(), 1);
        let removed = states.removed().await;
        assert!(states.go_on(removed, &mut streams).is_ok() && states.is_idle());
        assert_eq!(left(&output, &written), [0, 1, 2, 3]);
        assert!(journal.removals(&name(), 3).is_empty());
        states.add(vec![state(4)], &mut streams).unwrap();
        assert_eq!(left(&output, &written), [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn no_state_leaves_after_an_entry_that_could_not_be_removed() {
        let folder = tempfile::TempDir::new().unwrap();
        let journal = journal(&folder, &[0]).await;
        let written = Written::default();
        let output = Output::new(written.clone()).unwrap();
        let mut streams = stream();
        let mut states = Acknowledgements::new(output.clone(), Some(journal), Purpose::Sync);
        states.add(vec![state(0)], &mut streams).unwrap();
        states.add(vec![state(1)], &mut streams).unwrap();
        states.removed().await.unwrap();
        let failed = states.go_on(Err(Error::transient("it is full")), &mut streams);
        let Err(AcknowledgeError::Journal(error)) = failed else { panic!("it goes on") };
        assert_eq!(error.message(), "it is full");
        states.add(vec![state(2)], &mut streams).unwrap();
        assert!(states.is_idle());
        assert_eq!(left(&output, &written), [0_u64; 0]);
    }

    #[tokio::test]
    async fn of_several_states_the_last_segment_of_each_stream_is_removed_once() {
        let folder = tempfile::TempDir::new().unwrap();
        let journal = journal(&folder, &[1, 2, 3]).await;
        let mut streams = stream();
        let unknown = Acknowledged { line: String::new(), closed: vec![ClosedSegment { stream: 7, id: 9 }] };
        assert!(removals(&journal, &[state(0), unknown], &mut streams).is_empty());
        let found = removals(&journal, &[state(2), state(1), state(0)], &mut streams);
        assert!(matches!(&found[..], [Removal::Segments { job, last: 2, .. }] if job == JOB), "{found:?}");
        let found = removals(&journal, &[state(1), state(3)], &mut streams);
        assert!(matches!(&found[..], [Removal::Whole(job)] if job == JOB), "{found:?}");
    }

    /// A later attempt sends the rows again whose state did not leave, and must find them in the journal.
    #[tokio::test]
    async fn the_journal_keeps_its_entries_when_no_state_can_leave() {
        let folder = tempfile::TempDir::new().unwrap();
        let journal = journal(&folder, &[0]).await;
        let output = Output::new(Full).unwrap();
        let mut streams = stream();
        let mut states = Acknowledgements::new(output.clone(), Some(Arc::clone(&journal)), Purpose::Sync);
        output.text("a message").unwrap();
        output.closed().await;
        states.add(vec![state(0)], &mut streams).unwrap_err();
        // What settles later.
        states.add(vec![state(0)], &mut streams).unwrap();
        assert!(states.is_idle());
        assert_eq!(journal.removals(&name(), 0).len(), 1);
    }

    /// Otherwise the next attempt takes a new record that looks like an acknowledged one for written.
    #[tokio::test]
    async fn rows_of_an_earlier_attempt_leave_the_journal_with_the_state_that_covers_their_records() {
        let folder = tempfile::TempDir::new().unwrap();
        let journal = journal(&folder, &[9]).await;
        let columns = Arc::new(Columns::new(Vec::new(), None));
        let csv = [b"1\n", b"2\n", b"3\n"];
        let mut streams = stream();
        let job = JobSpec {
            object: "Contact".into(),
            operation: Operation::Insert,
            external_id_field: None,
            assignment_rule_id: None,
        };
        let mut entry = Entry::new(JOB, Target::new(&name(), None, &job), Vec::new(), 3);
        entry.set_rows(csv.iter().map(|csv| (0, row_hash(*csv))));
        let mut rows = EarlierRows::new(entry);
        rows.begin();
        assert!(csv.iter().all(|csv| rows.written(*csv)));
        for (csv, segment) in csv.iter().zip([1, 2, 4]) {
            assert!(rows.take(*csv, &columns, segment));
        }
        streams[0].earlier.push(rows);
        assert!(removals(&journal, &[state(0)], &mut streams).is_empty(), "it covers none of the records");
        let mut left_after = |states: &[Acknowledged]| match &removals(&journal, states, &mut streams)[..] {
            [Removal::Rewritten(entry)] => entry.hashes.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!((left_after(&[state(1)]), left_after(&[state(2), state(3)]), left_after(&[state(4)])), (2, 1, 0));
    }
}
