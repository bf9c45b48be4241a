"""The CPU of the whole connector, from a pipe into a simulated org, against DuckDB's conversion of the same file."""

from pathlib import Path

import install
from conversion import HERE, by_duckdb
from org import CONNECTOR, Org, sync
from process import MB, RELEASE, WORK, build, generate, markdown, measure, middle, ratio


def run(arguments) -> None:
    build("benchmarks", "salesforce_sim", "destination-salesforce")
    duckdb = install.python(HERE / "requirements" / "duckdb.txt") / "python"
    connectors = {"this build": CONNECTOR}
    if arguments.beside:
        connectors[arguments.beside.name] = arguments.beside.resolve()
    rows = []
    for shape in arguments.shapes:
        for streams in arguments.streams:
            rows += one(shape, streams, connectors, duckdb, arguments)
    print()
    markdown(["shape", "streams", "connector", "CPU", "DuckDB", "of DuckDB", "peak", "jobs", "wall"], rows)


def one(shape: str, streams: int, connectors: dict[str, Path], duckdb: Path, arguments) -> list[list]:
    """Runs all programs in turn: a first time to warm up, and then the times that count."""
    folder = WORK / "whole"
    flags = ["--shape", shape, "--seed", arguments.seed, "--records", arguments.records, "--streams", streams]
    messages = generate(folder / f"{shape}-{streams}.jsonl", *flags, "--state-every", 50_000)
    fields = generate(folder / f"{shape}.fields", "--shape", shape, "--fields")
    commands = by_duckdb(duckdb, fields, messages)
    costs = {name: [] for name in [*commands, *connectors]}
    jobs = {}
    for number in range(arguments.runs + 1):
        done = {name: measure(command) for name, command in commands.items()}
        for name, connector in connectors.items():
            done[name], jobs[name] = load(messages, flags, connector, arguments.records)
        if number > 0:
            for name, cost in done.items():
                costs[name].append(cost)
    cheaper = min(commands, key=lambda name: middle(costs[name], "cpu"))
    return [
        [
            shape,
            streams,
            name,
            f"{middle(costs[name], 'cpu'):.2f} s",
            f"{middle(costs[cheaper], 'cpu'):.2f} s",
            f"{ratio(costs[name], costs[cheaper]):.1%}",
            f"{max(cost.peak for cost in costs[name]) / MB:.1f} MB",
            jobs[name],
            f"{middle(costs[name], 'wall'):.1f} s",
        ]
        for name in connectors
    ]


def load(messages: Path, flags: list, connector: Path, records: int) -> tuple:
    """One sync of the file: its cost and its jobs."""
    catalog = [RELEASE / "generate", *flags, "--catalog", "Contact", "append"]
    # A forgetful org drops the written records.
    with Org("--forgetful", "--objects", 1) as org:
        done = sync(org, WORK / "whole" / "sync", ["cat", messages], catalog, connector=connector)
    if done.written != records:
        raise SystemExit(f"{done.written} written of {records}")
    return done.cost, done.jobs
