//! Says from time to time how far the work is.

use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(30);

/// How far a piece of work is.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    done: usize,
    of: usize,
    started: Instant,
    said: Instant,
}

impl Progress {
    /// Begins with nothing done of `of`.
    pub(crate) fn new(what: &'static str, of: usize) -> Self {
        let started = Instant::now();
        Self { what, done: 0, of, started, said: started }
    }

    /// Counts one that is done, and says so if it is time, with more at the end of the line.
    pub(crate) fn step(&mut self, more: &str) {
        self.done += 1;
        if self.said.elapsed() >= INTERVAL {
            self.said = Instant::now();
            let minutes = self.started.elapsed().as_secs_f64() / 60.0;
            println!("{} of {} {} in {minutes:.1} minutes{more}", self.done, self.of, self.what);
        }
    }
}
