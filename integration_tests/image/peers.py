"""The servers that the container talks with: a simulated org, and an S3 server that others wrote."""

import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

BUCKET = "rejected-records"

# SeaweedFS, which pip installs beside Python: one program with signatures, ranges and multipart uploads.
SERVER = Path(sys.executable).parent / "weed"

# Seconds. The servers are ready sooner.
PATIENCE = 60


class Org:
    """A simulated org in its own process."""

    def __init__(self, simulator: Path, *arguments: object) -> None:
        self.command = [simulator, *arguments]
        # What the org prints: its URL, and the secrets of a client.
        self.facts: dict[str, str] = {}

    def __enter__(self) -> "Org":
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            key, value = line.rstrip("\n").split("=", 1)
            self.facts[key] = value
            if key == "access_token":
                return self
        raise RuntimeError("the simulated org did not start")

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    @property
    def url(self) -> str:
        return self.facts["url"]


class Store:
    """An S3 server with one bucket. Its `filer` serves the files without S3."""

    def __enter__(self) -> "Store":
        self.folder = Path(tempfile.mkdtemp(prefix="image-tests-store-"))
        self.access_key, self.secret_key = secrets.token_hex(10), secrets.token_hex(20)
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        master, volume, filer, s3 = (free_port() for _ in range(4))
        self.url, self.filer = f"http://127.0.0.1:{s3}", f"http://127.0.0.1:{filer}"
        flags = {
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "dir": self.folder,
            "master.port": master,
            "volume.port": volume,
            "filer": "true",
            "filer.port": filer,
            "s3": "true",
            "s3.port": s3,
            "s3.config": self.folder / "s3.json",
            # Servers of other protocols, on ports that another process may have.
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.volumeSizeLimitMB": 64,
            "volume.max": 20,
            "master.telemetry": "false",
        }
        command = [SERVER, "server", *(f"-{name}={value}" for name, value in flags.items())]
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        # A folder of the filer is a bucket. The server creates it as soon as it has a volume.
        deadline = time.monotonic() + PATIENCE
        while not (self.answers(f"{self.filer}/buckets/{BUCKET}/", "POST") and self.answers(self.url, "GET")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                print((self.folder / "log").read_text()[-4000:])
                self.__exit__()
                raise RuntimeError("the S3 server did not start")
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def answers(url: str, method: str) -> bool:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5).read()
        except urllib.error.HTTPError as error:
            # S3 refuses a request without a signature, so it is ready.
            return error.code in (403, 409)
        except OSError:
            return False
        return True


def free_port() -> int:
    """A free port. The port 10,000 above is free too: the server uses it for its own calls."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            if port > 55_000:
                continue
            try:
                second.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port
