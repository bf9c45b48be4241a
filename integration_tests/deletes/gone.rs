//! A record that is to be deleted and is gone already.

use super::*;

/// Salesforce may have refused the row for the other error, and then the record is still there.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_with_another_error_than_that_its_record_is_gone_is_rejected() {
    let gone = "ENTITY_IS_DELETED:entity is deleted:--";
    let other = "INSUFFICIENT_ACCESS_OR_READONLY:insufficient access rights on object id:--";
    for (errors, is_skipped) in [
        (gone.to_owned(), true),
        (gone.repeat(2), true),
        (other.to_owned(), false),
        (format!("{gone}{other}"), false),
        (format!("{other}{gone}"), false),
        (String::new(), false),
    ] {
        let world = world().await;
        let [id] = add(&world, ["x"]);
        world.org.inject(RowFault::new("Item__c", &errors));
        let run = world.write(json!({}), items_by("update", "Id"), ended(vec![deleted("Id", &id)])).await;
        run.assert_success();
        let expected = if is_skipped { counts(1, 0) } else { counts(0, 1) };
        assert_eq!(run.counts(), expected, "{errors}");
        assert_eq!(rejected(&world).len(), usize::from(!is_skipped), "{errors}");
    }
}

/// A stream whose records are deletes rejects each id that names no record.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_deletes_rejects_a_record_that_others_have_deleted() {
    for mode in ["soft_delete", "update"] {
        let world = world().await;
        let [gone, there] = add(&world, ["x", "y"]);
        assert!(world.org.recycle("Item__c", &gone));
        let lines = [&gone, &there].map(|id| deleted("Id", id));
        let run = world.write(json!({}), items_by(mode, "Id"), ended(lines.to_vec())).await;
        run.assert_success();
        let expected = if mode == "update" { counts(2, 0) } else { counts(1, 1) };
        assert_eq!(run.counts(), expected, "{mode}");
        assert!(items(&world).is_empty(), "{mode}");
    }
}
