"""A full sync from the container: 100,000 records, of which some are refused, within the memory that metadata.yaml
asks for a sync."""

import json
import re
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from checks import check
from connection import catalog, complete, config, contacts, record, rejected, state
from container import CONFINED, DOCKER, ENVIRONMENT, IMAGE, ROOT, Run

RECORDS = 100_000
RECORDS_PER_STATE = 1_000

# By the rest that the number leaves: what is wrong with the record, and the reason for which it is refused. The last
# one does not get as far as Salesforce.
FLAWS = {
    7: ({"LastName": None}, "REQUIRED_FIELD_MISSING"),
    31: ({"Email": "ask at the counter"}, "INVALID_EMAIL_ADDRESS"),
    180: ({"LastName": "#N/A"}, "NULL_MARKER_AS_TEXT"),
}
CYCLE = 200


def key(number: int) -> str:
    return f"B-{number:06}"


def contact(number: int) -> dict:
    change, _ = FLAWS.get(number % CYCLE, ({}, None))
    return {
        "External_Id__c": key(number),
        "FirstName": f"Number {number}",
        "LastName": "Example",
        "Email": f"contact.{number}@example.com",
    } | change


def lines():
    for number in range(RECORDS):
        yield record(contact(number))
        if (number + 1) % RECORDS_PER_STATE == 0:
            yield state((number + 1) // RECORDS_PER_STATE, RECORDS_PER_STATE)
    yield complete()


def memory() -> str:
    """What a sync is certain to get, from the metadata."""
    [job] = re.findall(r"jobType: sync\n(?:.*\n)*?\s+memory_request: (\d+)Mi", (ROOT / "metadata.yaml").read_text())
    return f"{job}m"


def sync() -> Run:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "config.json").write_text(json.dumps(config("full")))
        (place / "catalog.json").write_text(json.dumps(catalog(mode="append_dedup")))
        variables = [f"--env={name}={value}" for name, value in ENVIRONMENT.items()]
        arguments = ["write", "--config", "/config/config.json", "--catalog", "/config/catalog.json"]
        process = subprocess.Popen(
            [
                DOCKER, "run", "--interactive", *CONFINED, *variables, f"--memory={memory()}", "--cpus=1",
                f"--volume={place}:/config:ro", IMAGE, *arguments,
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

        def feed() -> None:
            try:
                process.stdin.writelines(f"{line}\n" for line in lines())
                process.stdin.close()
            except BrokenPipeError:
                pass

        writer = threading.Thread(target=feed)
        writer.start()
        stdout = process.stdout.read()
        code = process.wait()
        writer.join()
    return Run(code, stdout, "")


def main() -> None:
    flawed = {number: FLAWS[number % CYCLE][1] for number in range(RECORDS) if number % CYCLE in FLAWS}
    started = time.monotonic()
    found = sync()
    print(f"{RECORDS} records in {time.monotonic() - started:.0f} s, container and simulated org on one machine")
    check("exit code", found.exit_code, 0)
    check("no error", found.errors(), [])
    expected = []
    for start in range(0, RECORDS, RECORDS_PER_STATE):
        refused = sum(number in flawed for number in range(start, start + RECORDS_PER_STATE))
        expected.append((RECORDS_PER_STATE - refused, refused))
    check("every state came back in order with its counts", found.counts(), expected)
    numbers = [message["state"]["id"] for message in found.messages("STATE")]
    check("as it was sent", numbers, list(range(1, RECORDS // RECORDS_PER_STATE + 1)))
    check("the org has the rest", contacts(), RECORDS - len(flawed))
    kept = rejected("full")
    keys = sorted(it["_airbyte_data"]["External_Id__c"] for it in kept)
    check("every refused record is kept once", keys, [key(number) for number in flawed])
    reasons = Counter(it["_airbyte_data"]["rejected_reason"] for it in kept)
    check("with its reason", reasons, Counter(flawed.values()))
    logged = "".join(message["log"]["message"] for message in found.messages("LOG"))
    check("the log has no record value", "example.com" in logged, False)


if __name__ == "__main__":
    main()
