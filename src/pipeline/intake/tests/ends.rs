//! How the intake ends, and which stream a record belongs to.

use super::*;

#[test]
fn a_stream_is_known_by_its_name_and_its_namespace() {
    let names =
        [(None, "c"), (Some("crm"), "c"), (Some("erp"), "c"), (None, "d"), (Some("crm"), "d"), (Some("c"), "crm")];
    for (last, (namespace, name)) in names.into_iter().enumerate() {
        let last_stream = LastStream { namespace: namespace.map(Into::into), name: name.into(), index: last };
        for (other, (namespace, name)) in names.into_iter().enumerate() {
            assert_eq!(last_stream.is_named(RawStreamName { namespace, name }), last == other, "{last} {other}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_rejected_records_counts_at_the_end_of_a_small_sync() {
    for (percent, written, rejected, is_too_much) in
        [(30.0, 2, 1, true), (34.0, 2, 1, false), (0.0, 2, 1, true), (0.0, 3, 0, false), (99.0, 0, 1, true)]
    {
        let rejection_limits = RejectionLimits { percent: Some(percent), ..RejectionLimits::default() };
        let mut bench = Bench::with(usize::MAX, |settings| IntakeSettings { rejection_limits, ..settings }).await;
        (0..written + rejected).for_each(|_| bench.record("a", contact()));
        bench.state("a", 1);
        bench.settle(0, written, rejected, 0);
        bench.intake.end(Ending::Complete);
        assert_eq!(bench.states(), [(1, written, rejected)], "what is settled is acknowledged");
        let outcome = message(bench.intake.conclude().await);
        let is_refused = outcome.as_ref().is_some_and(|message| message.contains("`max_rejected_percent` allows"));
        assert_eq!(is_refused, is_too_much, "{percent} {written} {rejected}");
        assert_eq!(outcome.is_some(), is_too_much, "{percent} {written} {rejected}");
    }
}

/// What the thread that reads the input has sent when the sync is asked to stop.
#[derive(Debug, Clone, Copy)]
enum Sent {
    Nothing,
    End,
    Failure,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_after_the_end_of_the_input_is_no_error_if_nothing_is_left_to_do() {
    let stopped = Some("The run was stopped");
    for (sent, is_settled, expected) in [
        (Sent::End, true, None),
        (Sent::End, false, stopped),
        (Sent::Nothing, true, stopped),
        (Sent::Nothing, false, stopped),
        (Sent::Failure, true, stopped),
    ] {
        let mut bench = Bench::new(usize::MAX).await;
        bench.record("a", contact());
        if is_settled {
            bench.settle(0, 1, 0, 0);
        }
        let (sender, input) = mpsc::channel(1);
        match sent {
            Sent::Nothing => {}
            Sent::End => sender.try_send(Input::End).unwrap(),
            Sent::Failure => {
                sender.try_send(Input::Failed(airbyte::InputError::LineTooLong { line: 1, limit: 1 })).unwrap();
            }
        }
        let stop = Stop::default();
        stop.request();
        let signals = Signals { input, events: Jobs::none().1, quota: None, stop };
        let outcome = message(bench.intake.run(signals).await.outcome);
        match expected {
            None => assert_eq!(outcome, None, "{sent:?} {is_settled}"),
            Some(start) => {
                assert!(outcome.as_ref().is_some_and(|it| it.starts_with(start)), "{sent:?} {is_settled} {outcome:?}");
            }
        }
        drop(sender);
    }
}

/// A thread that panics sends neither the end of the input nor why it cannot go on.
#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_breaks_off_without_its_end_fails_the_sync() {
    for sends_end in [true, false] {
        let mut bench = Bench::new(usize::MAX).await;
        bench.record("a", contact());
        bench.state("a", 1);
        bench.settle(0, 1, 0, 0);
        let (sender, input) = mpsc::channel(1);
        if sends_end {
            sender.try_send(Input::End).unwrap();
        }
        drop(sender);
        let signals = Signals { input, events: Jobs::none().1, quota: None, stop: Stop::default() };
        assert_eq!(bench.intake.run(signals).await.outcome.is_ok(), sends_end);
    }
}

/// The state waits until the entry of the job that wrote its record is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_does_not_succeed_before_its_last_state_has_left() {
    let folder = tempfile::TempDir::new().unwrap();
    let storage = json!({"storage_type": "Local", "path": folder.path().to_str().unwrap()});
    let config = valid(&client(json!({"object_storage_config": storage})));
    let journal = Arc::new(Journal::open(config.journal_storage().unwrap(), 1).await.unwrap());
    journal.enter(&entry_of(&["LastName"], &["A\n"])).await.unwrap();

    let mut bench =
        Bench::with(usize::MAX, |settings| IntakeSettings { journal: Some(Arc::clone(&journal)), ..settings }).await;
    bench.record("a", contact());
    bench.state("a", 1);
    bench.settle(0, 1, 0, 0);
    bench.intake.end(Ending::Complete);
    assert!(message(bench.intake.outcome()).unwrap().contains("is unknown"));
    bench.intake.end(Ending::Complete);
    bench.intake.interrupt(error("it was stopped"));
    assert_eq!(message(bench.intake.outcome()).as_deref(), Some("it was stopped"));
    assert_eq!(bench.states(), []);
    let removed = bench.intake.acknowledgements.removed().await;
    bench.intake.states_may_leave(removed);
    bench.intake.end(Ending::Complete);
    assert_eq!(message(bench.intake.outcome()), None);
    assert_eq!(bench.states(), [(1, 1, 0)]);
}
