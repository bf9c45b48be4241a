"""The peak memory of a sync: one stream and twenty with batches of 100 MB, in several shapes and operations."""

from statistics import median

from org import Org, sync
from process import MB, RELEASE, WORK, build, markdown

# The name, the shape of the records, how many streams, the mode, how many records, and the flags of the org.
CASES = {
    "one-insert": ("contact", 1, "append", 1_200_000, []),
    "one-upsert": ("contact", 1, "append_dedup", 1_200_000, []),
    "one-refused": ("contact", 1, "append", 600_000, ["--fault", "rows Contact x60000 SOME_CODE:refused:--"]),
    "one-small-rows": ("narrow", 1, "append", 9_000_000, []),
    "twenty-insert": ("contact", 20, "append", 3_000_000, []),
    "twenty-upsert": ("contact", 20, "append_dedup", 3_000_000, []),
}


def run(arguments) -> None:
    build("benchmarks", "salesforce_sim", "destination-salesforce")
    rows = []
    for name in arguments.cases:
        rows.append(one(name, arguments))
    print()
    markdown(["case", "records", "jobs", "peak, median", "least to most"], rows)


def one(name: str, arguments) -> list:
    shape, streams, mode, records, flags = CASES[name]
    records = int(records * arguments.share)
    generate = [RELEASE / "generate", "--shape", shape, "--streams", streams, "--seed", arguments.seed]
    source = [*generate, "--records", records, "--state-every", 50_000]
    catalog = [*generate, "--catalog", "Contact" if shape == "contact" else "Extra_0001__c", mode]
    peaks = []
    for _ in range(arguments.runs):
        # A forgetful org drops the written records, and a slow org makes the batches wait.
        with Org("--forgetful", "--objects", 1, "--seconds-per-batch", arguments.seconds_per_batch, *flags) as org:
            done = sync(org, WORK / "memory" / name, source, catalog, batch_size_mb=100)
        if done.written + done.rejected != records:
            raise SystemExit(f"{done.written} written and {done.rejected} rejected of {records}")
        peaks.append(done.cost.peak)
        print(f"{name}: {done.cost.peak / MB:.1f} MB, {done.jobs} jobs, {done.cost.wall:.0f} s", flush=True)
    middle, least, most = (f"{pick(peaks) / MB:.1f}" for pick in (median, min, max))
    return [name, f"{records:,}", done.jobs, f"{middle} MB", f"{least} to {most} MB"]
