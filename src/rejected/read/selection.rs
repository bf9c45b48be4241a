//! What of the rejected records is wanted.

use jiff::Timestamp;

use super::owner::Owner;
use crate::rejected::key::safe_name;
use airbyte::StreamName;

/// The clocks of the store and of the machine that stored a record may differ by this much.
const MOST_SKEW_SECONDS: i64 = 24 * 60 * 60;

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
        let place = self.streams.iter().position(|wanted| may_be(wanted, &stream.name))?;
        named.name.clone_from(&self.streams[place]);
        Some((named, Some(place)))
    }

    /// The only name that is given, for records that have none.
    pub(super) fn only_stream(&self) -> Option<StreamName> {
        let [name] = &*self.streams else { return None };
        let namespace = self.namespace.clone().filter(|text| !text.is_empty());
        Some(StreamName { namespace, name: name.clone() })
    }

    pub(super) fn has_reason(&self, reason: &str) -> bool {
        self.reasons.is_empty() || self.reasons.iter().any(|wanted| wanted.eq_ignore_ascii_case(reason))
    }

    pub(super) fn has_time(&self, rejected_at: Timestamp) -> bool {
        self.since.is_none_or(|since| rejected_at >= since)
    }

    /// Whether an object that was written at this time may have records that are wanted. It is written after them.
    pub(super) fn may_have_time(&self, written_at: i64) -> bool {
        self.since.is_none_or(|since| written_at + MOST_SKEW_SECONDS >= since.as_second())
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
    fn an_object_is_left_out_only_if_it_is_older_by_more_than_clocks_differ() {
        let since = |text: &str| Selection { since: Some(text.parse().unwrap()), ..Selection::default() };
        let written_at = "2026-03-04T05:06:07Z".parse::<Timestamp>().unwrap().as_second();
        assert!(Selection::default().may_have_time(written_at));
        assert!(since("2026-03-05T05:06:07Z").may_have_time(written_at));
        assert!(!since("2026-03-05T05:06:08Z").may_have_time(written_at));
    }

    #[test]
    fn a_name_of_a_key_gets_its_characters_back_from_the_selection() {
        let in_key = Owner::InKey(stream(Some("c_r"), "Line_Item"));
        assert_eq!(selected(&[], None, &in_key), Some(stream(Some("c_r"), "Line_Item")));
        assert_eq!(selected(&["Line Item"], None, &in_key), Some(stream(Some("c_r"), "Line Item")));
        assert_eq!(selected(&["Line Item"], Some("c/r"), &in_key), Some(stream(Some("c/r"), "Line Item")));
        let both = selected(&["Line Item", "Line_Item"], None, &in_key);
        assert_eq!(both, Some(stream(Some("c_r"), "Line_Item")), "the name itself comes first");
        let named = Owner::Named(stream(None, "Line_Item"));
        assert_eq!(selected(&["Line Item"], None, &named), None, "a name that is known is compared as it is");
    }
}
