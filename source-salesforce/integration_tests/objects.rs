//! Objects that queries must treat in a way of their own, and fields that no query gives.

use salesforce_sim::{Field, Object, Settings};
use serde_json::{Value, json};

use crate::connector::Run;
use crate::world::{World, catalog, sorted};

async fn world(objects: Vec<Object>) -> World {
    World::with(Settings { objects, ..Settings::default() }).await
}

/// The properties of the streams that `discover` offers.
fn properties<'r>(run: &'r Run, stream: &str) -> Option<&'r Value> {
    run.assert_success();
    let streams = run.only("CATALOG")["catalog"]["streams"].as_array().unwrap();
    streams.iter().find(|it| it["name"] == stream).map(|stream| &stream["json_schema"]["properties"])
}

fn count_calls(world: &World) -> usize {
    world.org.requests().iter().filter(|request| request.path.to_lowercase().contains("select+count")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_activities_are_read_and_deleted_ones_are_not() {
    let event = Object::standard("Event", "00U")
        .field(Field::text("Subject", 255))
        .field(Field::boolean("IsArchived").read_only());
    let world = world(vec![event]).await;
    for object in ["Task", "Event"] {
        world.org.insert(object, &[("Subject", "Live")]).unwrap();
        world.org.insert(object, &[("Subject", "Archived"), ("IsArchived", "true")]).unwrap();
        for archived in ["true", "false"] {
            let deleted = world.org.insert(object, &[("Subject", "Deleted"), ("IsArchived", archived)]).unwrap();
            assert!(world.org.recycle(object, &deleted));
        }
    }
    for api in ["bulk", "rest", "auto"] {
        let run = world.read(json!({"api": api}), &catalog(&[("Task", &["Subject"]), ("Event", &["Subject"])])).await;
        run.assert_success();
        for object in ["Task", "Event"] {
            assert_eq!(sorted(run.column(object, "Subject")), ["Archived", "Live"], "{api} {object}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_empty_id_of_a_big_object_is_neither_offered_nor_read() {
    let world = world(vec![Object::big("Reading__b").field(Field::text("Meter__c", 20))]).await;
    for meter in ["M-1", "M-2"] {
        world.org.insert("Reading__b", &[("Meter__c", meter)]).unwrap();
    }
    let run = world.discover(json!({})).await;
    let offered = properties(&run, "Reading__b").unwrap();
    assert!(offered.get("Id").is_none() && offered["Meter__c"].is_object(), "{offered}");
    let streams = run.only("CATALOG")["catalog"]["streams"].as_array().unwrap();
    let stream = streams.iter().find(|stream| stream["name"] == "Reading__b").unwrap();
    assert!(stream.get("source_defined_primary_key").is_none(), "all records would be one: {stream}");
    for columns in [&[][..], &["Meter__c"][..], &["Id", "Meter__c"]] {
        let run = world.read(json!({}), &catalog(&[("Reading__b", columns)])).await;
        run.assert_success();
        assert_eq!(sorted(run.column("Reading__b", "Meter__c")), ["M-1", "M-2"]);
        assert!(run.records("Reading__b").iter().all(|record| record.get("Id").is_none()));
        let said = run.log().iter().any(|line| line.starts_with("Reading__b is read without selected columns: Id"));
        assert_eq!(said, columns.contains(&"Id"), "{:?}", run.log());
    }
    assert_eq!(count_calls(&world), 0, "no query counts a big object");
}

/// Its own words, before the first record; with the filter it is read.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_read_only_with_a_filter_says_so_before_the_first_record() {
    let link = "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or \
                LinkedEntityId using the equals operator or multiple Id's using the IN operator.";
    let particle = "EntityParticle: a filter on a reified column is required [EntityDefinitionId,DurableId]";
    let vote = "Implementation restriction: When querying the Vote object, you must filter using the following syntax: \
                ParentId = [single ID], Parent.Type = [single Type], Id = [single ID], or Id IN [list of ID's].";
    let object = |name: &str, prefix: &str, field: &str, text: &str| {
        Object::standard(name, prefix).field(Field::text(field, 40)).needs_filter(&[field], text)
    };
    let world = world(vec![
        object("ContentDocumentLink", "06A", "LinkedEntityId", link),
        object("EntityParticle", "0Ep", "EntityDefinitionId", particle).without_count().without_bulk(),
        object("Vote", "083", "ParentId", vote),
    ])
    .await;
    world.add_contacts(1);
    for (stream, field) in
        [("ContentDocumentLink", "LinkedEntityId"), ("EntityParticle", "EntityDefinitionId"), ("Vote", "ParentId")]
    {
        world.org.insert(stream, &[(field, "A")]).unwrap();
        world.org.insert(stream, &[(field, "B")]).unwrap();
        for api in ["auto", "bulk", "rest"] {
            let streams = catalog(&[(stream, &[field]), ("Contact", &["LastName"])]);
            let run = world.read(json!({"api": api}), &streams).await;
            let (kind, message) = run.failure();
            assert_eq!(kind, "config_error", "{message}");
            let expected = format!("Salesforce reads records of {stream} only with a filter");
            assert!(message.contains(&expected) && message.contains("`filter` under `streams`"), "{api}: {message}");
            assert!(run.records(stream).is_empty());
            // The schema of the org is not counted, so that its query says it, and no other stream waits for it.
            let is_counted = stream != "EntityParticle";
            assert_eq!(run.records("Contact").is_empty(), is_counted, "{stream}");
        }
        let filter = json!({"streams": [{"stream": stream, "filter": format!("{field} = 'A'")}]});
        let run = world.read(filter.clone(), &catalog(&[(stream, &[field])])).await;
        run.assert_success();
        assert_eq!(run.column(stream, field), ["A"]);
        let status = world.check(filter).await.only("CONNECTION_STATUS")["connectionStatus"].clone();
        assert_eq!(status["status"], "SUCCEEDED", "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_describes_the_org_is_read_by_rest_and_not_counted() {
    let schema = |name: &str| Object::custom(name).without_count().without_bulk();
    let objects = [schema("EntityDefinition"), schema("Setting__mdt")];
    let world = world(objects.to_vec()).await;
    for object in ["EntityDefinition", "Setting__mdt"] {
        world.org.insert(object, &[("Name", "One")]).unwrap();
        let run = world.read(json!({}), &catalog(&[(object, &["Id", "Name"])])).await;
        run.assert_success();
        assert_eq!(run.column(object, "Name"), ["One"]);
        assert!(run.log().iter().any(|line| line.contains("does not count the records")), "{:?}", run.log());
        let wrong = json!({"streams": [{"stream": object, "filter": "Nothing__c = 1"}]});
        let run = world.read(wrong, &catalog(&[(object, &["Name"])])).await;
        let (kind, message) = run.failure();
        assert!(kind == "config_error" && message.contains("refuses the query of the stream"), "{message}");
        assert!(run.statuses(object).is_empty(), "a filter is tried before the first record");
    }
    assert_eq!((count_calls(&world), world.org.query_jobs().len()), (0, 0));
    world.read(json!({}), &catalog(&[("Contact", &["Id"])])).await.assert_success();
    assert_eq!(count_calls(&world), 1, "others are counted");
}

/// Five references, and a query joins an external object to four objects at most.
#[tokio::test(flavor = "multi_thread")]
async fn no_parent_of_an_external_object_is_joined() {
    let order = (1..=5).fold(Object::external("Order__x"), |object, number| {
        object.field(Field::reference(&format!("Account_{number}__c"), &["Account"]))
    });
    let note = Object::custom("Note__c").field(Field::reference("Order__c", &["Order__x"]));
    let world = world(vec![order, note]).await;
    let run = world.discover(json!({})).await;
    let offered = properties(&run, "Order__x").unwrap().as_object().unwrap();
    assert!(offered.contains_key("Account_1__c") && offered.keys().all(|name| !name.contains('.')), "{offered:?}");
    assert!(properties(&run, "Note__c").unwrap().get("Order__r.ExternalId").is_none());
    world.org.insert("Order__x", &[("ExternalId", "O-1")]).unwrap();
    let run = world.read(json!({}), &catalog(&[("Order__x", &[])])).await;
    run.assert_success();
    assert_eq!(run.column("Order__x", "ExternalId"), ["O-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn person_accounts_histories_and_shares_are_objects_like_others() {
    let objects = vec![
        Object::standard("AccountHistory", "017").field(Field::text("Field", 40)).read_only(),
        Object::custom("Invoice__Share").read_only().without_bulk(),
        Object::custom("Invoice__Feed").read_only(),
    ];
    let world = World::with(Settings { objects, person_accounts: true, ..Settings::default() }).await;
    let person = [("LastName", "Lovelace"), ("PersonEmail", "ada@example.com"), ("IsPersonAccount", "true")];
    world.org.insert("Account", &person).unwrap();
    let others = [("AccountHistory", "Field"), ("Invoice__Share", "Name"), ("Invoice__Feed", "Name")];
    for (object, field) in others {
        world.org.insert(object, &[(field, "One")]).unwrap();
    }
    let run = world.discover(json!({})).await;
    assert!(properties(&run, "Account").unwrap()["PersonEmail"].is_object());
    for api in ["auto", "bulk"] {
        let run = world.read(json!({"api": api}), &catalog(&[("Account", &["PersonEmail", "IsPersonAccount"])])).await;
        run.assert_success();
        assert_eq!(run.records("Account"), [&json!({"PersonEmail": "ada@example.com", "IsPersonAccount": true})]);
    }
    for (object, field) in others {
        let run = world.read(json!({}), &catalog(&[(object, &[field])])).await;
        run.assert_success();
        assert_eq!(run.column(object, field), ["One"], "{object}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_no_query_reads_is_not_offered_and_a_stream_of_it_is_an_error() {
    let world = world(vec![Object::custom("Closed__ChangeEvent").without_queries()]).await;
    let run = world.discover(json!({})).await;
    assert!(properties(&run, "Closed__ChangeEvent").is_none());
    let run = world.read(json!({}), &catalog(&[("Closed__ChangeEvent", &["Id"])])).await;
    let (kind, message) = run.failure();
    let expected = "Records of the object Closed__ChangeEvent cannot be queried. Leave the stream out";
    assert!(kind == "config_error" && message.contains(expected), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_to_several_objects_has_the_names_that_they_share() {
    let world = World::new().await;
    let queue = world.org.insert("Group", &[("Name", "Support"), ("Type", "Queue")]).unwrap();
    let user = [("Username", "ada@example.com"), ("Email", "ada@example.com"), ("LastName", "Lovelace")];
    let user = world.org.insert("User", &user).unwrap();
    for (subject, owner) in [("A", &queue), ("B", &user)] {
        world.org.insert("Case", &[("Subject", subject), ("OwnerId", owner)]).unwrap();
    }
    let run = world.discover(json!({})).await;
    let case = properties(&run, "Case").unwrap();
    for column in ["Owner.Type", "Owner.Name", "Owner.Username", "Owner.Email"] {
        assert_eq!(case[column], json!({"type": ["null", "string"]}), "{column}");
    }
    let task = properties(&run, "Task").unwrap();
    assert!(task["Who.Type"].is_object() && task["What.Name"].is_object());
    assert!(task.get("Who.Username").is_none() && task.get("Who.External_Id__c").is_none());
    let columns = ["Subject", "Owner.Type", "Owner.Username"];
    for api in ["bulk", "rest"] {
        let run = world.read(json!({"api": api}), &catalog(&[("Case", &columns)])).await;
        run.assert_success();
        let mut records = run.records("Case");
        records.sort_by_key(|record| record["Subject"].to_string());
        let expected = [
            json!({"Subject": "A", "Owner.Type": "Queue", "Owner.Username": null}),
            json!({"Subject": "B", "Owner.Type": "User", "Owner.Username": "ada@example.com"}),
        ];
        assert_eq!(records, expected.iter().collect::<Vec<_>>(), "{api}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_a_file_is_left_out_and_the_log_says_so_once() {
    let world = World::kind().await;
    world.org.insert("ContentVersion", &[("Title", "Plan"), ("VersionData", "UGxhbg==")]).unwrap();
    for api in ["bulk", "rest", "auto"] {
        let run = world.read(json!({"api": api}), &catalog(&[("ContentVersion", &["Title", "VersionData"])])).await;
        run.assert_success();
        assert_eq!(run.records("ContentVersion"), [&json!({"Title": "Plan"})], "{api}");
        let said = "ContentVersion is read without selected columns: VersionData: a query has no place for the body of \
                    a file";
        assert_eq!(run.log().iter().filter(|line| **line == said).count(), 1, "{:?}", run.log());
        let run = world.read(json!({"api": api}), &catalog(&[("ContentVersion", &["VersionData"])])).await;
        let (kind, message) = run.failure();
        assert!(
            kind == "config_error" && message.contains("No selected column of the stream ContentVersion"),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_streams_have_no_case_and_a_wrong_name_has_its_nearest() {
    let world = World::new().await;
    world.add_contacts(1);
    let run = world.read(json!({}), &catalog(&[("contact", &["LastName"])])).await;
    run.assert_success();
    assert_eq!(run.column("contact", "LastName"), ["Person 0"], "a record has the name of its stream");
    let streams = catalog(&[("Contakt", &["Id"]), ("Contact", &["lastname"])]);
    let run = world.read(json!({}), &streams).await;
    let (kind, message) = run.failure();
    assert_eq!(kind, "config_error");
    for part in
        ["The object Contakt of a stream", "; the nearest object is Contact.", "; the nearest column is LastName."]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
}
