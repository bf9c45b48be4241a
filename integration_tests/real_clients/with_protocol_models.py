"""The models of the Airbyte protocol: every message that the connector prints in any of its own tests."""

import os
import subprocess
from pathlib import Path

from checks import check
from protocol_model import read, read_folder


def main() -> None:
    # The models let much pass; this is what they must not.
    for line in (
        "not JSON",
        '{"type": "STATUS"}',
        '{"type": "RECORD", "record": {"stream": "s", "data": {}, "emitted_at": 1}}',
        '{"type": "LOG", "log": {"level": "NOTICE", "message": "a"}}',
        '{"type": "LOG", "log": {"level": "INFO", "message": "a", "stream": "s"}}',
        '{"type": "CONNECTION_STATUS", "connection_status": {"status": "SUCCEEDED"}}',
        '{"type": "STATE", "state": {"type": "STREAM"}}',
    ):
        check(f"refused: {line}", bool(read(line)[1]))

    folder = Path("messages").resolve()
    folder.mkdir()
    repository = os.environ["REPOSITORY"]
    command = ["cargo", "test", "--locked", "--test", "integration", "--quiet"]
    tests = subprocess.run(command, cwd=repository, env=os.environ | {"MESSAGES_DIR": str(folder)}).returncode
    check("the connector's own tests pass", tests, 0)
    counts, problems = read_folder(folder)
    print(f"{len(list(folder.iterdir()))} runs, messages: {counts}")
    kinds = {"SPEC", "CONNECTION_STATUS", "STATE", "TRACE", "CONTROL", "LOG"}
    check("messages of many kinds were printed", kinds <= set(counts))
    check("every message is one of the protocol", problems, [])


if __name__ == "__main__":
    main()
