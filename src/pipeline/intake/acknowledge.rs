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

    fn write(&self, lines: Vec<String>) -> io::Result<()> {
        self.output.states(&lines)
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
