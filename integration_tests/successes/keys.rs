//! Under which values a written record is kept.

use super::*;

/// A source that reads its keys back compares them with its own, of which `1` and `"1"` are two.
#[tokio::test(flavor = "multi_thread")]
async fn each_key_keeps_the_json_type_that_it_has_in_its_record() {
    let keys = [json!(1), json!("2"), json!(3), json!("true"), json!(true), json!("4"), json!(5), json!("6")];
    for mode in ["append", "append_dedup"] {
        let world = World::kind().await;
        let records: Vec<Value> = keys
            .iter()
            .enumerate()
            .map(|(number, key)| json!({"LastName": format!("L{number}"), "External_Id__c": key}))
            .filter(|data| mode == "append" || data["External_Id__c"] != json!(true))
            .collect();
        world.write(keeping(), contacts(mode, "External_Id__c"), lines(&records)).await.assert_success();
        let mut kept: Vec<Value> = kept(&world).into_iter().map(|mut row| row["External_Id__c"].take()).collect();
        let mut expected: Vec<Value> = records.iter().map(|data| data["External_Id__c"].clone()).collect();
        kept.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(kept, expected, "{mode}");
    }
}
