//! Whether the files of a folder may not last: a container takes its own files with it.

use std::env;
use std::path::Path;

/// Variables that say that this is a container: that of the image of the connector, and one that Kubernetes sets.
const OF_THE_IMAGE: &str = "AIRBYTE_ENTRYPOINT";
const OF_KUBERNETES: &str = "KUBERNETES_SERVICE_HOST";

/// Files of Docker and Podman in every container.
const OF_CONTAINERS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// What is known of the machine and of a folder.
#[derive(Debug, Clone, Copy)]
struct Surroundings {
    is_container: bool,
    is_kubernetes: bool,
    /// Whether the folder is on the file system that the container itself is on.
    is_on_root: bool,
}

/// The warning for a folder; none where its files last.
pub(super) fn warning(root: &Path) -> Option<String> {
    let is_set = |variable: &str| env::var_os(variable).is_some();
    let is_there = |file: &str| Path::new(file).exists();
    Surroundings::of(is_set, is_there, is_on_root(root))
        .warning()
        .map(|warning| format!("The folder {} {warning}", root.display()))
}

impl Surroundings {
    fn of(is_set: impl Fn(&str) -> bool, is_there: impl Fn(&str) -> bool, is_on_root: bool) -> Self {
        let is_kubernetes = is_set(OF_KUBERNETES);
        let is_container = is_kubernetes || is_set(OF_THE_IMAGE) || OF_CONTAINERS.into_iter().any(is_there);
        Self { is_container, is_kubernetes, is_on_root }
    }

    fn warning(self) -> Option<&'static str> {
        match self {
            Self { is_container: true, is_on_root: true, .. } => Some(
                "is inside the container and will be lost with it. Mount a folder of the machine, and set `path` to where it is \
                 mounted.",
            ),
            Self { is_kubernetes: true, .. } => Some(
                "is on a volume of the pod. Its files last as long as that volume; those of an emptyDir are lost with \
                 the pod.",
            ),
            _ => None,
        }
    }
}

/// Whether a folder, or the nearest one above it that exists, is on the same device as `/`.
#[cfg(unix)]
fn is_on_root(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let device = folder.ancestors().find_map(|path| path.metadata().ok()).map(|metadata| metadata.dev());
    device.is_some() && device == Path::new("/").metadata().ok().map(|metadata| metadata.dev())
}

#[cfg(not(unix))]
fn is_on_root(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_may_not_last_are_worth_a_warning() {
        for (is_container, is_kubernetes, is_on_root, expected) in [
            (false, false, true, None),
            (false, false, false, None),
            (true, false, true, Some("lost with it")),
            (true, false, false, None),
            (true, true, true, Some("lost with it")),
            (true, true, false, Some("as long as that volume")),
        ] {
            let warning = Surroundings { is_container, is_kubernetes, is_on_root }.warning();
            assert_eq!(warning.is_some(), expected.is_some(), "{warning:?}");
            assert!(warning.unwrap_or_default().contains(expected.unwrap_or_default()), "{warning:?}");
        }
    }

    #[test]
    fn each_sign_of_a_container_is_enough() {
        for (sign, is_container, is_kubernetes) in [
            ("AIRBYTE_ENTRYPOINT", true, false),
            ("KUBERNETES_SERVICE_HOST", true, true),
            ("/.dockerenv", true, false),
            ("/run/.containerenv", true, false),
            ("PATH", false, false),
            ("/etc/passwd", false, false),
        ] {
            for is_on_root in [false, true] {
                let has = |name: &str| name == sign;
                let found = Surroundings::of(has, has, is_on_root);
                assert_eq!((found.is_container, found.is_kubernetes), (is_container, is_kubernetes), "{sign}");
                assert_eq!(found.is_on_root, is_on_root);
            }
        }
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_where_it_will_be() {
        assert!(is_on_root(Path::new("/")));
        assert_eq!(is_on_root(Path::new("/proc/not/there")), is_on_root(Path::new("/proc")));
        assert!(!is_on_root(Path::new("/proc")));
    }
}
