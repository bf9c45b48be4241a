//! What becomes of a batch when its lane lets it go.

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::event::{EventSender, LoadError};
use super::load::Loader;
use super::turn::Start;
use crate::pipeline::batch::Batch;
use crate::pipeline::prepare::{Claim, StreamPlan};

/// Takes batches to their end: loads them as jobs, or only counts them.
pub(crate) trait BatchLoader: Send + Sync {
    /// Waits until the requests of one more job fit within the share of the sync.
    fn claim(&self) -> BoxFuture<'_, Claim>;

    /// Takes a batch to its end. Reports records as soon as they are settled.
    fn load<'a>(
        &'a self,
        plan: &'a StreamPlan,
        batch: Batch,
        start: Start,
        events: &'a EventSender,
    ) -> BoxFuture<'a, Result<(), LoadError>>;

    /// A record of a stream is skipped, and is in no batch.
    fn skip(&self, _stream: usize) {}

    /// Whether all batches are loaded one after the other, in the order in which they were completed.
    fn keeps_one_order(&self) -> bool {
        false
    }

    /// Once it is cancelled, no batch takes effect.
    fn halt(&self) -> &CancellationToken;
}

impl BatchLoader for Loader {
    fn claim(&self) -> BoxFuture<'_, Claim> {
        Box::pin(Self::claim(self))
    }

    fn load<'a>(
        &'a self,
        plan: &'a StreamPlan,
        batch: Batch,
        start: Start,
        events: &'a EventSender,
    ) -> BoxFuture<'a, Result<(), LoadError>> {
        Box::pin(Self::load(self, plan, batch, start, events))
    }

    fn halt(&self) -> &CancellationToken {
        &self.halt
    }
}
