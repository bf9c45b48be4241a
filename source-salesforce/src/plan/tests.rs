//! Tests of the plan of a stream.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

/// The plan of a stream with these fields, as a describe names them, and with these settings. An incremental stream has
/// the column with the time of a deletion.
pub(crate) fn plan_of(object: &str, fields: &Value, is_incremental: bool, settings: Value) -> StreamPlan {
    let describe: salesforce::Describe =
        serde_json::from_value(json!({"name": object, "replicateable": true, "fields": fields})).unwrap();
    let config = config(&settings);
    let changes = Changes::of(&describe).filter(|_| is_incremental);
    let mut columns = crate::columns::columns(&describe);
    columns.extend(changes.as_ref().map(Column::deleted_at));
    let stream = CatalogStream {
        name: StreamName { namespace: None, name: object.to_owned() },
        columns: None,
        is_incremental,
        tells_deletions: is_incremental,
        cursor_field: Vec::new(),
        sync: SyncIds { sync_id: Some(7), generation_id: Some(3) },
        primary_key: Vec::new(),
        destination_mode: None,
    };
    let names = describe.fields.iter().map(|field| field.name.clone()).collect();
    let selected = Selected { object: object.to_owned(), columns, fields: names, changes };
    StreamPlan::new(stream, selected, &config, &org(), &Budget::new(BUDGET))
}

fn config(settings: &Value) -> Config {
    let mut config = json!({"client_id": "key-of-app", "client_secret": "s3cr3t", "refresh_token": "s3cr3t-refresh"});
    for (key, value) in settings.as_object().unwrap() {
        config[key] = value.clone();
    }
    Config::parse(&config.to_string()).unwrap_or_else(|error| panic!("{}", error.message()))
}

fn org() -> OrgName {
    OrgName { name: "00D".into(), address: "https://example.my.salesforce.com".into() }
}

/// The fields of an account, with and without those by which deletions and changes are found.
fn fields(names: &[&str]) -> Value {
    let field = |name: &&str| {
        let kind = match *name {
            "Id" => "id",
            "IsDeleted" => "boolean",
            "SystemModstamp" | "CreatedDate" => "datetime",
            _ => "string",
        };
        json!({"name": name, "type": kind, "filterable": true, "length": if kind == "string" { 80 } else { 0 },
            "calculated": *name == "Rating__c"})
    };
    names.iter().map(field).collect()
}

fn soql(plan: &StreamPlan) -> String {
    plan.soql.to_string()
}

#[test]
fn a_query_finds_the_records_that_belong_to_the_stream() {
    let all = fields(&["Id", "IsDeleted", "SystemModstamp"]);
    let without_bin = fields(&["Id", "SystemModstamp"]);
    let by_creation = fields(&["Id", "IsDeleted", "CreatedDate"]);
    let filter = |object: &str| json!({"streams": [{"stream": object, "filter": "Name = 'a' OR Name = 'b'"}]});
    for (object, fields, is_incremental, settings, with_deleted, expected) in [
        ("Account", &all, false, json!({}), false, "SELECT Id,IsDeleted,SystemModstamp FROM Account"),
        ("Account", &all, true, json!({}), true, "SELECT Id,IsDeleted,SystemModstamp FROM Account"),
        ("Account", &without_bin, true, json!({}), false, "SELECT Id,SystemModstamp FROM Account"),
        // A deletion does not move the time of the creation.
        ("Account", &by_creation, true, json!({}), false, "SELECT CreatedDate,Id,IsDeleted FROM Account"),
        // Archived activities are found only together with deleted ones.
        (
            "Task",
            &all,
            false,
            json!({}),
            true,
            "SELECT Id,IsDeleted,SystemModstamp FROM Task WHERE (IsDeleted = false)",
        ),
        ("Task", &all, true, json!({}), true, "SELECT Id,IsDeleted,SystemModstamp FROM Task"),
        (
            "Task",
            &by_creation,
            true,
            json!({}),
            true,
            "SELECT CreatedDate,Id,IsDeleted FROM Task WHERE (IsDeleted = false)",
        ),
        (
            "Account",
            &without_bin,
            false,
            filter("account"),
            false,
            "SELECT Id,SystemModstamp FROM Account WHERE (Name = 'a' OR Name = 'b')",
        ),
        (
            "Event",
            &without_bin,
            false,
            filter("Event"),
            true,
            "SELECT Id,SystemModstamp FROM Event WHERE (Name = 'a' OR Name = 'b') AND (IsDeleted = false)",
        ),
    ] {
        let plan = plan_of(object, fields, is_incremental, settings);
        assert_eq!(soql(&plan), expected);
        assert_eq!(plan.scope == QueryScope::WithDeleted, with_deleted, "{object} {is_incremental}");
        assert_eq!(plan.incremental.is_some(), is_incremental);
        assert_eq!(plan.query, query_hash("00D", expected), "a state names the query");
        assert_eq!(plan.has_filter, expected.contains("Name = 'a'"));
        assert!(!plan.is_closed && !plan.wants_proof && plan.count.is_none(), "nothing of it is known yet");
    }
}

#[test]
fn deleted_records_are_read_only_where_a_column_shows_that_they_are() {
    let describe = |fields: &Value| -> salesforce::Describe {
        serde_json::from_value(json!({"name": "Account", "fields": fields})).unwrap()
    };
    let columns = |names: &[&str]| crate::columns::columns(&describe(&fields(names)));
    assert!(shows_deletions(&columns(&["Id", "IsDeleted"])));
    assert!(!shows_deletions(&columns(&["Id", "Name"])));
    let mut with_time = columns(&["Id"]);
    with_time.push(Column::never_deleted());
    assert!(shows_deletions(&with_time));
}

#[test]
fn a_stream_is_read_whole_for_its_formulas_only_if_it_has_one() {
    let every = json!({"refresh_formulas_every": "P1D"});
    for (names, settings, expected) in [
        (&["Id", "SystemModstamp", "Rating__c"][..], every.clone(), true),
        (&["Id", "SystemModstamp", "Name"], every, false),
        (&["Id", "SystemModstamp", "Rating__c"], json!({}), false),
    ] {
        let plan = plan_of("Account", &fields(names), true, settings);
        assert_eq!(plan.incremental.unwrap().refresh_every.is_some(), expected, "{names:?}");
    }
}

#[test]
fn a_window_finds_what_changed_in_it_and_the_filter_lets_through() {
    let moment = |text: &str| Moment::parse(text).unwrap();
    let filter = json!({"streams": [{"stream": "Account", "filter": "Name = 'a' OR Name = 'b'"}]});
    let plan = plan_of("Account", &fields(&["Id", "SystemModstamp"]), true, filter);
    let plan = StreamPlan { count: Some(9), ..plan };
    let incremental = plan.incremental.clone().unwrap();
    assert_eq!(incremental.filter, Some(Condition::written("Name = 'a' OR Name = 'b'")));
    let select = "SELECT Id,SystemModstamp FROM Account WHERE ";
    let to = moment("2026-01-02T03:04:00Z");
    for (from, condition) in [
        (None, "(Name = 'a' OR Name = 'b') AND SystemModstamp < 2026-01-02T03:04:00Z"),
        (
            Some("2026-01-01"),
            "((Name = 'a' OR Name = 'b') AND SystemModstamp >= 2026-01-01T00:00:00Z) AND SystemModstamp < \
             2026-01-02T03:04:00Z",
        ),
    ] {
        let window = plan.within(&incremental, crate::window::Window { from: from.map(moment), to });
        assert_eq!(soql(&window), format!("{select}{condition}"));
        assert_eq!(window.query, query_hash("00D", &soql(&window)));
        assert!(window.count.is_none() && window.incremental.is_none(), "nobody has counted it");
    }
    let created = plan.created_before(to);
    assert_eq!(soql(&created), format!("{select}(Name = 'a' OR Name = 'b') AND CreatedDate < 2026-01-02T03:04:00Z"));
    assert_eq!((created.query.clone(), created.count), (query_hash("00D", &soql(&created)), None));
}

#[test]
fn a_plan_without_a_field_is_without_the_columns_that_need_it() {
    let plan = plan_of("Account", &fields(&["Id", "IsDeleted", "Name", "SystemModstamp"]), true, json!({}));
    let without = |paths: &[&str]| plan.without(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>());
    let (reduced, lost) = without(&["Name"]).unwrap();
    assert_eq!(soql(&reduced), "SELECT Id,IsDeleted,SystemModstamp FROM Account");
    assert_eq!((reduced.query.clone(), lost), (query_hash("00D", &soql(&reduced)), vec!["Name".to_owned()]));
    assert_eq!(without(&["IsDeleted"]).unwrap().1, ["IsDeleted", "_ab_cdc_deleted_at"]);
    assert!(without(&[]).is_none() && without(&["Other"]).is_none(), "nothing is gone");
    assert!(without(&["Id", "IsDeleted", "Name", "SystemModstamp"]).is_none(), "nothing is left");
    let has = |names: &[&str]| plan.has_columns(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert!(has(&["Name"]) && has(&["Other", "Id"]) && has(&["_ab_cdc_deleted_at"]));
    assert!(!has(&["Other"]) && !has(&[]) && !has(&["name"]));
}

#[test]
fn rest_reads_few_records_whose_query_fits_into_an_address() {
    let narrow = || plan_of("Account", &fields(&["Id"]), false, json!({}));
    let with = |plan: StreamPlan, api, count| StreamPlan { api, count, ..plan };
    // A page of a query job has 8 MB.
    let most = PAGE_SIZE as u64 / narrow().width as u64;
    assert!(most > FEW_ROWS);
    for (api, count, expected) in [
        (Api::Auto, Some(0), true),
        (Api::Auto, Some(2_000), true),
        (Api::Auto, Some(2_001), false),
        (Api::Auto, None, false),
        (Api::Rest, Some(2_001), true),
        (Api::Rest, None, true),
        (Api::Bulk, Some(0), false),
    ] {
        assert_eq!(with(narrow(), api, count).takes_rest(), expected, "{api:?} {count:?}");
    }
    let wide = StreamPlan { width: PAGE_SIZE / 128, ..with(narrow(), Api::Auto, Some(128)) };
    assert!(wide.takes_rest() && !StreamPlan { count: Some(129), ..wide }.takes_rest());
    // What describes the org is not counted.
    assert!(plan_of("Setting__mdt", &fields(&["Id"]), false, json!({})).takes_rest());
    let filter = |length: usize| json!({"streams": [{"stream": "Account", "filter": "x".repeat(length)}]});
    let longest = |length: usize| plan_of("Account", &fields(&["Id"]), false, filter(length));
    let room = Soql::LONGEST_IN_ADDRESS - url_length(&soql(&longest(1))) + 1;
    for (length, fits) in [(room, true), (room + 1, false)] {
        let plan = with(longest(length), Api::Auto, Some(1));
        assert_eq!((plan.fits_rest(), plan.takes_rest()), (fits, fits), "{length}");
    }
}

#[test]
fn a_page_has_fewer_rows_the_wider_they_are_and_as_many_as_the_user_says() {
    let wide: Vec<String> = (0..400).map(|number| format!("Text_{number}__c")).collect();
    let wide: Vec<&str> = wide.iter().map(|name| &**name).collect();
    let rows = |names: &[&str], settings: Value| {
        let plan = plan_of("Account", &fields(names), false, settings);
        (plan.rows_per_page, plan.most_rows_per_page)
    };
    let most = QueryRows::rows_per_page;
    assert_eq!(rows(&["Id"], json!({})), (most(1).min(PAGE_SIZE / 21), most(1)));
    assert_eq!(rows(&wide, json!({})), (PAGE_SIZE / (400 * 21), most(400)));
    assert_eq!(rows(&wide, json!({"max_page_rows": 7})), (7, 7));
    let texts: Vec<Value> = (0..60)
        .map(|number| json!({"name": format!("Text_{number}__c"), "type": "textarea", "length": 131_072}))
        .collect();
    let text = json!([{"name": "Text__c", "type": "textarea", "length": 32_000}]);
    let long = plan_of("Account", &text, false, json!({}));
    assert_eq!(long.rows_per_page, PAGE_SIZE / (64 + 1_000 + 1), "long texts are nearly empty");
    let widest = plan_of("Account", &json!(texts), false, json!({}));
    assert_eq!(widest.rows_per_page, 200, "a page of the widest rows has some");
    let plan = plan_of("Account", &fields(&["Id"]), false, json!({"max_parallel_pages": 2, "api": "bulk"}));
    assert_eq!((plan.pages_at_once, plan.api), (2, Api::Bulk));
    assert_eq!(plan.sync, SyncIds { sync_id: Some(7), generation_id: Some(3) });
}

#[test]
fn only_a_fault_about_the_count_leaves_a_stream_uncounted() {
    for (kind, expected) in [
        (FaultKind::Configuration, true),
        (FaultKind::InvalidJobState, true),
        (FaultKind::NotFound, true),
        (FaultKind::Permission, true),
        (FaultKind::Unexpected, true),
        (FaultKind::Transient, false),
        (FaultKind::SignIn, false),
    ] {
        assert_eq!(is_no_count(&Fault::new(kind, "")), expected, "{kind:?}");
    }
    let fault = Fault::of_failed_job("QUERY_TIMEOUT : Your query request was running for too long.");
    assert!(is_no_count(&fault), "Salesforce gives up counting very many");
}

#[test]
fn an_incremental_stream_tells_deletions_if_the_org_names_them_and_the_columns_show_them() {
    let settings = json!({
        "start_date": "2026-01-01", "end_date": "2026-02-01T03:04:05Z", "lookback_window": "PT10M",
        "refresh_formulas_every": "P1D",
    });
    for (names, is_replicateable, expected) in [
        (&["Id", "IsDeleted", "SystemModstamp"][..], true, true),
        (&["Id", "IsDeleted", "SystemModstamp"], false, false),
        (&["IsDeleted", "SystemModstamp"], true, false),
    ] {
        let plan = plan_of("Account", &fields(names), true, json!({}));
        let incremental = plan.incremental.unwrap();
        let changes = Changes { is_replicateable, ..incremental.changes };
        let found = Incremental::new("Account", changes, &config(&settings), &org(), incremental.deletion);
        assert_eq!(found.tells_deletions, expected, "{names:?} {is_replicateable}");
        assert_eq!((found.start, found.lookback), (Moment::parse("2026-01-01"), SignedDuration::from_mins(10)));
        assert_eq!(found.end, Moment::parse("2026-02-01T03:04:00Z"), "it is a whole minute");
        assert_eq!(found.refresh_every, None, "the plan knows whether there is a formula");
        let org = (query_hash("00D", ""), query_hash("https://example.my.salesforce.com", ""));
        assert_eq!((found.org, found.former_org), org);
    }
}
