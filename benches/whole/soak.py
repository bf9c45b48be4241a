"""Sends gigabytes through the pipe, or all that an org takes in a day, and samples the memory all the way."""

import csv
from pathlib import Path

import plot
from org import Org, sync
from process import MB, RELEASE, ROOT, WORK, build

# The average bytes of a line of the contact shape.
LINE = 575
# What an org takes in 24 hours: 15,000 bulk batches of 10,000 records.
RECORDS_OF_A_DAY = 150_000_000
# More than an org allows, for the batches that a job does not fill.
BATCHES_OF_A_DAY = 16_000


def run(arguments) -> None:
    records = int(arguments.gigabytes * 1000 * MB / LINE)
    load("contact", "Contact", records, ROOT / "docs" / "soak.svg")


def run_day(arguments) -> None:
    load("narrow", "Extra_0001__c", arguments.records, ROOT / "docs" / "day.svg")


def load(shape: str, salesforce_object: str, records: int, picture: Path) -> None:
    build("benchmarks", "salesforce_sim", "destination-salesforce")
    generate = [RELEASE / "generate", "--shape", shape]
    source = [*generate, "--records", records, "--state-every", 50_000]
    folder = WORK / picture.stem
    with Org("--forgetful", "--objects", 1, "--daily-batches", BATCHES_OF_A_DAY) as org:
        done = sync(org, folder, source, [*generate, "--catalog", salesforce_object, "append"], sample_every=1)
        requests, batches = org.requests(), org.bulk_batches()
    if done.written != records:
        raise SystemExit(f"{done.written} of {records} records were written")
    with (folder / "samples.csv").open("w") as file:
        csv.writer(file).writerows([["seconds", "resident", "read"], *done.samples])
    plot.draw(done.samples, picture)
    after = [resident for _, resident, read in done.samples if read > 500 * MB]
    gigabytes = done.samples[-1][2] / MB / 1000
    print(
        f"{gigabytes:.1f} GB and {records:,} records in {done.cost.wall:.0f} s, {done.cost.cpu:.0f} s of CPU, "
        f"{done.jobs} jobs, {batches:,} bulk batches, {requests:,} requests; resident at most "
        f"{done.cost.peak / MB:.1f} MB, and after the first 500 MB "
        f"between {min(after) / MB:.1f} and {max(after) / MB:.1f} MB"
    )
