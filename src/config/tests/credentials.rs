//! Tests of the two places of the sign-in keys.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::config::test_configs::{assert_invalid, client, client_credentials, in_form, jwt, password, valid};
use salesforce::UrlRule;

#[test]
fn the_keys_of_the_form_mean_what_the_flat_ones_mean() {
    for flat in [
        client(json!({})),
        client(json!({"is_sandbox": true})),
        client(json!({"auth_type": null, "domain_url": "https://example.my.salesforce.com"})),
        client_credentials(json!({})),
        jwt(json!({"is_sandbox": true})),
        password(json!({"password": " s3cr3t-password "})),
    ] {
        let form = in_form(&flat);
        assert!(form["client_id"].is_null() && form["credentials"]["client_id"].is_string(), "{form}");
        assert_eq!(format!("{:?}", valid(&form)), format!("{:?}", valid(&flat)));
    }
}

#[test]
fn a_key_may_be_in_both_places_with_one_value() {
    for flat in
        [client(json!({"is_sandbox": false})), client_credentials(json!({})), jwt(json!({})), password(json!({}))]
    {
        let mut both = in_form(&flat);
        both.as_object_mut().unwrap().extend(flat.as_object().unwrap().clone());
        assert_eq!(format!("{:?}", valid(&both)), format!("{:?}", valid(&flat)));
    }
    let mut both = in_form(&client(json!({})));
    both["client_id"] = json!(" key-of-app\n");
    valid(&both);
}

#[test]
fn a_sandbox_is_chosen_beside_the_default_of_an_earlier_form() {
    let mut config = in_form(&client(json!({"is_sandbox": true})));
    config["is_sandbox"] = json!(false);
    assert_eq!(valid(&config).sign_in().login_url.as_url().as_str(), "https://test.salesforce.com/");
}

#[test]
fn a_flat_key_completes_those_of_the_form() {
    let mut config = in_form(&client(json!({})));
    config["domain_url"] = json!("https://example.my.salesforce.com");
    let token = config["credentials"].as_object_mut().unwrap().remove("refresh_token").unwrap();
    config["refresh_token"] = token;
    assert_eq!(valid(&config).sign_in().login_url.as_url().as_str(), "https://example.my.salesforce.com/");
}

#[test]
fn a_key_with_two_values_is_an_error_that_names_both() {
    type Flat = fn(Value) -> Value;
    let cases: [(Flat, &str, Value); 10] = [
        (client, "client_id", json!("key-of-another-app")),
        (client, "client_secret", json!("s3cr3t-of-another-app")),
        (client, "refresh_token", json!("s3cr3t-other-refresh")),
        (client, "auth_type", json!("ClientCredentials")),
        (client, "is_sandbox", json!(true)),
        (client_credentials, "domain_url", json!("https://other.my.salesforce.com")),
        (jwt, "private_key", json!("s3cr3t-other-key")),
        (jwt, "username", json!("other@example.com")),
        (password, "password", json!("s3cr3t-password ")),
        (password, "security_token", json!("s3cr3t-other-token")),
    ];
    for (flat, key, other) in cases {
        let mut config = in_form(&flat(json!({"is_sandbox": false})));
        config[key] = other;
        assert_invalid(&config, &[&format!("`{key}` contradicts `credentials.{key}`: remove one of them")]);
    }
}

#[test]
fn what_is_left_blank_contradicts_nothing() {
    let mut config = in_form(&client(json!({})));
    for (key, blank) in [
        ("client_id", json!("")),
        ("client_secret", json!(" ")),
        ("auth_type", json!("")),
        ("refresh_token", Value::Null),
    ] {
        config[key] = blank;
    }
    valid(&config);

    for left_out in [json!({}), Value::Null, json!({"auth_type": ""}), json!({"auth_type": " ", "client_id": ""})] {
        valid(&client(json!({ "credentials": left_out })));
    }
}

#[test]
fn an_error_names_the_key_where_it_is_or_belongs() {
    let no_url = |key: &str| format!("`{key}` is not allowed: {}", UrlRule::NotAUrl);
    let (flat_url, url_of_form) = (no_url("domain_url"), no_url("credentials.domain_url"));
    for (config, violations) in [
        (json!({}), &["`credentials` is missing: it says how to sign in to Salesforce"][..]),
        (json!({"is_sandbox": true}), &["`credentials` is missing: it says how to sign in to Salesforce"]),
        (
            json!({"credentials": {"auth_type": "Client", "client_id": " "}}),
            &[
                "`credentials.client_id` is missing",
                "`credentials.client_secret` is missing; the sign-in flow Client needs it",
                "`credentials.refresh_token` is missing; the sign-in flow Client needs it",
            ],
        ),
        (
            json!({"credentials": {"auth_type": "ClientCredentials", "client_id": "a", "client_secret": "s3cr3t"}}),
            &["`credentials.domain_url` is missing; the sign-in flow ClientCredentials needs it"],
        ),
        (
            json!({
                "credentials": {"auth_type": "Client", "client_id": "a", "client_secret": "s3cr3t", "refresh_token": "s3cr3t-r"},
                "domain_url": "example.my.salesforce.com",
            }),
            &[&flat_url],
        ),
        (in_form(&client(json!({"domain_url": "example.my.salesforce.com"}))), &[&url_of_form]),
        (in_form(&client(json!({"client_id": 5}))), &["`credentials.client_id` must be text"]),
        (
            in_form(&client(json!({"auth_type": "OAuth"}))),
            &["`credentials.auth_type` must be one of `Client`, `ClientCredentials`, `JwtBearer`, `Password`"],
        ),
        (
            json!({"credentials": {"client_id": "a"}}),
            &["`credentials.auth_type` must be one of `Client`, `ClientCredentials`, `JwtBearer`, `Password`"],
        ),
        (json!({"credentials": "Client"}), &["`credentials` must be an object"]),
    ] {
        assert_invalid(&config, violations);
    }
}

#[test]
fn a_new_refresh_token_goes_where_the_old_one_was() {
    let form = in_form(&client(json!({})));
    let mut both = form.clone();
    both.as_object_mut().unwrap().extend(client(json!({})).as_object().unwrap().clone());
    for (config, places) in [
        (client(json!({})), &["/refresh_token"][..]),
        (client(json!({"credentials": {"auth_type": ""}})), &["/refresh_token"]),
        (form, &["/credentials/refresh_token"]),
        (both, &["/credentials/refresh_token", "/refresh_token"]),
    ] {
        let text = valid(&config).with_refresh_token(&"s3cr3t-new".into()).unwrap();
        let mut expected = config.clone();
        for place in places {
            *expected.pointer_mut(place).unwrap() = json!("s3cr3t-new");
        }
        let answer: Value = serde_json::from_str(text.get()).unwrap();
        assert_eq!(answer, expected);
        // The platform stores the answer, and the next run reads it.
        let next = valid(&answer);
        let salesforce::OAuthFlow::RefreshToken { refresh_token, .. } = &next.sign_in().flow else { panic!() };
        assert_eq!(refresh_token.expose_secret(), "s3cr3t-new");
    }
}

/// Who types one of them has begun, and gets an error that names what else is needed.
#[test]
fn each_key_of_an_app_or_a_user_says_that_the_flat_form_is_meant() {
    for key in ["client_id", "client_secret", "refresh_token", "private_key", "username", "password", "security_token"]
    {
        for value in [json!("s3cr3t"), json!(5)] {
            let error = crate::config::Config::parse(&json!({ key: value }).to_string()).unwrap_err();
            assert!(!error.message().contains("`credentials`"), "{key}: {error}");
            assert!(error.message().contains("`refresh_token` ") || key == "refresh_token", "{key}: {error}");
        }
    }
    for auth_type in ["Client", "other"] {
        let error = crate::config::Config::parse(&json!({"auth_type": auth_type}).to_string()).unwrap_err();
        assert!(!error.message().contains("`credentials`"), "{error}");
    }
}
