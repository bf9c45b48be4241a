//! Reads lines from the bytes of a pipe, and messages from lines.
//!
//! The first byte is the size of a read, the second the limit for the length of a line. The lines must not depend on
//! the size of a read, and messages must be what a reader of the protocol in plain serde reads.
#![no_main]

use std::io::{self, Read};

use airbyte::{BlockReader, InputError, Message, MessageError, RecordReader, StateScope, StreamName, decode_line};
use destination_salesforce_fuzz::{PlainMessage, read_plainly};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let [read_size, longest, input @ ..] = data else { return };
    let longest = 16 * usize::from(*longest);
    // Reads are slow, so there are few.
    let read_size = usize::from(*read_size).max(input.len() / 4).max(1);
    let (lines, too_long) = lines(input, read_size, longest);
    let all = || (1..).zip(input.split(|byte| *byte == b'\n'));
    // A line within a block may be longer, because the real limit is longer than a block.
    let is_too_long = |number: u64| all().any(|(it, line)| it == number && line.len() > longest);
    assert!(too_long.map_or(!is_too_long(1), is_too_long), "{too_long:?}");
    let taken = all().take_while(|(number, _)| too_long.is_none_or(|it| *number < it));
    let expected: Lines = taken.filter(|(_, line)| !line.trim_ascii().is_empty()).collect();
    assert_eq!(lines.iter().map(|(number, line)| (*number, &line[..])).collect::<Lines>(), expected);
    let mut records = RecordReader::default();
    for line in input.split(|byte| *byte == b'\n') {
        check_line(line, &mut records);
    }
});

/// Returns at most this many bytes a read.
struct Pipe<'a>(&'a [u8], usize);

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (piece, rest) = self.0.split_at(self.1.min(self.0.len()));
        buffer[..piece.len()].copy_from_slice(piece);
        self.0 = rest;
        Ok(piece.len())
    }
}

type Lines<'a> = Vec<(u64, &'a [u8])>;

/// The lines with their numbers, and the number of the one that is too long.
fn lines(input: &[u8], read_size: usize, longest: usize) -> (Vec<(u64, Vec<u8>)>, Option<u64>) {
    let (mut reader, mut lines) = (BlockReader::new(Pipe(input, read_size), longest), Vec::new());
    loop {
        match reader.next_block() {
            Ok(Some(block)) => lines.extend(block.lines().map(|(number, line)| (number, line.to_vec()))),
            Ok(None) => return (lines, None),
            Err(InputError::LineTooLong { line, limit }) => {
                assert_eq!(limit, longest);
                return (lines, Some(line));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn check_line(line: &[u8], records: &mut RecordReader) {
    let message = decode_line(line).and_then(Message::parse);
    let plainly = read_plainly(line);
    check_plain_record(line, records, &message);
    match (&message, &plainly) {
        (Ok(Message::Other), PlainMessage::Other)
        | (Ok(Message::Unknown), PlainMessage::Unknown)
        | (Err(_), PlainMessage::Invalid) => {}
        (Ok(Message::Record(record)), PlainMessage::Record { namespace, stream, data }) => {
            let name = serde_json::from_str::<String>(stream).ok();
            let namespace = namespace.map_or(Some(None), |text| serde_json::from_str::<Option<String>>(text).ok());
            let expected = name
                .zip(namespace)
                .map(|(name, namespace)| StreamName { namespace: namespace.filter(|text| !text.is_empty()), name });
            assert_eq!(record.stream().decode().ok(), expected);
            assert_eq!(record.data.get(), *data);
        }
        (Ok(Message::StreamComplete(name)), PlainMessage::Complete(expected)) => assert_eq!(name, expected),
        (Ok(Message::State(state)), PlainMessage::State(scope)) => {
            assert_eq!(*state.scope(), scope.clone().map_or(StateScope::AllStreams, StateScope::Stream));
            let acknowledged = state.acknowledged(3, 1);
            // serde_json cannot read numbers beyond the range of a float.
            if let (Ok(mut before), Ok(mut after)) = (value(line), value(acknowledged.as_bytes())) {
                let stats = take_stats(&mut after).expect("the counts");
                assert_eq!(stats.to_string(), r#"{"recordCount":3.0,"rejectedRecordCount":1.0}"#);
                take_stats(&mut before);
                assert_eq!(before, after);
            }
        }
        _ => panic!("{message:?} and {plainly:?}: {}", String::from_utf8_lossy(line)),
    }
}

/// Compares a record that is read in one pass with the same line read as any message.
fn check_plain_record(line: &[u8], records: &mut RecordReader, message: &Result<Message<'_>, MessageError>) {
    let mut plain = || {
        let mut record = records.open(str::from_utf8(line).ok()?)?;
        let (stream, data) = (record.stream(), record.data().raw_value()?);
        Some((stream, data, record.close()?))
    };
    let Some(plain) = plain() else { return };
    let Ok(Message::Record(record)) = message else { panic!("{plain:?} and {message:?}") };
    assert_eq!(plain, (record.stream(), record.data.get(), record.extracted_at_ms()));
}

fn value(line: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(line)
}

fn take_stats(message: &mut Value) -> Option<Value> {
    message.get_mut("state")?.as_object_mut()?.remove("destinationStats")
}
