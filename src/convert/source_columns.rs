//! The fields of a record as they came.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of a record in their order, each value the JSON text that it is; of two with one name, the last.
///
/// A record that has a field name that is not Unicode is one field without a name, so that nothing of it is lost.
pub fn source_columns(data: &RawValue) -> Vec<(String, Box<RawValue>)> {
    match serde_json::from_str::<Fields>(data.get()) {
        Ok(fields) => fields.0,
        Err(_) => vec![(String::new(), data.to_owned())],
    }
}

struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields: Vec<(String, Box<RawValue>)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            match fields.iter_mut().find(|(earlier, _)| *earlier == name) {
                Some((_, earlier)) => *earlier = value,
                None => fields.push((name, value)),
            }
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_their_text() {
        for (data, expected) in [
            (r#"{"b":1.10,"a":[ 1 ],"b":null}"#, &[("b", "null"), ("a", "[ 1 ]")][..]),
            (r#"{"\ud800":1}"#, &[("", r#"{"\ud800":1}"#)]),
            ("{}", &[]),
        ] {
            let data = RawValue::from_string(data.to_owned()).unwrap();
            let fields = source_columns(&data);
            let shown: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
            assert_eq!(shown, expected);
        }
    }
}
