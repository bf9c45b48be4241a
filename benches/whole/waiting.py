"""Whether the connector waits when it could work: with a slow org, and with one that answers at once."""

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
        if name.split()[0] not in arguments.only:
            continue
        with Org("--seconds-per-batch", arguments.seconds) as org:
            done = load(org, mode, arguments.records, batch_size_mb=BATCH_MB)
            rounds = done.jobs if mode == "append_dedup" else -(-done.jobs // 5)
            expected = rounds * arguments.seconds
            late = done.cost.wall / expected - 1
            rows.append(
                [
                    name,
                    done.jobs,
                    f"{expected:.0f} s",
                    f"{done.cost.wall:.2f} s",
                    f"{late:.1%}",
                    org.requests(),
                    f"{done.cost.cpu:.2f} s",
                ]
            )
    if "tiny" in arguments.only:
        with Org() as org:
            done = load(org, "append", 10)
            rows.append(
                [
                    "ten records",
                    done.jobs,
                    "0 s",
                    f"{done.cost.wall:.2f} s",
                    "",
                    org.requests(),
                    f"{done.cost.cpu:.2f} s",
                ]
            )
    markdown(["sync", "jobs", "processing", "wall", "more than the processing", "API requests", "CPU"], rows)


def load(org: Org, mode: str, records: int, **settings):
    generate = [RELEASE / "generate", "--shape", "contact"]
    source = [*generate, "--records", records]
    done = sync(org, WORK / "waiting", source, [*generate, "--catalog", "Contact", mode], **settings)
    if done.written != records:
        raise SystemExit(f"{done.written} of {records} records were written")
    return done
