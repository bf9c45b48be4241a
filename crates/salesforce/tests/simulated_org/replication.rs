//! Which records changed and were deleted.

use std::time::Duration;

use jiff::Timestamp;
use salesforce_sim::{Object, Settings};

use crate::start;

#[tokio::test]
async fn changes_and_deletions_are_named_up_to_what_the_org_vouches_for() {
    let (sim, org) = start(Settings::default()).await;
    sim.stop_clock();
    let began = Timestamp::from_second(sim.now()).unwrap();
    let minutes = |minutes: i64| began + jiff::SignedDuration::from_mins(minutes);
    let [changed, gone] = ["a", "b"].map(|name| sim.insert("Account", &[("Name", name)]).unwrap());
    sim.advance_clock(Duration::from_secs(90));
    let deleted_at = Timestamp::from_second(sim.now()).unwrap();
    assert!(sim.erase("Account", &gone));
    sim.advance_clock(Duration::from_secs(90));
    let transaction = sim.begin_transaction();
    sim.advance_clock(Duration::from_secs(190));

    let updated = org.updated("Account", began, minutes(9)).await.unwrap();
    assert_eq!((&updated.ids, updated.latest_date_covered), (&vec![changed], Some(minutes(3))));
    assert_eq!(updated.answered_at, Some(Timestamp::from_second(sim.now()).unwrap()));
    assert_eq!(org.now().await.unwrap(), updated.answered_at);
    let deleted = org.deleted("Account", (began, minutes(9)), 9).await.unwrap().unwrap();
    assert_eq!(deleted.latest_date_covered, Some(minutes(3)));
    assert!(deleted.earliest_date_available.is_some_and(|earliest| earliest < began));
    let [record] = &deleted.records[..] else { panic!("{deleted:?}") };
    assert_eq!((record.id.as_str(), record.deleted_at), (&*gone, deleted_at));
    transaction.commit();
    let updated = org.updated("Account", began, minutes(9)).await.unwrap();
    assert_eq!(updated.latest_date_covered, Some(minutes(6)), "the present minute");
}

#[tokio::test]
async fn a_refused_span_keeps_its_code() {
    let plain = Object::custom("Plain__c").without_replication();
    let settings = Settings { objects: vec![plain], max_replicated_ids: 0, ..Settings::default() };
    let (sim, org) = start(settings).await;
    sim.stop_clock();
    let now = Timestamp::from_second(sim.now()).unwrap();
    let ago = |minutes: i64| now - jiff::SignedDuration::from_mins(minutes);
    sim.insert("Account", &[("Name", "a")]);
    sim.advance_clock(Duration::from_secs(300));
    for (object, from, to, code) in [
        ("Account", ago(1), now, "INVALID_REPLICATION_DATE"),
        ("Account", ago(60 * 24 * 31), now, "INVALID_REPLICATION_DATE"),
        ("Account", ago(5), ago(-5), "EXCEEDED_ID_LIMIT"),
        ("Plain__c", ago(5), now, "INVALID_TYPE_FOR_OPERATION"),
    ] {
        let fault = org.updated(object, from, to).await.unwrap_err();
        assert_eq!((fault.code(), fault.is_transient()), (Some(code), false), "{object} {from}");
    }
}
