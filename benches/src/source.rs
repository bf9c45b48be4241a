//! The messages of a source.

use std::io::Write;

use serde_json::{Value, json};

use crate::every_type::{self, Form};
use crate::field::Field;
use crate::random::Random;
use crate::shape::Shape;

/// When the records were extracted, in milliseconds since 1970.
const EXTRACTED_AT: u64 = 1_780_000_000_000;

/// Appends the data of the record `number` of [`Shape::EveryType`] as it is read when it is loaded.
pub fn loaded(out: &mut Vec<u8>, seed: u64, number: u64) {
    every_type::write(out, seed, number, Form::Loaded);
}

/// Writes the messages of a source, one record of each stream in turn.
#[derive(Debug)]
pub struct Source {
    shape: Shape,
    fields: Vec<Field>,
    streams: Vec<String>,
    seed: u64,
    random: Random,
    next: u64,
}

impl Source {
    /// A source of records of `shape`, the same records for the same seed.
    pub fn new(shape: Shape, seed: u64, streams: usize) -> Self {
        let name = |number| if streams == 1 { "records".to_owned() } else { format!("records_{number:02}") };
        let streams = (1..=streams).map(name).collect();
        Self { shape, fields: shape.fields(), streams, seed, random: Random::new(seed), next: 0 }
    }

    /// Appends the data of the next record without its message.
    pub fn data(&mut self, out: &mut Vec<u8>) {
        self.shape.write(out, &self.fields, self.seed, self.next, &mut self.random);
        self.next += 1;
    }

    /// Appends the line of the next record.
    pub fn record(&mut self, out: &mut Vec<u8>) {
        let number = self.next;
        let stream = &self.streams[(number % self.streams.len() as u64) as usize];
        let _ = write!(out, "{{\"type\":\"RECORD\",\"record\":{{\"stream\":\"{stream}\",\"data\":");
        self.data(out);
        let _ = writeln!(out, ",\"emitted_at\":{}}}}}", EXTRACTED_AT + number / 8);
    }

    /// Appends a STATE message of every stream.
    pub fn states(&self, out: &mut Vec<u8>) {
        for stream in &self.streams {
            let state = json!({"type": "STATE", "state": {"type": "STREAM", "stream": {
                "stream_descriptor": {"name": stream}, "stream_state": {"cursor": self.next},
            }}});
            let _ = writeln!(out, "{state}");
        }
    }

    /// The configured catalog; every stream has the same object and mode.
    pub fn catalog(&self, object: &str, mode: &str) -> Value {
        let properties: serde_json::Map<String, Value> = self
            .fields
            .iter()
            .map(|field| (field.name.clone(), json!({"type": ["null", field.json_type()]})))
            .collect();
        let stream = |name: &String| {
            json!({
                "stream": {
                    "name": name,
                    "json_schema": {"type": "object", "properties": properties},
                    "supported_sync_modes": ["full_refresh"],
                },
                "sync_mode": "full_refresh",
                "destination_sync_mode": mode,
                "destination_object_name": object,
                "primary_key": [["External_Id__c"]],
                // Without it there is no journal.
                "sync_id": 1,
            })
        };
        json!({"streams": self.streams.iter().map(stream).collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_messages_every_time() {
        for shape in Shape::ALL {
            let lines = |seed| {
                let mut source = Source::new(shape, seed, 2);
                let mut lines = Vec::new();
                (0..500).for_each(|_| source.record(&mut lines));
                source.states(&mut lines);
                String::from_utf8(lines).unwrap()
            };
            assert_eq!(lines(1), lines(1));
            assert_ne!(lines(1), lines(2));
            assert_eq!(lines(1).lines().count(), 502);
            for line in lines(3).lines().take(500) {
                let message: Value = serde_json::from_str(line).unwrap();
                assert_eq!(message["record"]["data"].as_object().unwrap().len(), shape.fields().len());
            }
            assert_eq!(lines(1).is_ascii(), matches!(shape, Shape::Escaped | Shape::Narrow));
        }
    }

    #[test]
    fn a_record_of_every_type_is_loaded_as_the_same_record() {
        let mut source = Source::new(Shape::EveryType, 1, 1);
        let (mut same, mut fields) = (0, 0);
        for number in 0..500 {
            let (mut sent, mut read) = (Vec::new(), Vec::new());
            source.data(&mut sent);
            loaded(&mut read, 1, number);
            let [sent, read]: [Value; 2] = [sent, read].map(|data| serde_json::from_slice(&data).unwrap());
            let (sent, read) = (sent.as_object().unwrap(), read.as_object().unwrap());
            assert!(sent.keys().eq(read.keys()));
            fields += sent.len();
            same += sent.iter().filter(|(key, value)| read[*key] == **value).count();
        }
        // Some forms are others.
        assert!(same < fields && same > fields * 8 / 10, "{same} of {fields}");
    }

    #[test]
    fn a_contact_has_the_expected_length() {
        let mut source = Source::new(Shape::Contact, 1, 1);
        let mut lines = Vec::new();
        (0..10_000).for_each(|_| source.record(&mut lines));
        let mean = lines.len() / 10_000;
        assert!((550..600).contains(&mean), "{mean}");
    }
}
