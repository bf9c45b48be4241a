//! The thread that reads standard input.

use std::io::Read;

use tokio::sync::mpsc;

use crate::protocol::line::{Block, BlockReader, LONGEST_LINE, LineError};

/// How many blocks may wait to be converted: enough that reading and converting overlap.
const BLOCKS_AHEAD: usize = 2;

/// Reads `input` on a thread of its own, because a read of a pipe cannot be interrupted: the process ends without
/// waiting for it. The blocks end with the input or with the first error.
pub(super) fn read(input: impl Read + Send + 'static) -> std::io::Result<mpsc::Receiver<Result<Block, LineError>>> {
    let (sender, blocks) = mpsc::channel(BLOCKS_AHEAD);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut reader = BlockReader::new(input, LONGEST_LINE);
        while let Some(block) = reader.next_block().transpose() {
            let is_last = block.is_err();
            if sender.blocking_send(block).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(blocks)
}
