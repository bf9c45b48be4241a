//! The name of a stream as the metadata of an object.
//!
//! The key of an object may not have the stream, or has it with other characters. So the metadata name it. They are a
//! header, which takes ASCII, and the names of streams do not keep to it.

use airbyte::StreamName;
use url::form_urlencoded;

/// The longest value. S3 takes 2 KB for all metadata of an object (Amazon S3 User Guide, "Working with object
/// metadata").
const MOST_BYTES: usize = 1_500;

const NAME: &str = "name";
const NAMESPACE: &str = "namespace";

/// The value of the header. A name that is too long for it stays in the key alone.
pub(super) fn encode(stream: &StreamName) -> Option<String> {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.append_pair(NAME, &stream.name);
    if let Some(namespace) = &stream.namespace {
        pairs.append_pair(NAMESPACE, namespace);
    }
    Some(pairs.finish()).filter(|value| value.len() <= MOST_BYTES)
}

/// The stream that a header names, if it is one of these.
pub(super) fn decode(value: &str) -> Option<StreamName> {
    let (mut name, mut namespace) = (None, None);
    for (key, value) in form_urlencoded::parse(value.as_bytes()) {
        match &*key {
            NAME => name = Some(value.into_owned()),
            NAMESPACE => namespace = Some(value.into_owned()).filter(|text| !text.is_empty()),
            _ => return None,
        }
    }
    Some(StreamName { namespace, name: name? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives_as_ascii() {
        for name in ["contacts", "Opportunity Line Item", "a&b=c+d%2F", "Verkäufe 顧客 😀", "line\nbreak", ""] {
            for namespace in [None, Some("crm"), Some("a/b & c")] {
                let stream = StreamName { namespace: namespace.map(str::to_owned), name: name.to_owned() };
                let value = encode(&stream).unwrap();
                assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{value}");
                assert_eq!(decode(&value), Some(stream), "{value}");
            }
        }
    }

    #[test]
    fn a_name_that_is_too_long_and_a_foreign_value_are_none() {
        let long = StreamName { namespace: None, name: "é".repeat(300) };
        assert_eq!(encode(&long), None);
        for (length, is_short) in [(1_495, true), (1_496, false)] {
            let stream = StreamName { namespace: None, name: "a".repeat(length) };
            assert_eq!(encode(&stream).is_some(), is_short, "{length}");
        }
        let empty = StreamName { namespace: None, name: "a".to_owned() };
        assert_eq!(decode("name=a&namespace="), Some(empty), "an empty namespace is none");
        for foreign in ["", "contacts", "namespace=crm", "name=a&version=2"] {
            assert_eq!(decode(foreign), None, "{foreign}");
        }
    }
}
