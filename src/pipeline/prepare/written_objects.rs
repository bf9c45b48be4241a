//! The objects that a sync writes, and how far it is with each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::request::StreamRequest;
use salesforce::Operation;

/// The objects in which the streams of a sync create or change records, in lower case.
#[derive(Debug, Default)]
pub(crate) struct WrittenObjects(HashMap<String, Mutex<WriteProgress>>);

/// How many batches of an object are complete and on their way, and how many of them have ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WriteProgress {
    begun: u64,
    ended: u64,
}

/// A batch on its way. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct BatchOnItsWay {
    objects: Arc<WrittenObjects>,
    object: String,
}

impl WrittenObjects {
    /// The objects of the streams, by the names that `described` gives them.
    pub(super) fn of<'r>(requests: &'r [StreamRequest<'_>], described: impl Fn(&'r str) -> Option<&'r str>) -> Self {
        let writes = |operation: Operation| !operation.is_delete();
        let writing = requests.iter().filter(|request| request.operation.is_some_and(writes));
        let objects = writing.filter_map(|request| described(&request.object));
        Self(objects.map(|object| (object.to_ascii_lowercase(), Mutex::default())).collect())
    }

    /// A batch of the object is complete.
    pub(crate) fn begin_batch(self: &Arc<Self>, object: &str) -> BatchOnItsWay {
        let object = object.to_ascii_lowercase();
        self.update(&object, |progress| progress.begun += 1);
        BatchOnItsWay { objects: Arc::clone(self), object }
    }

    /// How far the sync is with an object. `None` if it does not write it.
    pub(crate) fn progress(&self, object: &str) -> Option<WriteProgress> {
        let progress = self.0.get(&object.to_ascii_lowercase())?;
        Some(*progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether batches of the object are or were on their way since `earlier`.
    pub(crate) fn is_written_since(&self, object: &str, earlier: WriteProgress) -> bool {
        let is_later = |now: WriteProgress| earlier.begun > earlier.ended || now.begun > earlier.begun;
        self.progress(object).is_some_and(is_later)
    }

    fn update(&self, object: &str, change: impl FnOnce(&mut WriteProgress)) {
        if let Some(progress) = self.0.get(object) {
            change(&mut progress.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Drop for BatchOnItsWay {
    fn drop(&mut self) {
        self.objects.update(&self.object, |progress| progress.ended += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_written_while_one_of_its_batches_is_on_its_way() {
        let objects = Arc::new(WrittenObjects(HashMap::from([("account".to_owned(), Mutex::default())])));
        let progress = || objects.progress("Account").unwrap();
        let is_written_since = |earlier| objects.is_written_since("Account", earlier);
        let before = progress();
        assert!(!is_written_since(before), "nothing is on its way");
        let batches = [objects.begin_batch("Account"), objects.begin_batch("ACCOUNT")];
        assert!(is_written_since(before), "two have begun");
        let between = progress();
        drop(batches);
        assert!(is_written_since(between), "two have ended");
        assert!(is_written_since(before), "two have begun and ended");
        assert!(!is_written_since(progress()), "nothing is on its way");
        drop(objects.begin_batch("Contact"));
        assert!(objects.progress("Contact").is_none(), "it is not written by the sync");
    }
}
