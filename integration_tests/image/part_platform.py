"""The platform's way: a shell script in place of the entry point, pipes with names, files in place of answers.

The script does what the platform's does (airbyte-platform, August 2026): it takes the program from AIRBYTE_ENTRYPOINT,
runs it in the background, waits, and leaves the exit code in a file.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from checks import check
from connection import catalog, config, contacts, record, state, three_contacts
from container import CONFINED, DOCKER, ENVIRONMENT, IMAGE, ROOT, TIME_LIMIT, Run

# What the launcher sets for a sync, with a version and numbers made up.
PLATFORM = ENVIRONMENT | {
    "AIRBYTE_EDITION": "COMMUNITY",
    "AIRBYTE_VERSION": "2.0.0",
    "DATA_CHANNEL_FORMAT": "JSONL",
    "DATA_CHANNEL_MEDIUM": "STDIO",
    "DEPLOYMENT_MODE": "OSS",
    "LOG_LEVEL": "INFO",
    "USE_STREAM_CAPABLE_STATE": "true",
    "WORKER_CONNECTOR_IMAGE": IMAGE,
    "WORKER_JOB_ATTEMPT": "0",
    "WORKER_JOB_ID": "77",
}

WRAPPER = """\
if [ -z "$AIRBYTE_ENTRYPOINT" ]; then
    echo "no entry point"
    exit 127
fi
echo "entry point: $AIRBYTE_ENTRYPOINT"
(COMMAND) &
CHILD_PID=$!
(while true; do
    if [ -f TERMINATED ]; then kill $CHILD_PID; exit 0; fi
    sleep 1
done) &
wait $CHILD_PID
EXIT_CODE=$?
echo $EXIT_CODE > TEMP_EXIT_CODE.txt
mv TEMP_EXIT_CODE.txt exitCode.txt
exit $EXIT_CODE
"""

ARGUMENTS = "write --config /dest/connectorConfig.json --catalog /dest/catalog.json"
WRITE = f'eval "$AIRBYTE_ENTRYPOINT {ARGUMENTS}" 2> stderr > stdout < stdin'


@contextlib.contextmanager
def folder():
    """A folder that belongs to the user of the container, as the platform's volumes do."""
    place = Path(tempfile.mkdtemp(prefix="image-tests-"))
    try:
        if os.geteuid() == 0:
            os.chown(place, 1000, 1000)
        else:
            place.chmod(0o777)
        yield place
    finally:
        shutil.rmtree(place)


def command(place: Path, mount: str, script: str) -> list[str]:
    variables = [f"--env={name}={value}" for name, value in PLATFORM.items()]
    return [
        DOCKER, "run", *CONFINED, "--user=1000:1000", *variables, f"--volume={place}:{mount}", f"--workdir={mount}",
        "--entrypoint=sh", IMAGE, "-c", WRAPPER.replace("COMMAND", script),
    ]


class Sync:
    """A running destination container with the three pipes in its working directory."""

    def __init__(self, place: Path, configuration: dict) -> None:
        self.place = place
        (place / "connectorConfig.json").write_text(json.dumps(configuration))
        (place / "catalog.json").write_text(json.dumps(catalog(mode="append_dedup")))
        for name in ("stdin", "stdout", "stderr"):
            os.mkfifo(place / name)
            (place / name).chmod(0o666)
        self.process = subprocess.Popen(
            command(place, "/dest", WRITE), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.read: dict[str, str] = {}
        self.readers = [threading.Thread(target=self.drain, args=(name,)) for name in ("stdout", "stderr")]
        for reader in self.readers:
            reader.start()
        self.stdin = self.open_stdin()

    def open_stdin(self):
        """Opens the pipe as soon as the container reads it, or nothing where the container ended before."""
        while self.process.poll() is None:
            with contextlib.suppress(OSError):
                pipe = os.open(self.place / "stdin", os.O_WRONLY | os.O_NONBLOCK)
                os.set_blocking(pipe, True)
                return os.fdopen(pipe, "w")
            time.sleep(0.02)
        return open(os.devnull, "w")

    def drain(self, name: str) -> None:
        with (self.place / name).open() as pipe:
            self.read[name] = pipe.read()

    def send(self, lines: list[str]) -> None:
        self.stdin.writelines(f"{line}\n" for line in lines)
        self.stdin.flush()

    def end(self) -> tuple[Run, str, str]:
        """What came through the pipes, what the container printed, and the exit code in the file."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        printed, _ = self.process.communicate(timeout=TIME_LIMIT)
        for name in ("stdout", "stderr"):
            # Where the container never opened it, this is what the reader waits for.
            os.close(os.open(self.place / name, os.O_RDWR | os.O_NONBLOCK))
        for reader in self.readers:
            reader.join()
        file = self.place / "exitCode.txt"
        found = Run(self.process.returncode, self.read["stdout"], self.read["stderr"])
        return found, printed, file.read_text().strip() if file.exists() else "no file"


def a_sync() -> None:
    before = contacts()
    with folder() as place:
        sync = Sync(place, config("platform"))
        sync.send(three_contacts("P"))
        found, printed, code = sync.end()
    check("sync: exit code", (found.exit_code, code), (0, "0"))
    check("sync: the wrapper's own word", printed, "entry point: /bin/destination-salesforce\n")
    check("sync: the state came back with its counts", found.counts(), [(2, 1)])
    check("sync: nothing on standard error", found.stderr, "")
    check("sync: records arrived", contacts() - before, 2)


def a_failed_source() -> None:
    with folder() as place:
        sync = Sync(place, config("platform"))
        sync.send(three_contacts("Q")[:-1])
        found, _, code = sync.end()
    check("failed source: exit code", (found.exit_code, code), (1, "1"))
    check("failed source: the error", found.errors(), ["transient_error"])
    check("failed source: what came is acknowledged", found.counts(), [(2, 1)])


def a_wrong_configuration() -> None:
    with folder() as place:
        sync = Sync(place, config("platform", client_secret="another one"))
        found, _, code = sync.end()
    check("wrong secret: exit code", (found.exit_code, code), (1, "1"))
    check("wrong secret: the error", found.errors(), ["config_error"])


def a_termination() -> None:
    """The platform leaves a file; the script then ends, and with it all processes of the container."""
    before = contacts()
    with folder() as place:
        sync = Sync(place, config("platform"))
        sync.send([record({"External_Id__c": "T-1", "LastName": "Example"}), state(1, 1)])
        (place / "TERMINATED").touch()
        # The input stays open: it is not its end that ends the container.
        sync.process.wait(TIME_LIMIT)
        found, _, code = sync.end()
    check("termination: the container ends, and not well", found.exit_code != 0)
    check("termination: the file has the same code", code, str(found.exit_code))
    check("termination: what is acknowledged is written", len(found.messages("STATE")), contacts() - before)


def a_command(verb: str, configuration: dict | None) -> tuple[Run, str]:
    """A command whose answer goes into a file."""
    with folder() as place:
        arguments = ""
        if configuration:
            (place / "connectionConfiguration.json").write_text(json.dumps(configuration))
            arguments = " --config /config/connectionConfiguration.json"
        script = f'eval "$AIRBYTE_ENTRYPOINT {verb}{arguments}" > /config/jobOutput.json'
        done = subprocess.run(command(place, "/config", script), capture_output=True, text=True, timeout=TIME_LIMIT)
        answer = (place / "jobOutput.json").read_text()
        code = (place / "exitCode.txt").read_text().strip()
    return Run(done.returncode, answer, done.stderr), code


def commands() -> None:
    found, code = a_command("spec", None)
    check("spec: exit code", (found.exit_code, code), (0, "0"))
    check("spec is the file", found.messages("SPEC")[0]["spec"], json.loads((ROOT / "spec.json").read_text()))
    found, code = a_command("check", config("platform"))
    check("check: exit code", (found.exit_code, code), (0, "0"))
    check("check: status", found.status()[0], "SUCCEEDED")
    found, code = a_command("check", config("platform", refresh_token="another one"))
    check("check of a wrong token: exit code", (found.exit_code, code), (0, "0"))
    check("check of a wrong token: status", found.status()[0], "FAILED")
    found, code = a_command("discover", config("platform"))
    check("discover: exit code", (found.exit_code, code), (0, "0"))
    check("discover: an answer", len(found.messages("DESTINATION_CATALOG")), 1)
    found, code = a_command("discover", config("platform", refresh_token="another one"))
    check("discover with a wrong token", (found.exit_code, code, found.errors()), (1, "1", ["config_error"]))


def main() -> None:
    a_sync()
    a_failed_source()
    a_wrong_configuration()
    a_termination()
    commands()


if __name__ == "__main__":
    main()
