//! The [Airbyte protocol](https://docs.airbyte.com/platform/understanding-airbyte/airbyte-protocol) for connectors, at
//! the speed of the pipe.
//!
//! A connector is a program: it reads messages from standard input, writes messages to standard output, one JSON object
//! a line, and ends with an exit code. This crate reads and writes those messages:
//!
//! | to | use |
//! | --- | --- |
//! | read the lines of standard input | [`BlockReader`], then [`decode_line`] |
//! | read a line as a message | [`Message::parse`]; [`RecordReader`] is the fast way for records |
//! | walk through the data of a record | [`json::Cursor`] |
//! | return a state with its counts | [`State::acknowledged`], then [`Output::state`] |
//! | read the configured catalog | [`parse_catalog`] |
//! | write any other message | [`Output`], the only writer of standard output |
//! | turn `tracing` events into LOG messages | [`log::start`] |
//! | report a failure: TRACE message and exit code | [`Error`], [`run_command`] |
//!
//! The crate needs no asynchronous runtime, and starts one thread, which writes to standard output. It knows no system
//! that records are loaded into or read from. It does not check the data of records against a schema, and does not keep
//! track of which states may be returned: both are the work of the connector.
//!
//! # Example
//!
//! A destination that counts records and returns each state with the count of the records before it:
//!
//! ```
//! use airbyte::{BlockReader, Error, LONGEST_LINE, Message, Output, Result, decode_line};
//!
//! fn write(input: impl std::io::Read, output: &Output) -> Result<()> {
//!     let invalid = |error| Error::system("A line is not a message.").internal(error);
//!     let mut blocks = BlockReader::new(input, LONGEST_LINE);
//!     let mut written = 0;
//!     while let Some(block) = blocks.next_block().map_err(|error| Error::transient(error.to_string()))? {
//!         for (_, line) in block.lines() {
//!             match decode_line(line).and_then(Message::parse).map_err(invalid)? {
//!                 Message::Record(record) => {
//!                     assert_eq!(record.stream().decode().unwrap().name, "users");
//!                     assert_eq!(record.data.get(), r#"{"id":1}"#);
//!                     written += 1;
//!                 }
//!                 Message::State(state) => {
//!                     let line = state.acknowledged(std::mem::take(&mut written), 0);
//!                     let closed = |error| Error::system("Standard output is closed.").internal(error);
//!                     output.state(&line).map_err(closed)?;
//!                 }
//!                 Message::StreamComplete(_) | Message::Other | Message::Unknown => {}
//!             }
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let input = r#"{"type":"RECORD","record":{"stream":"users","data":{"id":1},"emitted_at":1700000000000}}
//! {"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},"stream_state":{"id":1}}}}
//! "#;
//! let (stdout, writer) = std::io::pipe().unwrap();
//! let output = Output::new(writer).unwrap();
//! write(input.as_bytes(), &output).unwrap();
//!
//! drop(output);
//! assert_eq!(
//!     std::io::read_to_string(stdout).unwrap(),
//!     concat!(
//!         r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},"#,
//!         r#""stream_state":{"id":1}},"destinationStats":{"recordCount":1.0,"rejectedRecordCount":0.0}}}"#,
//!         "\n",
//!     ),
//! );
//! ```

pub mod json;
pub mod log;

mod catalog;
mod error;
mod exit;
mod input;
mod output;
mod state;
mod stream_name;

pub use catalog::{ConfiguredStream, JsonTypes, SchemaField, SyncMode, parse_catalog};
pub use error::{Error, FailureType, Result};
pub use exit::{exit_code, exit_code_alone, run_command};
pub use input::{
    Block, BlockReader, InputError, LONGEST_LINE, Message, MessageError, OpenRecord, RawStreamName, Record,
    RecordReader, decode_line,
};
pub use output::{LogLevel, Output, RecordMessage, StreamStatus};
pub use state::{State, StateScope};
pub use stream_name::StreamName;
