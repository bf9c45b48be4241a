"""A container engine of the tests' own, which leaves nothing behind, and the image built in it."""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = ROOT / "Dockerfile"

# Starting takes some seconds. A daemon that is not there after this will not come.
PATIENCE = 60


class Engine:
    """The engine of Debian's docker.io, with its data and its socket in a folder of its own.

    It has neither a bridge nor rules of iptables: containers get the network of the machine or none, and the machine's
    own network stays as it is.
    """

    # Another client may be installed before it that needs plugins to build.
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
        log = (self.folder / "log").open("w")
        command = ["dockerd", *(f"--{name}={value}" for name, value in flags.items())]
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
        # A daemon that was killed leaves its mounts.
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed(mounts):
            if mount.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        return {
            "DOCKER": self.client,
            "DOCKER_HOST": self.host,
            "DOCKER_BUILDKIT": "1",
            "PATH": "/usr/sbin:/usr/bin:/bin",
        }

    def docker(self, *arguments: object, check: bool = True, quiet: bool = False, stdin: object = None) -> int:
        output = subprocess.DEVNULL if quiet else None
        command = [self.client, *map(str, arguments)]
        return subprocess.run(
            command, env=self.environment(), check=check, stdin=stdin, stdout=output, stderr=output
        ).returncode

    def build(self, name: str, program: Path | None) -> None:
        """Builds the image with the command of the README, or around a program that was built outside."""
        arguments: list[object] = []
        if program:
            place = ROOT / "target/image"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            shutil.copy(program, place / "destination-salesforce")
            bill = subprocess.run(
                ["image/sbom", place / "destination-salesforce", "/dev/null"], cwd=ROOT, check=True, capture_output=True
            )
            (place / "sbom.cdx.json").write_bytes(bill.stdout)
            arguments = ["--build-arg", "BINARY=prebuilt"]
        # The network is there for Debian's packages; the stand-in of the builder has all crates.
        self.docker("build", "--progress=plain", "--network=host", *arguments, "-t", name, ROOT)


def bases() -> dict[str, str]:
    """The images that the Dockerfile begins with, by the arguments that name them."""
    return dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE))
