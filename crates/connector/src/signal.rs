//! How the system asks a command to stop.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::stop::Stop;
use airbyte::{Error, Output, Result};

/// How long the last messages of a stopped run may take. By then the run has ended, and a reader that reads takes them
/// within milliseconds.
const TIME_FOR_LAST_MESSAGES: Duration = Duration::from_secs(3);

const STOPPING: &str = "stopping: waiting for running jobs and for the answer to a sign-in, for at most a minute or until \
                        the next signal";

/// A stop that is requested by each signal that ends a process. A stopped run ends although nobody reads its output,
/// once the sender is dropped. `notice` shows a person that the run stops.
///
/// # Errors
/// The signals of the system cannot be received.
pub fn stop_on_signal(output: &Output, notice: impl Fn(&str) + Send + 'static) -> Result<(Stop, oneshot::Sender<()>)> {
    let listen = |kind| {
        signal(kind).map_err(|error| Error::system("The signals of the system cannot be received.").internal(error))
    };
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = Stop::default();
    // Dropped at the end of the run, also by a panic.
    let (running, ended) = oneshot::channel();
    tokio::spawn(abandon_output(output.clone(), stop.clone(), ended));
    let stopped = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stopped.request();
            tracing::warn!("{STOPPING}");
            notice(STOPPING);
        }
    });
    Ok((stop, running))
}

/// Discards the unwritten output of a stopped run after its end, so that the process ends although nobody reads it. Not
/// earlier: the answer to a sign-in may have a new refresh token for the platform.
async fn abandon_output(output: Output, stop: Stop, ended: oneshot::Receiver<()>) {
    stop.grace_period_over().await;
    // Nothing is sent; the sender is dropped.
    let _ = ended.await;
    tokio::time::sleep(TIME_FOR_LAST_MESSAGES).await;
    output.abandon();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_output_is_given_up_only_after_the_stop_and_the_end_of_the_run() {
        for stops_first in [true, false] {
            let output = Output::new(std::io::sink()).unwrap();
            let (stop, (running, ended)) = (Stop::default(), oneshot::channel());
            let task = tokio::spawn(abandon_output(output.clone(), stop.clone(), ended));
            let _running = if stops_first {
                stop.request();
                Some(running)
            } else {
                drop(running);
                None
            };
            tokio::time::sleep(Duration::from_secs(60 * 60)).await;
            assert!(!task.is_finished(), "stops first: {stops_first}");
            output.state("{}").unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_messages_of_a_stopped_run_have_three_seconds() {
        let output = Output::new(std::io::sink()).unwrap();
        let (stop, (running, ended)) = (Stop::default(), oneshot::channel());
        stop.request();
        stop.request();
        drop(running);
        let started = tokio::time::Instant::now();
        abandon_output(output.clone(), stop, ended).await;
        assert_eq!(started.elapsed(), Duration::from_secs(3));
        assert!(output.state("{}").is_err());
    }
}
