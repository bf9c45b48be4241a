//! A control group with a limit of memory, as a container has one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where a version of control groups keeps the memory of a group, its limit, and the count of processes that the system
/// killed for it.
struct Version {
    /// The controllers in `/proc/self/cgroup`.
    controllers: &'static str,
    root: &'static str,
    limit: &'static str,
    events: &'static str,
}

const VERSIONS: [Version; 2] = [
    Version { controllers: "", root: "/sys/fs/cgroup", limit: "memory.max", events: "memory.events" },
    Version {
        controllers: "memory",
        root: "/sys/fs/cgroup/memory",
        limit: "memory.limit_in_bytes",
        events: "memory.oom_control",
    },
];

/// A group below that of this process. It is removed when this is dropped, after the end of its processes.
pub(crate) struct MemoryCgroup {
    folder: PathBuf,
    events: &'static str,
}

impl MemoryCgroup {
    /// A group whose processes may have `limit` bytes; none where the system permits none.
    pub(crate) fn new(limit: u64) -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        VERSIONS.iter().find_map(|version| {
            let is_of_version = |line: &&str| line.split(':').nth(1) == Some(version.controllers);
            let own = groups.lines().find(is_of_version)?.splitn(3, ':').nth(2)?;
            Self::below(&Path::new(version.root).join(own.trim_start_matches('/')), version, limit)
        })
    }

    fn below(parent: &Path, version: &Version, limit: u64) -> Option<Self> {
        static GROUPS: AtomicUsize = AtomicUsize::new(0);
        let number = GROUPS.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("connector-test-{}-{number}", std::process::id()));
        fs::create_dir(&folder).ok()?;
        let group = Self { folder, events: version.events };
        // Without the controller there is no such file, and outside of a file system of groups it is an ordinary one.
        let limit_file = group.folder.join(version.limit);
        (limit_file.exists() && fs::write(limit_file, limit.to_string()).is_ok()).then_some(group)
    }

    /// The file that takes the id of a process that joins.
    pub(super) fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// How many processes the system has killed because the group was over its limit.
    pub(crate) fn kills(&self) -> u64 {
        let events = fs::read_to_string(self.folder.join(self.events)).unwrap();
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap();
        kills.trim().parse().unwrap()
    }
}

impl Drop for MemoryCgroup {
    fn drop(&mut self) {
        // A group whose process is about to end stays.
        let _ = fs::remove_dir(&self.folder);
    }
}
