//! What serde_json takes to read the same lines into a tree: the way that most programs go.

use std::fs::File;
use std::io;

use destination_salesforce::protocol::line::{BlockReader, LONGEST_LINE};
use serde_json::Value;

fn main() -> io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("name the file of messages"))?;
    let mut blocks = BlockReader::new(File::open(path)?, LONGEST_LINE);
    while let Some(block) = blocks.next_block().map_err(io::Error::other)? {
        for (_, line) in block.lines() {
            let value: Value = serde_json::from_slice(line)?;
            std::hint::black_box(&value);
        }
    }
    Ok(())
}
