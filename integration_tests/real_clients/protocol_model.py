"""Checks messages of the connectors against the models of the Airbyte protocol."""

from collections.abc import Iterable
from pathlib import Path

from airbyte_protocol.models import AirbyteMessage, AirbyteStateBlob
from pydantic import BaseModel

# The key of the body in each type of message that both connectors may send.
OF_BOTH = {
    "SPEC": "spec",
    "CONNECTION_STATUS": "connectionStatus",
    "STATE": "state",
    "LOG": "log",
    "TRACE": "trace",
    "CONTROL": "control",
}
BODIES = {
    "destination": OF_BOTH | {"DESTINATION_CATALOG": "destination_catalog"},
    "source": OF_BOTH | {"CATALOG": "catalog", "RECORD": "record"},
}


def read_folder(folder: Path, kind: str = "destination") -> tuple[dict[str, int], list[str]]:
    """Counts the messages of each type in the files of a folder, and lists what is wrong with any of them."""
    return read_files(sorted(folder.iterdir()), kind)


def read_files(files: Iterable[Path], kind: str) -> tuple[dict[str, int], list[str]]:
    """The same of files. The messages are those of a destination or a source."""
    counts: dict[str, int] = {}
    problems: list[str] = []
    for file in files:
        for line in file.read_text().splitlines():
            found, wrong = read(line, kind)
            counts[found] = counts.get(found, 0) + 1
            problems.extend(f"{file.name}: {problem}: {line[:300]}" for problem in wrong)
    return counts, problems


def read(line: str, kind: str = "destination") -> tuple[str, Iterable[str]]:
    """The type of a message, and what is wrong with it."""
    try:
        message = AirbyteMessage.model_validate_json(line)
    except ValueError as error:
        return "none", [str(error)]
    found = message.type.value
    if found not in BODIES[kind]:
        return found, [f"a {kind} sends no such message"]
    body = getattr(message, BODIES[kind][found])
    if body is None:
        return found, [f"{BODIES[kind][found]} is missing"]
    # A source may add any key to its state, and the destination returns all of them.
    checked = body.destinationStats if (kind, found) == ("destination", "STATE") else message
    return found, unknown_keys(checked, found)


def unknown_keys(model: object, path: str) -> Iterable[str]:
    """The keys that the protocol does not have. Its models accept them."""
    if model is None:
        return [f"{path} is missing"]
    if isinstance(model, list):
        return [problem for item in model for problem in unknown_keys(item, path)]
    # What is in a state is the source's own.
    if not isinstance(model, BaseModel) or isinstance(model, AirbyteStateBlob):
        return []
    found = [f"{path} has no {key}" for key in model.model_extra or {}]
    for name, value in model:
        if isinstance(value, (BaseModel, list)):
            found.extend(unknown_keys(value, f"{path}.{name}"))
    return found
