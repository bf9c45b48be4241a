"""A simulated org in its own process, and the connector that loads into it."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from process import RELEASE, Cost, cost_of

CONNECTOR = RELEASE / "destination-salesforce"


class Server:
    """A program that prints facts for its clients, one a line, and ends with its `with` block."""

    def __init__(self, name: str, last_fact: str, *flags):
        command = [RELEASE / name, *(str(flag) for flag in flags)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.facts = {}
        for line in self.process.stdout:
            key, value = line.rstrip("\n").split("=", 1)
            self.facts[key] = value
            if key == last_fact:
                return
        raise SystemExit(f"{name} did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


class Bucket(Server):
    """The S3 server of the tests."""

    def __init__(self):
        super().__init__("object_store", "access_key")

    def settings(self) -> dict:
        """The setting that stores rejected records in its bucket."""
        return {
            "object_storage_config": {
                "storage_type": "S3",
                "s3_endpoint": self.facts["endpoint"],
                "s3_bucket_name": self.facts["bucket"],
                "s3_bucket_region": "us-east-1",
                "access_key_id": self.facts["access_key"],
                "secret_access_key": self.facts["secret_key"],
            }
        }


class Org(Server):
    """A simulated org with these flags."""

    def __init__(self, *flags):
        super().__init__("salesforce_sim", "access_token", *flags)
        self.asked = 0

    @property
    def url(self) -> str:
        return self.facts["url"]

    def requests(self) -> int:
        """How many API requests the org has counted, without those of this class. Sign-ins do not count."""
        used, _ = self.limits()
        return used - self.asked

    def bulk_batches(self) -> int:
        """How many bulk batches the org has counted."""
        _, limits = self.limits()
        return limits["DailyBulkApiBatches"]["Max"] - limits["DailyBulkApiBatches"]["Remaining"]

    def delete_query_jobs(self) -> None:
        """Deletes the query jobs of the org with their results."""
        for job in self.call("GET", "jobs/query")["records"]:
            self.call("DELETE", f"jobs/query/{job['id']}")

    def call(self, method: str, path: str) -> dict:
        """Makes an API call, and returns its answer."""
        request = urllib.request.Request(f"{self.url}/services/data/v62.0/{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.facts['access_token']}")
        with urllib.request.urlopen(request) as answer:
            self.asked += 1
            return json.loads(answer.read() or b"{}")

    def limits(self) -> tuple[int, dict]:
        """The API requests that the org has counted, and its allowances."""
        request = urllib.request.Request(f"{self.url}/services/data/v62.0/limits")
        request.add_header("Authorization", f"Bearer {self.facts['access_token']}")
        with urllib.request.urlopen(request) as answer:
            used = int(answer.headers["Sforce-Limit-Info"].removeprefix("api-usage=").split("/")[0])
            self.asked += 1
            return used, json.load(answer)


@dataclass
class Sync:
    """What a sync cost, and its counts."""

    cost: Cost
    jobs: int
    written: int
    rejected: int
    # Seconds, resident memory in bytes, and bytes read; empty unless requested.
    samples: list[tuple[float, int, int]] = field(default_factory=list)


def sync(
    org: Org,
    folder: Path,
    source: list,
    catalog: list,
    *,
    sample_every: float = 0,
    connector: Path = CONNECTOR,
    **settings,
) -> Sync:
    """Runs the connector with the output of `source` as its input, and the output of `catalog` as its catalog."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = ["client_id", "client_secret", "refresh_token"]
    config = {key: org.facts[key] for key in keys} | {"domain_url": org.url} | settings
    (folder / "config.json").write_text(json.dumps(config))
    with (folder / "catalog.json").open("w") as file:
        subprocess.run([str(part) for part in catalog], stdout=file, check=True)
    command = [connector, "write", "--config", "config.json", "--catalog", "catalog.json"]
    feeder = subprocess.Popen([str(part) for part in source], stdout=subprocess.PIPE)
    with (folder / "messages.jsonl").open("w") as out:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, stdin=feeder.stdout, stdout=out)
        feeder.stdout.close()
        samples = watch(process, started, sample_every) if sample_every else []
        cost = cost_of(process, started)
    feeder.wait()
    if cost.exit_code != 0:
        raise SystemExit(f"the connector ended with exit code {cost.exit_code}: see {folder}/messages.jsonl")
    return tally(folder / "messages.jsonl", cost, samples)


def watch(
    process: subprocess.Popen, started: float, every: float, written: bool = False
) -> list[tuple[float, int, int]]:
    """Samples the resident memory of a process until it ends, and the bytes that it has read or written."""
    samples = []
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        try:
            resident = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * page
            read = int(Path(f"/proc/{process.pid}/io").read_text().split()[3 if written else 1])
        except (OSError, IndexError):
            return samples
        if resident == 0:
            # The process has ended and is a zombie.
            return samples
        samples.append((time.monotonic() - started, resident, read))
        time.sleep(every)


def tally(messages: Path, cost: Cost, samples: list) -> Sync:
    """Counts jobs and records from the messages of a sync."""
    jobs = written = rejected = 0
    with messages.open() as lines:
        for line in lines:
            message = json.loads(line)
            if message["type"] == "STATE":
                counts = message["state"]["destinationStats"]
                written += int(counts["recordCount"])
                rejected += int(counts["rejectedRecordCount"])
            elif message["type"] == "LOG":
                jobs += message["log"]["message"].startswith("job ended")
    return Sync(cost, jobs, written, rejected, samples)
