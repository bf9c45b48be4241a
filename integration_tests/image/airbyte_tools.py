"""Airbyte's own tests of connectors: PyAirbyte's smoke test, and the standard tests of the Python CDK.

Their packages are not those of the tests of the image. They run as programs of their own, in the environment of
the part `pyairbyte` of the tests with real clients.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from connectors import ROOT, Connector
from container import Image

# Seconds. The smoke test takes less than one minute.
TIME_LIMIT = 600

# The engine of the tests has no bridge, and the simulated org listens on the loopback of the machine.
DOCKER = """\
#!/bin/sh
if [ "$1" = run ]; then
    shift
    exec CLIENT run --network=host --env=AWS_EC2_METADATA_DISABLED=true "$@"
fi
exec CLIENT "$@"
"""

# The options and the scenarios of the standard tests.
PLUGIN = "airbyte_cdk.test.standard_tests.pytest_hooks"

# Runs the standard tests for the connector of its folder.
STANDARD_TESTS = """\
from airbyte_cdk.test.standard_tests.docker_base import DockerConnectorTestSuite


class TestConnector(DockerConnectorTestSuite):
    pass
"""

# Asks Airbyte's registry for the version before, which needs the internet.
NEEDS_REGISTRY = "backward_compatibility"


@dataclass
class Tools:
    """The programs, and a folder for what they write."""

    programs: Path
    folder: Path
    image: Image
    connector: Connector

    def run(self, command: list[object], **options: object) -> subprocess.CompletedProcess:
        docker = self.folder / "bin/docker"
        if not docker.exists():
            docker.parent.mkdir(parents=True)
            docker.write_text(DOCKER.replace("CLIENT", "/usr/bin/docker"))
            docker.chmod(0o755)
        environment = self.image.environment | {
            "PATH": f"{docker.parent}:{self.programs}:/usr/sbin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",
            "DO_NOT_TRACK": "1",
            "AIRBYTE_OFFLINE_MODE": "1",
            "AIRBYTE_PROJECT_DIR": str(self.folder),
            "AIRBYTE_LOGGING_ROOT": str(self.folder / "logs"),
            "NO_LIVE_PROGRESS": "1",
        }
        return subprocess.run(
            list(map(str, command)), env=environment, text=True, timeout=TIME_LIMIT, check=False, **options
        )

    def scenarios(self) -> list[dict]:
        """The streams of the smoke test, with that of its preflight check. Records are left out."""
        script = (
            "import json\n"
            "from airbyte._util.destination_smoke_tests import _build_preflight_scenario\n"
            "from airbyte.cli.smoke_test_source._scenarios import PREDEFINED_SCENARIOS, get_scenario_records\n"
            "streams = [_build_preflight_scenario(), *PREDEFINED_SCENARIOS]\n"
            "print(json.dumps([it | {'records': len(get_scenario_records(it))} for it in streams]))\n"
        )
        found = self.run([self.programs / "python", "-c", script], stdout=subprocess.PIPE)
        return json.loads(found.stdout.splitlines()[-1])

    def smoke_test(self, configuration: dict) -> dict:
        """Runs the smoke test with the image, and returns its result."""
        file = self.folder / "smoke_test.json"
        file.write_text(json.dumps(configuration))
        command = [self.programs / "pyab", "destination-smoke-test", f"--destination={self.image.name}"]
        found = self.run([*command, f"--config={file}", "--scenarios=all"], stdout=subprocess.PIPE)
        # Other lines of PyAirbyte stand before the result.
        return json.loads(found.stdout[found.stdout.index("\n{\n") if "\n{\n" in found.stdout else 0 :])

    def standard_tests(self, configurations: dict[str, dict]) -> dict[str, str]:
        """Runs the standard tests with the image. Returns "passed", "skipped" or the failure of each test."""
        # The tests take the name of the connector from its folder.
        connector = self.folder / "standard_tests" / self.connector.name
        connector.mkdir(parents=True)
        catalog = "integration_tests/configured_catalog.json"
        for name in ("acceptance-test-config.yml", "metadata.yaml", "spec.json", catalog):
            if (file := self.connector.folder / name).exists():
                (connector / name).parent.mkdir(exist_ok=True)
                (connector / name).write_bytes(file.read_bytes())
        for path, configuration in configurations.items():
            (connector / path).parent.mkdir(exist_ok=True)
            (connector / path).write_text(json.dumps(configuration))
        (connector / "test_standard.py").write_text(STANDARD_TESTS)
        report = connector / "report.xml"
        command = [self.programs / "python", "-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", PLUGIN]
        options = [
            f"--rootdir={connector}",
            "-k",
            f"not {NEEDS_REGISTRY}",
            f"--connector-image={self.image.name}",
            # Without it nothing is read. The configured catalog chooses the streams.
            "--read-from-streams=all",
            f"--junitxml={report}",
        ]
        self.run([*command, *options, connector / "test_standard.py"], cwd=connector)
        return dict(outcome(case) for case in ElementTree.parse(report).iter("testcase"))


def outcome(case: ElementTree.Element) -> tuple[str, str]:
    for kind in ("failure", "error"):
        if (found := case.find(kind)) is not None:
            return case.get("name"), found.get("message", kind)
    return case.get("name"), "skipped" if case.find("skipped") is not None else "passed"


def install() -> Path:
    """Installs the packages, unless they are there, and returns the folder of their programs."""
    command = [sys.executable, ROOT / "integration_tests/real_clients/run", "--install", "pyairbyte"]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    return Path(found.stdout.splitlines()[-1])
