"""Starts a container engine for the tests, which leaves nothing behind, and builds the images in it."""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from connectors import DESTINATION, ROOT, Connector

# The stage `prebuilt` of the Dockerfiles takes the program from here.
PREBUILT = ROOT / "image/prebuilt"

# Seconds. The daemon starts sooner.
PATIENCE = 60


class Engine:
    """The engine of Debian's docker.io, with its data and its socket in a temporary folder.

    It has no bridge and no iptables rules: containers get the network of the machine or none, and the machine's network
    does not change.
    """

    # Another client may be first in PATH, and may need plugins to build.
    client = "/usr/bin/docker"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="image-tests-"))
        self.host = f"unix://{self.folder}/socket"
        self.daemon: subprocess.Popen | None = None

    def __enter__(self) -> "Engine":
        flags = {
            "host": self.host,
            "data-root": self.folder / "data",
            "exec-root": self.folder / "exec",
            "pidfile": self.folder / "pid",
            "iptables": "false",
            "bridge": "none",
        }
        command = ["dockerd", *(f"--{name}={value}" for name, value in flags.items())]
        with (self.folder / "log").open("w") as log:
            self.daemon = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while self.docker("info", check=False, quiet=True) != 0:
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                print((self.folder / "log").read_text())
                self.__exit__()
                raise RuntimeError("the container engine did not start")
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
        # A killed daemon leaves its mounts.
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed(mounts):
            if mount.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": self.host, "PATH": "/usr/sbin:/usr/bin:/bin"}

    def docker(
        self, *arguments: object, check: bool = True, quiet: bool = False, stdin: object = None, buildkit: bool = False
    ) -> int:
        output = subprocess.DEVNULL if quiet else None
        command = [self.client, *map(str, arguments)]
        environment = self.environment() | {"DOCKER_BUILDKIT": str(int(buildkit))}
        return subprocess.run(
            command, env=environment, check=check, stdin=stdin, stdout=output, stderr=output
        ).returncode

    def build(self, connector: Connector) -> None:
        """Builds the image of a connector with the command of its pages.

        The classic builder is the stricter one: it builds all stages, and knows no syntax that BuildKit lacks.
        """
        # The build needs the network for Debian's packages. The stand-in of the builder has all crates.
        self.docker("build", "--network=host", "-f", connector.dockerfile, "-t", connector.image, ROOT)

    def build_around(self, connector: Connector, name: str, program: Path, bill: Path) -> None:
        """Builds an image with BuildKit, around a program that exists."""
        PREBUILT.mkdir(exist_ok=True)
        copies = [PREBUILT / connector.name, PREBUILT / f"{connector.name}.cdx.json"]
        for file, copy in zip([program, bill], copies, strict=True):
            shutil.copy(file, copy)
        options = ["--progress=plain", "--network=host", "--build-arg", "BINARY=prebuilt", "-f", connector.dockerfile]
        try:
            self.docker("build", *options, "-t", name, ROOT, buildkit=True)
        finally:
            for copy in copies:
                copy.unlink()


def bases() -> dict[str, str]:
    """The base images of the Dockerfiles, by the arguments that name them."""
    return dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", DESTINATION.dockerfile.read_text(), re.MULTILINE))
