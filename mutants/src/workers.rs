//! Does pieces of work on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;

/// Calls `work` with the number of the worker and each item, in order, on several threads, until one fails.
///
/// # Errors
/// The first failure.
pub(crate) fn each<T: Sync>(workers: usize, items: &[T], work: impl Fn(usize, &T) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for worker in 0..workers {
            let (next, failure, work) = (&next, &failure, &work);
            scope.spawn(move || {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = work(worker, item) {
                        locked(failure).get_or_insert(error);
                        // Nothing is left for the others.
                        next.store(items.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failure = locked(&failure).take();
    failure.map_or(Ok(()), Err)
}

/// Locks a mutex. That another thread panicked does not matter: the panic ends the program as well.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
