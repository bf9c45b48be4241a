"""What the journal costs: syncs with a bucket, in turn with the journal and without it."""

from statistics import median

from org import Bucket, Org, sync
from process import RELEASE, WORK, build, markdown
from waiting import BATCH_MB, RECORDS

SECONDS = 2
# The name, the mode, and how many records there are.
CASES = [
    ("ten jobs, five at once (insert)", "append", RECORDS),
    ("ten jobs, one after another (upsert)", "append_dedup", RECORDS),
    ("ten records (insert)", "append", 10),
]


def run(arguments) -> None:
    build("benchmarks", "salesforce_sim", "object_store", "destination-salesforce")
    rows = [one(*case, arguments) for case in CASES]
    print()
    markdown(["sync", "jobs", "wall, without", "with", "requests, without", "with", "CPU, without", "with"], rows)


def one(name: str, mode: str, records: int, arguments) -> list:
    walls, cpus, requests = ({True: [], False: []} for _ in range(3))
    # The first round warms up.
    for number in range(arguments.runs + 1):
        for with_journal in [False, True]:
            done, asked = load(mode, records, arguments.seconds if records > 10 else 0, with_journal)
            if number > 0:
                walls[with_journal].append(done.cost.wall)
                cpus[with_journal].append(done.cost.cpu)
                requests[with_journal].append(asked)
    walls, cpus, requests = ([median(by[it]) for it in [False, True]] for by in [walls, cpus, requests])
    wall, cpu = ([f"{value:.2f} s" for value in values] for values in [walls, cpus])
    return [name, done.jobs, *wall, *(f"{it:.0f}" for it in requests), *cpu]


def load(mode: str, records: int, seconds: float, with_journal: bool):
    """The cost of a sync, and its requests at the org."""
    generate = [RELEASE / "generate", "--shape", "contact"]
    source = [*generate, "--records", records]
    with Org("--seconds-per-batch", seconds) as org, Bucket() as bucket:
        settings = bucket.settings() | {"journal": with_journal, "batch_size_mb": BATCH_MB}
        catalog = [*generate, "--catalog", "Contact", mode]
        done = sync(org, WORK / "journal", source, catalog, **settings)
        if done.written != records:
            raise SystemExit(f"{done.written} of {records} records were written")
        return done, org.requests()
