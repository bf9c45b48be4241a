"""Airbyte's own tests of connectors, unchanged: PyAirbyte's smoke test for destinations, and the suite for images of
the Python CDK, for both images."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import airbyte_tools
import pytest
from airbyte_tools import Tools
from connection import Connection, catalog, complete, record, state
from connectors import DESTINATION, SOURCE, Connector
from container import Image
from peers import Org, Store

# Where Salesforce keeps a column of the smoke test, as the type in a describe.
WHOLE_NUMBER = {"type": "double", "precision": 18, "scale": 0}
NUMBER = {"type": "double", "precision": 18, "scale": 2}
LONG_TEXT = {"type": "textarea", "length": 131_072}
FORMATS = {"date": {"type": "date"}, "date-time": {"type": "datetime"}, "time": {"type": "time"}}
TYPES = {"integer": WHOLE_NUMBER, "number": NUMBER, "boolean": {"type": "boolean"}, "string": LONG_TEXT}


@pytest.fixture(scope="module")
def tools(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Tools:
    return Tools(airbyte_tools.install(), tmp_path_factory.mktemp("airbyte"), image, DESTINATION)


@pytest.fixture(scope="module")
def source_tools(source_image: Image, tmp_path_factory: pytest.TempPathFactory) -> Tools:
    return Tools(airbyte_tools.install(), tmp_path_factory.mktemp("airbyte"), source_image, SOURCE)


def field(column: dict) -> dict:
    """The type of the field for a column of the smoke test."""
    types = column.get("type", [])
    types = [it for it in ([types] if isinstance(types, str) else types) if it != "null"]
    # A time of Salesforce has no zone.
    if len(types) != 1 or column.get("airbyte_type") == "time_with_timezone":
        return LONG_TEXT
    return FORMATS.get(column.get("format")) or TYPES.get(types[0], LONG_TEXT)


def target(stream: dict, number: int) -> tuple[dict, dict]:
    """A custom object for a stream, and the entry of the stream in the configuration."""
    key = next((path[0] for path in stream["primary_key"] or []), None)
    name = f"Smoke_{number:02}__c"
    fields, renames = [], []
    for position, (column, schema) in enumerate(stream["json_schema"]["properties"].items(), start=1):
        api_name = "Key__c" if column == key else f"Column_{position:02}__c"
        key_field = WHOLE_NUMBER | {"externalId": True, "unique": True}
        fields.append({"name": api_name} | (key_field if column == key else field(schema)))
        renames.append({"source": column, "target": api_name})
    entry = {"stream": stream["name"], "object": name, "fields": renames}
    entry |= {"operation": "upsert", "external_id_field": "Key__c"} if key else {"operation": "insert"}
    return {"name": name, "fields": fields}, entry


@pytest.fixture(scope="module")
def smoke_streams(tools: Tools) -> list[dict]:
    return tools.scenarios()


@pytest.fixture(scope="module")
def smoke_targets(smoke_streams: list[dict]) -> list[tuple[dict, dict]]:
    return [target(stream, number) for number, stream in enumerate(smoke_streams)]


@pytest.fixture(scope="module")
def smoke_org(
    simulator: Path, smoke_targets: list[tuple[dict, dict]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Org]:
    """An org with an object for each stream of the smoke test."""
    file = tmp_path_factory.mktemp("objects") / "objects.json"
    file.write_text(json.dumps([it for it, _ in smoke_targets]))
    with Org(simulator, "--objects-from", file) as org:
        yield org


@pytest.fixture(scope="module")
def smoke_connection(smoke_org: Org, store: Store) -> Connection:
    return Connection(smoke_org, store)


@pytest.fixture(scope="module")
def smoke_result(tools: Tools, smoke_connection: Connection, smoke_targets: list[tuple[dict, dict]]) -> dict:
    entries = [entry for _, entry in smoke_targets]
    return tools.smoke_test(smoke_connection.config("smoke", streams=entries))


def test_the_smoke_test_succeeds(smoke_result, smoke_streams):
    print(f"smoke test: {len(smoke_streams) - 1} streams, {smoke_result['records_delivered']} records")
    assert smoke_result["success"], smoke_result
    assert smoke_result["preflight_passed"]
    assert smoke_result["records_delivered"] == sum(it["records"] for it in smoke_streams[1:])


def test_each_record_of_the_smoke_test_is_in_the_org_or_is_kept_with_its_reason(
    smoke_result, smoke_connection, smoke_streams, smoke_targets
):
    kept = smoke_connection.rejected("smoke")
    reasons = Counter(it["_airbyte_data"]["rejected_reason"] for it in kept)
    print(f"rejected: {dict(reasons)}")
    written = {entry["stream"]: smoke_connection.count(entry["object"]) for _, entry in smoke_targets}
    expected = {it["name"]: it["records"] for it in smoke_streams}
    # Three records have six versions, and the last version of each stays.
    expected["duplicate_primary_keys"] = 3
    missing = {name: count - written[name] for name, count in expected.items() if written[name] != count}
    # Four of its numbers have more digits than any field of Salesforce.
    assert missing == {"special_number_values": 4}
    assert reasons == {"NUMBER_OUTSIDE_VALID_RANGE": 4}


@pytest.fixture(scope="module")
def key_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A private key for the JWT bearer flow, and its public key."""
    folder = tmp_path_factory.mktemp("keys")
    private, public = folder / "private.pem", folder / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


def configurations(org: Org, own: dict, private: Path) -> dict[str, dict]:
    """The configurations that the `acceptance-test-config.yml` of both connectors name."""
    signs_in = {key: value for key, value in own.items() if key not in ("client_secret", "refresh_token")}
    secret = {"client_secret": own["client_secret"]}
    user = {key: org.facts[key] for key in ("username", "password", "security_token")}
    bearer = {"username": user["username"], "private_key": private.read_text()}
    return {
        "secrets/config.json": own,
        "secrets/config_client_credentials.json": signs_in | secret | {"auth_type": "ClientCredentials"},
        "secrets/config_jwt_bearer.json": signs_in | bearer | {"auth_type": "JwtBearer"},
        "secrets/config_password.json": signs_in | secret | user | {"auth_type": "Password"},
        "secrets/invalid_client_secret.json": own | {"client_secret": "another one"},
        "secrets/invalid_domain_url.json": own | {"domain_url": "https://salesforce.example.com"},
    }


@pytest.fixture(scope="module")
def outcomes(tools: Tools, simulator: Path, store: Store, key_pair: tuple[Path, Path]) -> dict[str, str]:
    """The outcome of each standard test of the destination."""
    private, public = key_pair
    with Org(simulator, "--public-key", public) as org:
        connection = Connection(org, store)
        own = connection.config("standard")
        wrong_key = connection.bucket("standard", secret_access_key="another one")
        of_bucket = {"secrets/invalid_bucket.json": own | {"object_storage_config": wrong_key}}
        return tools.standard_tests(configurations(org, own, private) | of_bucket)


@pytest.fixture(scope="module")
def source_outcomes(
    image: Image, source_tools: Tools, simulator: Path, store: Store, key_pair: tuple[Path, Path]
) -> dict[str, str]:
    """The outcome of each standard test of the source, with records that the destination has loaded."""
    private, public = key_pair
    with Org(simulator, "--public-key", public) as org:
        connection = Connection(org, store)
        load(image, connection, "Account", {"External_Id__c": "A-1", "Name": "Example Ltd"})
        person = {"External_Id__c": "C-1", "LastName": "Example", "Email": "ann@example.com"}
        load(image, connection, "Contact", person)
        own = {key: value for key, value in connection.config("").items() if key != "object_storage_config"}
        wrong_filter = {"streams": [{"stream": "Contact", "filter": "Nothing__c = 1"}]}
        of_filter = {"secrets/invalid_filter.json": own | wrong_filter}
        return source_tools.standard_tests(configurations(org, own, private) | of_filter)


def load(image: Image, connection: Connection, name: str, data: dict) -> None:
    """Writes a record with the image of the destination."""
    properties = {column: {"type": ["null", "string"]} for column in data}
    streams = catalog(name=name)
    streams["streams"][0]["stream"]["json_schema"] = {"type": "object", "properties": properties}
    streams["streams"][0]["destination_object_name"] = name
    files = {"config.json": connection.config("load"), "catalog.json": streams}
    lines = [record(data, name), state(1, 1, name), complete(name)]
    arguments = ["write", "--config", "/config/config.json", "--catalog", "/config/catalog.json"]
    done = image.run(arguments, files, "".join(f"{line}\n" for line in lines))
    assert (done.exit_code, done.counts()) == (0, [(1, 0)]), done.stdout


def missing(connector: Connector, outcomes: dict[str, str], others: set[tuple[str, str | None]]) -> set[str]:
    """The tests that did not pass: of the specification, of `check` with each configuration, and `others`."""
    text = (connector.folder / "acceptance-test-config.yml").read_text()
    names = set(re.findall(r"config_path: secrets/(\w+)\.json", text))
    expected = {("check", name) for name in names} | {("spec", None), ("config_matches_spec", "config")} | others
    tests = {
        f"test_docker_image_build_and_{what}" + (f"['{name}' Test Scenario]" if name else "") for what, name in expected
    }
    return tests - {name for name, it in outcomes.items() if it == "passed"}


def failures(outcomes: dict[str, str]) -> dict[str, str]:
    print(f"standard tests: {dict(Counter(outcomes.values()))}")
    return {name: it for name, it in outcomes.items() if it not in ("passed", "skipped")}


def test_no_standard_test_fails(outcomes):
    assert failures(outcomes) == {}


def test_the_standard_tests_check_the_specification_and_each_configuration(outcomes):
    assert missing(DESTINATION, outcomes, set()) == set()
    # The others are for sources.
    skipped = {name.split("[")[0] for name, it in outcomes.items() if it == "skipped"}
    assert skipped <= {f"test_docker_image_build_and_{it}" for it in ("config_matches_spec", "discover", "read")}


def test_no_standard_test_of_the_source_fails(source_outcomes):
    assert failures(source_outcomes) == {}


def test_the_standard_tests_discover_and_read_with_the_source(source_outcomes):
    assert missing(SOURCE, source_outcomes, {("discover", "config"), ("read", "config")}) == set()
