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
    use crate::journal::{Entry, Target};
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

    /// A later attempt sends the rows again whose state did not leave, and must find them in the journal.
    #[tokio::test]
    async fn the_journal_keeps_its_entries_when_no_state_can_leave() {
        let folder = tempfile::TempDir::new().unwrap();
        let storage = json!({"storage_type": "Local", "path": folder.path().to_str().unwrap()});
        let config = valid(&client(json!({"object_storage_config": storage})));
        let journal = Arc::new(Journal::open(config.journal_storage().unwrap(), 1).await.unwrap());
        let name = StreamName { namespace: None, name: "s".to_owned() };
        let operation = Operation::Insert;
        let job = JobSpec { object: "Contact".into(), operation, external_id_field: None, assignment_rule_id: None };
        let mut entry = Entry::new("750Sim000000001AAA", Target::new(&name, None, &job), Vec::new(), 1);
        entry.set_rows([(0, 7)]);
        journal.enter(&entry).await.unwrap();

        let output = Output::new(Full).unwrap();
        let mut streams =
            [Stream::new(PlannedStream { name: name.clone(), plan: None }, NullHandling::Ignore, Vec::new())];
        let mut states = Acknowledgements::new(output.clone(), Some(Arc::clone(&journal)), Purpose::Sync);
        output.text("a message").unwrap();
        output.closed().await;
        let state = || Acknowledged { line: "{}".to_owned(), closed: vec![ClosedSegment { stream: 0, id: 0 }] };
        states.add(vec![state()], &mut streams).unwrap_err();
        // What settles later.
        states.add(vec![state()], &mut streams).unwrap();
        assert!(states.is_idle());
        assert_eq!(journal.removals(&name, 0).len(), 1);
    }
}
