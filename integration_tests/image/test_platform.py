"""The image as Airbyte's platform starts it: a shell script as the entry point, named pipes, files for answers."""

import contextlib
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from connection import catalog, record, state, three_contacts
from connectors import ROOT
from container import TIME_LIMIT, Image, Run
from wrapper import command, folder, run_command

ARGUMENTS = "write --config /dest/connectorConfig.json --catalog /dest/catalog.json"
WRITE = f'eval "$AIRBYTE_ENTRYPOINT {ARGUMENTS}" 2> stderr > stdout < stdin'


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
