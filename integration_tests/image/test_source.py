"""The image of the source: every command, as `docker run` and as the platform start it, and a full sync through a pipe
into the image of the destination."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from connection import Connection, complete, record, state
from connectors import DESTINATION, SOURCE
from container import Image, Run
from peers import Org
from wrapper import run_command

CONTACTS = 20_000

# Seconds.
TIME_LIMIT = 10 * 60

# What a way through CSV, JSON and two connectors could change.
NAMES = ["Example", " Şample  ", 'Placeholder, "Ltd"\nsecond line', "N/A", "=1+1", "東京 🙂", "007", "null"]

COLUMNS = ("External_Id__c", "FirstName", "LastName", "Email")

# One catalog for both: each connector looks at its own keys.
CATALOG = {
    "streams": [
        {
            "stream": {
                "name": "Contact",
                "json_schema": {
                    "type": "object",
                    "properties": {name: {"type": ["null", "string"]} for name in COLUMNS},
                },
                "supported_sync_modes": ["full_refresh"],
                "source_defined_cursor": True,
                "is_resumable": True,
            },
            "sync_mode": "full_refresh",
            "destination_sync_mode": "append_dedup",
            "primary_key": [["External_Id__c"]],
            "generation_id": 1,
            "minimum_generation_id": 0,
            "sync_id": 77,
        }
    ]
}


def contact(number: int) -> dict:
    return {
        "External_Id__c": f"S-{number:06}",
        "FirstName": f"Number {number}" if number % 3 else None,
        "LastName": NAMES[number % len(NAMES)],
        "Email": f"contact.{number}@example.com",
    }


def config(org: Org, **changes: object) -> dict:
    names = ("client_id", "client_secret", "refresh_token")
    return {name: org.facts[name] for name in names} | {"domain_url": org.url} | changes


@pytest.fixture(scope="module")
def full_org(image: Image, simulator: Path) -> Iterator[Org]:
    """An org with contacts, which the image of the destination has loaded."""
    with Org(simulator) as org:
        lines = [record(contact(number), "Contact") for number in range(CONTACTS)]
        lines += [state(1, CONTACTS, "Contact"), complete("Contact")]
        files = {"config.json": config(org), "catalog.json": CATALOG}
        arguments = ["write", "--config", "/config/config.json", "--catalog", "/config/catalog.json"]
        done = image.run(arguments, files, "".join(f"{line}\n" for line in lines), time_limit=TIME_LIMIT)
        assert (done.exit_code, done.counts()) == (0, [(CONTACTS, 0)]), done.stdout[-4000:]
        yield org


@pytest.fixture(scope="module")
def read(source_image: Image, full_org: Org) -> Run:
    """All contacts, read as `docker run` starts the image."""
    return run_read(source_image, full_org)


def run_read(source_image: Image, org: Org) -> Run:
    files = {"config.json": config(org), "catalog.json": CATALOG}
    arguments = ["read", "--config", "/config/config.json", "--catalog", "/config/catalog.json"]
    flags = [SOURCE.memory(), "--cpus=1"]
    return source_image.run(arguments, files, flags=flags, time_limit=TIME_LIMIT)


def contacts(read: Run) -> dict[str, dict]:
    """The contacts that were read, by their keys. Each must be there once."""
    records = [message["record"]["data"] for message in read.messages("RECORD")]
    found = {it["External_Id__c"]: it for it in records}
    assert len(found) == len(records)
    return found


def statuses(run: Run) -> list[str]:
    traces = [message["trace"] for message in run.messages("TRACE")]
    return [trace["stream_status"]["status"] for trace in traces if trace["type"] == "STREAM_STATUS"]


def error(run: Run) -> str:
    [failure] = [it["trace"]["error"] for it in run.messages("TRACE") if it["trace"]["type"] == "ERROR"]
    return failure["failure_type"]


def test_spec_prints_the_specification(source_image):
    for found in [source_image.run(["spec"]), run_command(source_image, "spec", None)]:
        assert (found.exit_code, found.stderr) == (0, "")
        [message] = found.messages("SPEC")
        assert message["spec"] == json.loads((SOURCE.folder / "spec.json").read_text())


def test_check_succeeds(source_image, full_org):
    found = source_image.run(["check", "--config", "/config/config.json"], {"config.json": config(full_org)})
    assert (found.exit_code, found.status()[0], found.stderr) == (0, "SUCCEEDED", "")
    found = run_command(source_image, "check", config(full_org))
    assert (found.exit_code, found.status()[0]) == (0, "SUCCEEDED")


def test_check_answers_that_a_wrong_secret_fails(source_image, full_org):
    found = run_command(source_image, "check", config(full_org, client_secret="another one"))
    assert (found.exit_code, found.status()[0]) == (0, "FAILED")


def test_discover_prints_a_catalog(source_image, full_org):
    found = run_command(source_image, "discover", config(full_org))
    [message] = found.messages("CATALOG")
    assert found.exit_code == 0
    assert {"Account", "Contact"} <= {stream["name"] for stream in message["catalog"]["streams"]}


def test_discover_fails_with_a_wrong_token(source_image, full_org):
    found = run_command(source_image, "discover", config(full_org, refresh_token="another one"))
    assert (found.exit_code, error(found)) == (1, "config_error")


def test_read_returns_all_records_once_with_the_memory_of_the_metadata(read):
    assert (read.exit_code, read.stderr) == (0, "")
    assert contacts(read) == {it["External_Id__c"]: it for it in map(contact, range(CONTACTS))}
    assert statuses(read) == ["STARTED", "RUNNING", "COMPLETE"]
    counts = [message["state"]["sourceStats"]["recordCount"] for message in read.messages("STATE")]
    assert sum(counts) == CONTACTS


def test_the_platform_reads_on_from_a_state(source_image, full_org, read):
    """The script passes the state of an attempt that ended after its query job was made, and of one that had ended."""
    states = [message["state"] for message in read.messages("STATE")]
    files = {"catalog": CATALOG, "state": [states[0]]}
    found = run_command(source_image, "read", config(full_org), files)
    assert (found.exit_code, found.stderr) == (0, "")
    assert contacts(found) == contacts(read)
    # The whole stream is in the last state: within a sync it is not read again.
    found = run_command(source_image, "read", config(full_org), files | {"state": [states[-1]]})
    assert (found.exit_code, found.messages("RECORD"), statuses(found)) == (0, [], ["STARTED", "RUNNING", "COMPLETE"])


def test_a_wrong_secret_ends_a_read_as_a_configuration_error(source_image, full_org):
    found = run_command(source_image, "read", config(full_org, client_secret="another one"), {"catalog": CATALOG})
    assert (found.exit_code, error(found)) == (1, "config_error")


def test_a_missing_file_is_a_configuration_error(source_image):
    found = source_image.run(["read", "--config", "/config/nothing.json", "--catalog", "/config/nothing.json"])
    assert (found.exit_code, error(found)) == (1, "config_error")


def test_a_sync_through_a_pipe_makes_the_other_org_equal(image, source_image, simulator, full_org, read):
    """The output of one container is the input of the other, as in a pipe of a shell."""
    with Org(simulator) as other, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        contents = {"source.json": config(full_org), "destination.json": config(other), "catalog.json": CATALOG}
        for file, content in contents.items():
            (folder / file).write_text(json.dumps(content))
        volume = f"--volume={folder}:/config:ro"
        started = time.monotonic()
        reading = subprocess.Popen(
            source_image.command(
                [volume, SOURCE.memory()],
                ["read", "--config", "/config/source.json", "--catalog", "/config/catalog.json"],
            ),
            env=source_image.environment,
            stdout=subprocess.PIPE,
        )
        done = subprocess.run(
            image.command(
                ["--interactive", volume, DESTINATION.memory()],
                ["write", "--config", "/config/destination.json", "--catalog", "/config/catalog.json"],
            ),
            env=image.environment,
            stdin=reading.stdout,
            stdout=subprocess.PIPE,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        reading.stdout.close()
        assert (reading.wait(TIME_LIMIT), done.returncode) == (0, 0), done.stdout[-4000:]
        print(f"{CONTACTS} records from org to org in {time.monotonic() - started:.0f} s")
        written = Run(done.returncode, done.stdout, "")
        # Each state of the source comes back, and the counts add up.
        sent = [message["state"]["stream"]["stream_state"] for message in read.messages("STATE")]
        returned = [message["state"]["stream"]["stream_state"] for message in written.messages("STATE")]
        assert len(returned) >= 1
        assert sum(count for count, _ in written.counts()) == CONTACTS
        assert returned[-1].keys() == sent[-1].keys()
        assert Connection(other, None).contacts() == CONTACTS
        assert contacts(run_read(source_image, other)) == contacts(read)
