use salesforce::{FaultKind, FieldType, Operation};
use salesforce_sim::{Answer, Endpoint, Field, Object, RequestFault, Settings};

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
async fn every_object_is_listed_and_many_are_described_in_few_requests() {
    let (sim, org) = start(Settings { extra_objects: 60, ..Settings::default() }).await;
    let mut names: Vec<String> = org.describe_global().await.unwrap().into_iter().map(|object| object.name).collect();
    assert!(names.iter().any(|name| name == "Contact") && names.iter().any(|name| name == "Extra_0060__c"));
    names.insert(1, "Missing__c".to_owned());

    let used = async || {
        let limits = org.limits().await.unwrap().daily_api_requests.unwrap();
        limits.max - limits.remaining
    };
    let before = used().await;
    let described = org.describe_each(&names, |describe| describe.name).await;
    let requests = used().await - before - 1;
    assert_eq!(requests, names.len().div_ceil(10) as u64, "as the org counts them");
    assert!(sim.requests().iter().all(|request| request.endpoint != Endpoint::Describe));
    for (name, described) in names.iter().zip(described) {
        match described {
            Ok(described) => assert_eq!(&described, name),
            Err(fault) => assert_eq!((name.as_str(), fault.kind()), ("Missing__c", FaultKind::NotFound)),
        }
    }
}

#[tokio::test]
async fn few_objects_are_described_in_one_request() {
    let (sim, org) = start(Settings::default()).await;
    let objects = ["Account", "Contact", "Lead", "Case", "User"].map(str::to_owned);
    for (count, endpoint) in [(1, Endpoint::Describe), (2, Endpoint::Composite), (5, Endpoint::Composite)] {
        let before = sim.requests().len();
        let described = org.describe_many(&objects[..count]).await;
        assert!(described.iter().all(Result::is_ok), "{described:?}");
        let made: Vec<_> = sim.requests()[before..].iter().map(|request| request.endpoint).collect();
        assert_eq!(made, [endpoint], "{count} objects");
    }
    assert!(org.describe_many(&[]).await.is_empty());
}

/// Faults of a part and of the whole: the other objects are described all the same.
#[tokio::test]
async fn a_fault_of_a_part_is_one_of_its_object() {
    let objects = ["Account", "Contact", "Lead"].map(str::to_owned);
    for (answer, kind) in [
        (Answer::status(404), Some(FaultKind::NotFound)),
        (Answer::error(403, "INSUFFICIENT_ACCESS", "no access"), Some(FaultKind::Permission)),
        (Answer::error(403, "API_DISABLED_FOR_ORG", "no API"), Some(FaultKind::Permission)),
        // The part is asked for alone, with the retries and the new session of a call of its own.
        (Answer::status(503), None),
        (Answer::status(401), None),
        (Answer::error(400, "InvalidSessionId", "Unable to find session id"), None),
    ] {
        let (sim, org) = start(Settings::default()).await;
        let shown = format!("{answer:?}");
        sim.inject(RequestFault::new(Endpoint::Describe, answer).starting_at(2));
        let described = org.describe_many(&objects).await;
        let kinds: Vec<_> = described.iter().map(|it| it.as_ref().err().map(|fault| fault.kind())).collect();
        assert_eq!(kinds, [None, kind, None], "{shown}");
    }
}

#[tokio::test]
async fn a_session_that_ends_before_a_composite_is_renewed() {
    let (sim, org) = start(Settings::default()).await;
    sim.end_sessions();
    let described = org.describe_many(&["Account", "Contact"].map(str::to_owned)).await;
    assert!(described.iter().all(Result::is_ok), "{described:?}");
    assert_eq!(sim.requests().iter().filter(|request| request.endpoint == Endpoint::Composite).count(), 2);
}
