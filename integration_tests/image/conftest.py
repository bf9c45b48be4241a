"""Builds the images and starts the servers that they talk with; see `run` for the options."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stand_ins
from connection import Connection
from connectors import CONNECTORS, DESTINATION, ROOT, SOURCE, Connector, connector_of
from container import Image
from engine import Engine
from peers import Org, Store


def pytest_addoption(parser: pytest.Parser) -> None:
    image = "test this image of the running engine"
    program = "build the image of a connector around this static program, which has the name of the connector"
    parser.addoption("--image", metavar="NAME", action="append", default=[], help=image)
    parser.addoption("--program", metavar="FILE", action="append", default=[], type=Path, help=program)


def pytest_configure() -> None:
    # A termination stops the servers too: pytest ends its fixtures after an interrupt.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def of_buildkit(connector: Connector) -> str:
    """The name of the image of the other builder, made where the tests build both."""
    return f"{connector.name}-of-buildkit"


@pytest.fixture(scope="session")
def images(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Image]]:
    """The images by their names: one of each connector, unless the options name fewer."""
    if names := request.config.getoption("--image"):
        yield {connector_of(name).name: Image(name, "docker", dict(os.environ)) for name in names}
        return
    programs = request.config.getoption("--program")
    with Engine() as engine:
        report_time("stand-ins for the base images", lambda: stand_ins.make(engine, with_builder=not programs))
        folder = tmp_path_factory.mktemp("files")
        built = build_around(engine, programs, folder) if programs else build(engine, folder)
        yield {name: Image(image, engine.client, engine.environment()) for name, image in built.items()}


def build(engine: Engine, folder: Path) -> dict[str, str]:
    """Builds each image with both builders. The first build compiles the programs of both connectors."""
    built = {}
    for connector in CONNECTORS:
        report_time(f"image of {connector.name}, classic builder", lambda it=connector: engine.build(it))
        image = Image(connector.image, engine.client, engine.environment())
        place = folder / connector.name
        place.mkdir()
        image.take(place, f"bin/{connector.name}", "sbom.cdx.json")
        build_with_buildkit(engine, connector, of_buildkit(connector), place / connector.name, place / "sbom.cdx.json")
        built |= {connector.name: connector.image, of_buildkit(connector): of_buildkit(connector)}
    return built


def build_around(engine: Engine, programs: list[Path], folder: Path) -> dict[str, str]:
    """Builds the images around programs that exist."""
    built = {}
    for program in programs:
        connector = connector_of(program.name)
        bill = folder / f"{connector.name}.cdx.json"
        with bill.open("wb") as file:
            subprocess.run(["image/sbom", program.resolve(), "/dev/null"], cwd=ROOT, check=True, stdout=file)
        build_with_buildkit(engine, connector, connector.image, program.resolve(), bill)
        built[connector.name] = connector.image
    return built


def build_with_buildkit(engine: Engine, connector: Connector, name: str, program: Path, bill: Path) -> None:
    report_time(f"image of {connector.name}, BuildKit", lambda: engine.build_around(connector, name, program, bill))


def the(images: dict[str, Image], name: str) -> Image:
    if name not in images:
        pytest.skip(f"the options name no {name}")
    return images[name]


@pytest.fixture(scope="session")
def image(images: dict[str, Image]) -> Image:
    """The image of the destination."""
    return the(images, DESTINATION.name)


@pytest.fixture(scope="session")
def source_image(images: dict[str, Image]) -> Image:
    return the(images, SOURCE.name)


@pytest.fixture(scope="session", params=CONNECTORS, ids=lambda connector: connector.name)
def connector(request: pytest.FixtureRequest) -> Connector:
    """Each connector, for a test of both."""
    return request.param


@pytest.fixture(scope="session")
def image_of(images: dict[str, Image], connector: Connector) -> Image:
    return the(images, connector.name)


@pytest.fixture(scope="session")
def image_of_buildkit(images: dict[str, Image], connector: Connector) -> Image:
    """The image that BuildKit makes of the same program."""
    return the(images, of_buildkit(connector))


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
