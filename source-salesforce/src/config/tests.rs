//! Tests of the configuration as a whole.

use serde_json::{Value, json};

use super::*;

fn base(changes: Value) -> Value {
    let mut config = json!({"client_id": "key-of-app", "client_secret": "s3cr3t", "refresh_token": "s3cr3t-refresh"});
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn parse(config: &Value) -> Result<Config> {
    Config::parse(&config.to_string())
}

/// The forms that the form and the documentation of Airbyte's own connector make.
#[test]
fn a_configuration_of_airbytes_own_source_is_accepted() {
    let flat = base(json!({
        "auth_type": "Client", "is_sandbox": false, "start_date": "2021-07-25", "end_date": "", "force_use_bulk_api": true,
        "streams_criteria": [{"criteria": "not contains", "value": "History"}],
        "stream_slice_step": "PT12H", "lookback_window": "PT10M", "preserve_na_values": false,
    }));
    let nested = json!({
        "is_sandbox": false, "start_date": "2021-07-25T00:00:00Z", "force_use_bulk_api": true,
        "streams_criteria": [{"criteria": "not contains", "value": "History"}],
        "credentials": {"client_id": "key-of-app", "client_secret": "s3cr3t", "refresh_token": "s3cr3t-refresh"},
    });
    for config in [flat, nested] {
        let config = parse(&config).unwrap();
        assert_eq!(config.api_of("Account"), Api::Bulk);
        assert!(config.criteria().offer("Account") && !config.criteria().offer("AccountHistory"));
        assert!(config.unused().unwrap().contains("`start_date` is not used"));
        assert!(config.unknown_keys().is_empty() && !config.uses_password_flow());
    }
    assert_eq!(parse(&base(json!({}))).unwrap().unused(), None);
}

#[test]
fn the_dates_of_incremental_syncs_have_a_span_between_them() {
    for (start, end, wrong) in [
        ("2021-07-25", "2021-07-26", None),
        ("", "2021-07-26T10:30:00Z", None),
        ("2021-07-25", "2021-07-25T00:00:01Z", None),
        ("2021-07-25", "2021-07-25", Some("`end_date` must be later than `start_date`")),
        ("2021-07-25", "2021-07-24", Some("`end_date` must be later than `start_date`")),
        ("2021-07-25", "tomorrow", Some("`end_date` must be a date such as")),
        ("yesterday", "2021-07-25", Some("`start_date` must be a date such as")),
    ] {
        let config = parse(&base(json!({ "start_date": start, "end_date": end })));
        match (config, wrong) {
            (Ok(config), None) => {
                assert_eq!(config.end_date(), Moment::parse(end));
                let unused = config.unused().unwrap();
                assert!(
                    unused.contains("`end_date`") && unused.contains("`start_date`") != start.is_empty(),
                    "{unused}"
                );
            }
            (Err(error), Some(wrong)) => assert!(error.message().contains(wrong), "{error:?}"),
            (config, _) => panic!("{start:?} {end:?}: {:?}", config.map(|_| ())),
        }
    }
}

/// Its names of the flows, in either place.
#[test]
fn a_flow_may_have_the_name_of_airbytes_own_source() {
    let is_flow = |config: &Value, wanted: fn(&OAuthFlow) -> bool| {
        let parsed = parse(config).unwrap_or_else(|error| panic!("{config}: {}", error.message()));
        assert!(wanted(&parsed.sign_in().flow), "{config}");
    };
    let client = json!({
        "auth_type": "client_credentials", "client_id": "key-of-app", "client_secret": "s3cr3t",
        "domain_url": "https://example.develop.my.salesforce.com", "is_sandbox": false,
    });
    let mut flat = client.clone();
    (flat["start_date"], flat["api_type"]) = (json!("2021-05-02T00:00:00Z"), json!("REST"));
    for config in [flat.clone(), json!({"credentials": client})] {
        is_flow(&config, |flow| matches!(flow, OAuthFlow::ClientCredentials { .. }));
    }
    let unknown = parse(&flat).unwrap().unknown_keys().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(unknown[0].starts_with("`api_type` is not a key of this connector"), "{unknown:?}");
    // The key is none, so that the flow is known by what is wrong.
    let jwt = json!({
        "auth_type": "JWT", "client_id": "key-of-app", "private_key": "none", "username": "a@example.com",
        "is_sandbox": false, "start_date": "2021-01-01T00:00:00Z",
    });
    let nested = json!({"credentials": {"auth_type": "JWT", "client_id": "a", "private_key": "none"}});
    for (config, part) in [(jwt, "private_key"), (nested, "username")] {
        let error = parse(&config).map(|_| ()).unwrap_err();
        assert!(error.message().contains(part) && !error.message().contains("auth_type"), "{}", error.message());
    }
}

#[test]
fn a_stream_has_settings_of_its_own() {
    let config = parse(&base(json!({
        "api": "rest", "max_parallel_streams": 5.0, "max_parallel_pages": 2,
        "streams": [{"stream": "Account", "filter": "Name LIKE 'A%'"}, {"stream": "Contact", "api": "bulk"}],
    })))
    .unwrap();
    assert_eq!(
        (config.api_of("account"), config.api_of("Contact"), config.api_of("Lead")),
        (Api::Rest, Api::Bulk, Api::Rest)
    );
    assert!(config.stream("Account").unwrap().filter.is_some());
    assert!(config.stream("Contact").unwrap().filter.is_none());
    assert_eq!((config.max_parallel_streams(), config.max_parallel_pages()), (5, 2));
    let config = parse(&base(json!({}))).unwrap();
    assert_eq!((config.max_parallel_streams(), config.max_parallel_pages()), (3, 3));
    let config = parse(&base(json!({"max_page_rows": 10}))).unwrap();
    assert_eq!(config.max_parallel_pages(), 1, "listed pages have another size");
}

#[test]
fn formulas_are_refreshed_as_often_as_the_stream_or_all_streams_say() {
    let config = parse(&base(json!({
        "refresh_formulas_every": "P1D",
        "streams": [{"stream": "Account", "refresh_formulas_every": " PT90M "}, {"stream": "Lead"}],
    })))
    .unwrap();
    let (day, ninety) = (Some(SignedDuration::from_hours(24)), Some(SignedDuration::from_mins(90)));
    assert_eq!(["account", "Lead", "Contact"].map(|name| config.refresh_every(name)), [ninety, day, day]);
    assert_eq!(parse(&base(json!({"refresh_formulas_every": " "}))).unwrap().refresh_every("Account"), None);
}

#[test]
fn what_is_not_set_has_its_default() {
    let config = parse(&base(json!({}))).unwrap();
    assert_eq!((config.api_of("Account"), config.max_parallel_streams(), config.max_page_rows()), (Api::Auto, 3, None));
    assert!(config.streams().is_empty() && config.criteria().offer("Account"));
    let config = parse(&base(json!({"max_page_rows": 500, "force_use_bulk_api": true}))).unwrap();
    assert_eq!((config.max_page_rows(), config.api_of("Account")), (Some(500), Api::Bulk));
}

#[test]
fn every_broken_rule_is_named_at_once() {
    for (changes, part) in [
        (json!({"api": "soap"}), "`api` must be one of `auto`, `bulk`, `rest`."),
        (json!({"max_parallel_streams": 0}), "`max_parallel_streams` must be at least 1."),
        (json!({"max_parallel_streams": 21}), "`max_parallel_streams` must be at most 20."),
        (json!({"max_parallel_pages": 0}), "`max_parallel_pages` must be at least 1."),
        (json!({"max_parallel_pages": 6}), "`max_parallel_pages` must be at most 5."),
        (json!({"streams": [{"filter": "a = 1"}]}), "`streams[0].stream` is missing."),
        (
            json!({"streams": [{"stream": "A"}, {"stream": "a"}]}),
            "`streams[1].stream` names a stream that an earlier entry names.",
        ),
        (
            json!({"streams_criteria": [{"criteria": "contains", "value": " "}]}),
            "`streams_criteria[0].value` is missing.",
        ),
        (json!({"streams": [{"stream": " "}]}), "`streams[0].stream` is missing."),
        (json!({"force_use_bulk_api": true, "api": "rest"}), "`force_use_bulk_api` contradicts `api`"),
        (
            json!({"force_use_bulk_api": true, "streams": [{"stream": "A", "api": "rest"}]}),
            "`streams[0].api` is `rest`, which contradicts `force_use_bulk_api`",
        ),
        (
            json!({"force_use_bulk_api": true, "streams": [{"stream": "A"}, {"stream": "B", "api": "rest"}]}),
            "`streams[1].api` is `rest`, which contradicts `force_use_bulk_api`",
        ),
        (
            json!({"force_use_bulk_api": true, "api": "auto", "streams": [{"stream": "A", "api": "rest"}]}),
            "`streams[0].api` is `rest`, which contradicts `force_use_bulk_api`",
        ),
        (json!({"streams": [{"stream": "A", "filtre": "a = 1"}]}), "the nearest key is `filter`"),
        (json!({"refresh_formulas_every": "P1M"}), "`refresh_formulas_every` must be a duration such as P1D or PT12H."),
        (
            json!({"streams": [{"stream": "A", "refresh_formulas_every": "PT0S"}]}),
            "`streams[0].refresh_formulas_every` must be a duration such as P1D or PT12H.",
        ),
        (json!({"domain_url": "https://salesforce.example.com"}), "`domain_url` is not allowed"),
    ] {
        let error = parse(&base(changes.clone())).map(|_| ()).unwrap_err();
        assert!(error.message().contains(part), "{changes}: {}", error.message());
    }
}

#[test]
fn a_lookback_has_every_unit_and_is_never_shorter_than_the_calendar_says() {
    let lookback = |text: &str| parse(&base(json!({"lookback_window": text}))).map(|config| config.lookback());
    for (text, hours) in [
        ("PT10H", 10),
        ("P1D", 24),
        ("P1DT2H", 26),
        ("P2W", 14 * 24),
        ("P1M", 31 * 24),
        ("P1Y", 366 * 24),
        ("P1Y2M3DT4H", (366 + 62 + 3) * 24 + 4),
        ("PT0S", 0),
        (" ", 0),
    ] {
        assert_eq!(lookback(text).unwrap(), SignedDuration::from_hours(hours), "{text}");
    }
    for text in ["-P1M", "-PT1S", "month", "P", "P1", "1M"] {
        let error = lookback(text).unwrap_err();
        assert!(error.message().contains("`lookback_window` must be a duration such as PT10M or P1D"), "{text}");
    }
}

#[test]
fn a_setting_of_a_stream_counts_before_that_of_all() {
    let config = parse(&base(json!({
        "force_use_bulk_api": true, "max_parallel_pages": 4, "max_page_rows": 10.0,
        "streams": [
            {"stream": " Account ", "filter": " "},
            {"stream": "Contact", "api": "auto", "filter": "Name = 'a'"},
        ],
    })))
    .unwrap();
    assert_eq!((config.api_of("Account"), config.api_of("CONTACT")), (Api::Bulk, Api::Auto));
    assert!(config.stream("account").unwrap().filter.is_none(), "a blank is no filter");
    assert!(config.stream("contact").unwrap().filter.is_some());
    assert_eq!((config.max_parallel_pages(), config.max_page_rows()), (4, Some(10)));
    let rest = json!({"force_use_bulk_api": false, "api": "rest", "streams": [{"stream": "A", "api": "rest"}]});
    assert_eq!(parse(&base(rest)).unwrap().api_of("A"), Api::Rest, "what is not set contradicts nothing");
}

#[test]
fn no_span_is_longer_than_a_duration_can_be() {
    for (text, is_valid) in [("P10000Y", true), ("P99999Y", false), ("-P1D", false), ("P1Y-1D", false)] {
        assert_eq!(parse(&base(json!({"lookback_window": text}))).is_ok(), is_valid, "{text}");
    }
}

#[test]
fn formulas_are_not_refreshed_without_end_or_backwards() {
    for text in ["PT0S", "-PT1H", "P1M", "P1Y", "daily"] {
        let error = parse(&base(json!({"refresh_formulas_every": text}))).map(|_| ()).unwrap_err();
        assert!(error.message().contains("`refresh_formulas_every` must be a duration"), "{text}");
    }
    let config = parse(&base(json!({"refresh_formulas_every": "P2DT1H"}))).unwrap();
    assert_eq!(config.refresh_every("Account"), Some(SignedDuration::from_hours(49)));
}

#[test]
fn a_flow_without_a_name_is_that_of_the_refresh_token_which_is_there() {
    let credentials = json!({"client_id": "key-of-app", "client_secret": "s3cr3t", "refresh_token": "s3cr3t-refresh"});
    assert!(parse(&json!({ "credentials": credentials })).is_ok());
    let mut named = credentials.clone();
    named["auth_type"] = json!("Client");
    assert!(parse(&json!({ "credentials": named })).is_ok());
    let mut other = credentials;
    other["auth_type"] = json!("ClientCredentials");
    other["domain_url"] = json!("https://example.develop.my.salesforce.com");
    let config = parse(&json!({ "credentials": other })).unwrap();
    assert!(matches!(config.sign_in().flow, OAuthFlow::ClientCredentials { .. }), "the name counts");
}

#[test]
fn blanks_around_a_value_do_not_count() {
    let config = parse(&base(json!({
        "start_date": " 2021-07-25 ", "end_date": "\t2021-08-25T00:00:00Z ", "lookback_window": " PT10M ",
        "refresh_formulas_every": " P1D ",
    })))
    .unwrap();
    assert_eq!((config.start_date(), config.end_date()), (Moment::parse("2021-07-25"), Moment::parse("2021-08-25")));
    assert_eq!(config.lookback(), SignedDuration::from_mins(10));
    assert_eq!(config.refresh_every("Account"), Some(SignedDuration::from_hours(24)));
}

#[test]
fn the_password_flow_is_known_as_such() {
    let changes = json!({
        "auth_type": "Password", "refresh_token": null, "username": "a@example.com", "password": "s3cr3t",
        "domain_url": "https://example.my.salesforce.com",
    });
    let mut config = base(changes);
    config.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    match parse(&config) {
        Ok(config) => assert!(config.uses_password_flow()),
        Err(error) => panic!("{}", error.message()),
    }
}

/// Without `start_date` or a filter there would be other records, and nobody would see why.
#[test]
fn only_the_misspelling_of_a_harmless_key_is_a_warning() {
    let harmless = [
        "api",
        "force_use_bulk_api",
        "lookback_window",
        "max_page_rows",
        "max_parallel_pages",
        "max_parallel_streams",
        "preserve_na_values",
        "stream_slice_step",
    ];
    let spec = spec().unwrap();
    let known = base(json!({}));
    for key in spec["connectionSpecification"]["properties"].as_object().unwrap().keys() {
        if known.get(key).is_some() {
            continue;
        }
        let misspelt = format!("{key}e");
        let config = parse(&base(json!({&misspelt: 1})));
        assert_eq!(config.is_ok(), harmless.contains(&key.as_str()), "{key}");
        match config {
            Ok(config) => {
                assert!(config.unknown_keys()[0].to_string().contains(&format!("the nearest key is `{key}`")))
            }
            Err(error) => assert!(error.message().contains(&misspelt), "{}", error.message()),
        }
    }
}
