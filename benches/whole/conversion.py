"""The conversion of RECORD lines to CSV, as whole processes on one file: the connector's code and DuckDB. For
comparison, serde_json reads the same lines into a tree."""

import csv
import json
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import install
from process import RELEASE, ROOT, WORK, build, generate, in_turn, markdown, middle, ratio

HERE = Path(__file__).resolve().parent
# In a separate workspace: in the connector's, serde_json has other features and is slower.
VALUE = HERE.parent / "serde_value"
VALUE_TARGET = ROOT / "target" / "serde_value"


def run(arguments) -> None:
    build("benchmarks")
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--target-dir", VALUE_TARGET]
    subprocess.run(command, cwd=VALUE, check=True)
    duckdb = install.python(HERE / "requirements" / "duckdb.txt") / "python"
    rows = []
    for shape in arguments.shapes:
        rows.append(one(shape, arguments, duckdb))
    print()
    markdown(
        [
            "shape",
            "bytes a line",
            "to a file",
            "into a batch",
            "to bytes",
            "DuckDB, typed",
            "DuckDB, as text",
            "serde_json `Value`",
            "of DuckDB",
            "of `Value`",
        ],
        rows,
    )


def one(shape: str, arguments, duckdb: Path) -> list:
    records = arguments.records if shape != "wide" else arguments.records // 10
    folder = WORK / "conversion"
    flags = ["--shape", shape, "--seed", arguments.seed, "--records", records, "--state-every", 0]
    messages = generate(folder / f"{shape}-{arguments.seed}.jsonl", *flags)
    fields = generate(folder / f"{shape}.fields", "--shape", shape, "--fields")
    ours = folder / "convert.csv"
    commands = {
        "convert": [RELEASE / "convert", "--shape", shape, messages, ours],
        "batch": [RELEASE / "convert", "--shape", shape, messages, "--batch"],
        "bytes": [RELEASE / "convert", "--shape", shape, messages],
        **by_duckdb(duckdb, fields, messages),
        "value": [VALUE_TARGET / "release/serde_value", messages],
    }
    costs = in_turn(commands, arguments.runs)
    if not arguments.unchecked:
        numbers = {line.split()[0] for line in fields.read_text().splitlines() if line.endswith(" number")}
        compare(ours, folder / "text.csv", numbers, records)
    cpu = {name: middle(cost, "cpu") for name, cost in costs.items()}
    cheaper = min("typed", "text", key=cpu.get)
    size = messages.stat().st_size
    return [
        shape,
        round(size / records),
        *(f"{cpu[name]:.2f} s" for name in commands),
        f"{ratio(costs['convert'], costs[cheaper]):.1%}",
        f"{ratio(costs['bytes'], costs['value']):.1%}",
    ]


def by_duckdb(duckdb: Path, fields: Path, messages: Path) -> dict[str, list]:
    """The commands with which DuckDB makes the CSV: with the columns typed, and with all of them as text."""
    copy = [duckdb, HERE / "loaders" / "duckdb_copy.py"]
    return {kind: [*copy, kind, fields, messages, messages.parent / f"{kind}.csv"] for kind in ["typed", "text"]}


def compare(ours: Path, theirs: Path, numbers: set[str], records: int) -> None:
    """Checks that all cells have the same text. The connector turns CR LF into LF, and DuckDB writes numbers in its own
    way: 1.10 becomes 1.1."""
    csv.field_size_limit(sys.maxsize)
    count = 0
    with ours.open(newline="") as one, theirs.open(newline="") as other:
        rows, expected_rows = csv.reader(one), csv.reader(other)
        head, expected_head = next(rows), next(expected_rows)
        is_number = [name in numbers for name in head]
        for row, expected_row in zip_longest(rows, expected_rows):
            expected = [cell.replace("\r\n", "\n") for cell in expected_row or []]
            if row != expected and canonical(row or [], is_number) != canonical(expected, is_number):
                raise SystemExit(f"row {count} differs: {json.dumps(row)} is {json.dumps(expected)} in {theirs}")
            count += 1
    if head != expected_head or count != records:
        raise SystemExit(f"{count} rows instead of {records}, or other columns")
    print(f"{records:,} rows have the same cells in {ours.name} and {theirs.name}", flush=True)


def canonical(row: list[str], is_number: list[bool]) -> list:
    return [float(cell) if cell and number else cell for cell, number in zip_longest(row, is_number)]
