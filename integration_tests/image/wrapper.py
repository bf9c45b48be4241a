"""The script of Airbyte's platform, which starts the program of an image.

It does the same as the platform's own (airbyte-platform, August 2026): it takes the program from AIRBYTE_ENTRYPOINT,
runs it in the background, waits for it, and writes the exit code into a file.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from container import TIME_LIMIT, Image, Run

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


def run_command(image: Image, verb: str, configuration: dict | None, files: dict[str, object] | None = None) -> Run:
    """Runs a command that writes its answer into a file. The exit code in the file must be that of the container.

    Each of `files` is an option and the content of the file that it names.
    """
    with folder() as place:
        arguments = verb
        given = {"connectionConfiguration.json": configuration} if configuration else {}
        if configuration:
            arguments += " --config /config/connectionConfiguration.json"
        for option, content in (files or {}).items():
            given[f"{option}.json"] = content
            arguments += f" --{option} /config/{option}.json"
        for name, content in given.items():
            (place / name).write_text(json.dumps(content))
        script = f'eval "$AIRBYTE_ENTRYPOINT {arguments}" > /config/jobOutput.json'
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
