//! What of the rejected records is wanted.

use jiff::Timestamp;

use super::owner::Owner;
use crate::rejected::key::safe_name;
use airbyte::StreamName;

/// The clocks of the store and of the machine that stored a record may differ by this much.
const MOST_SKEW_SECONDS: i64 = 24 * 60 * 60;

/// How long an object in parts is written at most: as long as the results of a job are read and waited for. S3 gives it
/// the time when its upload began.
const LONGEST_UPLOAD_SECONDS: i64 = 24 * 60 * 60 + 30 * 60;

/// The records that are wanted: those that each of these allows. An empty list allows all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// Names of streams, with or without their namespace before a dot.
    pub(crate) streams: Vec<String>,
    /// The namespace of the streams.
    pub(crate) namespace: Option<String>,
    /// Status codes.
    pub(crate) reasons: Vec<String>,
    /// Rejected at this time or later.
    pub(crate) since: Option<Timestamp>,
    /// The stream of the records whose objects do not say theirs.
    pub(crate) nameless_are: Option<String>,
}

impl Selection {
    /// The stream of an object, if it is wanted, and the place of its name in `streams`. Where a key has names with
    /// replaced characters, the names are those of the selection.
    pub(super) fn stream(&self, owner: &Owner) -> Option<(StreamName, Option<usize>)> {
        let (stream, in_key) = match owner {
            Owner::Named(stream) => (stream, false),
            Owner::InKey(stream) => (stream, true),
            Owner::Unknown => return None,
        };
        let may_be = |wanted: &str, name: &str| wanted == name || in_key && safe_name(wanted) == name;
        let mut named = stream.clone();
        if let Some(namespace) = self.namespace.as_deref().filter(|wanted| !wanted.is_empty()) {
            if !may_be(namespace, stream.namespace.as_deref()?) {
                return None;
            }
            named.namespace = Some(namespace.to_owned());
        } else if self.namespace.is_some() && stream.namespace.is_some() {
            return None;
        }
        if self.streams.is_empty() {
            return Some((named, None));
        }
        let full = stream.to_string();
        if let Some(place) = self.streams.iter().position(|wanted| *wanted == stream.name || *wanted == full) {
            return Some((named, Some(place)));
        }
        if let Some(place) = self.streams.iter().position(|wanted| may_be(wanted, &stream.name)) {
            named.name.clone_from(&self.streams[place]);
            return Some((named, Some(place)));
        }
        // The namespace before a dot has its characters replaced too. Names may have dots of their own.
        let namespace = stream.namespace.as_deref().filter(|_| in_key)?;
        self.streams.iter().enumerate().find_map(|(place, wanted)| {
            let mut splits = wanted.match_indices('.').map(|(dot, _)| (&wanted[..dot], &wanted[dot + 1..]));
            let (namespace, name) = splits.find(|split| {
                let is_other = self.namespace.as_deref().is_some_and(|given| given != split.0);
                !is_other && may_be(split.0, namespace) && may_be(split.1, &stream.name)
            })?;
            let stream = StreamName { namespace: Some(namespace.to_owned()), name: name.to_owned() };
            Some((stream, Some(place)))
        })
    }

    /// The stream that is given for records whose objects do not say theirs.
    pub(super) fn nameless_stream(&self) -> Option<StreamName> {
        let namespace = self.namespace.clone().filter(|text| !text.is_empty());
        Some(StreamName { namespace, name: self.nameless_are.clone()? })
    }

    pub(super) fn has_reason(&self, reason: &str) -> bool {
        self.reasons.is_empty() || self.reasons.iter().any(|wanted| wanted.eq_ignore_ascii_case(reason))
    }

    /// Whether a record of this time is wanted. One whose time is not known may be.
    pub(super) fn has_time(&self, rejected_at: Option<Timestamp>) -> bool {
        let (Some(since), Some(rejected_at)) = (self.since, rejected_at) else { return true };
        rejected_at >= since
    }

    /// Whether an object with this time in the list may have records that are wanted. Its records may be younger, by as
    /// long as it was written, and the time may be unknown.
    pub(super) fn may_have_time(&self, written_at: Option<i64>) -> bool {
        let (Some(since), Some(written_at)) = (self.since, written_at) else { return true };
        written_at.saturating_add(MOST_SKEW_SECONDS + LONGEST_UPLOAD_SECONDS) >= since.as_second()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(namespace: Option<&str>, name: &str) -> StreamName {
        StreamName { namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }

    fn selected(streams: &[&str], namespace: Option<&str>, owner: &Owner) -> Option<StreamName> {
        let streams = streams.iter().map(|name| (*name).to_owned()).collect();
        let selection = Selection { streams, namespace: namespace.map(str::to_owned), ..Selection::default() };
        selection.stream(owner).map(|(stream, _)| stream)
    }

    #[test]
    fn a_stream_is_selected_by_its_name_with_or_without_the_namespace() {
        let named = Owner::Named(stream(Some("crm"), "contacts"));
        let found = Some(stream(Some("crm"), "contacts"));
        for (streams, namespace, expected) in [
            (&[][..], None, &found),
            (&["contacts"], None, &found),
            (&["accounts", "contacts"], None, &found),
            (&["crm.contacts"], None, &found),
            (&["contacts"], Some("crm"), &found),
            (&[], Some("crm"), &found),
            (&["Contacts"], None, &None),
            (&["contacts"], Some("erp"), &None),
            (&["contacts"], Some(""), &None),
            (&["erp.contacts"], None, &None),
        ] {
            assert_eq!(selected(streams, namespace, &named), *expected, "{streams:?} {namespace:?}");
        }
        let plain = Owner::Named(stream(None, "contacts"));
        assert_eq!(selected(&["contacts"], Some(""), &plain), Some(stream(None, "contacts")));
        assert_eq!(selected(&["contacts"], Some("crm"), &plain), None);
    }

    #[test]
    fn an_object_is_left_out_only_if_its_youngest_record_is_too_old() {
        let since = |text: &str| Selection { since: Some(text.parse().unwrap()), ..Selection::default() };
        let written_at = "2026-03-04T05:06:07Z".parse::<Timestamp>().unwrap().as_second();
        assert!(Selection::default().may_have_time(Some(written_at)));
        // An upload that began then may have gone on for a day and a half hour, and clocks differ.
        assert!(since("2026-03-06T05:36:07Z").may_have_time(Some(written_at)));
        assert!(!since("2026-03-06T05:36:08Z").may_have_time(Some(written_at)));
        assert!(since("2199-01-01T00:00:00Z").may_have_time(None), "a list without dates");
        assert!(since("2199-01-01T00:00:00Z").has_time(None), "a record without a time");
    }

    #[test]
    fn records_without_a_stream_have_only_the_one_that_is_given_for_them() {
        let selection = |nameless_are: Option<&str>, namespace: Option<&str>| Selection {
            streams: vec!["crm.contacts".to_owned()],
            namespace: namespace.map(str::to_owned),
            nameless_are: nameless_are.map(str::to_owned),
            ..Selection::default()
        };
        assert_eq!(selection(None, None).nameless_stream(), None);
        assert_eq!(selection(Some("a"), None).nameless_stream(), Some(stream(None, "a")));
        assert_eq!(selection(Some("a"), Some("")).nameless_stream(), Some(stream(None, "a")));
        assert_eq!(selection(Some("a"), Some("crm")).nameless_stream(), Some(stream(Some("crm"), "a")));
    }

    #[test]
    fn a_name_of_a_key_gets_its_characters_back_from_the_selection() {
        let in_key = Owner::InKey(stream(Some("c_r"), "Line_Item"));
        assert_eq!(selected(&[], None, &in_key), Some(stream(Some("c_r"), "Line_Item")));
        assert_eq!(selected(&["Line Item"], None, &in_key), Some(stream(Some("c_r"), "Line Item")));
        assert_eq!(selected(&["Line Item"], Some("c/r"), &in_key), Some(stream(Some("c/r"), "Line Item")));
        let both = selected(&["Line Item", "Line_Item"], None, &in_key);
        assert_eq!(both, Some(stream(Some("c_r"), "Line_Item")), "the name itself comes first");
        let dotted = Some(stream(Some("c/r"), "Line Item"));
        assert_eq!(selected(&["c/r.Line Item"], None, &in_key), dotted, "a namespace before a dot");
        assert_eq!(selected(&["c/r.Line Item"], Some("c/r"), &in_key), dotted);
        assert_eq!(selected(&["c/r.Line Item"], Some("c_r"), &in_key), None);
        assert_eq!(selected(&["x.Line Item"], None, &in_key), None);
        let dots = Owner::InKey(stream(Some("a.b"), "c_d.e"));
        assert_eq!(selected(&["a.b.c d.e"], None, &dots), Some(stream(Some("a.b"), "c d.e")));
        let named = Owner::Named(stream(None, "Line_Item"));
        assert_eq!(selected(&["Line Item"], None, &named), None, "a name that is known is compared as it is");
    }

    #[test]
    fn a_record_is_wanted_if_its_reason_is_one_of_those_in_any_case() {
        let selection = |reasons: &[&str]| Selection {
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            ..Selection::default()
        };
        for (reasons, expected) in [
            (&[][..], true),
            (&["STRING_TOO_LONG"], true),
            (&["string_too_long"], true),
            (&["NO_MATCH", "STRING_TOO_LONG"], true),
            (&["NO_MATCH"], false),
            (&["STRING"], false),
        ] {
            assert_eq!(selection(reasons).has_reason("STRING_TOO_LONG"), expected, "{reasons:?}");
        }
    }

    #[test]
    fn a_record_is_wanted_from_its_time_on() {
        let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let selection = Selection { since: time("2026-03-04T05:06:07Z"), ..Selection::default() };
        for (rejected_at, expected) in
            [("2026-03-04T05:06:06.999Z", false), ("2026-03-04T05:06:07Z", true), ("2026-03-05T00:00:00Z", true)]
        {
            assert_eq!(selection.has_time(time(rejected_at)), expected, "{rejected_at}");
            assert!(Selection::default().has_time(time(rejected_at)));
        }
    }
}
