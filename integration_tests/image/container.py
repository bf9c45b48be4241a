"""The image, run as a container with no more rights than Airbyte's strictest setting gives."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The network of the machine, because the simulated org and the object store listen on its loopback.
CONFINED = ["--rm", "--network=host", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]

# Seconds. A container that runs longer fails its test.
TIME_LIMIT = 120

# Without credentials the connector asks the cloud's metadata service for them. There is no cloud here.
ENVIRONMENT = {"AWS_EC2_METADATA_DISABLED": "true"}


@dataclass
class Run:
    """What a container printed, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str

    def messages(self, kind: str) -> list[dict]:
        lines = [json.loads(line) for line in self.stdout.splitlines()]
        return [line for line in lines if line["type"] == kind]

    def status(self) -> tuple[str, str]:
        """The answer to `check`."""
        [answer] = self.messages("CONNECTION_STATUS")
        return answer["connectionStatus"]["status"], answer["connectionStatus"]["message"]

    def errors(self) -> list[str]:
        return [message["trace"]["error"]["failure_type"] for message in self.messages("TRACE")]

    def counts(self) -> list[tuple[int, int]]:
        """Written and rejected records of each state that the connector returned."""
        states = [message["state"]["destinationStats"] for message in self.messages("STATE")]
        return [(int(it["recordCount"]), int(it.get("rejectedRecordCount", 0))) for it in states]


@dataclass
class Image:
    """An image, and the client of the engine that has it."""

    name: str
    client: str
    environment: dict[str, str]

    def docker(self, *arguments: object, **options: object) -> str:
        """Runs a command of the engine, which must succeed, and returns its output."""
        command = [self.client, *map(str, arguments)]
        return subprocess.run(
            command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True, **options
        ).stdout

    def take(self, folder: Path, *files: str) -> None:
        """Copies files of the image into a folder."""
        container = self.docker("create", self.name).strip()
        try:
            for file in files:
                self.docker("cp", f"{container}:/{file}", folder)
        finally:
            self.docker("rm", container)

    def inspect(self) -> dict:
        """What the engine knows of the image."""
        return json.loads(self.docker("image", "inspect", self.name))[0]

    def command(self, flags: list[str], arguments: list[str], environment: dict[str, str] | None = None) -> list[str]:
        """The command that starts a container."""
        variables = [f"--env={name}={value}" for name, value in (ENVIRONMENT | (environment or {})).items()]
        return [self.client, "run", *CONFINED, *variables, *flags, self.name, *arguments]

    def run(
        self,
        arguments: list[str],
        files: dict[str, object] | None = None,
        stdin: str = "",
        *,
        flags: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        time_limit: int = TIME_LIMIT,
    ) -> Run:
        """Runs a container. `files` are in its folder /config, as JSON that its user may read."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            for file, content in (files or {}).items():
                (folder / file).write_text(json.dumps(content))
            command = self.command(["--interactive", f"--volume={folder}:/config:ro", *flags], arguments, environment)
            done = subprocess.run(
                command,
                env=self.environment,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=time_limit,
                check=False,
            )
        return Run(done.returncode, done.stdout, done.stderr)
