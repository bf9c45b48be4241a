//! The objects that every simulated org has.

use super::{Field, Object};

/// The objects of an org without settings.
pub(crate) fn standard_objects() -> Vec<Object> {
    vec![
        user(),
        group(),
        account(),
        contact(),
        lead(),
        opportunity(),
        case(),
        task(),
        campaign(),
        content_version(),
        attachment(),
        login_history(),
        invoice(),
        invoice_line(),
        subscription(),
        organization(),
        name(),
    ]
}

const INDUSTRIES: [&str; 6] = ["Agriculture", "Banking", "Energy", "Manufacturing", "Retail", "Technology"];
const SALUTATIONS: [&str; 4] = ["Mr.", "Ms.", "Dr.", "Prof."];

/// Salesforce's limit for a long text area of standard objects (Object Reference, `Account.Description`).
const LONG_TEXT: usize = 32_000;

/// Adds an address: the compound field and its components.
fn with_address(object: Object, prefix: &str) -> Object {
    let compound = format!("{prefix}Address");
    let part = |field: Field| field.part_of(&compound);
    object
        .field(part(Field::textarea(&format!("{prefix}Street"), 255)))
        .field(part(Field::text(&format!("{prefix}City"), 40)))
        .field(part(Field::text(&format!("{prefix}State"), 80)))
        .field(part(Field::text(&format!("{prefix}PostalCode"), 20)))
        .field(part(Field::text(&format!("{prefix}Country"), 80)))
        .field(part(Field::double(&format!("{prefix}Latitude"), 18, 15)))
        .field(part(Field::double(&format!("{prefix}Longitude"), 18, 15)))
        .field(Field::address(&compound))
}

/// Adds the name of a person: the compound `Name` and its components.
fn with_person_name(object: Object) -> Object {
    object
        .field(Field::text("LastName", 80).required().part_of("Name"))
        .field(Field::text("FirstName", 40).part_of("Name"))
        .field(Field::picklist("Salutation", &SALUTATIONS).part_of("Name"))
        .field(Field::text("Name", 121).label("Full Name").name_field().read_only())
}

/// Adds the fields of a person to `Account` (Object Reference, "Account": person account fields).
pub(crate) fn with_person_accounts(account: Object) -> Object {
    account
        .field(Field::text("LastName", 80))
        .field(Field::text("FirstName", 40))
        .field(Field::email("PersonEmail"))
        .field(Field::boolean("IsPersonAccount").read_only())
}

fn owned_by_user() -> Field {
    Field::owner(&["User"])
}

/// The org itself. Lists of objects leave it out, as they leave out most of the objects that an org has.
fn organization() -> Object {
    Object::standard("Organization", "00D")
        .field(Field::text("Name", 80).name_field())
        .field(Field::text("InstanceName", 5))
        .field(Field::boolean("IsSandbox"))
        .field(Field::datetime("TrialExpirationDate"))
        .field(Field::text("NamespacePrefix", 15))
        .field(Field::picklist("OrganizationType", &["Developer Edition"]))
        .read_only()
        .without_bulk()
        .unlisted()
}

/// What queries know of a record to which a reference to several objects points (Object Reference, "Name"). That lists of
/// objects leave it out is a guess.
fn name() -> Object {
    let mut name = Object::standard("Name", "000");
    name.fields.retain(|field| field.name == "Id");
    name.field(Field::text("Name", 255).name_field())
        .field(Field::text("LastName", 80))
        .field(Field::text("FirstName", 40))
        .field(Field::picklist("Type", &[]))
        .field(Field::text("Alias", 8))
        .field(Field::text("Username", 80))
        .field(Field::email("Email"))
        .field(Field::boolean("IsActive"))
        .read_only()
        .without_queries()
        .without_bulk()
        .unlisted()
}

fn user() -> Object {
    with_person_name(Object::standard("User", "005"))
        .field(Field::text("Username", 80).required().unique())
        .field(Field::email("Email").required().id_lookup())
        .field(Field::text("Alias", 8).required())
        .field(Field::boolean("IsActive").default_value("true"))
        .field(Field::text("Employee_Number__c", 20).external_id().unique())
}

fn group() -> Object {
    Object::standard("Group", "00G")
        .field(Field::text("Name", 40).required().name_field())
        .field(Field::text("DeveloperName", 80).id_lookup())
        .field(Field::picklist("Type", &["Regular", "Queue"]).restricted().required().not_updateable())
}

fn account() -> Object {
    let object = Object::standard("Account", "001")
        .field(Field::text("Name", 255).label("Account Name").required().name_field())
        .field(Field::picklist("Type", &["Customer", "Partner", "Prospect", "Other"]))
        .field(Field::reference("ParentId", &["Account"]));
    let object = with_address(with_address(object, "Billing"), "Shipping");
    object
        .field(Field::phone("Phone"))
        .field(Field::phone("Fax"))
        .field(Field::text("AccountNumber", 40))
        .field(Field::url("Website"))
        .field(Field::text("Sic", 20))
        .field(Field::picklist("Industry", &INDUSTRIES).restricted())
        .field(Field::currency("AnnualRevenue", 18, 0))
        .field(Field::int("NumberOfEmployees", 8).label("Employees"))
        .field(Field::picklist("Ownership", &["Public", "Private", "Subsidiary", "Other"]))
        .field(Field::textarea("Description", LONG_TEXT))
        .field(Field::picklist("Rating", &["Hot", "Warm", "Cold"]))
        .field(owned_by_user())
        .field(Field::text("External_Id__c", 64).external_id().unique())
        .field(Field::text("Legacy_Key__c", 64).external_id().unique().case_sensitive())
        .field(Field::text("Segment_Key__c", 64).external_id())
        .field(Field::double("Score__c", 8, 2))
        .field(Field::percent("Discount__c", 5, 2))
        .field(Field::boolean("Is_Key_Account__c"))
        .field(Field::date("Customer_Since__c"))
        .field(Field::datetime("Last_Order_At__c"))
        .field(Field::time("Opens_At__c"))
        .field(Field::multipicklist("Channels__c", &["Web", "Phone", "Store", "Partner"]).restricted())
        .field(Field::encrypted("Tax_Number__c", 20))
        .field(Field::currency("Open_Amount__c", 18, 2).formula())
}

fn contact() -> Object {
    let object = with_person_name(Object::standard("Contact", "003"))
        .field(Field::reference("AccountId", &["Account"]).label("Account ID"))
        .field(Field::reference("ReportsToId", &["Contact"]));
    with_address(object, "Mailing")
        .field(Field::email("Email").id_lookup())
        .field(Field::phone("Phone"))
        .field(Field::phone("MobilePhone"))
        .field(Field::text("Title", 128))
        .field(Field::text("Department", 80))
        .field(Field::date("Birthdate"))
        .field(Field::boolean("HasOptedOutOfEmail"))
        .field(Field::picklist("LeadSource", &["Web", "Phone Inquiry", "Other"]))
        .field(Field::textarea("Description", LONG_TEXT))
        .field(owned_by_user())
        .field(Field::text("External_Id__c", 64).external_id().unique())
        .field(Field::picklist("Level__c", &["Primary", "Secondary", "Tertiary"]).restricted())
}

fn lead() -> Object {
    let object = with_person_name(Object::standard("Lead", "00Q"))
        .field(Field::text("Company", 255).required())
        .field(Field::text("Title", 128))
        .field(Field::email("Email").id_lookup())
        .field(Field::phone("Phone"))
        .field(Field::url("Website"))
        .field(Field::picklist("Status", &["Open", "Working", "Closed"]).required().default_value("Open"))
        .field(Field::picklist("Industry", &INDUSTRIES))
        .field(Field::currency("AnnualRevenue", 18, 0))
        .field(Field::int("NumberOfEmployees", 8))
        .field(Field::boolean("IsConverted").not_updateable())
        .field(Field::owner(&["Group", "User"]))
        .field(Field::text("External_Id__c", 64).external_id().unique());
    with_address(object, "")
}

fn opportunity() -> Object {
    Object::standard("Opportunity", "006")
        .field(Field::text("Name", 120).required().name_field())
        .field(Field::reference("AccountId", &["Account"]).label("Account ID"))
        .field(Field::picklist("StageName", &["Prospecting", "Negotiation", "Closed Won", "Closed Lost"]).required())
        .field(Field::date("CloseDate").required())
        .field(Field::currency("Amount", 18, 2))
        .field(Field::percent("Probability", 3, 0))
        .field(Field::currency("ExpectedRevenue", 18, 2).formula())
        .field(Field::reference("CampaignId", &["Campaign"]))
        .field(Field::boolean("IsPrivate"))
        .field(Field::textarea("Description", LONG_TEXT))
        .field(owned_by_user())
        .field(Field::text("External_Id__c", 64).external_id().unique())
}

fn case() -> Object {
    Object::standard("Case", "500")
        .field(Field::auto_number("CaseNumber", "{00000000}").name_field().id_lookup())
        .field(Field::reference("AccountId", &["Account"]).label("Account ID"))
        .field(Field::reference("ContactId", &["Contact"]).label("Contact ID"))
        .field(Field::text("Subject", 255))
        .field(Field::textarea("Description", LONG_TEXT))
        .field(Field::picklist("Status", &["New", "Working", "Escalated", "Closed"]).default_value("New"))
        .field(Field::picklist("Priority", &["High", "Medium", "Low"]).default_value("Medium"))
        .field(Field::picklist("Origin", &["Phone", "Email", "Web"]))
        .field(Field::email("SuppliedEmail"))
        .field(Field::owner(&["Group", "User"]))
        .field(Field::text("Ticket_Number__c", 20).external_id().unique())
}

fn task() -> Object {
    Object::standard("Task", "00T")
        .field(Field::reference("WhoId", &["Contact", "Lead"]))
        .field(Field::reference("WhatId", &["Account", "Campaign", "Case", "Invoice__c", "Opportunity"]))
        .field(Field::text("Subject", 255).name_field())
        .field(Field::date("ActivityDate"))
        .field(Field::picklist("Status", &["Not Started", "In Progress", "Completed"]).default_value("Not Started"))
        .field(Field::picklist("Priority", &["High", "Normal", "Low"]).default_value("Normal"))
        .field(Field::textarea("Description", LONG_TEXT))
        .field(Field::boolean("IsArchived").read_only())
        .field(owned_by_user())
}

fn campaign() -> Object {
    Object::standard("Campaign", "701")
        .field(Field::text("Name", 80).required().name_field())
        .field(Field::picklist("Type", &["Conference", "Webinar", "Email", "Other"]))
        .field(Field::picklist("Status", &["Planned", "In Progress", "Completed"]))
        .field(Field::date("StartDate"))
        .field(Field::currency("BudgetedCost", 18, 0))
        .field(Field::boolean("IsActive"))
        .field(owned_by_user())
        .field(Field::text("External_Id__c", 64).external_id().unique())
}

fn content_version() -> Object {
    Object::standard("ContentVersion", "068")
        .field(Field::text("Title", 255).required().name_field())
        .field(Field::text("PathOnClient", 500).not_updateable())
        .field(Field::base64("VersionData"))
        .field(owned_by_user())
}

/// The Bulk API does not know attachments.
fn attachment() -> Object {
    Object::standard("Attachment", "00P")
        .field(Field::text("Name", 255).required().name_field())
        .field(Field::reference("ParentId", &["Account", "Case", "Contact"]).required().not_updateable())
        .field(Field::base64("Body").required())
        .without_bulk()
}

/// It has none of the fields that other objects have of their changes. That `LoginTime` is never null is a guess.
fn login_history() -> Object {
    ["IsDeleted", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp"]
        .into_iter()
        .fold(Object::standard("LoginHistory", "0Ya"), Object::without)
        .field(Field::reference("UserId", &["User"]))
        .field(Field::datetime("LoginTime").required())
        .field(Field::text("Status", 128))
        .read_only()
}

fn invoice() -> Object {
    Object::custom("Invoice__c")
        .field(Field::auto_number("Name", "INV-{00000}").label("Invoice Number").name_field().id_lookup())
        .field(Field::reference("Account__c", &["Account"]))
        .field(Field::text("External_Id__c", 40).external_id().unique())
        .field(Field::currency("Amount__c", 16, 2).required())
        .field(Field::date("Due_Date__c"))
        .field(Field::picklist("Status__c", &["Draft", "Sent", "Paid"]).restricted().default_value("Draft"))
        .field(Field::textarea("Notes__c", 131_072))
}

fn invoice_line() -> Object {
    Object::custom("Invoice_Line__c")
        .field(Field::master_detail("Invoice__c", "Invoice__c"))
        .field(Field::text("External_Id__c", 40).external_id().unique())
        .field(Field::int("Quantity__c", 6).required())
        .field(Field::currency("Unit_Price__c", 16, 4))
}

fn subscription() -> Object {
    Object::custom("Subscription__c")
        .field(Field::reference("Contact__c", &["Contact"]))
        .field(Field::double("Subscription_Number__c", 18, 0).external_id().unique())
        .field(Field::email("Billing_Email__c").external_id())
        .field(Field::date("Starts_On__c").required())
        .field(Field::datetime("Renews_At__c"))
        .field(Field::time("Reminder_Time__c"))
        .field(Field::percent("Discount__c", 5, 2))
        .field(Field::boolean("Auto_Renew__c").default_value("true"))
        .field(Field::multipicklist("Features__c", &["Basic", "Support", "Analytics"]).restricted())
}
