"""Records that are found by their e-mail address, in an org that has one contact for each."""

from statistics import median

from org import Org, sync
from process import MB, RELEASE, WORK, build, markdown


def run(arguments) -> None:
    build("benchmarks", "salesforce_sim", "destination-salesforce")
    records = arguments.records
    generate = [RELEASE / "generate", "--shape", "contact"]
    source = [*generate, "--records", records, "--state-every", 50_000]
    syncs, requests = [], []
    with Org("--daily-requests", 1_000_000) as org:
        filled = sync(org, WORK / "matching", source, [*generate, "--catalog", "Contact", "append"])
        if filled.written != records:
            raise SystemExit(f"{filled.written} of {records} contacts are in the org")
        for _ in range(arguments.runs):
            before = org.requests()
            catalog = [*generate, "--catalog", "Contact", "update"]
            entry = {"stream": "records", "match": {"fields": ["Email"]}}
            done = sync(org, WORK / "matching", source, catalog, streams=[entry])
            # One contact in eight has no address.
            if done.written + done.rejected != records or done.written < records // 2:
                raise SystemExit(f"{done.written} records were updated and {done.rejected} rejected of {records}")
            syncs.append(done)
            requests.append(org.requests() - before)
    row = [
        f"{records:,}",
        f"{syncs[0].written:,}",
        syncs[0].jobs,
        f"{median(requests):.0f}",
        f"{median(done.cost.wall for done in syncs):.0f} s",
        f"{median(done.cost.cpu for done in syncs):.1f} s",
        f"{max(done.cost.peak for done in syncs) / MB:.1f} MB",
    ]
    markdown(["records", "updated", "jobs", "API requests", "wall", "CPU", "peak"], [row])
