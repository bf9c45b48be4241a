"""Sends gigabytes through the pipe and samples the memory all the way."""

import csv

import plot
from org import Org, sync
from process import MB, RELEASE, ROOT, WORK, build

# The average bytes of a line of the contact shape.
LINE = 575


def run(arguments) -> None:
    build("benchmarks", "salesforce_sim", "destination-salesforce")
    records = int(arguments.gigabytes * 1000 * MB / LINE)
    generate = [RELEASE / "generate", "--shape", "contact", "--streams", arguments.streams]
    source = [*generate, "--records", records, "--state-every", 50_000]
    with Org("--forgetful") as org:
        done = sync(org, WORK / "soak", source, [*generate, "--catalog", "Contact", "append"], sample_every=1)
    if done.written != records:
        raise SystemExit(f"{done.written} of {records} records were written")
    with (WORK / "soak" / "samples.csv").open("w") as file:
        csv.writer(file).writerows([["seconds", "resident", "read"], *done.samples])
    plot.draw(done.samples, ROOT / "docs" / "soak.svg")
    after = [resident for _, resident, read in done.samples if read > 500 * MB]
    gigabytes = done.samples[-1][2] / MB / 1000
    print(
        f"{gigabytes:.1f} GB and {records:,} records in {done.cost.wall:.0f} s, {done.cost.cpu:.0f} s of CPU, "
        f"{done.jobs} jobs; resident at most {done.cost.peak / MB:.1f} MB, "
        f"after the first 500 MB between {min(after) / MB:.1f} and {max(after) / MB:.1f} MB"
    )
