"""The image as Airbyte's platform starts it: a shell script as the entry point, named pipes, files for answers.

The script does the same as the platform's (airbyte-platform, August 2026): it takes the program from
AIRBYTE_ENTRYPOINT, runs it in the background, waits for it, and writes the exit code into a file.
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

from connection import catalog, record, state, three_contacts
from container import TIME_LIMIT, Image, Run
from engine import ROOT

# The variables that the launcher sets for a sync, with an invented version and numbers.
PLATFORM = {
    "AIRBYTE_EDITION": "COMMUNITY",
    "AIRBYTE_VERSION": "2.0.0",
    "DATA_CHANNEL_FORMAT": "JSONL",
    "DATA_CHANNEL_MEDIUM": "STDIO",
    "DEPLOYMENT_MODE": "OSS",
    "LOG_LEVEL": "INFO",
    "USE_STREAM_CAPABLE_STATE": "true",
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
    """A folder of the container's user, like the platform's volumes."""
    place = Path(tempfile.mkdtemp(prefix="image-tests-"))
    try:
        if os.geteuid() == 0:
            os.chown(place, 1000, 1000)
        else:
            place.chmod(0o777)
        yield place
    finally:
        shutil.rmtree(place)


def command(image: Image, place: Path, mount: str, script: str) -> list[str]:
    flags = ["--user=1000:1000", f"--volume={place}:{mount}", f"--workdir={mount}", "--entrypoint=sh"]
    environment = PLATFORM | {"WORKER_CONNECTOR_IMAGE": image.name}
    return image.command(flags, ["-c", WRAPPER.replace("COMMAND", script)], environment)


class Sync:
    """A running destination container. Its working directory has the three pipes."""

    def __init__(self, image: Image, place: Path, configuration: dict) -> None:
        self.place = place
        (place / "connectorConfig.json").write_text(json.dumps(configuration))
        (place / "catalog.json").write_text(json.dumps(catalog(mode="append_dedup")))
        for name in ("stdin", "stdout", "stderr"):
            os.mkfifo(place / name)
            (place / name).chmod(0o666)
        self.process = subprocess.Popen(
            command(image, place, "/dest", WRITE),
            env=image.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.read: dict[str, str] = {}
        self.readers = [threading.Thread(target=self.drain, args=(name,)) for name in ("stdout", "stderr")]
        for reader in self.readers:
            reader.start()
        self.stdin = self.open_stdin()

    def open_stdin(self):
        """Opens the pipe as soon as the container reads it. If the container ended before that, opens nothing."""
        while self.process.poll() is None:
            with contextlib.suppress(OSError):
                pipe = os.open(self.place / "stdin", os.O_WRONLY | os.O_NONBLOCK)
                os.set_blocking(pipe, True)
                return os.fdopen(pipe, "w")
            time.sleep(0.02)
        return Path(os.devnull).open("w")

    def drain(self, name: str) -> None:
        with (self.place / name).open() as pipe:
            self.read[name] = pipe.read()

    def send(self, lines: list[str]) -> None:
        self.stdin.writelines(f"{line}\n" for line in lines)
        self.stdin.flush()

    def end(self) -> tuple[Run, str, str]:
        """Returns the content of the pipes, the output of the container, and the exit code in the file."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        printed, _ = self.process.communicate(timeout=TIME_LIMIT)
        for name in ("stdout", "stderr"):
            # The reader still waits if the container never opened the pipe.
            os.close(os.open(self.place / name, os.O_RDWR | os.O_NONBLOCK))
        for reader in self.readers:
            reader.join()
        file = self.place / "exitCode.txt"
        found = Run(self.process.returncode, self.read["stdout"], self.read["stderr"])
        return found, printed, file.read_text().strip() if file.exists() else "no file"


def test_a_sync(image, connection):
    before = connection.contacts()
    with folder() as place:
        sync = Sync(image, place, connection.config("platform"))
        sync.send(three_contacts("P"))
        found, printed, code = sync.end()
    assert (found.exit_code, code) == (0, "0")
    assert printed == "entry point: /bin/destination-salesforce\n"
    assert found.counts() == [(2, 1)]
    assert found.stderr == ""
    assert connection.contacts() - before == 2


def test_a_failed_source_fails_the_sync_and_its_records_are_acknowledged(image, connection):
    with folder() as place:
        sync = Sync(image, place, connection.config("platform"))
        sync.send(three_contacts("Q")[:-1])
        found, _, code = sync.end()
    assert (found.exit_code, code) == (1, "1")
    assert found.errors() == ["transient_error"]
    assert found.counts() == [(2, 1)]


def test_a_wrong_secret_is_a_configuration_error(image, connection):
    with folder() as place:
        sync = Sync(image, place, connection.config("platform", client_secret="another one"))
        found, _, code = sync.end()
    assert (found.exit_code, code) == (1, "1")
    assert found.errors() == ["config_error"]


def test_a_termination_ends_the_container_without_success(image, connection):
    """The platform writes a file. The script then ends, and all processes of the container with it."""
    before = connection.contacts()
    with folder() as place:
        sync = Sync(image, place, connection.config("platform"))
        sync.send([record({"External_Id__c": "T-1", "LastName": "Example"}), state(1, 1)])
        (place / "TERMINATED").touch()
        # The input stays open, so its end is not the reason why the container ends.
        sync.process.wait(TIME_LIMIT)
        found, _, code = sync.end()
    assert found.exit_code != 0
    assert code == str(found.exit_code)
    # Every acknowledged record is written.
    assert len(found.messages("STATE")) == connection.contacts() - before


def run_command(image: Image, verb: str, configuration: dict | None) -> Run:
    """Runs a command that writes its answer into a file. The exit code in the file must be that of the container."""
    with folder() as place:
        arguments = ""
        if configuration:
            (place / "connectionConfiguration.json").write_text(json.dumps(configuration))
            arguments = " --config /config/connectionConfiguration.json"
        script = f'eval "$AIRBYTE_ENTRYPOINT {verb}{arguments}" > /config/jobOutput.json'
        done = subprocess.run(
            command(image, place, "/config", script),
            env=image.environment,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        answer = (place / "jobOutput.json").read_text()
        assert (place / "exitCode.txt").read_text().strip() == str(done.returncode)
    return Run(done.returncode, answer, done.stderr)


def test_spec_prints_the_specification(image):
    found = run_command(image, "spec", None)
    assert found.exit_code == 0
    assert found.messages("SPEC")[0]["spec"] == json.loads((ROOT / "spec.json").read_text())


def test_check_succeeds(image, connection):
    found = run_command(image, "check", connection.config("platform"))
    assert (found.exit_code, found.status()[0]) == (0, "SUCCEEDED")


def test_check_answers_that_a_wrong_token_fails(image, connection):
    found = run_command(image, "check", connection.config("platform", refresh_token="another one"))
    assert (found.exit_code, found.status()[0]) == (0, "FAILED")


def test_discover_prints_a_catalog(image, connection):
    found = run_command(image, "discover", connection.config("platform"))
    assert found.exit_code == 0
    assert len(found.messages("DESTINATION_CATALOG")) == 1


def test_discover_fails_with_a_wrong_token(image, connection):
    found = run_command(image, "discover", connection.config("platform", refresh_token="another one"))
    assert (found.exit_code, found.errors()) == (1, ["config_error"])
