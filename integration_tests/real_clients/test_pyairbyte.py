"""PyAirbyte runs `spec`, `check` and `write` of the connector, with records of a source and of a cache."""

import json
import os
import urllib.request
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
from airbyte.exceptions import AirbyteConnectorCheckFailedError, AirbyteConnectorWriteError
from airbyte.strategies import WriteStrategy
from kept_messages import MESSAGES, REPOSITORY, forget, keeping, printed
from protocol_model import read_folder

CONFIG = {
    "client_id": os.environ["ORG_CLIENT_ID"],
    "client_secret": os.environ["ORG_CLIENT_SECRET"],
    "refresh_token": os.environ["ORG_REFRESH_TOKEN"],
    "domain_url": os.environ["ORG_URL"],
    "object_storage_config": {"storage_type": "None"},
}

# In lower case, because a cache has no other names. Salesforce ignores the case.
FIELDS = {
    "external_id__c": {"type": ["null", "string"]},
    "name": {"type": ["null", "string"]},
    "annualrevenue": {"type": ["null", "number"]},
}

MOMENT = 1_700_000_000_000


def record(stream: str, **data: object) -> dict:
    return {"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": MOMENT}}


def state(stream: str, cursor: int) -> dict:
    descriptor = {"stream_descriptor": {"name": stream}, "stream_state": {"cursor": cursor}}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": descriptor}}


def complete(stream: str) -> dict:
    status = {"stream_descriptor": {"name": stream}, "status": "COMPLETE"}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": MOMENT, "stream_status": status}}


def source(messages: list[dict], fields: dict = FIELDS) -> ab.Source:
    """A source with one stream, Account."""
    stream = {
        "name": "Account",
        "json_schema": {"type": "object", "properties": fields},
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "source_defined_primary_key": [["external_id__c"]],
    }
    config = {"catalog": {"streams": [stream]}, "messages": [*messages, complete("Account")]}
    program = str(REPOSITORY / "integration_tests/real_clients/lines_source.py")
    return ab.get_source("source-lines", local_executable=program, config=config, streams="*")


def destination(**changes: object) -> ab.Destination:
    program = str(Path("connector").resolve())
    return ab.get_destination("destination-salesforce", local_executable=program, config=CONFIG | changes)


@pytest.fixture(scope="module", autouse=True)
def connector() -> None:
    """Starts the connector from a script that keeps its messages."""
    keeping("destination-salesforce")


def accounts() -> int:
    """How many accounts the org has."""
    url = f"{CONFIG['domain_url']}/services/data/v62.0/query?q=SELECT+count()+FROM+Account"
    headers = {"Authorization": f"Bearer {os.environ['ORG_ACCESS_TOKEN']}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return json.load(answer)["totalSize"]


def counts(command: str) -> list[tuple[int, float, float]]:
    """Cursor, written and rejected of each state that the connector returned."""
    states = [message["state"] for message in printed(command) if message["type"] == "STATE"]
    return [
        (
            state["stream"]["stream_state"]["cursor"],
            state["destinationStats"]["recordCount"],
            state["destinationStats"]["rejectedRecordCount"],
        )
        for state in states
    ]


def test_spec_names_the_keys_that_each_sign_in_requires():
    flows = destination().config_spec["properties"]["credentials"]["oneOf"]
    assert flows
    assert all("client_id" in flow["required"] for flow in flows)


def test_check_succeeds():
    destination().check()


def test_check_names_the_wrong_key():
    with pytest.raises(AirbyteConnectorCheckFailedError, match="client_secret"):
        destination(client_secret="wrong").check()


def test_records_of_a_source_are_written():
    rows = [
        record("Account", external_id__c="P-1", name='Example, "Ltd"\nnext line', annualrevenue=1),
        record("Account", external_id__c="P-2", name="Café 東京", annualrevenue=12345678.25),
        # Salesforce rejects an account without a name.
        record("Account", external_id__c="P-3", name=None, annualrevenue=None),
        state("Account", 3),
        record("Account", external_id__c="P-4", name="last", annualrevenue=3.5),
        state("Account", 4),
    ]
    result = destination().write(source(rows), cache=False, state_cache=False, write_strategy=WriteStrategy.APPEND)
    assert result.processed_records == 4
    assert accounts() == 3
    assert counts("write") == [(3, 2, 1), (4, 1, 0)]


def test_records_of_a_cache_are_written():
    rows = [
        record("Account", external_id__c="P-1", name="changed", annualrevenue=2),
        record("Account", external_id__c="P-9", name="new", annualrevenue=9.5),
        state("Account", 9),
    ]
    cache = ab.new_local_cache("replay", cache_dir=str(Path("cache").resolve()))
    cached = source(rows).read(cache=cache)
    forget("write")
    # The cache adds its own columns, such as `_airbyte_raw_id`.
    result = destination().write(cached, write_strategy=WriteStrategy.MERGE)
    assert result.processed_records == 2
    # One of the two is new.
    assert accounts() == 4
    assert counts("write") == [(9, 2, 0)]
    kept = cache.get_state_provider(source_name="source-lines", destination_name="destination-salesforce")
    assert kept.get_stream_state("Account").stream.stream_state.model_dump() == {"cursor": 9}


def test_an_unknown_column_fails_the_write_as_a_configuration_error():
    fields = FIELDS | {"nothing__c": {"type": "string"}}
    rows = [record("Account", external_id__c="P-5", name="a", nothing__c="1"), state("Account", 5)]
    forget("write")
    with pytest.raises(AirbyteConnectorWriteError) as failure:
        destination().write(source(rows, fields), cache=False, state_cache=False, write_strategy=WriteStrategy.APPEND)
    assert failure.value.original_exception.context["exit_code"] == 1
    errors = [message["trace"]["error"] for message in printed("write") if message["type"] == "TRACE"]
    assert [error["failure_type"] for error in errors] == ["config_error"]
    assert "nothing__c" in errors[0]["message"]
    assert counts("write") == []
    assert accounts() == 4


def test_every_message_is_one_of_the_protocol():
    found, problems = read_folder(MESSAGES)
    print(f"{len(list(MESSAGES.iterdir()))} runs, messages: {found}")
    assert found
    assert problems == []
