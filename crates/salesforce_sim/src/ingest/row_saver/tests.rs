//! Table tests of saving rows: each case has one CSV, and one expected outcome for each row.

use super::*;
use crate::{
    csv::{LineEnding, scan},
    ingest::row_reader::not_writable,
    org::{Hosts, Org},
    settings::Settings,
};

/// An org with a few records: accounts `A-1` and `A-2`, with the same segment and the same legacy key in another case,
/// a contact, and an account in the recycle bin.
struct World {
    org: Org,
}

const ACCOUNT_1: &str = "001Sim000000001IAA";
const ACCOUNT_2: &str = "001Sim000000002IAA";
const RECYCLED: &str = "001Sim000000003IAA";
const MISSING: &str = "001Sim0000000zzIAA";
const CONTACT: &str = "003Sim000000001IAA";

impl World {
    fn new() -> Self {
        let url = "http://127.0.0.1:1".to_owned();
        let hosts = Hosts { login: url.clone(), my_domain: url.clone(), instance: url };
        let mut org = Org::new(Settings::default(), hosts);
        let segment = ("Segment_Key__c", "S-1");
        for account in [
            [("Name", "One"), ("External_Id__c", "A-1"), ("Legacy_Key__c", "abc"), segment],
            [("Name", "Two"), ("External_Id__c", "A-2"), ("Legacy_Key__c", "ABC"), segment],
            [("Name", "Old"), ("External_Id__c", "A-3"), ("Legacy_Key__c", "x"), ("Segment_Key__c", "S-2")],
        ] {
            org.insert("Account", &account);
        }
        org.insert("Contact", &[("LastName", "Doe"), ("Email", "doe@example.com")]);
        let mut world = Self { org };
        assert_eq!(world.load("Account", Operation::Delete, None, &format!("Id\n{RECYCLED}\n")), ["saved"]);
        world
    }

    /// Loads a CSV, and returns `created`, `saved` or the error for each row.
    fn load(&mut self, object: &str, operation: Operation, key: Option<&str>, csv: &str) -> Vec<String> {
        self.load_chunk(JobRequest::for_test(object, operation, key), false, csv)
    }

    fn load_chunk(&mut self, request: JobRequest, sees_own_chunk: bool, csv: &str) -> Vec<String> {
        let rows = scan(csv.as_bytes(), b',', LineEnding::Lf).unwrap();
        let header = rows[0].of(csv.as_bytes());
        let columns =
            Columns::read(header, &request, &self.org.tables).unwrap_or_else(|error| panic!("{csv}: {error}"));
        let table = self.org.tables.position(&request.object).unwrap();
        let saver = RowSaver::new(&self.org.tables, table, &request, columns, &self.org.user_id)
            .seeing_own_chunk(sees_own_chunk);
        let rows = rows[1..].iter().map(|row| row.of(csv.as_bytes()));
        let outcomes = saver.save(&mut self.org.tables, &mut self.org.faults.rows, rows);
        let text = |outcome| match outcome {
            RowOutcome::Saved { created: true, .. } => "created".to_owned(),
            RowOutcome::Saved { created: false, .. } => "saved".to_owned(),
            RowOutcome::Failed(error) => error.into(),
        };
        outcomes.into_iter().map(text).collect()
    }

    fn value(&self, object: &str, record: usize, field: &str) -> Option<String> {
        let table = self.org.tables.get(object).unwrap();
        table.cells(record).get(table.object.position(field).unwrap()).map(str::to_owned)
    }
}

#[test]
fn a_wrong_row_fails_and_changes_nothing() {
    use Operation::{Delete, HardDelete, Insert, Update, Upsert};
    let key = Some("External_Id__c");
    let not_writable = |field: &str| not_writable(field).to_string();
    let ragged = |cells: usize| {
        format!("INVALID_FIELD:Number of fields in header is different from the row. header = 2 row = {cells}:--")
    };
    let cases: Vec<(&str, Operation, Option<&str>, String, String)> = [
        // Required fields.
        ("Account", Insert, None, "Phone\n1", "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"),
        (
            "Account",
            Insert,
            None,
            "Name,Phone\n#N/A,1",
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
        ),
        (
            "Lead",
            Insert,
            None,
            "Title\nx",
            "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName, Company]:LastName,Company --",
        ),
        (
            "Account",
            Update,
            None,
            &format!("Id,Name\n{ACCOUNT_1},\"#N/A\""),
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
        ),
        (
            "Account",
            Update,
            None,
            &format!("Id,Is_Key_Account__c\n{ACCOUNT_1},#N/A"),
            "INVALID_TYPE_ON_FIELD_IN_RECORD:Is Key Account: value not of required type: #N/A:Is_Key_Account__c --",
        ),
        // Values.
        (
            "Account",
            Insert,
            None,
            "Name,NumberOfEmployees\nx,1.5",
            "INVALID_TYPE_ON_FIELD_IN_RECORD:Employees: value not of required type: 1.5:NumberOfEmployees --",
        ),
        (
            "Account",
            Insert,
            None,
            "Name,Channels__c\nx,Web;Fax",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:bad value for restricted picklist field: Web;Fax:Channels__c --",
        ),
        // Rows that cannot be read.
        ("Account", Insert, None, "Name,Phone\nx,1,2", &ragged(3)),
        ("Account", Insert, None, "Name,Phone\nx", &ragged(1)),
        ("Account", Insert, None, "Name,Phone\n\"x\", \"1\"", "INVALID_FIELD:Quotes must enclose the whole value:--"),
        // Fields that a loader cannot set.
        (
            "Account",
            Insert,
            None,
            &format!("Id,Name\n{ACCOUNT_1},x"),
            "INVALID_FIELD_FOR_INSERT_UPDATE:cannot specify Id in an insert call:Id --",
        ),
        (
            "Account",
            Upsert,
            key,
            &format!("Id,External_Id__c\n{ACCOUNT_1},A-1"),
            "INVALID_FIELD:The Id field should not be specified in the sobject data.:--",
        ),
        ("Account", Insert, None, "Name,CreatedDate\nx,2026-01-01T00:00:00Z", &not_writable("CreatedDate")),
        ("Account", Insert, None, "Name,Open_Amount__c\nx,1", &not_writable("Open_Amount__c")),
        // The record of the row.
        ("Account", Update, None, "Id,Name\n,x", "MISSING_ARGUMENT:Id not specified in an update call:--"),
        ("Account", Delete, None, "Id\n\"\"", "MISSING_ARGUMENT:Id not specified in a delete call:--"),
        ("Account", Upsert, key, "External_Id__c,Name\n,x", "MISSING_ARGUMENT:External_Id__c not specified:--"),
        (
            "Account",
            Update,
            None,
            &format!("Id,Name\n{CONTACT},x"),
            &format!("MALFORMED_ID:Account ID: id value of incorrect type: {CONTACT}:Id --"),
        ),
        ("Account", Update, None, "Id,Name\n42,x", "MALFORMED_ID:bad id 42:--"),
        (
            "Account",
            Update,
            None,
            &format!("Id,Name\n{MISSING},x"),
            "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--",
        ),
        ("Account", Update, None, &format!("Id,Name\n{RECYCLED},x"), "ENTITY_IS_DELETED:entity is deleted:--"),
        ("Account", Delete, None, &format!("Id\n{RECYCLED}"), "ENTITY_IS_DELETED:entity is deleted:--"),
        ("Account", HardDelete, None, &format!("Id\n{RECYCLED}"), "ENTITY_IS_DELETED:entity is deleted:--"),
        ("Account", Upsert, Some("Id"), &format!("Id,Name\n{RECYCLED},x"), "ENTITY_IS_DELETED:entity is deleted:--"),
        (
            "Account",
            Upsert,
            Some("Segment_Key__c"),
            "Segment_Key__c,Name\n S-1,x",
            &format!(
                "DUPLICATE_EXTERNAL_ID:Segment_Key__c: more than one record found for external id field: \
                 [{ACCOUNT_1}, {ACCOUNT_2}]:--"
            ),
        ),
        // References.
        (
            "Contact",
            Insert,
            None,
            &format!("LastName,AccountId\nx,{CONTACT}"),
            &format!("MALFORMED_ID:Account ID: id value of incorrect type: {CONTACT}:AccountId --"),
        ),
        (
            "Contact",
            Insert,
            None,
            &format!("LastName,AccountId\nx,{MISSING}"),
            "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--",
        ),
        (
            "Contact",
            Insert,
            None,
            "LastName,Account.External_Id__c\nx,Z-9",
            "INVALID_FIELD:Foreign key external ID: Z-9 not found for field External_Id__c in entity Account:--",
        ),
        (
            "Contact",
            Insert,
            None,
            &format!("LastName,AccountId,Account.External_Id__c\nx,{ACCOUNT_1},A-1"),
            "INVALID_FIELD:Cannot specify both an external ID reference Account and a salesforce id, AccountId:--",
        ),
        (
            "Contact",
            Insert,
            None,
            "LastName,Account.External_Id__c,Account.Legacy_Key__c\nx,A-1,abc",
            "INVALID_FIELD:More than 1 field provided in an external foreign key reference in entity: Account:--",
        ),
        // Unique fields.
        (
            "Account",
            Insert,
            None,
            "Name,External_Id__c\nx,a-1",
            &format!(
                "DUPLICATE_VALUE:duplicate value found: External_Id__c duplicates value on record with id: \
                 {ACCOUNT_1}:--"
            ),
        ),
        (
            "Account",
            Update,
            None,
            &format!("Id,Legacy_Key__c\n{ACCOUNT_1},ABC"),
            &format!(
                "DUPLICATE_VALUE:duplicate value found: Legacy_Key__c duplicates value on record with id: \
                 {ACCOUNT_2}:--"
            ),
        ),
    ]
    .map(|(object, operation, key, csv, error)| (object, operation, key, csv.to_owned(), error.to_owned()))
    .into();
    for (object, operation, key, csv, error) in cases {
        let mut world = World::new();
        let before = world.org.tables.get(object).unwrap().len();
        assert_eq!(world.load(object, operation, key, &csv), [error], "{csv}");
        assert_eq!(world.org.tables.get(object).unwrap().len(), before, "{csv}");
    }
}

#[test]
fn a_right_row_is_saved() {
    use Operation::{Delete, HardDelete, Insert, Update, Upsert};
    let key = Some("External_Id__c");
    let short = &ACCOUNT_1[..15];
    for (object, operation, key, csv, outcomes) in [
        ("Account", Insert, None, "NAME,phone\nx,\ny,1", &["created", "created"][..]),
        ("Account", Insert, None, "Name,Id\nx,", &["created"]),
        ("Account", Insert, None, "Name,External_Id__c\nx,A-3", &["created"]),
        ("Account", Insert, None, "Name,Legacy_Key__c\nx,Abc", &["created"]),
        ("Account", Insert, None, "Name,External_Id__c\nx,\ny,", &["created", "created"]),
        (
            "Account",
            Update,
            None,
            &format!("Id,Name\n{ACCOUNT_1},x\n{},y", ACCOUNT_2.to_lowercase()),
            &["saved", "saved"],
        ),
        ("Account", Update, None, &format!("Id,External_Id__c\n{short},A-1"), &["saved"]),
        ("Account", Upsert, key, "External_Id__c,Name\na-1,x\nA-9,y", &["saved", "created"]),
        ("Account", Upsert, Some("Id"), &format!("Id,Name\n{ACCOUNT_1},x\n,y\n,z"), &["saved", "created", "created"]),
        ("Account", Upsert, Some("Id"), "Name\ny\nz", &["created", "created"]),
        ("Account", Upsert, Some("Legacy_Key__c"), "Legacy_Key__c,Name\nabc,x\nAbC,y", &["saved", "created"]),
        ("Contact", Upsert, Some("Email"), "Email,LastName\nDOE@example.com,x", &["saved"]),
        // Case is ignored only in unique fields, and spaces at the ends of keys do not count.
        (
            "Account",
            Upsert,
            Some("Segment_Key__c"),
            "Segment_Key__c,Name\ns-1,x\nN-1,y\nn-1,z",
            &["created", "created", "created"],
        ),
        ("Account", Upsert, key, "External_Id__c,Name\n A-1 ,x\nN-1 ,y", &["saved", "created"]),
        ("Contact", Insert, None, "LastName,Account.External_Id__c\nx,a-2\ny,", &["created", "created"]),
        ("Task", Insert, None, "Subject,Contact:Who.Email\nx,doe@example.com", &["created"]),
        ("Lead", Insert, None, "LastName,Company,User:Owner.Username\nx,y,integration@example.com", &["created"]),
        (
            "Subscription__c",
            Upsert,
            Some("Subscription_Number__c"),
            "Subscription_Number__c,Starts_On__c\n7,2026-01-01\n8.0,2026-01-01",
            &["created", "created"],
        ),
        ("Account", Delete, None, &format!("Id\n{ACCOUNT_1}"), &["saved"]),
        ("Account", HardDelete, None, &format!("Id\n{ACCOUNT_1}"), &["saved"]),
    ] {
        assert_eq!(World::new().load(object, operation, key, csv), outcomes, "{csv}");
    }
}

#[test]
fn a_saved_row_sets_its_fields_and_the_defaults() {
    let mut world = World::new();
    world.load("Account", Operation::Update, None, &format!("Id,Phone,Fax\n{ACCOUNT_1},1,2\n"));
    let csv = format!("Id,Phone,Fax,Segment_Key__c\n{ACCOUNT_1},,#N/A,\"#N/A\"\n");
    assert_eq!(world.load("Account", Operation::Update, None, &csv), ["saved"]);
    assert_eq!(world.value("Account", 0, "Phone").as_deref(), Some("1"), "an empty cell leaves the field alone");
    assert_eq!(world.value("Account", 0, "Fax"), None);
    assert_eq!(world.value("Account", 0, "Segment_Key__c"), None);

    let csv = "Amount__c,Account__r.Legacy_Key__c\n1,ABC\n2,\n";
    assert_eq!(world.load("Invoice__c", Operation::Insert, None, csv), ["created", "created"]);
    let user = world.org.user_id.clone();
    for (field, value) in [
        ("Name", Some("INV-00001")),
        ("Status__c", Some("Draft")),
        ("Account__c", Some(ACCOUNT_2)),
        ("OwnerId", Some(user.as_str())),
        ("Notes__c", None),
    ] {
        assert_eq!(world.value("Invoice__c", 0, field).as_deref(), value, "{field}");
    }
    assert_eq!(world.value("Invoice__c", 1, "Name").as_deref(), Some("INV-00002"));

    world.load("Account", Operation::HardDelete, None, &format!("Id\n{ACCOUNT_1}\n"));
    let csv = format!("Id,Name\n{ACCOUNT_1},x\n");
    let error = "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--";
    assert_eq!(world.load("Account", Operation::Update, None, &csv), [error], "a hard delete leaves nothing");
}

#[test]
fn an_upsert_by_an_auto_number_changes_records_and_creates_none() {
    let mut world = World::new();
    assert_eq!(world.load("Case", Operation::Insert, None, "Subject\nx\n"), ["created"]);
    let number = world.value("Case", 0, "CaseNumber").unwrap();
    let csv = format!("CaseNumber,Subject\n{number},y\n99999999,z\n");
    let outcomes = world.load("Case", Operation::Upsert, Some("CaseNumber"), &csv);
    assert_eq!(outcomes, ["saved".to_owned(), not_writable("CaseNumber").to_string()]);
    assert_eq!(world.value("Case", 0, "Subject").as_deref(), Some("y"));
}

#[test]
fn the_master_of_a_detail_cannot_change() {
    let mut world = World::new();
    world.load("Invoice__c", Operation::Insert, None, "Amount__c,External_Id__c\n1,I-1\n2,I-2\n");
    let csv = "External_Id__c,Quantity__c,Invoice__r.External_Id__c\nL-1,1,I-1\n";
    let upsert =
        |world: &mut World, csv: &str| world.load("Invoice_Line__c", Operation::Upsert, Some("External_Id__c"), csv);
    assert_eq!(upsert(&mut world, csv), ["created"]);
    assert_eq!(upsert(&mut world, &csv.replace("I-1", "I-2")), [not_writable("Invoice__c").to_string()]);
    assert_eq!(upsert(&mut world, "External_Id__c,Quantity__c\nL-1,2\n"), ["saved"]);
}

#[test]
fn a_row_may_use_either_of_two_columns_of_a_reference() {
    let csv = format!("LastName,AccountId,Account.External_Id__c\na,{ACCOUNT_1},\nb,,A-2\nc,,");
    assert_eq!(World::new().load("Contact", Operation::Insert, None, &csv), ["created", "created", "created"]);
}

#[test]
fn rows_with_the_same_key_fail_within_a_chunk() {
    let twice = "DUPLICATE_VALUE:Duplicate external id specified:";
    let mut world = World::new();
    let csv = "External_Id__c,Name\nN-1,x\nn-1,y\nN-2,z\n";
    assert_eq!(
        world.load("Account", Operation::Upsert, Some("External_Id__c"), csv),
        [format!("{twice} N-1:External_Id__c --"), format!("{twice} n-1:External_Id__c --"), "created".to_owned()]
    );
    let short = &ACCOUNT_1[..15];
    let csv = format!("Id,Name\n{ACCOUNT_1},x\n{short},y\n{ACCOUNT_2},z\n");
    assert_eq!(
        world.load("Account", Operation::Update, None, &csv),
        [
            format!("DUPLICATE_VALUE:Duplicate id specified: {ACCOUNT_1}:Id --"),
            format!("DUPLICATE_VALUE:Duplicate id specified: {short}:Id --"),
            "saved".to_owned(),
        ]
    );
    let outcomes = world.load("Account", Operation::Insert, None, "Name,External_Id__c\nx,M-1\ny,m-1\n");
    assert_eq!(outcomes[0], "created");
    assert!(outcomes[1].starts_with("DUPLICATE_VALUE:duplicate value found: External_Id__c"), "{}", outcomes[1]);
}

#[test]
fn a_row_fault_acts_after_the_check_of_values_and_before_saving() {
    let mut world = World::new();
    let fault = RowFault::new("Account", "DUPLICATES_DETECTED:Use one of these records?:--");
    world.org.faults.rows.push(fault.when(|row| row.get("Name") == Some("x")).times(1));
    let csv = "Name,External_Id__c\nx,R-1\ny,R-2\n";
    assert_eq!(
        world.load("Account", Operation::Insert, None, csv),
        ["DUPLICATES_DETECTED:Use one of these records?:--", "created"]
    );
    assert_eq!(world.load("Account", Operation::Insert, None, "Name,External_Id__c\nx,R-1\n"), ["created"]);
}

/// The parent `P` is before, after and in no row of the chunk.
#[test]
fn records_that_one_chunk_creates_do_not_refer_to_each_other() {
    let missing = |key: &str| {
        format!("INVALID_FIELD:Foreign key external ID: {key} not found for field External_Id__c in entity Account:--")
    };
    let csv =
        "External_Id__c,Name,Parent.External_Id__c\nA-1,One,\nP,Parent,\nC,Child,P\nD,Child,A-1\nQ,Child,Z\nZ,Last,\n";
    let upsert = || JobRequest::for_test("Account", Operation::Upsert, Some("External_Id__c"));
    let outcomes = |own_chunk: bool| World::new().load_chunk(upsert(), own_chunk, csv);
    assert_eq!(outcomes(false), ["saved", "created", &missing("P"), "created", &missing("Z"), "created"]);
    assert_eq!(outcomes(true), ["saved", "created", "created", "created", &missing("Z"), "created"]);
    let mut world = World::new();
    world.load_chunk(upsert(), false, csv);
    let again = world.load_chunk(upsert(), false, "External_Id__c,Name,Parent.External_Id__c\nC,Child,P\n");
    assert_eq!(again, ["created"], "in the next chunk");
}
