//! More than one column of a reference, and more than one reference of a nested object.

use super::*;

/// The reference may be filled after it was cleared, whatever names the record.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_only_records_show_may_fill_a_reference_that_a_null_object_clears() {
    for by_id in [true, false] {
        let world = world().await;
        let root = world.org.records("Account")[0]["Id"].clone().unwrap();
        let (column, value) = if by_id { ("ParentId", root.as_str()) } else { ("Parent.External_Id__c", "root") };
        let fields = [("External_Id__c", "string"), ("Name", "string"), ("Parent", "object")];
        let accounts = keyed(stream("a", "Account", &fields), "append_dedup", "External_Id__c");
        let mut other = json!({"External_Id__c": "other", "Name": "o"});
        other[column] = json!(value);
        let leaf = record("a", json!({"External_Id__c": "leaf", "Parent": null}));
        let lines = vec![leaf, record("a", other), state("a", 1), complete("a")];
        let run = world.write(json!({"null_handling": "clear"}), catalog(&[accounts]), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }], "{column}");
        assert_eq!(world.values("Account", "ParentId"), [None, None, Some(root)], "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_nested_object_may_name_the_records_of_two_references() {
    for members in [&[][..], &["External_Id__c", "Boss"]] {
        let world = world().await;
        let boss = world.org.insert("Contact", &[("LastName", "boss"), ("External_Id__c", "boss")]).unwrap();
        let entry = json!({"source": "Account.Boss", "target": "ReportsTo.External_Id__c"});
        let config = json!({"streams": [{"stream": "c", "fields": [entry]}]});
        let data = json!({"LastName": "1", "Account": {"External_Id__c": "root", "Boss": "boss"}});
        let lines = vec![record("c", data), state("c", 1), complete("c")];
        let run = world.write(config, catalog(&[contacts_with_account(members)]), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
        assert_eq!(world.values("Contact", "ReportsToId"), [None, Some(boss)]);
        assert!(world.values("Contact", "AccountId")[1].is_some());
    }
}
