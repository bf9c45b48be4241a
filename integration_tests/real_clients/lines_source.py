#!/usr/bin/env python3
"""An Airbyte source that takes its catalog and its messages from its configuration."""

import argparse
import json
from pathlib import Path


def send(kind: str, key: str, body: object) -> None:
    print(json.dumps({"type": kind, key: body}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["spec", "check", "discover", "read"])
    for file in ("config", "catalog", "state"):
        parser.add_argument(f"--{file}", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "spec":
        properties = {"catalog": {"type": "object"}, "messages": {"type": "array", "items": {"type": "object"}}}
        send("SPEC", "spec", {"connectionSpecification": {"type": "object", "properties": properties}})
        return
    config = json.loads(arguments.config.read_text())
    if arguments.command == "check":
        send("CONNECTION_STATUS", "connectionStatus", {"status": "SUCCEEDED"})
    elif arguments.command == "discover":
        send("CATALOG", "catalog", config["catalog"])
    else:
        for message in config["messages"]:
            print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
