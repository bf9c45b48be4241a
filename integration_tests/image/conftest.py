"""Builds the image and starts the servers that it talks with; see `run` for the options."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stand_ins
from connection import Connection
from container import Image
from engine import ROOT, Engine
from peers import Org, Store

NAME = "destination-salesforce:0.1.0"
# The image of the other builder, made where the tests build both.
OF_BUILDKIT = "destination-salesforce-of-buildkit"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--image", metavar="NAME", help="test this image of the running engine")
    parser.addoption("--program", metavar="FILE", type=Path, help="build the image around this static program")


def pytest_configure() -> None:
    # A termination stops the servers too: pytest ends its fixtures after an interrupt.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    if name := request.config.getoption("--image"):
        yield Image(name, "docker", dict(os.environ))
        return
    program = request.config.getoption("--program")
    with Engine() as engine:
        report_time("stand-ins for the base images", lambda: stand_ins.make(engine, with_builder=not program))
        built = Image(NAME, engine.client, engine.environment())
        if program:
            bill = tmp_path_factory.mktemp("bill") / "sbom.cdx.json"
            with bill.open("wb") as file:
                subprocess.run(["image/sbom", program, "/dev/null"], cwd=ROOT, check=True, stdout=file)
            report_time("image, BuildKit", lambda: engine.build_around(NAME, program.resolve(), bill))
        else:
            report_time("image, classic builder", lambda: engine.build(NAME))
            files = tmp_path_factory.mktemp("files")
            built.take(files, "bin/destination-salesforce", "sbom.cdx.json")
            program, bill = files / "destination-salesforce", files / "sbom.cdx.json"
            report_time("image, BuildKit", lambda: engine.build_around(OF_BUILDKIT, program, bill))
        yield built


@pytest.fixture(scope="session")
def image_of_buildkit(request: pytest.FixtureRequest, image: Image) -> Image:
    """The image that BuildKit makes of the same program."""
    if request.config.getoption("--image") or request.config.getoption("--program"):
        pytest.skip("there is one image only")
    return Image(OF_BUILDKIT, image.client, image.environment)


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    with Store() as store:
        yield store


@pytest.fixture(scope="session")
def simulator() -> Path:
    subprocess.run(["cargo", "build", "--locked", "--workspace", "--bins"], cwd=ROOT, check=True)
    return ROOT / "target/debug/salesforce_sim"


@pytest.fixture(scope="module")
def org(simulator: Path) -> Iterator[Org]:
    with Org(simulator) as org:
        yield org


@pytest.fixture(scope="module")
def connection(org: Org, store: Store) -> Connection:
    return Connection(org, store)


def report_time(what: str, work: Callable[[], None]) -> None:
    print(f"=== {what}", flush=True)
    started = time.monotonic()
    work()
    print(f"=== {what}: {time.monotonic() - started:.0f} s", flush=True)
