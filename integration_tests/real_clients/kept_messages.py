"""A connector in front of a script that keeps its messages."""

import json
import os
import shlex
from pathlib import Path

REPOSITORY = Path(os.environ["REPOSITORY"])
PROGRAMS = REPOSITORY / "target/debug"
MESSAGES = Path("messages").resolve()


def keeping(connector: str) -> Path:
    """Writes the script, and returns its path."""
    MESSAGES.mkdir()
    program = shlex.quote(str(PROGRAMS / connector))
    kept = shlex.quote(str(MESSAGES))
    script = Path("connector").resolve()
    script.write_text(f'#!/usr/bin/env bash\nset -o pipefail\n{program} "$@" | tee {kept}/$1-$$.jsonl\n')
    script.chmod(0o755)
    return script


def printed(command: str) -> list[dict]:
    """The messages of all runs of a command."""
    files = MESSAGES.glob(f"{command}-*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def forget(command: str) -> None:
    """Renames the messages of earlier runs, so that `printed` does not read them."""
    for file in list(MESSAGES.glob(f"{command}-*.jsonl")):
        file.rename(MESSAGES / f"earlier-{file.name}")
