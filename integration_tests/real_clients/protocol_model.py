"""Checks messages of the connector against the models of the Airbyte protocol."""

from collections.abc import Iterable
from pathlib import Path

from airbyte_protocol.models import AirbyteMessage
from pydantic import BaseModel

# The key of the body in each type of message that a destination may send.
BODIES = {
    "SPEC": "spec",
    "CONNECTION_STATUS": "connectionStatus",
    "DESTINATION_CATALOG": "destination_catalog",
    "STATE": "state",
    "LOG": "log",
    "TRACE": "trace",
    "CONTROL": "control",
}


def read_folder(folder: Path) -> tuple[dict[str, int], list[str]]:
    """Counts the messages of each type in the files of a folder, and lists what is wrong with any of them."""
    counts: dict[str, int] = {}
    problems: list[str] = []
    for file in sorted(folder.iterdir()):
        for line in file.read_text().splitlines():
            kind, wrong = read(line)
            counts[kind] = counts.get(kind, 0) + 1
            problems.extend(f"{file.name}: {problem}: {line[:300]}" for problem in wrong)
    return counts, problems


def read(line: str) -> tuple[str, Iterable[str]]:
    """The type of a message, and what is wrong with it."""
    try:
        message = AirbyteMessage.model_validate_json(line)
    except ValueError as error:
        return "none", [str(error)]
    kind = message.type.value
    if kind not in BODIES:
        return kind, ["a destination sends no such message"]
    body = getattr(message, BODIES[kind])
    if body is None:
        return kind, [f"{BODIES[kind]} is missing"]
    # A source may add any key to its state, and the destination returns all of them.
    checked = [body.destinationStats] if kind == "STATE" else [message]
    return kind, [problem for model in checked for problem in unknown_keys(model, kind)]


def unknown_keys(model: object, path: str) -> Iterable[str]:
    """The keys that the protocol does not have. Its models accept them."""
    if not isinstance(model, BaseModel):
        return [f"{path} is missing"] if model is None else []
    found = [f"{path} has no {key}" for key in model.model_extra or {}]
    for name, value in model:
        if isinstance(value, BaseModel):
            found.extend(unknown_keys(value, f"{path}.{name}"))
    return found
