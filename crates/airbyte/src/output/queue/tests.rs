//! The queue before a reader that does not read yet.

use std::pin::pin;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::task::{Context, Wake};
use std::thread::Thread;

use super::*;

/// A writer that blocks until the test lets it write, and fails when the test drops its end.
struct Pipe {
    permits: Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.permits.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A queue, the sender of the permits to write, and what is written.
fn queue() -> (Queue, Sender<()>, Arc<Mutex<Vec<u8>>>) {
    let (permit, permits) = channel();
    let written = Arc::default();
    let queue = Queue::start(Pipe { permits, written: Arc::clone(&written) }).unwrap();
    (queue, permit, written)
}

fn whole(text: &str) -> Message {
    Message::Whole(text.as_bytes().to_vec())
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

fn is_ready(future: impl Future) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_writer_that_blocks_does_not_block_a_push_and_the_order_is_kept() {
    let (queue, permit, written) = queue();
    for text in ["1", "2", "3"] {
        queue.push(whole(text)).unwrap();
    }
    assert_eq!(written.lock().unwrap().len(), 0);
    for _ in 0..3 {
        permit.send(()).unwrap();
    }
    queue.flush().unwrap();
    assert_eq!(*written.lock().unwrap(), b"1\n2\n3\n");
}

#[test]
fn there_is_room_again_when_enough_is_written() {
    let (queue, permit, _) = queue();
    queue.push(whole(&"x".repeat(ROOM - 1))).unwrap();
    assert!(queue.has_room() && is_ready(queue.room()));
    queue.push(whole("x")).unwrap();
    assert!(!queue.has_room() && !is_ready(queue.room()));
    permit.send(()).unwrap();
    block_on(queue.room());
    assert!(queue.has_room());
}

#[test]
fn whoever_waits_learns_that_the_reader_is_gone() {
    let (queue, permit, _) = queue();
    queue.push(whole(&"x".repeat(ROOM))).unwrap();
    assert!(!is_ready(queue.failure()) && !is_ready(queue.room()));
    drop(permit);
    assert_eq!(block_on(queue.failure()).kind(), io::ErrorKind::BrokenPipe);
    block_on(queue.room());
    assert_eq!(queue.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe, "a message is not written");
    assert_eq!(queue.push(whole("x")).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn abandoned_messages_are_waited_for_no_longer() {
    let (queue, _permit, _) = queue();
    queue.push(whole("x")).unwrap();
    let queue = Arc::new(queue);
    let flush = Arc::clone(&queue);
    let flush = thread::spawn(move || flush.flush());
    queue.abandon();
    assert_eq!(flush.join().unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[test]
fn the_first_failure_stays_the_reason() {
    let (queue, permit, _) = queue();
    queue.push(whole("x")).unwrap();
    drop(permit);
    block_on(queue.failure());
    queue.abandon();
    for error in [queue.flush(), queue.check(), queue.push(whole("y"))] {
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn what_is_written_before_the_queue_is_abandoned_is_no_failure() {
    let (queue, permit, _) = queue();
    queue.push(whole("x")).unwrap();
    permit.send(()).unwrap();
    queue.flush().unwrap();
    queue.abandon();
    queue.flush().unwrap();
    assert!(queue.push(whole("y")).is_err());
}

#[test]
fn no_message_comes_between_the_parts_of_another() {
    let (queue, permit, written) = queue();
    let (sender, parts) = sync_channel(1);
    queue.push(Message::Parts(parts)).unwrap();
    queue.push(whole("after")).unwrap();
    for _ in 0..4 {
        permit.send(()).unwrap();
    }
    sender.send(b"first,".to_vec()).unwrap();
    sender.send(b"second".to_vec()).unwrap();
    drop(sender);
    queue.flush().unwrap();
    assert_eq!(*written.lock().unwrap(), b"first,second\nafter\n");
}

#[test]
fn the_sender_of_parts_learns_that_the_reader_is_gone() {
    let (queue, permit, _) = queue();
    let (sender, parts) = sync_channel(1);
    queue.push(Message::Parts(parts)).unwrap();
    drop(permit);
    while sender.send(Vec::from(b"x")).is_ok() {}
    assert!(queue.flush().is_err());
}

#[test]
fn the_sender_of_parts_that_wait_for_their_turn_learns_that_the_reader_is_gone() {
    let (queue, permit, _) = queue();
    queue.push(whole("before")).unwrap();
    let (sender, parts) = sync_channel(1);
    queue.push(Message::Parts(parts)).unwrap();
    drop(permit);
    while sender.send(Vec::from(b"x")).is_ok() {}
    assert_eq!(queue.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_message_is_counted_until_it_is_written() {
    let (queue, permit, _) = queue();
    queue.push(whole(&"a".repeat(1_000))).unwrap();
    queue.push(whole(&"b".repeat(1_000))).unwrap();
    assert!((2_000..2_100).contains(&queue.bytes()), "{}", queue.bytes());
    for _ in 0..10 {
        permit.send(()).unwrap();
    }
    queue.flush().unwrap();
    assert_eq!(queue.bytes(), 0);
}

#[test]
fn a_message_has_left_when_it_counts_as_written() {
    let (permit, permits) = channel();
    let written = Arc::default();
    let pipe = Pipe { permits, written: Arc::clone(&written) };
    let queue = Queue::start(io::BufWriter::new(pipe)).unwrap();
    for (text, expected) in [("1", "1\n"), ("2", "1\n2\n")] {
        permit.send(()).unwrap();
        queue.push(whole(text)).unwrap();
        queue.flush().unwrap();
        assert_eq!(*written.lock().unwrap(), expected.as_bytes());
    }
}
