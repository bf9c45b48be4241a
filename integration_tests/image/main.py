"""Builds the image, starts what it talks with, and runs the parts; see `run` for the options."""

import argparse
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import stand_ins
from engine import ROOT, Engine
from peers import Org, Store

HERE = Path(__file__).resolve().parent
NAME = "destination-salesforce:0.1.0"

# Each is a program that prints a line `ok ...` or `FAILED ...` for each thing that it looks at.
PARTS = ["contents", "entrypoint", "platform", "surroundings", "full_sync"]

# The slowest part loads 100,000 records. One that hangs is a failure.
TIME_LIMIT = 15 * 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="run")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--image", metavar="NAME", help="an image that the engine at hand has")
    parser.add_argument("--program", metavar="FILE", type=Path, help="a static program to build the image around")
    options = parser.parse_args()
    # Whoever ends the tests early is left with no server either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    subprocess.run(["cargo", "build", "--locked", "--workspace", "--bins"], cwd=ROOT, check=True)
    passed = failed = 0
    with ExitStack() as stack:
        environment = {"IMAGE": options.image or NAME, "REPOSITORY": str(ROOT), "PYTHONPATH": search_path()}
        if options.image:
            environment |= {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
        else:
            engine = stack.enter_context(Engine())
            environment |= engine.environment()
            step("stand-ins for the base images", lambda: stand_ins.make(engine, with_builder=not options.program))
            step("image", lambda: engine.build(NAME, options.program))
        environment |= stack.enter_context(Store()).facts()
        for part in options.parts or PARTS:
            print(f"=== {part}", flush=True)
            with Org() as org:
                ok, wrong = run(part, environment | org.facts())
            passed, failed = passed + ok, failed + wrong
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


def step(what: str, work) -> None:
    print(f"=== {what}", flush=True)
    started = time.monotonic()
    work()
    print(f"=== {what}: {time.monotonic() - started:.0f} s", flush=True)


def search_path() -> str:
    # The way to look at something is the one of the other clients.
    return f"{HERE}:{HERE.parent / 'real_clients'}"


def run(part: str, environment: dict[str, str]) -> tuple[int, int]:
    """Runs a part and counts what it found."""
    passed = failed = 0
    process = subprocess.Popen(
        ["timeout", "--kill-after=10", str(TIME_LIMIT), sys.executable, "-B", HERE / f"part_{part}.py"],
        env={"PATH": os.environ["PATH"]} | environment, stdout=subprocess.PIPE, text=True,
    )
    for line in process.stdout:
        print(line, end="", flush=True)
        passed += line.startswith("ok ")
        failed += line.startswith("FAILED ")
    if process.wait() != 0:
        print(f"FAILED the part broke off with exit code {process.returncode}")
        failed += 1
    elif passed + failed == 0:
        print("FAILED the part looked at nothing")
        failed += 1
    return passed, failed


if __name__ == "__main__":
    sys.exit(main())
