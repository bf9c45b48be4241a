//! The objects that a sync writes, and how far it is with each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::request::StreamRequest;
use airbyte::StreamName;
use salesforce::Operation;

/// The objects in which the streams of a sync create or change records, in lower case, and how far each of their lanes is.
#[derive(Debug, Default)]
pub(crate) struct WrittenObjects(HashMap<String, Mutex<HashMap<WritingLane, WriteProgress>>>);

/// A lane among those of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum WritingLane {
    /// The batches of one stream, which inserts.
    Insert(StreamName),
    /// All other batches of the object. They are loaded one after the other.
    Ordered,
}

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
    lane: WritingLane,
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
    pub(super) fn begin_batch(self: &Arc<Self>, object: &str, lane: WritingLane) -> BatchOnItsWay {
        let object = object.to_ascii_lowercase();
        self.update(&object, &lane, |progress| progress.begun += 1);
        BatchOnItsWay { objects: Arc::clone(self), object, lane }
    }

    /// How far the sync is with an object, without the lane `but`. `None` if it does not write the object.
    pub(super) fn progress(&self, object: &str, but: Option<&WritingLane>) -> Option<WriteProgress> {
        let lanes = self.0.get(&object.to_ascii_lowercase())?.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = lanes.iter().filter(|(lane, _)| Some(*lane) != but).map(|(_, progress)| progress);
        Some(counted.fold(WriteProgress::default(), |sum, lane| WriteProgress {
            begun: sum.begun + lane.begun,
            ended: sum.ended + lane.ended,
        }))
    }

    fn update(&self, object: &str, lane: &WritingLane, change: impl FnOnce(&mut WriteProgress)) {
        if let Some(lanes) = self.0.get(object) {
            change(lanes.lock().unwrap_or_else(PoisonError::into_inner).entry(lane.clone()).or_default());
        }
    }
}

impl WriteProgress {
    /// Whether batches are or were on their way between `earlier` and this.
    pub(super) fn is_written_since(self, earlier: Self) -> bool {
        earlier.begun > earlier.ended || self.begun > earlier.begun
    }
}

impl Drop for BatchOnItsWay {
    fn drop(&mut self) {
        self.objects.update(&self.object, &self.lane, |progress| progress.ended += 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::test_configs::{client, valid};

    #[test]
    fn only_streams_that_create_or_change_records_write_their_object() {
        for (mode, writes) in [
            ("append", true),
            ("append_dedup", true),
            ("update", true),
            ("soft_delete", false),
            ("overwrite", false),
            ("overwrite_dedup", false),
        ] {
            let catalog = json!({"streams": [{
                "stream": {"name": "account", "json_schema": {}}, "destination_sync_mode": mode,
            }]});
            let (catalog, config) = (airbyte::parse_catalog(&catalog.to_string()).unwrap(), valid(&client(json!({}))));
            let requests = [StreamRequest::new(&catalog[0], &config)];
            let objects = WrittenObjects::of(&requests, |object| (object == "account").then_some("Account"));
            assert_eq!(objects.progress("ACCOUNT", None).is_some(), writes, "{mode}");
            let unknown = WrittenObjects::of(&requests, |_| None);
            assert!(unknown.progress("account", None).is_none(), "{mode}");
        }
    }

    #[test]
    fn an_object_is_written_while_one_of_its_batches_is_on_its_way() {
        let objects = Arc::new(WrittenObjects(HashMap::from([("account".to_owned(), Mutex::default())])));
        let progress = || objects.progress("Account", None).unwrap();
        let is_written_since = |earlier| progress().is_written_since(earlier);
        let before = progress();
        assert!(!is_written_since(before), "nothing is on its way");
        let batches = ["Account", "ACCOUNT"].map(|object| objects.begin_batch(object, WritingLane::Ordered));
        assert!(is_written_since(before), "two have begun");
        let between = progress();
        drop(batches);
        assert!(is_written_since(between), "two have ended");
        assert!(is_written_since(before), "two have begun and ended");
        assert!(!is_written_since(progress()), "nothing is on its way");
        drop(objects.begin_batch("Contact", WritingLane::Ordered));
        assert!(objects.progress("Contact", None).is_none(), "it is not written by the sync");
    }

    #[test]
    fn the_batches_of_one_lane_can_be_left_out() {
        let objects = Arc::new(WrittenObjects(HashMap::from([("account".to_owned(), Mutex::default())])));
        let insert = |name: &str| WritingLane::Insert(StreamName { namespace: None, name: name.to_owned() });
        let lanes = [insert("a"), insert("b"), WritingLane::Ordered];
        for (lane, others) in [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])] {
            let is_written =
                || objects.progress("Account", Some(&lanes[lane])).unwrap().is_written_since(WriteProgress::default());
            let before = objects.progress("Account", Some(&lanes[lane])).unwrap();
            drop(objects.begin_batch("Account", lanes[lane].clone()));
            let after = objects.progress("Account", Some(&lanes[lane])).unwrap();
            assert!(!after.is_written_since(before), "{lane}");
            drop(others.map(|other| objects.begin_batch("Account", lanes[other].clone())));
            assert!(is_written(), "{lane}");
        }
    }
}
