//! REST queries.

use salesforce_sim::{Answer, Effect, Endpoint, Field, Nature, Object, RequestFault, Settings};
use serde_json::{Value, json};

use crate::client::{Answer as Reply, Client};

async fn ask(client: &Client, call: &str, soql: &str) -> Reply {
    let soql: String = form_urlencoded::byte_serialize(soql.as_bytes()).collect();
    client.get(&format!("{call}?q={soql}")).await
}

/// The values of the first field of the records, in their order.
async fn found(client: &Client, soql: &str) -> Vec<Value> {
    let answer = ask(client, "query", soql).await;
    assert_eq!(answer.status, 200, "{soql}: {}", answer.text);
    let body = answer.json();
    let field = soql.split([' ', ',']).nth(1).unwrap();
    body["records"].as_array().unwrap().iter().map(|record| record[field].clone()).collect()
}

fn shipment() -> Object {
    Object::custom("Shipment__c")
        .field(Field::text("Code__c", 40))
        .field(Field::text("Exact__c", 40).external_id().unique().case_sensitive())
        .field(Field::text("Loose__c", 40).external_id())
        .field(Field::double("Weight__c", 18, 2))
        .field(Field::int("Parcels__c", 6))
        .field(Field::boolean("Is_Late__c"))
        .field(Field::date("Day__c"))
        .field(Field::datetime("Sent__c"))
        .field(Field::reference("Account__c", &["Account"]))
        .field(Field::textarea("Short__c", 255))
        .field(Field::textarea("Long__c", 32_000))
        .field(Field::rich_text("Rich__c", 255))
        .field(Field::encrypted("Secret__c", 20))
}

async fn start() -> Client {
    Client::start(Settings { objects: vec![shipment()], ..Settings::default() }).await
}

#[tokio::test]
async fn a_record_shows_each_type_and_its_parents() {
    let client = start().await;
    let account = client.org.insert("Account", &[("Name", "Example Ltd"), ("External_Id__c", "A-1")]).unwrap();
    let values = [
        ("Name", "S"),
        ("Weight__c", "12.50"),
        ("Parcels__c", "+3"),
        ("Is_Late__c", "true"),
        ("Day__c", "2026-01-02"),
        ("Sent__c", "2026-01-02T03:04:05+01:00"),
        ("Account__c", &account),
    ];
    let id = client.org.insert("Shipment__c", &values).unwrap();
    client.org.insert("Shipment__c", &[]);
    let fields = "id, NAME, Weight__c, Parcels__c, Is_Late__c, Day__c, Sent__c, account__r.External_Id__c, \
                  Account__r.Parent.Name, Owner.Name";
    let body = ask(&client, "query", &format!("SELECT {fields} FROM shipment__C ORDER BY Id")).await.json();
    let attributes = |id: &Value| {
        let url = format!("/services/data/v62.0/sobjects/Shipment__c/{}", id.as_str().unwrap());
        json!({"type": "Shipment__c", "url": url})
    };
    let first = json!({
        "attributes": attributes(&json!(id)), "Id": id, "Name": "S", "Weight__c": 12.5, "Parcels__c": 3,
        "Is_Late__c": true, "Day__c": "2026-01-02", "Sent__c": "2026-01-02T02:04:05.000+0000",
        "Account__r": {"External_Id__c": "A-1", "Parent": null}, "Owner": null,
    });
    let second = &body["records"][1];
    let empty = json!({
        "attributes": attributes(&second["Id"]), "Id": second["Id"], "Name": null, "Weight__c": null,
        "Parcels__c": null, "Is_Late__c": false, "Day__c": null, "Sent__c": null, "Account__r": null, "Owner": null,
    });
    assert_eq!(body, json!({"totalSize": 2, "done": true, "records": [first, empty]}));
}

#[tokio::test]
async fn conditions_compare_as_the_org_does() {
    let client = start().await;
    let account = client.org.insert("Account", &[("Name", "Example Ltd")]).unwrap();
    let sent = "2026-01-02T04:04:05.000+0100";
    for (name, values) in [
        ("1", vec![("Code__c", "O'Hara"), ("Exact__c", "Abc"), ("Loose__c", "Abc"), ("Weight__c", "1.50")]),
        ("2", vec![("Code__c", "o'hara"), ("Day__c", "2026-01-02"), ("Sent__c", sent), ("Account__c", &account)]),
        ("3", vec![("Code__c", r"a\b%_"), ("Is_Late__c", "true"), ("Weight__c", "10000000")]),
        ("4", vec![("Code__c", "Zoë 東京")]),
        ("5", vec![]),
    ] {
        let values: Vec<_> = values.into_iter().chain([("Name", name)]).collect();
        client.org.insert("Shipment__c", &values);
    }
    let short = &account[..15];
    for (condition, names) in [
        (r"Code__c = 'O\'HARA'".to_owned(), "12"),
        (r"Code__c IN ('o\'hara', 'A\\B%_', 'zOË 東京')".to_owned(), "1234"),
        ("Code__c = 'O'".to_owned(), ""),
        ("Code__c = 'zoe 東京'".to_owned(), ""),
        ("Exact__c = 'Abc'".to_owned(), "1"),
        ("Exact__c = 'ABC'".to_owned(), ""),
        ("Loose__c IN ('ABC')".to_owned(), "1"),
        ("Weight__c = 1.5".to_owned(), "1"),
        ("Weight__c IN (1.50, 10000000)".to_owned(), "13"),
        ("Weight__c > 1.5".to_owned(), "3"),
        ("Weight__c <= 1.5".to_owned(), "1"),
        ("Is_Late__c = true".to_owned(), "3"),
        ("Is_Late__c = false AND Code__c != null".to_owned(), "124"),
        ("Day__c >= 2026-01-02".to_owned(), "2"),
        ("Sent__c = 2026-01-02T03:04:05Z".to_owned(), "2"),
        ("Sent__c < 2026-01-02T03:04:05Z".to_owned(), ""),
        (format!("Account__c = '{short}'"), "2"),
        (format!("Account__r.Id IN ('{account}')"), "2"),
        ("Account__r.Name = 'EXAMPLE LTD'".to_owned(), "2"),
        ("Code__c = null".to_owned(), "5"),
        ("Code__c = ''".to_owned(), "5"),
        (r"Code__c NOT IN ('o\'hara')".to_owned(), "345"),
        ("NOT (Weight__c = null OR Is_Late__c = true)".to_owned(), "1"),
        ("Short__c = 'x'".to_owned(), ""),
    ] {
        let soql = format!("SELECT Name FROM Shipment__c WHERE {condition} ORDER BY Id");
        let found: String = found(&client, &soql).await.iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(found, names, "{condition}");
    }
}

#[tokio::test]
async fn ids_are_found_in_both_lengths() {
    let client = start().await;
    let ids: Vec<String> = (0..30).filter_map(|_| client.org.insert("Account", &[("Name", "x")])).collect();
    let soql = format!(
        "SELECT Id FROM Account WHERE Id IN ('{}', '{}', '{}', '003Sim000000001AAA') ORDER BY Id DESC",
        &ids[3][..15],
        ids[20],
        ids[20].to_lowercase()
    );
    assert_eq!(found(&client, &soql).await, [json!(ids[20]), json!(ids[3])]);
}

#[tokio::test]
async fn a_field_that_is_not_filterable_is_refused() {
    let client = start().await;
    let described = client.get("sobjects/Shipment__c/describe").await.json();
    for (field, filterable) in
        [("Long__c", false), ("Rich__c", false), ("Secret__c", false), ("Short__c", true), ("Code__c", true)]
    {
        let described = described["fields"].as_array().unwrap().iter().find(|known| known["name"] == field).unwrap();
        assert_eq!(described["filterable"], filterable, "{field}");
        let answer = ask(&client, "query", &format!("SELECT Id FROM Shipment__c WHERE {field} = 'x'")).await;
        if filterable {
            assert_eq!(answer.status, 200, "{field}");
        } else {
            let message = format!("field '{field}' can not be filtered in a query call");
            assert_eq!(answer.api_error(), (400, "INVALID_FIELD".to_owned(), message));
        }
    }
}

#[tokio::test]
async fn a_wrong_query_is_refused_as_a_whole() {
    let client = start().await;
    let long = format!("SELECT Id FROM Account WHERE Name IN ({})", vec!["'x'"; 30_000].join(","));
    for (soql, code, part) in [
        ("SELECT Nmae FROM Account", "INVALID_FIELD", "No such column 'Nmae' on entity 'Account'"),
        ("SELECT Id FROM Contact WHERE Acount.Name = 'x'", "INVALID_FIELD", "Didn't understand relationship 'Acount'"),
        (
            "SELECT Id FROM Contact WHERE Account.Nmae = 'x'",
            "INVALID_FIELD",
            "No such column 'Nmae' on entity 'Account'",
        ),
        ("SELECT Id, ID FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Id FROM Acount", "INVALID_TYPE", "sObject type 'Acount' is not supported."),
        ("SELECT Id FROM Account WHERE Name = 1", "INVALID_FIELD", "must be of type string"),
        ("SELECT Id FROM Account WHERE Id = '42'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: 42"),
        ("SELECT Id FROM Account WHERE BillingAddress = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Account WHERE AnnualRevenue LIKE '1%'", "INVALID_QUERY_FILTER_OPERATOR", "LIKE"),
        ("SELECT Id FROM Account WHERE Channels__c LIKE 'W%'", "INVALID_QUERY_FILTER_OPERATOR", "LIKE"),
        ("SELECT Id FROM Account WHERE Industry INCLUDES ('Banking')", "INVALID_QUERY_FILTER_OPERATOR", "INCLUDES"),
        ("SELECT Id FROM Account ORDER BY Description", "INVALID_FIELD", "can not be sorted"),
        ("SELECT Id FROM Account ORDER BY Channels__c", "INVALID_FIELD", "can not be sorted"),
        ("SELECT Id FROM Account ORDER BY Nmae", "INVALID_FIELD", "No such column 'Nmae'"),
        ("SELECT COUNT(Id) FROM Account", "MALFORMED_QUERY", "unexpected token: 'Id'"),
        ("SELECT Id FROM Account WHERE CreatedDate = TODAY", "MALFORMED_QUERY", "unexpected token: 'TODAY'"),
        ("SELECT Id FROM Account WHERE Name = 'it's'", "MALFORMED_QUERY", "unterminated string literal"),
        ("", "MALFORMED_QUERY", "unexpected token"),
    ] {
        let (status, refused, message) = ask(&client, "query", soql).await.api_error();
        assert_eq!((status, refused.as_str()), (400, code), "{soql}: {message}");
        assert!(message.contains(part), "{soql}: {message}");
    }
    let url = format!("/services/data/v62.0/query?q={long}");
    let parts = json!({"compositeRequest": [{"method": "GET", "url": url, "referenceId": "long"}]});
    let refused = client.post("composite", parts).await.json()["compositeResponse"][0]["body"][0].clone();
    assert_eq!(refused["message"], "SOQL statements cannot be longer than 100000 characters.");
}

#[tokio::test]
async fn an_address_that_is_too_long_is_refused() {
    let client = start().await;
    let soql = |length: usize| format!("SELECT+Id+FROM+Account+WHERE+Name='{}'", "x".repeat(length));
    for (length, status) in [(3_900, 200), (16_300, 431), (17_000, 414)] {
        assert_eq!(client.get(&format!("query?q={}", soql(length))).await.status, status, "{length}");
    }
}

#[tokio::test]
async fn many_records_come_in_pages() {
    let nature = Nature { mixes_records: true, ..Nature::kind() };
    let client = Client::start(Settings { nature, query_page: 4, ..Settings::default() }).await;
    for number in 0..10 {
        client.org.insert("Account", &[("Name", &number.to_string())]);
    }
    let mut page = ask(&client, "query", "SELECT Name FROM Account WHERE Name != '3'").await.json();
    let mut names = Vec::new();
    loop {
        assert_eq!(page["totalSize"], 9);
        let records = page["records"].as_array().unwrap();
        names.extend(records.iter().map(|record| record["Name"].as_str().unwrap().to_owned()));
        match page["nextRecordsUrl"].as_str() {
            Some(next) => {
                assert_eq!((records.len(), &page["done"]), (4, &json!(false)));
                page = client.get(next.strip_prefix("/services/data/v62.0/").unwrap()).await.json();
            }
            None => break assert_eq!(page["done"], true),
        }
    }
    assert!(!names.is_sorted(), "the order is not that of the records");
    names.sort_unstable();
    assert_eq!(names.concat(), "012456789");
    for locator in ["0r8Sim000000001AAA-99", "0r8Sim000000001AAA-x", "nothing"] {
        assert_eq!(client.get(&format!("query/{locator}")).await.api_error().1, "INVALID_QUERY_LOCATOR");
    }
}

#[tokio::test]
async fn deleted_records_are_found_by_query_all_only() {
    let client = start().await;
    let kept = client.org.insert("Account", &[("Name", "kept")]).unwrap();
    for (operation, name) in [("delete", "recycled"), ("hardDelete", "erased")] {
        let id = client.org.insert("Account", &[("Name", name), ("External_Id__c", name)]).unwrap();
        client.load(json!({"object": "Account", "operation": operation}), format!("Id\n{id}\n")).await;
    }
    let soql = "SELECT Name, IsDeleted FROM Account";
    assert_eq!(found(&client, soql).await, [json!("kept")]);
    let all = ask(&client, "queryAll", soql).await.json()["records"].clone();
    let all: Vec<_> = all.as_array().unwrap().iter().map(|record| (&record["Name"], &record["IsDeleted"])).collect();
    assert_eq!(all, [(&json!("kept"), &json!(false)), (&json!("recycled"), &json!(true))]);
    for condition in [format!("Id != '{kept}'"), "External_Id__c IN ('recycled', 'erased')".to_owned()] {
        assert!(found(&client, &format!("SELECT Id FROM Account WHERE {condition}")).await.is_empty(), "{condition}");
    }
}

#[tokio::test]
async fn a_count_has_no_records() {
    let client = start().await;
    client.org.insert("Account", &[("Name", "x")]);
    let count = ask(&client, "query", "SELECT count() FROM Account WHERE Name = 'X'").await.json();
    assert_eq!(count, json!({"totalSize": 1, "done": true, "records": []}));
}

#[tokio::test]
async fn faults_reach_queries_and_their_pages() {
    let client = Client::start(Settings { query_page: 1, ..Settings::default() }).await;
    for name in ["a", "b"] {
        client.org.insert("Account", &[("Name", name)]);
    }
    let soql = "SELECT Id FROM Account";
    client.org.inject(RequestFault::new(Endpoint::Query, Answer::status(503)));
    client.org.inject(RequestFault::new(Endpoint::QueryMore, Answer::html(503)));
    assert_eq!(ask(&client, "query", soql).await.status, 503);
    let next = ask(&client, "query", soql).await.json()["nextRecordsUrl"].as_str().unwrap().to_owned();
    let next = next.strip_prefix("/services/data/v62.0/").unwrap();
    assert_eq!([client.get(next).await.status, client.get(next).await.status], [503, 200]);
}

#[tokio::test]
async fn a_list_of_values_is_found_without_a_look_at_every_record() {
    let client = start().await;
    for number in 0..20_000 {
        client.org.insert("Contact", &[("LastName", "x"), ("Email", &format!("p{number}@example.com"))]);
    }
    let started = tokio::time::Instant::now();
    for list in 0..40 {
        let emails: Vec<String> = (0..200).map(|at| format!("'P{}@example.com'", list * 200 + at)).collect();
        let soql = format!("SELECT Email FROM Contact WHERE Email IN ({}) ORDER BY Id", emails.join(","));
        assert_eq!(found(&client, &soql).await.len(), 200);
    }
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[tokio::test]
async fn patterns_and_selections_find_their_records() {
    let client = start().await;
    for (name, channels) in [("Example Ltd", "Web;Store"), ("example inc", "Web"), ("100% Wool", ""), ("1000 Wool", "")]
    {
        client.org.insert("Account", &[("Name", name), ("Channels__c", channels)]);
    }
    for (condition, found_names) in [
        ("Name LIKE 'EXAMPLE%'", vec!["Example Ltd", "example inc"]),
        ("Name LIKE '%_ltd'", vec!["Example Ltd"]),
        (r"Name LIKE '100\% %'", vec!["100% Wool"]),
        ("(NOT Name LIKE 'Ex%') AND Name LIKE '100_%'", vec!["100% Wool", "1000 Wool"]),
        ("Name LIKE 'Example'", vec![]),
        ("Channels__c INCLUDES ('web;store', 'Phone')", vec!["Example Ltd"]),
        ("Channels__c INCLUDES ('Web')", vec!["Example Ltd", "example inc"]),
        ("Channels__c EXCLUDES ('Store')", vec!["example inc", "100% Wool", "1000 Wool"]),
    ] {
        assert_eq!(
            found(&client, &format!("SELECT Name FROM Account WHERE {condition}")).await,
            found_names,
            "{condition}"
        );
    }
}

#[tokio::test]
async fn records_are_sorted_by_fields_of_any_type() {
    let client = start().await;
    let account = client.org.insert("Account", &[("Name", "Example Ltd")]).unwrap();
    for (name, values) in [
        ("a", vec![("Weight__c", "10"), ("Day__c", "2026-01-02")]),
        ("b", vec![("Weight__c", "9"), ("Account__c", account.as_str())]),
        ("C", vec![("Weight__c", "9"), ("Day__c", "2025-01-02")]),
        ("d", vec![]),
    ] {
        let values: Vec<_> = values.into_iter().chain([("Name", name)]).collect();
        client.org.insert("Shipment__c", &values);
    }
    for (order, names) in [
        ("Name", "abCd"),
        ("Name DESC", "dCba"),
        ("Weight__c", "dbCa"),
        ("Weight__c NULLS LAST", "bCad"),
        ("Weight__c DESC, Name DESC", "daCb"),
        ("Day__c DESC NULLS LAST, Name", "aCbd"),
        ("Account__r.Name NULLS LAST, Name DESC", "bdCa"),
        ("Id DESC LIMIT 2", "dC"),
    ] {
        let found = found(&client, &format!("SELECT Name FROM Shipment__c ORDER BY {order}")).await;
        assert_eq!(found.iter().filter_map(|name| name.as_str()).collect::<String>(), names, "{order}");
    }
}

#[tokio::test]
async fn a_compound_field_is_an_object_of_its_parts() {
    let client = start().await;
    let values =
        [("Name", "x"), ("BillingCity", "Example City"), ("BillingPostalCode", "01234"), ("BillingLatitude", "1.5")];
    let account = client.org.insert("Account", &values).unwrap();
    client.org.insert("Contact", &[("LastName", "x"), ("AccountId", &account)]);
    let address = json!({
        "city": "Example City", "country": null, "latitude": 1.5, "longitude": null, "postalCode": "01234", "state": null,
        "street": null,
    });
    let soql = "SELECT BillingAddress, ShippingAddress FROM Account";
    let record = ask(&client, "query", soql).await.json()["records"][0].clone();
    assert_eq!((&record["BillingAddress"], &record["ShippingAddress"]), (&address, &Value::Null));
    let soql = "SELECT Account.BillingAddress, MailingAddress FROM Contact";
    let record = ask(&client, "query", soql).await.json()["records"][0].clone();
    assert_eq!((&record["Account"]["BillingAddress"], &record["MailingAddress"]), (&address, &Value::Null));
}

#[tokio::test]
async fn a_client_chooses_the_records_on_a_page() {
    let client = start().await;
    for _ in 0..450 {
        client.org.insert("Account", &[("Name", "x")]);
    }
    let sizes = async |options: &str| {
        let (mut sizes, mut next) = (Vec::new(), Some("query?q=SELECT+Id+FROM+Account".to_owned()));
        while let Some(path) = next {
            let request = client.request(reqwest::Method::GET, &path).header("Sforce-Query-Options", options);
            let page = crate::client::send(request).await.json();
            sizes.push(page["records"].as_array().unwrap().len());
            next = page["nextRecordsUrl"].as_str().map(|url| url.replace("/services/data/v62.0/", ""));
        }
        sizes
    };
    assert_eq!(sizes("batchSize=250").await, [250, 200]);
    assert_eq!(sizes("batchSize=1").await, [200, 200, 50], "the fewest");
    assert_eq!(sizes("batchSize=many").await, [450]);
}

#[tokio::test(start_paused = true)]
async fn a_locator_works_for_two_days() {
    let client = Client::start(Settings { query_page: 1, ..Settings::default() }).await;
    for name in ["a", "b"] {
        client.org.insert("Account", &[("Name", name)]);
    }
    let next = ask(&client, "query", "SELECT Id FROM Account").await.json()["nextRecordsUrl"].clone();
    let next = next.as_str().unwrap().strip_prefix("/services/data/v62.0/").unwrap();
    assert_eq!(client.get(next).await.status, 200);
    tokio::time::advance(std::time::Duration::from_secs(2 * 24 * 60 * 60)).await;
    assert_eq!(client.get(next).await.api_error().1, "INVALID_QUERY_LOCATOR");
}

#[tokio::test]
async fn a_page_can_lack_a_record_that_it_counts() {
    let client = start().await;
    (0..3).for_each(|number| drop(client.org.insert("Shipment__c", &[("Code__c", &*format!("C-{number}"))])));
    client.org.inject(RequestFault::new(Endpoint::Query, Effect::RecordLeftOut));
    for records in [2, 3] {
        let page = ask(&client, "query", "SELECT Code__c FROM Shipment__c").await.json();
        assert_eq!((&page["totalSize"], &page["done"]), (&json!(3), &json!(true)));
        assert_eq!(page["records"].as_array().unwrap().len(), records);
    }
}
