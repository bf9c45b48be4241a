//! The thread that reads standard input.

use std::io::Read;

use tokio::sync::mpsc;

use airbyte::{Block, BlockReader, InputError, LONGEST_LINE};

/// How many blocks may wait to be converted: enough that reading and converting overlap.
const BLOCKS_AHEAD: usize = 2;

/// What the thread hands over.
#[derive(Debug)]
pub(in crate::pipeline) enum Input {
    /// Whole lines.
    Block(Block),
    /// The input could not be read on.
    Broken(InputError),
    /// The input is at its end. It is said in so many words, so that a thread that has died is not taken for it.
    End,
}

/// Reads `input` on a thread of its own, because a read of a pipe cannot be interrupted: the process ends without
/// waiting for it. Blocks come until the end, or until the first error.
pub(in crate::pipeline) fn read(input: impl Read + Send + 'static) -> std::io::Result<mpsc::Receiver<Input>> {
    let (sender, blocks) = mpsc::channel(BLOCKS_AHEAD);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // A longer line cannot become a record: Salesforce takes 400,000 characters (Developer Limits Quick Reference, "Bulk
        // API limits").
        let mut reader = BlockReader::new(input, LONGEST_LINE);
        loop {
            let input = match reader.next_block() {
                Ok(Some(block)) => Input::Block(block),
                Ok(None) => Input::End,
                Err(error) => Input::Broken(error),
            };
            let is_last = !matches!(input, Input::Block(_));
            if sender.blocking_send(input).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(blocks)
}
