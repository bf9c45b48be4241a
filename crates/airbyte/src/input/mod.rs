//! The input of a destination, from bytes to messages.

mod block;
mod message;
mod record;

pub use block::{Block, BlockReader, InputError, LONGEST_LINE};
pub use message::{Message, MessageError, RawStreamName, Record, decode_line};
pub use record::{OpenRecord, RecordReader};
