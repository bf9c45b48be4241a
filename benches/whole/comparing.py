"""Two orgs with the same records but for three of them, compared by the source."""

import json
import subprocess
import time
from pathlib import Path

from org import Org, sync
from process import MB, RELEASE, WORK, Cost, build, cost_of, markdown, middle

FOLDER = WORK / "comparing"
OBJECT = "Contact"
KEY = "External_Id__c"


def run(arguments) -> None:
    build("source-salesforce", "salesforce_sim", "benchmarks", "destination-salesforce")
    flags = ["--daily-requests", 10_000_000]
    with Org(*flags) as first, Org(*flags) as second:
        # The second org lacks the last record, and has one of its own.
        fill(first, arguments.records, "first")
        fill(second, arguments.records - 1, "second")
        load(second, "extra", "extra")
        # Stamps have whole seconds. This record of the first org is the younger one.
        time.sleep(1.1)
        load(first, first_key(), "older")
        costs = []
        for number in range(arguments.runs):
            before = first.requests() + second.requests()
            cost = compare(first, second, arguments.records)
            requests = first.requests() + second.requests() - before
            for org in (first, second):
                org.delete_query_jobs()
            costs.append(cost)
            took = f"{cost.wall:.1f} s, {cost.cpu:.2f} s of CPU, {cost.peak / MB:.1f} MB, {requests} requests"
            print(f"compare {number + 1}: {took}", flush=True)
    print()
    row = [f"2 x {arguments.records:,}", f"{middle(costs, 'wall'):.1f} s", f"{middle(costs, 'cpu'):.2f} s"]
    markdown(["records", "wall", "CPU", "peak memory", "API requests"], [[*row, f"{worst(costs):.0f} MB", requests]])


def worst(costs: list[Cost]) -> float:
    return max(cost.peak for cost in costs) / MB


def generate(records: int) -> list:
    return [RELEASE / "generate", "--shape", "contact", "--seed", 1, "--records", records, "--state-every", 50_000]


def first_key() -> str:
    """The key of the first record."""
    command = [*map(str, generate(1)), "--bare"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)[KEY]


def fill(org: Org, records: int, name: str) -> None:
    done = sync(org, FOLDER / name, generate(records), [*generate(0), "--catalog", OBJECT, "append"])
    if done.written != records:
        raise SystemExit(f"the destination wrote {done.written} of {records} records")


def load(org: Org, key: str, name: str) -> None:
    """Creates or changes one record."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    message, catalog = FOLDER / f"{name}.jsonl", FOLDER / f"{name}-catalog.json"
    data = {KEY: key, "LastName": "Example"}
    message.write_text(json.dumps({"type": "RECORD", "record": {"stream": OBJECT, "data": data, "emitted_at": 1}}))
    stream = {"name": OBJECT, "json_schema": {"properties": {name: {} for name in data}}}
    entry = {"stream": stream, "destination_sync_mode": "append_dedup", "primary_key": [[KEY]]}
    catalog.write_text(json.dumps({"streams": [entry]}))
    sync(org, FOLDER / name, ["cat", message], ["cat", catalog])


def config(org: Org, path: Path) -> Path:
    keys = ["client_id", "client_secret", "refresh_token"]
    path.write_text(json.dumps({key: org.facts[key] for key in keys} | {"domain_url": org.url, "api": "bulk"}))
    return path


def compare(first: Org, second: Org, records: int) -> Cost:
    """Compares both orgs, which must find the three records."""
    catalog, out = FOLDER / "catalog.json", FOLDER / "differences.jsonl"
    catalog.write_text(json.dumps({"streams": [{"stream": {"name": OBJECT}}]}))
    command = [RELEASE / "source-salesforce", "compare", "--catalog", catalog, "--key", f"{OBJECT}={KEY}"]
    command += ["--config", config(first, FOLDER / "first.json"), "--with", config(second, FOLDER / "second.json")]
    with out.open("w") as file:
        started = time.monotonic()
        process = subprocess.Popen([str(part) for part in command], stdout=file, stderr=subprocess.DEVNULL)
        cost = cost_of(process, started)
    *lines, last = [json.loads(line) for line in out.read_text().splitlines()]
    found = sorted(line["difference"] for line in lines)
    summary = last["summary"]
    if (cost.exit_code, found, summary["in_both"]) != (1, ["extra", "missing", "older"], records - 1):
        raise SystemExit(f"the comparison ended with exit code {cost.exit_code}: see {out}")
    return cost
