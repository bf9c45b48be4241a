"""PyAirbyte: it runs the connector through `spec`, `check` and `write`, with a source and from a cache."""

import json
import os
import shlex
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
from airbyte.exceptions import AirbyteConnectorCheckFailedError, AirbyteConnectorWriteError
from airbyte.strategies import WriteStrategy

from checks import check, check_holds
from protocol_model import read_folder

REPOSITORY = Path(os.environ["REPOSITORY"])
MESSAGES = Path("messages").resolve()

CONFIG = {
    "client_id": os.environ["ORG_CLIENT_ID"],
    "client_secret": os.environ["ORG_CLIENT_SECRET"],
    "refresh_token": os.environ["ORG_REFRESH_TOKEN"],
    "domain_url": os.environ["ORG_URL"],
    "object_storage_config": {"storage_type": "None"},
}

# The names are those of a cache too, which knows lower case only; Salesforce does not mind.
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


def install_connector() -> None:
    """Puts a program in front of the connector that keeps what it prints."""
    MESSAGES.mkdir()
    connector = shlex.quote(str(REPOSITORY / "target/debug/destination-salesforce"))
    kept = shlex.quote(str(MESSAGES))
    script = f'#!/usr/bin/env bash\nset -o pipefail\n{connector} "$@" | tee {kept}/$1-$$.jsonl\n'
    Path("connector").write_text(script)
    Path("connector").chmod(0o755)


def accounts() -> int:
    """How many accounts the org has."""
    url = f"{CONFIG['domain_url']}/services/data/v62.0/query?q=SELECT+count()+FROM+Account"
    headers = {"Authorization": f"Bearer {os.environ['ORG_ACCESS_TOKEN']}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return json.load(answer)["totalSize"]


def spec_and_check() -> None:
    required = destination().config_spec["required"]
    check("spec names what is required", "client_id" in required)
    destination().check()
    check("check succeeds", True)
    try:
        destination(client_secret="wrong").check()
        message = "no error"
    except AirbyteConnectorCheckFailedError as error:
        message = str(error)
    check_holds("check tells which key is wrong", message, "client_secret")


def without_cache() -> None:
    rows = [
        record("Account", external_id__c="P-1", name='Example, "Ltd"\nnext line', annualrevenue=1),
        record("Account", external_id__c="P-2", name="Café 東京", annualrevenue=12345678.25),
        # Salesforce refuses an account without a name.
        record("Account", external_id__c="P-3", name=None, annualrevenue=None),
        state("Account", 3),
        record("Account", external_id__c="P-4", name="last", annualrevenue=3.5),
        state("Account", 4),
    ]
    result = destination().write(source(rows), cache=False, state_cache=False, write_strategy=WriteStrategy.APPEND)
    check("four records were sent", result.processed_records, 4)
    check("three arrived", accounts(), 3)
    check("each state came back with its counts", counts("write"), [(3, 2, 1), (4, 1, 0)])


def from_cache() -> None:
    rows = [
        record("Account", external_id__c="P-1", name="changed", annualrevenue=2),
        record("Account", external_id__c="P-9", name="new", annualrevenue=9.5),
        state("Account", 9),
    ]
    cache = ab.new_local_cache("replay", cache_dir=str(Path("cache").resolve()))
    cached = source(rows).read(cache=cache)
    forget("write")
    # The cache adds columns of its own, `_airbyte_raw_id` and the like.
    result = destination().write(cached, write_strategy=WriteStrategy.MERGE)
    check("two records were replayed", result.processed_records, 2)
    check("one of them was new", accounts(), 4)
    check("the state came back with its counts", counts("write"), [(9, 2, 0)])
    kept = cache.get_state_provider(source_name="source-lines", destination_name="destination-salesforce")
    cursor = kept.get_stream_state("Account").stream.stream_state.model_dump()
    check("PyAirbyte keeps the state as the destination's", cursor, {"cursor": 9})


def whole_failure() -> None:
    fields = FIELDS | {"nothing__c": {"type": "string"}}
    rows = [record("Account", external_id__c="P-5", name="a", nothing__c="1"), state("Account", 5)]
    forget("write")
    try:
        destination().write(source(rows, fields), cache=False, state_cache=False, write_strategy=WriteStrategy.APPEND)
        exit_code = 0
    except AirbyteConnectorWriteError as error:
        exit_code = error.original_exception.context["exit_code"]
    check("an unknown column ends the write", exit_code, 1)
    errors = [message["trace"]["error"] for message in printed("write") if message["type"] == "TRACE"]
    check("as an error of the configuration", [error["failure_type"] for error in errors], ["config_error"])
    check_holds("which names the column", "".join(error["message"] for error in errors), "nothing__c")
    check("no state came back", counts("write"), [])
    check("nothing was written", accounts(), 4)


def printed(command: str) -> list[dict]:
    files = MESSAGES.glob(f"{command}-*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def forget(command: str) -> None:
    """Leaves the earlier runs out of what is `printed`."""
    for file in list(MESSAGES.glob(f"{command}-*.jsonl")):
        file.rename(MESSAGES / f"earlier-{file.name}")


def counts(command: str) -> list[tuple[int, float, float]]:
    """Cursor, written and rejected of each state that came back."""
    states = [message["state"] for message in printed(command) if message["type"] == "STATE"]
    return [
        (
            state["stream"]["stream_state"]["cursor"],
            state["destinationStats"]["recordCount"],
            state["destinationStats"]["rejectedRecordCount"],
        )
        for state in states
    ]


def main() -> None:
    install_connector()
    spec_and_check()
    without_cache()
    from_cache()
    whole_failure()
    found, problems = read_folder(MESSAGES)
    print(f"{len(list(MESSAGES.iterdir()))} runs, messages: {found}")
    check("every message is one of the protocol", problems, [])


if __name__ == "__main__":
    main()
