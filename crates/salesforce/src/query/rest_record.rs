//! The values of a record in an answer of a REST query, by their places in the query.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

/// Reads records. The work grows with the number of columns, and no name is searched for where a record has its fields in
/// the order of the query, as Salesforce shows them.
pub(super) struct RecordReader {
    names: Names,
    values: Values,
}

/// The values of a record.
struct Values {
    texts: Vec<String>,
    are_known: Vec<bool>,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrongRecord {
    /// It is no JSON: the answer is damaged, or comes from something else.
    NoJson,
    /// It does not have the fields of the query.
    OtherFields,
}

/// The names of fields and of parents.
#[derive(Default)]
struct Names {
    list: Vec<(String, Place)>,
    by_name: HashMap<String, usize>,
}

/// Where the value of a name goes.
enum Place {
    Cell(usize),
    Parent(Names),
}

impl Names {
    fn add(&mut self, path: &str, cell: usize) {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let next = self.list.len();
        let at = *self.by_name.entry(name.to_ascii_lowercase()).or_insert(next);
        if at == next {
            let place = if rest.is_some() { Place::Parent(Self::default()) } else { Place::Cell(cell) };
            self.list.push((name.to_owned(), place));
        }
        if let (Some((_, Place::Parent(parent))), Some(rest)) = (self.list.get_mut(at), rest) {
            parent.add(rest, cell);
        }
    }

    /// The place of a name, which is mostly the one after the last.
    fn find(&self, name: &str, guess: usize) -> Option<usize> {
        let is_guessed = self.list.get(guess).is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        if is_guessed { Some(guess) } else { self.by_name.get(&name.to_ascii_lowercase()).copied() }
    }

    /// Sets all values to null: there is no such parent.
    fn clear(&self, values: &mut Values) {
        for (_, place) in &self.list {
            match place {
                Place::Cell(cell) => values.set(*cell, |_| Some(())),
                Place::Parent(parent) => {
                    parent.clear(values);
                    Some(())
                }
            };
        }
    }
}

impl Values {
    /// Sets a value to the text that `write` adds to an empty one.
    fn set(&mut self, cell: usize, write: impl FnOnce(&mut String) -> Option<()>) -> Option<()> {
        let text = self.texts.get_mut(cell)?;
        text.clear();
        write(text)?;
        self.are_known[cell] = true;
        Some(())
    }
}

impl RecordReader {
    /// A reader of records with these columns, which are paths.
    pub(super) fn new(columns: &[String]) -> Self {
        let mut names = Names::default();
        columns.iter().enumerate().for_each(|(cell, path)| names.add(path, cell));
        let values = Values { texts: vec![String::new(); columns.len()], are_known: vec![false; columns.len()] };
        Self { names, values }
    }

    /// Reads a record. Its values are texts in the order of the columns; null is empty, a number is as Salesforce writes
    /// it, and an object or a list is its JSON. Salesforce names every field in every record, and shows a missing parent
    /// as null.
    pub(super) fn read(&mut self, record: &[u8]) -> Result<&[String], WrongRecord> {
        self.values.are_known.fill(false);
        let mut json = serde_json::Deserializer::from_slice(record);
        let seed = Seed { names: &self.names, values: &mut self.values };
        let read = seed.deserialize(&mut json).and_then(|()| json.end());
        match read.map_err(|error| error.classify()) {
            Ok(()) if self.values.are_known.iter().all(|is_known| *is_known) => Ok(&self.values.texts),
            Ok(()) | Err(Category::Data) => Err(WrongRecord::OtherFields),
            Err(_) => Err(WrongRecord::NoJson),
        }
    }

    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        self.values.texts.iter().map(String::capacity).sum()
    }
}

/// Adds the text of a value.
fn write(json: &str, text: &mut String) -> Option<()> {
    match json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => text.push_str(plain),
        Some(_) => *text = serde_json::from_str(json).ok()?,
        None if json == "null" => {}
        None => text.push_str(json),
    }
    Some(())
}

/// Reads an object with these names.
struct Seed<'r> {
    names: &'r Names,
    values: &'r mut Values,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a record")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.names.clear(self.values);
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut guess = 0;
        while let Some(found) = map.next_key_seed(Key { names: self.names, guess })? {
            let Some(at) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            guess = at + 1;
            match &self.names.list[at].1 {
                Place::Cell(cell) => {
                    let json: &RawValue = map.next_value()?;
                    let set = self.values.set(*cell, |text| write(json.get(), text));
                    set.ok_or_else(|| M::Error::custom("the value is no text"))?;
                }
                Place::Parent(names) => map.next_value_seed(Seed { names, values: self.values })?,
            }
        }
        Ok(())
    }
}

/// Finds the place of a name.
struct Key<'n> {
    names: &'n Names,
    guess: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.names.find(name, self.guess))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(columns: &[&str], record: &str) -> Result<Vec<String>, WrongRecord> {
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        RecordReader::new(&columns).read(record.as_bytes()).map(<[String]>::to_vec)
    }

    #[test]
    fn a_value_is_found_by_its_name_in_any_order_and_case() {
        let columns = ["Id", "account.Name", "LastName", "Account.Owner.Alias", "Score__c", "Account.Site"];
        let all = ["1", "A", "L", "o", "2.50", "s"];
        for record in [
            r#"{"attributes":{"type":"X"},"Id":"1","Account":{"Name":"A","Owner":{"Alias":"o"},"Site":"s"},"LastName":"L","Score__c":2.50}"#,
            r#"{"SCORE__C":2.50,"lastname":"L","ACCOUNT":{"site":"s","attributes":null,"owner":{"ALIAS":"o"},"name":"A"},"ID":"1"}"#,
        ] {
            assert_eq!(read(&columns, record).unwrap(), all);
        }
        let orphan = r#"{"Id":"1","Account":null,"LastName":null,"Score__c":1.6E13}"#;
        assert_eq!(read(&columns, orphan).unwrap(), ["1", "", "", "", "1.6E13", ""]);
        let orphan = r#"{"Id":"1","Account":{"Name":"A","Owner":null,"Site":null},"LastName":"","Score__c":null}"#;
        assert_eq!(read(&columns, orphan).unwrap(), ["1", "A", "", "", "", ""]);
    }

    #[test]
    fn a_value_is_its_text_or_its_json() {
        for (json, text) in [
            (r#""a \"quote\" \\ \u00e9\nZoë""#, "a \"quote\" \\ é\nZoë"),
            (r#""""#, ""),
            ("true", "true"),
            ("-12.0", "-12.0"),
            ("null", ""),
            (r#""null""#, "null"),
            (r#"{"a": [1, {"b":null}], "c":"}"}"#, r#"{"a": [1, {"b":null}], "c":"}"}"#),
            ("[]", "[]"),
        ] {
            let record = format!(r#"{{"A":{json},"B":1}}"#);
            assert_eq!(read(&["A", "B"], &record).unwrap(), [text, "1"], "{json}");
        }
    }

    #[test]
    fn a_record_that_lacks_a_field_is_another_one_than_no_json() {
        use WrongRecord::{NoJson, OtherFields};
        for (record, wrong) in [
            (r#"{"A":1}"#, OtherFields),
            (r#"{"A":1,"P":{}}"#, OtherFields),
            (r#"{"A":1,"P":"text"}"#, OtherFields),
            ("[]", OtherFields),
            (r#"{"A":1,"P":{"B":2}"#, NoJson),
            (r#"{"A":1,"P":{"B":tru}}"#, NoJson),
            (r#"{"A":1,"P":{"B":2}} 3"#, NoJson),
            ("{]", NoJson),
        ] {
            assert_eq!(read(&["A", "P.B"], record), Err(wrong), "{record}");
        }
        let mut reader = RecordReader::new(&["A".to_owned(), "B".to_owned()]);
        assert_eq!(reader.read(br#"{"A":1,"B":2}"#).unwrap(), ["1", "2"]);
        assert_eq!(reader.read(br#"{"A":1}"#), Err(OtherFields), "a value of the record before is none of this one");
    }
}
