//! Values that are easily changed in silence: each arrives as `docs/values.md` says, or its record is rejected.

use salesforce_sim::{Field, Object, RowFault, Settings};
use serde_json::{Value, json};

use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

/// An org with one object, `Item__c`, whose key is `Key__c`.
async fn world(fields: impl IntoIterator<Item = Field>) -> World {
    let key = Field::text("Key__c", 20).external_id().unique();
    let item = fields.into_iter().fold(Object::custom("Item__c").field(key), Object::field);
    World::with(Settings { objects: vec![item], ..Settings::default() }).await
}

fn key(number: usize) -> String {
    format!("K-{number}")
}

/// Upserts each value into the field of the record K-0, K-1, and so on.
async fn upsert(world: &World, config: Value, (field, json_type): (&str, &str), values: &[Value]) {
    let streams =
        [keyed(stream("i", "Item__c", &[("Key__c", "string"), (field, json_type)]), "append_dedup", "Key__c")];
    let records =
        values.iter().enumerate().map(|(number, value)| record("i", json!({"Key__c": key(number), field: value})));
    let lines = records.chain([state("i", 1), complete("i")]).collect();
    world.write(config, catalog(&streams), lines).await.assert_success();
}

/// The reasons of the rejected records by their keys.
fn reasons(world: &World) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut reasons: Vec<_> = world
        .rejected()
        .iter()
        .map(|row| (text(&row["_airbyte_data"]["Key__c"]), text(&row["_airbyte_data"]["rejected_reason"])))
        .collect();
    reasons.sort();
    reasons
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_clears_a_multi_select_picklist_where_null_does() {
    for (nulls, expected) in [("clear", None), ("ignore", Some("A;B"))] {
        let world = world([Field::multipicklist("Many__c", &["A", "B"])]).await;
        for number in 0..3 {
            world.org.insert("Item__c", &[("Key__c", &key(number)), ("Many__c", "A;B")]).unwrap();
        }
        let values = [json!([]), json!([null]), json!([""])];
        upsert(&world, json!({"null_handling": nulls}), ("Many__c", "array"), &values).await;
        let kept = Some("A;B".to_owned());
        assert_eq!(world.values("Item__c", "Many__c"), [expected.map(str::to_owned), kept.clone(), kept], "{nulls}");
        let wrong = "INVALID_TYPE_ON_FIELD_IN_RECORD".to_owned();
        assert_eq!(reasons(&world), [(key(1), wrong.clone()), (key(2), wrong)], "a list with nothing in it is no list");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_does_not_exist_and_a_year_that_salesforce_does_not_take_are_rejected_before_they_are_sent() {
    let values = [
        ("1700-01-01", None),
        ("4000-12-31", None),
        ("2024-02-29", None),
        ("2026-02-30", Some("has a day or a time that does not exist")),
        ("2026-13-01", Some("has a day or a time that does not exist")),
        ("0001-01-01", Some("has a year before 1700 or after 4000")),
        ("9999-12-31", Some("has a year before 1700 or after 4000")),
        ("31.01.2026", Some("takes a date")),
    ];
    for (field, suffix) in [(Field::date("Moment__c"), ""), (Field::datetime("Moment__c"), "T12:00:00Z")] {
        let world = world([field]).await;
        let sent: Vec<Value> = values.iter().map(|(date, _)| json!(format!("{date}{suffix}"))).collect();
        upsert(&world, json!({}), ("Moment__c", "string"), &sent).await;
        assert_eq!(world.org.count("Item__c"), 3);
        assert_eq!(world.org.jobs()[0].rows, 3, "nothing else is sent");
        let rejected = world.rejected();
        for (number, (date, reason)) in values.iter().enumerate() {
            let row = rejected.iter().find(|row| row["_airbyte_data"]["Key__c"] == key(number));
            let message = row.map(|row| row["_airbyte_data"]["rejected_message"].as_str().unwrap());
            assert_eq!(message.is_some(), reason.is_some(), "{date}");
            assert!(message.unwrap_or_default().contains(reason.unwrap_or_default()), "{date}: {message:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_text_that_stays_the_same_kind_of_text_is_truncated() {
    let long = "<p>R&D in Example</p>";
    let number = "+1 555 0100-0000-0000-0000-0000-0000-0000-0000";
    for (field, json_type, value, stored) in [
        (Field::text("Value__c", 10), "string", json!("abcdefghijkl"), Some("abcdefghij")),
        (Field::textarea("Value__c", 10), "string", json!("abcdefghijkl"), Some("abcdefghij")),
        (Field::text("Value__c", 4), "string", json!("cafe\u{301}s"), Some("caf")),
        (Field::text("Value__c", 4), "string", json!("#N/A or so"), None),
        (Field::rich_text("Value__c", 20), "string", json!(long), None),
        (Field::text("Value__c", 10).external_id(), "string", json!("abcdefghijkl"), None),
        (Field::phone("Value__c"), "string", json!(number), None),
        (Field::url("Value__c"), "string", json!(format!("https://example.com/{}", "a".repeat(255))), None),
        (Field::email("Value__c"), "string", json!(format!("a@example.{}", "com".repeat(40))), None),
        (Field::text("Value__c", 10), "object", json!({"a": "long enough"}), None),
        (Field::text("Value__c", 10), "array", json!(["long enough"]), None),
        (Field::text("Value__c", 10), "number", json!(123_456_789_012_u64), None),
    ] {
        let world = world([field]).await;
        upsert(&world, json!({"truncate_text": true}), ("Value__c", json_type), std::slice::from_ref(&value)).await;
        let rejected = world.rejected();
        match stored {
            Some(stored) => assert_eq!(world.values("Item__c", "Value__c"), [Some(stored.to_owned())], "{value}"),
            None => {
                assert_eq!(world.org.count("Item__c"), 0, "{value}");
                assert_eq!(rejected[0]["_airbyte_data"]["rejected_reason"], "STRING_TOO_LONG", "{value}");
                assert_eq!(rejected[0]["_airbyte_data"]["Value__c"], value, "the whole value is kept");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_400_000_characters_is_loaded_whatever_csv_adds_to_it() {
    let names = ["A__c", "B__c", "C__c", "D__c"];
    let world = world(names.map(|name| Field::textarea(name, 131_072))).await;
    let schema: Vec<_> = [("Key__c", "string")].into_iter().chain(names.map(|name| (name, "string"))).collect();
    let streams = [keyed(stream("i", "Item__c", &schema), "append_dedup", "Key__c")];
    // The key takes 3 characters.
    let item = |number: usize, last: usize| {
        let full = "\",".repeat(50_000);
        record("i", json!({"Key__c": key(number), "A__c": full, "B__c": full, "C__c": full, "D__c": "\"".repeat(last)}))
    };
    let lines = vec![item(0, 99_997), item(1, 99_998), state("i", 1), complete("i")];
    let run = world.write(json!({}), catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 1 }]);
    assert_eq!(reasons(&world), [(key(1), "RECORD_TOO_LONG".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_record_has_the_json_types_that_its_values_had() {
    let fields: [(&str, &[Value]); 5] = [
        ("Flag__c", &[json!(1), json!(true), json!("true"), json!(0), json!(false)]),
        (
            "Text__c",
            &[
                json!(5),
                json!("5"),
                json!(1.5),
                json!(true),
                json!("true"),
                json!({"a": [1]}),
                json!([1, "x"]),
                json!("[1]"),
            ],
        ),
        ("Number__c", &[json!(12), json!("12"), json!("1.50"), json!(-3)]),
        ("Many__c", &[json!("A"), json!(["A"]), json!(["A", "B"]), json!("A;B")]),
        ("Code__c", &[json!(7), json!(null), json!(8)]),
    ];
    let schemas = [
        &[][..],
        &[
            ("Key__c", "string"),
            ("Email__c", "string"),
            ("Flag__c", "integer"),
            ("Text__c", "string"),
            ("Number__c", "number"),
            ("Many__c", "array"),
            ("Code__c", "string"),
        ],
    ];
    // A row that stays locked is sent again three times.
    for (schema, is_locked) in [(schemas[0], false), (schemas[1], false), (schemas[1], true)] {
        let world = world([
            Field::email("Email__c"),
            Field::boolean("Flag__c"),
            Field::textarea("Text__c", 100),
            Field::double("Number__c", 10, 2),
            Field::multipicklist("Many__c", &["A", "B"]),
            Field::text("Code__c", 10),
        ])
        .await;
        if is_locked {
            let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
            world.org.inject(RowFault::new("Item__c", lock));
        }
        let email = if is_locked { "a@example.com" } else { "nowhere" };
        let sent: Vec<Value> = (0..60)
            .map(|number| {
                let mut data = json!({"Key__c": key(number), "Email__c": email});
                for (name, values) in fields {
                    data[name] = values[number % values.len()].clone();
                }
                data
            })
            .collect();
        let mut lines: Vec<String> = sent.iter().map(|data| record("i", data.clone())).collect();
        lines.extend([state("i", 1), complete("i")]);
        let run = world.write(json!({}), catalog(&[stream("i", "Item__c", schema)]), lines).await;
        run.assert_success();
        let rejected = world.rejected();
        assert_eq!(rejected.len(), sent.len());
        for data in &sent {
            let row = rejected.iter().find(|row| row["_airbyte_data"]["Key__c"] == data["Key__c"]).unwrap();
            for (name, value) in data.as_object().unwrap() {
                assert_eq!(&row["_airbyte_data"][name], value, "{name} of {}", data["Key__c"]);
            }
        }
    }
}
