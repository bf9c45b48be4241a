"""Whether the connector waits when it could work: with a slow org, and with one that answers at once."""

from statistics import median

from org import Org, sync
from process import RELEASE, WORK, build, markdown

SECONDS = 30
# Somewhat fewer contacts than 10,000 rows: Salesforce, and the simulated org, process a job in batches of so many rows.
BATCH_MB = 2.6
# Ten batches of this size.
RECORDS = 93_000


def run(arguments) -> None:
    build("benchmarks", "salesforce_sim", "destination-salesforce")
    rows = []
    for name, mode in [("one after another (upsert)", "append_dedup"), ("five at once (insert)", "append")]:
        if name.split()[0] in arguments.only:
            seconds = ["--seconds-per-batch", arguments.seconds]
            runs = [load(seconds, mode, arguments.records, batch_size_mb=BATCH_MB) for _ in range(arguments.runs)]
            jobs = runs[0][0].jobs
            expected = (jobs if mode == "append_dedup" else -(-jobs // 5)) * arguments.seconds
            rows.append(row(name, runs, expected))
    if "tiny" in arguments.only:
        rows.append(row("ten records", [load([], "append", 10) for _ in range(arguments.runs)], 0))
    print()
    markdown(["sync", "jobs", "processing", "wall", "more than the processing", "API requests", "CPU"], rows)


def row(name: str, runs: list, expected: float) -> list:
    """The medians of some runs, with the least and the most wall time and requests."""
    walls = [done.cost.wall for done, _ in runs]
    requests = [requests for _, requests in runs]
    cpu = median(done.cost.cpu for done, _ in runs)
    return [
        name,
        runs[0][0].jobs,
        f"{expected:.0f} s",
        f"{median(walls):.2f} s ({min(walls):.2f} to {max(walls):.2f})",
        f"{median(walls) / expected - 1:.1%}" if expected else "",
        f"{median(requests):.0f} ({min(requests)} to {max(requests)})",
        f"{cpu:.2f} s",
    ]


def load(flags: list, mode: str, records: int, **settings):
    """Loads contacts into a new org. Returns the sync, and the API requests that the org has counted."""
    generate = [RELEASE / "generate", "--shape", "contact"]
    source = [*generate, "--records", records]
    with Org(*flags) as org:
        done = sync(org, WORK / "waiting", source, [*generate, "--catalog", "Contact", mode], **settings)
        if done.written != records:
            raise SystemExit(f"{done.written} of {records} records were written")
        print(f"{mode}: {done.cost.wall:.2f} s, {org.requests()} requests", flush=True)
        return done, org.requests()
