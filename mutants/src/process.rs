//! Runs tests in a process, within limits of time, memory and disk.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::programs::Program;

/// A mutant can write or allocate without an end. The limits are far above what a test needs: 4 GB of memory, and files
/// of 1 or 2 GB, as shells count blocks of two sizes. Shells that know no such limit go on without it.
const WITHIN_LIMITS: &str = r#"ulimit -d 4194304 2>/dev/null; ulimit -f 2097152 2>/dev/null; exec "$0" "$@""#;

/// More output than this is not read.
const MOST_OUTPUT: u64 = 16 << 20;

/// How a process ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All tests passed.
    Passed,
    /// A test failed, or the process ended before its tests. The output names the test.
    Failed(String),
    /// The time was over.
    TimedOut,
}

/// Runs tests of a program. `folder` becomes the folder for temporary files, and is empty before and gone after.
///
/// # Errors
/// The process cannot be started.
pub(crate) fn run(
    program: &Program,
    tests: &[&str],
    variable: (&str, &str),
    folder: &Path,
    limit: Duration,
) -> Result<End> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| Error::of_file(folder, "made", &error))?;
    let output = folder.join("output");
    let file = File::create(&output).map_err(|error| Error::of_file(&output, "made", &error))?;
    let temporary = folder.join("temporary");
    fs::create_dir_all(&temporary).map_err(|error| Error::of_file(&temporary, "made", &error))?;
    let mut child = Command::new("sh")
        .args(["-c", WITHIN_LIMITS])
        .arg(&program.file)
        .arg("--exact")
        .arg(if tests.len() > 1 { "--test-threads=2" } else { "--test-threads=1" })
        .args(tests)
        .current_dir(&program.folder)
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_MANIFEST_DIR", &program.folder)
        .env("TMPDIR", &temporary)
        .env(variable.0, variable.1)
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(Stdio::null())
        // A group of its own, so that the programs that a test starts end with it.
        .process_group(0)
        .spawn()
        .map_err(|error| Error::of_file(&program.file, "started", &error))?;
    let status = wait(&mut child, limit);
    end_group(&child);
    let status = match status {
        Some(status) => Some(status),
        None => {
            let _ = child.wait();
            None
        }
    };
    let end = match status {
        None => End::TimedOut,
        Some(status) if status.success() => End::Passed,
        Some(_) => End::Failed(failed_test(&output).unwrap_or_else(|| tests.first().copied().unwrap_or("").to_owned())),
    };
    let _ = fs::remove_dir_all(folder);
    Ok(end)
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if started.elapsed() > limit {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Ends what is left of a process and of those that it started. The standard library has no call for a group.
fn end_group(child: &Child) {
    let group = format!("kill -9 -{} 2>/dev/null", child.id());
    let _ = Command::new("sh").args(["-c", &group]).stdin(Stdio::null()).status();
}

fn failed_test(output: &Path) -> Option<String> {
    let mut bytes = vec![];
    File::open(output).ok()?.take(MOST_OUTPUT).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let failed = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    text.lines().find_map(failed)
}
