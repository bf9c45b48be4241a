"""The source beside other clients that read the same records of the same org; its memory over gigabytes; and what the
destination wrote, read back by the source."""

import csv
import json
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import install
import plot
from org import Org, sync, watch
from others import LOADERS, environment_of, node_program, signed_in_cli
from process import MB, RELEASE, ROOT, WORK, Cost, build, cost_of, markdown, measure, middle

SOURCE = RELEASE / "source-salesforce"
HERE = Path(__file__).resolve().parent
OBJECT = "Every_Type__c"
FOLDER = WORK / "reading"
# Every field of the object, because Airbyte's own source always reads all of them.
SYSTEM = "Id IsDeleted CreatedDate CreatedById LastModifiedDate LastModifiedById SystemModstamp Name OwnerId"
FIELDS = [
    *SYSTEM.split(),
    *(field["name"] for field in json.loads((HERE / "every_type.json").read_text())[0]["fields"]),
]
QUERY = f"SELECT {', '.join(FIELDS)} FROM {OBJECT}"
NAMES = {
    "source": "this source, to messages",
    "airbyte": "Airbyte's own source, to messages",
    "simple-salesforce": "simple-salesforce, to pages of CSV",
    "simple-salesforce-rows": "simple-salesforce, to rows by Python's `csv`",
    "jsforce": "jsforce, to records",
    "salesforce-cli": "Salesforce CLI, to a file of CSV",
}
SEED = 1
# The average bytes of the line of a record.
LINE = 1_065
# The rows on a page of results, where a client names no number.
PAGE = 50_000


def start_org(*flags) -> Org:
    """An org with the object of the records."""
    return Org("--objects-from", HERE / "every_type.json", "--daily-requests", 10_000_000, *flags)


def generate(records: int) -> list:
    return [RELEASE / "generate", "--shape", "every-type", "--seed", SEED, "--records", records]


def fill(org: Org, records: int) -> None:
    """Loads records with the destination, and the accounts that they refer to."""
    accounts = FOLDER / "accounts.jsonl"
    catalog = FOLDER / "accounts-catalog.json"
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = [{"Name": f"Account {number}", "External_Id__c": f"A-{number:02}"} for number in range(100)]
    lines = [{"type": "RECORD", "record": {"stream": "Account", "data": one, "emitted_at": 1}} for one in data]
    accounts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    stream = {"name": "Account", "json_schema": {"properties": {"Name": {}, "External_Id__c": {}}}}
    catalog.write_text(json.dumps({"streams": [{"stream": stream, "destination_sync_mode": "append"}]}))
    sync(org, FOLDER / "accounts", ["cat", accounts], ["cat", catalog])
    source = [*generate(records), "--state-every", 50_000]
    done = sync(org, FOLDER / "fill", source, [*generate(0), "--catalog", OBJECT, "append"])
    if done.written != records:
        raise SystemExit(f"the destination wrote {done.written} of {records} records")


def source_command(org: Org, columns: list[str], **settings) -> list:
    """The source with a catalog of these columns."""
    keys = ["client_id", "client_secret", "refresh_token"]
    config = {key: org.facts[key] for key in keys} | {"domain_url": org.url, "api": "bulk"} | settings
    stream = {"name": OBJECT, "json_schema": {"properties": {column: {} for column in columns}}}
    catalog = {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
    (FOLDER / "config.json").write_text(json.dumps(config))
    (FOLDER / "catalog.json").write_text(json.dumps(catalog))
    return [SOURCE, "read", "--config", FOLDER / "config.json", "--catalog", FOLDER / "catalog.json"]


class Clients:
    """The programs that read."""

    def __init__(self):
        build("source-salesforce", "salesforce_sim", "benchmarks", "destination-salesforce")
        self.python = install.python(install.CLIENTS / "requirements" / "simple_salesforce.txt") / "python"
        self.airbyte = install.python(HERE / "requirements" / "airbyte_source_salesforce.txt") / "python"
        self.node, self.jsforce = install.node("jsforce")
        _, self.cli = install.node("salesforce-cli")
        # Node looks for packages beside the program.
        shutil.copy(LOADERS / "jsforce_read.mjs", self.jsforce)

    def read(self, name: str, org: Org, records: int, parallel: int) -> Cost:
        """Reads the records with one client."""
        home = FOLDER / "home"
        home.mkdir(parents=True, exist_ok=True)
        environment = environment_of(org, home, self.node, self.cli) | {"QUERY": QUERY, "RECORDS": str(records)}
        options = {"cwd": home, "env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if name == "source":
            settings = {"max_parallel_pages": parallel} if parallel else {}
            return measure_messages(name, source_command(org, FIELDS, **settings), records, {})
        if name == "airbyte":
            return measure_messages(name, self.airbyte_command(org), records, options)
        if name.startswith("simple-salesforce"):
            parsed = ["rows"] if name.endswith("rows") else []
            return measure([self.python, LOADERS / "simple_salesforce_read.py", OBJECT, *parsed], **options)
        if name == "jsforce":
            return measure([node_program(self.node), self.jsforce / "jsforce_read.mjs"], **options)
        sf = signed_in_cli(org, self.node, self.cli, options)
        out = home / "records.csv"
        out.unlink(missing_ok=True)
        export = ["data", "export", "bulk", "--query", QUERY, "--output-file", out, "--result-format", "csv"]
        cost = measure([*sf, *export, "--wait", "30", "--json"], **options)
        with out.open(newline="", encoding="utf-8") as file:
            check(name, sum(1 for _ in csv.reader(file)) - 1, records)
        return cost

    def airbyte_command(self, org: Org) -> list:
        """Airbyte's own source, by one query job: it makes one for each month since the start."""
        start = datetime.now(UTC) - timedelta(days=1)
        keys = ["client_id", "client_secret", "refresh_token"]
        config = {key: org.facts[key] for key in keys} | {
            "start_date": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "force_use_bulk_api": True,
        }
        stream = {
            "name": OBJECT,
            "json_schema": {"type": "object", "properties": {field: {} for field in FIELDS}},
            "supported_sync_modes": ["full_refresh", "incremental"],
        }
        catalog = {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
        (FOLDER / "airbyte-config.json").write_text(json.dumps(config))
        (FOLDER / "airbyte-catalog.json").write_text(json.dumps(catalog))
        files = ["--config", FOLDER / "airbyte-config.json", "--catalog", FOLDER / "airbyte-catalog.json"]
        return [self.airbyte, LOADERS / "airbyte_read.py", "read", *files]


def measure_messages(name: str, command: list, records: int, options: dict) -> Cost:
    """Runs a source whose messages another process reads from a pipe, as a platform does."""
    counter = subprocess.Popen(["grep", "-c", '"type":"RECORD"'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    cost = measure(command, **options | {"stdout": counter.stdin})
    counter.stdin.close()
    check(name, int(counter.stdout.read()), records)
    counter.wait()
    return cost


def check(name: str, read: int, records: int) -> None:
    if read != records:
        raise SystemExit(f"{name} read {read} of {records} records")


def run(arguments) -> None:
    clients = Clients()
    for records in arguments.records:
        compare_clients(clients, records, arguments)


def compare_clients(clients: Clients, records: int, arguments) -> None:
    costs = {name: [] for name in arguments.clients}
    requests = {}
    with start_org("--seconds-per-query", arguments.seconds_per_query) as org:
        fill(org, records)
        for number in range(arguments.runs):
            for name in arguments.clients:
                if name == "jsforce" and records > PAGE:
                    # It reads pages into one another, and finds that their rows are no CSV.
                    continue
                before = org.requests()
                cost = clients.read(name, org, records, arguments.parallel_pages)
                requests[name] = org.requests() - before
                # The results of a job are as large as the records.
                org.delete_query_jobs()
                costs[name].append(cost)
                took = f"{cost.wall:.1f} s, {cost.cpu:.2f} s of CPU, {cost.peak / MB:.1f} MB, {requests[name]} requests"
                print(f"{name} {number + 1}: {took}", flush=True)
    print()
    ours = costs.get("source")
    markdown(
        ["client", "records", "wall", "CPU", "of ours", "peak memory", "API requests"],
        [
            [
                NAMES[name],
                f"{records:,}",
                f"{middle(costs[name], 'wall'):.1f} s",
                f"{middle(costs[name], 'cpu'):.2f} s",
                f"{times_more(costs[name], ours):.1f}" if ours else "",
                f"{middle(costs[name], 'peak') / MB:.0f} MB",
                requests[name],
            ]
            for name in costs
            if costs[name]
        ],
    )


def times_more(costs: list[Cost], ours: list[Cost]) -> float:
    """How many times the CPU of the source: the median of the ratios, run by run."""
    return median(cost.cpu / our.cpu for cost, our in zip(costs, ours, strict=True))


def run_soak(arguments) -> None:
    """Reads gigabytes of an org that repeats its records, and samples the resident memory."""
    build("source-salesforce", "salesforce_sim", "benchmarks", "destination-salesforce")
    repeats = max(1, round(arguments.gigabytes * 1000 * MB / LINE / arguments.records))
    with start_org("--repeat-records", repeats) as org:
        fill(org, arguments.records)
        settings = {"max_parallel_pages": arguments.parallel_pages} if arguments.parallel_pages else {}
        command = [str(part) for part in source_command(org, FIELDS, **settings)]
        before = org.requests()
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        samples = watch(process, started, 0.5, written=True)
        cost = cost_of(process, started)
        requests = org.requests() - before
    if cost.exit_code != 0:
        raise SystemExit(f"the source ended with exit code {cost.exit_code}")
    picture = ROOT / "source-salesforce" / "docs" / "soak.svg"
    plot.draw(samples, picture, "records written")
    after = [resident for _, resident, written in samples if written > 500 * MB]
    print(
        f"{samples[-1][2] / MB / 1000:.1f} GB and {arguments.records * repeats:,} records in {cost.wall:.0f} s, "
        f"{cost.cpu:.0f} s of CPU, {requests:,} requests; resident at most {cost.peak / MB:.1f} MB, and after the "
        f"first 500 MB between {min(after) / MB:.1f} and {max(after) / MB:.1f} MB"
    )


def run_round_trip(arguments) -> None:
    """The destination writes records with a field of every type, the source reads them, and every field is compared."""
    build("source-salesforce", "salesforce_sim", "benchmarks", "destination-salesforce")
    columns = subprocess.run([*map(str, generate(0)), "--fields"], stdout=subprocess.PIPE, text=True, check=True).stdout
    with start_org() as org:
        fill(org, arguments.records)
        for api in arguments.apis:
            command = source_command(org, [line.split()[0] for line in columns.splitlines()], api=api)
            reader = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)
            compare = [RELEASE / "compare", "--seed", str(SEED), "--records", str(arguments.records)]
            print(f"{api}: ", end="", flush=True)
            compared = subprocess.run(compare, stdin=reader.stdout, check=False)
            reader.stdout.close()
            if reader.wait() != 0 or compared.returncode != 0:
                raise SystemExit("what is read is not what was written")
