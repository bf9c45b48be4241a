//! Switches one mutant on by its number, and notes which mutants a process reaches.
//!
//! The tool writes calls of [`is_on`] into a copy of the sources and adds this crate to its dependencies.

#![forbid(unsafe_code)]

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The environment variable with the number of the mutant that is on. Without it none is.
pub const ON: &str = "MUTANT_ON";

/// The environment variable with the file that takes the numbers of all mutants that are reached, four bytes each.
pub const TRACE: &str = "MUTANT_TRACE";

/// How many mutants there may be.
pub const MOST: usize = 1 << 16;

static REACHED: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];

struct Settings {
    on: Option<u32>,
    trace: Option<File>,
}

fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| Settings {
        on: env::var(ON).ok().and_then(|number| number.parse().ok()),
        trace: env::var_os(TRACE).and_then(|path| File::options().append(true).create(true).open(path).ok()),
    })
}

/// Whether a mutant is on. A traced process notes that it was reached.
#[inline]
pub fn is_on(number: u32) -> bool {
    let settings = settings();
    if let Some(mut file) = settings.trace.as_ref()
        && let Some(reached) = REACHED.get(number as usize)
        // A load alone is cheap where the mutant is in a loop.
        && !reached.load(Ordering::Relaxed)
        && !reached.swap(true, Ordering::Relaxed)
    {
        // One small write at the end of the file: processes that share it do not mix their numbers.
        let _ = file.write_all(&number.to_le_bytes());
    }
    settings.on == Some(number)
}

/// The variables of this crate, for a child process that a test starts with an empty environment.
pub fn environment() -> impl Iterator<Item = (&'static str, OsString)> {
    [ON, TRACE].into_iter().filter_map(|name| Some((name, env::var_os(name)?)))
}
