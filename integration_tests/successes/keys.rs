//! Under which values a written record is kept.

use super::*;

/// A source that reads its keys back compares them with its own, of which `1` and `"1"` are two.
#[tokio::test(flavor = "multi_thread")]
async fn each_key_keeps_the_json_type_that_it_has_in_its_record() {
    let keys = [json!(1), json!("2"), json!(3), json!("true"), json!("4"), json!(5), json!("6")];
    for mode in ["append", "append_dedup"] {
        let world = World::kind().await;
        let records: Vec<Value> = keys
            .iter()
            .enumerate()
            .map(|(number, key)| json!({"LastName": format!("L{number}"), "External_Id__c": key}))
            .collect();
        world.write(keeping(), contacts(mode, "External_Id__c"), lines(&records)).await.assert_success();
        let mut kept: Vec<Value> = kept(&world).into_iter().map(|mut row| row["External_Id__c"].take()).collect();
        let mut expected: Vec<Value> = records.iter().map(|data| data["External_Id__c"].clone()).collect();
        kept.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(kept, expected, "{mode}");
    }
}

/// A word that is neither `true` nor `false` says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn whether_a_record_was_created_is_kept_only_if_salesforce_says_so() {
    let words = [("true", json!(true)), ("false", json!(false)), ("TRUE", json!(true)), ("", Value::Null)];
    let words = [&words[..], &[("maybe", Value::Null), ("False", json!(false)), ("1", Value::Null)]].concat();
    for has_column in [true, false] {
        let world = World::kind().await;
        let count = words.len() as u64;
        let mut results = if has_column { "sf__Id,sf__Created," } else { "sf__Id," }.to_owned();
        results.push_str("LastName,Email,External_Id__c\n");
        for (number, (word, _)) in (1..).zip(&words) {
            let created = if has_column { format!("{word},") } else { String::new() };
            results.push_str(&format!("00300000000000{number}AAA,{created}L{number:04},,E{number:04}\n"));
        }
        world.org.inject(RequestFault::new(Endpoint::SuccessfulResults, Answer::csv(&results, count)));
        let run = world.write(keeping(), contacts("append", "External_Id__c"), lines(&some_contacts(count))).await;
        run.assert_success();
        let found: Vec<Value> =
            kept(&world).iter().map(|row| row.get("sf__Created").cloned().unwrap_or_default()).collect();
        let expected: Vec<Value> =
            words.iter().map(|(_, created)| if has_column { created.clone() } else { Value::Null }).collect();
        assert_eq!(found, expected, "{has_column}");
        assert_eq!(kept_values(&world, "External_Id__c").len(), words.len());
    }
}

/// Their folder makes keys longer than those of rejected records.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_too_long_for_written_records_alone_end_the_sync_before_it_begins() {
    let world = World::new().await;
    let write = async |settings: Value, length: usize| {
        let storage = json!({"object_storage_config": {"bucket_path": "abcdefgh/".repeat(200)[..length]}});
        world.write(merge(settings, storage), contacts("append", "External_Id__c"), lines(&[])).await
    };
    let message = write(json!({}), 1_200).await.failure().1.to_owned();
    let longest = message.split_once("could be ").unwrap().1.split_once(" bytes").unwrap().0;
    let length = 1_200 + 1_024 - longest.parse::<usize>().unwrap();
    write(json!({"journal": false}), length).await.assert_success();
    let run = write(merge(keeping(), json!({"journal": false})), length).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("S3 takes 1024"), "{message}");
}
