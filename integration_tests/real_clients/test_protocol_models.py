"""The models of the Airbyte protocol accept every message that the connector prints in its own integration tests."""

import os
import subprocess
from pathlib import Path

import pytest
from protocol_model import read, read_folder


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


def test_every_message_is_one_of_the_protocol():
    folder = Path("messages").resolve()
    folder.mkdir()
    subprocess.run(
        ["cargo", "test", "--locked", "--test", "integration", "--quiet"],
        cwd=os.environ["REPOSITORY"],
        env=os.environ | {"MESSAGES_DIR": str(folder)},
        check=True,
    )
    counts, problems = read_folder(folder)
    print(f"{len(list(folder.iterdir()))} runs, messages: {counts}")
    assert {"SPEC", "CONNECTION_STATUS", "STATE", "TRACE", "CONTROL", "LOG"} <= set(counts)
    assert problems == []
