//! The messages that wait for standard output, and the thread that writes them.
//!
//! A write to a pipe blocks for as long as nobody reads, and cannot be interrupted. So only this thread writes: a
//! task adds its message to the queue and continues, and the process can end although the thread is blocked.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

/// From this many bytes on, the queue has no room. It is four times what a pipe holds, so a reader that pauses for a
/// moment delays nobody.
pub(super) const ROOM: usize = 256 * 1024;

/// A message, without the end of its line.
pub(super) enum Message {
    Whole(Vec<u8>),
    /// The parts of a message that is too long to be held. Nothing else is written until the sender is dropped.
    Parts(Receiver<Vec<u8>>),
}

/// The queue. The thread ends once this is dropped and every message is written.
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Notified whenever `state` changes.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    /// The messages that are not written, with the one that is being written.
    unwritten: usize,
    /// The bytes of these messages.
    bytes: usize,
    /// Why nothing is written any more.
    failure: Option<io::ErrorKind>,
    is_dropped: bool,
    /// The tasks that wait for room or for a failure.
    wakers: Vec<Waker>,
}

impl Queue {
    /// Starts the thread.
    pub(super) fn start(mut writer: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let queue = Self(Arc::clone(&shared));
        thread::Builder::new().name("stdout".to_owned()).spawn(move || {
            let written = catch_unwind(AssertUnwindSafe(|| shared.write_all(&mut writer)));
            if let Err(error) = written.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())) {
                shared.fail(error.kind());
            }
        })?;
        Ok(queue)
    }

    /// Adds a message, whether there is room or not.
    pub(super) fn push(&self, message: Message) -> io::Result<()> {
        let mut state = self.0.lock();
        if let Some(failure) = state.failure {
            return Err(failure.into());
        }
        state.bytes += message.length();
        state.unwritten += 1;
        state.messages.push_back(message);
        self.0.changed.notify_all();
        Ok(())
    }

    pub(super) fn has_room(&self) -> bool {
        self.0.lock().has_room()
    }

    /// The bytes of the messages that are not written.
    pub(super) fn bytes(&self) -> usize {
        self.0.lock().bytes
    }

    /// Waits until there is room, or a failure.
    pub(super) async fn room(&self) {
        self.wait_for(|state| (state.has_room() || state.failure.is_some()).then_some(())).await;
    }

    /// Fails if nothing is written any more.
    pub(super) fn check(&self) -> io::Result<()> {
        self.0.lock().failure.map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Waits until nothing is written any more.
    pub(super) async fn failure(&self) -> io::Error {
        self.wait_for(|state| state.failure.map(io::Error::from)).await
    }

    async fn wait_for<T>(&self, condition: impl Fn(&State) -> Option<T>) -> T {
        poll_fn(|context| {
            let mut state = self.0.lock();
            if let Some(value) = condition(&state) {
                return Poll::Ready(value);
            }
            if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                state.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Blocks until every message is written, or cannot be written any more.
    pub(super) fn flush(&self) -> io::Result<()> {
        let waits = |state: &mut State| state.unwritten > 0 && state.failure.is_none();
        let state = self.0.changed.wait_while(self.0.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        match state.failure {
            Some(failure) if state.unwritten > 0 => Err(failure.into()),
            _ => Ok(()),
        }
    }

    /// Gives up what is not written.
    pub(super) fn abandon(&self) {
        self.0.fail(io::ErrorKind::TimedOut);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.0.lock().is_dropped = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    /// Nothing panics while it holds the lock, so the state of a poisoned one is sound.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes each message as soon as it comes, until the queue is dropped or a write fails.
    fn write_all(&self, writer: &mut impl Write) -> io::Result<()> {
        while let Some(message) = self.next() {
            let length = message.length();
            message.write(writer)?;
            self.written(length);
        }
        Ok(())
    }

    fn written(&self, length: usize) {
        let mut state = self.lock();
        let had_room = state.has_room();
        state.unwritten -= 1;
        state.bytes -= length;
        if !had_room && state.has_room() {
            state.wake();
        }
        self.changed.notify_all();
    }

    /// Waits for the next message. There is none after a failure, or when the queue is dropped and empty.
    fn next(&self) -> Option<Message> {
        let waits = |state: &mut State| state.messages.is_empty() && !state.is_dropped && state.failure.is_none();
        let mut state = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        if state.failure.is_some() { None } else { state.messages.pop_front() }
    }

    /// Writes nothing from now on. The first failure stays.
    fn fail(&self, failure: io::ErrorKind) {
        let mut state = self.lock();
        state.failure.get_or_insert(failure);
        // This frees the memory, and signals the sender of the parts of a message.
        state.messages.clear();
        state.wake();
        self.changed.notify_all();
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.bytes < ROOM
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl Message {
    /// The bytes that the message holds. Those of parts are few.
    fn length(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Parts(_) => 0,
        }
    }

    /// Writes the message as a line. Parts that end too early end the line too, so the next message is whole.
    fn write(self, writer: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Whole(mut bytes) => {
                bytes.push(b'\n');
                writer.write_all(&bytes)?;
            }
            Self::Parts(parts) => {
                for part in parts {
                    writer.write_all(&part)?;
                }
                writer.write_all(b"\n")?;
            }
        }
        writer.flush()
    }
}

#[cfg(test)]
mod tests;
