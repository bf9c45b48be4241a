"""The models of the Airbyte protocol accept every message that the connectors print in their own integration tests."""

import os
import subprocess
from pathlib import Path

import pytest
from protocol_model import read, read_files

# How cargo runs the tests that keep the messages.
TESTS = {
    "destination": ["--test", "integration"],
    "source": ["--package", "source-salesforce", "--test", "source_integration"],
}


@pytest.mark.parametrize(
    "line",
    [
        "not JSON",
        '{"type": "STATUS"}',
        '{"type": "RECORD", "record": {"stream": "s", "data": {}, "emitted_at": 1}}',
        '{"type": "LOG", "log": {"level": "NOTICE", "message": "a"}}',
        '{"type": "LOG", "log": {"level": "INFO", "message": "a", "stream": "s"}}',
        '{"type": "CONNECTION_STATUS", "connection_status": {"status": "SUCCEEDED"}}',
        '{"type": "STATE", "state": {"type": "STREAM"}}',
    ],
)
def test_a_wrong_message_is_rejected(line):
    assert read(line)[1]


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "RECORD", "record": {"stream": "s", "data": {}}}',
        '{"type": "RECORD", "record": {"stream": "s", "data": {}, "emitted_at": 1, "sequence": 1}}',
        '{"type": "CATALOG", "catalog": {"streams": [{"name": "s", "json_schema": {}}]}}',
        '{"type": "CATALOG", "catalog": {"streams": [{"name": "s", "json_schema": {}, "supported_sync_modes": '
        '["full_refresh"], "primary_key": []}]}}',
        '{"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": {"name": "s", "n": 1}}}}',
        '{"type": "DESTINATION_CATALOG", "destination_catalog": {"operations": []}}',
    ],
)
def test_a_wrong_message_of_a_source_is_rejected(line):
    assert read(line, "source")[1]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The messages of the tests: of those that ran before, if MESSAGES_DIR names them, else of some that run now."""
    if folder := os.environ.get("MESSAGES_DIR"):
        return Path(folder)
    folder = tmp_path_factory.mktemp("messages")
    for options in TESTS.values():
        subprocess.run(
            ["cargo", "test", "--locked", "--quiet", *options],
            cwd=os.environ["REPOSITORY"],
            env=os.environ | {"MESSAGES_DIR": str(folder)},
            check=True,
        )
    return folder


@pytest.mark.parametrize("kind", TESTS)
def test_every_message_is_one_of_the_protocol(kept, kind):
    files = [file for file in sorted(kept.iterdir()) if file.name.startswith("source-") == (kind == "source")]
    counts, problems = read_files(files, kind)
    print(f"{len(files)} runs of the {kind}, messages: {counts}")
    of_kind = {"RECORD", "CATALOG"} if kind == "source" else set()
    assert {"SPEC", "CONNECTION_STATUS", "STATE", "TRACE", "CONTROL", "LOG"} | of_kind <= set(counts)
    assert problems == []
