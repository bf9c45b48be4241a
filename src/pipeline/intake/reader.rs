//! The thread that reads standard input.

use std::io::Read;

use tokio::sync::mpsc;

use airbyte::{Block, BlockReader, InputError, LONGEST_LINE};

/// How many blocks may wait to be converted: enough to read and convert at the same time.
const BLOCKS_AHEAD: usize = 2;

/// What the thread sends.
#[derive(Debug)]
pub(crate) enum Input {
    /// Whole lines.
    Block(Block),
    /// The input cannot be read further.
    Failed(InputError),
    /// The input has ended. A thread that panics does not send this.
    End,
}

/// Reads `input` on a thread of its own, because a read of a pipe cannot be interrupted and must not keep the process
/// from ending. Sends blocks until the end of the input or the first error.
pub(crate) fn read_on_thread(input: impl Read + Send + 'static) -> std::io::Result<mpsc::Receiver<Input>> {
    let (sender, blocks) = mpsc::channel(BLOCKS_AHEAD);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // A longer line cannot become a record: Salesforce takes 400,000 characters (Developer Limits Quick Reference,
        // "Bulk API limits").
        let mut reader = BlockReader::new(input, LONGEST_LINE);
        loop {
            let input = match reader.next_block() {
                Ok(Some(block)) => Input::Block(block),
                Ok(None) => Input::End,
                Err(error) => Input::Failed(error),
            };
            let is_last = !matches!(input, Input::Block(_));
            if sender.blocking_send(input).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(blocks)
}
