"""What a process costs, as the operating system counts it for every process that has ended."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent.parent
RELEASE = ROOT / "target" / "release"
# The files of measurements.
WORK = ROOT / "target" / "measured"

MB = 1_000_000


@dataclass
class Cost:
    """What a process and its children cost."""

    exit_code: int
    wall: float
    cpu: float
    # The peak of the largest single process, in bytes. Linux also counts the process before it became its program, so
    # this is at least the size of the Python that started it: about 15 MB.
    peak: int


def cost_of(process: subprocess.Popen, started: float) -> Cost:
    """Waits for a process."""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(process.returncode, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def measure(command: list, **options) -> Cost:
    """Runs a command, which must succeed."""
    started = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], **options)
    cost = cost_of(process, started)
    if cost.exit_code != 0:
        raise SystemExit(f"{command[0]} ended with exit code {cost.exit_code}")
    return cost


def in_turn(commands: dict[str, list], runs: int, **options) -> dict[str, list[Cost]]:
    """Runs every command once to warm up, then all of them in turn, so that a slow minute of the machine slows all of
    them."""
    costs = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            cost = measure(command, **options)
            if number > 0:
                costs[name].append(cost)
    return costs


def ratio(first: list[Cost], second: list[Cost]) -> float:
    """The median of the ratios of CPU time, run by run."""
    return median(one.cpu / other.cpu for one, other in zip(first, second, strict=True))


def middle(costs: list[Cost], what: str) -> float:
    return median(getattr(cost, what) for cost in costs)


def build(*packages: str) -> None:
    """Builds the programs of packages one after another. In one build they would share the features of their
    dependencies."""
    for package in packages:
        command = ["cargo", "build", "--quiet", "--release", "--locked", "--package", package, "--bins"]
        subprocess.run(command, cwd=ROOT, check=True)


def generate(file: Path, *arguments) -> Path:
    """Generates messages, unless the file exists."""
    name = " ".join(str(argument) for argument in arguments)
    stamp = file.with_suffix(".made-with")
    if not (stamp.exists() and stamp.read_text() == name and file.exists()):
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as out:
            measure([RELEASE / "generate", *arguments], stdout=out)
        stamp.write_text(name)
    return file


def markdown(head: list[str], rows: list[list]) -> None:
    """Prints a table for the documentation."""
    for cells in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
