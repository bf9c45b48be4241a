//! `validate`: a configuration and a catalog, without the org.

use serde_json::{Value, json};

use crate::connector::{self, Run};
use crate::world::{catalog, keyed, stream};

fn config(changes: Value) -> Value {
    let mut config = json!({"client_id": "key", "client_secret": "s3cr3t-of-app", "refresh_token": "s3cr3t-refresh"});
    config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    config
}

fn validate(changes: Value, catalog: Option<&Value>) -> Run {
    connector::validate(&config(changes), catalog)
}

#[test]
fn a_valid_configuration_is_said_to_be_valid() {
    let run = validate(json!({"streams": [{"stream": "c", "object": "Contact"}]}), None);
    run.assert_success();
    let said = "The configuration is valid. Run `check` to see whether it fits the org.";
    assert_eq!(run.log("INFO"), [said], "{}", run.stdout);
    let contacts = catalog(&[stream("c", "Contact", &[("LastName", "string")])]);
    let run = validate(
        json!({"streams": [{"stream": "c", "fields": [{"source": "LastName", "target": "Name"}]}]}),
        Some(&contacts),
    );
    run.assert_success();
    assert!(run.log("INFO")[0].starts_with("The configuration is valid and fits the catalog."), "{}", run.stdout);
}

#[test]
fn everything_that_a_sync_only_logs_is_an_error_of_validate() {
    let contacts = [
        stream("contacts", "Contact", &[("LastName", "string"), ("mail", "string")]),
        keyed(stream("accounts", "Account", &[("Name", "string")]), "append_dedup", "Name"),
    ];
    let mut keyless = stream("leads", "Lead", &[("LastName", "string")]);
    keyless["destination_sync_mode"] = json!("append_dedup");
    let catalog = catalog(&[contacts.as_slice(), &[keyless]].concat());
    for (changes, has_catalog, message) in [
        (json!({"colour": 1}), false, "The configuration is not valid. `colour` is not a key of this connector."),
        (
            json!({"reprot": false, "max_parallel_jobs": 99, "streams": [{"stream": "a", "objekt": "Contact"}]}),
            false,
            "The configuration is not valid. `reprot` is not a key of this connector; the nearest key is `report`. \
             `streams[0].objekt` is not a key of this connector; the nearest key is `object`. `max_parallel_jobs` must \
             be at most 25.",
        ),
        (
            json!({"streams": [
                {"stream": "invoices"},
                {"stream": "contacts", "fields": [{"source": "phone", "target": "Phone"}]},
            ]}),
            true,
            "The configuration does not fit the catalog. Stream contacts: an entry of its `fields` renames phone, which \
             its schema lacks. The entry under `streams` for invoices matches no stream. Stream leads: an upsert needs \
             a key of one field; set `external_id_field` in its entry under `streams`, or choose a matching key.",
        ),
    ] {
        let run = validate(changes.clone(), has_catalog.then_some(&catalog));
        assert_eq!(run.failure(), ("config_error", message), "{changes}");
    }
}

#[test]
fn a_deprecated_flow_is_an_error_of_validate() {
    let password = json!({"auth_type": "Password", "username": "ada@example.com", "password": "s3cr3t-password"});
    let contacts = catalog(&[stream("c", "Contact", &[("LastName", "string")])]);
    for catalog in [None, Some(&contacts)] {
        assert!(validate(password.clone(), catalog).failure().1.contains("choose another"), "{catalog:?}");
    }
}

#[test]
fn a_wrong_catalog_is_named_beside_a_wrong_configuration() {
    let run = validate(json!({"colour": 1}), Some(&json!([])));
    let (_, message) = run.failure();
    assert!(message.contains("`colour`") && message.contains("--catalog"), "{message}");
}
