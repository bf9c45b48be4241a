use salesforce::{FaultKind, FieldType, Operation};
use salesforce_sim::{Field, Object, Settings};

use crate::start;

fn shipment() -> Object {
    Object::custom("Shipment__c")
        .field(Field::text("Tracking_Number__c", 40).external_id().unique())
        .field(Field::picklist("Status__c", &["Sent", "Received"]).restricted())
        .field(Field::reference("Account__c", &["Account"]))
        .field(Field::int("Days__c", 4).formula())
}

#[tokio::test]
async fn an_object_is_described_with_its_fields() {
    let (_sim, org) = start(Settings { objects: vec![shipment()], ..Settings::default() }).await;
    let shipment = org.describe("Shipment__c").await.unwrap();
    assert!(shipment.createable && shipment.updateable && shipment.deletable);

    let number = shipment.field("tracking_number__C").unwrap();
    assert_eq!((&number.field_type, number.length), (&FieldType::String, 40));
    assert!(number.is_lookup() && number.is_writable_by(Operation::Upsert) && !number.is_required());

    let status = shipment.field("Status__c").unwrap();
    assert_eq!(
        (status.picklist_values.as_slice(), status.restricted_picklist),
        (&["Sent".into(), "Received".into()][..], true)
    );

    let account = shipment.field("Account__c").unwrap();
    assert_eq!((account.reference_to[0].as_str(), account.polymorphic), ("Account", false));
    assert_eq!(account.relationship_name.as_deref(), Some("Account__r"));
    assert!(shipment.field("OwnerId").unwrap().polymorphic);

    let days = shipment.field("Days__c").unwrap();
    assert!(days.calculated && !days.is_writable_by(Operation::Insert));
}

#[tokio::test]
async fn an_object_that_is_not_there_is_not_found() {
    let (_sim, org) = start(Settings::default()).await;
    assert_eq!(org.describe("Contcat").await.unwrap_err().kind(), FaultKind::NotFound);
}

#[tokio::test]
async fn every_object_is_listed_and_many_are_described_at_once() {
    let (sim, org) = start(Settings { extra_objects: 60, ..Settings::default() }).await;
    let mut names: Vec<String> = org.describe_global().await.unwrap().into_iter().map(|object| object.name).collect();
    assert!(names.iter().any(|name| name == "Contact") && names.iter().any(|name| name == "Extra_0060__c"));
    names.insert(1, "Missing__c".to_owned());

    let requests = sim.requests().len();
    let described = org.describe_each(&names, |describe| describe.name).await;
    assert_eq!(sim.requests().len() - requests, names.len().div_ceil(25));
    for (name, described) in names.iter().zip(described) {
        match described {
            Ok(described) => assert_eq!(&described, name),
            Err(fault) => assert_eq!((name.as_str(), fault.kind()), ("Missing__c", FaultKind::NotFound)),
        }
    }
}
