//! What the user reads when a call to the folder fails.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::rejected::storage::Action;
use airbyte::Error;

/// The error for a failed call.
pub(super) fn call_error(failure: &io::Error, action: Action, root: &Path) -> Error {
    let failed = format!("{} in the rejected-records folder {} failed", action.phrase(), root.display());
    let error = match failure.kind() {
        ErrorKind::PermissionDenied => Error::config(format!(
            "{failed}: access is denied. Let the user that runs the connector read and write there, or choose another \
             `path`."
        )),
        ErrorKind::ReadOnlyFilesystem => Error::config(format!(
            "{failed}: the file system is read-only. Choose another `path`; in a container, the path of a mounted \
             folder."
        )),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::config(format!("{failed}: the disk is full. Make room there, or choose another `path`."))
        }
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => Error::config(format!(
            "{failed}: there is a file where a folder is needed, or a folder where a file is needed. Choose another \
             `path`."
        )),
        ErrorKind::InvalidFilename => Error::config(format!(
            "{failed}: the name of a file or a folder is too long for the file system. Shorten `path_format` or \
             `file_name_format`."
        )),
        _ => Error::transient(format!("{failed}. Check the disk, and sync again.")),
    };
    error.internal(failure)
}

#[cfg(test)]
mod tests {
    use airbyte::FailureType;

    use super::*;

    #[test]
    fn an_error_says_what_failed_where_and_what_to_do() {
        for (kind, failure_type, advice) in [
            (ErrorKind::PermissionDenied, FailureType::Config, "Let the user that runs the connector"),
            (ErrorKind::ReadOnlyFilesystem, FailureType::Config, "in a container, the path of a mounted folder"),
            (ErrorKind::StorageFull, FailureType::Config, "Make room there"),
            (ErrorKind::QuotaExceeded, FailureType::Config, "Make room there"),
            (ErrorKind::NotADirectory, FailureType::Config, "Choose another `path`."),
            (ErrorKind::InvalidFilename, FailureType::Config, "Shorten `path_format`"),
            (ErrorKind::Other, FailureType::Transient, "Check the disk, and sync again."),
        ] {
            let error = call_error(&io::Error::from(kind), Action::Write, Path::new("/data/rejected"));
            let text = error.to_string();
            assert_eq!(error.failure_type(), failure_type, "{kind}");
            assert!(
                text.starts_with("Writing an object in the rejected-records folder /data/rejected failed"),
                "{text}"
            );
            assert!(text.contains(advice), "{text}");
        }
    }
}
