//! How a sync ends: what stops the reading, and what the sync makes of it.

use super::Intake;
use crate::pipeline::Purpose;
use airbyte::{Error, Result};

/// Why no more input is read.
pub(super) enum Ending {
    /// The input has ended.
    Complete,
    /// What was read is loaded and acknowledged, then the sync fails.
    Finish(Error),
    /// Nothing more is loaded. Running jobs are watched to their end, then the sync fails.
    Halt(Error),
    /// The same after the end of the input. The sync fails unless everything is acknowledged.
    HaltAfterEnd(Error),
}

impl Intake {
    /// Ends the reading. The first reason counts, but a halt replaces the end of the input.
    pub(super) fn end(&mut self, ending: Ending) {
        if self.ending.is_none() {
            self.ending = Some(ending);
        }
    }

    /// Halts the sync because of a failure.
    pub(super) fn halt(&mut self, error: Error) {
        self.jobs.halt();
        if matches!(self.ending, None | Some(Ending::Complete | Ending::HaltAfterEnd(_))) {
            self.ending = Some(Ending::Halt(error));
        }
    }

    /// Halts the sync for a reason that is not a failure of what it has done.
    pub(super) fn interrupt(&mut self, error: Error) {
        self.jobs.halt();
        match self.ending {
            None => self.ending = Some(Ending::Halt(error)),
            Some(Ending::Complete) => self.ending = Some(Ending::HaltAfterEnd(error)),
            _ => {}
        }
    }

    /// The outcome of the sync, once all batches have ended.
    pub(super) fn outcome(&mut self) -> Result<()> {
        let halted = match self.ending.take() {
            Some(Ending::Finish(error) | Ending::Halt(error)) => return Err(error),
            Some(Ending::HaltAfterEnd(error)) => Some(error),
            Some(Ending::Complete) | None => None,
        };
        let all_settled = self.streams.iter().all(|stream| stream.counts.read == stream.counts.settled());
        if self.ledger.waiting_states() > 0 || !self.acknowledgements.is_idle() || !all_settled {
            if let Some(error) = halted {
                return Err(error);
            }
            return Err(Error::system(
                "The outcome of some records is unknown, so their states are not acknowledged. Please report this with \
                 the log of the sync.",
            ));
        }
        let incomplete: Vec<String> =
            self.streams.iter().filter(|stream| !stream.is_complete).map(|stream| stream.name.to_string()).collect();
        if self.settings.expects_completion && !incomplete.is_empty() {
            let incomplete = incomplete.join(", ");
            let error = Error::transient(format!("The source ended before it had sent all records of {incomplete}."));
            return Err(error.and(match self.settings.purpose {
                Purpose::Sync => "What it sent is written and acknowledged; run the sync again for the rest.",
                Purpose::DryRun => "What it sent is counted.",
            }));
        }
        Ok(())
    }
}
