"""PyAirbyte runs `spec`, `check`, `discover` and `read` of the source, into a cache and without one."""

import datetime
import json
import os
import subprocess
from pathlib import Path

# PyAirbyte reads these when it is imported.
os.environ |= {
    "AIRBYTE_OFFLINE_MODE": "1",
    "AIRBYTE_PROJECT_DIR": str(Path.cwd()),
    "AIRBYTE_LOGGING_ROOT": str(Path("logs").resolve()),
    "NO_LIVE_PROGRESS": "1",
}

import airbyte as ab
import pytest
from airbyte.exceptions import AirbyteConnectorCheckFailedError, AirbyteConnectorFailedError
from kept_messages import MESSAGES, PROGRAMS, forget, keeping, printed
from protocol_model import read_folder

CONFIG = {
    "client_id": os.environ["ORG_CLIENT_ID"],
    "client_secret": os.environ["ORG_CLIENT_SECRET"],
    "refresh_token": os.environ["ORG_REFRESH_TOKEN"],
    "domain_url": os.environ["ORG_URL"],
}

# One value of each type, and texts that readers like to change.
ACCOUNTS = [
    {
        "External_Id__c": "A-1",
        "Name": 'Example, "Ltd"\nsecond line',
        "Sic": "0123",
        "Description": " blanks ",
        "AnnualRevenue": 12345678.25,
        "NumberOfEmployees": 42,
        "Is_Key_Account__c": True,
        "Customer_Since__c": "1999-12-31",
        "Last_Order_At__c": "2026-01-31T09:30:00.123Z",
        "Opens_At__c": "09:30:00.000",
        "Channels__c": "Store;Web",
    },
    {
        "External_Id__c": "A-2",
        "Name": "Café 東京 🙂",
        "Sic": "N/A",
        "Description": None,
        "AnnualRevenue": None,
        "NumberOfEmployees": 0,
        "Is_Key_Account__c": False,
        "Customer_Since__c": None,
        "Last_Order_At__c": None,
        "Opens_At__c": None,
        "Channels__c": None,
    },
]
CONTACTS = [
    {"External_Id__c": f"C-{number}", "LastName": f"Example {number}", "Account.External_Id__c": f"A-{number % 2 + 1}"}
    for number in range(5)
]


def write(stream: str, records: list[dict]) -> None:
    """Upserts records with the destination."""
    properties = {column: {} for column in records[0]}
    catalog = {
        "streams": [
            {
                "stream": {"name": stream, "json_schema": {"type": "object", "properties": properties}},
                "destination_sync_mode": "append_dedup",
                "primary_key": [["External_Id__c"]],
            }
        ]
    }
    Path("config.json").write_text(json.dumps(CONFIG))
    Path("catalog.json").write_text(json.dumps(catalog))
    lines = [{"type": "RECORD", "record": {"stream": stream, "data": it, "emitted_at": 1}} for it in records]
    done = subprocess.run(
        [PROGRAMS / "destination-salesforce", "write", "--config", "config.json", "--catalog", "catalog.json"],
        input="".join(f"{json.dumps(line)}\n" for line in lines),
        text=True,
        check=False,
        stdout=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module", autouse=True)
def connector() -> Path:
    """Starts the connector from a script that keeps its messages, with an org that has records."""
    script = keeping("source-salesforce")
    write("Account", ACCOUNTS)
    write("Contact", CONTACTS)
    return script


@pytest.fixture(scope="module")
def cache() -> ab.caches.CacheBase:
    return ab.new_local_cache("replay", cache_dir=str(Path("cache").resolve()))


def source(**changes: object) -> ab.Source:
    program = str(Path("connector").resolve())
    return ab.get_source("source-salesforce", local_executable=program, config=CONFIG | changes)


def only(columns: dict, record: dict) -> dict:
    """The record with these columns alone."""
    return {column: record[column] for column in columns}


def by_key(records: list[dict], key: str = "External_Id__c") -> list[dict]:
    return sorted(records, key=lambda record: record[key])


def test_spec_names_the_keys_that_each_sign_in_requires():
    flows = source().config_spec["properties"]["credentials"]["oneOf"]
    assert len(flows) == 4
    assert all("client_id" in flow["required"] for flow in flows)


def test_check_succeeds():
    source().check()


def test_check_names_the_wrong_key():
    with pytest.raises(AirbyteConnectorCheckFailedError, match="client_secret"):
        source(client_secret="wrong").check()


def test_the_objects_of_the_org_can_be_selected():
    connector = source()
    assert {"Account", "Contact", "Lead"} <= set(connector.get_available_streams())
    connector.select_streams(["Account", "Contact"])
    assert connector.get_selected_streams() == ["Account", "Contact"]
    properties = connector.get_stream_json_schema("Contact")["properties"]
    assert {"Id", "LastName", "MailingAddress", "Account.External_Id__c"} <= set(properties)


@pytest.mark.parametrize("api", ["rest", "bulk"])
def test_records_come_as_the_destination_wrote_them(api):
    """Without a cache, and with the names of a destination."""
    for stream, written in [("Account", ACCOUNTS), ("Contact", CONTACTS)]:
        records = source(api=api).get_records(stream, normalize_field_names=False, prune_undeclared_fields=False)
        found = by_key([only(written[0], dict(record)) for record in records])
        assert found == written, api


def rows(dataset: ab.CachedDataset) -> list[dict]:
    return by_key([dict(row) for row in dataset], "external_id__c")


def test_records_are_in_the_cache_and_a_second_read_follows_the_org(cache):
    """A cache has names in lower case and types of its own."""
    connector = source()
    connector.select_streams(["Account", "Contact"])
    result = connector.read(cache=cache)
    assert result.processed_records == len(ACCOUNTS) + len(CONTACTS)
    first, second = rows(result["Account"])
    assert [first[it] for it in ("external_id__c", "name", "sic", "description")] == [
        ACCOUNTS[0][it] for it in ("External_Id__c", "Name", "Sic", "Description")
    ]
    assert (float(first["annualrevenue"]), first["numberofemployees"]) == (12345678.25, 42)
    assert (first["is_key_account__c"], second["is_key_account__c"]) == (True, False)
    moment = datetime.datetime(2026, 1, 31, 9, 30, 0, 123_000, tzinfo=datetime.UTC)
    assert first["last_order_at__c"].astimezone(datetime.UTC) == moment
    assert (second["name"], second["sic"], second["annualrevenue"]) == ("Café 東京 🙂", "N/A", None)
    contacts = rows(result["Contact"])
    assert [row["lastname"] for row in contacts] == [it["LastName"] for it in CONTACTS]
    accounts = {row["external_id__c"]: row["id"] for row in (first, second)}
    assert [row["accountid"] for row in contacts] == [accounts[it["Account.External_Id__c"]] for it in CONTACTS]

    # One record is another, and one is new. PyAirbyte passes the states of the first read, so only these two are read.
    write("Contact", [CONTACTS[0] | {"LastName": "Changed"}, CONTACTS[1] | {"External_Id__c": "C-9"}])
    forget("read")
    result = connector.read(cache=cache)
    assert result.processed_records == 2
    names = {row["external_id__c"]: row["lastname"] for row in rows(result["Contact"])}
    assert names == {it["External_Id__c"]: it["LastName"] for it in CONTACTS} | {"C-0": "Changed", "C-9": "Example 1"}
    assert len(rows(result["Account"])) == len(ACCOUNTS)


def test_every_state_is_in_the_cache(cache):
    sent = [message["state"] for message in printed("read") if message["type"] == "STATE"]
    last = {it["stream"]["stream_descriptor"]["name"]: it["stream"]["stream_state"] for it in sent}
    kept = cache.get_state_provider(source_name="source-salesforce")
    assert {"Account", "Contact"} == set(last)
    for name, state in last.items():
        assert kept.get_stream_state(name).stream.stream_state.model_dump() == state


def test_a_filter_chooses_the_records():
    settings = [{"stream": "Contact", "filter": "LastName = 'Example 3'"}]
    # PyAirbyte ends a read whose data set nobody keeps.
    records = source(streams=settings).get_records("Contact", normalize_field_names=False)
    assert [record["External_Id__c"] for record in records] == ["C-3"]


def test_a_wrong_filter_fails_the_read_as_a_configuration_error(cache):
    forget("read")
    connector = source(streams=[{"stream": "Contact", "filter": "Nothing__c = 1"}])
    connector.select_streams(["Contact"])
    with pytest.raises(AirbyteConnectorFailedError):
        connector.read(cache=cache)
    traces = [message["trace"] for message in printed("read") if message["type"] == "TRACE"]
    errors = [trace["error"] for trace in traces if trace["type"] == "ERROR"]
    assert [error["failure_type"] for error in errors] == ["config_error"]
    assert "Nothing__c" in errors[0]["message"]


def test_every_message_is_one_of_the_protocol():
    found, problems = read_folder(MESSAGES, "source")
    print(f"{len(list(MESSAGES.iterdir()))} runs, messages: {found}")
    assert {"SPEC", "CONNECTION_STATUS", "CATALOG", "RECORD", "STATE", "TRACE"} <= set(found)
    assert problems == []
