//! Reads the same lines into trees of serde_json, as most programs do.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader};

use serde_json::Value;

fn main() -> io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("name the file of messages"))?;
    let mut lines = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        black_box(serde_json::from_slice::<Value>(&line)?);
        line.clear();
    }
    Ok(())
}
