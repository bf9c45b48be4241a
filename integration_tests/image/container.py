"""The image, run as a container that may do as little as Airbyte's strictest setting allows."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

IMAGE = os.environ["IMAGE"]
DOCKER = os.environ.get("DOCKER", "docker")
ROOT = Path(os.environ["REPOSITORY"])

# The network of the machine, because the simulated org and the object store listen on its loopback.
CONFINED = [
    "--rm", "--network=host", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
]

# A container that hangs is a failure.
TIME_LIMIT = 120

# The connector asks the cloud's metadata service for credentials where it has none; here is no cloud.
ENVIRONMENT = {"AWS_EC2_METADATA_DISABLED": "true"}


@dataclass
class Run:
    exit_code: int
    stdout: str
    stderr: str

    def messages(self, kind: str) -> list[dict]:
        lines = [json.loads(line) for line in self.stdout.splitlines()]
        return [line for line in lines if line["type"] == kind]

    def status(self) -> tuple[str, str]:
        """The one answer to `check`."""
        [answer] = self.messages("CONNECTION_STATUS")
        return answer["connectionStatus"]["status"], answer["connectionStatus"]["message"]

    def errors(self) -> list[str]:
        return [message["trace"]["error"]["failure_type"] for message in self.messages("TRACE")]

    def counts(self) -> list[tuple[int, int]]:
        """Written and rejected records of each state that came back."""
        states = [message["state"]["destinationStats"] for message in self.messages("STATE")]
        return [(int(it["recordCount"]), int(it.get("rejectedRecordCount", 0))) for it in states]


def run(
    arguments: list[str],
    files: dict[str, object] = {},
    stdin: str = "",
    flags: list[str] = [],
    environment: dict[str, str] = {},
    entrypoint: str | None = None,
) -> Run:
    """Runs the image. `files` lie in /config, as JSON, where the user of the container may read them."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        for name, content in files.items():
            (place / name).write_text(json.dumps(content))
        variables = [f"--env={name}={value}" for name, value in (ENVIRONMENT | environment).items()]
        own = [f"--entrypoint={entrypoint}"] if entrypoint else []
        command = [
            DOCKER, "run", "--interactive", *CONFINED, *variables, *own, *flags, f"--volume={place}:/config:ro",
            IMAGE, *arguments,
        ]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=TIME_LIMIT)
    return Run(done.returncode, done.stdout, done.stderr)


def inspect() -> dict:
    """What the engine knows of the image."""
    printed = subprocess.run([DOCKER, "image", "inspect", IMAGE], check=True, capture_output=True, text=True).stdout
    return json.loads(printed)[0]
